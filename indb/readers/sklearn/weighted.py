"""AdaBoost: weighted votes, and the weighted median."""

from __future__ import annotations

from typing import Any

import numpy as np

from indb import build
from indb.ir import Apply, Block, Op, Reduce, ReduceOp, Target
from indb.readers.base import Frame, Reading, reads
from indb.readers.sklearn.labels import classifier, labels_of, regressors
from indb.readers.sklearn.members import read_members, summed


@reads("sklearn", "AdaBoostClassifier")
def ada_boost_classifier(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """Each member adds its weight to its class and takes a share of it from the others.

    Source: sklearn.ensemble.AdaBoostClassifier.decision_function and ._compute_proba_from_decision.
    """
    labels = labels_of(estimator.classes_, reading)
    if vars(estimator).get("algorithm") == "SAMME.R" or len(labels) < 2:
        why = "one class only" if len(labels) < 2 else "the algorithm SAMME.R of an older release"
        raise reading.unsupported(f"it was fitted with {why}", "Fit it again.")
    reading.require_finite(frame.numbers(reading))
    members = read_members(estimator.estimators_, frame, reading)
    others = len(labels) - 1
    votes = [
        member.votes(labels, weight, -1 / others * weight)
        for member, weight in zip(members, estimator.estimator_weights_.tolist(), strict=False)
    ]
    decision = build.divide(summed(votes), build.number(float(estimator.estimator_weights_.sum())))
    if others > 1:
        proba = build.softmax(build.divide(decision, build.number(float(others))))
        return [classifier(labels, build.argmax(decision), proba, decision)]
    margin = build.add(build.negate(build.lane(decision, 0)), build.lane(decision, 1))
    halves = build.divide(build.concat([build.negate(margin), margin]), build.number(2.0))
    return [classifier(labels, build.less(build.number(0.0), margin), build.softmax(halves), margin)]


@reads("sklearn", "AdaBoostRegressor")
def ada_boost_regressor(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The weighted median: the smallest prediction that, with those below it, has half of the weight.

    Source: sklearn.ensemble.AdaBoostRegressor._get_median_predict, which sorts; sums of weights are in another order.
    """
    reading.require_finite(frame.numbers(reading))
    values = build.concat([member.value() for member in read_members(estimator.estimators_, frame, reading)])
    weights = estimator.estimator_weights_[: values.width]
    half = build.number(0.5 * float(np.cumsum(weights)[-1]))
    largest = Reduce(ReduceOp.MAX, values)
    enough: list[Block] = []
    for value in build.lanes(values):
        below = build.where(build.less_equal(values, value), build.number(*weights), build.number(0.0))
        enough.append(Apply(Op.WHERE, (build.less_equal(half, Reduce(ReduceOp.SUM, below)), value, largest)))
    return regressors(Reduce(ReduceOp.MIN, build.concat(enough)))
