"""What flows through a graph while it is read: tensors in blocks, constants, and constants that depend on the batch.

A table row is one row of the batch, and blocks have no batch axis. So a tensor holds the lanes of one row in row-major
order, and knows at which axis the batch stands, with the size 1 in its shape. What an operator does with that axis is
found out by letting numpy do the same to arrays for batches of two sizes (`SAMPLES`): whatever takes rows apart, mixes
them or counts them shows there, and is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indb import build
from indb.errors import InvalidModel, UnsupportedModel
from indb.ir import Block, Concat, Const, Label, Lookup, Take, Type
from indb.readers.onnx.limits import MAX_LANES

Array: TypeAlias = NDArray[Any]

SAMPLES = (5, 7)
"""The sizes of the batch for which arithmetic of shapes is done: what is 5 and 7 is the batch, what is equal is not."""

WHOLE = 2.0**53 - 1.0
"""Up to here a float64 stands for one whole number alone: 2**53 may also be 2**53 + 1, rounded."""

INT_LIMITS: dict[Any, tuple[float, float]] = {
    np.dtype(kind): (max(float(np.iinfo(kind).min), -WHOLE), min(float(np.iinfo(kind).max), WHOLE))
    for kind in (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64)
} | {np.dtype(np.bool_): (0.0, 1.0)}
"""What an integer lane may hold: no more than its type, and than a float64 tells apart."""

IN_BLOCKS = {*INT_LIMITS, np.dtype(np.float32), np.dtype(np.float64), np.dtype(object)}
"""The types of elements that blocks have."""


@dataclass(frozen=True, slots=True)
class Codes:
    """The number of a class, and what the numbers stand for."""

    block: Block
    labels: tuple[Label, ...]


class Folded(int):
    """The axis of the batch, where others were folded into it by a Reshape: a row has several elements along it.

    Along the axis stand `outer` times all rows of the batch, and each row has shape[axis] // outer elements there. An
    operator that loses this says something else than it was asked, and is refused.
    """

    outer: int

    def __new__(cls, axis: int, outer: int) -> Folded:
        found = super().__new__(cls, axis)
        found.outer = outer
        return found


def placed(axis: int | None, place: int) -> int:
    """An axis of the batch that moves to another place."""
    return Folded(place, axis.outer) if isinstance(axis, Folded) else place


@dataclass(frozen=True, slots=True)
class Tensor:
    """The lanes of one row of a tensor. `shape` has the size 1 at the axis `batch`; None is no batch axis.

    Where that axis is Folded, `shape` has there how many elements a row has along it.

    Integers and booleans are whole numbers in float64 within `low` and `high`; `codes` are those of labels.
    """

    block: Block
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    batch: int | None = 0
    low: float = -math.inf
    high: float = math.inf
    codes: Codes | None = None

    def __post_init__(self) -> None:
        if self.block.width != math.prod(self.shape):
            raise InvalidModel(f"cannot use a tensor: it has {self.block.width} lanes for the shape {self.shape}")
        if self.batch is not None and self.shape[self.batch] != 1 and not isinstance(self.batch, Folded):
            raise Refused("it takes a batch apart that is folded with other axes")
        low, high = INT_LIMITS.get(self.dtype, (-math.inf, math.inf))
        object.__setattr__(self, "low", max(low, self.low))
        object.__setattr__(self, "high", min(high, self.high))

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def is_text(self) -> bool:
        return self.dtype == object

    @property
    def is_float(self) -> bool:
        return self.dtype.kind == "f"

    def sized(self, n: int) -> tuple[int, ...]:
        """The shape for a batch of n rows."""
        return tuple(n * size if axis == self.batch else size for axis, size in enumerate(self.shape))


@dataclass(frozen=True, slots=True)
class Constant:
    """An array that is the same for every row and every batch."""

    array: Array


@dataclass(frozen=True, slots=True)
class Sizes:
    """An array that depends on the size of the batch alone, for each of SAMPLES."""

    arrays: tuple[Array, ...]


Value: TypeAlias = Tensor | Constant | Sizes


class Refused(UnsupportedModel):
    """What blocks cannot say; the walk adds which node it was."""


def constant_block(array: Array) -> Block:
    """The lanes of an array. Raises: Refused for what no lane holds exactly."""
    if array.dtype not in IN_BLOCKS:
        raise Refused(f"it takes elements of {array.dtype}")
    if not 0 < array.size <= MAX_LANES:
        raise Refused(f"it takes a constant of {array.size} elements, needed from 1 to {MAX_LANES}")
    if array.dtype == object:
        return Const(tuple(array.ravel().tolist()), Type.TEXT)
    if array.dtype.kind in "iu" and (np.abs(array.astype(np.float64)) > WHOLE).any():
        raise Refused("it takes an integer from 2**53 on")
    return build.number(*array.astype(np.float64).ravel().tolist())


def as_tensor(value: Value) -> Tensor:
    """The value in blocks. Raises: Refused."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, Sizes):
        raise Refused("it computes with the size of the batch")
    array = value.array
    low, high = -math.inf, math.inf
    block = constant_block(array)
    if array.dtype.kind in "iub":
        low, high = float(array.min()), float(array.max())
    return Tensor(block, array.shape, array.dtype, None, low, high)


