"""Several targets by a member for each: side by side, or in a chain where each sees what the ones before it said."""

from __future__ import annotations

from typing import Any

import numpy as np

from indb import build
from indb.ir import Block, Target
from indb.readers.base import Frame, Reading, reads
from indb.readers.sklearn.labels import regressors, target_names
from indb.readers.sklearn.members import Member, read_member, read_members, shared


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
    """A target for each column, as a number; each member also reads what those before it in the order said.

    Source: sklearn.multioutput._BaseChain._get_predictions, which keeps labels as numbers.
    """
    reading.require_finite(frame.numbers(reading))
    said_by = getattr(estimator, "chain_method_", "predict")
    members: list[Member] = []
    for each in estimator.estimators_:
        said = [_said(member, said_by) for member in members]
        names = (f"said_{number}" for number in range(len(said)))
        seen = frame.replaced([*frame.names, *names], [*frame.lanes, *said])
        members.append(read_member(each, seen, reading))
    order = [int(place) for place in estimator.order_]
    inverse = np.argsort(order)
    methods = ["predict"]
    for method in ("predict_proba", "decision_function"):
        if hasattr(estimator, method) and shared(members, method):
            methods.append(method)
    kept = {
        method: [_said(member, method) for member in members] for method in methods if _is_two_sided(method, members)
    }
    return [
        Target(name, {method: found[int(inverse[number])] for method, found in kept.items()})
        for number, name in enumerate(target_names(len(members)))
    ]


def _is_two_sided(method: str, members: list[Member]) -> bool:
    """Whether a method gives a number for each target: the library has no room for more than two classes."""
    return method == "predict" or all(len(member.target.labels or ()) == 2 for member in members)


def _said(member: Member, method: str) -> Block:
    """One number for what a member says: its prediction, its decision, or the probability of the second class.

    Source: sklearn.utils._response._get_response_values.
    """
    if method == "predict":
        return member.value()
    found = member.output(method)
    return build.lane(found, 1) if method == "predict_proba" and found.width == 2 else member.single(method)
