"""Tree ensembles of files that indb wrote: the attributes of indb.onnxfile.trees as a block again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indb.ir import Block, Concat, TreeEnsemble

Array: TypeAlias = NDArray[Any]


class Differs(Exception):
    """A node that indb would have written otherwise."""


def tree_ensemble(x: Block, values: Array, base: Array, single: bool, held: dict[str, Array]) -> TreeEnsemble:
    """The block of a node's attributes: inner nodes first, then leaves. Raises: Differs."""
    modes, splits, weights = held["nodes_modes"], held["nodes_splits"], held["leaf_weights"]
    is_leaf = [held[name] for name in ("nodes_trueleafs", "nodes_falseleafs")]
    ids = [held[name] for name in ("nodes_truenodeids", "nodes_falsenodeids")]
    n_inner, n_leaves = len(splits), len(weights)
    if modes.any() or not all(np.isin(flags, (0, 1)).all() for flags in is_leaf):
        raise Differs
    for each, flags in zip(ids, is_leaf, strict=True):
        if ((each < 0) | (each >= np.where(flags == 1, n_leaves, n_inner))).any():
            raise Differs
    left, right = (np.where(flags == 1, n_inner + each, each) for each, flags in zip(ids, is_leaf, strict=True))
    alone = left == right  # a tree that is one leaf
    roots = held["tree_roots"]
    if ((roots < 0) | (roots >= n_inner)).any():
        raise Differs
    roots = np.where(alone[roots], left[roots], roots)
    gap = np.full(n_leaves, -1)
    leaf = weights.astype(np.int64)
    if not np.array_equal(leaf, weights):
        raise Differs
    found = TreeEnsemble(
        inputs=x.parts if isinstance(x, Concat) else (x,),
        roots=roots.astype(np.int32),
        feature=np.concatenate([held["nodes_featureids"], gap]).astype(np.int32),
        threshold=np.concatenate([splits, np.zeros(n_leaves)]).astype(np.float64),
        category_set=np.full(n_inner + n_leaves, -1, dtype=np.int32),
        left=np.concatenate([left, gap]).astype(np.int32),
        right=np.concatenate([right, gap]).astype(np.int32),
        missing_left=np.concatenate([held["nodes_missing_value_tracks_true"], np.zeros(n_leaves)]).astype(bool),
        leaf=np.concatenate([np.full(n_inner, -1), leaf]).astype(np.int32),
        values=values,
        base=base,
        single=single,
    )
    return _without(found, alone, held)


def _without(block: TreeEnsemble, alone: Array, held: dict[str, Array]) -> TreeEnsemble:
    """The block without the nodes that stood for single leaves, which come last of the inner ones. Raises: Differs."""
    n_alone, n_inner = int(alone.sum()), len(alone)
    if alone[: n_inner - n_alone].any():
        raise Differs
    keep = np.ones(len(block.feature), dtype=bool)
    keep[n_inner - n_alone : n_inner] = False

    def moved(nodes: Array) -> Array:
        return np.where(nodes >= n_inner, nodes - n_alone, nodes).astype(np.int32)

    found = replace(
        block,
        roots=moved(block.roots),
        feature=block.feature[keep],
        threshold=block.threshold[keep],
        category_set=block.category_set[keep],
        left=moved(block.left[keep]),
        right=moved(block.right[keep]),
        missing_left=block.missing_left[keep],
        leaf=block.leaf[keep],
    )
    _check_targets(found, held["leaf_targetids"], int(held["n_targets"][0]))
    return found


def _check_targets(block: TreeEnsemble, targets: Array, n_targets: int) -> None:
    """Each leaf must go to the target of its tree. Raises: Differs."""
    n_nodes = len(block.feature)
    first = n_nodes - len(targets)
    tree = [-1] * n_nodes
    left, right = block.left.tolist(), block.right.tolist()
    for number, root in enumerate(block.roots.tolist()):
        stack = [root]
        while stack:
            node = stack.pop()
            if tree[node] >= 0:
                raise Differs
            tree[node] = number
            if node < first:
                stack += [left[node], right[node]]
    if tree[first:] != targets.tolist() or n_targets != len(block.roots):
        raise Differs
