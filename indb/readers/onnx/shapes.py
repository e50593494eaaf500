"""Operators that move elements without arithmetic, and those that tell of shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from indb import build
from indb.readers.onnx.limits import MAX_LANES, MAX_RANK
from indb.readers.onnx.operators import Node, operator
from indb.readers.onnx.picking import picked, picked_lanes
from indb.readers.onnx.values import SAMPLES, Array, Constant, Move, Sizes, Tensor, Value, rearranged, settled


def moved(node: Node, tensors: Sequence[Tensor], move: Move) -> list[Tensor]:
    """`rearranged`; what numpy finds wrong is wrong in the file."""
    try:
        return rearranged(tensors, move)
    except (ValueError, IndexError, np.exceptions.AxisError) as error:
        raise node.damaged(f"its shapes do not fit ({error})") from error


def sample_of(n: int) -> int:
    """Which of SAMPLES a size of the batch is; the first for tensors without batch."""
    return SAMPLES.index(n) if n in SAMPLES else 0


@operator("Constant", folds_itself=True)
def constant(node: Node) -> Value:
    """The value of an attribute."""
    for name, dtype in (("value_int", np.int64), ("value_float", np.float32)):
        if node.has(name):
            return Constant(np.array(node.integer(name) if dtype is np.int64 else node.real(name), dtype=dtype))
    if node.has("value_string"):
        return Constant(np.array(node.string("value_string"), dtype=object))
    for name, values, kind in (
        ("value_ints", node.integers("value_ints"), np.int64),
        ("value_floats", node.reals("value_floats"), np.float32),
        ("value_strings", node.strings("value_strings"), object),
    ):
        if node.has(name):
            return Constant(np.array(values, dtype=kind))
    array = node.array("value")
    if array is None:
        raise node.refused("it holds no dense tensor")
    return Constant(array)


@operator("Shape", "Size")
def shape(node: Node) -> Value:
    """The sizes of all axes, or of those from `start` to `end`; their product."""
    x = node.tensor(0)
    arrays = []
    for n in SAMPLES:
        sizes = np.array(x.sized(n), dtype=np.int64)
        if node.kind == "Size":
            arrays.append(np.array(math.prod(x.sized(n)), dtype=np.int64))
            continue
        end = node.integer("end", x.rank) if node.has("end") else x.rank
        arrays.append(sizes[slice(node.integer("start"), end)])
    return settled(arrays)


@operator("Reshape")
def reshape(node: Node) -> Value:
    """The elements in another shape: 0 keeps a size (unless `allowzero`), -1 is what is left."""
    x = node.tensor(0)
    node.ignore("consumed_inputs")
    if node.version < 5:
        target = np.array(node.integers("shape") or [], dtype=np.int64)
        sizes: tuple[Array, ...] = (target, target)
    else:
        sizes = node.sizes(1)
    keep = not node.integer("allowzero")

    def move(arrays: list[Array], n: int) -> list[Array]:
        array = arrays[0]
        wanted = [int(each) for each in sizes[sample_of(n)].ravel()]
        wanted = [array.shape[axis] if size == 0 and keep else size for axis, size in enumerate(wanted)]
        return [array.reshape(wanted)]

    return moved(node, [x], move)[0]


@operator("Flatten")
def flatten(node: Node) -> Value:
    """Two axes: those before `axis`, and the others."""
    x = node.tensor(0)
    axis = node.integer("axis", 1)
    if not -x.rank <= axis <= x.rank:
        raise node.damaged(f"its axis is {axis}, needed one of {x.rank}")
    axis += x.rank if axis < 0 else 0
    return moved(
        node,
        [x],
        lambda arrays, n: [arrays[0].reshape(math.prod(arrays[0].shape[:axis]), math.prod(arrays[0].shape[axis:]))],
    )[0]


def axes_of(node: Node, position: int, since: int) -> list[int] | None:
    """The axes of a node: an attribute before version `since`, an input from it on; None where they are left out."""
    if node.version < since:
        return node.integers("axes")
    return node.indices(position) if node.given(position) else None


@operator("Squeeze", "Unsqueeze")
def squeeze(node: Node) -> Value:
    """Axes of size 1 taken away, or added."""
    x = node.tensor(0)
    axes = axes_of(node, 1, 13)
    if node.kind == "Unsqueeze":
        if axes is None or len(set(axes)) != len(axes) or len(axes) > MAX_RANK:
            raise node.damaged(f"its axes are {axes}, needed different ones")
        added = tuple(axes)
        return moved(node, [x], lambda arrays, n: [np.expand_dims(arrays[0], added)])[0]
    if axes is None:
        axes = [axis for axis, size in enumerate(x.shape) if size == 1 and axis != x.batch]
    taken = tuple(axes)
    return moved(node, [x], lambda arrays, n: [np.squeeze(arrays[0], taken)])[0]


@operator("Transpose")
def transpose(node: Node) -> Value:
    """The axes in another order, by default the opposite one."""
    x = node.tensor(0)
    order = node.integers("perm")
    return moved(node, [x], lambda arrays, n: [np.transpose(arrays[0], order)])[0]


@operator("Concat")
def concat(node: Node) -> Value:
    """Tensors one after the other along an axis."""
    tensors = [node.tensor(position) for position in range(len(node.inputs))]
    if len({tensor.dtype for tensor in tensors}) > 1:
        raise node.damaged("its inputs are of different types")
    axis = node.integer("axis", 1)
    return moved(node, tensors, lambda arrays, n: [np.concatenate(arrays, axis=axis)])[0]


@operator("Slice")
def slice_(node: Node) -> Value:
    """Elements from `starts` to `ends` by `steps` along `axes`. Source: Operators.md, Slice."""
    x = node.tensor(0)
    steps: list[int] | None = None
    if node.version < 10:
        starts, ends, axes = node.integers("starts") or [], node.integers("ends") or [], node.integers("axes")
    else:
        starts, ends = node.indices(1), node.indices(2)
        axes = node.indices(3) if node.given(3) else None
        steps = node.indices(4) if node.given(4) else None
    axes = list(range(len(starts))) if axes is None else [node.axis(axis, x.rank) for axis in axes]
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps) or len(set(axes)) != len(axes) or 0 in steps:
        raise node.damaged(f"it has {len(starts)} starts, {len(ends)} ends, {len(axes)} axes and {len(steps)} steps")
    if max(axes, default=0) >= x.rank:
        raise node.damaged(f"its axes are {axes}, needed those of {x.rank}")

    def move(arrays: list[Array], n: int) -> list[Array]:
        array = arrays[0]
        for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
            array = array[(slice(None),) * axis + (_slice(start, end, step, array.shape[axis]),)]
        return [array]

    return moved(node, [x], move)[0]


def _slice(start: int, end: int, step: int, size: int) -> slice:
    """Limits that are beyond the tensor are moved to its ends, as ONNX does; the last may lie before the first."""
    start += size if start < 0 else 0
    end += size if end < 0 else 0
    if step > 0:
        return slice(min(max(start, 0), size), min(max(end, 0), size), step)
    start, end = min(max(start, 0), size - 1), min(max(end, -1), size - 1)
    return slice(start, None if end < 0 else end, step)


@operator("Split")
def split(node: Node) -> Sequence[Value]:
    """Pieces of given sizes along an axis, or as many equal ones as there are outputs (the last may be smaller)."""
    x = node.tensor(0)
    axis = node.axis(node.integer("axis"), x.rank)
    if axis == x.batch:
        raise node.refused("it splits the batch")
    sizes = node.integers("split") if node.version < 13 else node.indices(1) if node.given(1) else None
    count = node.integer("num_outputs", node.n_outputs) if node.version >= 18 else node.n_outputs
    length = x.shape[axis]
    if sizes is None:
        if not 0 < count <= length:
            raise node.damaged(f"it splits {length} into {count}")
        part = -(-length // count)
        sizes = [min(part, length - part * number) for number in range(count)]
    if sum(sizes) != length or any(size < 0 for size in sizes):
        raise node.damaged(f"its pieces are {sizes}, needed {length} together")
    cuts = np.cumsum(sizes)[:-1].tolist()
    return moved(node, [x], lambda arrays, n: np.split(arrays[0], cuts, axis=axis))


@operator("Gather")
def gather(node: Node) -> Value:
    """Slices along an axis by constant indices, or by indices of the row."""
    axis = node.integer("axis")
    if isinstance(node.value(1), Tensor):
        return _picked(node, axis)
    x, indices = node.tensor(0), node.constant(1)
    axis = node.axis(axis, x.rank)
    _check_indices(node, indices, x.shape[axis])
    if indices.size * x.block.width > MAX_LANES * x.shape[axis]:
        raise node.refused(f"it makes more than {MAX_LANES} lanes")
    return moved(node, [x], lambda arrays, n: [np.take(arrays[0], indices, axis=axis)])[0]


def _check_indices(node: Node, indices: Array, size: int) -> None:
    if indices.dtype.kind not in "iu":
        raise node.damaged(f"its indices are of {indices.dtype}, needed integers")
    if indices.size and not (-size <= int(indices.min()) and int(indices.max()) < size):
        raise node.damaged(f"its indices are from {indices.min()} to {indices.max()}, needed those of {size}")


def _picked(node: Node, axis: int) -> Value:
    """Slices by the numbers that the row holds; a row with a number that is outside is refused."""
    table, index = node.value(0), node.number(1)
    if isinstance(table, Constant):
        return picked(node, table.array, index, node.axis(axis, table.array.ndim))
    x = node.tensor(0)
    return picked_lanes(node, x, index, node.axis(axis, x.rank))


@operator("Expand")
def expand(node: Node) -> Value:
    """The tensor repeated to a shape, as numpy broadcasts."""
    x, sizes = node.tensor(0), node.sizes(1)

    def move(arrays: list[Array], n: int) -> list[Array]:
        wanted = tuple(int(each) for each in sizes[sample_of(n)].ravel())
        shape = np.broadcast_shapes(arrays[0].shape, wanted)
        if math.prod(shape) > MAX_LANES * n:
            raise node.refused(f"it makes more than {MAX_LANES} lanes")
        return [np.broadcast_to(arrays[0], shape)]

    if x.batch is None and isinstance(node.value(1), Sizes):
        raise node.refused("it repeats a row for a batch")
    return moved(node, [x], move)[0]


@operator("Tile")
def tile(node: Node) -> Value:
    """The tensor repeated along each axis."""
    x = node.tensor(0)
    if node.version < 6:
        raise node.refused("it is of a version before 6")
    repeats = node.indices(1)
    if len(repeats) != x.rank or any(each < 1 for each in repeats) or math.prod(repeats) * x.block.width > MAX_LANES:
        raise node.refused(f"it repeats {x.block.width} lanes {str(repeats)[:80]} times")
    return moved(node, [x], lambda arrays, n: [np.tile(arrays[0], repeats)])[0]


def filled(value: Any, shape: tuple[int, ...], dtype: Any) -> Tensor:
    """A tensor of one number everywhere."""
    return Tensor(build.number(*[float(value)] * math.prod(shape)), shape, np.dtype(dtype), None)


@operator("ConstantOfShape", "Range", "StringNormalizer", "NonZero")
def only_constant(node: Node) -> Value:
    """What has blocks only where its inputs are constant, and is folded there."""
    raise node.refused("it is computed from the row")
