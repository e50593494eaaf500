"""Linear models of scikit-learn."""

from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
from sklearn import linear_model, svm
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from zoo.cases import add


def sparsified(model: Any) -> Any:
    """The model with its coefficients as a sparse matrix."""
    return model.sparsify()


def zeroed(model: Any) -> Any:
    """The model with a margin of zero for every row."""
    model.coef_, model.intercept_ = model.coef_ * 0.0, model.intercept_ * 0.0
    return model


_LINEAR: tuple[Any, ...] = (
    *(linear_model.LinearRegression(), linear_model.Ridge(), linear_model.RidgeCV(), linear_model.Lasso(alpha=0.01)),
    *(linear_model.LassoCV(cv=3), linear_model.ElasticNet(alpha=0.01), linear_model.ElasticNetCV(cv=3)),
    *(linear_model.Lars(), linear_model.LarsCV(cv=3), linear_model.LassoLars(alpha=0.01)),
    *(linear_model.LassoLarsCV(cv=3), linear_model.LassoLarsIC(), linear_model.OrthogonalMatchingPursuit()),
    *(linear_model.OrthogonalMatchingPursuitCV(cv=3), linear_model.BayesianRidge(), linear_model.ARDRegression()),
    *(linear_model.HuberRegressor(), linear_model.TheilSenRegressor(random_state=0, max_subpopulation=50)),
    *(linear_model.SGDRegressor(random_state=0), linear_model.QuantileRegressor(alpha=0.0), svm.LinearSVR()),
)
for _estimator in _LINEAR:
    add(f"linear_{type(_estimator).__name__}", _estimator, "numbers", "amount")
for _estimator in (
    linear_model.MultiTaskElasticNet(alpha=0.01),
    linear_model.MultiTaskElasticNetCV(cv=3),
    linear_model.MultiTaskLasso(alpha=0.01),
    linear_model.MultiTaskLassoCV(cv=3),
):
    add(f"linear_{type(_estimator).__name__}", _estimator, "numbers", "two_amounts")
for _estimator in (linear_model.PoissonRegressor(), linear_model.GammaRegressor(), linear_model.TweedieRegressor()):
    add(f"linear_{type(_estimator).__name__}", make_pipeline(StandardScaler(), _estimator), "numbers", "positive")
with catch_warnings():
    simplefilter("ignore", FutureWarning)  # deprecated since 1.8, and still in people's files
    add("linear_passive", linear_model.PassiveAggressiveRegressor(random_state=0), "numbers", "amount")
add("linear_column_target", LinearRegression(), "numbers", "one_column")
add("linear_two_targets", LinearRegression(), "numbers", "two_amounts")
add("linear_no_intercept", LinearRegression(fit_intercept=False), "numbers", "amount")
add("linear_two_targets_no_intercept", Ridge(fit_intercept=False), "numbers", "two_amounts")
add("linear_sparse", linear_model.SGDRegressor(random_state=0, penalty="l1"), "numbers", "amount", sparsified)
add("linear_integers", LinearRegression(), "integers", "amount")

_scaled = make_pipeline(StandardScaler(), LogisticRegression())
for _labels in ("texts2", "texts3", "bools", "ints2", "ints3", "floats2", "floats3", "odd_labels"):
    add(f"logistic_{_labels}", _scaled, "numbers", _labels)
add("logistic_raw", LogisticRegression(), "numbers", "texts2")
add("logistic_l1", LogisticRegression(l1_ratio=1, solver="liblinear"), "numbers", "ints2")
add("logistic_elastic", LogisticRegression(l1_ratio=0.5, solver="saga"), "numbers", "texts3")
add("logistic_no_penalty", LogisticRegression(C=np.inf, fit_intercept=False), "numbers", "texts3")
add("logistic_sparse", LogisticRegression(l1_ratio=1, solver="saga"), "numbers", "texts3", sparsified)
add("logistic_cv", linear_model.LogisticRegressionCV(cv=3, Cs=3), "numbers", "texts3")

add("logistic_tie", LogisticRegression(), "numbers", "texts2", zeroed)
add("logistic_three_ties", LogisticRegression(), "numbers", "texts3", zeroed)
add("names_linear", LinearRegression(), "odd_names", "amount")
