"""Elements of constants that the row chooses by number."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from indb import build
from indb.ir import Apply, Block, Lookup, Op, Type
from indb.readers.onnx.limits import MAX_LANES_TOTAL
from indb.readers.onnx.operators import Node
from indb.readers.onnx.values import Array, Tensor, constant_block, labelled, rearranged


def picked(node: Node, table: Array, index: Tensor, axis: int) -> Tensor:
    """numpy.take(table, index, axis) of a constant; a row whose index is outside is refused.

    Indices count from the end where they are negative.
    """
    size = table.shape[axis]
    rows = np.moveaxis(table, axis, 0).reshape(size, -1)
    node.spend("elements of lookups", rows.size * index.block.width, MAX_LANES_TOTAL)
    if index.is_float or size == 0:
        raise node.damaged(f"it picks from {size} elements by {index.dtype}")
    number = index.block
    if index.low < 0.0 or index.high > size - 1:
        node.require(build.between(number, -float(size), float(size - 1)))
    if index.low < 0.0:
        number = build.where(
            build.less(number, build.number(0.0)), build.add(number, build.number(float(size))), number
        )
    if index.block.width == 1 and rows.shape[1] == 1 and table.ndim == 1:
        labels = [each.item() if hasattr(each, "item") else each for each in table.tolist()]
        constant_block(table)  # which refuses what no lane holds
        if table.dtype.kind in "iO":
            return labelled(number, labels, index, table.dtype)
    parts = [_looked_up(lane, rows) for lane in build.lanes(number)]
    found = Tensor(
        build.concat(parts), (*index.shape, *table.shape[:axis], *table.shape[axis + 1 :]), table.dtype, index.batch
    )
    if table.dtype.kind in "iub":
        found = replace(found, low=float(table.min()), high=float(table.max()))
    places = range(index.rank, index.rank + axis)
    order = [*places, *range(index.rank), *range(index.rank + axis, found.rank)]
    return found if axis == 0 else rearranged([found], lambda arrays, n: [np.transpose(arrays[0], order)])[0]


def _looked_up(number: Block, rows: Array) -> Block:
    """The row of a number."""
    constant_block(rows)
    is_text = rows.dtype == object
    gap: tuple[float | None, ...] = (None if is_text else math.nan,) * rows.shape[1]
    values = tuple(tuple(row if is_text else map(float, row)) for row in rows.tolist())
    keys = tuple(float(key) for key in range(len(rows)))
    return Lookup(number, keys, values, gap, gap, Type.TEXT if is_text else Type.NUMBER)


def chosen(number: Block, arms: list[Block]) -> Block:
    """The arm of a number, of blocks of the same width."""
    found = arms[-1]
    for position in range(len(arms) - 2, -1, -1):
        found = build.where(Apply(Op.EQ, (number, build.number(float(position)))), arms[position], found)
    return found
