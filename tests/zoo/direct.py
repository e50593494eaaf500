"""Predictors of scikit-learn that are neither trees, kernels nor neighbours: margins, layers, lines and constants."""

from __future__ import annotations

from functools import cache
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
from sklearn import cross_decomposition, discriminant_analysis, linear_model, neighbors, svm
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, RANSACRegressor, Ridge, SGDClassifier, SGDOneClassSVM
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from zoo import frames
from zoo.cases import Fitted, add, add_fitted, on_columns
from zoo.linear import sparsified, zeroed

METHODS = ("predict", "predict_proba", "decision_function", "transform")


def one_by_one(estimator: Any, given: Any) -> dict[str, Any]:
    """What each row gives alone: far rows depend on how an array lies in memory, and one row lies in one way only."""
    rows = [given[[n]] if isinstance(given, np.ndarray) else given.iloc[[n]] for n in range(len(given))]
    methods = [method for method in METHODS if hasattr(estimator, method)]
    return {method: np.concatenate([getattr(estimator, method)(row) for row in rows]) for method in methods}


def each_label(estimator: Any, given: Any) -> dict[str, Any]:
    """Of an estimator for several labels, the probabilities of 0 and 1 for each."""
    positive = estimator.predict_proba(given)
    found = {
        "predict": estimator.predict(given),
        "predict_proba": [np.stack([1 - each, each], axis=1) for each in positive.T],
    }
    if hasattr(estimator, "decision_function"):
        found["decision_function"] = estimator.decision_function(given)
    return found


def scaled(estimator: Any) -> Any:
    return make_pipeline(StandardScaler(), estimator)


# Margins -------------------------------------------------------------------------------------------------------------

for _labels in ("texts2", "texts3"):
    add(f"ridge_classifier_{_labels}", linear_model.RidgeClassifier(), "numbers", _labels)
    add(f"linear_svc_{_labels}", scaled(svm.LinearSVC(random_state=0)), "numbers", _labels)
    add(f"sgd_hinge_{_labels}", scaled(SGDClassifier(random_state=0)), "numbers", _labels)
    add(f"sgd_log_{_labels}", scaled(SGDClassifier(loss="log_loss", random_state=0)), "numbers", _labels)
    add(f"sgd_huber_{_labels}", SGDClassifier(loss="modified_huber", random_state=0, max_iter=5), "numbers", _labels)
    add(f"lda_{_labels}", discriminant_analysis.LinearDiscriminantAnalysis(), "numbers", _labels)
add("ridge_classifier_cv", linear_model.RidgeClassifierCV(), "numbers", "ints3")
add("ridge_classifier_labels", linear_model.RidgeClassifier(), "numbers", "two_marks")
for _loss in (
    "squared_hinge",
    "perceptron",
    "squared_error",
    "huber",
    "epsilon_insensitive",
    "squared_epsilon_insensitive",
):
    add(f"sgd_{_loss}", scaled(SGDClassifier(loss=_loss, random_state=0, eta0=0.01)), "numbers", "bools")
add("sgd_sparse", scaled(SGDClassifier(loss="log_loss", penalty="l1", random_state=0)), "numbers", "ints3")
add("sgd_log_ties", SGDClassifier(loss="log_loss", random_state=0), "numbers", "texts3", zeroed)
add("sgd_huber_ties", SGDClassifier(loss="modified_huber", random_state=0), "numbers", "floats3", zeroed)
add("perceptron", scaled(linear_model.Perceptron(random_state=0)), "numbers", "odd_labels")
add("perceptron_sparse", linear_model.Perceptron(random_state=0, penalty="l1"), "numbers", "ints3", sparsified)
with catch_warnings():
    simplefilter("ignore", FutureWarning)  # deprecated since 1.8, and still in people's files
    add("passive_aggressive", scaled(linear_model.PassiveAggressiveClassifier(random_state=0)), "numbers", "texts3")
