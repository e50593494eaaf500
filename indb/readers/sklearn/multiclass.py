"""Many classes by members that know two: one against the rest, one against one, and codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from indb import build
from indb.ir import Apply, Block, Label, Op, Reduce, ReduceOp, Target
from indb.readers.base import Frame, Reading, reads
from indb.readers.sklearn.labels import labels_of, target_names
from indb.readers.sklearn.members import (
    Member,
    in_float32,
    read_member,
    require_finite_sum,
    shared,
    summed,
    two_probabilities,
)

HUGE = 1e100
"""Beside the square of this no code can be told from another."""


def _members(estimators: Sequence[Any], frame: Frame, reading: Reading) -> list[Member]:
    """The members, of which one that never saw two classes is a constant."""
    return [
        Member(each, _constant(each), reading)
        if type(each).__name__ == "_ConstantPredictor"
        else read_member(each, frame, reading)
        for each in estimators
    ]


def _constant(estimator: Any) -> Target:
    """The one value that every row of the training data had. Source: sklearn.multiclass._ConstantPredictor."""
    value = float(estimator.y_[0])
    number = build.number(value)
    proba = build.number(1.0 - value, value)
    return Target("", {"predict": number, "predict_proba": proba, "decision_function": number})


@reads("sklearn", "OneVsRestClassifier")
def one_against_rest(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The class whose member is most for it; of several labels in one row those whose members are for them.

    Source: sklearn.multiclass.OneVsRestClassifier.predict.
    """
    members = _members(estimator.estimators_, frame, reading)
    scores = [member.score() for member in members]
    kind = estimator.label_binarizer_.y_type_
    if kind.startswith("multilabel"):
        return _several_labels(members, scores)
    labels = labels_of(estimator.classes_, reading)
    if len(labels) < 2:
        raise reading.unsupported("it was fitted with one class only", "Fit it again.")
    number = build.argmax(build.concat(scores)) if len(members) > 1 else _is_above(scores[0], members[0])
    outputs = {"predict": number}
    if shared(members, "predict_proba"):
        outputs["predict_proba"] = _shares([build.lane(member.output("predict_proba"), 1) for member in members])
    if shared(members, "decision_function"):
        outputs["decision_function"] = build.concat([member.single("decision_function") for member in members])
    return [Target("", outputs, labels)]


def _is_above(score: Block, first: Member) -> Block:
    """1.0 where a score is above what the first member's kind of score begins at.

    Source: sklearn.multiclass._threshold_for_binary_predict.
    """
    from sklearn.base import is_classifier

    decided = first.has("decision_function") and is_classifier(first.estimator)
    return build.less(build.number(0.0 if decided else 0.5), score)


def _several_labels(members: Sequence[Member], scores: Sequence[Block]) -> list[Target]:
    """A target for each label, which a row has (1) or not (0)."""
    targets = []
    for name, member, score in zip(target_names(len(members)), members, scores, strict=True):
        outputs = {"predict": _is_above(score, members[0])}
        if shared(members, "predict_proba"):
            outputs["predict_proba"] = two_probabilities(build.lane(member.output("predict_proba"), 1))
        if shared(members, "decision_function"):
            outputs["decision_function"] = member.single("decision_function")
        targets.append(Target(name, outputs, (0, 1)))
    return targets


def _shares(positive: Sequence[Block]) -> Block:
    """The probabilities divided by their sum, unless that is 0. Source: OneVsRestClassifier.predict_proba."""
    single = all(map(in_float32, positive))
    rounded = build.single if single else lambda x: x
    parts = list(positive) if len(positive) > 1 else build.lanes(two_probabilities(positive[0]))
    each, total = build.concat(parts), summed(parts, single)
    return build.where(Apply(Op.EQ, (total, build.number(0.0))), each, rounded(build.divide(each, total)))


@reads("sklearn", "OneVsOneClassifier")
def one_against_one(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The class with most votes; how sure the members are decides among those that have as many.

    Source: sklearn.multiclass.OneVsOneClassifier.predict, sklearn.utils.multiclass._ovr_decision_function.
    """
    if estimator.pairwise_indices_ is not None:
        raise reading.unsupported("its members compare a row with their training rows by a precomputed kernel")
    labels = labels_of(estimator.classes_, reading)
    members = _members(estimator.estimators_, frame, reading)
    votes: list[list[Block]] = [[] for _ in labels]
    terms: list[list[Block]] = [[] for _ in labels]
    pairs = [(one, other) for one in range(len(labels)) for other in range(one + 1, len(labels))]
    for (one, other), member in zip(pairs, members, strict=True):
        said, sure = member.value(), member.score()
        votes[one].append(Apply(Op.EQ, (said, build.number(0.0))))
        votes[other].append(Apply(Op.EQ, (said, build.number(1.0))))
        terms[one].append(build.negate(sure))
        terms[other].append(sure)
    decision = build.concat(
        [build.add(summed(won), _squeezed(summed(part))) for won, part in zip(votes, terms, strict=True)]
    )
    if len(labels) > 2:
        return [_without_probabilities(labels, build.argmax(decision), decision)]
    margin = build.lane(decision, 1)
    return [_without_probabilities(labels, _is_above(margin, members[0]), margin)]


def _squeezed(total: Block) -> Block:
    """A sum of confidences between -1/3 and 1/3, less than a vote."""
    size = build.add(Apply(Op.ABS, (total,)), build.number(1.0))
    return build.divide(total, build.multiply(build.number(3.0), size))


def _without_probabilities(labels: tuple[Label, ...], number: Block, decision: Block) -> Target:
    return Target("", {"predict": number, "decision_function": decision}, labels)


@reads("sklearn", "OutputCodeClassifier")
def output_code(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The class whose code is nearest to what the members say, by (|x|² - 2 x·code) + |code|², added in this order.

    Where the members say huge numbers |x|² swallows the rest, and the first class wins; where 2 x·code overflows, the
    first class of which it does, as the library takes the difference of two infinities for 0.
    Source: sklearn.multiclass.OutputCodeClassifier.predict, sklearn.metrics._pairwise_distances_reduction._argkmin.
    """
    labels = labels_of(estimator.classes_, reading)
    said = build.concat([member.score() for member in _members(estimator.estimators_, frame, reading)])
    require_finite_sum(said, reading)
    codes = np.asarray(estimator.code_book_, dtype=np.float64)
    held = build.clip(said, build.number(-HUGE), build.number(HUGE))
    size = Reduce(ReduceOp.SUM, build.multiply(held, held))
    middle = build.add(size, build.linear(held, -2.0 * codes, 0.0))
    far = Apply(Op.MAX, (build.add(middle, build.number(*(codes**2).sum(axis=1))), build.number(0.0)))
    scaled = build.linear(build.multiply(said, build.number(2.0**-40)), -2.0 * codes, 0.0)
    infinite = build.less(scaled, build.number(-build.FLOAT64_MAX * 2.0**-40))
    none = Apply(Op.EQ, (Reduce(ReduceOp.MAX, infinite), build.number(0.0)))
    number = build.where(none, Reduce(ReduceOp.ARGMIN, far), build.argmax(infinite))
    return [Target("", {"predict": number}, labels)]
