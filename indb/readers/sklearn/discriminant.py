"""sklearn.discriminant_analysis, and the nearest centroid, which scores classes in the same way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from indb import build
from indb.ir import Apply, Block, Distance, Floats, Label, Metric, Op, Reduce, ReduceOp, Target
from indb.readers.base import Frame, Reading, reads, transforms
from indb.readers.sklearn.labels import SQUARABLE, components, decided, labels_of
from indb.readers.sklearn.linear import margins_of
from indb.readers.sklearn.margins import by_side

FAR = 1e150
"""From here on no point that stands nearer than 1e130 makes a difference to |x|²."""


@reads("sklearn", "LinearDiscriminantAnalysis")
def linear(analysis: Any, frame: Frame, reading: Reading) -> list[Target]:
    """Class number, probabilities and margins.

    Source: sklearn.discriminant_analysis.LinearDiscriminantAnalysis.predict_proba, LinearClassifierMixin.predict.
    """
    margins = margins_of(analysis, frame, reading)
    two = margins.width == 1
    proba = build.binary_probabilities(build.sigmoid(margins)) if two else build.softmax(margins)
    return [by_side(labels_of(analysis.classes_, reading), margins, proba)]


@transforms("sklearn", "LinearDiscriminantAnalysis")
def linear_components(analysis: Any, frame: Frame, reading: Reading) -> Frame:
    """X, less xbar_ with the solver "svd", times scalings_. Source: LinearDiscriminantAnalysis.transform."""
    if analysis.solver == "lsqr":
        raise reading.unsupported(
            "its solver is 'lsqr', which has no transform, needed 'svd' or 'eigen'",
            "Fit it with one of these, and the pipeline again.",
        )
    x = frame.finite(reading)
    centred = build.standardise(x, analysis.xbar_, None) if analysis.solver == "svd" else x
    weights = np.asarray(analysis.scalings_)[:, : analysis._max_components].T
    return components(analysis, build.linear(centred, weights, 0.0))


@reads("sklearn", "QuadraticDiscriminantAnalysis")
def quadratic(analysis: Any, frame: Frame, reading: Reading) -> list[Target]:
    """Class number, probabilities and log posteriors.

    A row is refused so far away that all classes have the likelihood 0, and the library gives NaN for them. Source:
    sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis._decision_function.
    """
    sizes = [np.sum(np.log(scaling)) for scaling in analysis.scalings_]
    pairs = zip(analysis.rotations_, analysis.scalings_, strict=True)
    weights = [(rotation * scaling ** (-0.5)).T for rotation, scaling in pairs]
    x = frame.finite(reading, squarable(weights))
    norms: list[Block] = []
    for mean, weight in zip(analysis.means_, weights, strict=True):
        norms.append(build.squared(build.linear(build.standardise(x, mean, None), weight, 0.0)))
    halved = build.multiply(build.number(-0.5), build.add(build.concat(norms), build.number(*sizes)))
    scores = build.add(halved, build.number(*np.log(analysis.priors_)))
    return [by_scores(labels_of(analysis.classes_, reading), scores)]


def squarable(weights: Sequence[Any]) -> float:
    """How large a lane of x must be, so that a square of x @ weight.T is infinite for each of some weights."""
    least = min(float(np.linalg.svd(weight, compute_uv=False)[-1]) for weight in weights)
    wide = all(weight.shape[0] >= weight.shape[1] for weight in weights)
    if not wide or least < 1e-100:  # a lane may have no weight at all
        return build.FLOAT64_MAX
    return float(SQUARABLE * np.sqrt(max(weight.shape[0] for weight in weights)) / least)


def by_scores(labels: tuple[Label, ...], scores: Block, number: Block | None = None) -> Target:
    """The target of a classifier by a score for each class; the decision for two classes is their difference.

    Source: sklearn.discriminant_analysis.DiscriminantAnalysisPredictionMixin.
    """
    decision = scores
    if len(labels) == 2:
        first, second = build.lanes(scores)
        decision = build.subtract(second, first)
    number = build.argmax(scores) if number is None else number
    return decided(labels, number, build.softmax(scores), decision)


@reads("sklearn", "NearestCentroid")
def nearest_centroid(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The class of the nearest centroid where all classes are as likely, else that of the best score.

    A row is refused so far away that all distances are infinite, where the library gives NaN as probabilities. Raises:
    UnsupportedModel for another metric. Source: sklearn.neighbors.NearestCentroid.
    """
    if estimator.metric not in ("euclidean", "manhattan"):
        raise reading.unsupported(f"its metric is {estimator.metric!r}, needed 'euclidean' or 'manhattan'")
    x = frame.finite(reading)
    labels = labels_of(estimator.classes_, reading)
    priors = np.asarray(estimator.class_prior_, dtype=np.float64)
    deviation = np.asarray(estimator.within_class_std_dev_, dtype=np.float64)
    scale = np.where(deviation != 0, deviation, 1.0)
    scaled, centroids = build.standardise(x, None, scale), estimator.centroids_ / scale
    alike = bool(np.isclose(priors, 1 / len(labels)).all())
    if not (priors > 0.0).all():
        raise reading.unsupported("a class has the prior 0", "Fit it with priors above 0.")
    logs = build.number(*(2.0 * np.log(priors)))
    if estimator.metric == "manhattan":
        if alike:
            return [decided(labels, build.argmin(_sizes(x, estimator.centroids_)))]
        reading.require_finite(scaled)
        distances = _sizes(scaled, centroids)
        scores = build.add(build.negate(build.multiply(distances, distances)), logs)
        return [decided(labels, unless_far(scaled, build.argmax(scores)))]
    reading.require_finite(scaled, limit=SQUARABLE)
    distances = Apply(Op.SQRT, (_expanded(scaled, centroids),))
    scores = build.add(build.negate(build.multiply(distances, distances)), logs)
    return [by_scores(labels, scores, nearest(x, estimator.centroids_) if alike else None)]


def nearest(x: Block, points: Any) -> Block:
    """The number of the nearest point; 0 so far away that |x|² leaves no difference, or is infinite, for all of them.

    Source: sklearn.metrics.pairwise_distances_argmin, class EuclideanArgKmin.
    """
    return unless_far(x, build.argmin(_expanded(x, np.asarray(points, dtype=np.float64))))


def unless_far(x: Block, number: Block) -> Block:
    """The number of a point where squares of x do not overflow, else 0."""
    near = Reduce(ReduceOp.ALL, build.between(x, -FAR, FAR))
    return build.where(near, number, build.number(0.0))


def norms(points: Floats) -> Floats:
    """|p|² of each point. Source: sklearn.utils.extmath.row_norms."""
    found: Floats = np.einsum("ij,ij->i", points, points)
    return found


def _sizes(x: Block, points: Any) -> Block:
    return Distance(x, np.asarray(points, dtype=np.float64), Metric.MANHATTAN)


def _expanded(x: Block, points: Floats) -> Block:
    """|x|² - 2 x p + |p|², at least 0: far away, rounding decides which point is nearest.

    Source: sklearn.metrics.pairwise._euclidean_distances.
    """
    products = build.linear(x, -2.0 * points, 0.0)
    found = build.add(build.add(products, build.squared(x)), build.number(*norms(points)))
    return Apply(Op.MAX, (found, build.number(0.0)))