def settled(arrays: Sequence[Array]) -> Value:
    """What arrays for each of SAMPLES are: a constant, sizes, or the same row for every row of a batch.

    Raises: Refused where they are none of it.
    """
    first, second = arrays
    if first.dtype == second.dtype and first.shape == second.shape:
        same = np.array_equal(first, second, equal_nan=first.dtype.kind == "f")
        return Constant(first) if same else Sizes(tuple(arrays))
    batch, count = _batch_axis(first.shape, second.shape)
    if count != 1:
        raise Refused("it gives several rows for each row of a batch")
    rows = [np.moveaxis(array, batch, 0) for array in arrays]
    if not all(np.array_equal(row, rows[0][0], equal_nan=row.dtype.kind == "f") for array in rows for row in array):
        raise Refused("it gives another number for each row of a batch")
    tensor = as_tensor(Constant(rows[0][0]))
    return replace(tensor, shape=(*first.shape[:batch], 1, *first.shape[batch + 1 :]), batch=batch)


def _batch_axis(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[int, int]:
    """(the axis that grows with the batch, its elements for each row). Raises: Refused where not exactly one grows."""
    differs = [axis for axis, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1]]
    if len(first) == len(second) and len(differs) == 1:
        axis = differs[0]
        count = first[axis] // SAMPLES[0]
        if count > 0 and (first[axis], second[axis]) == (count * SAMPLES[0], count * SAMPLES[1]):
            return axis, count
    raise Refused(f"its shape is {list(first)} for a batch of {SAMPLES[0]} and {list(second)} for {SAMPLES[1]}")


Move: TypeAlias = Callable[[list[Array], int], Sequence[Array]]
"""(an array for each tensor, size of the batch) -> arrays of the elements where they go."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the elements of a result come from: lanes in row-major order, the shape, and its batch axis."""

    lanes: Array
    shape: tuple[int, ...]
    batch: int | None


