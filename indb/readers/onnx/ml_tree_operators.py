"""TreeEnsembleRegressor, TreeEnsembleClassifier and TreeEnsemble: sums of leaves, and what labels come of them.

Float32 inputs are added in float32, tree after tree and then the base value, so that every score has ONNX Runtime's own
bits; doubles are added as doubles. A target to which no leaf of a row gives a weight has no score, and is written as 0.

The specification is silent on much of the binary case. What is here is what ONNX Runtime gives:

* weights for one class id only: the label is the second where that score is above 0.5 (no weight is negative) or
  above 0; the probabilities are [1 - s, s], or [-s, s] where a weight is negative, and both sigmoids for LOGISTIC;
* weights for both: the label is *not* the larger score, but the second where its own score is above 0; and integer
  labels are 1 and 0 then, whatever classlabels_int64s says;
* two base values: only the second counts where the row has a score for the second class: [-s, s] with s = base + first.

Source: onnxruntime/core/providers/cpu/ml/tree_ensemble_common.h, tree_ensemble_aggregator.h, and their results.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from indb import build
from indb.ir import Apply, Block, Floats, Label, Op
from indb.readers.onnx import ml_scores
from indb.readers.onnx.limits import MAX_LANES, MAX_LEAF_VALUES
from indb.readers.onnx.ml_ensembles import LARGEST, Grower
from indb.readers.onnx.ml_rows import Rows, rows_of
from indb.readers.onnx.ml_scores import ONE, ZERO, transform_of, transformed
from indb.readers.onnx.ml_trees import Forest, floats, new_forest, old_forest
from indb.readers.onnx.operators import ML, Node, operator
from indb.readers.onnx.values import Value

AGGREGATES = ("AVERAGE", "SUM", "MIN", "MAX")
"""The values of aggregate_function, by their numbers in version 5 of TreeEnsemble."""

Has: TypeAlias = "bool | Block"
"""Whether a row has a score for a target: always, never, or where a block says so."""


@dataclass(frozen=True)
class Scores:
    """What the trees give for one row: a lane for each target, and whether the row has it."""

    lanes: list[Block]
    has: list[Has]


def where_has(has: Has, then: Block, other: Block) -> Block:
    """`then` for rows that have a score, else `other`."""
    if isinstance(has, bool):
        return then if has else other
    return build.where(has, then, other)


@dataclass(frozen=True)
class Summing:
    """How the leaves of a node are put together. `single`: in float32."""

    node: Node
    forest: Forest
    aggregate: str
    single: bool

    def __post_init__(self) -> None:
        if self.forest.n_targets > MAX_LANES:
            raise self.node.refused(f"it has {self.forest.n_targets} targets, needed at most {MAX_LANES}")
        self.node.spend("leaf values", len(self.forest.mode) * self.forest.n_targets, MAX_LEAF_VALUES)
        total = sum(max((abs(w) for at in self.forest.leaves(root) for _, w in self.forest.weights[at]), default=0.0)
                    for root in self.forest.roots)  # fmt: skip
        if not total < (LARGEST if self.single else math.inf):
            raise self.node.refused("its weights are not finite, or their sum may not be")

    def scores(self, x: Block) -> Scores:
        """The scores of a row without base values."""
        grower = Grower(self.node, self.forest, x, self.single)
        if self.forest.n_targets == 1:
            return Scores(self._lanes(grower), [True])
        return Scores(self._lanes(grower), self._has(grower))

    def _lanes(self, grower: Grower) -> list[Block]:
        forest, width = self.forest, self.forest.n_targets
        if self.aggregate in ("MIN", "MAX"):
            gap = math.inf if self.aggregate == "MIN" else -math.inf
            trees = [grower.block([root], self._values(gap), np.zeros(width), False) for root in forest.roots]
            found: Block = trees[0]
            for tree in trees[1:]:
                found = Apply(Op.MIN if self.aggregate == "MIN" else Op.MAX, (found, tree))
            return build.lanes(found)
        total: Block = grower.block(forest.roots, self._values(0.0), np.zeros(width), self.single)
        if self.aggregate == "AVERAGE":
            total = self.rounded(build.divide(total, build.number(float(len(forest.roots)))))
        return build.lanes(total)

    def _values(self, gap: float) -> Floats:
        """The row of leaf values for each node, `gap` where it has none."""
        values = np.full((len(self.forest.mode), self.forest.n_targets), gap)
        for at, held in enumerate(self.forest.weights):
            for target, weight in held:
                values[at, target] = weight
            if len({target for target, _ in held}) < len(held):
                raise self.node.refused("a leaf has two weights for the same target")
        return values

    def _has(self, grower: Grower) -> list[Has]:
        forest = self.forest
        given = [[{target for target, _ in forest.weights[at]} for at in forest.leaves(root)] for root in forest.roots]
        always = {target for leaves in given for target in set.intersection(*leaves)}
        ever = {target for leaves in given for target in set.union(*leaves)}
        found: list[Has] = [target in always for target in range(forest.n_targets)]
        if ever > always:
            values = np.zeros((len(forest.mode), forest.n_targets))
            for at, held in enumerate(forest.weights):
                values[at, [target for target, _ in held]] = 1.0
            counts = build.lanes(grower.block(forest.roots, values, np.zeros(forest.n_targets), False))
            for target in ever - always:
                found[target] = build.less(ZERO, counts[target])
        return found

    def rounded(self, x: Block) -> Block:
        """x in the type that scores are added in."""
        return build.single(x) if self.single else x

    def plus(self, x: Block, base: float) -> Block:
        """x + base in that type."""
        return x if base == 0.0 else self.rounded(build.add(x, build.number(base)))


def bases(node: Node, dtype: Any, sizes: Sequence[int]) -> list[float]:
    """The base values. Raises: ModelFileError for another number of them, as ONNX Runtime does."""
    found = floats(node, "base_values", dtype)
    if len(found) not in sizes:
        raise node.damaged(f"it has {len(found)} base values, needed {' or '.join(map(str, sizes))}")
    if not all(map(math.isfinite, found)):
        raise node.refused("its base values are not finite")
    return found


def threshold_type(node: Node) -> Any:
    """In what ONNX Runtime compares and adds: double for doubles, else float32."""
    return np.dtype(np.float64 if node.number(0).dtype == np.float64 else np.float32)


def regressed(summing: Summing, base: Sequence[float], transform: str, rows: Rows, dtype: Any) -> Value:
    """The scores of a regressor; of a single one, ONNX Runtime transforms nothing but a probit."""
    found = []
    for x in rows.blocks:
        scores = summing.scores(x)
        lanes = [summing.plus(lane, value) for lane, value in zip(scores.lanes, base or [0.0] * 2**20, strict=False)]
        if len(lanes) == 1:
            lanes = [ml_scores.probit(ml_scores.rounded(lanes[0]))] if transform == "PROBIT" else lanes
        else:
            lanes = [where_has(has, lane, ZERO) for has, lane in zip(scores.has, lanes, strict=True)]
            lanes = transformed(lanes, transform)
        if dtype == np.float32 and not summing.single:
            lanes = [ml_scores.rounded(lane) for lane in lanes]
        found.append(build.concat(lanes))
    return rows.numbers(found, dtype)


@operator("TreeEnsembleRegressor", domain=ML)
def regressor(node: Node) -> Value:
    """Trees with weights for n_targets; the result is float32."""
    rows, dtype = rows_of(node), threshold_type(node)
    if not node.number(0).is_float:
        raise node.refused("its input holds integers, which ONNX Runtime has no kernel for")
    n_targets, transform = node.integer("n_targets"), transform_of(node)
    aggregate = node.string("aggregate_function", "SUM")
    if n_targets < 1 or aggregate not in AGGREGATES:
        raise node.damaged(f"it has {n_targets} targets, put together by {aggregate[:40]!r}")
    forest = old_forest(node, "target", n_targets, rows.width, dtype)
    summing = Summing(node, forest, aggregate, dtype == np.float32)
    return regressed(summing, bases(node, dtype, (0, n_targets)), transform, rows, np.dtype(np.float32))


@operator("TreeEnsemble", domain=ML)
def ensemble(node: Node) -> Value:
    """Trees of version 5, in float32 or in doubles throughout."""
    rows, dtype = rows_of(node), node.number(0).dtype
    if dtype not in (np.float32, np.float64):
        raise node.refused(f"its input holds {dtype}, needed float32 or doubles")
    aggregate, transform = node.integer("aggregate_function", 1), node.integer("post_transform")
    if not (0 <= aggregate < len(AGGREGATES) and 0 <= transform < len(ml_scores.TRANSFORMS)):
        raise node.damaged(f"it has the aggregate function {aggregate} and the transform {transform}")
    summing = Summing(node, new_forest(node, rows.width, dtype), AGGREGATES[aggregate], dtype == np.float32)
    return regressed(summing, [], ml_scores.TRANSFORMS[transform], rows, dtype)


@operator("TreeEnsembleClassifier", domain=ML)
def classifier(node: Node) -> Sequence[Value]:
    """Labels and scores (float32) of trees with weights for classes."""
    rows, dtype = rows_of(node), threshold_type(node)
    texts, numbers = node.strings("classlabels_strings"), node.integers("classlabels_int64s")
    labels: list[Label] = [*(texts or numbers or [])]
    if len(labels) < 2:
        raise node.refused(f"it has {len(labels)} labels, needed two")
    transform = transform_of(node)
    forest = old_forest(node, "class", len(labels), rows.width, dtype)
    summing = Summing(node, forest, "SUM", dtype == np.float32)
    base = bases(node, dtype, (0, 1, 2) if len(labels) == 2 else (0, len(labels)))
    ids = set(node.integers("class_ids") or [])
    positive = all(weight >= 0.0 for weight in floats(node, "class_weights", dtype))
    found = []
    for x in rows.blocks:
        scores = summing.scores(x)
        if len(labels) == 2:
            found.append(Binary(summing, scores, base, len(ids) == 1, positive, transform).result())
        else:
            found.append(several(summing, scores, base, transform))
    if len(labels) == 2 and len(ids) != 1 and not texts:
        labels = [0, 1]
    probabilities = [build.concat([ml_scores.rounded(lane) for lane in lanes]) for _, lanes in found]
    return [rows.labels([number for number, _ in found], labels), rows.numbers(probabilities)]


def several(summing: Summing, scores: Scores, base: Sequence[float], transform: str) -> tuple[Block, list[Block]]:
    """(number of the class, scores) of three classes and more: the first of the largest that the row has."""
    lanes, has = scores.lanes, scores.has
    if base:
        lanes, has = [summing.plus(lane, value) for lane, value in zip(lanes, base, strict=True)], [True] * len(lanes)
    if not any(each is True for each in has):  # ONNX Runtime refuses rows that have no score at all
        summing.node.require(_any([each for each in has if not isinstance(each, bool)], summing.node))
    compared = [where_has(each, lane, build.number(-math.inf)) for each, lane in zip(has, lanes, strict=True)]
    shown = [where_has(each, lane, ZERO) for each, lane in zip(has, lanes, strict=True)]
    return build.argmax(build.concat(compared)), transformed(shown, transform)


def _any(conditions: Sequence[Block], node: Node) -> Block:
    if not conditions:
        raise node.refused("it has no weights")
    found = conditions[0]
    for condition in conditions[1:]:
        found = Apply(Op.OR, (found, condition))
    return found


@dataclass(frozen=True)
class Binary:
    """The scores of two classes. `one_id`: all weights are for one class id; `positive`: none is negative."""

    summing: Summing
    scores: Scores
    base: Sequence[float]
    one_id: bool
    positive: bool
    transform: str

    def result(self) -> tuple[Block, list[Block]]:
        """(number of the class, scores of both)."""
        second = self.scores.has[1]
        if len(self.base) == 2:
            label, lanes = self._two_bases(second)
            return label, transformed(lanes, self.transform)
        first = self._first()
        both = [first, where_has(second, self.scores.lanes[1], ZERO)]
        label = self._label(where_has(second, both[1], first))
        if second is True:
            return label, transformed(both, self.transform)
        alone = self._alone(first)
        if second is False:
            return label, alone
        pairs = zip(transformed(both, self.transform), alone, strict=True)
        return label, [build.where(second, *pair) for pair in pairs]

    def _first(self) -> Block:
        """The score of the first class, to which a single base value is added; 0 where the row has none."""
        lane = self.summing.plus(self.scores.lanes[0], self.base[0] if self.base else 0.0)
        return where_has(self.scores.has[0], lane, ZERO)

    def _label(self, score: Block) -> Block:
        border = 0.5 if self.one_id and self.positive else 0.0
        return build.less(build.number(border), score)

    def _two_bases(self, second: Has) -> tuple[Block, list[Block]]:
        plus, first = self.summing.plus, self.scores.has[0]
        score = plus(self.scores.lanes[0], self.base[1])
        with_second = [where_has(first, build.negate(score), ZERO), score]
        without = where_has(first, plus(self.scores.lanes[0], self.base[0]), ZERO)
        label = self._label(where_has(second, score, without))
        return label, [where_has(second, with_second[0], without), where_has(second, with_second[1], ZERO)]

    def _alone(self, score: Block) -> list[Block]:
        """Both scores where a row has one of the first class only."""
        if self.transform == "PROBIT" or (self.base and not self.one_id):
            raise self.summing.node.refused("ONNX Runtime leaves the second score open")
        if self.transform == "LOGISTIC":
            lanes = [ml_scores.rounded(lane) for lane in (build.negate(score), score)]
            return [ml_scores.logistic(lane) for lane in lanes]
        if self.one_id and self.positive:
            return [self.summing.rounded(build.subtract(ONE, score)), score]
        return [build.negate(score), score]
