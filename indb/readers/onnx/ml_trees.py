"""The trees of ai.onnx.ml as they stand in a file, checked: one form for all versions of the operators.

Nodes and leaves are numbered through over all trees. What breaks the format (lists of different lengths, children that
do not exist, cycles, features that the input does not have) is refused before anything is made of it.

Source: onnx/docs/Operators-ml.md (TreeEnsemble, TreeEnsembleClassifier, TreeEnsembleRegressor).
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from indb.readers.onnx.operators import Node


class Mode(enum.IntEnum):
    """How a node compares its feature with its value; the numbers are those of version 5."""

    LEQ = 0
    LT = 1
    GTE = 2
    GT = 3
    EQ = 4
    NEQ = 5
    MEMBER = 6
    LEAF = 7


MODES = {"LEAF": Mode.LEAF, **{f"BRANCH_{mode.name}": mode for mode in Mode if mode < Mode.MEMBER}}
"""Names of modes up to version 4."""


@dataclass(frozen=True)
class Forest:
    """The nodes of all trees: parallel lists. `yes` and `no` are children, `weights` (target, weight) pairs of leaves.

    `tracks` says whether a missing value follows `yes`. `members` has the set of each node that tests membership.
    """

    roots: list[int]
    feature: list[int]
    mode: list[Mode]
    value: list[float]
    yes: list[int]
    no: list[int]
    tracks: list[bool]
    weights: list[list[tuple[int, float]]]
    members: dict[int, tuple[float, ...]]
    n_targets: int

    def leaves(self, root: int) -> list[int]:
        """The leaves of a tree."""
        found, stack, seen = [], [root], {root}
        while stack:
            node = stack.pop()
            if self.mode[node] is Mode.LEAF:
                found.append(node)
                continue
            for child in (self.yes[node], self.no[node]):
                if child not in seen:
                    seen.add(child)
                    stack.append(child)
        return found


def floats(node: Node, name: str, dtype: Any) -> list[float]:
    """An attribute of numbers: a list of float32, or the tensor `<name>_as_tensor` in the type of the thresholds."""
    given, tensor = node.reals(name), node.array(f"{name}_as_tensor")
    if given and tensor is not None and tensor.size:
        raise node.damaged(f"it has both {name} and {name}_as_tensor, needed one of them")
    if tensor is None or not tensor.size:
        return given or []
    return _numbers(node, f"{name}_as_tensor", tensor, dtype)


def _numbers(node: Node, name: str, tensor: Any, dtype: Any) -> list[float]:
    if tensor.dtype != dtype:
        raise node.refused(f"its {name} holds {tensor.dtype}, ONNX Runtime takes {np.dtype(dtype)}")
    return [float(each) for each in tensor.ravel().tolist()]


def same_length(node: Node, lists: dict[str, Sequence[Any]]) -> None:
    """Raises: ModelFileError where lists that describe the same things are not equally long."""
    sizes = {name: len(each) for name, each in lists.items()}
    if len(set(sizes.values())) > 1:
        raise node.damaged(f"its lists differ in length: {', '.join(f'{n} has {s}' for n, s in sizes.items())}")


def old_forest(node: Node, prefix: str, n_targets: int, width: int, dtype: Any) -> Forest:
    """The trees of TreeEnsembleRegressor (`prefix` target) and TreeEnsembleClassifier (class) over `width` features.

    dtype: of the thresholds. A leaf without weights has, for ONNX Runtime with a single target, its nodes_values as
    weight; it does so here.

    Raises: ModelFileError for trees that break the format; Refused for nodes of a tree that do not stand together.
    """
    node.ignore("nodes_hitrates", "nodes_hitrates_as_tensor")
    names = [f"nodes_{field}" for field in ("treeids", "nodeids", "featureids", "truenodeids", "falsenodeids")]
    tree, number, feature, yes, no = ids = [node.integers(name) or [] for name in names]
    modes, value = node.strings("nodes_modes") or [], floats(node, "nodes_values", dtype)
    same_length(node, {**dict(zip(names, ids, strict=True)), "nodes_modes": modes, "nodes_values": value})
    unknown = sorted({name for name in modes if name not in MODES})
    if unknown or not modes:
        raise node.damaged(f"it has nodes of the mode {unknown[0]!r}" if unknown else "it has no trees")
    index = {pair: place for place, pair in enumerate(zip(tree, number, strict=True))}
    if len(index) != len(tree):
        raise node.damaged("a tree has two nodes of the same number")
    roots = [place for place in range(len(tree)) if place == 0 or tree[place] != tree[place - 1]]
    if len(roots) != len(set(tree)):
        raise node.refused("the nodes of a tree do not stand together")
    mode = [MODES[name] for name in modes]
    children = []
    for child_ids, side in ((yes, "true"), (no, "false")):
        found = [-1 if mode[at] is Mode.LEAF else index.get((tree[at], c), -2) for at, c in enumerate(child_ids)]
        if -2 in found:
            at = found.index(-2)
            raise node.damaged(f"node {number[at]} of tree {tree[at]} has no {side} child {child_ids[at]}")
        children.append(found)
    weights = _old_weights(node, prefix, index, mode, n_targets, dtype)
    if n_targets == 1:
        weights = [held[:1] or [(0, value[at])] for at, held in enumerate(weights)]
    tracks = _tracks(node, len(mode), len(mode))
    forest = Forest(roots, feature, mode, value, children[0], children[1], tracks, weights, {}, n_targets)
    _check(node, forest, width)
    return forest


def _tracks(node: Node, n_inner: int, n_nodes: int) -> list[bool]:
    """Where a missing value follows the true branch; what the list leaves out does not."""
    given = [flag == 1 for flag in node.integers("nodes_missing_value_tracks_true") or []][:n_inner]
    return given + [False] * (n_nodes - len(given))


def _old_weights(
    node: Node, prefix: str, index: dict[tuple[int, int], int], mode: list[Mode], n_targets: int, dtype: Any
) -> list[list[tuple[int, float]]]:
    """The weights of each node; those that a file gives to inner nodes are none, as in ONNX Runtime."""
    names = [f"{prefix}_{field}" for field in ("treeids", "nodeids", "ids")]
    ids = [node.integers(name) or [] for name in names]
    weights = floats(node, f"{prefix}_weights", dtype)
    same_length(node, {**dict(zip(names, ids, strict=True)), f"{prefix}_weights": weights})
    found: list[list[tuple[int, float]]] = [[] for _ in mode]
    for tree, number, target, weight in zip(*ids, weights, strict=True):
        place = index.get((tree, number), -1)
        if place < 0:
            raise node.damaged(f"it has a weight for node {number} of tree {tree}, which does not exist")
        if not 0 <= target < n_targets:
            raise node.damaged(f"it has a weight for {prefix} {target} of {n_targets}")
        if mode[place] is Mode.LEAF:
            found[place].append((target, weight))
    return found


def new_forest(node: Node, width: int, dtype: Any) -> Forest:
    """The trees of TreeEnsemble, version 5, over `width` features; its leaves are numbered after its nodes.

    Raises: ModelFileError for trees that break the format.
    """
    node.ignore("nodes_hitrates")
    names = [f"nodes_{field}" for field in ("featureids", "truenodeids", "falsenodeids", "trueleafs", "falseleafs")]
    feature, yes, no, yes_leaf, no_leaf = ids = [node.integers(name) or [] for name in names]
    splits, modes = _array(node, "nodes_splits", dtype), [int(each) for each in _array(node, "nodes_modes", np.uint8)]
    same_length(node, {**dict(zip(names, ids, strict=True)), "nodes_modes": modes, "nodes_splits": splits})
    targets, weights = node.integers("leaf_targetids") or [], _array(node, "leaf_weights", dtype)
    same_length(node, {"leaf_targetids": targets, "leaf_weights": weights})
    roots, n_targets, count = node.integers("tree_roots") or [], node.integer("n_targets"), len(modes)
    if any(not 0 <= mode < Mode.LEAF for mode in modes):
        raise node.damaged("it has nodes of an unknown mode")
    if not weights or any(not 0 <= target < n_targets for target in targets):
        raise node.damaged(f"its {len(weights)} leaves are not all for one of {n_targets} targets")
    if not roots or any(not 0 <= root < count for root in roots):
        raise node.damaged(f"its trees have the roots {str(roots)[:60]} of {count} nodes")
    children = []
    for child_ids, leafs in ((yes, yes_leaf), (no, no_leaf)):
        for child, is_leaf in zip(child_ids, leafs, strict=True):
            if not 0 <= child < (len(weights) if is_leaf else count):
                raise node.damaged(f"it has no {'leaf' if is_leaf else 'node'} {child}")
        found = [child + count if is_leaf else child for child, is_leaf in zip(child_ids, leafs, strict=True)]
        children.append(found + [-1] * len(weights))
    mode = [Mode(each) for each in modes] + [Mode.LEAF] * len(weights)
    held: list[list[tuple[int, float]]] = [[] for _ in modes]
    held += [[pair] for pair in zip(targets, weights, strict=True)]
    forest = Forest(
        roots,
        feature + [0] * len(weights),
        mode,
        splits + [0.0] * len(weights),
        children[0],
        children[1],
        _tracks(node, count, len(mode)),
        held,
        _members(node, mode, dtype),
        n_targets,
    )
    _check(node, forest, width)
    return forest


def _array(node: Node, name: str, dtype: Any) -> list[float]:
    found = node.array(name)
    return [] if found is None else _numbers(node, name, found, dtype)


def _members(node: Node, mode: Sequence[Mode], dtype: Any) -> dict[int, tuple[float, ...]]:
    """The set of each node that tests membership: they follow each other, divided by NaN."""
    nodes = [place for place, each in enumerate(mode) if each is Mode.MEMBER]
    sets: list[list[float]] = [[]]
    for value in _array(node, "membership_values", dtype):
        if math.isnan(value):
            sets.append([])
        else:
            sets[-1].append(value)
    if len(sets) < len(nodes) or not all(sets[: len(nodes)]):
        raise node.damaged(f"it has {len(nodes)} nodes that test membership, and {sum(map(bool, sets))} sets")
    return {place: tuple(found) for place, found in zip(nodes, sets, strict=False)}


def _check(node: Node, forest: Forest, width: int) -> None:
    """Raises: ModelFileError for a feature that the input does not have, and for a node that is below itself."""
    for feature, mode in zip(forest.feature, forest.mode, strict=True):
        if mode is not Mode.LEAF and not 0 <= feature < width:
            raise node.damaged(f"a node compares feature {feature}, the input has {width}")
    above, done = 1, 2
    state = [0] * len(forest.mode)
    for root in forest.roots:
        stack = [(root, False)]
        while stack:
            place, left = stack.pop()
            if left:
                state[place] = done
                continue
            if state[place] == done or forest.mode[place] is Mode.LEAF:
                continue
            state[place] = above
            stack.append((place, True))
            for child in (forest.yes[place], forest.no[place]):
                if state[child] == above:
                    raise node.damaged("a tree has a node below itself")
                stack.append((child, False))
