"""Decision trees: a whole tree is one scalar node, written straight from its arrays.

A missing value goes by the split's own direction, and SQL's comparison with NULL is never true. So the arm that a
missing value takes is the ELSE arm: `x <= w` picks left when missing goes right, `x > w` picks right when it goes left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from indb.emit.ranges import TINY, Range
from indb.ir import TreeEnsemble


@dataclass(frozen=True, slots=True)
class Split:
    """One choice of a tree: the row takes `then` when the test holds, else `other` (numbers of tree nodes).

    The test is x <= threshold, or x > threshold (`above`), or x in keys (or missing as well, `or_missing`).
    """

    feature: int
    then: int
    other: int
    threshold: float = 0.0
    above: bool = False
    keys: tuple[float | str, ...] | None = None
    or_missing: bool = False


class Forest:
    """The arrays of an ensemble as lists, which Python reads faster; `may_miss` says it of each feature."""

    def __init__(self, block: TreeEnsemble, may_miss: Sequence[bool]) -> None:
        self.may_miss = may_miss
        self.sets = block.category_sets
        self.feature: list[int] = block.feature.tolist()
        self.threshold: list[float] = block.threshold.tolist()
        self.category_set: list[int] = block.category_set.tolist()
        self.left: list[int] = block.left.tolist()
        self.right: list[int] = block.right.tolist()
        self.missing_left: list[bool] = block.missing_left.tolist()
        self.leaf: list[int] = block.leaf.tolist()

    def nodes(self, root: int) -> list[int]:
        """The nodes of one tree, children before their parents."""
        found, stack = [], [root]
        while stack:
            node = stack.pop()
            found.append(node)
            if self.feature[node] >= 0:
                stack += (self.left[node], self.right[node])
        return sorted(found, reverse=True)  # in the arrays, children come after their parents

    def split(self, node: int) -> Split:
        """The choice at an inner node."""
        feature, left, right = self.feature[node], self.left[node], self.right[node]
        missing_left = self.missing_left[node] and self.may_miss[feature]
        number = self.category_set[node]
        if number >= 0:
            return Split(feature, left, right, keys=self.sets[number], or_missing=missing_left)
        if missing_left:
            return Split(feature, right, left, self.threshold[node], above=True)
        return Split(feature, left, right, self.threshold[node])

    def reads(self, root: int) -> Counter[int]:
        """How many splits of one tree read each feature."""
        return Counter(self.feature[node] for node in self.nodes(root) if self.feature[node] >= 0)

    def path(self, root: int) -> tuple[float, float]:
        """(splits, comparisons) of a row on its way to a leaf when each side of a split is as likely as the other.

        A set's values are compared one after the other; all of them, where the row's value is not among them.
        """
        splits: dict[int, float] = {}
        comparisons: dict[int, float] = {}
        for node in self.nodes(root):
            splits[node] = comparisons[node] = 0.0
            if self.feature[node] < 0:
                continue
            left, right, number = self.left[node], self.right[node], self.category_set[node]
            own = 1.0 + (0.0 if number < 0 else len(self.sets[number]))
            splits[node] = 1.0 + (splits[left] + splits[right]) / 2.0
            comparisons[node] = own + (comparisons[left] + comparisons[right]) / 2.0
        return splits[root], comparisons[root]

    def shape(self, root: int) -> tuple[int, int]:
        """(number of scalar nodes without the features, depth of nesting) of one tree as an expression."""
        nodes = self.nodes(root)
        depth: dict[int, int] = {}
        for node in nodes:
            if self.feature[node] < 0:
                depth[node] = 1
                continue
            split = self.split(node)
            chained = self.feature[split.other] >= 0  # an ELSE that is a choice itself is an arm of the same CASE
            depth[node] = max(2, depth[split.then] + 1, depth[split.other] + (0 if chained else 1))
        n_leaves = (len(nodes) + 1) // 2
        return 2 * (len(nodes) - n_leaves) + n_leaves, depth[root]


def leaf_bounds(values: Sequence[float]) -> Range:
    """Bounds that hold for every leaf value of an ensemble."""
    array = np.asarray(values, dtype=np.float64)
    gap = bool(np.isnan(array).any())
    known = array[~np.isnan(array)]
    if not len(known):
        return Range(0.0, 0.0, missing=True, nan=False)
    sizes = np.abs(known[known != 0.0])
    tiny = float(sizes.min()) if len(sizes) else TINY
    return Range(float(known.min()), float(known.max()), tiny, missing=gap, nan=False)
