"""Operators that hold graphs: If, and Scan, whose body is written out once for each step.

A Scan along the batch does the same with every row on its own, so its body is read once, for the row.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from indb import build
from indb.ir import Apply, Block, Distance, Metric, Op
from indb.readers.onnx.elementwise import rounded
from indb.readers.onnx.limits import MAX_LANES
from indb.readers.onnx.operators import MICROSOFT, Node, operator
from indb.readers.onnx.shapes import moved
from indb.readers.onnx.structure import stacked
from indb.readers.onnx.values import Constant, Sizes, Tensor, Value, as_tensor


@operator("If", folds_itself=True)
def if_(node: Node) -> list[Value]:
    """One of two graphs; where the row decides, both, and of each output the one that is asked for."""
    condition = node.value(0)
    then, other = node.graph("then_branch"), node.graph("else_branch")
    if isinstance(condition, Sizes):
        raise node.refused("it depends on the size of the batch")
    if isinstance(condition, Constant):
        if condition.array.size != 1:
            raise node.damaged(f"its condition has {condition.array.size} elements, needed one")
        return node.walk.run(then if bool(condition.array.ravel()[0]) else other, {})
    if condition.block.width != 1 or condition.batch is not None or condition.dtype != np.bool_:
        raise node.refused("its condition is another one for each row of a batch")
    pairs = zip(node.walk.run(then, {}), node.walk.run(other, {}), strict=False)
    return [_either(node, condition.block, as_tensor(a), as_tensor(b)) for a, b in pairs]


def _either(node: Node, condition: Block, a: Tensor, b: Tensor) -> Tensor:
    if (a.shape, a.batch, a.dtype) != (b.shape, b.batch, b.dtype):
        raise node.refused("its graphs give different shapes")
    block = build.where(condition, a.block, b.block)
    return Tensor(block, a.shape, a.dtype, a.batch, min(a.low, b.low), max(a.high, b.high))


@operator("Scan", folds_itself=True)
def scan(node: Node) -> list[Value]:
    """A graph for each slice of its inputs along an axis; states go from one to the next. Source: Operators.md."""
    if node.version < 9:
        raise node.refused("it is of a version before 9")
    body, count = node.graph("body"), node.integer("num_scan_inputs")
    values = [node.value(position) for position in range(len(node.inputs))]
    if not 1 <= count <= len(values):
        raise node.damaged(f"it scans {count} of {len(values)} inputs")
    states, scanned = values[: len(values) - count], values[len(values) - count :]
    n_outputs = len(body.output) - len(states)
    if len(body.input) != len(values) or n_outputs < 0 or n_outputs > MAX_LANES:
        raise node.damaged(f"its graph takes {len(body.input)} values and gives {len(body.output)}")
    axes = _listed(node, "scan_input_axes", count)
    output_axes = _listed(node, "scan_output_axes", n_outputs)
    if any(_listed(node, "scan_input_directions", count)) or any(_listed(node, "scan_output_directions", n_outputs)):
        raise node.refused("it goes backwards")
    axes = [node.axis(axis, _rank(value)) for axis, value in zip(axes, scanned, strict=True)]
    if any(isinstance(value, Tensor) and value.batch == axis for axis, value in zip(axes, scanned, strict=True)):
        return _each_row(node, states, scanned, axes, output_axes)
    lengths = {_length(value, axis) for axis, value in zip(axes, scanned, strict=True)}
    if len(lengths) != 1:
        raise node.damaged(f"its inputs have the lengths {sorted(lengths)}, needed one")
    (length,) = lengths
    if not 0 < length <= MAX_LANES:
        raise node.refused(f"it takes {length} steps")
    columns: list[list[Value]] = [[] for _ in range(n_outputs)]
    names = [entry.name for entry in body.input]
    for step in range(length):
        parts = [_slice(node, value, axis, step) for value, axis in zip(scanned, axes, strict=True)]
        found = node.walk.run(body, dict(zip(names, [*states, *parts], strict=True)))
        states = found[: len(states)]
        for column, value in zip(columns, found[len(states) :], strict=True):
            column.append(value)
    return [*states, *(stacked(node, column, axis) for column, axis in zip(columns, output_axes, strict=True))]


def _listed(node: Node, name: str, count: int) -> list[int]:
    found = node.integers(name) or [0] * count
    if len(found) != count:
        raise node.damaged(f"its attribute {name!r} holds {len(found)} numbers, needed {count}")
    return found


def _rank(value: Value) -> int:
    return as_tensor(value).rank


def _length(value: Value, axis: int) -> int:
    return as_tensor(value).shape[axis]


def _slice(node: Node, value: Value, axis: int, step: int) -> Value:
    if isinstance(value, Constant):
        return Constant(np.take(value.array, step, axis=axis))
    return moved(node, [as_tensor(value)], lambda arrays, n: [np.take(arrays[0], step, axis=axis)])[0]


def _each_row(
    node: Node, states: list[Value], scanned: list[Value], axes: list[int], output_axes: list[int]
) -> list[Value]:
    """A Scan along the batch: the body once, with each input as the one row that it is here."""
    body = node.graph("body")
    rows: list[Value] = []
    for value, axis in zip(scanned, axes, strict=True):
        if not isinstance(value, Tensor) or value.batch != axis:
            raise node.refused("it goes along a batch and along something else at once")
        rows.append(replace(value, shape=value.shape[:axis] + value.shape[axis + 1 :], batch=None, codes=None))
    if any(isinstance(state, Sizes) or (isinstance(state, Tensor) and state.batch is not None) for state in states):
        raise node.refused("it brings the rows of a batch together")
    names = [entry.name for entry in body.input]
    found = node.walk.run(body, dict(zip(names, [*states, *rows], strict=True)))
    if any(new is not old for new, old in zip(found, states, strict=False)):
        raise node.refused("what it computes of a row goes on to the next one")
    results: list[Value] = list(states)
    for value, axis in zip(found[len(states) :], output_axes, strict=True):
        tensor = as_tensor(value)
        if tensor.batch is not None:
            raise node.refused("it brings the rows of a batch together")
        at = node.axis(axis, tensor.rank + 1)
        results.append(replace(tensor, shape=(*tensor.shape[:at], 1, *tensor.shape[at:]), batch=at, codes=None))
    return results


@operator("CDist", domain=MICROSOFT)
def distances(node: Node) -> Value:
    """How far each row of the first matrix is from each of the second, one of which is constant."""
    metric = node.string("metric", "sqeuclidean")
    if metric not in ("sqeuclidean", "euclidean"):
        raise node.damaged(f"its metric is {metric!r}")
    a, b = node.value(0), node.value(1)
    swapped = isinstance(a, Constant)
    points, x = (a, b) if swapped else (b, a)
    if not isinstance(points, Constant) or not isinstance(x, Tensor):
        raise node.refused("both of its inputs are computed from the row")
    array = points.array
    if array.ndim != 2 or x.rank != 2 or x.batch == 1 or x.shape[1] != array.shape[1] or x.dtype != array.dtype:
        raise node.damaged(f"it has points {array.shape} of {array.dtype} for {x.shape} of {x.dtype}")
    if x.shape[0] != 1 or array.size == 0 or not np.isfinite(array).all() or array.dtype.kind != "f":
        raise node.refused("it has points that are not finite, or several for a row")
    block: Block = Distance(x.block, array.astype(np.float64), Metric.SQUARED)
    if metric == "euclidean":
        block = Apply(Op.SQRT, (block,))
    shape, batch = ((len(array), 1), 1) if swapped else ((1, len(array)), 0)
    return Tensor(rounded(block, x.dtype), shape, x.dtype, None if x.batch is None else batch)
