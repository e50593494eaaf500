"""The scalar graph: one node for each value of one row. Equal expressions are one object.

Sharing is decided here because a tree of SQL cannot share. Nodes simplify as they are made, with rules that hold for
every double and for missing values. This module knows neither blocks nor the text of SQL.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from indb.emit import ranges
from indb.emit.binding import SqlKind
from indb.emit.ranges import Known, Range
from indb.emit.trees import Forest
from indb.ir import Op

if TYPE_CHECKING:
    from indb.emit.expand import Query
    from indb.emit.parameters import ParameterTable


class Form(enum.Enum):
    """Nodes that are no op on one row's lanes: leaves, and flat forms of what ops would nest."""

    COLUMN = "column"  # value: model column name, SqlKind, Known
    NUMBER = "number"  # value: float
    TEXT = "text"  # value: str or None
    SUM = "sum"  # args added in order
    SINGLE_SUM = "single sum"  # args, which are float32 numbers, added in order in float32
    ALL = "all"  # every condition holds
    PRESENT = "present"  # the argument is not missing
    WITHIN = "within"  # value: edge; every argument is missing or between -edge and edge
    IN = "in"  # value: keys; the argument equals one of them
    TREE = "tree"  # value: Tree; args: its features
    NAME = "name"  # value: text; a column of a query inside the expression
    QUERY = "query"  # value: Query; args: what its _x.a0, _x.a1 … stand for; it gives one value or several
    ELEMENT = "element"  # value: (place, count); one value of the query that is the argument
    FETCH = "fetch"  # value: (ParameterTable, column); the column's value in the row whose key is the argument
    MATCH = "match"  # value: keys; args: x, a value for each key, the value for any other x (also a missing one)

    __hash__ = object.__hash__  # as Op's


Kind: TypeAlias = Op | Form

CONDITIONS: frozenset[Kind] = frozenset(
    {Op.LE, Op.LT, Op.EQ, Op.BETWEEN, Op.AND, Op.OR, Op.IS_MISSING, Form.ALL, Form.PRESENT, Form.WITHIN, Form.IN}
)
"""Nodes that SQL spells as a condition; as numbers they are 1 and 0."""

