"""CalibratedClassifierCV: the scores of one or several classifiers, each led through a fitted curve."""

from __future__ import annotations

from typing import Any

import numpy as np

from indb import build
from indb.ir import Apply, Block, Distance, Floats, Label, Linear, Op, Reduce, ReduceOp, Target, walk
from indb.readers.base import Frame, Reading, reads
from indb.readers.sklearn.labels import classifier, labels_of
from indb.readers.sklearn.members import in_float32, read_member, require_finite_sum, summed

NARROW = 1e-12
"""How far apart, relative to their size, scores may be that two libraries round to one another."""

STEP = 1e-9
"""The largest change of a probability that does not matter."""

_FREE = frozenset({Op.EXP, Op.LN, Op.SIN, Op.COS, Op.TANH})


@reads("sklearn", "CalibratedClassifierCV")
def calibrated(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The mean of the calibrated classifiers. Source: sklearn.calibration.CalibratedClassifierCV.predict_proba."""
    labels = labels_of(estimator.classes_, reading)
    parts = [_probabilities(each, labels, frame, reading) for each in estimator.calibrated_classifiers_]
    proba = build.divide(summed(parts), build.number(float(len(parts))))
    return [classifier(labels, build.argmax(proba), proba)]


def _probabilities(part: Any, labels: tuple[Label, ...], frame: Frame, reading: Reading) -> Block:
    """A lane for each class. Source: sklearn.calibration._CalibratedClassifier.predict_proba."""
    member = read_member(part.estimator, frame, reading)
    method = member.first_of(("decision_function", "predict_proba"))
    scores = member.output(method)
    if method == "predict_proba" and scores.width == 2:
        scores = build.lane(scores, 1)
    if part.method == "temperature":
        return _temperature(part.calibrators[0], scores, method, len(labels), reading)
    places = member.places(labels)
    lanes: list[Block] = [build.number(0.0)] * len(labels)
    for place, score, calibrator in zip(places, build.lanes(scores), part.calibrators, strict=False):
        lanes[place + 1 if len(labels) == 2 else place] = _curve(calibrator, score, reading)
    if len(labels) == 2:
        return build.concat([build.subtract(build.number(1.0), lanes[1]), _at_most_one(lanes[1])])
    each = build.concat(lanes)
    total = Reduce(ReduceOp.SUM, each)
    even = build.number(1.0 / len(labels))
    return build.where(Apply(Op.EQ, (total, build.number(0.0))), even, build.divide(each, total))


def _curve(calibrator: Any, score: Block, reading: Reading) -> Block:
    """The probability that a score of one class stands for.

    Source: sklearn.calibration._SigmoidCalibration.predict, sklearn.isotonic.IsotonicRegression.predict.
    """
    name = type(calibrator).__name__
    if name == "_SigmoidCalibration":
        exponent = build.linear(score, np.array([[float(calibrator.a_)]]), float(calibrator.b_))
        return build.divide(build.number(1.0), build.add(build.number(1.0), Apply(Op.EXP, (exponent,))))
    if name != "IsotonicRegression" or calibrator.X_thresholds_.dtype != np.float64:
        raise reading.unsupported(f"its calibrator is {calibrator!r} of scores that are not of dtype float64")
    require_finite_sum(score, reading)
    xs, ys = calibrator.X_thresholds_, calibrator.y_thresholds_
    if not is_rounded_alike(score) and _has_cliff(xs, ys):
        raise reading.unsupported(
            f"its isotonic curve of class scores has steps of less than {NARROW:g} of a score: the last bits of an "
            "exponential or a sum tell on which side of one a row is",
            "Deploy it as a UDF, which its library runs: strategy='udf'; or calibrate with method='sigmoid'.",
        )
    return build.interpolate(score, xs, ys)


def is_rounded_alike(score: Block) -> bool:
    """Whether a score has the same bits in every library: it is made by trees, and not by sums or exponentials."""
    return not any(
        isinstance(block, Linear | Distance)
        or (isinstance(block, Reduce) and block.op is ReduceOp.SUM)
        or (isinstance(block, Apply) and block.op in _FREE)
        for block in walk([score])
    )


def _has_cliff(xs: Floats, ys: Floats) -> bool:
    """Whether a curve changes between points that rounding may take for one another."""
    near = np.diff(xs) <= NARROW * np.maximum(np.abs(xs[1:]), np.abs(xs[:-1]))
    return bool((near & (np.diff(ys) > STEP)).any())


def _at_most_one(proba: Block) -> Block:
    """A probability that rounding may have lifted above 1."""
    return Apply(Op.MIN, (proba, build.number(1.0)))


def _temperature(calibrator: Any, scores: Block, method: str, n_classes: int, reading: Reading) -> Block:
    """softmax(beta * logits); the logits are the logarithms of probabilities, else the decision function.

    The library takes decisions for probabilities as well where those of all rows lie in 0 … 1 and sum to one; a single
    row may do so by chance, a table does not. Source: sklearn.calibration._TemperatureScaling.predict.
    """
    require_finite_sum(scores, reading)
    if in_float32(scores):
        raise reading.unsupported(
            "it scales the temperature of scores in float32, of which it rounds every logarithm",
            "Use method='sigmoid' or method='isotonic'.",
        )
    if method == "predict_proba":
        both = build.binary_probabilities(scores) if n_classes == 2 else scores
        logits: Block = Apply(Op.LN, (build.add(both, build.number(1e-12)),))
    elif scores.width == 1:
        logits = build.concat([build.negate(scores), scores])
    else:
        logits = scores
    return build.softmax(build.multiply(build.number(float(calibrator.beta_)), logits))