def places(tensors: Sequence[Tensor], move: Move) -> list[Places]:
    """Where elements go: `move` is called with arrays that stand for the tensors and gives rearranged ones.

    The lanes of all tensors are numbered through. Raises: Refused where rows of the batch do not stay apart.
    """
    samples = SAMPLES if any(tensor.batch is not None for tensor in tensors) else (1,)
    found = []
    for n in samples:
        moved = move(_numbered(tensors, n), n)
        if any(array.size > MAX_LANES * n for array in moved):  # a view may be larger than memory
            raise Refused(f"it makes more than {MAX_LANES} lanes")
        found.append(moved)
    if len(found) == 1:
        return [Places(each.ravel() // 2, each.shape, None) for each in found[0]]
    return [_compared(first, second) for first, second in zip(*found, strict=True)]


def _numbered(tensors: Sequence[Tensor], n: int) -> list[Array]:
    """For each tensor the numbers of its elements for a batch of n: lane * (n + 1) + row, the row n being any."""
    arrays = []
    start = 0  # of the lanes of this tensor
    for tensor in tensors:
        size = math.prod(tensor.shape)
        array = np.arange(start, start + size) * (n + 1)
        start += size
        if tensor.batch is None:
            arrays.append((array + n).reshape(tensor.shape))
            continue
        outer = tensor.batch.outer if isinstance(tensor.batch, Folded) else 1
        before = math.prod(tensor.shape[: tensor.batch]) * outer
        rows = np.arange(n).reshape(1, n, 1)
        arrays.append((array.reshape(before, 1, -1) + rows).reshape(tensor.sized(n)))
    return arrays


def _compared(first: Array, second: Array) -> Places:
    """The places that arrays for both samples agree in."""
    if first.shape == second.shape:
        lanes, rows = np.divmod(first, SAMPLES[0] + 1)
        if (rows != SAMPLES[0]).any() or not np.array_equal(lanes, second // (SAMPLES[1] + 1)):
            raise Refused("it takes single rows out of a batch")
        return Places(lanes.ravel(), first.shape, None)
    axis, count = _batch_axis(first.shape, second.shape)
    for outer in (each for each in range(1, count + 1) if count % each == 0):
        one, other = (_unfolded(array, axis, outer, n) for array, n in zip((first, second), SAMPLES, strict=True))
        if one is None or other is None or not np.array_equal(one, other):
            continue
        shape = (*first.shape[:axis], count, *first.shape[axis + 1 :])
        lanes = np.moveaxis(one.reshape(count, *first.shape[:axis], *first.shape[axis + 1 :]), 0, axis)
        return Places(lanes.ravel(), shape, axis if count == 1 else Folded(axis, outer))
    raise Refused("it mixes the rows of a batch")


def _unfolded(array: Array, axis: int, outer: int, n: int) -> Array | None:
    """The lanes of one row, the axis of the batch in front; None where all rows do not stand `outer` times along it."""
    lanes, rows = np.divmod(np.moveaxis(array, axis, 0), n + 1)
    lanes, rows = (each.reshape(outer, n, array.shape[axis] // (outer * n), -1) for each in (lanes, rows))
    order = np.arange(n).reshape(1, -1, 1, 1)
    if (lanes != lanes[:, :1]).any() or ((rows != order) & (rows != n)).any():
        return None
    kept: Array = lanes[:, 0]
    return kept


def take(block: Block, lanes: Array) -> Block:
    """Lanes of a block; all of them in order are the block itself.

    It never looks through an operation, as build.lane does: that takes forever where values are shared many times.
    """
    if not 0 < len(lanes) <= MAX_LANES:
        raise Refused(f"it makes {len(lanes)} lanes, needed from 1 to {MAX_LANES}")
    if len(lanes) == block.width and np.array_equal(lanes, np.arange(block.width)):
        return block
    match block:
        case Const(values, kind):
            return Const(tuple(values[lane] for lane in lanes.tolist()), kind)
        case Take(x, inner):
            return take(x, np.array([inner[lane] for lane in lanes.tolist()]))
        case Concat(parts) if len(lanes) == 1 and len(parts) == block.width:
            return parts[int(lanes[0])]
    return Take(block, tuple(lanes.tolist()))


def each_lane(block: Block) -> list[Block]:
    """Every lane of a block."""
    return [take(block, np.array([lane])) for lane in range(block.width)]


def rearranged(tensors: Sequence[Tensor], move: Move) -> list[Tensor]:
    """Tensors of the elements of others, without any arithmetic: reshaped, joined, sliced, transposed, repeated."""
    widths = np.cumsum([0, *(tensor.block.width for tensor in tensors)])
    limits = {"low": min(tensor.low for tensor in tensors), "high": max(tensor.high for tensor in tensors)}
    found = []
    whole: Block | None = None
    for place in places(tensors, move):
        if len(place.lanes) == 0:
            raise Refused("it gives no elements")
        number = int(np.searchsorted(widths, place.lanes.min(), side="right")) - 1
        codes = None
        if place.lanes.max() < widths[number + 1]:  # all of one tensor
            block = take(tensors[number].block, place.lanes - widths[number])
            codes = tensors[number].codes if len(place.lanes) == tensors[number].block.width == 1 else None
        else:
            whole = whole or Concat(tuple(tensor.block for tensor in tensors))
            block = take(whole, place.lanes)
        found.append(Tensor(block, place.shape, tensors[0].dtype, place.batch, **limits, codes=codes))
    return found


def broadcast(tensors: Sequence[Tensor]) -> tuple[list[Block], tuple[int, ...], int | None]:
    """(the lanes of each, the shape, the batch axis) of tensors that are made alike, as numpy does; one lane stays one.

    Raises: Refused where their shapes do not fit for every batch.
    """
    first = tensors[0]
    if all(tensor.shape == first.shape and tensor.batch == first.batch for tensor in tensors):
        return [tensor.block for tensor in tensors], first.shape, first.batch
    start = 0
    blocks: list[Block] = []
    try:
        found = places(tensors, lambda arrays, n: np.broadcast_arrays(*arrays))
    except ValueError as error:
        shapes = ", ".join(str([None if a == t.batch else s for a, s in enumerate(t.shape)]) for t in tensors)
        raise Refused(f"it joins the shapes {shapes} ({error})") from error
    for tensor, place in zip(tensors, found, strict=True):
        block = tensor.block
        blocks.append(block if block.width == 1 else take(block, place.lanes - start))
        start += block.width
    return blocks, found[0].shape, found[0].batch


def labelled(number: Block, labels: Sequence[Label], like: Tensor, dtype: Any) -> Tensor:
    """The tensor of the labels that class numbers (one lane, from 0 on) stand for, in the place of `like`."""
    texts = np.dtype(dtype).kind == "O"
    kept: tuple[Any, ...] = tuple(labels) if texts else tuple(float(label) for label in labels)
    missing = None if texts else math.nan
    keys = tuple(float(code) for code in range(len(kept)))
    kind = Type.TEXT if texts else Type.NUMBER
    block = Lookup(number, keys, tuple((label,) for label in kept), (missing,), (missing,), kind)
    return Tensor(block, like.shape, np.dtype(dtype), like.batch, codes=Codes(number, tuple(labels)))


@dataclass
class Budget:
    """How much is left of what one file may make."""

    left: dict[str, int] = field(default_factory=dict)

    def spend(self, what: str, amount: int, limit: int) -> None:
        """Raises: Refused when more than `limit` is spent."""
        self.left[what] = self.left.get(what, limit) - amount
        if self.left[what] < 0:
            raise Refused(f"it makes more than {limit} {what}")
