"""Trees read raw columns: imputers, scalers and encoders in front of a split go into the split itself. Exact.

A split on a monotone lane becomes a split on its column at the exact border. A split on a lane of a lookup (one-hot,
ordinal) becomes a split on the set of keys that go left.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace

import numpy as np

from indb.ir import Block, Column, Lookup, Model, TreeEnsemble, rewrite
from indb.passes.monotone import Monotone, monotone

Keys = tuple[float | str, ...]


def fold_splits(model: Model) -> Model:
    """The model with every tree reading columns where it can."""
    return rewrite(model, lambda block: _Folding(block).run() if isinstance(block, TreeEnsemble) else block)


@dataclass
class _Folding:
    """One ensemble while its splits are rewritten: copies of the node arrays, and the inputs it will read."""

    block: TreeEnsemble
    inputs: list[Block] = field(default_factory=list)
    sets: dict[Keys, int] = field(default_factory=dict)

    def run(self) -> TreeEnsemble:
        block = self.block
        self.feature, self.threshold = block.feature.copy(), block.threshold.copy()
        self.category_set = block.category_set.copy()
        self.left, self.right = block.left.copy(), block.right.copy()
        self.missing_left = block.missing_left.copy()
        nodes = defaultdict(list)
        for node in np.flatnonzero(block.feature >= 0).tolist():
            nodes[int(block.feature[node])].append(node)
        for feature, lane in enumerate(block.inputs):
            if feature in nodes:
                self._fold_lane(lane, np.array(nodes[feature]))
        return replace(
            block, inputs=tuple(self.inputs) or block.inputs[:1], feature=self.feature, threshold=self.threshold,
            category_set=self.category_set, left=self.left, right=self.right, missing_left=self.missing_left,
            category_sets=tuple(self.sets),
        )  # fmt: skip

    def _fold_lane(self, lane: Block, nodes: np.ndarray) -> None:
        numeric = self.category_set[nodes] < 0
        if isinstance(lane, Lookup):
            self._fold_lookup(lane, nodes)
            return
        found = None if isinstance(lane, Column) else monotone(lane)
        if found is not None and numeric.all():
            self._fold_monotone(found, nodes)
            return
        self.feature[nodes] = self._input(lane)
        for node in nodes[~numeric].tolist():
            self.category_set[node] = self._set(self.block.category_sets[self.category_set[node]])

    def _input(self, lane: Block) -> int:
        for number, known in enumerate(self.inputs):
            if known is lane:
                return number
        self.inputs.append(lane)
        return len(self.inputs) - 1

    def _set(self, keys: Keys) -> int:
        return self.sets.setdefault(keys, len(self.sets))

    def _swap(self, nodes: np.ndarray) -> None:
        self.left[nodes], self.right[nodes] = self.right[nodes], self.left[nodes].copy()
        self.missing_left[nodes] = ~self.missing_left[nodes]

    def _fold_monotone(self, lane: Monotone, nodes: np.ndarray) -> None:
        thresholds = self.threshold[nodes]
        if not np.isnan(lane.at_missing):
            self.missing_left[nodes] = lane.at_missing <= thresholds
        borders = lane.last_at_most(thresholds)
        never = ~lane.holds_at(borders, thresholds)
        self.feature[nodes] = self._input(lane.column)
        self.threshold[nodes] = borders
        if never.any():  # a set of no keys: no value that is there goes left
            self.category_set[nodes[never]] = self._set(())
        if not lane.rising:  # the border is the last x that goes right
            self._swap(nodes)

    def _fold_lookup(self, lane: Lookup, nodes: np.ndarray) -> None:
        source = self._input(lane.x)
        for node in nodes.tolist():
            missing_left = bool(self.missing_left[node])
            test = self._test(node, missing_left)
            left = tuple(key for key, row in zip(lane.keys, lane.values, strict=True) if test(row[0]))
            self.feature[node] = source
            self.missing_left[node] = test(lane.missing[0])
            if test(lane.unknown[0]):  # unknown values go left, so the set holds the keys that go right
                kept = set(left)
                self.category_set[node] = self._set(tuple(key for key in lane.keys if key not in kept))
                self._swap(np.array([node]))
            else:
                self.category_set[node] = self._set(left)

    def _test(self, node: int, missing_left: bool):  # type: ignore[no-untyped-def]
        """Whether a value of the lane goes left at a node."""
        number = int(self.category_set[node])
        keys = frozenset(self.block.category_sets[number]) if number >= 0 else None
        threshold = float(self.threshold[node])

        def goes_left(value: float) -> bool:
            if value is None or value != value:
                return missing_left
            return value in keys if keys is not None else value <= threshold

        return goes_left
