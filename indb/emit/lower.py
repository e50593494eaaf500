"""Blocks to scalar nodes, lane by lane."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

from indb.emit.binding import Binding
from indb.emit.expand import Expander, distance
from indb.emit.parameters import Parameters
from indb.emit.ranges import Known
from indb.emit.scalar import Graph, Node, Tree
from indb.emit.stage import ACCEPTED
from indb.emit.trees import Forest, leaf_bounds
from indb.errors import EmitError
from indb.ir import (
    Apply,
    Block,
    Column,
    Concat,
    Const,
    Distance,
    Foreign,
    Linear,
    Lookup,
    Nearest,
    Op,
    Reduce,
    ReduceOp,
    Scalar,
    Take,
    TreeEnsemble,
    Type,
)

Facts: TypeAlias = frozenset[tuple[str, Known]]


class Lowering:
    """Lowers the blocks of one model into one graph; each (block, lane) becomes one node."""

    def __init__(self, graph: Graph, binding: Binding, parameters: Parameters) -> None:
        self.graph = graph
        self.binding = binding
        self.parameters = parameters
        self._expander = Expander(self)
        self._known: dict[str, Known] = {}
        self.facts: Facts = frozenset()  # what is known, as part of the keys below: another output may know less
        self.words: dict[int, str] = {}
        """What kind of thing a node is, by its number: the first half of a stage's name."""
        self._forests: dict[tuple[int, Facts], Forest] = {}
        self._memo: dict[tuple[int, int, Facts], Node] = {}

    def output(self, block: Block, lane: int) -> Node:
        """One lane of an output. Under the condition that guards it, what the condition says of columns is known."""
        if isinstance(block, Apply) and block.op is Op.WHERE and _is_missing_const(block.args[2]):
            condition = self.lower(block.args[0], 0)
            self.words[condition.number] = ACCEPTED
            self._known = _tested_columns(block.args[0])
            self.facts = frozenset(self._known.items())
            value = self.lower(block.args[1], lane if block.args[1].width > 1 else 0)
            self._known, self.facts = {}, frozenset()
            return self.graph.op(Op.WHERE, condition, value, self.lower(block.args[2], 0))
        return self.lower(block, lane)

    def lower(self, block: Block, lane: int) -> Node:
        """One lane of a block."""
        key = (id(block), lane, self.facts)
        node = self._memo.get(key)
        if node is None:
            node = self._memo[key] = self._lower(block, lane)
            self.words.setdefault(node.number, _word(block))
        return node

    def lanes(self, block: Block) -> list[Node]:
        """Every lane of a block."""
        return [self.lower(block, lane) for lane in range(block.width)]

    def _lower(self, block: Block, lane: int) -> Node:
        match block:
            case Column(name, _):
                if name not in self.binding:
                    raise EmitError(f"cannot write the model: column {name!r} is not bound")
                return self.graph.column(name, self.binding[name].kind, self._known.get(name, Known.NOTHING))
            case Const(values, kind):
                return self.constant(values[lane], kind)
            case Apply(op, args):
                return self.graph.op(op, *(self.lower(arg, lane if arg.width > 1 else 0) for arg in args))
            case Concat(parts):
                for part in parts:
                    if lane < part.width:
                        return self.lower(part, lane)
                    lane -= part.width
            case Take(x, lanes):
                return self.lower(x, lanes[lane])
            case Linear() | Reduce() | Nearest() | Lookup() if block in self.parameters:
                return self._expander.lane(block, lane)
            case Reduce(op, x):
                return REDUCTIONS[op](self.graph, self.lanes(x))
            case Linear():
                return self._linear(block, lane)
            case Distance():
                return self._distance(block, lane)
            case Nearest():
                raise EmitError(f"cannot write the nearest of {block.inputs[0].width} lanes that compute differently")
            case Lookup():
                return self._lookup(block, lane)
            case TreeEnsemble():
                return self._trees(block, lane)
            case Foreign(name=name):
                raise EmitError(
                    f"cannot write the model as SQL: only the library that fitted it can run its {name}",
                    "Deploy it as a UDF: db.deploy(…, strategy='udf'), or --strategy udf on the command line.",
                )
        raise TypeError(f"no scalar form for {type(block).__name__}")

    def constant(self, value: Scalar, kind: Type) -> Node:
        """One value of a constant row."""
        if kind is Type.TEXT:
            return self.graph.text(None if value is None else str(value))
        return self.graph.number(float("nan") if value is None else float(value))

    def _linear(self, block: Linear, lane: int) -> Node:
        """The weighted sum, bias last. A weight of 0 drops its term where that cannot hide a missing value."""
        terms: list[tuple[Node, float]] = []
        for index, weight in enumerate(block.weight[lane].tolist()):
            x = self.lower(block.x, index)
            if weight != 0.0 or x.range.missing or not x.range.finite:
                terms.append((x, weight))
        return self.graph.weighted_sum(terms, float(block.bias[lane]))

    def _distance(self, block: Distance, lane: int) -> Node:
        """The terms of the differences to one point, in order."""
        graph = self.graph
        point = block.points[lane].tolist()
        differences = [graph.op(Op.SUB, x, graph.number(p)) for x, p in zip(self.lanes(block.x), point, strict=True)]
        return distance(graph, block.metric, differences)

    def _lookup(self, block: Lookup, lane: int) -> Node:
        x = self.lower(block.x, 0)
        values = [self.constant(row[lane], block.kind) for row in block.values]
        unknown = self.constant(block.unknown[lane], block.kind)
        found = self.graph.match(x, block.keys, values, unknown)
        gap = self.constant(block.missing[lane], block.kind)
        if gap is unknown:
            return found
        return self.graph.op(Op.WHERE, self.graph.op(Op.IS_MISSING, x), gap, found)

    def _trees(self, block: TreeEnsemble, lane: int) -> Node:
        features = [self.lower(part, index) for part in block.inputs for index in range(part.width)]
        terms = [self.graph.number(float(block.base[lane]))]
        values = block.values[:, lane].tolist()
        leaves, bounds = tuple(self.graph.number(value) for value in values), leaf_bounds(values)
        forest = self._forest(block, features)
        for root in block.roots.tolist():
            if forest.feature[root] < 0:
                terms.append(leaves[forest.leaf[root]])
            else:
                terms.append(self.graph.tree(Tree(forest, root, leaves), features, bounds))
        return self.graph.single_sum(terms) if block.single else self.graph.sum(terms)

    def _forest(self, block: TreeEnsemble, features: Sequence[Node]) -> Forest:
        key = (id(block), self.facts)
        if key not in self._forests:
            self._forests[key] = Forest(block, [feature.range.missing for feature in features])
        return self._forests[key]


