"""Several targets by a member for each: side by side, or in a chain where each sees what the ones before it said."""

from __future__ import annotations

from typing import Any

import numpy as np

from indb import build
from indb.ir import Block, Target
from indb.readers.base import Frame, Reading, reads
from indb.readers.sklearn.labels import regressors, target_names
from indb.readers.sklearn.members import Member, read_member, read_members, shared, two_probabilities


@reads("sklearn", "MultiOutputClassifier")
def multi_output_classifier(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The target of each member. Source: sklearn.multioutput.MultiOutputClassifier.predict and .predict_proba."""
    members = read_members(estimator.estimators_, frame, reading)
    kept = ["predict", *(["predict_proba"] if shared(members, "predict_proba") else [])]
    return [
        Target(name, {method: member.output(method) for method in kept}, member.target.labels)
        for name, member in zip(target_names(len(members)), members, strict=True)
    ]


@reads("sklearn", "MultiOutputRegressor")
def multi_output_regressor(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """What each member predicts. Source: sklearn.multioutput.MultiOutputRegressor.predict."""
    return regressors(build.concat([member.value() for member in read_members(estimator.estimators_, frame, reading)]))


@reads("sklearn", "ClassifierChain", "RegressorChain")
def chain(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """A target for each column; each member also reads what those before it in the order said.

    Source: sklearn.multioutput._BaseChain._get_predictions, which keeps labels as numbers.
    """
    reading.require_finite(frame.numbers(reading))
    said_by = getattr(estimator, "chain_method_", "predict")
    members: list[Member] = []
    for each in estimator.estimators_:
        said = [_said(member, said_by) for member in members]
        before = (f"said_{number}" for number in range(len(said)))
        seen = frame.replaced([*frame.names, *before], [*frame.lanes, *said])
        members.append(read_member(each, seen, reading))
    inverse = np.argsort([int(place) for place in estimator.order_])
    kept = [
        method
        for method in ("predict_proba", "decision_function")
        if hasattr(estimator, method) and shared(members, method) and _are_two_sided(members)
    ]
    names = target_names(len(members))
    return [_link(name, members[int(place)], kept) for name, place in zip(names, inverse, strict=True)]


def _are_two_sided(members: list[Member]) -> bool:
    """Whether all have two classes: the library has no room for the probabilities of more."""
    return all(len(member.target.labels or ()) == 2 for member in members)


def _link(name: str, member: Member, kept: list[str]) -> Target:
    """The target of one member, whose labels became numbers."""
    labels = member.target.labels
    outputs = {"predict": member.output("predict")}
    for method in kept:
        said = _said(member, method)
        outputs[method] = two_probabilities(said) if method == "predict_proba" else said
    return Target(name, outputs, None if labels is None else tuple(float(label) for label in labels))


def _said(member: Member, method: str) -> Block:
    """One number for what a member says: its prediction, its decision, or the probability of the second class.

    Source: sklearn.utils._response._get_response_values.
    """
    if method == "predict":
        return member.value()
    found = member.output(method)
    return build.lane(found, 1) if method == "predict_proba" and found.width == 2 else member.single(method)
