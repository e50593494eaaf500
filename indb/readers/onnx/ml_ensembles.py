"""Trees of ai.onnx.ml as TreeEnsemble blocks: every test of a node becomes `x <= w`, or a set of categories.

ONNX Runtime compares float32 numbers where the input holds float32 or integers, and doubles where it holds doubles. A
threshold is moved, once, so that it decides alike for every double (indb.build.split_threshold); only sets, which have
no such border, read the rounded feature. A test `x < t` is `x <=` the number below t, `x > t` the negated `x <= t` with
its branches swapped. NaN fails every test but NEQ, unless missing_value_tracks_true says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from indb import build
from indb.ir import Apply, Block, Concat, Floats, Op, Take, TreeEnsemble
from indb.readers.onnx.ml_trees import Forest, Mode
from indb.readers.onnx.operators import Node
from indb.readers.onnx.values import Refused

MAX_NODES = 2**21
"""Nodes of all blocks of a file."""

MAX_COPIES = 8
"""How many times the nodes of a file a block may have: a node that several lead to is written once for each of them."""

LARGEST = float(np.finfo(np.float32).max) / 4.0
"""What float32 sums of leaves stay below, in blocks."""


def unrounded(block: Block) -> Block:
    """The block without a rounding to float32 of its lanes, for what rounds them itself."""
    match block:
        case Apply(Op.SINGLE, (x,)):
            return x
        case Concat(parts):
            return Concat(tuple(unrounded(part) for part in parts))
        case Take(x, lanes):
            return Take(unrounded(x), lanes)
    return block


PLAIN, ROUNDED, CUT = range(3)
"""In which form a node reads its feature: as it is, as a float32 (where the input is one), or cut to an integer."""

SMALL_SET = 30.0
"""A set with a number above this, or below 0, is one of int32 for ONNX Runtime, which looks for x cut to one there."""


@dataclass(frozen=True, slots=True)
class Test:
    """A node of a block: x <= threshold, or x in `members`, leads to `left`."""

    threshold: float
    members: tuple[float, ...] | None
    left: int
    right: int
    missing_left: bool
    form: int = PLAIN


@dataclass
class Growth:
    """The node arrays of a block that grows to at most `limit` nodes, each tree from its root."""

    limit: int
    feature: list[int] = field(default_factory=list)
    threshold: list[float] = field(default_factory=list)
    category_set: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    missing_left: list[bool] = field(default_factory=list)
    leaf: list[int] = field(default_factory=list)
    sets: dict[tuple[float, ...], int] = field(default_factory=dict)
    forms: list[int] = field(default_factory=list)

    def leaves(self, leaf: int) -> int:
        """The place of a new leaf."""
        return self._add(-1, 0.0, -1, False, leaf, PLAIN)

    def tests(self, feature: int, test: Test) -> int:
        """The place of a new node, whose children are not known yet."""
        number = -1 if test.members is None else self.sets.setdefault(test.members, len(self.sets))
        return self._add(feature, test.threshold, number, test.missing_left, -1, test.form)

    def _add(self, feature: int, threshold: float, category_set: int, missing_left: bool, leaf: int, form: int) -> int:
        if len(self.feature) >= self.limit:
            raise Refused(f"its trees have more than {self.limit} nodes, each written once for every way to it")
        self.feature.append(feature)
        self.threshold.append(threshold)
        self.category_set.append(category_set)
        self.missing_left.append(missing_left)
        self.leaf.append(leaf)
        self.forms.append(form)
        self.left.append(-1)
        self.right.append(-1)
        return len(self.feature) - 1


class Grower:
    """Makes blocks of a forest over an input. `single`: x is rounded to float32 before it is compared."""

    def __init__(self, node: Node, forest: Forest, x: Block, single: bool) -> None:
        self.node = node
        self.forest = forest
        self.width = x.width
        self.single = single
        self.exact = ROUNDED if single else PLAIN
        plain = unrounded(x) if single else x
        rounded = build.single(plain) if single else x
        self.inputs = (plain, rounded, build.truncate(rounded))
        self.borders = _borders(forest, single)

    def block(self, roots: Sequence[int], values: Floats, base: Floats, single: bool) -> TreeEnsemble:
        """base + the leaf rows of trees; row i of `values` is that of node i, rows of inner nodes are never read."""
        growth = Growth(MAX_COPIES * len(self.forest.mode) + 1000)
        rows: dict[int, int] = {}
        places = [self._grow(root, growth, rows) for root in roots]
        self.node.spend("nodes of trees", len(growth.feature), MAX_NODES)
        read = sorted({PLAIN, *growth.forms})
        features = [
            feature + self.width * read.index(form)
            for feature, form in zip(growth.feature, growth.forms, strict=True)
        ]  # fmt: skip

        def ints(found: Sequence[int]) -> Any:
            return np.array(found, dtype=np.int32)

        return TreeEnsemble(
            inputs=tuple(self.inputs[form] for form in read),
            roots=ints(places),
            feature=ints(features),
            threshold=np.array(growth.threshold, dtype=np.float64),
            category_set=ints(growth.category_set),
            left=ints(growth.left),
            right=ints(growth.right),
            missing_left=np.array(growth.missing_left, dtype=bool),
            leaf=ints(growth.leaf),
            values=values[list(rows)],
            base=base,
            category_sets=tuple(growth.sets),
            single=single,
        )

    def _grow(self, root: int, growth: Growth, rows: dict[int, int]) -> int:
        """Add a tree, each node before its children; the place of its root."""
        first = len(growth.feature)
        stack: list[tuple[int, int, list[int]]] = [(root, -1, [])]
        while stack:
            node, parent, side = stack.pop()
            test = self._test(node)
            while isinstance(test, int):  # a node that sends every row the same way
                node, test = test, self._test(test)
            if test is None:
                place = growth.leaves(rows.setdefault(node, len(rows)))
            else:
                place = growth.tests(self.forest.feature[node], test)
                stack.append((test.right, place, growth.right))
                stack.append((test.left, place, growth.left))
            if parent >= 0:
                side[parent] = place
        return first

    def _test(self, node: int) -> Test | int | None:
        """The test of a node, the child that all rows go to, or None for a leaf."""
        forest = self.forest
        mode, value, yes, no = forest.mode[node], forest.value[node], forest.yes[node], forest.no[node]
        tracks = forest.tracks[node]
        if mode is Mode.LEAF:
            return None
        if mode is Mode.NEQ:
            return yes if math.isnan(value) else Test(0.0, (value,), no, yes, False, self.exact)
        if mode is Mode.MEMBER:
            members = tuple(dict.fromkeys(forest.members[node]))
            is_small = all(0.0 <= member <= SMALL_SET for member in members)
            if not is_small and any(abs(member) >= 2.0**31 or member != int(member) for member in members):
                raise Refused("it has a set of other numbers than int32, which ONNX Runtime does not take")
            return Test(0.0, members, yes, no, tracks, self.exact if is_small else CUT)
        if mode is Mode.EQ:
            members, no = self._chain(node)
            return Test(0.0, members, yes, no, tracks, self.exact) if members else self._never(yes, no, tracks)
        if math.isnan(value):
            return self._never(yes, no, tracks)
        border = self.borders[node]
        if mode is Mode.LEQ:
            return Test(border, None, yes, no, tracks)
        if mode is Mode.GT:
            return Test(border, None, no, yes, not tracks)
        if value == -math.inf:  # nothing is below it
            return self._never(yes, no, tracks) if mode is Mode.LT else self._never(no, yes, not tracks)
        return Test(border, None, yes, no, tracks) if mode is Mode.LT else Test(border, None, no, yes, not tracks)

    def _never(self, yes: int, no: int, tracks: bool) -> Test | int:
        """The test of a node that no number passes."""
        return Test(math.inf, None, no, yes, False) if tracks else no

    def _chain(self, node: int) -> tuple[tuple[float, ...], int]:
        """(the numbers that lead to the same child, where others go) of nodes that test for equality one by one."""
        forest = self.forest
        found: dict[float, None] = {}
        yes, feature, tracks = forest.yes[node], forest.feature[node], forest.tracks[node]
        while True:
            if not math.isnan(forest.value[node]):
                found[forest.value[node]] = None
            node = forest.no[node]
            alike = forest.mode[node] is Mode.EQ and forest.yes[node] == yes
            if not alike or (forest.feature[node], forest.tracks[node]) != (feature, tracks):
                return tuple(found), node


def _borders(forest: Forest, single: bool) -> list[float]:
    """For each node the largest number that x <= value, or x < value, holds for; 0.0 where it has no border."""
    values = np.array(forest.value, dtype=np.float64)
    strict = np.array([mode in (Mode.LT, Mode.GTE) for mode in forest.mode])
    values[np.isnan(values)] = 0.0
    if not single:
        return [float(each) for each in np.where(strict, np.nextafter(values, -np.inf), values)]
    with np.errstate(over="ignore"):
        below = np.nextafter(values.astype(np.float32), np.float32(-np.inf)).astype(np.float64)
    return [float(each) for each in build.split_thresholds(np.where(strict, below, values))]
