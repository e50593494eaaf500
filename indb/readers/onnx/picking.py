"""Elements of constants that the row chooses by number."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from indb import build
from indb.ir import Apply, Block, Lookup, Op, Type
from indb.readers.onnx.limits import MAX_ARMS, MAX_LANES_TOTAL
from indb.readers.onnx.operators import Node
from indb.readers.onnx.values import Array, Tensor, constant_block, each_lane, labelled, rearranged, take


def picked(node: Node, table: Array, index: Tensor, axis: int) -> Tensor:
    """numpy.take(table, index, axis) of a constant; a row whose index is outside is refused.

    Indices count from the end where they are negative.
    """
    size = table.shape[axis]
    if size == 0:
        raise node.damaged("it picks from no elements")
    rows = np.moveaxis(table, axis, 0).reshape(size, -1)
    node.spend("elements of lookups", rows.size * index.block.width, MAX_LANES_TOTAL)
    number = numbered(node, index, size)
    if index.block.width == 1 and rows.shape[1] == 1 and table.ndim == 1:
        labels = [each.item() if hasattr(each, "item") else each for each in table.tolist()]
        constant_block(table)  # which refuses what no lane holds
        if table.dtype.kind in "iO":
            return labelled(number, labels, index, table.dtype)
    parts = [_looked_up(lane, rows) for lane in each_lane(number)]
    found = Tensor(
        build.concat(parts), (*index.shape, *table.shape[:axis], *table.shape[axis + 1 :]), table.dtype, index.batch
    )
    if table.dtype.kind in "iub":
        found = replace(found, low=float(table.min()), high=float(table.max()))
    return _in_place(found, index.rank, axis)


def numbered(node: Node, index: Tensor, size: int) -> Block:
    """Indices counted from the front; a row with one that is outside of `size` elements is refused."""
    if index.is_float or index.is_text:
        raise node.damaged(f"it picks by {index.dtype}, needed integers")
    number = index.block
    if index.low < -size or index.high > size - 1:
        node.require(build.between(number, -float(size), float(size - 1)))
    if index.low < 0.0:
        turned = build.add(number, build.number(float(size)))
        number = build.where(build.less(number, build.number(0.0)), turned, number)
    return number


def picked_lanes(node: Node, x: Tensor, index: Tensor, axis: int) -> Tensor:
    """numpy.take(x, index, axis) where both are computed from the row, along an axis that is no batch."""
    if x.batch is not None and (axis == x.batch or index.batch is not None):
        raise node.refused("it picks from the batch")
    number = numbered(node, index, x.shape[axis])
    lanes = np.moveaxis(np.arange(x.block.width).reshape(x.shape), axis, 0)
    arms = [take(x.block, line.ravel()) for line in lanes]
    parts = [chosen(node, lane, arms) for lane in each_lane(number)]
    shape = (*index.shape, *x.shape[:axis], *x.shape[axis + 1 :])
    rest = [at for at in range(x.rank) if at != axis]
    batch = index.batch if x.batch is None else index.rank + rest.index(x.batch)
    found = Tensor(build.concat(parts), shape, x.dtype, batch, x.low, x.high)
    return _in_place(found, index.rank, axis)


def _in_place(found: Tensor, n_index: int, axis: int) -> Tensor:
    """The axes of an index, which stand in front, moved to where the picked axis was."""
    if axis == 0:
        return found
    order = [*range(n_index, n_index + axis), *range(n_index), *range(n_index + axis, found.rank)]
    return rearranged([found], lambda arrays, n: [np.transpose(arrays[0], order)])[0]


def _looked_up(number: Block, rows: Array) -> Block:
    """The row of a number."""
    constant_block(rows)
    is_text = rows.dtype == object
    gap: tuple[float | None, ...] = (None if is_text else math.nan,) * rows.shape[1]
    values = tuple(tuple(row if is_text else map(float, row)) for row in rows.tolist())
    keys = tuple(float(key) for key in range(len(rows)))
    return Lookup(number, keys, values, gap, gap, Type.TEXT if is_text else Type.NUMBER)


def chosen(node: Node, number: Block, arms: list[Block]) -> Block:
    """The arm of a number, of blocks of the same width."""
    node.spend("arms", sum(arm.width for arm in arms), MAX_ARMS)
    found = arms[-1]
    for position in range(len(arms) - 2, -1, -1):
        found = build.where(Apply(Op.EQ, (number, build.number(float(position)))), arms[position], found)
    return found
