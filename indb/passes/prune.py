"""Trees without what cannot happen: branches that no value reaches, and splits whose sides are equal. Exact."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from indb.ir import Model, TreeEnsemble, rewrite


def prune_trees(model: Model) -> Model:
    """The model with smaller trees."""
    return rewrite(model, lambda block: _Pruning(block).run() if isinstance(block, TreeEnsemble) else block)


@dataclass(frozen=True, slots=True)
class _Reach:
    """The values of one feature that come to a node: after which double, up to which one, and whether missing does."""

    above: float = -math.inf
    most: float = math.inf
    missing: bool = True


_ALL = _Reach()


class _Pruning:
    def __init__(self, block: TreeEnsemble) -> None:
        self.block = block
        self.feature = block.feature.tolist()
        self.threshold = block.threshold.tolist()
        self.category = block.category_set.tolist()
        self.left, self.right = block.left.tolist(), block.right.tolist()
        self.missing_left = block.missing_left.tolist()
        self.leaf = _equal_rows(block)[block.leaf].tolist() if len(block.leaf) else []
        self.same: dict[tuple[int, ...], int] = {}

    def run(self) -> TreeEnsemble:
        """The pruned ensemble, or the same block when nothing was to be pruned."""
        try:
            roots = [self._visit(int(root), {}) for root in self.block.roots]
        except RecursionError:  # a tree deeper than any engine can nest; emit says so where it matters
            return self.block
        order: list[int] = []
        new_roots: list[int] = []
        for root in roots:
            new_roots.append(len(order))
            self._collect(root, order)
        pruned = self.block if len(order) == len(self.feature) else self._rebuild(order, new_roots)
        return _without_unread(pruned)

    def _visit(self, node: int, reach: dict[int, _Reach]) -> int:
        """The node that stands in place of this one for the values that reach it."""
        feature = self.feature[node]
        if feature < 0:
            return node
        known = reach.get(feature, _ALL)
        if self.category[node] >= 0:
            left = self._visit(self.left[node], reach)
            right = self._visit(self.right[node], reach)
        else:
            threshold, missing_left = self.threshold[node], self.missing_left[node]
            goes_left = known.above < threshold or (known.missing and missing_left)
            goes_right = known.most > threshold or (known.missing and not missing_left)
            if not goes_right or not goes_left:
                return self._visit(self.left[node] if goes_left else self.right[node], reach)
            low = _Reach(known.above, min(known.most, threshold), known.missing and missing_left)
            high = _Reach(max(known.above, threshold), known.most, known.missing and not missing_left)
            left = self._visit(self.left[node], {**reach, feature: low})
            right = self._visit(self.right[node], {**reach, feature: high})
        if left == right or self._are_equal_leaves(left, right):
            return left
        self.left[node], self.right[node] = left, right
        return node

    def _are_equal_leaves(self, a: int, b: int) -> bool:
        return bool(self.feature[a] < 0 and self.feature[b] < 0 and self.leaf[a] == self.leaf[b])

    def _collect(self, root: int, order: list[int]) -> None:
        stack = [root]
        while stack:
            node = stack.pop()
            order.append(node)
            if self.feature[node] >= 0:
                stack += (self.right[node], self.left[node])

    def _rebuild(self, order: list[int], roots: list[int]) -> TreeEnsemble:
        place = {node: number for number, node in enumerate(order)}

        def child(side: list[int]) -> np.ndarray:
            rows = [place[side[node]] if self.feature[node] >= 0 else -1 for node in order]
            return np.array(rows, dtype=np.int32)

        block, index = self.block, np.array(order, dtype=np.int64)
        return replace(
            block, roots=np.array(roots, dtype=np.int32), feature=block.feature[index],
            threshold=block.threshold[index], category_set=block.category_set[index], left=child(self.left),
            right=child(self.right), missing_left=block.missing_left[index], leaf=block.leaf[index],
        )  # fmt: skip


def _without_unread(block: TreeEnsemble) -> TreeEnsemble:
    """The ensemble over the features that a split reads (or the first one: an ensemble has at least one)."""
    if any(part.width != 1 for part in block.inputs):
        return block
    read = sorted({*block.feature[block.feature >= 0].tolist()}) or [0]
    if len(read) == len(block.inputs):
        return block
    place = np.full(len(block.inputs) + 1, -1, dtype=np.int32)  # the last entry serves leaves, whose feature is -1
    place[read] = np.arange(len(read), dtype=np.int32)
    return replace(block, inputs=tuple(block.inputs[number] for number in read), feature=place[block.feature])


def _equal_rows(block: TreeEnsemble) -> np.ndarray:
    """For each leaf row the number of the first one with the same values; the last entry serves leaf -1."""
    known: dict[bytes, int] = {}
    rows = [known.setdefault(row.tobytes(), number) for number, row in enumerate(block.values)]
    return np.array([*rows, -1])
