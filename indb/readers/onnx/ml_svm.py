"""SVMRegressor and SVMClassifier: kernels of support vectors, votes of pairs of classes, probabilities of two classes.

Kernels are computed as doubles of float32 inputs; ONNX Runtime computes them in float32, to some 1e-7 of their terms.

Source: onnxruntime/core/providers/cpu/ml/svmclassifier.cc, svmclassifier.h (SVMCommon), svmregressor.cc.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from indb import build
from indb.build import single
from indb.ir import Apply, Block, Distance, Floats, Label, Metric, Op
from indb.readers.onnx.ml_linear import finite, weights_of
from indb.readers.onnx.ml_rows import rows_of
from indb.readers.onnx.ml_scores import ONE, ZERO, logistic, transform_of, transformed
from indb.readers.onnx.operators import ML, Node, operator
from indb.readers.onnx.reductions import place
from indb.readers.onnx.values import Value
from indb.readers.sklearn.svm import LEAST, coupled

KERNELS = ("LINEAR", "POLY", "RBF", "SIGMOID")

MAX_DEGREE = 16
"""Powers of a polynomial kernel that are multiplied out."""


class Kernel:
    """The kernel of a node: its type, gamma, coef0 and degree.

    Raises: ModelFileError for a type that does not exist; Refused for a power that is not whole.
    """

    def __init__(self, node: Node) -> None:
        self.kind = node.string("kernel_type", "LINEAR")
        params = finite(node, node.reals("kernel_params") or [0.0, 0.0, 0.0]).tolist()
        if self.kind not in KERNELS or len(params) < 3:
            raise node.damaged(f"its kernel is {self.kind[:40]!r} with {len(params)} parameters")
        self.gamma, self.coef0, degree = params[:3]
        self.degree = int(degree)
        if self.kind == "POLY" and (degree != self.degree or not 0 <= degree <= MAX_DEGREE):
            raise node.refused(f"its kernel has the degree {degree}, needed a whole number up to {MAX_DEGREE}")

    def of(self, x: Block, vectors: Floats) -> Block:
        """A lane for each vector (n_vectors, width)."""
        if self.kind == "RBF":
            distance = Distance(x, vectors, Metric.SQUARED)
            return Apply(Op.EXP, (build.multiply(build.number(-self.gamma), distance),))
        if self.kind == "LINEAR":
            return build.linear(x, vectors, 0.0)
        product = build.linear(x, self.gamma * vectors, self.coef0)
        return build.power(product, self.degree) if self.kind == "POLY" else Apply(Op.TANH, (product,))


def _vectors(node: Node, count: int, width: int) -> Floats:
    found = finite(node, node.reals("support_vectors") or [])
    if len(found) != count * width:
        raise node.damaged(f"it has {len(found)} numbers in {count} support vectors of {width} features")
    return found.reshape(count, width)


@operator("SVMRegressor", domain=ML)
def regressor(node: Node) -> Value:
    """The weighted sum of kernels and rho; with one_class 1 where it is above 0, else -1.

    ONNX Runtime has it for float32 only, and passes post_transform over.
    """
    rows, kernel = rows_of(node), Kernel(node)
    node.ignore("post_transform")
    if node.number(0).dtype != np.float32:
        raise node.refused("ONNX Runtime has it for float32 only")
    count, one_class = node.integer("n_supports"), node.integer("one_class")
    rho = finite(node, node.reals("rho") or [])
    if len(rho) < 1 or count < 0:
        raise node.damaged(f"it has {len(rho)} rho for {count} support vectors")
    weights = weights_of(node, 1, count or rows.width)
    vectors = _vectors(node, count, rows.width) if count else None
    found = []
    for x in rows.blocks:
        margin = build.linear(x if vectors is None else kernel.of(x, vectors), weights, rho[0])
        if one_class:
            found.append(build.where(build.less(ZERO, margin), ONE, build.number(-1.0)))
        else:
            found.append(single(margin))
    node.reals("support_vectors")
    return rows.numbers(found)


@operator("SVMClassifier", domain=ML)
def classifier(node: Node) -> Sequence[Value]:
    """The class with most votes of pairs, of several the first; or, without support vectors, of the largest score.

    The scores are those of the pairs, or for two classes [-s, s], or probabilities. Of three classes and more those
    come from steps whose number differs from row to row: that is left to ONNX Runtime.
    """
    rows, kernel, transform = rows_of(node), Kernel(node), transform_of(node)
    labels: list[Label] = [*(node.strings("classlabels_strings") or node.integers("classlabels_ints") or [])]
    node.integers("classlabels_ints")
    per_class, rho = node.integers("vectors_per_class") or [], finite(node, node.reals("rho") or [])
    slopes, shifts = (finite(node, node.reals(name) or []) for name in ("prob_a", "prob_b"))
    if not labels or len(rho) < 1 or len(slopes) != len(shifts) or any(count < 0 for count in per_class):
        raise node.damaged(
            f"it has {len(labels)} labels, {len(rho)} rho, {len(slopes)} and {len(shifts)} slopes and shifts"
        )
    if len(labels) < 2:
        raise node.refused("it has one label")
    if not sum(per_class):
        return _linear(node, labels, float(rho[0]), transform, len(slopes) > 0)
    pairs = list(combinations(range(len(labels)), 2))
    if len(per_class) != len(labels) or len(rho) < len(pairs) or (len(slopes) and len(slopes) < len(pairs)):
        raise node.damaged(f"it has {len(per_class)} numbers of vectors and {len(rho)} rho for {len(labels)} labels")
    if len(slopes) and len(pairs) > 1:
        raise node.refused(f"it gives probabilities of {len(labels)} classes")
    weights = weights_of(node, len(labels) - 1, sum(per_class))
    margins_of = _pair_weights(weights, per_class, pairs)
    vectors = _vectors(node, sum(per_class), rows.width)
    numbers, scores = [], []
    for x in rows.blocks:
        margins = build.linear(kernel.of(single(x), vectors), margins_of, rho[: len(pairs)])
        numbers.append(_voted(build.lanes(margins), pairs, len(labels)))
        lanes = build.lanes(single(margins))
        if len(slopes):
            found = _probabilities(lanes[0], float(slopes[0]), float(shifts[0]))
            scores.append(build.concat(transformed(found, transform)))
        elif len(lanes) > 1:
            scores.append(build.concat(transformed(lanes, transform)))
        else:
            scores.append(build.concat(_pair(node, lanes[0], transform)))
    return [rows.labels(numbers, labels), rows.numbers(scores)]


def _pair_weights(weights: Floats, per_class: Sequence[int], pairs: Sequence[tuple[int, int]]) -> Floats:
    """The weights of all vectors for each pair of classes, (n_pairs, n_vectors), from libsvm's rows of others."""
    ends = np.cumsum([0, *per_class])
    found = np.zeros((len(pairs), weights.shape[1]))
    for row, (first, second) in zip(found, pairs, strict=True):
        row[ends[first] : ends[first + 1]] = weights[second - 1, ends[first] : ends[first + 1]]
        row[ends[second] : ends[second + 1]] = weights[first, ends[second] : ends[second + 1]]
    return found


