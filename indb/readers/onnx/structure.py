"""Operators that choose, pad or mark elements: by constants, or by numbers that the row holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from indb import build
from indb.ir import Apply, Block, Op
from indb.readers.onnx.arrays import dtype_of
from indb.readers.onnx.elementwise import cast_to, rounded, whole
from indb.readers.onnx.limits import MAX_LANES
from indb.readers.onnx.operators import Node, operator
from indb.readers.onnx.picking import chosen, numbered
from indb.readers.onnx.reductions import groups
from indb.readers.onnx.shapes import filled, moved
from indb.readers.onnx.values import Array, Constant, Tensor, Value, as_tensor, each_lane, take

MODES = {"constant": "constant", "reflect": "reflect", "edge": "edge", "wrap": "wrap"}
"""ONNX's name of a way to pad -> numpy's."""


@operator("Pad")
def pad(node: Node) -> Value:
    """Elements added before and behind each axis, or taken away where a number is below 0."""
    x = node.tensor(0)
    mode = node.string("mode", "constant")
    axes = list(range(x.rank))
    fill = 0.0
    if node.version < 11:
        found = node.integers("paddings" if node.version < 2 else "pads")
        pads = found or []
        value: Value = filled(node.real("value", fill), (), x.dtype)
    else:
        pads = node.indices(1)
        value = node.value(2) if node.given(2) else Constant(np.zeros((), dtype=x.dtype))
        if node.given(3):
            axes = [node.axis(axis, x.rank) for axis in node.indices(3)]
    if len(pads) != 2 * len(axes) or len(set(axes)) != len(axes) or mode not in MODES:
        raise node.damaged(f"it has the mode {mode!r} and {len(pads)} pads for {len(axes)} axes")
    ends = {axis: (pads[number], pads[number + len(axes)]) for number, axis in enumerate(axes)}
    sizes = [size + sum(max(0, each) for each in ends.get(axis, (0, 0))) for axis, size in enumerate(x.shape)]
    if math.prod(sizes) > MAX_LANES:
        raise node.refused(f"it makes more than {MAX_LANES} lanes")
    filler = as_tensor(value)
    if filler.block.width != 1 or filler.batch is not None or filler.dtype != x.dtype:
        raise node.damaged("it pads with something else than one element of the same type")

    def move(arrays: list[Array], n: int) -> list[Array]:
        array, constant = arrays[0], int(arrays[1].ravel()[0])
        cuts = [slice(max(0, -a), size - max(0, -b)) for size, (a, b) in _each(array, ends)]
        array = array[tuple(cuts)]
        widths = [(max(0, a), max(0, b)) for _, (a, b) in _each(array, ends)]
        if mode == "constant":
            return [np.pad(array, widths, constant_values=constant)]
        return [np.pad(array, widths, mode=MODES[mode])]  # type: ignore[call-overload]

    return moved(node, [x, filler], move)[0]


def _each(array: Array, ends: dict[int, tuple[int, int]]) -> list[tuple[int, tuple[int, int]]]:
    return [(size, ends.get(axis, (0, 0))) for axis, size in enumerate(array.shape)]


@operator("Trilu")
def trilu(node: Node) -> Value:
    """The upper or the lower triangle of matrices, zeros elsewhere."""
    x = node.tensor(0)
    diagonal = int(node.constant(1).ravel()[0]) if node.given(1) else 0
    if x.rank < 2 or abs(diagonal) > MAX_LANES:
        raise node.damaged(f"it takes the triangle {diagonal} of the rank {x.rank}")
    keep = np.triu if node.integer("upper", 1) else np.tril

    def move(arrays: list[Array], n: int) -> list[Array]:
        mask = keep(np.ones(arrays[0].shape[-2:], dtype=np.int8), diagonal)
        return [np.where(mask == 1, arrays[0], arrays[1])]

    return moved(node, [x, filled(0.0, (), x.dtype)], move)[0]


@operator("EyeLike")
def eye_like(node: Node) -> Value:
    """Ones on a diagonal of a matrix of the shape of x."""
    x = node.tensor(0)
    if x.rank != 2 or x.batch is not None:
        raise node.refused("it gives another number for each row of a batch")
    dtype = dtype_of(node.integer("dtype"), "its result") if node.has("dtype") else x.dtype
    node.ignore("dtype")
    shift = node.integer("k")
    if abs(shift) > MAX_LANES:
        raise node.damaged(f"its diagonal is {shift}")
    return Constant(np.eye(x.shape[0], x.shape[1], shift, dtype=dtype))


@operator("OneHot")
def one_hot(node: Node) -> Value:
    """A lane for each number from 0 on: `on` for that of an index (negative ones count from the end), else `off`."""
    indices, depth, values = node.number(0), node.constant(1), node.constant(2)
    if depth.size != 1 or values.shape != (2,):
        raise node.damaged(f"it has {depth.size} depths and {values.size} values, needed 1 and 2")
    indices = cast_to(node, indices, np.dtype(np.int64))
    count = int(depth.ravel()[0])
    if not 0 < count * indices.block.width <= MAX_LANES:
        raise node.refused(f"it makes {count} lanes of {indices.block.width}")
    axis = node.axis(node.integer("axis", -1), indices.rank + 1)
    off, on = (as_tensor(Constant(values[number : number + 1])).block for number in (0, 1))
    numbers = build.number(*map(float, range(count)))
    parts: list[Block] = []
    for lane in each_lane(indices.block):
        if indices.low < 0.0:
            lane = build.where(build.less(lane, build.number(0.0)), build.add(lane, build.number(float(count))), lane)
        parts.append(build.where(Apply(Op.EQ, (lane, numbers)), on, off))
    low, high = (float(values.min()), float(values.max())) if values.dtype.kind in "iub" else (-math.inf, math.inf)
    last = Tensor(build.concat(parts), (*indices.shape, count), values.dtype, indices.batch, low, high)
    return moved(node, [last], lambda arrays, n: [np.moveaxis(arrays[0], -1, axis)])[0]


@operator("Compress")
def compress(node: Node) -> Value:
    """The elements of an axis (or of all, in order) for which a constant condition holds."""
    x, condition = node.tensor(0), node.constant(1)
    axis = node.axis(node.integer("axis"), x.rank) if node.has("axis") else None
    length = x.block.width if axis is None else x.shape[axis]
    if condition.ndim != 1 or condition.dtype != np.bool_ or len(condition) > length:
        raise node.damaged(f"its condition is {condition.dtype} of the shape {condition.shape}")
    kept = np.flatnonzero(condition)
    return moved(node, [x], lambda arrays, n: [np.take(arrays[0], kept, axis=axis)])[0]


@operator("GatherElements")
def gather_elements(node: Node) -> Value:
    """Along an axis, the element that each index says: a constant one, or one that the row holds."""
    x, indices = node.tensor(0), node.tensor(1)
    axis = node.axis(node.integer("axis"), x.rank)
    if indices.rank != x.rank or axis in (x.batch, indices.batch) or indices.is_float:
        raise node.refused("it gathers from the batch, or by something else than whole numbers")
    known = node.value(1)
    if isinstance(known, Constant):
        places = np.where(known.array < 0, known.array + x.shape[axis], known.array)
        if places.size and not (int(places.min()) >= 0 and int(places.max()) < x.shape[axis]):
            raise node.damaged(f"its indices are beyond {x.shape[axis]} elements")
        return moved(node, [x], lambda arrays, n: [np.take_along_axis(arrays[0], places, axis)])[0]
    lanes = np.arange(x.block.width).reshape(x.shape)
    if any(size > x.shape[at] for at, size in enumerate(indices.shape) if at != axis) or x.batch != indices.batch:
        raise node.damaged(f"its indices have the shape {indices.shape}, needed at most {x.shape}")
    number = numbered(node, indices, x.shape[axis])
    parts: list[Block] = []
    for place, lane in zip(np.ndindex(indices.shape), each_lane(number), strict=True):
        line = lanes[tuple(slice(None) if at == axis else index for at, index in enumerate(place))]
        parts.append(chosen(node, lane, each_lane(take(x.block, line))))
    return Tensor(build.concat(parts), indices.shape, x.dtype, indices.batch, x.low, x.high)


@operator("GatherND")
def gather_nd(node: Node) -> Value:
    """The elements or slices at constant places; the first `batch_dims` axes of both go together."""
    x, places = node.tensor(0), node.constant(1)
    dims = node.integer("batch_dims")
    if places.ndim < 1 or places.dtype.kind != "i" or not 0 <= dims < min(x.rank, places.ndim):
        raise node.damaged(f"its places are {places.dtype} of rank {places.ndim}, with {dims} axes of a batch")
    depth = places.shape[-1]
    limits = np.array(x.shape[dims : dims + depth])
    if len(limits) != depth or depth < 1 or (x.batch is not None and x.batch < dims + depth):
        raise node.refused("it gathers from the batch")
    if x.shape[:dims] != places.shape[:dims] or ((places < -limits) | (places >= limits)).any():
        raise node.damaged(f"its places are beyond the shape {x.shape}")
    if places.size * x.block.width > MAX_LANES * limits.prod():
        raise node.refused(f"it makes more than {MAX_LANES} lanes")
    return moved(node, [x], lambda arrays, n: [_gathered(arrays[0], places, dims)])[0]


def _gathered(array: Array, places: Array, dims: int) -> Array:
    if dims:
        return np.stack([_gathered(*pair, dims - 1) for pair in zip(array, places, strict=True)])
    found: Array = array[tuple(np.moveaxis(places, -1, 0))]
    return found


@operator("CumSum", "CumProd")
def cumulative(node: Node) -> Value:
    """Sums or products from the first element of an axis to each: `exclusive` without it, `reverse` from the last."""
    x = node.number(0)
    axis = node.axis(int(node.constant(1).ravel()[0]), x.rank)
    exclusive, backwards = node.integer("exclusive"), node.integer("reverse")
    add = node.kind == "CumSum"
    order = groups(node, x, [axis])
    parts: list[Block] = []
    for group in order:
        total: Block = build.number(0.0 if add else 1.0)
        sums: list[Block] = []
        for lane in each_lane(take(x.block, group[::-1] if backwards else group)):
            before = total
            joined = build.add(total, lane) if add else build.multiply(total, lane)
            total = lane if not sums else rounded(joined, x.dtype)
            sums.append(before if exclusive else total)
        parts += sums[::-1] if backwards else sums
    block = take(build.concat(parts), np.argsort(order.ravel()))
    found = replace(x, block=block, codes=None)
    if x.is_float:
        return found
    largest, count = max(abs(x.low), abs(x.high), 1.0), x.shape[axis]
    limit = largest * count if add else math.inf if count > 64 else largest**count
    low, high = whole(node, block, x.dtype, -limit, limit)
    return replace(found, low=low, high=high)


def stacked(node: Node, values: Sequence[Value], axis: int) -> Value:
    """Values one after the other along a new axis."""
    tensors = [as_tensor(value) for value in values]
    return moved(node, tensors, lambda arrays, n: [np.stack(arrays, axis=axis)])[0]
