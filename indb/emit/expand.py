"""Large expansions and lookups to queries over the tables that hold their constants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from indb.emit.parameters import ParameterTable
from indb.emit.ranges import MAX, TINY, Range
from indb.emit.scalar import Form, Graph, Node
from indb.expansions import expansion_below
from indb.ir import Apply, Block, Const, Distance, Floats, Linear, Lookup, Metric, Nearest, Op, Reduce, ReduceOp

if TYPE_CHECKING:
    from indb.emit.lower import Lowering

WORD = "expansion"
"""What a query is called where it gets a name."""

LEAST_TERM = 1e-300
"""Smaller distances are taken for this one inside a kernel, so that what is made of them does not vanish."""

LEAST_DISTANCE = 1e-150
"""Smaller distances weigh as much as this one, and those beyond its inverse as much as that: sums stay doubles."""


@dataclass(frozen=True, eq=False)
class Query:
    """A query over a table _p whose rows are lanes: it computes `lane` for each, from _p and the values _x.a0, _x.a1 ….

    kind: "sum" of each of `terms` over all lanes (over _q.u, which is the lane, and columns of _p as columns of _q),
    "min", "max", "argmin", "argmax" of the lanes, "nearest": the means of `columns` over the k lowest lanes, and how
    far the next one is from them (0 where they are no distances).
    """

    kind: str
    table: ParameterTable
    lane: Node
    terms: tuple[Node, ...] = ()
    columns: tuple[str, ...] = ()
    k: int = 0
    power: float = 0.0

    @property
    def width(self) -> int:
        """How many values it gives."""
        return len(self.columns) + 1 if self.kind == "nearest" else max(len(self.terms), 1)


class Expander:
    """Writes the blocks that read tables, for one lowering."""

    def __init__(self, lowering: Lowering) -> None:
        self.lowering = lowering
        self.graph = lowering.graph
        self._queries: dict[tuple[object, ...], Node] = {}

    def lane(self, block: Block, lane: int) -> Node:
        """One lane of a block that reads a table."""
        graph = self.graph
        match block:
            case Lookup():
                return self._lookup(block, lane)
            case Linear(_, _, bias):
                return graph.sum([self._total(self._once(block), lane), graph.number(float(bias[lane]))])
            case Nearest((_, slack), values):
                query = self._once(block)
                mean = graph.element(query, lane, Range(), query.value.width)
                gap = graph.element(query, values.shape[1], Range(low=0.0), query.value.width)
                decided = graph.op(Op.LT, self.lowering.lower(slack, 0), gap)
                return graph.op(Op.WHERE, decided, mean, graph.number(float("nan")))
            case Reduce(op):
                return self._reduced(self._once(block), op)
        raise TypeError(f"no query for {type(block).__name__}")

    def _lookup(self, block: Lookup, lane: int) -> Node:
        parameters = self.lowering.parameters
        name, range_ = parameters.column(block, block, lane)
        x = self.lowering.lower(block.x, 0)
        found = self.graph.fetch(x, parameters.table(block), name, range_)
        known = self.graph.op(Op.COALESCE, found, self.lowering.constant(block.unknown[lane], block.kind))
        gap = self.lowering.constant(block.missing[lane], block.kind)
        return self.graph.op(Op.WHERE, self.graph.op(Op.IS_MISSING, x), gap, known)

    def _once(self, block: Block) -> Node:
        """The query of a block, which all its lanes read."""
        key = (id(block), self.lowering.facts)
        if key not in self._queries:
            found = expansion_below(block)
            assert found is not None
            uniform = _Uniform(self.lowering, found.x, isinstance(block, Linear))
            lane = uniform.lower(found.x)
            node = self.graph.query(self._written(block, found.x, uniform.inner, lane), uniform.args)
            self.lowering.words[node.number] = WORD
            self._queries[key] = node
        return self._queries[key]

    def _written(self, block: Block, x: Block, inner: Graph, lane: Node) -> Query:
        parameters = self.lowering.parameters
        table = parameters.table(x)
        match block:
            case Linear():
                weights = [parameters.column(x, block, output) for output in range(block.width)]
                return self._sum(table, inner, lane, weights)
            case Nearest(_, values, k, power):
                columns = tuple(parameters.column(x, block, place)[0] for place in range(values.shape[1]))
                return Query("nearest", table, lane, (), columns, k, power)
            case Reduce(ReduceOp.SUM):
                return self._sum(table, inner, lane, [])
            case Reduce(op):
                return Query(op.value, table, lane)
        raise TypeError(f"no query for {type(block).__name__}")

    def _sum(self, table: ParameterTable, inner: Graph, lane: Node, weights: Sequence[tuple[str, Range]]) -> Query:
        """The sum of the lanes times each of some columns, or of the lanes alone."""
        largest = max([1.0, *(range_.size for _, range_ in weights)]) * len(table.rows)
        smallest = min([1.0, *(range_.tiny for _, range_ in weights)])
        u = inner.tamed(inner.name("_q.u", lane.range), 2.0 * TINY / smallest, MAX / largest / 2.0)
        terms = [inner.op(Op.MUL, u, inner.name(f"_q.{name}", each)) for name, each in weights] or [u]
        return Query("sum", table, lane, tuple(terms), tuple(dict.fromkeys(name for name, _ in weights)))

    def _total(self, query: Node, place: int) -> Node:
        """One of the sums that a query gives."""
        term, count = query.value.terms[place].range, float(len(query.value.table.rows))
        low, high = min(term.low, 0.0) * count, max(term.high, 0.0) * count
        return self.graph.element(query, place, Range(low, high, missing=term.missing, nan=term.nan), query.value.width)

    def _reduced(self, query: Node, op: ReduceOp) -> Node:
        if op is ReduceOp.SUM:
            return self._total(query, 0)
        lane, count = query.value.lane.range, float(len(query.value.table.rows))
        is_number = op in (ReduceOp.ARGMIN, ReduceOp.ARGMAX)
        return self.graph.element(query, 0, Range(0.0, count, 1.0, lane.missing, False) if is_number else lane, 1)


class _Uniform:
    """The lanes of one expansion as a single node over the columns of its table."""

    def __init__(self, lowering: Lowering, root: Block, is_weighed: bool) -> None:
        self.lowering = lowering
        self.root = root
        self.is_weighed = is_weighed
        """Whether the lanes are added up: no distance needs to be told from the smallest one then."""
        self.inner = type(lowering.graph)()
        self.args: list[Node] = []
        self._given: dict[tuple[int, float, float], Node] = {}
        self._done: dict[int, Node] = {}

    def lower(self, x: Block) -> Node:
        """What each lane of a block computes."""
        if x.width == 1:
            return self._value(self.lowering.lower(x, 0))
        if id(x) not in self._done:
            self._done[id(x)] = self._lower(x)
        return self._done[id(x)]

    def _lower(self, x: Block) -> Node:
        graph = self.inner
        match x:
            case Const():
                return self._parameter(x, 0)
            case Apply(op, args):
                return graph.op(op, *map(self.lower, args))
            case Linear(inner, weight, bias):
                terms = [graph.op(Op.MUL, *pair) for pair in self._pairs(x, inner, *_sizes_of_products(weight))]
                return graph.sum([*terms, *([self._parameter(x, inner.width)] if bias.any() else [])])
            case Distance(inner, _, metric):
                sizes = _SQUARED if metric is Metric.SQUARED else _ANY
                differences = [graph.op(Op.SUB, *pair) for pair in self._pairs(x, inner, *sizes)]
                found = distance(graph, metric, differences)
                return graph.tamed_above(found, LEAST_TERM) if self.is_weighed else found
        raise TypeError(f"a {type(x).__name__} is no expansion")

    def _pairs(self, x: Block, inner: Block, least: float, most: float) -> list[tuple[Node, Node]]:
        """The lanes of the row beside the constants that belong to them."""
        most /= inner.width
        return [
            (self._value(value, least, most), self._parameter(x, place))
            for place, value in enumerate(self.lowering.lanes(inner))
        ]

    def _value(self, outer: Node, least: float = 0.0, most: float = MAX) -> Node:
        """A value of the row, no smaller and no larger than that: a constant as it is, any other by a name."""
        if outer.kind is Form.NUMBER:
            return self.inner.number(float("nan") if outer.value is None else outer.value)
        key = (outer.number, least, most)
        if key not in self._given:
            found = self.lowering.graph.tamed(outer, least, most)
            self._given[key] = self.inner.name(f"_x.a{len(self.args)}", found.range)
            self.args.append(found)
        return self._given[key]

    def _parameter(self, block: Block, place: int) -> Node:
        name, range_ = self.lowering.parameters.column(self.root, block, place)
        return self.inner.name(f"_p.{name}", range_)


def _sizes_of_products(weight: Floats) -> tuple[float, float]:
    """Between which sizes a value may lie so that its products with weights are doubles that can be added up."""
    sizes = np.abs(weight[weight != 0.0])
    if not len(sizes):
        return 0.0, MAX
    return min(2.0 * TINY / float(sizes.min()), 1e-150), MAX / max(float(sizes.max()), 1.0) / 4.0


_SQUARED = (1e-140, 1e153)
"""Between which sizes a value may lie so that the squares of its differences to points are doubles."""

_ANY = (0.0, math.inf)


def distance(graph: Graph, metric: Metric, differences: list[Node]) -> Node:
    """How far something is whose lanes differ so much from a point's."""
    if metric is Metric.SQUARED:
        return graph.square_sum(differences)
    sizes = [graph.op(Op.ABS, each) for each in differences]
    if metric is Metric.MANHATTAN:
        return graph.sum(sizes)
    largest = sizes[0]
    for size in sizes[1:]:
        largest = graph.op(Op.MAX, largest, size)
    return largest
