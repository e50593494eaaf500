"""What blocks mean where no single operator of ONNX says it: functions of the domain "indb", written into the file.

A function of ONNX is made of operators, so any runtime can run it; and one node stands for one block, so that a file is
read again as the blocks that it was written from. Numbers are doubles of shape (n_rows, width) with NaN for missing,
conditions the doubles 1.0 and 0.0, as in `indb.evaluate`, which the functions follow also in the order of sums: ONNX's
own sums are free in it, and its ReduceMin, ReduceMax, ArgMin and ArgMax say nothing about NaN.

Source: onnx/docs/Operators.md, Operators-ml.md, IR.md (Functions).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from indb.blocks import FARTHEST, POWERS
from indb.onnxfile import messages as m
from indb.onnxfile.trees import ARRAYS, INTEGERS, SUMMED

DOMAIN, VERSION = "indb", 1
ML = "ai.onnx.ml"


@dataclass(frozen=True)
class Function:
    """A function of one output `y`; `attributes` are those that a node gives it."""

    name: str
    inputs: tuple[str, ...]
    nodes: tuple[bytes, ...]
    attributes: tuple[str, ...] = ()

    @cached_property
    def message(self) -> bytes:
        """The FunctionProto."""
        return m.function(DOMAIN, self.name, self.inputs, ("y",), self.attributes, self.nodes)


class Body:
    """Nodes in the making; each call adds one and gives the name of its result."""

    def __init__(self, prefix: str = "v") -> None:
        self.prefix = prefix
        self.nodes: list[bytes] = []

    def __call__(
        self, op: str, *inputs: str, to: str = "", domain: str = "", attributes: Sequence[bytes] = (), **integers: int
    ) -> str:
        """A node of one result, called `to`; attributes that are integers go by keyword."""
        name = to or f"{self.prefix}{len(self.nodes)}"
        held = [*(m.integer(key, number) for key, number in integers.items()), *attributes]
        self.nodes.append(m.node(op, inputs, (name,), held, domain))
        return name

    def constant(self, kind: int, value: object) -> str:
        return self("Constant", attributes=[m.array("value", kind, value)])

    def number(self, value: float) -> str:
        return self.constant(m.DOUBLE, value)

    def axes(self, *values: int) -> str:
        return self.constant(m.INT64, list(values))

    def true(self, condition: str) -> str:
        """Where a lane is 1.0."""
        return self("Equal", condition, self.number(1.0))

    def as_number(self, condition: str) -> None:
        """The result: 1.0 where a condition holds, else 0.0."""
        self("Cast", condition, to="y", attributes=[m.integer("to", m.DOUBLE)])

    def cast(self, x: str, kind: int, to: str = "") -> str:
        return self("Cast", x, to=to, attributes=[m.integer("to", kind)])

    def any_missing(self, x: str) -> str:
        """Whether a row has a missing lane, (n_rows, 1)."""
        gaps = self.cast(self("IsNaN", x), m.INT32)
        return self.cast(self("ReduceMax", gaps, self.axes(1)), m.BOOL)

    def rows_of(self, x: str, width: str) -> str:
        """The shape (rows of x, and what `width` holds)."""
        return self("Concat", self("Shape", x, start=0, end=1), width, axis=0)

    def scan(
        self, starts: Sequence[str], lanes: Sequence[str], axes: Sequence[int], step: Body, ends: Sequence[str]
    ) -> None:
        """Results `ends`: what `step` makes of the states `starts` with one slice of each of `lanes` after the other.

        Within `step` the states are called s0, s1, … and n0, n1, … after it, the slices x0, x1, ….
        """
        states = [f"s{number}" for number in range(len(starts))]
        slices = [f"x{number}" for number in range(len(lanes))]
        body = m.graph(
            "step",
            step.nodes,
            [m.value(name) for name in (*states, *slices)],
            [m.value(f"n{number}") for number in range(len(starts))],
        )
        held = [m.subgraph("body", body), m.integer("num_scan_inputs", len(lanes)), m.integers("scan_input_axes", axes)]
        self.nodes.append(m.node("Scan", (*starts, *lanes), ends, held))


def _single() -> Function:
    body = Body()
    body.cast(body.cast("x", m.FLOAT), m.DOUBLE, to="y")
    return Function("Single", ("x",), tuple(body.nodes))


def _comparison(name: str, op: str) -> Function:
    body = Body()
    body.as_number(body(op, "a", "b"))
    return Function(name, ("a", "b"), tuple(body.nodes))


def _equal_texts() -> Function:
    body = Body()
    known = body("Not", body("Equal", "a", "missing"))
    body.as_number(body("And", body("Equal", "a", "b"), known))
    return Function("EqualTexts", ("a", "b", "missing"), tuple(body.nodes))


def _between() -> Function:
    body = Body()
    body.as_number(body("And", body("GreaterOrEqual", "x", "low"), body("LessOrEqual", "x", "high")))
    return Function("Between", ("x", "low", "high"), tuple(body.nodes))


def _logic(op: str) -> Function:
    body = Body()
    body.as_number(body(op, body.true("a"), body.true("b")))
    return Function(op, ("a", "b"), tuple(body.nodes))


def _is_missing(texts: bool) -> Function:
    body = Body()
    body.as_number(body("Equal", "x", "missing") if texts else body("IsNaN", "x"))
    return (
        Function("IsMissingText", ("x", "missing"), tuple(body.nodes))
        if texts
        else Function("IsMissing", ("x",), tuple(body.nodes))
    )


def _where() -> Function:
    body = Body()
    body("Where", body.true("condition"), "then", "other", to="y")
    return Function("Where", ("condition", "then", "other"), tuple(body.nodes))


def _coalesce(texts: bool) -> Function:
    body = Body()
    gap = body("Equal", "x", "missing") if texts else body("IsNaN", "x")
    body("Where", gap, "other", "x", to="y")
    inputs = ("x", "other", "missing") if texts else ("x", "other")
    return Function("CoalesceText" if texts else "Coalesce", inputs, tuple(body.nodes))


def _rows() -> Function:
    """The rows of x, which are all the same, as many as `like` has."""
    body = Body()
    body("Expand", "x", body.rows_of("like", body("Shape", "x", start=1)), to="y")
    return Function("Rows", ("x", "like"), tuple(body.nodes))


def _sum() -> Function:
    body, step = Body(), Body("t")
    step("Add", "s0", "x0", to="n0")
    start = body("Expand", body.number(0.0), body("Shape", "x", start=0, end=1))
    body.scan([start], ["x"], [1], step, ["total"])
    body("Unsqueeze", "total", body.axes(1), to="y")
    return Function("Sum", ("x",), tuple(body.nodes))


def _extreme(name: str, op: str) -> Function:
    body = Body()
    found = body(op, "x", body.axes(1)) if op.startswith("Reduce") else body.cast(body(op, "x", axis=1), m.DOUBLE)
    body("Where", body.any_missing("x"), body.number(float("nan")), found, to="y")
    return Function(name, ("x",), tuple(body.nodes))


def _all() -> Function:
    body = Body()
    body.cast(body("ReduceMin", body.cast(body.true("x"), m.INT32), body.axes(1)), m.DOUBLE, to="y")
    return Function("All", ("x",), tuple(body.nodes))


def _distance(name: str) -> Function:
    """From x (n_rows, n_lanes) to `points` (n_points, n_lanes), the lanes taken in `order`."""
    body, step = Body(), Body("t")
    rows, points = step("Unsqueeze", "x0", step.axes(1)), step("Unsqueeze", "x1", step.axes(0))
    difference = step("Sub", rows, points)
    if name == "Squared":
        step("Add", "s0", step("Mul", difference, difference), to="n0")
    else:
        step("Add" if name == "Manhattan" else "Max", "s0", step("Abs", difference), to="n0")
    shape = body.rows_of("x", body("Shape", "points", start=0, end=1))
    start = body("Expand", body.number(0.0), shape)
    lanes = [body("Gather", source, "order", axis=1) for source in ("x", "points")]
    body.scan([start], lanes, [1, 1], step, ["y"])
    return Function(f"{name}Distance", ("x", "points", "order"), tuple(body.nodes))


def _nearest(power: float, of_all: bool) -> Function:
    """indb.ir.Nearest of `x` and `slack`; k (1,). `of_all`: k is the number of points, so there is no next one."""
    body, step = Body(), Body("t")
    count = "k" if of_all else body("Add", "k", body.axes(1))
    body.nodes.append(
        m.node("TopK", ("x", count), ("lowest", "places"), [m.integer("axis", 1), m.integer("largest", 0)])
    )
    start, one = body.axes(0), body.axes(1)
    far, order = (body("Slice", name, start, "k", one) for name in ("lowest", "places"))
    last = body("Gather", far, body.axes(-1), axis=1)
    decided = body("LessOrEqual", last, body.number(FARTHEST))
    if not of_all:
        further = body("Sub", body("Gather", "lowest", body.axes(-1), axis=1), last)
        decided = body("And", decided, body("Greater", further, "slack"))
    weights = body("Expand", body.number(1.0), body("Shape", far))
    if power:
        weights = body("Div", weights, far if power == 1.0 else body("Sqrt", far))
        same = body.cast(body("Equal", far, body.number(0.0)), m.INT32)
        some = body.cast(body("ReduceMax", same, body.axes(1)), m.BOOL)
        weights = body("Where", some, body.cast(same, m.DOUBLE), weights)
    weight = step("Unsqueeze", "x0", step.axes(1))
    step("Add", "s0", step("Mul", weight, step("Gather", "values", "x1", axis=0)), to="n0")
    step("Add", "s1", weight, to="n1")
    zero = body.number(0.0)
    total = body("Expand", zero, body.rows_of("x", body("Shape", "values", start=1)))
    size = body("Expand", zero, body.rows_of("x", body.axes(1)))
    body.scan([total, size], [weights, order], [1, 1], step, ["total", "size"])
    mean = body("Div", "total", "size")
    gone = body("Or", body.any_missing("x"), body("Not", decided))
    body("Where", gone, body.number(float("nan")), mean, to="y")
    return Function(nearest_name(power, of_all), ("x", "slack", "values", "k"), tuple(body.nodes))


def nearest_name(power: float, of_all: bool) -> str:
    """The function for neighbours whose weight is distance ** -power."""
    return "Nearest" + {0.0: "", 0.5: "ByRoot", 1.0: "ByDistance"}[power] + ("OfAll" if of_all else "")


LOOKUP_KEYS = ("keys_tensor", "values_tensor", "default_tensor")


def _lookup(texts: bool) -> Function:
    """The row of `table` whose number goes with x (n_rows, 1); the last row is that of a missing number.

    A missing text is among the keys.
    """
    body = Body()
    held = [m.reference_array(name) for name in LOOKUP_KEYS]
    row = body("LabelEncoder", "x", domain=ML, attributes=held)
    if not texts:
        count = body("Squeeze", body("Shape", "table", start=0, end=1))
        gap = body.cast(body("Sub", count, body.constant(m.INT64, 1)), m.DOUBLE)
        row = body.cast(body("Where", body("IsNaN", "x"), gap, row), m.INT64)
    body("GatherND", "table", row, to="y")  # Gather of ONNX Runtime 1.32 loses all but the first text of a row
    return Function("LookupText" if texts else "Lookup", ("x", "table"), tuple(body.nodes), LOOKUP_KEYS)


def _label() -> Function:
    """The labels (n_rows,) that class numbers stand for; the last one of `labels` is that of a missing number."""
    body = Body()
    count = body("Squeeze", body("Shape", "labels"))
    gap = body.cast(body("Sub", count, body.constant(m.INT64, 1)), m.DOUBLE)
    row = body.cast(body("Where", body("IsNaN", "x"), gap, "x"), m.INT64)
    body("Gather", "labels", body("Squeeze", row, body.axes(1)), to="y")
    return Function("Label", ("x", "labels"), tuple(body.nodes))


def _trees(single: bool) -> Function:
    """The base (width,) and the rows of `values` (n_leaves, width) that trees lead to, added in order.

    The target of each tree is the row of values. `single`: each sum is rounded to float32.
    """
    body, step = Body(), Body("t")
    held = [m.reference_integer("n_targets"), *map(m.reference_integers, INTEGERS), *map(m.reference_array, ARRAYS)]
    rows = body.cast(body("TreeEnsemble", "x", domain=ML, attributes=[*held, *SUMMED]), m.INT64)
    base, values = (body.cast(name, m.FLOAT) if single else name for name in ("base", "values"))
    start = body("Expand", base, body.rows_of("x", body("Shape", "base")))
    step("Add", "s0", step("Gather", values, "x0", axis=0), to="n0")
    body.scan([start], [rows], [1], step, ["total"])
    body.cast("total", m.DOUBLE, to="y")
    attributes = ("n_targets", *INTEGERS, *ARRAYS)
    return Function("SingleTrees" if single else "Trees", ("x", "values", "base"), tuple(body.nodes), attributes)


def _every() -> list[Function]:
    return [
        _single(),
        *(_comparison(name, name) for name in ("LessOrEqual", "Less", "Equal")),
        *(_equal_texts(), _between(), _logic("And"), _logic("Or"), _where(), _rows(), _sum(), _all(), _label()),
        *(make(texts) for make in (_is_missing, _coalesce, _lookup) for texts in (False, True)),
        *(_extreme(name, op) for name, op in EXTREMES.items()),
        *(_distance(name) for name in ("Squared", "Manhattan", "Chebyshev")),
        *(_nearest(power, of_all) for power in POWERS for of_all in (False, True)),
        *(_trees(single) for single in (False, True)),
    ]


EXTREMES = {"Lowest": "ReduceMin", "Highest": "ReduceMax", "ArgLowest": "ArgMin", "ArgHighest": "ArgMax"}

FUNCTIONS: dict[str, Function] = {function.name: function for function in _every()}
"""Every function by its name."""
