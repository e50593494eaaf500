"""sklearn.mixture, and the one normal distribution of sklearn.covariance.EllipticEnvelope."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from indb import build
from indb.ir import Apply, Block, Floats, Op, Reduce, ReduceOp, Target
from indb.readers.base import Frame, Reading, reads
from indb.readers.sklearn.discriminant import squarable
from indb.readers.sklearn.labels import SQUARABLE, decided
from indb.readers.sklearn.margins import inlier


@reads("sklearn", "GaussianMixture", "BayesianGaussianMixture")
def mixture(model: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The number of the likeliest component, and the probability of each.

    A row is refused so far away that all components have the likelihood 0, and the library gives NaN for them. Source:
    sklearn.mixture._base.BaseMixture.predict, predict_proba.
    """
    x = frame.finite(reading, _limit(model))
    count, width = model.means_.shape
    half = build.multiply(
        build.number(-0.5), build.add(build.number(width * math.log(2 * math.pi)), _squares(model, x))
    )
    scores = build.add(half, build.number(*np.broadcast_to(_log_determinant(model, width), (count,))))
    for terms in _constants(model, width):
        if not np.isfinite(terms).all():
            raise reading.unsupported("a component has the weight 0", "Fit it with fewer components.")
        scores = build.add(scores, build.number(*np.broadcast_to(terms, (count,))))
    proba = Apply(Op.EXP, (build.subtract(scores, build.log_sum_exp(scores)),))
    return [decided(tuple(range(count)), build.argmax(scores), proba)]


def _squares(model: Any, x: Block) -> Block:
    """The squared distance to the mean of each component, in units of its deviations.

    In the library's own order, as labels far from all means depend on how it is rounded. Source:
    sklearn.mixture._gaussian_mixture._estimate_log_gaussian_prob.
    """
    means, chol = model.means_, model.precisions_cholesky_
    if model.covariance_type in ("full", "tied"):
        each = chol if model.covariance_type == "full" else [chol] * len(means)
        return build.concat([_rotated(x, mean, root) for mean, root in zip(means, each, strict=True)])
    precisions = chol**2
    crossed: Block
    powers: Block
    if model.covariance_type == "diag":
        crossed = build.linear(x, means * precisions, 0.0)
        powers = build.linear(build.multiply(x, x), precisions, 0.0)
        start = np.sum(means**2 * precisions, axis=1)
    else:
        crossed = build.multiply(build.linear(x, means, 0.0), build.number(*precisions))
        powers = build.multiply(build.squared(x), build.number(*precisions))
        start = np.sum(means**2, axis=1) * precisions
    less = build.subtract(build.number(*start), build.multiply(build.number(2.0), crossed))
    return build.add(less, powers)


def _limit(model: Any) -> float:
    """Beyond which value of a row a square overflows for every component."""
    if model.covariance_type in ("full", "tied"):
        chol = model.precisions_cholesky_
        return squarable([root.T for root in (chol if model.covariance_type == "full" else [chol])])
    return SQUARABLE


def _rotated(x: Block, mean: Floats, chol: Floats) -> Block:
    return build.squared(build.linear(x, chol.T, -(mean @ chol)))


def _log_determinant(model: Any, width: int) -> Any:
    """The logarithm of the determinant of each precision's root.

    Source: sklearn.mixture._gaussian_mixture._compute_log_det_cholesky.
    """
    chol = model.precisions_cholesky_
    match model.covariance_type:
        case "full":
            return np.sum(np.log(chol.reshape(len(chol), -1)[:, :: width + 1]), axis=1)
        case "tied":
            return np.sum(np.log(np.diagonal(chol)))
        case "diag":
            return np.sum(np.log(chol), axis=1)
    return width * np.log(chol)


def _constants(model: Any, width: int) -> list[Any]:
    """What is added to the logarithm of each density, in order.

    Source: sklearn.mixture.GaussianMixture._estimate_log_weights, BayesianGaussianMixture._estimate_log_prob.
    """
    if type(model).__name__ == "GaussianMixture":
        with np.errstate(divide="ignore"):
            return [np.log(model.weights_)]
    from scipy.special import digamma

    freedom = model.degrees_of_freedom_
    halves = 0.5 * (freedom - np.arange(0, width)[:, np.newaxis])
    log_lambda = width * np.log(2.0) + np.sum(digamma(halves), 0)
    terms = [-0.5 * width * np.log(freedom), 0.5 * (log_lambda - width / model.mean_precision_)]
    return [*terms, model._estimate_log_weights()]


@reads("sklearn", "EllipticEnvelope")
def envelope(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The negative squared Mahalanobis distance, less the offset; 1 where that is not negative, else -1.

    Source: sklearn.covariance.EllipticEnvelope, EmpiricalCovariance.mahalanobis.
    """
    centred = build.standardise(frame.finite(reading), estimator.location_, None)
    rotated = build.linear(centred, estimator.get_precision(), 0.0)
    distance = Apply(Op.SQRT, (Reduce(ReduceOp.SUM, build.multiply(centred, rotated)),))
    squares = build.multiply(distance, distance)
    return [inlier(build.subtract(build.negate(squares), build.number(estimator.offset_)))]
