"""scikit-learn's linear models: regressors with coef_ and intercept_, and logistic regression."""

from __future__ import annotations

from typing import Any

import numpy as np

from indb import build
from indb.ir import Apply, Block, Floats, Linear, Op, Reduce, ReduceOp, Target
from indb.readers.base import Frame, Reading, reads
from indb.readers.sklearn.labels import classifier, labels_of, regressors

REGRESSORS = (
    "ARDRegression",
    "BayesianRidge",
    "ElasticNet",
    "ElasticNetCV",
    "HuberRegressor",
    "Lars",
    "LarsCV",
    "Lasso",
    "LassoCV",
    "LassoLars",
    "LassoLarsCV",
    "LassoLarsIC",
    "LinearRegression",
    "LinearSVR",
    "MultiTaskElasticNet",
    "MultiTaskElasticNetCV",
    "MultiTaskLasso",
    "MultiTaskLassoCV",
    "OrthogonalMatchingPursuit",
    "OrthogonalMatchingPursuitCV",
    "PassiveAggressiveRegressor",
    "QuantileRegressor",
    "Ridge",
    "RidgeCV",
    "SGDRegressor",
    "TheilSenRegressor",
)
"""The classes whose `predict` is X @ coef_.T + intercept_ and nothing else."""

GENERALISED = ("GammaRegressor", "PoissonRegressor", "TweedieRegressor")
"""The classes whose `predict` is the inverse link of X @ coef_ + intercept_."""

LOGISTIC = ("LogisticRegression", "LogisticRegressionCV")


@reads("sklearn", *REGRESSORS)
def regressor(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """One target for each row of coef_. Source: sklearn.linear_model._base.LinearModel.predict."""
    return regressors(margins_of(estimator, frame, reading))


@reads("sklearn", *GENERALISED)
def generalised(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """exp or identity of the linear predictor. Source: sklearn.linear_model._glm.glm._GeneralizedLinearRegressor."""
    return regressors(inverse_link(estimator._base_loss, margins_of(estimator, frame, reading), reading))


def inverse_link(loss: Any, raw: Block, reading: Reading) -> Block:
    """What a loss of sklearn._loss makes of raw predictions.

    Raises: UnsupportedModel when its link is neither identity nor log. Source: sklearn._loss.link.
    """
    link = type(loss.link).__name__
    if link == "IdentityLink":
        return raw
    if link == "LogLink":
        return Apply(Op.EXP, (raw,))
    raise reading.unsupported(f"its loss {type(loss).__name__} has the link {link}, needed IdentityLink or LogLink")


@reads("sklearn", *LOGISTIC)
def logistic(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """Class number, probabilities and margins of a logistic regression.

    Source: sklearn.linear_model._base.LinearClassifierMixin.predict (margin > 0, or argmax) and
    sklearn.linear_model._logistic.LogisticRegression.predict_proba.
    """
    labels = labels_of(estimator.classes_, reading)
    margins = margins_of(estimator, frame, reading)
    scheme = _scheme(estimator, len(labels))
    if margins.width == 1:
        number = build.less(build.number(0.0), margins)
        doubled = scheme == "multinomial"
        positive = build.sigmoid(build.multiply(build.number(2.0), margins) if doubled else margins)
        return [classifier(labels, number, build.binary_probabilities(positive), margins)]
    proba = shares(build.sigmoid(margins)) if scheme == "ovr" else build.softmax(margins)
    return [classifier(labels, build.argmax(margins), proba, margins)]


def margins_of(estimator: Any, frame: Frame, reading: Reading) -> Linear:
    """X @ coef_.T + intercept_ for finite X; coef_ may be sparse, intercept_ a single number."""
    x = frame.finite(reading)
    return build.linear(x, dense(estimator.coef_), estimator.intercept_)


def dense(coefficients: Any) -> Floats:
    """coef_ as an array, also after `sparsify()`."""
    dense = coefficients.toarray() if hasattr(coefficients, "toarray") else coefficients
    return np.asarray(dense, dtype=np.float64)


def _scheme(estimator: Any, n_classes: int) -> str:
    """ "ovr", "multinomial" (asked for with two classes) or "" for what today's class does.

    Releases before 1.8 had `multi_class`, and a model pickled by one still carries it. Today's class ignores it and
    would give such a model softmax probabilities, which are not those that it had where it was trained; indb gives the
    model's own. With two classes and "multinomial" the margin d was used as [-d, d], so that p = 1 / (1 + exp(-2 d)).
    Source: LogisticRegression.predict_proba in scikit-learn 1.0 to 1.7.
    """
    asked = vars(estimator).get("multi_class")
    if asked == "multinomial":
        return "multinomial" if n_classes == 2 else ""
    one_vs_rest = asked in ("ovr", "warn") or (asked in ("auto", "deprecated") and estimator.solver == "liblinear")
    return "ovr" if one_vs_rest else ""


def shares(x: Block) -> Block:
    """Each lane over the sum of all; all alike where the sum is 0.

    Source: sklearn.linear_model._base.LinearClassifierMixin._predict_proba_lr.
    """
    total = Reduce(ReduceOp.SUM, x)
    even = build.number(1.0 / x.width)
    return build.where(Apply(Op.EQ, (total, build.number(0.0))), even, build.divide(x, total))