LEAVES: frozenset[Kind] = frozenset({Form.COLUMN, Form.NUMBER, Form.TEXT, Form.NAME})


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree of a forest; `leaves` holds the value of each leaf row, a constant."""

    forest: Forest
    root: int
    leaves: tuple[Node, ...]

    def __eq__(self, other: object) -> bool:
        """Trees of one forest are equal when they are the same tree with the same leaves."""
        if not isinstance(other, Tree):
            return NotImplemented
        return self.forest is other.forest and self.root == other.root and self.leaves is other.leaves

    def __hash__(self) -> int:
        return hash((id(self.forest), self.root, id(self.leaves)))


class Node:
    """One value. `range` bounds it; `number` tells the order in which nodes were made (arguments come first).

    `size` is the number of nodes when shared ones are written out, of which `own_size` are its own: a tree has many.
    `depth` is how deep the expression nests, where an ELSE that is a choice itself is an arm of the same CASE.
    """

    __slots__ = ("args", "depth", "kind", "number", "own_size", "range", "size", "value")

    def __init__(self, kind: Kind, args: tuple[Node, ...], value: Any, range_: Range, number: int) -> None:
        self.kind = kind
        self.args = args
        self.value = value
        self.range = range_
        self.number = number
        self.own_size = self.size = 1
        self.depth = 0
        for arg in args:
            self.size += arg.size
            self.depth = max(self.depth, arg.depth)
        self.depth += 1
        if kind is Op.WHERE and args[2].kind is Op.WHERE:
            self.depth = max(args[0].depth + 1, args[1].depth + 1, args[2].depth)

    @property
    def is_constant(self) -> bool:
        """Whether it is a number or a text written in the model."""
        return self.kind is Form.NUMBER or self.kind is Form.TEXT


TRUE, FALSE = 1.0, 0.0


class Graph:
    """Makes nodes, each at most once."""

    vanishing = False

    def __init__(self) -> None:
        self._nodes: dict[tuple[Any, ...], Node] = {}

    def __len__(self) -> int:
        return len(self._nodes)

    def _node(self, kind: Kind, args: tuple[Node, ...] = (), value: Any = None, range_: Range | None = None) -> Node:
        key = (kind, value, *[arg.number for arg in args])
        node = self._nodes.get(key)
        if node is None:
            range_ = _range(kind, args) if range_ is None else range_
            node = self._nodes[key] = Node(kind, args, value, range_, len(self._nodes))
        return node

    def column(self, name: str, kind: SqlKind, known: Known = Known.NOTHING) -> Node:
        """A column of the table, and what a condition that is tested before says of it."""
        return self._node(Form.COLUMN, value=(name, kind, known), range_=ranges.column_range(kind, known))

    def number(self, value: float) -> Node:
        """A constant; NaN is missing. -0.0 is 0.0: no op of a model tells them apart."""
        value = 0.0 if value == 0.0 else value
        key = None if math.isnan(value) else value
        return self._node(Form.NUMBER, value=key, range_=ranges.constant_range(value))

    def text(self, value: str | None) -> Node:
        """A constant text; None is missing."""
        return self._node(Form.TEXT, value=value, range_=Range(missing=value is None, nan=False))

    def sum(self, terms: Sequence[Node]) -> Node:
        """Terms added in order. Zeros are left out: x + 0 is x."""
        kept = [term for term in terms if not (term.kind is Form.NUMBER and term.value == 0.0)]
        if not kept:
            return self.number(0.0)
        return kept[0] if len(kept) == 1 else self._node(Form.SUM, tuple(kept))

    def square_sum(self, terms: Sequence[Node]) -> Node:
        """The squares of terms, added in order."""
        return self.sum([self.op(Op.MUL, term, term) for term in terms])

    def single_sum(self, terms: Sequence[Node]) -> Node:
        """Float32 numbers added in order in float32, which never leave it. Zeros are left out."""
        kept = [term for term in terms if not (term.kind is Form.NUMBER and term.value == 0.0)]
        if not kept:
            return self.number(0.0)
        return kept[0] if len(kept) == 1 else self._node(Form.SINGLE_SUM, tuple(kept))

    def weighted_sum(self, terms: Sequence[tuple[Node, float]], bias: float) -> Node:
        """x * weight for each term, then the bias, added in order."""
        return self.sum([*(self.op(Op.MUL, x, self.number(weight)) for x, weight in terms), self.number(bias)])

    def all(self, conditions: Iterable[Node]) -> Node:
        """Whether every condition holds. Those that hold columns within the same edges become one."""
        parts: dict[int, Node] = {}
        within: dict[float, dict[Node, None]] = {}
        for condition in conditions:
            for part in condition.args if condition.kind in (Form.ALL, Op.AND) else (condition,):
                if part.kind is Form.WITHIN:
                    within.setdefault(part.value, {}).update(dict.fromkeys(part.args))
                elif part.kind is not Form.NUMBER:
                    parts[part.number] = part
                elif part.value != TRUE:
                    return self.number(FALSE)
        merged = [self._node(Form.WITHIN, tuple(columns), edge) for edge, columns in within.items()]
        kept = {part.number: part for part in [*merged, *parts.values()]}
        if not kept:
            return self.number(TRUE)
        return next(iter(kept.values())) if len(kept) == 1 else self._node(Form.ALL, tuple(kept.values()))

    def present(self, x: Node) -> Node:
        """Whether x is not missing."""
        return self._node(Form.PRESENT, (x,)) if x.range.missing else self.number(TRUE)

    def is_in(self, x: Node, keys: Sequence[float | str]) -> Node:
        """Whether x equals one of the keys."""
        return self._node(Form.IN, (x,), tuple(keys)) if keys else self.number(FALSE)

    def match(self, x: Node, keys: Sequence[float | str], values: Sequence[Node], other: Node) -> Node:
        """The value of the key that x equals, else `other`."""
        arms = [(key, value) for key, value in zip(keys, values, strict=True) if value is not other]
        if not arms:
            return other
        if other.value == FALSE and all(value.value == TRUE for _, value in arms) and other.kind is Form.NUMBER:
            return self.is_in(x, [key for key, _ in arms])
        args = (x, *(value for _, value in arms), other)
        return self._node(Form.MATCH, args, tuple(key for key, _ in arms))

    def tree(self, tree: Tree, features: Sequence[Node], bounds: Range) -> Node:
        """The value of one decision tree over its features."""
        node = self._node(Form.TREE, tuple(features), tree, bounds)
        n_nodes, depth = tree.forest.shape(tree.root)
        read = sum(times * features[index].size for index, times in tree.forest.reads(tree.root).items())
        node.own_size, node.size = n_nodes, n_nodes + read
        node.depth = depth + max(feature.depth for feature in features) - 1
        return node

    def name(self, text: str, range_: Range) -> Node:
        """A column of a query that is written inside the expression."""
        return self._node(Form.NAME, value=text, range_=range_)

    def query(self, query: Query, args: Sequence[Node]) -> Node:
        """A query over a table of the model's constants."""
        node = self._node(Form.QUERY, tuple(args), query, Range(nan=False))
        inner = query.lane.size + sum(term.size for term in query.terms) + len(args)
        node.own_size = inner
        node.size = inner + sum(arg.size for arg in args)
        return node

    def element(self, query: Node, place: int, range_: Range, count: int) -> Node:
        """One of the values that a query gives."""
        return self._node(Form.ELEMENT, (query,), (place, count), range_)

    def fetch(self, x: Node, table: ParameterTable, column: str, range_: Range) -> Node:
        """The value of a column in the row of a table whose key x equals, missing where there is none."""
        found = Range(range_.low, range_.high, range_.tiny, missing=True, nan=False)
        return self._node(Form.FETCH, (x,), (table, column), found)

    def tamed_above(self, x: Node, least: float) -> Node:
        """x, which is not negative, as at least so much, where an engine raises when a product vanishes."""
        return x

    def tamed(self, x: Node, least: float, most: float) -> Node:
        """x with no larger size, and 0 in place of smaller ones, where an engine raises when products overflow."""
        return x

    def op(self, op: Op, *args: Node) -> Node:
        """One scalar op, simplified."""
        if op is Op.SINGLE:
            return self._single(args[0])
        simple = self._simplify(op, args)
        return self._node(op, args) if simple is None else simple

    def _single(self, x: Node) -> Node:
        """x rounded to float32. The engines raise where that is infinite, and some (`vanishing`) where it is 0."""
        if x.kind in (Op.SINGLE, Form.SINGLE_SUM):
            return x
        found = self._node(Op.SINGLE, (x,))
        a = x.range
        if self.vanishing and a.tiny <= ranges.SINGLE_ZERO:
            zero = [self.number(bound) for bound in (-ranges.SINGLE_ZERO, ranges.SINGLE_ZERO)]
            found = self._node(Op.WHERE, (self._node(Op.BETWEEN, (x, *zero)), self.number(0.0), found))
        if not -ranges.SINGLE_EDGE <= a.low <= a.high <= ranges.SINGLE_EDGE:
            edges = [self.number(bound) for bound in (-ranges.SINGLE_EDGE, ranges.SINGLE_EDGE)]
            inside = self._node(Op.BETWEEN, (x, *edges))
            found = self._node(Op.WHERE, (inside, found, self._node(Op.MUL, (x, self.number(math.inf)))))
        return found

    def _simplify(self, op: Op, args: tuple[Node, ...]) -> Node | None:
        match op:
            case Op.ADD:
                return self.sum([*terms_of(args[0]), args[1]])
            case Op.SUB if args[1].value == 0.0 and args[1].kind is Form.NUMBER:
                return args[0]
            case Op.MUL if args[1].value == 1.0 and args[1].kind is Form.NUMBER:
                return args[0]
            case Op.DIV if args[1].value == 1.0 and args[1].kind is Form.NUMBER:
                return args[0]
            case Op.AND:
                return self.all(args)
            case Op.OR:
                return self._or(*args)
            case Op.BETWEEN:
                x, low, high = args
                if low.is_constant and high.is_constant and low.value <= x.range.low and x.range.high <= high.value:
                    return self.present(x)
            case Op.LE if args[1].value == math.inf and args[1].kind is Form.NUMBER:
                return self.present(args[0])
            case Op.IS_MISSING if not args[0].range.missing:
                return self.number(FALSE)
            case Op.COALESCE if not args[0].range.missing:
                return args[0]
            case Op.WHERE:
                condition, then, other = args
                if condition.kind is Form.NUMBER:
                    return then if condition.value == TRUE else other
                if then is other:
                    return then
                return self._where_condition(condition, then, other)
            case Op.MUL if args[0].kind in CONDITIONS and args[1].kind is Form.NUMBER and args[1].range.finite:
                return self.op(Op.WHERE, args[0], args[1], self.number(0.0))
        return None

    def _where_condition(self, condition: Node, then: Node, other: Node) -> Node | None:
        """A choice between true and false is a condition itself."""
        if then.kind is Form.NUMBER and then.value == FALSE and condition.kind is Op.IS_MISSING:
            if other.kind is Form.NUMBER and other.value == TRUE:
                return self.present(condition.args[0])
            if other.kind in (Form.IN, Op.BETWEEN, Op.LE, Op.LT) and other.args[0] is condition.args[0]:
                return other  # a comparison with a missing value is false anyway
        if then.kind is Form.NUMBER and then.value == TRUE and other.kind is Form.NUMBER and other.value == FALSE:
            return condition if condition.kind in CONDITIONS else None
        return None

    def _or(self, a: Node, b: Node) -> Node | None:
        for one, two in ((a, b), (b, a)):
            if one.kind is Form.NUMBER:
                return one if one.value == TRUE else two
        if a.kind is not Op.IS_MISSING:
            return None
        if b.kind is Form.PRESENT and a.args == b.args:
            return self.number(TRUE)
        if b.kind is Op.BETWEEN and b.args[0] is a.args[0] and _is_symmetric(b):
            return self._node(Form.WITHIN, a.args, b.args[2].value)
        return self._node(Op.OR, (b, a))  # most values are not missing: that test comes last


