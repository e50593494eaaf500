"""Predictors of scikit-learn that look at one column, at none, or leave the work to another."""

from __future__ import annotations

from typing import Any

import numpy as np

from indb import build
from indb.ir import Block, Target, Type
from indb.readers.base import Frame, Reading, read_step, reads
from indb.readers.sklearn.labels import classifier, labels_of, regressors, target_names


@reads("sklearn", "IsotonicRegression")
def read_isotonic(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The line through the fitted points. Source: sklearn.isotonic.IsotonicRegression.predict."""
    x = frame.finite(reading)
    return regressors(isotonic(estimator, x, reading))


def isotonic(estimator: Any, x: Block, reading: Reading) -> Block:
    """The line through the fitted points at x (width 1), by what `out_of_bounds` says beyond their ends.

    Raises: UnsupportedModel for points in float32. Source: sklearn.isotonic.IsotonicRegression._transform.
    """
    xs, ys = np.asarray(estimator.X_thresholds_), np.asarray(estimator.y_thresholds_)
    if xs.dtype != np.float64 or ys.dtype != np.float64:
        raise reading.unsupported(
            f"its points are {xs.dtype} and {ys.dtype}, in which it rounds every result; indb computes in float64",
            "Fit it on float64 values.",
        )
    if len(ys) == 1:
        return build.where(build.is_missing(x), build.MISSING, build.number(ys[0]))
    inside = build.between(x, xs[0], xs[-1])
    line = build.interpolate(x, xs, ys)
    if estimator.out_of_bounds == "clip":
        return line
    if estimator.out_of_bounds == "raise":
        reading.require(inside)
    return build.where(inside, line, build.MISSING)


@reads("sklearn", "DummyClassifier")
def dummy_classifier(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The same for every row, which is not looked at.

    Raises: UnsupportedModel for a strategy that is random. Source: sklearn.dummy.DummyClassifier.
    """
    _note_columns(frame, reading)
    if estimator._strategy not in ("most_frequent", "prior", "constant"):
        raise reading.unsupported(f"its strategy {estimator._strategy!r} gives random values", "Use strategy='prior'.")
    if estimator.sparse_output_:
        raise reading.unsupported("it gives a sparse matrix of labels", "Fit it on a dense y.")
    several = estimator.n_outputs_ > 1
    classes = estimator.classes_ if several else [estimator.classes_]
    priors = estimator.class_prior_ if several else [estimator.class_prior_]
    names = target_names(estimator.n_outputs_)
    constants = np.ravel(estimator.constant) if estimator._strategy == "constant" else [None] * len(names)
    targets: list[Target] = []
    for name, labels, prior, constant in zip(names, classes, priors, constants, strict=True):
        chosen = int(np.argmax(prior) if constant is None else np.flatnonzero(labels == constant)[0])
        proba = prior if estimator._strategy == "prior" else np.arange(len(labels)) == chosen
        values = build.number(chosen), build.number(*proba)
        targets.append(classifier(labels_of(labels, reading), *values, name=name))
    return targets


@reads("sklearn", "DummyRegressor")
def dummy_regressor(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The same for every row, which is not looked at. Source: sklearn.dummy.DummyRegressor.predict."""
    _note_columns(frame, reading)
    return regressors(build.number(*np.ravel(estimator.constant_)))


def _note_columns(frame: Frame, reading: Reading) -> None:
    """Let the model have its columns, although nothing reads them."""
    for lane in frame.lanes:
        reading.either(lane, Type.NUMBER)


@reads("sklearn", "RANSACRegressor")
def consensus(estimator: Any, frame: Frame, reading: Reading) -> Any:
    """What the regressor gives that was fitted on the inliers. Source: sklearn.linear_model.RANSACRegressor.predict."""
    return read_step(estimator.estimator_, frame, reading)
