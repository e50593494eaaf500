"""Binary classifiers with a threshold of their own: FixedThresholdClassifier and TunedThresholdClassifierCV."""

from __future__ import annotations

from typing import Any

import numpy as np

from indb import build
from indb.ir import Apply, Block, Const, Op, Target
from indb.readers.base import Frame, Reading, reads
from indb.readers.sklearn.decide import holds
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
    reached = _reached(score, float(threshold))
    number = build.where(reached, build.number(float(place)), build.number(float(1 - place)))
    return [Target("", {**member.target.outputs, "predict": number if place == 0 else reached}, labels)]


def _reached(score: Block, threshold: float) -> Block:
    """1.0 where a score is not below a threshold, 1 / (1 + exp(-x)) and 1 less it by where they reach it for x.

    Thresholds are often the score of some row, which is to be reached by that row whatever exp an engine has.
    Source: scipy.special.expit.
    """
    from scipy.special import expit

    x = _sigmoid_of(score)
    if x is not None:
        return holds(x, lambda margin: expit(margin) >= threshold)
    match score:
        case Apply(Op.SUB, (Const((1.0,)), other)) if (x := _sigmoid_of(other)) is not None:
            return holds(build.negate(x), lambda margin: 1.0 - expit(-margin) >= threshold)
    return build.less_equal(build.number(threshold), score)


def _sigmoid_of(block: Block) -> Block | None:
    """x where a block is `build.sigmoid(x)`."""
    match block:
        case Apply(Op.DIV, (Const((1.0,)), Apply(Op.ADD, (Const((1.0,)), Apply(Op.EXP, (power,)))))):
            match power:
                case Apply(Op.MUL, (x, Const((-1.0,)))):
                    return x
    return None
