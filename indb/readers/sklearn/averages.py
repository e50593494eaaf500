"""Bagging and voting: members whose probabilities, votes or values are averaged in the library's own order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from indb import build
from indb.ir import Block, Target
from indb.readers.base import Frame, Reading, frame_of, read_step, reads, targets_of, transforms
from indb.readers.sklearn.labels import classifier, labels_of, regressors
from indb.readers.sklearn.members import Member, in_float32, read_member, read_members, shared, summed, weighted


@reads("sklearn", "BaggingClassifier")
def bagging_classifier(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The mean of the members' probabilities, or of their votes where they have none; each sees columns of its own.

    A class that a member never saw has the probability 0 in it.
    Source: sklearn.ensemble.BaggingClassifier.predict_proba.
    """
    labels = labels_of(estimator.classes_, reading)
    members = [
        read_member(each, frame.take([int(place) for place in places]), reading)
        for each, places in zip(estimator.estimators_, estimator.estimators_features_, strict=True)
    ]
    count = build.number(float(estimator.n_estimators))
    proba = build.divide(summed([_class_lanes(member, len(labels)) for member in members]), count)
    decision: Block | None = None
    if shared(members, "decision_function"):
        each = [member.output("decision_function") for member in members]
        if {part.width for part in each} in ({1}, {len(labels)}):
            decision = mean(each, count)
    return [classifier(labels, build.argmax(proba), proba, decision)]


def _class_lanes(member: Member, n_classes: int) -> Block:
    """A member's probabilities, or its vote, with a lane for each class of the whole, whose numbers are its labels."""
    classes = range(n_classes)
    if not member.has("predict_proba"):
        return member.votes(classes)
    proba, places = member.output("predict_proba"), member.places(classes)
    if places == list(classes):
        return proba
    lanes = [build.lane(proba, places.index(place)) if place in places else build.number(0.0) for place in classes]
    return build.concat(lanes)


@reads("sklearn", "BaggingRegressor")
def bagging_regressor(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The mean of the members, each of which sees columns of its own. Source: sklearn.ensemble.BaggingRegressor."""
    values: list[Block] = []
    for member, places in zip(estimator.estimators_, estimator.estimators_features_, strict=True):
        targets = targets_of(read_step(member, frame.take([int(place) for place in places]), reading))
        if targets is None:
            raise reading.unsupported(f"its member {type(member).__name__} predicts nothing")
        values.append(build.concat([Member(member, target, reading).value() for target in targets]))
    return regressors(mean(values, build.number(float(estimator.n_estimators))))


def mean(parts: Sequence[Block], count: Block) -> Block:
    """The sum of the parts by a number, in float32 where all of them are."""
    single = all(map(in_float32, parts))
    found = build.divide(summed(parts, single), count)
    return build.single(found) if single else found


@reads("sklearn", "VotingClassifier")
def voting_classifier(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The class of the largest mean probability, or of most votes; of several the first.

    The members are fitted on the numbers of the classes. Source: sklearn.ensemble.VotingClassifier.predict.
    """
    labels = labels_of(estimator.classes_, reading)
    members = read_members(estimator.estimators_, frame, reading)
    weights = estimator._weights_not_none
    if estimator.voting == "hard":
        gained = weights or [1.0] * len(members)
        votes = [member.votes(range(len(labels)), float(won)) for member, won in zip(members, gained, strict=True)]
        return [Target("", {"predict": build.argmax(summed(votes))}, labels)]
    proba = _average([member.output("predict_proba") for member in members], weights)
    return [classifier(labels, build.argmax(proba), proba)]


@reads("sklearn", "VotingRegressor")
def voting_regressor(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The mean of the members. Source: sklearn.ensemble.VotingRegressor.predict."""
    members = read_members(estimator.estimators_, frame, reading)
    return regressors(_average([member.value() for member in members], estimator._weights_not_none))


def _average(parts: Sequence[Block], weights: Sequence[float] | None) -> Block:
    """The weighted mean, the products added in order and divided by the sum of the weights. Source: numpy.average.

    Weights are float64 numbers, and so is what they weigh.
    """
    if weights is None:
        return mean(parts, build.number(float(len(parts))))
    zeros = np.zeros((len(parts), 1, 2))
    scale = np.average(zeros, axis=0, weights=weights, returned=True)[1].flat[0]
    return build.divide(summed(weighted(parts, weights)), build.number(float(scale)))


@transforms("sklearn", "VotingClassifier")
def transform_voting_classifier(estimator: Any, frame: Frame, reading: Reading) -> Frame:
    """The probabilities of all members side by side, or the numbers of the classes that they vote for.

    Raises: UnsupportedModel where the probabilities would be a cube.
    Source: sklearn.ensemble.VotingClassifier.transform.
    """
    members = read_members(estimator.estimators_, frame, reading)
    if estimator.voting == "hard":
        return _side_by_side([member.value() for member in members])
    if not estimator.flatten_transform:
        raise reading.unsupported("it gives an array of three dimensions", "Set flatten_transform=True.")
    return _side_by_side([member.output("predict_proba") for member in members])


@transforms("sklearn", "VotingRegressor")
def transform_voting_regressor(estimator: Any, frame: Frame, reading: Reading) -> Frame:
    """What each member predicts. Source: sklearn.ensemble.VotingRegressor.transform."""
    return _side_by_side([member.value() for member in read_members(estimator.estimators_, frame, reading)])


def _side_by_side(parts: Sequence[Block]) -> Frame:
    block = build.concat(list(parts))
    dtype = "float32" if in_float32(block) else "float64"
    return replace(frame_of(block, [f"member_{number}" for number in range(block.width)]), dtype=dtype)
