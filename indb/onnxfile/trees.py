"""The trees of an ensemble as attributes of the TreeEnsemble operator, in float64.

Only this operator (ai.onnx.ml 5) compares doubles as `indb.evaluate` does; the older ones round to float32. It gives
numbers by which the leaves are known: their values are added elsewhere, in the order of the trees, which ONNX Runtime
does not keep.

Source: onnx/docs/Operators-ml.md (TreeEnsemble).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from indb.ir import Bools, Floats
from indb.onnxfile.messages import DOUBLE, UINT8, array, integer, integers

LESS_OR_EQUAL = 0

SUMMED = (integer("aggregate_function", 1), integer("post_transform", 0))
"""The attributes of every ensemble: its leaves are added."""

INTEGERS = (
    *("leaf_targetids", "nodes_featureids", "nodes_truenodeids", "nodes_trueleafs", "nodes_falsenodeids"),
    *("nodes_falseleafs", "nodes_missing_value_tracks_true", "tree_roots"),
)
ARRAYS = ("nodes_splits", "nodes_modes", "leaf_weights")
"""The attributes that differ from ensemble to ensemble, besides n_targets."""


@dataclass(frozen=True)
class Splits:
    """The nodes of trees as in indb.ir.TreeEnsemble, without sets; `feature` is negative at a leaf."""

    feature: Any
    threshold: Floats
    left: Any
    right: Any
    missing_left: Bools


def attributes(
    splits: Splits, mine: Bools, roots: Any, weights: Floats, targets: Any = None, n_targets: int = 1
) -> list[bytes]:
    """The attributes for the nodes `mine` (n_nodes,), which are those below `roots`.

    weights, targets (n_nodes,): what a leaf adds to which target; without targets all leaves add to the same.
    Inner nodes and leaves are numbered apart. A tree that is a leaf becomes a node whose children are that leaf.
    """
    is_leaf = splits.feature < 0
    inner, ends = np.flatnonzero(mine & ~is_leaf), np.flatnonzero(mine & is_leaf)
    alone = roots[is_leaf[roots]]
    number = np.zeros(len(mine), dtype=np.int64)
    number[ends], number[inner] = np.arange(len(ends)), np.arange(len(inner))
    left, right = (np.concatenate([child[inner], alone]) for child in (splits.left, splits.right))
    left[len(inner) :] = right[len(inner) :] = alone
    place = number.copy()
    place[alone] = len(inner) + np.arange(len(alone))
    zeros = np.zeros(len(alone))
    return [
        integer("n_targets", n_targets),
        array("nodes_splits", DOUBLE, np.concatenate([splits.threshold[inner], zeros])),
        array("nodes_modes", UINT8, np.full(len(left), LESS_OR_EQUAL)),
        array("leaf_weights", DOUBLE, weights[ends]),
        integers("leaf_targetids", np.zeros(len(ends)) if targets is None else targets[ends]),
        integers("nodes_featureids", np.concatenate([splits.feature[inner], zeros])),
        integers("nodes_truenodeids", number[left]),
        integers("nodes_trueleafs", is_leaf[left]),
        integers("nodes_falsenodeids", number[right]),
        integers("nodes_falseleafs", is_leaf[right]),
        integers("nodes_missing_value_tracks_true", np.concatenate([splits.missing_left[inner], zeros])),
        integers("tree_roots", place[roots]),
    ]
