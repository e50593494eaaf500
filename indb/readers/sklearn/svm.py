"""scikit-learn's support vector machines, which libsvm computes.

A margin is a weighted sum of kernel values over the support vectors. A classifier has one for each pair of classes, in
the order (0, 1), (0, 2), … (1, 2) and so on: above 0 the first class of the pair gets a vote, else the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from indb import build
from indb.ir import Apply, Block, Concat, Floats, Label, Op, Take, Target
from indb.readers.base import Frame, Reading, reads
from indb.readers.sklearn import kernels
from indb.readers.sklearn.labels import labels_of, regressors

BOUNDED = ("rbf", "sigmoid")
"""Kernels whose values cannot overflow: a weight of 0 then takes any of them out of a sum."""

LEAST = 1e-7
"""The least probability that a pair of classes is given. Source: svm_predict_probability of libsvm."""

SETTLED = 0.005 / 2
"""The error below which the coupling of two classes stops. Source: multiclass_probability of libsvm."""


@reads("sklearn", "SVR", "NuSVR")
def regressor(machine: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The margin. Source: svm_predict_values of libsvm."""
    return regressors(_margin(machine, frame, reading))


@reads("sklearn", "OneClassSVM")
def one_class(machine: Any, frame: Frame, reading: Reading) -> list[Target]:
    """1 where the margin is above 0, else -1. Source: svm_predict_values of libsvm."""
    margin = _margin(machine, frame, reading)
    return [Target("", {"predict": build.less(build.number(0.0), margin), "decision_function": margin}, (-1, 1))]


