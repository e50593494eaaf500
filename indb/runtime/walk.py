"""A tree ensemble on many rows at once: category sets become columns, then every node asks the same question."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from indb.evaluate import Values, missing
from indb.ir import Bools, Floats, TreeEnsemble
from indb.runtime.leaves import Leaves, Places
from indb.runtime.words import Coded

CELLS = 1 << 16
"""How many (row, tree) pairs are walked at a time: their node numbers stay in the processor's cache."""


class Numeric:
    """An ensemble whose nodes all ask `x <= threshold`; a row's matrix has a column for each lane and category set.

    A set's column is 0 where the value is one of the set, 1 where it is not, and NaN where it is missing.
    """

    def __init__(self, leaves: Leaves) -> None:
        block = self.block = leaves.block
        self.leaves = leaves
        self.sets: list[tuple[int, frozenset[float | str]]] = []
        self.n_lanes = sum(part.width for part in block.inputs)
        self.feature = block.feature.astype(np.intp)
        self.threshold = block.threshold.copy()
        columns: dict[tuple[int, int], int] = {}
        for node in np.flatnonzero((block.category_set >= 0) & (block.feature >= 0)).tolist():
            lane, number = int(block.feature[node]), int(block.category_set[node])
            if (lane, number) not in columns:
                columns[lane, number] = self.n_lanes + len(self.sets)
                self.sets.append((lane, frozenset(block.category_sets[number])))
            self.feature[node] = columns[lane, number]
            self.threshold[node] = 0.5
        self._members = self._by_lane()

    @property
    def n_columns(self) -> int:
        """The width of a matrix."""
        return self.n_lanes + len(self.sets)

    def matrix(self, inputs: Sequence[Values | Coded], n_rows: int) -> Floats:
        """The columns of some rows, (n_rows, n_columns), for the values of the block's inputs."""
        found = np.empty((self.n_columns, n_rows))  # turned over at the end: columns are filled one by one
        lane = 0
        for part in inputs:
            values = part.rows() if isinstance(part, Coded) else part
            stop = lane + values.shape[1]
            found[lane:stop] = np.nan if values.dtype == object else values.T  # only sets ask for a text
            for index in range(lane, stop):
                if index in self._members:
                    self._fill_sets(found, index, part, index - lane)
            lane = stop
        return np.ascontiguousarray(found.T)

    def _fill_sets(self, found: Floats, lane: int, part: Values | Coded, index: int) -> None:
        """Fill the columns of all sets that one lane is asked for, once for each text where the lane is coded."""
        state, table, columns = self._members[lane]
        values = part.values[:, index] if isinstance(part, Coded) else part[:, index]
        other = len(state)
        states = np.fromiter((state.get(value, other) for value in values.tolist()), dtype=np.intp, count=len(values))
        answers = table[:, states]
        answers[:, missing(values)] = np.nan
        found[columns] = answers[:, part.numbers] if isinstance(part, Coded) else answers

    def _by_lane(self) -> dict[int, tuple[dict[float | str, int], Floats, list[int]]]:
        """Lane -> (state of each value that is in a set, for each set a row with 0 for its own, the sets' columns)."""
        found = {}
        for lane in sorted({lane for lane, _ in self.sets}):
            numbers = [number for number, (each, _) in enumerate(self.sets) if each == lane]
            values = dict.fromkeys(value for number in numbers for value in self.sets[number][1])
            state = {value: number for number, value in enumerate(values)}
            table = np.ones((len(numbers), len(state) + 1))
            for row, number in enumerate(numbers):
                table[row, [state[value] for value in self.sets[number][1]]] = 0.0
            found[lane] = (state, table, [self.n_lanes + number for number in numbers])
        return found


class Walk:
    """The kernel that needs numpy only: every tree of a block of rows takes one step at a time."""

    def __init__(self, numeric: Numeric) -> None:
        block = numeric.block
        inner = block.feature >= 0
        nodes = np.arange(len(block.feature))
        self.numeric = numeric
        self.feature = np.where(inner, numeric.feature, 0)
        self.threshold = numeric.threshold
        # A leaf leads to itself. Children side by side: the next node is child[2 * node + goes_right].
        self.child = np.column_stack(
            [np.where(inner, block.left, nodes), np.where(inner, block.right, nodes)]
        ).ravel().astype(np.intp)  # fmt: skip
        self.missing_left = block.missing_left
        self.any_missing_left = bool(block.missing_left.any())
        self.roots = block.roots.astype(np.intp)
        self.depth = _depth(block)
        self.step = max(1, CELLS // max(1, len(self.roots)))

    def prepare(self, inputs: Sequence[Values | Coded], n_rows: int) -> Floats:
        """The matrix of some rows."""
        return self.numeric.matrix(inputs, n_rows)

    def places(self, prepared: Floats, rows: slice) -> Places:
        """The leaves that some rows reach, (n_rows, n_trees)."""
        cells = prepared[rows]
        n_rows, n_columns = cells.shape
        cells = cells.ravel()
        offsets = np.arange(n_rows, dtype=np.intp)[:, None] * n_columns
        node: NDArray[np.intp] = np.broadcast_to(self.roots, (n_rows, len(self.roots)))
        for _ in range(self.depth):
            x = cells.take(self.feature.take(node) + offsets)
            right: Bools = ~(x <= self.threshold.take(node))
            if self.any_missing_left:
                right &= ~(np.isnan(x) & self.missing_left.take(node))
            node = self.child.take(2 * node + right)
        return self.numeric.leaves.first.take(node)


def _depth(block: TreeEnsemble) -> int:
    """The number of steps to the deepest leaf."""
    depth = np.zeros(len(block.feature), dtype=np.intp)
    for node in np.flatnonzero(block.feature >= 0).tolist():  # children come after their parents
        depth[block.left[node]] = depth[block.right[node]] = depth[node] + 1
    return int(depth.max(initial=0))