def _word(block: Block) -> str:
    """The word for what a block computes, in the names of stages."""
    match block:
        case Apply(Op.ADD, (x, _)) if _word(x) == "linear":
            return "linear"
        case Apply(op, _):
            return op.name.lower()
        case Reduce(reduce_op, _):
            return reduce_op.value
        case TreeEnsemble():
            return "trees"
    return type(block).__name__.lower()


def _is_missing_const(block: Block) -> bool:
    return isinstance(block, Const) and all(value is None or value != value for value in block.values)


def _tested_columns(condition: Block) -> dict[str, Known]:
    """What a conjunction says of columns: those that it holds between two bounds are finite, or finite or missing."""
    match condition:
        case Reduce(ReduceOp.ALL, x):
            return _tested_columns(x)
        case Concat(parts) | Apply(Op.AND, parts):
            found: dict[str, Known] = {}
            for part in parts:
                found |= {
                    name: known for name, known in _tested_columns(part).items() if found.get(name) is not Known.PRESENT
                }
            return found
        case Apply(Op.OR, (Apply(Op.IS_MISSING, (x,)), Apply(Op.BETWEEN, (y, _, _)) as inside)) if x is y:
            return dict.fromkeys(_tested_columns(inside), Known.FINITE)
        case Apply(Op.BETWEEN, (Column(name, _), Const((float(low),)), Const((float(high),)))):
            return {name: Known.PRESENT} if math.isfinite(low) and math.isfinite(high) else {}
    return {}


def _extreme(op: Op) -> Callable[[Graph, list[Node]], Node]:
    def reduce(graph: Graph, lanes: list[Node]) -> Node:
        result = lanes[0]
        for lane in lanes[1:]:
            result = graph.op(op, result, lane)
        return result

    return reduce


def _position(graph: Graph, lanes: list[Node], before: Callable[[Node, Node], Node]) -> Node:
    """The number of the lane that no other beats; the lowest such. `before(a, b)`: a beats b or ties with it."""
    result = graph.number(float(len(lanes) - 1))
    for index in range(len(lanes) - 2, -1, -1):
        wins = graph.all([before(lanes[index], other) for other in lanes[index + 1 :]])
        result = graph.op(Op.WHERE, wins, graph.number(float(index)), result)
    return missing_if_any(graph, lanes, result)


def missing_if_any(graph: Graph, lanes: Sequence[Node], value: Node) -> Node:
    """`value`, or missing where one of the lanes is."""
    known = graph.all([graph.present(lane) for lane in lanes])
    return graph.op(Op.WHERE, known, value, graph.number(float("nan")))


def _argmax(graph: Graph, lanes: list[Node]) -> Node:
    return _position(graph, lanes, lambda a, b: graph.op(Op.LE, b, a))


def _argmin(graph: Graph, lanes: list[Node]) -> Node:
    return _position(graph, lanes, lambda a, b: graph.op(Op.LE, a, b))


REDUCTIONS: dict[ReduceOp, Callable[[Graph, list[Node]], Node]] = {
    ReduceOp.SUM: lambda graph, lanes: graph.sum(lanes),
    ReduceOp.MIN: _extreme(Op.MIN),
    ReduceOp.MAX: _extreme(Op.MAX),
    ReduceOp.ARGMIN: _argmin,
    ReduceOp.ARGMAX: _argmax,
    ReduceOp.ALL: lambda graph, lanes: graph.all(lanes),
}
