"""Where other programs do not give what indb gives for a PMML file, how, and why indb is as it is.

The kinds: "nan": the other program goes on with NaN. "overflow": rows with numbers whose squares overflow. "missing":
one gives a value where the other gives none. "label", "number": both give one. "refused": it does not take the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

APART = "it has no results of segments that are all selected where their Outputs have different names"

JPMML = (
    ("refused", "it does not read the model, or not this attribute of it; indb follows the specification",
     ("anomaly_clusters", "anomaly_forest", "anomaly_other", "gaussian_absolute", "gaussian_generalized",
      "gaussian_radial", "gaussian_squared", "nyoka-isolation", "nyoka-one-class", "vectors_coefficients",
      "vectors_one_against_all_highest")),
    ("refused", "it does not know the function median; PMML4S does", ("functions_median",)),
    ("nan", "where every probability is NaN, it takes the first label; indb has no score",
     ("sklearn2pmml-naive-bayes", "sklearn2pmml-voting")),
    ("label", "all centres are equally far from 1e16 but for the last bit of a power, which it rounds otherwise",
     ("clusters_minkowski", "clusters_minkowski_half")),
    ("missing", "it looks for the centres' fields among all, and breaks off", ("clusters_not_all_centres",)),
    ("overflow", "it looks for the centres' fields among all, and breaks off", ("clusters_not_all_centres",)),
    ("missing", APART, ("select_all_outputs",)),
    ("overflow", APART, ("select_all_outputs",)),
    *((kind, "it takes the rule of the highest confidence among the heaviest of each score", ("rules_weighted_max",))
      for kind in ("label", "number", "overflow")),
    ("missing", "it turns lines round only where there is one of them", ("neural_activations",)),
    ("missing", "it gives no probabilities of neighbours, and then nothing; indb gives the shares", ("nyoka-knn",)),
    ("number", "it inverts the error function at 2p - 1, which has few digits of a small p", ("functions_normal",)),
    ("overflow", "it inverts the error function at 2p - 1, which has few digits of a small p", ("functions_normal",)),
    ("label", "it leaves out the altitude of a neuron that has its own", ("neural_radial_softmax",)),
    ("number", "it leaves out the altitude of a neuron that has its own", ("neural_radial_softmax",)),
)  # fmt: skip
"""(kind, reason, files): what JPMML, the reference, makes otherwise."""

SINGLE = "it compares fields and thresholds of type float, and adds such numbers, as doubles"

PMML4S = (
    ("refused", "it does not read the model, or not without a target",
     ("anomaly_forest", "gaussian_absolute", "gaussian_generalized", "gaussian_radial", "gaussian_squared")),
    ("refused", "it raises an error for every row where it counts more fields of segments that are all selected than "
     "there are segments; else it gives their outputs, and of the results the last",
     ("select_all_classes", "select_all_regression", "select_all_return_missing")),
    ("label", "its second cluster is the second from the end, or by another order of centres",
     ("clusters_binary", "clusters_block", "clusters_chebychev", "clusters_compared", "clusters_minkowski",
      "clusters_minkowski_half", "clusters_not_all_centres", "clusters_weighted")),
    ("number", "it gives the affinity of the first cluster whatever the rank is",
     ("clusters_binary", "clusters_compared")),
    ("number", "it counts fields that are no centres' among those that are missing", ("clusters_not_all_centres",)),
    ("missing", "it compares values besides 0 and 1 as bits; JPMML refuses them",
     ("clusters_binary", "clusters_jaccard", "clusters_simplematching", "clusters_tanimoto")),
    ("missing", "it has no score for rows with gaps; JPMML leaves the fields out, or follows the file",
     ("neighbours_average_3", "neighbours_majorityvote", "neighbours_median_3", "neighbours_median_4",
      "neighbours_weightedaverage_3", "neighbours_weightedmajorityvote", "nyoka-knn-regressor", "nyoka-knn",
      "sklearn2pmml-knn-manhattan", "sklearn2pmml-knn-regressor", "sklearn2pmml-knn")),
    ("missing", "it takes a comparison with a missing value for false; in JPMML it has no answer",
     ("anomaly_clusters", "anomaly_other", "nyoka-isolation", "nyoka-one-class", "sklearn2pmml-isolation",
      "sklearn2pmml-isolation-contamination", "sklearn2pmml-one-class")),
    ("missing", "it scores rows with gaps that JPMML has no score for",
     ("nyoka-forest", "sklearn2pmml-bagging", "sklearn2pmml-binarizer-select",
      "sklearn2pmml-extra-trees", "sklearn2pmml-forest-regressor", "sklearn2pmml-forest",
      "sklearn2pmml-gradient-multi", "sklearn2pmml-nusvr", "sklearn2pmml-svc-binary", "sklearn2pmml-svr",
      "sklearn2pmml-tree-regressor", "sklearn2pmml-tree", "sklearn2pmml-voting", "vectors_binary")),
    ("missing", "it gives the first label where no probability is left", ("sklearn2pmml-naive-bayes",)),
    ("missing", "its exponentials overflow: it does not take the largest sum out first",
     ("nyoka-mlp", "sklearn2pmml-lda", "sklearn2pmml-logistic-flowers", "sklearn2pmml-pca")),
    ("label", "its exponentials overflow: it does not take the largest sum out first",
     ("nyoka-mlp", "sklearn2pmml-lda", "sklearn2pmml-logistic-flowers", "sklearn2pmml-pca")),
    ("missing", "it takes a fraction for a whole number, and a number for a truth value", ("naive_bayes_poisson",)),
    ("missing", "it takes a fraction for a whole number",
     ("rules_first_hit", "rules_weighted_max", "rules_weighted_sum")),
    ("label", "it takes a text that is none of the listed ones, and passes as it is, for a missing one",
     ("rules_first_hit", "rules_weighted_max", "rules_weighted_sum")),
    ("number", "it gives the confidence of the rule that was picked whichever category is named",
     ("rules_first_hit", "rules_weighted_max", "rules_weighted_sum")),
    ("label", "its Poisson distribution is another one; JPMML's is that of the textbooks", ("naive_bayes_poisson",)),
    ("number", "its Poisson distribution is another one; JPMML's is that of the textbooks", ("naive_bayes_poisson",)),
    ("label", "of equal votes it takes the last, or the one of another order of categories",
     ("nyoka-svc", "sklearn2pmml-svc", "sklearn2pmml-svc-linear", "vectors_cycle", "vectors_one_against_one")),
    ("number", "it does not round the sum that stands for one of two categories", ("vectors_binary",)),
    ("number", "its weights are not those of the specification, 1 / (distance + threshold)",
     ("neighbours_weightedaverage_3",)),
    ("missing", "it inverts the error function at 2p - 1, which has few digits of a small p", ("functions_normal",)),
    ("number", "it takes what invalidValueTreatment='asIs' lets pass for valid, and what is missing for not valid",
     ("functions_valid",)),
    ("number", "its sine of 1e16 has no digit in common with that of other programs", ("neural_sine",)),
    ("label", SINGLE,
     ("sklearn2pmml-bagging", "sklearn2pmml-gradient-multi", "sklearn2pmml-gradient", "sklearn2pmml-tree",
      "sklearn2pmml-voting")),
    ("number", SINGLE,
     ("sklearn2pmml-adaboost", "sklearn2pmml-bagging", "sklearn2pmml-extra-trees", "sklearn2pmml-forest-regressor",
      "sklearn2pmml-forest", "sklearn2pmml-gradient-multi", "sklearn2pmml-gradient-regressor",
      "sklearn2pmml-gradient", "sklearn2pmml-isolation", "sklearn2pmml-stacking", "sklearn2pmml-tree",
      "sklearn2pmml-voting",
      "sklearn2pmml-xgboost-multi", "sklearn2pmml-xgboost-poisson", "sklearn2pmml-xgboost-regressor",
      "sklearn2pmml-xgboost")),
)  # fmt: skip
"""The same of PMML4S. Rows with numbers beyond 1e150 are compared with JPMML only: its answers hold no infinity."""

Entry = tuple[str, str, tuple[str, ...]]


def _entries(program: str, table: Sequence[Entry]) -> Iterator[tuple[tuple[str, str], str, str]]:
    for kind, reason, names in table:
        for name in names:
            yield (name, program), kind, reason


DIFFERENCES: dict[tuple[str, str], dict[str, str]] = {}
"""(file, program) -> kind -> reason."""

for _key, _kind, _reason in [*_entries("JPMML", JPMML), *_entries("PMML4S", PMML4S)]:
    DIFFERENCES.setdefault(_key, {})[_kind] = _reason
