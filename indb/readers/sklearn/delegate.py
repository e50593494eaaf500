"""Estimators that hand every call on to another one: searches over settings, frozen and self-trained ones."""

from __future__ import annotations

from typing import Any

from indb.readers.base import Frame, Reading, read_step, read_transform, reads, transforms

DELEGATES = {
    "FrozenEstimator": "estimator",
    "GridSearchCV": "best_estimator_",
    "HalvingGridSearchCV": "best_estimator_",
    "HalvingRandomSearchCV": "best_estimator_",
    "RandomizedSearchCV": "best_estimator_",
    "SelfTrainingClassifier": "estimator_",
}
"""Class -> the attribute that holds the estimator which does the work."""


@reads("sklearn", *DELEGATES)
def read_delegate(estimator: Any, frame: Frame, reading: Reading) -> Any:
    """What the estimator inside gives. Source: `predict` of each class."""
    return read_step(_inside(estimator, reading), frame, reading)


@transforms("sklearn", *DELEGATES)
def transform_delegate(estimator: Any, frame: Frame, reading: Reading) -> Frame:
    """What the estimator inside makes of a frame. Source: `transform` of each class."""
    return read_transform(_inside(estimator, reading), frame, reading)


def _inside(estimator: Any, reading: Reading) -> Any:
    attribute = DELEGATES[type(estimator).__name__]
    found = getattr(estimator, attribute, None)
    if found is None:
        raise reading.unsupported(f"it has no {attribute}", "Fit it with refit=True.")
    return found