def _voted(margins: Sequence[Block], pairs: Sequence[tuple[int, int]], n_labels: int) -> Block:
    """The class with most votes: of each pair the first where its margin is above 0, else the second."""
    votes: list[Block | None] = [None] * n_labels
    for margin, (first, second) in zip(margins, pairs, strict=True):
        won = build.less(ZERO, margin)
        for label, vote in ((first, won), (second, build.subtract(ONE, won))):
            known = votes[label]
            votes[label] = vote if known is None else build.add(known, vote)
    return build.argmax(build.concat([vote for vote in votes if vote is not None]))


def _pair(node: Node, score: Block, transform: str) -> list[Block]:
    """Both scores of two classes without probabilities."""
    if transform == "PROBIT":
        raise node.refused("of a single score with PROBIT, ONNX Runtime leaves the second open")
    if transform == "NONE":
        return [build.negate(score), score]
    if transform == "LOGISTIC":
        return [logistic(build.negate(score)), logistic(score)]
    return [single(build.subtract(ONE, score)), score]


def _probabilities(score: Block, slope: float, shift: float) -> list[Block]:
    """The probabilities of two classes: Platt's sigmoid of the margin, coupled as libsvm does."""
    steepness = build.add(build.multiply(score, build.number(slope)), build.number(shift))
    pairwise = build.clip(build.sigmoid(build.negate(steepness)), build.number(LEAST), build.number(1.0 - LEAST))
    first = coupled(pairwise)
    return [first, build.subtract(ONE, first)]


def _linear(
    node: Node, labels: Sequence[Label], rho: float, transform: str, has_probabilities: bool
) -> Sequence[Value]:
    """Without support vectors: a score for each label. Of two labels the second wins where the larger is above 0.

    So it is in ONNX Runtime (from 0.5 on, where no coefficient is negative), but for files with probabilities.
    """
    rows = rows_of(node)
    weights = weights_of(node, len(labels), rows.width)
    node.ignore("support_vectors", "prob_a", "prob_b")
    numbers, scores = [], []
    for x in rows.blocks:
        lanes = build.lanes(single(build.linear(single(x), weights, rho)))
        number = place(build.concat(lanes))
        if len(labels) == 2 and not has_probabilities:
            top = build.where(build.less(lanes[0], lanes[1]), lanes[1], lanes[0])
            above = build.less_equal(build.number(0.5), top) if (weights >= 0.0).all() else build.less(ZERO, top)
            number = build.where(above, ONE, number)
        numbers.append(number)
        scores.append(build.concat(transformed(lanes, transform)))
    return [rows.labels(numbers, list(labels)), rows.numbers(scores)]
