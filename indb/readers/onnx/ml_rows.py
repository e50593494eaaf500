"""Inputs of ai.onnx.ml as rows of features: [n, k], or [k] as a single row, as ONNX Runtime takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from indb import build
from indb.ir import Block, Label
from indb.readers.onnx.operators import Node
from indb.readers.onnx.values import Tensor, labelled


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a tensor, each a block of `width` lanes: one where the first axis is the batch."""

    blocks: list[Block]
    width: int
    batch: int | None

    def numbers(self, rows: Sequence[Block], dtype: Any = np.float32) -> Tensor:
        """The tensor of a block for each row."""
        return Tensor(build.concat(list(rows)), (len(rows), rows[0].width), np.dtype(dtype), self.batch)

    def labels(self, numbers: Sequence[Block], labels: Sequence[Label]) -> Tensor:
        """The tensor of the labels that a class number for each row stands for."""
        dtype = np.dtype(object if isinstance(labels[0], str) else np.int64)
        like = Tensor(numbers[0], (1,), np.dtype(np.float64), self.batch)
        found = [labelled(number, labels, like, dtype) for number in numbers]
        if len(found) == 1:
            return found[0]
        return Tensor(build.concat([each.block for each in found]), (len(found),), dtype, None)


def rows_of(node: Node, position: int = 0) -> Rows:
    """The rows of an input that holds numbers.

    Raises: Refused where the batch is not the first of two axes.
    """
    return divided(node, node.number(position))


def divided(node: Node, x: Tensor) -> Rows:
    """The rows of a tensor. Raises: Refused where the batch is not the first of two axes."""
    if x.rank == 1 and x.batch is None:
        return Rows([x.block], x.shape[0], None)
    if x.rank != 2 or x.batch not in (0, None):
        raise node.refused(
            f"it takes a tensor of rank {x.rank} with the batch at axis {x.batch}, needed rows of features"
        )
    if x.shape[0] == 1:
        return Rows([x.block], x.shape[1], x.batch)
    lanes, width = node.lanes(x.block), x.shape[1]
    return Rows([build.concat(lanes[start : start + width]) for start in range(0, len(lanes), width)], width, x.batch)