add("linear_svc_no_intercept", svm.LinearSVC(fit_intercept=False, random_state=0), "numbers", "floats2")
add("linear_svc_pairs", scaled(svm.LinearSVC(multi_class="crammer_singer", random_state=0)), "numbers", "texts3")
add("sgd_one_class", scaled(SGDOneClassSVM(random_state=0)), "numbers", None)
add("lda_lsqr", discriminant_analysis.LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"), "numbers", "ints3")
add("lda_eigen", scaled(discriminant_analysis.LinearDiscriminantAnalysis(solver="eigen")), "numbers", "bools")
_LDA = discriminant_analysis.LinearDiscriminantAnalysis
add("lda_tree", make_pipeline(_LDA(n_components=1), DecisionTreeRegressor(max_depth=3)), "numbers", "ints3")
add("lda_logistic", make_pipeline(_LDA(), LogisticRegression()), "numbers", "texts3")
add("lda_eigen_logistic", make_pipeline(_LDA(solver="eigen"), LogisticRegression()), "numbers", "texts3")
_QDA = discriminant_analysis.QuadraticDiscriminantAnalysis
add("qda_texts2", _QDA(), "numbers", "texts2")
add("qda_texts3", scaled(_QDA(reg_param=0.1)), "numbers", "texts3")
add("qda_eigen", _QDA(solver="eigen", shrinkage=0.1, priors=[0.2, 0.5, 0.3]), "numbers", "ints3")

# Nearest centroid ----------------------------------------------------------------------------------------------------

_CENTROID = neighbors.NearestCentroid
for _name, _estimator in {
    "euclidean": _CENTROID(),
    "shrunk": scaled(_CENTROID(shrink_threshold=0.2)),
    "empirical": _CENTROID(priors="empirical"),
    "priors": _CENTROID(priors=[0.2, 0.5, 0.3]),
    "scaled_priors": scaled(_CENTROID(priors=[0.2, 0.5, 0.3])),
    "manhattan": _CENTROID(metric="manhattan"),
    "manhattan_priors": _CENTROID(metric="manhattan", priors=[0.2, 0.5, 0.3]),
}.items():
    add(f"centroid_{_name}", _estimator, "numbers", "texts3", outputs=one_by_one)
add("centroid_two", _CENTROID(), "numbers", "bools", outputs=one_by_one)

# Networks ------------------------------------------------------------------------------------------------------------

for _activation in ("identity", "logistic", "tanh", "relu"):
    _network = MLPClassifier((6, 3), activation=_activation, max_iter=40, random_state=0)
    add(f"network_{_activation}", scaled(_network), "numbers", "texts3")
add("network_two", scaled(MLPClassifier((5,), max_iter=40, random_state=0)), "numbers", "bools")
add("network_none", scaled(MLPClassifier((), max_iter=40, random_state=0)), "numbers", "texts2")
add(
    "network_labels",
    scaled(MLPClassifier((4,), max_iter=40, random_state=0)),
    *("numbers", "two_marks"),
    outputs=each_label,
)
add("network_amount", scaled(MLPRegressor(hidden_layer_sizes=(6,), max_iter=60, random_state=0)), "array", "amount")
add(
    "network_amounts",
    scaled(MLPRegressor(hidden_layer_sizes=(4, 3), activation="tanh", max_iter=60, random_state=0)),
    "numbers",
    "two_amounts",
)
add(
    "network_poisson",
    scaled(MLPRegressor(hidden_layer_sizes=(4,), loss="poisson", max_iter=60, random_state=0)),
    "numbers",
    "positive",
)
add(
    "network_one_hot",
    make_pipeline(
        on_columns(
            ("texts", OneHotEncoder(handle_unknown="ignore"), ["city", "plan"]), ("rest", StandardScaler(), ["score"])
        ),
        MLPClassifier((8,), max_iter=40, random_state=0),
    ),
    *("mixed", "bools"),
)

# Cross decomposition -------------------------------------------------------------------------------------------------


def _in_front(name: str, estimator: Any, target: str) -> None:
    """An estimator before a regression, each fitted alone: a pipeline would take its fit_transform for rows and y."""

    @cache
    def fitted() -> Fitted:
        frame, y = frames.numbers(), frames.TARGETS[target]()
        with catch_warnings():
            simplefilter("ignore")  # convergence
            estimator.fit(frame, y)
        return make_pipeline(estimator, Ridge().fit(estimator.transform(frame), y)), frame

    add_fitted(name, fitted)


for _class in (cross_decomposition.PLSRegression, cross_decomposition.PLSCanonical, cross_decomposition.CCA):
    _name = _class.__name__.lower()
    add(f"{_name}_two", _class(2), "numbers", "two_amounts")
    add(f"{_name}_unscaled", _class(1, scale=False), "array", "two_amounts")
    _in_front(f"{_name}_ridge", _class(2, max_iter=20), "two_amounts")
add("pls_one", cross_decomposition.PLSRegression(2), "numbers", "amount")
add("pls_column", cross_decomposition.PLSRegression(2), "numbers", "one_column")
add("pls_svd", cross_decomposition.PLSSVD(2), "numbers", "two_amounts")
_in_front("pls_svd_ridge", cross_decomposition.PLSSVD(1, scale=False), "amount")

# One column, or none -------------------------------------------------------------------------------------------------


def _isotonic(name: str, estimator: Any, column: str = "age") -> None:
    @cache
    def fitted() -> Fitted:
        frame = frames.numbers()[[column]].set_axis(["x0"], axis=1)
        return estimator.fit(frame.to_numpy(), frames.TARGETS["amount"]()), frame

    add_fitted(name, fitted)


for _bounds in ("nan", "clip", "raise"):
    _isotonic(f"isotonic_{_bounds}", IsotonicRegression(out_of_bounds=_bounds))
_isotonic("isotonic_falls", IsotonicRegression(increasing=False, y_min=9.0, y_max=15.0, out_of_bounds="clip"), "income")
_isotonic("isotonic_flat", IsotonicRegression(y_min=3.0, y_max=3.0))

add("dummy_frequent", DummyClassifier(strategy="most_frequent"), "numbers", "texts3")
add("dummy_prior", DummyClassifier(), "numbers", "ints3")
add("dummy_constant", DummyClassifier(strategy="constant", constant="red"), "numbers", "texts3")
add("dummy_two_labels", DummyClassifier(), "numbers", "text_pair")
add("dummy_mean", DummyRegressor(), "numbers", "amount")
add("dummy_quantiles", DummyRegressor(strategy="quantile", quantile=0.3), "numbers", "two_amounts")
add("ransac", RANSACRegressor(random_state=0), "numbers", "amount")
add(
    "ransac_tree",
    RANSACRegressor(DecisionTreeRegressor(max_depth=3), min_samples=60, random_state=0),
    *("numbers", "two_amounts"),
)
