"""Trees that follow every path that a missing value leaves open: weightedConfidence and aggregateNodes.

A node asks its children in order. The first one whose predicate is true is followed, and with it each one before it
whose predicate is unknown. Where a row follows one that is unknown, its result is that of all leaves that it reaches:

* weightedConfidence: the confidences of each class, weighted by the share that a child has of its node's records. The
  share is only certain where all children are unknown together, so the predicates of siblings must ask the same fields,
  and the records of a node be those of its children.
* aggregateNodes: the sums of the record counts of each class, of which the shares are the probabilities.

The class is the first of the largest. Every node has blocks of its own over those of its neighbours, so that paths are
never counted one by one.

Source: PMML 4.4, "Tree Models", section "Missing value strategies".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from indb import build
from indb.ir import Apply, Block, Concat, Const, Floats, Linear, Lookup, Op, Reduce, ReduceOp
from indb.readers.pmml import predicates, values
from indb.readers.pmml.document import Element
from indb.readers.pmml.predicates import PREDICATES, Logic
from indb.readers.pmml.scope import Scope
from indb.readers.pmml.trees import Node

STRATEGIES = ("weightedConfidence", "aggregateNodes")

MAX_NODES = 2_000
"""How many nodes a tree has at most: each has blocks of its own."""

SEVERAL = -1.0
"""The number of the node that a row reaches where it reaches several."""


@dataclass(frozen=True)
class Paths:
    """Where rows come to. `last`: a node without a true child is where they stay."""

    nodes: Sequence[Node]
    last: bool
    logics: Sequence[Logic]

    @classmethod
    def read(cls, nodes: Sequence[Node], scope: Scope, last: bool) -> Paths:
        """Raises: UnsupportedModel where the tree is too large."""
        if len(nodes) > MAX_NODES:
            raise nodes[0].element.refused(f"its missingValueStrategy, with {len(nodes)} nodes, needed <= {MAX_NODES}")
        return cls(nodes, last, [predicates.read_predicate(node.predicate, scope) for node in nodes])

    def number(self) -> Block:
        """The number of the node that is reached, SEVERAL where there are several, missing where there is none."""
        several = build.number(SEVERAL)
        found: dict[int, Block] = {}
        for place, node in reversed(list(enumerate(self.nodes))):
            own: Block = build.number(float(place))
            result = own if self.last or not node.children else build.MISSING
            for child in reversed(node.children):
                logic = self.logics[child]
                result = build.where(logic.unknown, several, result)
                result = build.where(logic.true, found.pop(child), result)
            found[place] = result
        return build.where(self.logics[0].true, found[0], build.MISSING)

    def confidences(self, table: Floats) -> Block:
        """The rows of a table, (n_nodes, n_classes), by the node that is reached, weighted where there are several.

        Raises: UnsupportedModel where the weights are not certain.
        """
        nothing = _row(np.full(table.shape[1], math.nan))
        found: dict[int, Block] = {}
        for place, node in reversed(list(enumerate(self.nodes))):
            result = _row(table[place]) if self.last or not node.children else nothing
            if node.children:
                children = [found.pop(child) for child in node.children]
                for child, lanes in reversed(list(zip(node.children, children, strict=True))):
                    result = build.where(self.logics[child].true, lanes, result)
                unknown = self._unknown(node)
                if unknown is not predicates.NO:
                    result = build.where(unknown, self._weighted(node, children), result)
            found[place] = result
        return build.where(self.logics[0].true, found[0], nothing)

    def _unknown(self, node: Node) -> Block:
        """1.0 where the predicates of all children are unknown; else all of them are known."""
        gaps = {gap_of(self.nodes[child].predicate) for child in node.children}
        if len(gaps) != 1 or None in gaps:
            raise node.element.refused("missingValueStrategy='weightedConfidence' of predicates of different fields")
        return predicates.NO if gaps == {NEVER} else self.logics[node.children[0]].unknown

    def _weighted(self, node: Node, children: Sequence[Block]) -> Block:
        counts = [self.nodes[child].element.number("recordCount") for child in node.children]
        total = math.fsum(counts)
        if node.element.number("recordCount") != total or total <= 0.0 or min(counts) < 0.0:
            raise node.element.refused(f"its recordCount is not that of its children, {total:g}, or is 0")
        parts = [
            build.divide(build.multiply(lanes, build.number(count)), build.number(total))
            for lanes, count in zip(children, counts, strict=True)
        ]
        return reduce(build.add, parts)

    def counts(self, table: Floats) -> Block:
        """The sums of the rows of a table, (n_nodes, n_classes), of all leaves that are reached."""
        reached: dict[int, Block] = {0: self.logics[0].true}
        leaves: dict[int, Block] = {}
        for place, node in enumerate(self.nodes):
            still = reached.pop(place)
            if not node.children:
                leaves[place] = still
            for child in node.children:
                logic = self.logics[child]
                reached[child] = values.both(still, values.opposite(logic.false))
                still = values.both(still, values.opposite(logic.true))
        return Linear(Concat(tuple(leaves.values())), table[list(leaves)].T, np.zeros(table.shape[1]))


def _row(numbers: Floats) -> Block:
    return Const(tuple(numbers.tolist()))


NEVER: frozenset[str] = frozenset()
"""The gap of a predicate that is never unknown."""


def gap_of(predicate: Element) -> frozenset[str] | None:
    """The fields of which all must be missing for a predicate to be unknown, else it is known; None where it is more.

    NEVER: of one that is always known.
    """
    if predicate.name in ("True", "False"):
        return NEVER
    if predicate.name != "CompoundPredicate":
        is_gap = predicate.name == "SimplePredicate" and predicate.get("operator") in ("isMissing", "isNotMissing")
        return NEVER if is_gap else frozenset({predicate.needed("field")})
    gaps = [gap_of(part) for part in predicate.all(*PREDICATES)]
    known = [gap for gap in gaps if gap is not None]
    if len(known) < len(gaps) or not known:
        return None
    if predicate.get("booleanOperator") == "surrogate":
        return NEVER if NEVER in known else NEVER.union(*known)
    return known[0] if len(set(known)) == 1 else None


def shares(counts: Block) -> Block:
    """Counts over their sum; missing where that is 0."""
    total = Reduce(ReduceOp.SUM, counts)
    return build.divide(counts, build.where(build.less(build.number(0.0), total), total, build.MISSING))


def largest(lanes: Block) -> Block:
    """The number of the first of the largest lanes; missing where none is above 0."""
    top = Reduce(ReduceOp.MAX, lanes)
    return build.where(build.less(build.number(0.0), top), build.argmax(lanes), build.MISSING)


def at(number: Block, several: Block, table: Floats) -> Block:
    """The row of a table for the node that is reached, `several` where there are several, else missing."""
    keys = tuple(float(place) for place in range(len(table)))
    nothing = (math.nan,) * table.shape[1]
    own = Lookup(number, keys, tuple(map(tuple, table.tolist())), nothing, nothing)
    return build.where(Apply(Op.EQ, (number, build.number(SEVERAL))), several, own)
