"""Blocks as expressions of PMML, lane by lane, and as models where PMML has one for it: sums, and trees.

A comparison with a missing value is false in indb and missing in PMML: mapMissingTo makes it false. The functions min
and max of PMML leave missing values out, so that they are not used.

Source: PMML 4.4, "Built-in functions", "Transformation Dictionary & Derived Values".
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from indb.errors import UnsupportedModel
from indb.export.pmml_fields import BOOLEAN, MAX_DEPTH, MAX_INLINE, NUMBER, TEXT, Fields, Value, reference
from indb.export.pmml_models import Segments
from indb.export.xml import double, element, escaped
from indb.ir import (
    Apply,
    Block,
    Column,
    Concat,
    Const,
    Distance,
    Linear,
    Lookup,
    Metric,
    Op,
    Reduce,
    ReduceOp,
    Scalar,
    Take,
    TreeEnsemble,
    Type,
)

ARITHMETIC = {Op.ADD: "+", Op.SUB: "-", Op.MUL: "*", Op.DIV: "/"}
"""Functions that pass missing values on, as the ops do."""

FUNCTIONS = {
    Op.ABS: "abs", Op.EXP: "exp", Op.LN: "ln", Op.SQRT: "sqrt",
    Op.SIN: "sin", Op.COS: "cos", Op.TANH: "tanh", Op.FLOOR: "floor",
}  # fmt: skip
"""Functions that evaluators refuse a missing value for."""

UNDEFINED = frozenset({"/", "ln", "sqrt"})
"""Functions that have no result for some numbers: it is missing then, and no error."""

COMPARISONS = {Op.LE: "lessOrEqual", Op.LT: "lessThan", Op.EQ: "equal"}

MAX_VALUES = 50_000
"""How many values are written at most; PMML has no word for a vector."""

FEW = 4
"""Up to so many terms a sum is an expression, else a regression model."""


class Scalars:
    """The lanes of the blocks of one model; each is written once."""

    def __init__(self, fields: Fields, columns: dict[int, Value], blocks: Sequence[Block]) -> None:
        self.fields = fields
        self.segments = Segments(fields)
        self._columns = columns
        self._uses = Counter(id(child) for block in blocks for child in block.children)
        self._wide = {id(child) for block in blocks for child in block.children if block.width > child.width == 1}
        self._memo: dict[tuple[int, int], Value] = {}
        self._count = 0
        for block in blocks:  # children come first, so that a long chain of blocks is no deep recursion
            if isinstance(block, Apply | Reduce):
                self.lanes(block)

    def lanes(self, block: Block) -> list[Value]:
        """Every lane of a block."""
        return [self.lane(block, index) for index in range(block.width)]

    def lane(self, block: Block, index: int) -> Value:
        """One lane of a block."""
        key = id(block), index
        if key not in self._memo:
            terms = block.children[0].width if isinstance(block, Linear | Distance) else 1
            self._count += terms
            if self._count > MAX_VALUES:
                raise refused(f"it takes more than {MAX_VALUES:,} numbers a row")
            value = self._lane(block, index)
            shared = self._uses[id(block)] > 1 or id(block) in self._wide
            self._memo[key] = self.named(value) if shared or value.depth >= MAX_INLINE else value
        return self._memo[key]

    def named(self, value: Value) -> Value:
        """The value as a field, or as a constant."""
        if value.depth == 0:
            return value
        if self.fields.depth(value) >= MAX_DEPTH and value.kind != TEXT:
            return reference(self.segments.value_of(self.field(self.number(value))), NUMBER)
        return self.fields.derived(value)

    def field(self, value: Value) -> str:
        """The name of a field of the value."""
        if value.depth == 0 and value.reads:
            return next(iter(value.reads))
        return next(iter(self.fields.derived(value).reads))

    def number(self, value: Value) -> Value:
        """A condition as 1.0 and 0.0; numbers as they are."""
        return call("if", [value, constant(1.0), constant(0.0)]) if value.kind == BOOLEAN else value

    def condition(self, value: Value) -> Value:
        """Whether a number is 1.0; conditions as they are."""
        if value.kind == BOOLEAN:
            return value
        return call("equal", [value, constant(1.0)], BOOLEAN, false_if_missing=True)

    def numbers(self, block: Block) -> list[Value]:
        return [self.number(value) for value in self.lanes(block)]

    def _lane(self, block: Block, index: int) -> Value:
        match block:
            case Column():
                return self._columns[id(block)]
            case Const(values, kind):
                return constant(values[index]) if kind is Type.NUMBER else text(values[index])
            case Concat(parts):
                for part in parts:
                    if index < part.width:
                        return self.lane(part, index)
                    index -= part.width
            case Take(x, lanes):
                return self.lane(x, lanes[index])
            case Apply(op, args):
                return self._apply(op, [self.lane(arg, index if arg.width > 1 else 0) for arg in args])
            case Reduce(op, x):
                return self._reduce(op, x)
            case Linear(x, weight, bias):
                names = [self.field(value) for value in self.numbers(x)]
                return reference(self.segments.weighted(names, weight[index].tolist(), float(bias[index])), NUMBER)
            case Distance():
                return self._distance(block, index)
            case Lookup():
                return self._lookup(block, index)
            case TreeEnsemble():
                return self._trees(block, index)
        hint = "Write it with model.to_onnx()."
        raise refused(f"PMML has no expression for what a {type(block).__name__} block computes", hint)

    def _apply(self, op: Op, args: list[Value]) -> Value:
        if op in ARITHMETIC:
            return call(ARITHMETIC[op], [self.number(arg) for arg in args])
        if op in FUNCTIONS:
            x = self.named(self.number(args[0]))
            return if_present([x], call(FUNCTIONS[op], [x]))
        if op in COMPARISONS:
            return call(COMPARISONS[op], [self.number(arg) for arg in args], BOOLEAN, false_if_missing=True)
        if op in (Op.AND, Op.OR):
            return call(op.value, [self.condition(arg) for arg in args], BOOLEAN)
        if op is Op.IS_MISSING:
            return call("isMissing", args, BOOLEAN)
        if op is Op.WHERE:
            return self._where(self.condition(args[0]), *(self.number(arg) for arg in args[1:]))
        x, *others = [self.named(self.number(arg)) for arg in args]
        match op:
            case Op.MIN | Op.MAX:
                return self._extreme([x, *others], "lessThan" if op is Op.MIN else "greaterThan")
            case Op.BETWEEN:
                tests = [("lessOrEqual", others[0], x), ("lessOrEqual", x, others[1])]
                both = [call(name, [a, b], BOOLEAN, false_if_missing=True) for name, a, b in tests]
                return call("and", both, BOOLEAN)
            case Op.COALESCE:
                return call("if", [call("isMissing", [x], BOOLEAN), *others, x])
            case Op.SINGLE:
                return self.fields.derived(self.fields.derived(x, "float"), NUMBER)
        raise TypeError(f"no PMML for {op}")

    @staticmethod
    def _where(condition: Value, then: Value, other: Value) -> Value:
        """`if` gives a missing value where it has no third argument."""
        return call("if", [condition, then] if is_missing(other) else [condition, then, other])

    def _sum(self, terms: Sequence[Value]) -> Value:
        """The terms added in order, to 0.0."""
        if len(terms) <= FEW:
            return reduce(lambda a, b: call("+", [a, b]), terms, constant(0.0))
        return reference(self.segments.weighted([self.field(term) for term in terms], [1.0] * len(terms), 0.0), NUMBER)

    def _reduce(self, op: ReduceOp, x: Block) -> Value:
        if op is ReduceOp.ALL:
            tests = [self.condition(value) for value in self.lanes(x)]
            return tests[0] if len(tests) == 1 else call("and", tests, BOOLEAN)
        lanes = self.numbers(x)
        if op is ReduceOp.SUM:
            return self._sum(lanes)
        lanes = [self.named(lane) for lane in lanes]
        best = self._extreme(lanes, "lessThan" if op in (ReduceOp.MIN, ReduceOp.ARGMIN) else "greaterThan")
        if op in (ReduceOp.MIN, ReduceOp.MAX):
            return best
        found = constant(float(len(lanes) - 1))
        for place in range(len(lanes) - 2, -1, -1):
            here = call("equal", [lanes[place], best], BOOLEAN, false_if_missing=True)
            found = self._inline(call("if", [here, constant(float(place)), found]))
        return if_present([best], found)

    def _extreme(self, lanes: Sequence[Value], better: str) -> Value:
        """The best of the lanes; missing where one is."""
        best = self.named(lanes[0])
        for lane in map(self.named, lanes[1:]):
            wins = call(better, [lane, best], BOOLEAN, false_if_missing=True)
            best = self.named(if_present([lane, best], call("if", [wins, lane, best])))
        return best

    def _inline(self, value: Value) -> Value:
        return self.named(value) if value.depth >= MAX_INLINE else value

    def _distance(self, block: Distance, index: int) -> Value:
        lanes = self.numbers(block.x)
        point = block.points[index].tolist()
        differences = [call("-", [lanes[lane], constant(point[lane])]) for lane in block.order]
        if block.metric is Metric.SQUARED:
            named = [self.named(each) for each in differences]
            return self._sum([call("*", [each, each]) for each in named])
        sizes = [if_present([each], call("abs", [each])) for each in map(self.named, differences)]
        if block.metric is Metric.MANHATTAN:
            return self._sum(sizes)
        return self._extreme([constant(0.0), *map(self.named, sizes)], "greaterThan")

    def _lookup(self, block: Lookup, index: int) -> Value:
        """The keys whose value is not that of an unknown key, as a table."""
        x = self.lane(block.x, 0)
        kind = NUMBER if block.kind is Type.NUMBER else TEXT
        unknown, gap = block.unknown[index], block.missing[index]
        rows = [(key, row[index]) for key, row in zip(block.keys, block.values, strict=True)]
        rows = [(key, value) for key, value in rows if not same(value, unknown)]
        make = constant if kind == NUMBER else text
        if not rows:
            return call("if", [call("isMissing", [x], BOOLEAN), make(gap), make(unknown)])
        return mapped(self.field(x if x.kind == TEXT else self.number(x)), rows, kind, unknown, gap)

    def _trees(self, block: TreeEnsemble, index: int) -> Value:
        places = [(part, lane) for part in block.inputs for lane in range(part.width)]
        used = set(block.feature[block.feature >= 0].tolist())
        names = [
            self.field(self.number(self.lane(*place))) if number in used else "" for number, place in enumerate(places)
        ]
        gaps = np.isnan(block.values)
        if math.isnan(block.base[index]):
            return constant(math.nan)
        total = replace(block, values=np.where(gaps, 0.0, block.values))
        found = reference(self.segments.trees(total, index, names), NUMBER)
        if not gaps[:, index].any():
            return found
        # A node must have a score: a second ensemble counts the leaves without one.
        count = replace(block, values=gaps.astype(np.float64), base=np.zeros(block.width), single=False)
        missing = reference(self.segments.trees(count, index, names), NUMBER)
        return call("if", [call("equal", [missing, constant(0.0)], BOOLEAN), found])


def refused(why: str, hint: str = "Write it with model.to_onnx().") -> UnsupportedModel:
    """The error for a model that PMML cannot say."""
    return UnsupportedModel(f"cannot write the model as PMML: {why}", hint)


def call(function: str, args: Sequence[Value], kind: str = "", false_if_missing: bool = False) -> Value:
    """A built-in function of some values; its type is that of the last one where `kind` says none."""
    attributes = {
        "function": function,
        "mapMissingTo": "false" if false_if_missing else None,
        "invalidValueTreatment": "asMissing" if function in UNDEFINED else None,
    }
    xml = element("Apply", attributes, [arg.xml for arg in args])
    reads = frozenset[str]().union(*(arg.reads for arg in args))
    return Value(xml, kind or args[-1].kind, reads, 1 + max(arg.depth for arg in args))


def if_present(args: Sequence[Value], value: Value) -> Value:
    """The value where no argument is missing, else missing."""
    tests = [call("isNotMissing", [arg], BOOLEAN) for arg in args]
    return call("if", [tests[0] if len(tests) == 1 else call("and", tests, BOOLEAN), value])


def constant(value: Scalar) -> Value:
    """A number for every row; NaN is missing."""
    number = float(value or 0.0) if not isinstance(value, str) else math.nan
    if math.isnan(number):
        return Value(element("Constant", {"dataType": NUMBER, "missing": "true"}), NUMBER)
    return Value(element("Constant", {"dataType": NUMBER}, [double(number)]), NUMBER)


def text(value: Scalar) -> Value:
    """A text for every row; None is missing."""
    if value is None:
        return Value(element("Constant", {"dataType": TEXT, "missing": "true"}), TEXT)
    return Value(f'<Constant dataType="{TEXT}">{escaped(str(value))}</Constant>', TEXT)


def mapped(field: str, rows: Sequence[tuple[Scalar, Scalar]], kind: str, unknown: Scalar, gap: Scalar) -> Value:
    """What a table holds for the value of a field, else `unknown`, else `gap` for a missing one."""
    cells = [
        element("row", None, [_cell("input", key), *([] if _written(out) is None else [_cell("output", out)])])
        for key, out in rows
    ]
    pair = element("FieldColumnPair", {"field": field, "column": "input"})
    defaults = {"mapMissingTo": _written(gap), "defaultValue": _written(unknown)}
    attributes = {"outputColumn": "output", "dataType": kind, **defaults}
    return Value(
        element("MapValues", attributes, [pair, element("InlineTable", None, cells)]), kind, frozenset((field,)), 1
    )


def is_missing(value: Value) -> bool:
    """Whether a value is a missing constant."""
    return value.depth == 0 and 'missing="true"' in value.xml and not value.reads


def same(a: Scalar, b: Scalar) -> bool:
    """Whether two values of a table are the same, NaN and NaN too; 0.0 and -0.0 are not."""
    if isinstance(a, float) and isinstance(b, float):
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1.0, a) == math.copysign(1.0, b))
    return a == b


def _cell(name: str, value: Scalar) -> str:
    return f"<{name}>{escaped(_written(value) or '')}</{name}>"


def _written(value: Scalar) -> str | None:
    """A value as a table holds it; None is missing."""
    if isinstance(value, float):
        return None if math.isnan(value) else double(value)
    return value
