"""The leaves of a tree ensemble by place, and their sum.

Those of one tree follow one another from left to right, then come those of the next tree. A kernel finds the place
that a row reaches in each tree; the values are added here, so their bits do not depend on the kernel.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from indb.ir import Floats, TreeEnsemble
from indb.runtime.blocks import in_order

Places: TypeAlias = NDArray[np.intp]


class Leaves:
    """Where the leaves of an ensemble are.

    `first` is the place of the leftmost leaf below each node, `below` the number of leaves there; `start` the first
    place of each tree.
    """

    def __init__(self, block: TreeEnsemble) -> None:
        self.block = block
        inner = block.feature >= 0
        n_nodes = len(inner)
        left, right = block.left.tolist(), block.right.tolist()
        inside = np.flatnonzero(inner).tolist()
        below = [1] * n_nodes
        for node in reversed(inside):  # children come after their parents
            below[node] = below[left[node]] + below[right[node]]
        first = [-1] * n_nodes
        start = 0
        for root in block.roots.tolist():
            first[root] = start
            start += below[root]
        for node in inside:
            if first[node] >= 0:
                first[left[node]] = first[node]
                first[right[node]] = first[node] + below[left[node]]
        self.first, self.below = np.array(first, dtype=np.intp), np.array(below, dtype=np.intp)
        self.start: Places = self.first[block.roots]
        self.most = int(self.below[block.roots].max(initial=1))
        leaf = np.flatnonzero(~inner & (self.first >= 0))
        self.number = np.dtype(np.float32 if block.single else np.float64)
        self.values = np.zeros((block.width, start), dtype=self.number)
        self.values[:, self.first[leaf]] = block.values[block.leaf[leaf]].T

    def sum(self, places: Places) -> Floats:
        """The base and the values at the places that rows reach, (n_rows, n_trees), in the order of the trees."""
        base = self.block.base
        across = np.ascontiguousarray(places.T)
        found = np.empty((len(base), len(places)))
        terms = np.empty((len(across) + 1, len(places)), dtype=self.number)
        for lane in range(len(base)):
            terms[0] = base[lane]
            self.values[lane].take(across, out=terms[1:], mode="clip")  # "raise" would copy
            found[lane] = in_order(terms)
        return found.T
