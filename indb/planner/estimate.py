"""What scoring one row takes: counted from the scalar graph for SQL, and from the blocks for the runtime."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from indb.emit import Binding, largest_lane, largest_work
from indb.ir import Model, TreeEnsemble, Type
from indb.runtime.kernels import n_values
from indb.runtime.leaves import Leaves
from indb.runtime.regroup import ROWS, Groups
from indb.runtime.scorer import row_steps
from indb.runtime.trees import WORD

TREE_CALLS = 10
"""A kernel for trees makes as many calls as so many other steps."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Counts for one row of one output (the largest), unless said otherwise.

    `inlined`: scalar nodes with shared values written out. `operations`: how many of them a row executes, where a CASE
    takes one arm; `shared_operations` with shared values computed once. `blocks`: the calls into numpy that the
    runtime makes for a batch, for all outputs; `values`: the lanes that they compute, `splits`: what its kernels for
    trees take, in visits of a node.
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
    steps = row_steps(original)
    trees = [step for step in steps if isinstance(step, TreeEnsemble)]
    return Estimate(
        largest_lane(optimised, dialect, binding).inlined,
        found.operations,
        found.shared,
        len(original.columns) - texts,
        texts,
        len(steps) + len(original.columns) + TREE_CALLS * len(trees),
        sum(map(n_values, steps)),
        sum(map(_splits, trees)),
    )


def _splits(block: TreeEnsemble) -> float:
    """What the runtime's kernel takes for a row, in nodes that ONNX Runtime visits.

    A bit vector is looked up for each column that is asked for, and combined for each tree. The factors are those of
    the machine on which `indb.runtime.trees.WORD` was measured, where a visit takes 12 ns.
    """
    leaves, n_trees = Leaves(block), len(block.roots)
    sums = 0.6 * n_trees * block.width
    if leaves.most <= WORD:
        groups = Groups()
        lanes = [groups.of(part) if groups.of(part) != ROWS else (part, lane)
                 for part in block.inputs for lane in range(part.width)]  # fmt: skip
        asked = len({lanes[lane] for lane in block.feature[block.feature >= 0].tolist()})
        return asked * (5.0 + 0.0012 * leaves.most * n_trees) + sums
    return _visited(block) + sums


def _visited(block: TreeEnsemble) -> float:
    """The nodes that a row visits in all trees when each side of a split is as likely as the other."""
    steps = np.zeros(len(block.feature))
    for node in range(len(steps) - 1, -1, -1):  # children come after their parents
        if block.feature[node] >= 0:
            steps[node] = 1.0 + (steps[block.left[node]] + steps[block.right[node]]) / 2.0
    return float(steps[block.roots].sum())
