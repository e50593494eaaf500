"""A tree ensemble on many rows at once: category sets become columns, then every node asks the same question.

The result has the bits of `indb.evaluate.trees`: the same comparisons, and leaf rows added in the same order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from indb.evaluate import Values, missing
from indb.ir import Bools, Floats, TreeEnsemble

CELLS = 1 << 16
"""How many (row, tree) pairs are walked at a time: their node numbers stay in the processor's cache."""


class Numeric:
    """An ensemble whose nodes all ask `x <= threshold`; a row's matrix has a column for each lane and category set.

    A set's column is 0 where the value is one of the set, 1 where it is not, and NaN where it is missing.
    """

    def __init__(self, block: TreeEnsemble) -> None:
        self.block = block
        self.sets: list[tuple[int, frozenset[float | str]]] = []
        self.is_text = [part.type.value == "text" for part in block.inputs for _ in range(part.width)]
        n_lanes = len(self.is_text)
        self.feature = block.feature.astype(np.intp)
        self.threshold = block.threshold.copy()
        columns: dict[tuple[int, int], int] = {}
        for node in np.flatnonzero((block.category_set >= 0) & (block.feature >= 0)).tolist():
            lane, number = int(block.feature[node]), int(block.category_set[node])
            if (lane, number) not in columns:
                columns[lane, number] = n_lanes + len(self.sets)
                self.sets.append((lane, frozenset(block.category_sets[number])))
            self.feature[node] = columns[lane, number]
            self.threshold[node] = 0.5
        self.members = _members(self.sets)

    def matrix(self, inputs: list[Values]) -> Floats:
        """The columns of some rows, (n_rows, n_columns), for the values of the block's inputs."""
        n_rows = len(inputs[0]) if inputs else 0
        found = np.empty((n_rows, len(self.is_text) + len(self.sets)))
        lane = 0
        for part in inputs:
            if part.dtype != object:
                found[:, lane : lane + part.shape[1]] = part
            else:
                found[:, lane : lane + part.shape[1]] = np.nan  # only sets ask for a text
            lane += part.shape[1]
        self._fill_sets(found, inputs)
        return found

    def _fill_sets(self, found: Floats, inputs: list[Values]) -> None:
        lanes = [part[:, index] for part in inputs for index in range(part.shape[1])]
        start = len(self.is_text)
        for lane, (index, table, numbers) in self.members.items():
            values = lanes[lane]
            gaps = missing(values.reshape(-1, 1))[:, 0]
            other = len(index)
            codes = np.fromiter(
                (index.get(value, other) for value in values.tolist()), dtype=np.intp, count=len(values)
            )
            columns = table[codes]
            columns[gaps] = np.nan
            found[:, [start + number for number in numbers]] = columns


def _members(
    sets: list[tuple[int, frozenset[float | str]]],
) -> dict[int, tuple[dict[float | str, int], Floats, list[int]]]:
    """Lane -> (number of each value, a row for each value with 0 for each set that holds it, the sets' numbers)."""
    found = {}
    for lane in sorted({lane for lane, _ in sets}):
        numbers = [number for number, (each, _) in enumerate(sets) if each == lane]
        values = {value: None for number in numbers for value in sets[number][1]}
        index = {value: row for row, value in enumerate(values)}
        table = np.ones((len(index) + 1, len(numbers)))
        for column, number in enumerate(numbers):
            table[[index[value] for value in sets[number][1]], column] = 0.0
        found[lane] = (index, table, numbers)
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
        self.leaf_values = np.zeros((len(nodes), block.width))
        self.leaf_values[~inner] = block.values[block.leaf[~inner]]

    def run(self, matrix: Floats) -> Floats:
        """The value of each row of `Numeric.matrix`, (n_rows, width)."""
        block = self.numeric.block
        found = np.empty((len(matrix), block.width))
        step = max(1, CELLS // max(1, len(self.roots)))
        for start in range(0, len(matrix), step):
            found[start : start + step] = self._sum(self.leaves(matrix[start : start + step]))
        return found

    def leaves(self, matrix: Floats) -> NDArray[np.intp]:
        """The leaf node of each row and tree, (n_rows, n_trees)."""
        n_rows, n_columns = matrix.shape
        cells = matrix.ravel()
        offsets = np.arange(n_rows, dtype=np.intp)[:, None] * n_columns
        node = np.broadcast_to(self.roots, (n_rows, len(self.roots)))
        for _ in range(self.depth):
            x = cells.take(self.feature.take(node) + offsets)
            right: Bools = ~(x <= self.threshold.take(node))
            if self.any_missing_left:
                right &= ~(np.isnan(x) & self.missing_left.take(node))
            node = self.child.take(2 * node + right)
        return node

    def _sum(self, leaves: NDArray[np.intp]) -> Floats:
        """Base and leaf rows added in the order of the trees: accumulate, unlike sum, does not add in pairs."""
        base = self.numeric.block.base
        total: Floats = np.empty((len(leaves), len(base)))
        for lane in range(len(base)):
            terms = np.empty((len(leaves), leaves.shape[1] + 1))
            terms[:, 0] = base[lane]
            terms[:, 1:] = self.leaf_values[:, lane].take(leaves)
            total[:, lane] = np.add.accumulate(terms, axis=1)[:, -1]
        return total


def _depth(block: TreeEnsemble) -> int:
    """The number of steps to the deepest leaf."""
    depth = np.zeros(len(block.feature), dtype=np.intp)
    for node in range(len(block.feature)):  # children come after their parents
        if block.feature[node] >= 0:
            depth[block.left[node]] = depth[block.right[node]] = depth[node] + 1
    return int(depth.max(initial=0))
