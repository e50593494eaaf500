"""scikit-learn's neighbours: the means of the nearest training rows, or of those within a radius.

Which of several rows at the same distance belongs to the k nearest depends on how scikit-learn's tree went through
them. So the k nearest are read for SQL alone, where such a row has no score, beside the library itself as a function.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from indb import build
from indb.ir import Apply, Block, Distance, Floats, Metric, Nearest, Op, Reduce, ReduceOp, Target
from indb.readers.base import Frame, Reading, reads
from indb.readers.sklearn.labels import classifier, labels_of, regressors, target_names

MAX_CONSTANTS = 200_000
"""The most numbers (training rows times their features and targets) that a query goes through for each row."""

METRICS = {"manhattan": Metric.MANHATTAN, "chebyshev": Metric.CHEBYSHEV, "euclidean": Metric.SQUARED}
"""What scikit-learn calls a metric -> how rows are compared; of Euclidean distances the square."""

_ORDERS = {1.0: "manhattan", 2.0: "euclidean", np.inf: "chebyshev"}
_UNITS = 4e-16
"""Twice what a double rounds off, relative to its size."""


@reads("sklearn", "KNeighborsClassifier")
def nearest_classifier(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """A target for each output: the classes' shares of the k nearest rows, and the first with the largest.

    Source: sklearn.neighbors.KNeighborsClassifier.predict_proba.
    """
    targets = []
    for name, classes, indicators in _class_outputs(estimator):
        proba = _nearest(estimator, indicators, frame, reading)
        targets.append(classifier(labels_of(classes, reading), build.argmax(proba), proba, name=name))
    return targets


@reads("sklearn", "KNeighborsRegressor")
def nearest_regressor(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The mean target of the k nearest rows. Source: sklearn.neighbors.KNeighborsRegressor.predict."""
    values = np.asarray(estimator._y, dtype=np.float64).reshape(len(estimator._y), -1)
    return regressors(_nearest(estimator, values, frame, reading))


def _nearest(estimator: Any, values: Floats, frame: Frame, reading: Reading) -> Block:
    """The mean of `values` (n_rows, width) over the k nearest training rows.

    Raises: UnsupportedModel unless it is read for SQL.
    """
    if not reading.for_sql:
        raise reading.unsupported("which of several equally distant rows are neighbours is told by its library alone")
    metric, x, points = _space(estimator, frame, reading, values.shape[1])
    if estimator.weights not in ("uniform", "distance"):
        raise reading.unsupported(f"its weights are {estimator.weights!r}, needed 'uniform' or 'distance'")
    power = 0.0 if estimator.weights == "uniform" else 0.5 if metric is Metric.SQUARED else 1.0
    slack = _slack(estimator, x, points) if metric is Metric.SQUARED else build.number(0.0)
    return Nearest((Distance(x, points, metric), slack), values, int(estimator.n_neighbors), power)


def _slack(estimator: Any, x: Block, points: Floats) -> Block:
    """How far off the library's squared distances may be.

    Its trees compute the very sums that are computed here; brute force takes |x|² - 2xy + |y|², whose error is that of
    the largest of these terms. Source: sklearn.metrics._pairwise_distances_reduction.
    """
    if estimator._fit_method != "brute":
        return build.number(0.0)
    largest = float((points * points).sum(axis=1).max())
    size = build.add(Reduce(ReduceOp.SUM, build.multiply(x, x)), build.number(largest))
    return build.multiply(size, build.number(_UNITS * 4.0 * (points.shape[1] + 8)))


@reads("sklearn", "RadiusNeighborsClassifier")
def radius_classifier(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """A target for each output: the classes' shares of the rows within the radius; a row that has none is refused.

    Source: sklearn.neighbors.RadiusNeighborsClassifier.predict_proba.
    """
    if estimator.outlier_label is not None:
        raise reading.unsupported(f"its outlier_label is {estimator.outlier_label!r}, needed None")
    within, count = _within(estimator, frame, reading)
    reading.require(build.less(build.number(0.0), count))
    targets = []
    for name, classes, indicators in _class_outputs(estimator):
        proba = build.divide(build.linear(within, indicators.T, 0.0), count)
        targets.append(classifier(labels_of(classes, reading), build.argmax(proba), proba, name=name))
    return targets


@reads("sklearn", "RadiusNeighborsRegressor")
def radius_regressor(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The mean target of the rows within the radius, missing where there are none.

    Source: sklearn.neighbors.RadiusNeighborsRegressor.predict.
    """
    values = np.asarray(estimator._y, dtype=np.float64).reshape(len(estimator._y), -1)
    within, count = _within(estimator, frame, reading)
    return regressors(build.divide(build.linear(within, values.T, 0.0), count))


def _within(estimator: Any, frame: Frame, reading: Reading) -> tuple[Block, Block]:
    """(a lane of 1.0 for each training row within the radius, their number).

    Raises: UnsupportedModel for weights, and for brute force, which rounds distances near the radius differently.
    """
    if estimator.weights != "uniform":
        raise reading.unsupported(f"its weights are {estimator.weights!r}, needed 'uniform'")
    if estimator._fit_method == "brute":
        raise reading.unsupported(
            "it finds neighbours by brute force, which decides at the radius by rounding errors",
            "Fit it with algorithm='kd_tree' or 'ball_tree'.",
        )
    metric, x, points = _space(estimator, frame, reading, 2)
    radius = float(estimator.radius)
    limit = radius * radius if metric is Metric.SQUARED else radius
    within = Apply(Op.LE, (Distance(x, points, metric), build.number(limit)))
    return within, build.linear(within, np.ones((1, len(points))), 0.0)


def _space(estimator: Any, frame: Frame, reading: Reading, width: int) -> tuple[Metric, Block, Floats]:
    """(how rows are compared, the row, the training rows).

    Raises: UnsupportedModel for another metric, a sparse matrix, or too many training rows.
    """
    name = estimator.effective_metric_
    order = estimator.effective_metric_params_.get("p")
    if name == "minkowski" and estimator.effective_metric_params_.get("w") is None:
        name = _ORDERS.get(order, name)
    if name not in METRICS or set(estimator.effective_metric_params_) - {"p"}:
        raise reading.unsupported(f"its metric is {name!r}, needed one of {', '.join(METRICS)}")
    points = estimator._fit_X
    if not isinstance(points, np.ndarray) or points.dtype != np.float64:
        kind = points.dtype if isinstance(points, np.ndarray) else type(points).__name__
        raise reading.unsupported(f"its training rows are {kind}, needed an array of float64")
    size = len(points) * (points.shape[1] + width)
    if size > MAX_CONSTANTS:
        raise reading.unsupported(
            f"its {len(points):,} training rows hold {size:,} numbers, up to {MAX_CONSTANTS:,} are searched in SQL",
            "Deploy it as a UDF: strategy='udf'.",
        )
    x = frame.numbers(reading)
    reading.require_finite(x)
    return METRICS[name], x, np.ascontiguousarray(points)


def _class_outputs(estimator: Any) -> list[tuple[str, Any, Floats]]:
    """(name, classes, a lane of 0.0 and 1.0 for each class and training row) of each output."""
    numbers = np.asarray(estimator._y).reshape(len(estimator._y), -1)
    classes = estimator.classes_ if estimator.outputs_2d_ else [estimator.classes_]
    return [
        (name, each, (numbers[:, [place]] == np.arange(len(each))).astype(np.float64))
        for place, (name, each) in enumerate(zip(target_names(len(classes)), classes, strict=True))
    ]
