"""XGBoost's trees. A row goes left where float32(x) < threshold, and leaves are added in float32, the intercept first.

The trap: a set of categories lists those that go right, so such a node is written with its children swapped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indb import build
from indb.ir import Block, Bools, Floats, Ints, TreeEnsemble
from indb.readers.base import Reading
from indb.readers.xgboost.features import Features, Key
from indb.readers.xgboost.saved import Saved, Singles


@dataclass(frozen=True)
class _Tree:
    """One tree, its nodes in an order in which parents come first.

    `leaf` numbers the leaves, and is -1 elsewhere; `values` has a row for each. `codes` are those of a node's set.
    """

    feature: Ints
    threshold: Floats
    left: Ints
    right: Ints
    missing_left: Bools
    leaf: Ints
    values: Singles
    codes: dict[int, list[int]]


def margins(saved: Saved, features: Features, rounds: int | None, inplace: bool, reading: Reading) -> Block:
    """The sum of the trees of so many rounds (None: all), a lane for each output, in float32.

    inplace: as estimators predict, from a table without a DMatrix. Source: src/predictor/cpu_predictor.cc.
    """
    model = saved.model
    stop = len(model["trees"]) if rounds is None else _trees_of(model, rounds, saved)
    groups = np.asarray(model["tree_info"], dtype=np.intp)[:stop]
    if len(groups) != stop or ((groups < 0) | (groups >= saved.width)).any():
        raise reading.unsupported("its trees are of outputs that it does not have")
    trees = [_tree(each, saved, features, reading) for each in model["trees"][:stop]]
    if any(tree.values.shape[1] > 1 for tree in trees):
        return _ensemble(trees, saved.intercept, features, reading)
    if saved.weights is not None:
        trees = _weighted(trees, saved, groups, inplace)
    lanes = []
    for group in range(saved.width):
        own = [trees[number] for number in np.flatnonzero(groups == group)]
        lanes.append(_ensemble(own, saved.intercept[[group]], features, reading))
    return build.concat(lanes)


def _trees_of(model: Mapping[str, Any], rounds: int, saved: Saved) -> int:
    """The number of trees of the first rounds."""
    if "iteration_indptr" in model:
        return int(model["iteration_indptr"][rounds])
    return rounds * int(model["gbtree_model_param"]["num_parallel_tree"]) * saved.width


def _weighted(trees: Sequence[_Tree], saved: Saved, groups: NDArray[np.intp], inplace: bool) -> list[_Tree]:
    """DART's trees with their weights. In place the intercept is added to a leaf and taken off again: rounded twice.

    Source: src/gbm/gbtree.cc, Dart::PredictBatchImpl and Dart::InplacePredict.
    """
    assert saved.weights is not None
    found = []
    for tree, weight, group in zip(trees, saved.weights, groups.tolist(), strict=False):
        base = saved.intercept[group]
        values = (tree.values + base) - base if inplace else tree.values
        found.append(replace(tree, values=values * weight))
    return found


def _tree(data: Mapping[str, Any], saved: Saved, features: Features, reading: Reading) -> _Tree:
    """One tree, checked. Source: src/tree/tree_model.cc, RegTree::SaveModel."""
    left, right = _ints(data["left_children"]), _ints(data["right_children"])
    order = _order(left, right)
    place = np.zeros(len(left), dtype=np.int32)
    place[order] = np.arange(len(order))
    left, right = left[order], right[order]
    is_leaf = left < 0
    conditions = np.asarray(data["split_conditions"], dtype=np.float32)[order]
    codes = {int(place[node]): found for node, found in _codes(data).items()}
    is_set = np.zeros(len(order), dtype=bool)
    is_set[list(codes)] = True
    is_set &= ~is_leaf
    feature = np.where(is_leaf, -1, _ints(data["split_indices"])[order])
    _check(feature, is_leaf, is_set, np.asarray(data["split_type"])[order], features, reading)
    if not np.isfinite(conditions[~is_leaf & ~is_set]).all():
        raise reading.unsupported("it has a split at a number that is not finite")
    missing_left = np.asarray(data["default_left"], dtype=bool)[order]
    # float32(x) < t where float32(x) <= the number before t
    before = np.nextafter(np.where(is_leaf | is_set, np.float32(0.0), conditions), np.float32(-np.inf))
    return _Tree(
        feature=_ints(feature),
        threshold=np.where(is_leaf | is_set, 0.0, build.split_thresholds(before.astype(np.float64))),
        left=_ints(np.where(is_leaf, -1, place[np.where(is_set, right, left)])),
        right=_ints(np.where(is_leaf, -1, place[np.where(is_set, left, right)])),
        missing_left=(missing_left ^ is_set) & ~is_leaf,
        leaf=_ints(np.where(is_leaf, np.cumsum(is_leaf) - 1, -1)),
        values=_values(data, conditions[is_leaf], right[is_leaf], saved, reading),
        codes={node: found for node, found in codes.items() if is_set[node]},
    )


def _order(left: Ints, right: Ints) -> NDArray[np.intp]:
    """The nodes that can be reached from the root, parents before their children.

    Raises: ValueError when it is no tree.
    """
    found: list[int] = []
    lefts, rights = left.tolist(), right.tolist()
    stack = [0]
    while stack:
        node = stack.pop()
        found.append(node)
        if len(found) > len(lefts):
            raise ValueError("a tree goes round in a circle")
        if lefts[node] >= 0:
            stack += (rights[node], lefts[node])
    if len(set(found)) != len(found) or min(found) < 0:
        raise ValueError("a node of a tree has two parents")
    return np.array(found, dtype=np.intp)


def _values(data: Mapping[str, Any], scalars: Singles, numbers: Ints, saved: Saved, reading: Reading) -> Singles:
    """The values of the leaves. A scalar stands where splits have their threshold; vectors in a table, by number.

    Source: src/tree/multi_target_tree_model.cc.
    """
    if int(data["tree_param"].get("size_leaf_vector", 1)) < 2:
        return scalars.reshape(-1, 1)
    if "leaf_weights" not in data:
        raise reading.unsupported(
            "its leaves are vectors in the form of XGBoost before 3.1", "Load and save it with XGBoost 3.1 or newer."
        )
    return np.asarray(data["leaf_weights"], dtype=np.float32).reshape(-1, saved.width)[numbers]


def _codes(data: Mapping[str, Any]) -> dict[int, list[int]]:
    """Node -> the codes of its set. Source: src/tree/io_utils.h, LoadCategorical."""
    codes = [int(code) for code in data.get("categories", ())]
    columns = (data.get(f"categories_{name}", ()) for name in ("nodes", "segments", "sizes"))
    return {int(node): codes[int(start) : int(start) + int(size)] for node, start, size in zip(*columns, strict=True)}


def _check(
    feature: NDArray[Any], is_leaf: Bools, is_set: Bools, types: NDArray[Any], features: Features, reading: Reading
) -> None:
    """Refuse splits on columns, or of a kind, that there are not."""
    inner = ~is_leaf
    if ((feature[inner] < 0) | (feature[inner] >= len(features.lanes))).any():
        raise reading.unsupported(f"it splits a column that is none of its {len(features.lanes)}")
    if not np.isin(types[inner], (0, 1)).all() or ((types == 1) & inner != is_set).any():
        raise reading.unsupported("it has a split of an unknown kind, or by category that does not say which")
    if (is_set[inner] != np.array(features.is_set)[feature[inner]]).any():
        raise reading.unsupported("it splits a column of numbers by category, or the other way round")


def _ensemble(trees: Sequence[_Tree], intercept: Singles, features: Features, reading: Reading) -> TreeEnsemble:
    """Some trees as one block.

    Raises: UnsupportedModel where their sum could leave the float32 numbers.
    """
    width = len(intercept)
    empty = _Tree(*(_ints([-1]), np.zeros(1), _ints([-1]), _ints([-1]), np.zeros(1, dtype=bool), _ints([0])),
                  np.zeros((1, width), dtype=np.float32), {})  # fmt: skip
    trees = trees or [empty]
    counts = np.array([len(tree.feature) for tree in trees])
    leaves = np.array([len(tree.values) for tree in trees])
    roots = np.concatenate([[0], np.cumsum(counts)[:-1]])
    starts = np.concatenate([[0], np.cumsum(leaves)[:-1]])
    values = np.concatenate([tree.values for tree in trees]).astype(np.float64)
    if not np.abs(values).max() * len(trees) + np.abs(intercept).max() < np.finfo(np.float32).max / 2.0:
        raise reading.unsupported("its leaves add up to more than single precision holds")
    category_set, sets = _sets(trees, roots, features)

    def joined(name: str, offsets: NDArray[Any]) -> Ints:
        found = np.concatenate([getattr(tree, name) for tree in trees])
        return _ints(np.where(found < 0, -1, found + offsets))

    return TreeEnsemble(
        inputs=features.lanes,
        roots=_ints(roots),
        feature=np.concatenate([tree.feature for tree in trees]),
        threshold=np.concatenate([tree.threshold for tree in trees]),
        category_set=category_set,
        left=joined("left", np.repeat(roots, counts)),
        right=joined("right", np.repeat(roots, counts)),
        missing_left=np.concatenate([tree.missing_left for tree in trees]),
        leaf=joined("leaf", np.repeat(starts, counts)),
        values=values,
        base=intercept.astype(np.float64),
        category_sets=sets,
        single=True,
    )


def _sets(trees: Sequence[_Tree], roots: NDArray[Any], features: Features) -> tuple[Ints, tuple[tuple[Key, ...], ...]]:
    """The number of each node's set, and the sets, each once."""
    found = np.full(sum(len(tree.feature) for tree in trees), -1, dtype=np.int32)
    numbers: dict[tuple[Key, ...], int] = {}
    for tree, root in zip(trees, roots.tolist(), strict=True):
        for node, codes in tree.codes.items():
            keys = (features.key(int(tree.feature[node]), code) for code in sorted(set(codes)))
            chosen = tuple(key for key in keys if key is not None)
            found[root + node] = numbers.setdefault(chosen, len(numbers))
    return found, tuple(numbers)


def _ints(values: Any) -> Ints:
    return np.ascontiguousarray(values, dtype=np.int32)
