"""Binary classifiers with a threshold of their own: FixedThresholdClassifier and TunedThresholdClassifierCV."""

from __future__ import annotations

from typing import Any

import numpy as np

from indb import build
from indb.ir import Block, Target
from indb.readers.base import Frame, Reading, reads
from indb.readers.sklearn.members import Member, in_float32, read_member


@reads("sklearn", "FixedThresholdClassifier")
def fixed_threshold(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The positive class from the threshold on. Source: sklearn.model_selection.FixedThresholdClassifier.predict."""
    member = read_member(estimator.estimator_, frame, reading)
    method = member.first_of(_methods(estimator))
    threshold = estimator.threshold
    if isinstance(threshold, str):
        threshold = 0.5 if method == "predict_proba" else 0.0
    return _decided(member, method, threshold, estimator.pos_label, reading)


@reads("sklearn", "TunedThresholdClassifierCV")
def tuned_threshold(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The positive class from the best threshold on.

    Source: sklearn.model_selection.TunedThresholdClassifierCV.predict.
    """
    member = read_member(estimator.estimator_, frame, reading)
    positive = estimator._curve_scorer._get_pos_label()
    return _decided(member, member.first_of(_methods(estimator)), estimator.best_threshold_, positive, reading)


def _methods(estimator: Any) -> tuple[str, ...]:
    asked = estimator.response_method
    return ("predict_proba", "decision_function") if asked == "auto" else (asked,)


def _decided(member: Member, method: str, threshold: float, positive: Any, reading: Reading) -> list[Target]:
    """The member's target with another `predict`; without a positive label the second class is it.

    Source: sklearn.metrics._scorer._threshold_scores_to_class_labels, sklearn.utils._response._get_response_values.
    """
    labels = member.target.labels
    if labels is None or len(labels) != 2:
        raise reading.unsupported(f"its classes are {labels}, needed two of them")
    place = 1 if positive is None else labels.index(positive)
    score: Block = member.output(method)
    if method == "predict_proba":
        score = build.lane(score, place)
    elif place == 0:
        score = build.negate(score)
    if type(threshold) is float and in_float32(score):
        threshold = float(np.float32(threshold))  # numpy compares a Python number in the precision of the array
    reached = build.less_equal(build.number(float(threshold)), score)
    number = build.where(reached, build.number(float(place)), build.number(float(1 - place)))
    return [Target("", {**member.target.outputs, "predict": number if place == 0 else reached}, labels)]
