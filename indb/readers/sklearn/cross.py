"""sklearn.cross_decomposition: predictions and components that are linear in the columns."""

from __future__ import annotations

from typing import Any

from indb import build
from indb.ir import Target
from indb.readers.base import Frame, Reading, reads, transforms
from indb.readers.sklearn.labels import components, regressors

PREDICT = ("CCA", "PLSCanonical", "PLSRegression")


@reads("sklearn", *PREDICT)
def predictions(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """(X - mean) @ coef_.T + intercept_, a target for each column. Source: sklearn.cross_decomposition._PLS.predict."""
    centred = build.standardise(frame.finite(reading), estimator._x_mean, None)
    return regressors(build.linear(centred, estimator.coef_, estimator.intercept_))


@transforms("sklearn", *PREDICT)
def scores(estimator: Any, frame: Frame, reading: Reading) -> Frame:
    """(X - mean) / std @ x_rotations_. Source: sklearn.cross_decomposition._PLS.transform."""
    return _components(estimator, estimator.x_rotations_, frame, reading)


@reads("sklearn", "PLSSVD")
def singular(estimator: Any, frame: Frame, reading: Reading) -> Frame:
    """(X - mean) / std @ x_weights_. Source: sklearn.cross_decomposition.PLSSVD.transform."""
    return _components(estimator, estimator.x_weights_, frame, reading)


def _components(estimator: Any, weights: Any, frame: Frame, reading: Reading) -> Frame:
    scaled = build.standardise(frame.finite(reading), estimator._x_mean, estimator._x_std)
    reading.require_finite(scaled)  # an infinite one makes all components infinite, or none of them a number
    return components(estimator, build.linear(scaled, weights.T, 0.0))