@reads("sklearn", "SVC", "NuSVC")
def classifier(machine: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The class with most votes, of several the first; margins; for two classes also probabilities.

    Raises: UnsupportedModel for a kernel that is a function, and for probabilities of more than two classes.
    Source: svm_predict_values of libsvm, sklearn.svm._base.BaseSVC.
    """
    labels = labels_of(machine.classes_, reading)
    if machine.break_ties and machine.decision_function_shape == "ovo":
        raise reading.unsupported("it has break_ties and the shape 'ovo', with which scikit-learn predicts nothing")
    if len(labels) == 2:
        return [_two_classes(machine, labels, _margin(machine, frame, reading, sign=-1.0))]
    if _gives_probabilities(machine):
        raise reading.unsupported(
            f"it gives probabilities of {len(labels)} classes, which libsvm finds by steps whose number differs",
            "Train it without probability=True, or put it into a CalibratedClassifierCV.",
        )
    margins = _pair_margins(machine, frame, reading, len(labels))
    decision = margins if machine.decision_function_shape == "ovo" else _one_vs_rest(margins, len(labels))
    number = build.argmax(decision if machine.break_ties else _votes(margins, len(labels)))
    return [Target("", {"predict": number, "decision_function": decision}, labels)]


def _two_classes(machine: Any, labels: tuple[Label, ...], decision: Block) -> Target:
    """The target of two classes. The decision is the margin with the other sign: at 0 it is for the second class."""
    number = build.where(build.less(decision, build.number(0.0)), build.number(0.0), build.number(1.0))
    outputs = {"predict": number}
    if _gives_probabilities(machine):
        slope, shift = (float(values[0]) for values in (machine._probA, machine._probB))
        steepness = build.add(build.multiply(decision, build.number(-slope)), build.number(shift))
        pairwise = build.clip(build.sigmoid(build.negate(steepness)), build.number(LEAST), build.number(1.0 - LEAST))
        first = coupled(pairwise)
        outputs["predict_proba"] = Concat((first, build.subtract(build.number(1.0), first)))
    return Target("", outputs | {"decision_function": decision}, labels)


def _gives_probabilities(machine: Any) -> bool:
    return hasattr(machine, "predict_proba") and machine._probA.size > 0 and machine._probB.size > 0


def coupled(r: Block) -> Block:
    """The probability of the first of two classes, of the one `r` that their pair is given.

    libsvm couples pairs by steps that end when an error is small, from one half for both. With two classes its sums
    come to what is written here, the error to |p - r| max(p, 1 - p); two steps are always enough.
    Source: multiclass_probability of libsvm; Wu, Lin and Weng 2004, Probability Estimates for Multi-class
    Classification by Pairwise Coupling, algorithm 2.
    """
    half = build.number(0.5)
    once = _coupling_step(half, r)
    settled = [build.less(_coupling_error(p, r), build.number(SETTLED)) for p in (half, once)]
    return build.where(settled[0], half, build.where(settled[1], once, _coupling_step(once, r)))


def _coupling_error(p: Block, r: Block) -> Block:
    larger = Apply(Op.MAX, (p, build.subtract(build.number(1.0), p)))
    return build.multiply(Apply(Op.ABS, (build.subtract(p, r),)), larger)


def _coupling_step(p: Block, r: Block) -> Block:
    """The probabilities p and 1 - p after each was moved once: first that of the first class."""
    one = build.number(1.0)
    moved = build.subtract(one, _moved(build.subtract(one, p), build.subtract(one, r)))
    return _moved(moved, r)


def _moved(q: Block, s: Block) -> Block:
    """q s^2 / (s^2 - s q + q^2). The divisor is no smaller than 3/4 s^2; it is held there so that all know."""
    square = build.multiply(s, s)
    divisor = build.add(square, build.multiply(q, build.subtract(q, s)))
    return build.divide(build.multiply(q, square), Apply(Op.MAX, (divisor, build.number(LEAST * LEAST / 2.0))))


def _margin(machine: Any, frame: Frame, reading: Reading, sign: float = 1.0) -> Block:
    """The only margin of a machine, times `sign` (1 or -1, which changes no bit of the sum but its sign)."""
    kernel = _kernel(machine, frame, reading)
    weights = sign * kernels.dense(machine._dual_coef_)
    bias = sign * np.asarray(machine._intercept_, dtype=np.float64)
    if kernel is None:
        return build.linear(frame.numbers(reading), np.zeros((1, len(frame.lanes))), bias)
    return build.linear(kernel, weights, bias)


def _kernel(machine: Any, frame: Frame, reading: Reading) -> Block | None:
    """The kernel values of all support vectors; None for a machine without any.

    Raises: UnsupportedModel for a kernel that is a function or a matrix that was computed elsewhere.
    """
    x = frame.numbers(reading)
    reading.require_finite(x)
    vectors = kernels.dense(machine.support_vectors_)
    if machine.kernel == "precomputed" or not isinstance(machine.kernel, str):
        found = "precomputed" if isinstance(machine.kernel, str) else f"a {type(machine.kernel).__name__}"
        raise reading.unsupported(f"its kernel is {found}, needed linear, poly, rbf or sigmoid")
    if vectors.size == 0:
        return None
    params = {"gamma": machine._gamma, "degree": machine.degree, "coef0": machine.coef0}
    return kernels.named(machine.kernel, x, vectors, params, reading)


def _pair_margins(machine: Any, frame: Frame, reading: Reading, n_classes: int) -> Block:
    """A margin for each pair of classes: over the vectors of both.

    Where a kernel value can be infinite, others must not be weighted by 0.
    """
    kernel = _kernel(machine, frame, reading)
    assert kernel is not None
    pairs = list(combinations(range(n_classes), 2))
    stops = np.cumsum(machine._n_support)
    lanes = [
        tuple(range(stop - int(count), stop)) for stop, count in zip(stops.tolist(), machine._n_support, strict=True)
    ]
    dual, bias = kernels.dense(machine._dual_coef_), np.asarray(machine._intercept_, dtype=np.float64)
    weights: Floats = np.zeros((len(pairs), kernel.width))
    for number, (a, b) in enumerate(pairs):
        weights[number, lanes[a]] = dual[b - 1, lanes[a]]
        weights[number, lanes[b]] = dual[a, lanes[b]]
    if machine.kernel in BOUNDED:
        return build.linear(kernel, weights, bias)
    return Concat(tuple(
        build.linear(Take(kernel, lanes[a] + lanes[b]), weights[number, lanes[a] + lanes[b]], bias[number])
        for number, (a, b) in enumerate(pairs)
    ))  # fmt: skip


def _votes(margins: Block, n_classes: int) -> Block:
    """How many pairs each class wins, whole numbers: one with a margin above 0 is won by its first class."""
    return _sums(build.less(build.number(0.0), margins), n_classes, beaten=1.0)


def _sums(pairs: Block, n_classes: int, beaten: float) -> Block:
    """For each class the sum over its pairs: of the lane where it comes first, of `beaten` less the lane where not."""
    found: list[Block] = []
    order = list(combinations(range(n_classes), 2))
    for each in range(n_classes):
        lanes = tuple(number for number, pair in enumerate(order) if each in pair)
        signs: Sequence[float] = [1.0 if order[number][0] == each else -1.0 for number in lanes]
        found.append(build.linear(Take(pairs, lanes), np.array([signs]), beaten * signs.count(-1.0)))
    return build.concat(found)


def _one_vs_rest(margins: Block, n_classes: int) -> Block:
    """Votes, and a third of what the sum of its margins says for each class.

    Here a margin of 0 is a vote for the first class. Source: sklearn.utils.multiclass._ovr_decision_function.
    """
    not_lost = build.subtract(build.number(1.0), build.less(margins, build.number(0.0)))
    sums = _sums(margins, n_classes, beaten=0.0)
    size = build.add(Apply(Op.ABS, (sums,)), build.number(1.0))
    shares = build.divide(sums, build.multiply(build.number(3.0), size))
    return build.add(_sums(not_lost, n_classes, beaten=1.0), shares)
