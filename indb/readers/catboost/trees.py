"""The trees of a CatBoost model as one ensemble.

A symmetric tree asks the same question on each level, and numbers its leaves by the answers, the first question being
the lowest bit. It becomes a full binary tree that asks the last question first, so that its leaves stand in order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indb.ir import Block, TreeEnsemble
from indb.readers.base import Reading

MAX_LEAVES = 1 << 22
"""How many leaves a model may have: symmetric trees of depth 16 have 65536 each."""


@dataclass(frozen=True)
class Tests:
    """What each split asks of the lanes, arrays over the numbers of the splits; of those that no tree uses, nothing.

    "Yes" is the answer of a row that is above the border, or of the category. A row goes left at a test with a set of
    categories when it is "yes", else when it is "no".
    """

    inputs: tuple[Block, ...]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    category_set: NDArray[np.int32]
    missing_left: NDArray[np.bool_]
    category_sets: tuple[tuple[float | str, ...], ...]


def members(document: Mapping[str, Any], reading: Reading) -> Sequence[Mapping[str, Any]]:
    """The trees of a document.

    Raises: UnsupportedModel when there are none, or too many leaves.
    """
    found: Sequence[Mapping[str, Any]] = document.get("oblivious_trees") or document.get("trees") or ()
    if not found:
        raise reading.unsupported("it holds no trees")
    leaves = sum(1 << len(tree.get("splits") or ()) for tree in found)
    if leaves > MAX_LEAVES:
        raise reading.unsupported(
            f"its symmetric trees have {leaves} leaves, at most {MAX_LEAVES} are read",
            "Train it with a smaller depth, or with grow_policy='Depthwise'.",
        )
    return found


def used_splits(trees: Sequence[Mapping[str, Any]]) -> list[int]:
    """The numbers of the splits that trees use, in order."""
    found: set[int] = set()
    for tree in trees:
        found.update(int(split["split_index"]) for split in tree.get("splits") or ())
        found.update(int(node["split"]["split_index"]) for node in _nodes(tree) if "split" in node)
    return sorted(found)


def _nodes(tree: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The nodes of a tree that is not symmetric, each before its children."""
    found = []
    stack = [tree]
    while stack:
        node = stack.pop()
        found.append(node)
        stack += [node[side] for side in ("left", "right") if side in node]
    return found


@dataclass
class _Nodes:
    """The node arrays of trees that are added one by one, and the rows of their leaves."""

    tests: Tests
    width: int
    roots: list[int] = field(default_factory=list)
    arrays: list[NDArray[np.int64]] = field(default_factory=list)
    values: list[NDArray[np.float64]] = field(default_factory=list)
    count: int = 0
    leaves: int = 0

    def add(self, nodes: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Add a tree of nodes (split or -1, child of "no", child of "yes", leaf or -1) that are numbered from 0."""
        self.roots.append(self.count)
        shifted = nodes.copy()
        inner = nodes[:, 0] >= 0
        shifted[inner, 1:3] += self.count
        shifted[~inner, 3] += self.leaves
        self.arrays.append(shifted)
        self.values.append(values)
        self.count += len(nodes)
        self.leaves += len(values)

    def ensemble(self) -> TreeEnsemble:
        split, no, yes, leaf = np.concatenate(self.arrays).T
        inner = split >= 0
        tests = self.tests
        category_set = np.where(inner, tests.category_set[split], -1)
        by_category = category_set >= 0
        return TreeEnsemble(
            inputs=tests.inputs,
            roots=np.array(self.roots, dtype=np.int32),
            feature=np.where(inner, tests.feature[split], -1).astype(np.int32),
            threshold=np.where(inner, tests.threshold[split], 0.0),
            category_set=category_set.astype(np.int32),
            left=np.where(by_category, yes, no).astype(np.int32),
            right=np.where(by_category, no, yes).astype(np.int32),
            missing_left=inner & tests.missing_left[split],
            leaf=leaf.astype(np.int32),
            values=np.concatenate(self.values),
            base=np.zeros(self.width),
            category_sets=tests.category_sets,
        )


def ensemble(trees: Sequence[Mapping[str, Any]], tests: Tests, width: int) -> TreeEnsemble:
    """The sum of the trees, `width` lanes, added in order. Source: catboost/libs/model/cpu/evaluator_impl.cpp."""
    nodes = _Nodes(tests, width)
    for tree in trees:
        if "leaf_values" in tree:
            splits = [int(split["split_index"]) for split in tree.get("splits") or ()]
            values = np.asarray(tree["leaf_values"], dtype=np.float64).reshape(1 << len(splits), width)
            nodes.add(_symmetric(splits), values)
        else:
            nodes.add(*_other(tree, width))
    return nodes.ensemble()


def _symmetric(splits: Sequence[int]) -> NDArray[np.int64]:
    """The nodes of a symmetric tree, level by level from its root."""
    depth = len(splits)
    inner = (1 << depth) - 1
    place = np.arange(2 * inner + 1)
    level = np.repeat(np.arange(depth + 1), 1 << np.arange(depth + 1))
    asked = np.append(np.array(splits[::-1], dtype=np.int64), -1)[level]
    is_inner = place < inner
    return np.stack(
        [
            asked,
            np.where(is_inner, 2 * place + 1, -1),
            np.where(is_inner, 2 * place + 2, -1),
            np.where(is_inner, -1, place - inner),
        ],
        axis=1,
    )


def _other(tree: Mapping[str, Any], width: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The nodes and the leaves of a tree that grew by depth or by loss."""
    found = _nodes(tree)
    number = {id(node): place for place, node in enumerate(found)}
    rows: list[tuple[int, int, int, int]] = []
    values: list[Any] = []
    for node in found:
        if "split" in node:
            children = number[id(node["left"])], number[id(node["right"])]
            rows.append((int(node["split"]["split_index"]), *children, -1))
        else:
            rows.append((-1, -1, -1, len(values)))
            values.append(node["value"])
    return np.array(rows, dtype=np.int64), np.asarray(values, dtype=np.float64).reshape(len(values), width)
