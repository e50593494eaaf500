"""What scoring one row takes: counted from the scalar graph for SQL, and from the blocks for the runtime."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from indb.emit import Binding, largest_lane, largest_work
from indb.ir import Model, TreeEnsemble, Type, walk


@dataclass(frozen=True, slots=True)
class Estimate:
    """Counts for one row of one output (the largest), unless said otherwise.

    `inlined`: scalar nodes with shared values written out. `operations`: how many of them a row executes, where a CASE
    takes one arm; `shared_operations` with shared values computed once. `values`: what is put into the graph of the
    runtime for all outputs: lanes of blocks. `splits`: nodes of trees that the runtime's kernel visits.
    """

    inlined: int
    operations: float
    shared_operations: float
    numbers: int
    texts: int
    blocks: int
    values: int
    splits: float

    @property
    def grown(self) -> float:
        """How many times larger than its distinct values an expression gets by writing shared ones out."""
        return self.operations / max(self.shared_operations, 1.0)


def estimate(original: Model, optimised: Model, dialect: str, binding: Binding) -> Estimate:
    """The counts of a model; `optimised` is written as SQL, `original` is what the runtime runs.

    Raises: EmitError when the model cannot be written in the dialect.
    """
    found = largest_work(optimised, dialect, binding)
    texts = sum(column.kind is Type.TEXT for column in original.columns)
    blocks = list(walk(original.roots()))
    return Estimate(
        largest_lane(optimised, dialect, binding).inlined,
        found.operations,
        found.shared,
        len(original.columns) - texts,
        texts,
        len(blocks),
        sum(block.width for block in blocks),
        sum(_visited(block) for block in blocks if isinstance(block, TreeEnsemble)),
    )


def _visited(block: TreeEnsemble) -> float:
    """The nodes that a row visits in all trees and lanes when each side of a split is as likely as the other."""
    steps = np.zeros(len(block.feature))
    for node in range(len(steps) - 1, -1, -1):  # children come after their parents
        if block.feature[node] >= 0:
            steps[node] = 1.0 + (steps[block.left[node]] + steps[block.right[node]]) / 2.0
    return float(steps[block.roots].sum()) * block.width
