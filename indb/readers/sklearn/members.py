"""What estimators that are made of estimators share: reading a member, its classes among others, sums and votes.

A member may have been fitted on other labels than the whole (their numbers, or a part of the classes), so what it says
is always led through its own labels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np

from indb import build
from indb.ir import Apply, Block, Concat, Floats, Label, Lookup, Op, Reduce, ReduceOp, Take, Target, TreeEnsemble
from indb.readers.base import Frame, Reading, read_step


@dataclass(frozen=True)
class Member:
    """A fitted estimator that is a part of another one, and the target that was read of it."""

    estimator: Any
    target: Target
    reading: Reading

    def has(self, method: str) -> bool:
        """Whether the library would find this method on the estimator."""
        return hasattr(self.estimator, method)

    def output(self, method: str) -> Block:
        """What a method gives; a class number for `predict` of a classifier.

        Raises: UnsupportedModel where that is not read.
        """
        found = self.target.outputs.get(method)
        if found is None:
            name = type(self.estimator).__name__
            raise self.reading.unsupported(f"it calls {method} of its {name}, which indb does not read")
        return found

    def value(self) -> Block:
        """What `predict` gives, as a number.

        Raises: UnsupportedModel for labels that are text.
        """
        labels = self.target.labels
        if labels is None:
            return self.output("predict")
        if any(isinstance(label, str) for label in labels):
            raise self.reading.unsupported("it computes with the labels of a member that are text, needed numbers")
        return renumbered(self.output("predict"), np.array([[float(label)] for label in labels]))

    def places(self, classes: Sequence[Label]) -> list[int]:
        """The place of each of the member's classes among `classes`.

        Raises: UnsupportedModel where one is not there.
        """
        labels = self.target.labels
        if labels is None or not set(labels) <= set(classes):
            raise self.reading.unsupported(f"a member has the classes {labels}, needed some of {tuple(classes)}")
        return [list(classes).index(label) for label in labels]

    def number(self, classes: Sequence[Label]) -> Block:
        """The number among `classes` of the class that the member predicts."""
        return renumbered(self.output("predict"), np.array([[float(place)] for place in self.places(classes)]))

    def votes(self, classes: Sequence[Label], won: float = 1.0, lost: float = 0.0) -> Block:
        """A lane for each of `classes`: `won` for the one that the member predicts, `lost` for all others."""
        places = np.array(self.places(classes))
        rows = np.where(np.arange(len(classes)) == places.reshape(-1, 1), won, lost)
        return renumbered(self.output("predict"), rows)

    def score(self) -> Block:
        """How much the member is for the second of two classes, one lane. Source: sklearn.multiclass._predict_binary.

        A regressor's prediction, else the decision function, else the probability of the second class.
        """
        from sklearn.base import is_regressor

        if is_regressor(self.estimator):
            return self.value()
        if self.has("decision_function"):
            return self.single("decision_function")
        return build.lane(self.output("predict_proba"), 1)

    def single(self, method: str) -> Block:
        """A method that gives one lane. Raises: UnsupportedModel where it gives more."""
        found = self.output(method)
        if found.width != 1:
            raise self.reading.unsupported(f"{method} of a member gives {found.width} lanes, needed one")
        return found

    def first_of(self, methods: Sequence[str]) -> str:
        """The first of some methods that the estimator has. Source: sklearn.utils.validation._check_response_method."""
        for method in methods:
            if self.has(method):
                return method
        raise self.reading.unsupported(f"a member has none of the methods {', '.join(methods)}")


def read_member(estimator: Any, frame: Frame, reading: Reading) -> Member:
    """A member that predicts one target.

    Raises: UnsupportedModel where it is not read, predicts nothing or several targets.
    """
    found = read_step(estimator, frame, reading)
    if not isinstance(found, list) or len(found) != 1:
        count = f"{len(found)} targets" if isinstance(found, list) else "none"
        raise reading.unsupported(f"its member {type(estimator).__name__} predicts {count}, needed one target")
    return Member(estimator, found[0], reading)


def read_members(estimators: Sequence[Any], frame: Frame, reading: Reading) -> list[Member]:
    """Members that are all given the same columns."""
    return [read_member(estimator, frame, reading) for estimator in estimators]


def require_finite_sum(x: Block, reading: Reading) -> None:
    """Refuse a computed number that overflowed: an infinity, for which PostgreSQL has the largest double."""
    reading.require_finite(x, limit=math.nextafter(build.FLOAT64_MAX, 0.0))


def shared(members: Sequence[Member], method: str) -> bool:
    """Whether every member has a method, and it was read."""
    return all(member.has(method) and method in member.target.outputs for member in members)


def renumbered(number: Block, rows: Floats) -> Block:
    """The row of `rows` for a class number (width 1): in the leaves of a single tree, else by a lookup."""
    if np.array_equal(rows, np.arange(len(rows)).reshape(-1, 1)):
        return number
    if isinstance(number, TreeEnsemble) and _is_one_tree(number):
        values = rows[number.values[:, 0].astype(int)]
        return replace(number, values=np.ascontiguousarray(values, dtype=np.float64), base=np.zeros(rows.shape[1]))
    keys = tuple(float(key) for key in range(len(rows)))
    table = tuple(tuple(float(value) for value in row) for row in rows)
    gap = build.refused(rows.shape[1])
    return Lookup(number, keys, table, gap, gap)


def in_float32(block: Block) -> bool:
    """Whether the library of a member gives this in float32: what is made of such numbers alone is rounded to it."""
    match block:
        case TreeEnsemble():
            return block.single
        case Concat(parts):
            return all(map(in_float32, parts))
        case Take(x, _):
            return in_float32(x)
        case Apply(Op.WHERE, (_, then, other)) | Apply(Op.MIN | Op.MAX, (then, other)):
            return in_float32(then) and in_float32(other)
        case Apply(op, _):
            return op is Op.SINGLE
    return False


def two_probabilities(positive: Block) -> Block:
    """[1 - p, p] of the probability of the second class, in float32 where it is."""
    other = build.subtract(build.number(1.0), positive)
    return build.concat([build.single(other) if in_float32(positive) else other, positive])


def summed(parts: Sequence[Block], single: bool = False) -> Block:
    """Blocks of one width, added in order lane by lane; single trees become one ensemble.

    single: each sum on the way is rounded to float32, as where arrays of float32 are added.
    """
    if len(parts) == 1:
        return parts[0]
    if single:
        return reduce(lambda total, part: build.single(build.add(total, part)), parts)
    trees = [part for part in parts if isinstance(part, TreeEnsemble)]
    if len(trees) == len(parts) and all(map(_is_one_tree, trees)):
        return _joined(trees)
    columns = zip(*(build.lanes(part) for part in parts), strict=True)
    return build.concat([Reduce(ReduceOp.SUM, build.concat(list(column))) for column in columns])


def weighted(parts: Sequence[Block], weights: Sequence[float] | None) -> list[Block]:
    """Each part times its weight."""
    if weights is None:
        return list(parts)
    pairs = zip(parts, weights, strict=True)
    return [Apply(Op.MUL, (part, build.number(float(weight)))) for part, weight in pairs]


def _is_one_tree(block: TreeEnsemble) -> bool:
    """Whether it is a tree over single lanes that adds to nothing."""
    alone = len(block.roots) == 1 and not block.base.any() and not block.single
    return alone and all(part.width == 1 for part in block.inputs)


def _joined(trees: Sequence[TreeEnsemble]) -> TreeEnsemble:
    """Trees as one ensemble over all of their inputs, each input once."""
    inputs = list({id(part): part for tree in trees for part in tree.inputs}.values())
    place = {id(part): number for number, part in enumerate(inputs)}
    nodes = np.cumsum([0, *(len(tree.feature) for tree in trees)])
    leaves = np.cumsum([0, *(len(tree.values) for tree in trees)])
    sets = np.cumsum([0, *(len(tree.category_sets) for tree in trees)])

    def moved(name: str, offsets: Any) -> Any:
        """An array of all trees, its numbers moved behind those of the trees before; -1 stays."""
        arrays = [getattr(tree, name) for tree in trees]
        shifted = [np.where(array < 0, -1, array + by) for array, by in zip(arrays, offsets, strict=False)]
        return np.concatenate(shifted).astype(np.int32)

    features = []
    for tree in trees:
        places = np.array([place[id(part)] for part in tree.inputs])
        features.append(np.where(tree.feature < 0, -1, places[tree.feature]))
    return TreeEnsemble(
        inputs=tuple(inputs),
        roots=moved("roots", nodes),
        feature=np.concatenate(features).astype(np.int32),
        threshold=np.concatenate([tree.threshold for tree in trees]),
        category_set=moved("category_set", sets),
        left=moved("left", nodes),
        right=moved("right", nodes),
        missing_left=np.concatenate([tree.missing_left for tree in trees]),
        leaf=moved("leaf", leaves),
        values=np.concatenate([tree.values for tree in trees]),
        base=np.zeros(trees[0].width),
        category_sets=tuple(each for tree in trees for each in tree.category_sets),
    )
