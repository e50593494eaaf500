"""Operators that bring axes together: Reduce…, ArgMax, Softmax, norms, TopK. None may go over the rows of a batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from indb import build
from indb.ir import Apply, Block, Op, Reduce, ReduceOp
from indb.readers.onnx.elementwise import exact_sum, mapped, rounded, whole
from indb.readers.onnx.functions import exp, floats, log, size, sqrt
from indb.readers.onnx.limits import MAX_ARMS, MAX_GROUPS, MAX_TERMS
from indb.readers.onnx.operators import Node, operator
from indb.readers.onnx.shapes import axes_of
from indb.readers.onnx.values import Array, Tensor, Value, each_lane, placed, take


def groups(node: Node, x: Tensor, axes: Sequence[int]) -> Array:
    """The lanes that come together, (n_groups, lanes of each); the groups in the order of the axes that are left.

    Raises: Refused where the batch is one of the axes.
    """
    if x.batch is not None and x.batch in axes:
        raise node.refused("it brings the rows of a batch together")
    lanes = np.arange(x.block.width).reshape(x.shape)
    last = np.moveaxis(lanes, list(axes), range(x.rank - len(axes), x.rank))
    node.spend("elements of reductions", lanes.size, MAX_TERMS)
    found = last.reshape(-1, math.prod(x.shape[axis] for axis in axes))
    node.spend("groups of reductions", len(found), MAX_GROUPS)
    return found


def each_group(node: Node, x: Tensor, axes: Sequence[int], function: Callable[[Block], Block]) -> Block:
    """A function that gives as many lanes as it takes, of each group; the lanes are in the order of x again."""
    found = groups(node, x, axes)
    parts = [function(take(x.block, group)) for group in found]
    return take(build.concat(parts), np.argsort(found.ravel()))


def reduced_shape(x: Tensor, axes: Sequence[int], keep: bool) -> tuple[tuple[int, ...], int | None]:
    """The shape and the batch axis when axes are brought to one element each, or taken away."""
    if keep:
        return tuple(1 if axis in axes else length for axis, length in enumerate(x.shape)), x.batch
    left = [axis for axis in range(x.rank) if axis not in axes]
    return tuple(x.shape[axis] for axis in left), None if x.batch is None else placed(x.batch, left.index(x.batch))


def _sum(x: Block) -> Block:
    return Reduce(ReduceOp.SUM, x)


def _product(x: Block) -> Block:
    found, *others = each_lane(x)
    for other in others:
        found = build.multiply(found, other)
    return found


REDUCTIONS: dict[str, Callable[[Block], Block]] = {
    "ReduceSum": _sum,
    "ReduceMean": lambda x: build.divide(_sum(x), build.number(float(x.width))),
    "ReduceMax": lambda x: Reduce(ReduceOp.MAX, x),
    "ReduceMin": lambda x: Reduce(ReduceOp.MIN, x),
    "ReduceProd": _product,
    "ReduceL1": lambda x: _sum(size(x)),
    "ReduceL2": lambda x: sqrt(build.squared(x)),
    "ReduceSumSquare": build.squared,
    "ReduceLogSum": lambda x: log(_sum(x)),
    "ReduceLogSumExp": build.log_sum_exp,
}
"""What becomes of the lanes of a group. Source: Operators.md."""

OF_INTEGERS: dict[str, Callable[[float, int], float]] = {
    "ReduceSum": lambda largest, count: largest * count,
    "ReduceMax": lambda largest, count: largest,
    "ReduceMin": lambda largest, count: largest,
    "ReduceProd": lambda largest, count: largest**count,
    "ReduceL1": lambda largest, count: largest * count,
    "ReduceSumSquare": lambda largest, count: largest * largest * count,
}
"""How large the result of integers can be, from the largest of them and their number."""

SINCE = {"ReduceSum": 13}
"""From which version on axes are an input, where that is not 18."""


@operator(*REDUCTIONS)
def reduction(node: Node) -> Value:
    """The lanes of the axes to one; missing where one of them is."""
    x = node.number(0)
    axes = axes_of(node, 1, SINCE.get(node.kind, 18))
    keep = bool(node.integer("keepdims", 1))
    noop = bool(node.integer("noop_with_empty_axes"))
    if not axes and noop:
        return _alone(node, x)
    axes = [node.axis(axis, x.rank) for axis in axes] if axes else list(range(x.rank))
    if len(set(axes)) != len(axes):
        raise node.damaged(f"its axes are {axes}, needed different ones")
    shape, batch = reduced_shape(x, axes, keep) if x.batch not in axes else (x.shape, x.batch)
    found = groups(node, x, axes)
    parts = [REDUCTIONS[node.kind](take(x.block, group)) for group in found]
    if node.kind in ("ReduceSum", "ReduceMean") and not x.is_float:
        sizes = [_sum(size(take(x.block, group))) for group in found]
        exact_sum(node, build.concat(sizes), found.shape[1] * max(abs(x.low), abs(x.high)))
    return _result(node, x, build.concat(parts), shape, batch, found.shape[1])


def _alone(node: Node, x: Tensor) -> Value:
    """No axes: each element is a group of its own."""
    parts = [REDUCTIONS[node.kind](lane) for lane in each_lane(x.block)]
    return _result(node, x, build.concat(parts), x.shape, x.batch, 1)


def _result(node: Node, x: Tensor, block: Block, shape: tuple[int, ...], batch: int | None, count: int) -> Tensor:
    if x.is_float:
        return Tensor(rounded(block, x.dtype), shape, x.dtype, batch)
    if node.kind == "ReduceMean":
        return Tensor(build.truncate(block), shape, x.dtype, batch, x.low, x.high)
    if node.kind not in OF_INTEGERS:
        raise node.refused(f"it is of {x.dtype}, needed float numbers")
    largest = max(abs(x.low), abs(x.high))
    try:
        limit = OF_INTEGERS[node.kind](largest, count)
    except OverflowError:
        limit = math.inf
    if node.kind in ("ReduceMax", "ReduceMin"):
        return Tensor(block, shape, x.dtype, batch, x.low, x.high)
    low, high = whole(node, block, x.dtype, -limit, limit)
    return Tensor(block, shape, x.dtype, batch, low, high)


@operator("ArgMax", "ArgMin")
def arg_extreme(node: Node) -> Value:
    """The position of the largest or smallest element, the first or the last of equal ones."""
    x = node.number(0)
    axis = node.axis(node.integer("axis"), x.rank)
    shape, batch = reduced_shape(x, [axis], bool(node.integer("keepdims", 1))) if axis != x.batch else ((), None)
    last = bool(node.integer("select_last_index"))
    smallest = node.kind == "ArgMin"
    parts = [place(take(x.block, group), smallest, last, x.is_float) for group in groups(node, x, [axis])]
    return Tensor(build.concat(parts), shape, np.dtype(np.int64), batch, 0.0, x.shape[axis] - 1.0)


def place(x: Block, smallest: bool = False, last: bool = False, gaps: bool = True) -> Block:
    """The number of the largest (smallest) lane, of several the first (last), as ONNX Runtime finds it.

    It looks through the lanes in order, so NaN is passed by, but where it comes first it stays. `gaps`: whether a lane
    may be missing.
    """
    op, worst = (ReduceOp.ARGMIN, math.inf) if smallest else (ReduceOp.ARGMAX, -math.inf)
    lanes = take(x, np.arange(x.width)[::-1]) if last else x
    found: Block = Reduce(op, Apply(Op.COALESCE, (lanes, build.number(worst))) if gaps else lanes)
    if last:
        found = build.subtract(build.number(x.width - 1.0), found)
    return build.where(build.is_missing(take(x, np.zeros(1, int))), build.number(0.0), found) if gaps else found


def _softmax_axes(node: Node, x: Tensor) -> list[int]:
    """One axis; before version 13 that axis and all behind it."""
    if node.version >= 13:
        return [node.axis(node.integer("axis", -1), x.rank)]
    axis = node.integer("axis", 1)
    if not -x.rank <= axis <= x.rank:
        raise node.damaged(f"its axis is {axis}, needed one of {x.rank}")
    return list(range(axis + x.rank if axis < 0 else axis, x.rank))


def _log_softmax(x: Block) -> Block:
    shifted = build.subtract(x, Reduce(ReduceOp.MAX, x))
    return build.subtract(shifted, log(_sum(exp(shifted))))


@operator("Softmax", "LogSoftmax")
def softmax(node: Node) -> Value:
    """exp(x) over its sum along an axis, and the logarithm of that."""
    x = floats(node, 0)
    function = build.softmax if node.kind == "Softmax" else _log_softmax
    block = each_group(node, x, _softmax_axes(node, x), function)
    return replace(x, block=rounded(block, x.dtype), codes=None)


@operator("Hardmax")
def hardmax(node: Node) -> Value:
    """1 for the first of the largest elements along an axis, 0 for the others."""
    x = floats(node, 0)

    def function(lanes: Block) -> Block:
        if lanes.width == 1:
            return build.number(1.0)
        largest = build.argmax(lanes)
        found: Block = Apply(Op.EQ, (build.number(*map(float, range(lanes.width))), largest))
        return build.where(build.is_missing(largest), build.MISSING, found)

    return replace(x, block=each_group(node, x, _softmax_axes(node, x), function), codes=None)


@operator("LpNormalization")
def lp_normalization(node: Node) -> Value:
    """x over its norm along an axis; 0 where that is 0."""
    x = floats(node, 0)
    axis, p = node.axis(node.integer("axis", -1), x.rank), node.integer("p", 2)
    if p not in (1, 2):
        raise node.damaged(f"its p is {p}, needed 1 or 2")

    def function(lanes: Block) -> Block:
        norm = sqrt(build.squared(lanes)) if p == 2 else _sum(size(lanes))
        zero = Apply(Op.EQ, (norm, build.number(0.0)))
        return build.divide(lanes, build.where(zero, build.number(1.0), norm))

    return mapped(x, lambda _: each_group(node, x, [axis], function))


@operator("TopK")
def top_k(node: Node) -> Sequence[Value]:
    """The k largest (or smallest) elements along an axis and where they stand, the first of equal ones first.

    Each is found among those that are left, so that k is small; missing where one of the elements is.
    """
    x = node.number(0)
    if node.version < 10:
        count = node.integer("k")
    else:
        (count,) = node.indices(1)
    node.ignore("sorted")
    largest = bool(node.integer("largest", 1))
    axis = node.axis(node.integer("axis", -1), x.rank)
    if axis == x.batch or not 1 <= count <= min(8, x.shape[axis]):
        raise node.refused(f"it takes {count} elements, needed from 1 to 8 of {x.shape[axis]} of a row")
    values: list[Block] = []
    places: list[Block] = []
    for group in groups(node, x, [axis]):
        lanes = take(x.block, group)
        if count > 1 and x.is_float:  # an infinity could not be told from what was taken
            worst = build.number(-math.inf if largest else math.inf)
            node.require(build.less(worst, lanes) if largest else build.less(lanes, worst))
        node.spend("steps", count * lanes.width, MAX_ARMS)
        found = _largest(lanes, count, largest)
        values += [value for value, _ in found]
        places += [place for _, place in found]
    left = [length for position, length in enumerate(x.shape) if position != axis]
    order = np.moveaxis(np.arange(len(values)).reshape(*left, count), -1, axis)
    shape = order.shape
    common: dict[str, Any] = {"shape": shape, "batch": x.batch}
    best = Tensor(take(build.concat(values), order.ravel()), dtype=x.dtype, low=x.low, high=x.high, **common)
    where = Tensor(
        take(build.concat(places), order.ravel()), dtype=np.dtype(np.int64), low=0.0, high=x.shape[axis] - 1.0, **common
    )
    return best, where


def _largest(lanes: Block, count: int, largest: bool) -> list[tuple[Block, Block]]:
    """(value, number) of the largest lanes; those that were taken are put behind all others."""
    arg = ReduceOp.ARGMAX if largest else ReduceOp.ARGMIN
    pick = ReduceOp.MAX if largest else ReduceOp.MIN
    numbers = build.number(*map(float, range(lanes.width)))
    worst = build.number(-math.inf if largest else math.inf)
    found: list[tuple[Block, Block]] = []
    taken: Block | None = None
    for _ in range(count):
        left = lanes if taken is None else build.where(taken, worst, lanes)
        place: Block = Reduce(arg, left)
        found.append((Reduce(pick, left), place))
        here = Apply(Op.EQ, (numbers, place))
        taken = here if taken is None else Apply(Op.OR, (taken, here))
    return found
