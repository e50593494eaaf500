"""Feature selectors of scikit-learn."""

import numpy as np
from sklearn import feature_selection as selection
from sklearn.feature_selection import RFE, RFECV, SelectFromModel, SequentialFeatureSelector, VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Lasso, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from zoo.cases import add, on_columns
from zoo.trees import TREES

_ridge, _logistic = Ridge(), LogisticRegression()
_tree, _forest, _hist = (TREES[name][0] for name in ("tree", "forest", "hist"))
_sparse = on_columns(
    ("hot", OneHotEncoder(handle_unknown="ignore"), ["city", "plan"]), ("age", SimpleImputer(), ["age"])
)

add("variance_threshold", VarianceThreshold(1.5), "gaps", None)
add("variance_threshold_hist", make_pipeline(VarianceThreshold(1.5), _hist), "gaps", "texts3")
for _name, _selector in (
    ("k_best", selection.SelectKBest(k=2)),
    ("k_best_all", selection.SelectKBest(k="all")),
    ("percentile", selection.SelectPercentile(percentile=50)),
    ("fpr", selection.SelectFpr(alpha=0.2)),
    ("fdr", selection.SelectFdr(alpha=0.2)),
    ("fwe", selection.SelectFwe(alpha=0.2)),
    ("generic", selection.GenericUnivariateSelect(mode="k_best", param=2)),
    ("from_tree", SelectFromModel(_tree, max_features=2, threshold=-np.inf)),
    ("from_lasso", make_pipeline(StandardScaler(), SelectFromModel(Lasso(0.1)))),
    ("sequential", SequentialFeatureSelector(_tree, n_features_to_select=2, cv=2)),
    ("elimination", RFE(_tree, n_features_to_select=2)),
    ("elimination_cv", RFECV(_tree, cv=2, min_features_to_select=2)),
):
    add(f"select_{_name}", make_pipeline(_selector, _logistic), "numbers", "ints2")
add("select_sparse", make_pipeline(_sparse, selection.SelectKBest(k=3), StandardScaler(with_mean=False), _logistic),
    "mixed", "bools")  # fmt: skip
_float32 = on_columns(("hot", OneHotEncoder(dtype=np.float32, handle_unknown="ignore"), ["city", "level"]))
add("select_float32", make_pipeline(_float32, selection.SelectKBest(k=4), _tree), "mixed", "bools")
add("select_alone", selection.SelectKBest(selection.f_regression, k=2), "odd_names", "amount")
add("select_gaps", make_pipeline(SelectFromModel(_forest), _forest), "gaps", "texts3")

add("elimination_ridge", RFE(_ridge, n_features_to_select=2), "numbers", "amount")
add("elimination_logistic", make_pipeline(StandardScaler(), RFE(_logistic, step=2)), "numbers", "texts3")
add("elimination_cv_forest", RFECV(_forest, cv=2), "gaps", "odd_labels")


def frames_of(pipeline):  # type: ignore[no-untyped-def]
    """The same steps, giving data frames: then a selector checks nothing."""
    return pipeline.set_output(transform="pandas")


add("select_frames", frames_of(make_pipeline(selection.SelectKBest(k=2), _hist)), "numbers", "texts2")
add("select_frames_alone", frames_of(selection.SelectKBest(k=2)), "numbers", "texts2")
