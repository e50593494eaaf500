"""Category sets of trees as columns, so that trees compare numbers with thresholds only.

A set becomes a lane that is 0 where the value is one of the set, 1 where it is not and missing where it is missing. All
sets that are asked of one lane are the row of one lookup.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from indb import build
from indb.ir import Block, Lookup, TreeEnsemble, Type


def without_sets(block: Block) -> Block:
    """The block, which goes the same way for every row, with thresholds only; other blocks as they are."""
    if not isinstance(block, TreeEnsemble):
        return block
    inner = block.feature >= 0
    asked = inner & (block.category_set >= 0)
    if not asked.any() and all(part.type is Type.NUMBER for part in block.inputs):
        return block
    sources = [lane for part in block.inputs for lane in build.lanes(part)]
    parts = [part for part in block.inputs if part.type is Type.NUMBER]
    place = _places(block)
    width = sum(part.width for part in parts)
    feature, threshold = block.feature.copy(), block.threshold.copy()
    feature[inner] = place[block.feature[inner]]
    for lane in np.unique(block.feature[asked]).tolist():
        nodes = asked & (block.feature == lane)
        numbers = np.unique(block.category_set[nodes]).tolist()
        feature[nodes] = width + np.searchsorted(numbers, block.category_set[nodes])
        parts.append(_members(sources[lane], [block.category_sets[number] for number in numbers]))
        width += len(numbers)
    threshold[asked] = 0.5
    return replace(
        block,
        inputs=tuple(parts),
        feature=feature.astype(np.int32),
        threshold=threshold,
        category_set=np.full_like(block.category_set, -1),
        category_sets=(),
    )


def _places(block: TreeEnsemble) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """Where each lane is when those of texts are left out; -1 for a text."""
    numeric = np.array([part.type is Type.NUMBER for part in block.inputs for _ in range(part.width)])
    return np.where(numeric, np.cumsum(numeric) - 1, -1).astype(np.int32)


def _members(x: Block, sets: list[tuple[float | str, ...]]) -> Lookup:
    """For each set whether x is outside of it, a lane each."""
    keys = tuple(dict.fromkeys(key for each in sets for key in each))
    known = [frozenset(each) for each in sets]
    rows = tuple(tuple(0.0 if key in each else 1.0 for each in known) for key in keys)
    return Lookup(x, keys, rows, (1.0,) * len(sets), (math.nan,) * len(sets))