def _is_symmetric(between: Node) -> bool:
    _, low, high = between.args
    return low.is_constant and high.is_constant and low.value == -high.value


def terms_of(node: Node) -> tuple[Node, ...]:
    """The terms of a sum; another node is its own only term."""
    return node.args if node.kind is Form.SUM else (node,)


_CONDITION = Range(0.0, 1.0, 1.0, missing=False, nan=False)

_BINARY: dict[Op, Callable[[Range, Range], Range]] = {
    Op.MUL: ranges.multiply,
    Op.DIV: ranges.divide,
    Op.MIN: ranges.least,
    Op.MAX: ranges.greatest,
}
_UNARY: dict[Op, Callable[[Range], Range]] = {
    Op.ABS: ranges.magnitude,
    Op.EXP: ranges.exponential,
    Op.LN: ranges.logarithm,
    Op.SQRT: ranges.root,
    Op.FLOOR: ranges.rounded_down,
    Op.SINGLE: ranges.single,
    Op.SIN: lambda a: ranges.bounded(a, -1.0, 1.0),
    Op.COS: lambda a: ranges.bounded(a, -1.0, 1.0),
    Op.TANH: lambda a: Range(-1.0, 1.0, ranges.TINY, a.missing, a.nan),
}


def _range(kind: Kind, args: tuple[Node, ...]) -> Range:
    """The range of a node from those of its arguments."""
    if kind in CONDITIONS:
        return _CONDITION
    found = [arg.range for arg in args]
    match kind:
        case Form.SUM:
            total = found[0]
            for term in found[1:]:
                total = ranges.add(total, term)
            return total
        case Form.SINGLE_SUM:
            return ranges.single_sum(found)
        case Op.SUB:
            return ranges.add(found[0], ranges.negate(found[1]))
        case Op.MUL if args[0] is args[1]:
            return ranges.square(found[0])
        case Op.WHERE | Form.MATCH:
            return ranges.union(found[1:])
        case Op.COALESCE:
            both = ranges.union(found)
            return Range(both.low, both.high, both.tiny, found[1].missing, found[1].nan)
    if isinstance(kind, Op) and kind in _BINARY:
        return _BINARY[kind](*found)
    if isinstance(kind, Op) and kind in _UNARY:
        return _UNARY[kind](*found)
    raise TypeError(f"no range for {kind}")


def walk(roots: Iterable[Node]) -> list[Node]:
    """Every node below the roots, each once, arguments before those that use them."""
    found: dict[int, Node] = {}
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node.number not in found:
            found[node.number] = node
            stack += node.args
    return [found[number] for number in sorted(found)]  # a node is numbered after its arguments
