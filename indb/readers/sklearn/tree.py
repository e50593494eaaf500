"""scikit-learn's single trees, and what its tree ensembles share: `tree_` arrays as one TreeEnsemble.

The trap: these trees cast their input to float32 and compare it with a float64 threshold. `build.split_thresholds`
gives the float64 border that decides the same for every double, and an input that float32 cannot hold is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from indb import build
from indb.ir import Block, Floats, Ints, Label, Target, TreeEnsemble, Type
from indb.readers.base import Frame, Reading, reads
from indb.readers.sklearn.labels import classifier, labels_of, regressors, target_names


@reads("sklearn", "DecisionTreeClassifier", "ExtraTreeClassifier")
def tree_classifier(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """A target for each output. Source: sklearn.tree._classes.DecisionTreeClassifier.predict_proba."""
    inputs = tree_inputs(frame, reading, accepts_missing(estimator))
    targets = []
    for name, output, labels in class_outputs(estimator, reading):
        leaves = [estimator.tree_.value[:, output, : len(labels)]]
        numbers = [np.argmax(leaves[0], axis=1).astype(np.float64).reshape(-1, 1)]
        trees = [estimator.tree_]
        targets.append(classifier(labels, ensemble(trees, numbers, inputs), ensemble(trees, leaves, inputs), name=name))
    return targets


@reads("sklearn", "DecisionTreeRegressor", "ExtraTreeRegressor")
def tree_regressor(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """A target for each output. Source: sklearn.tree._classes.BaseDecisionTree.predict."""
    inputs = tree_inputs(frame, reading, accepts_missing(estimator))
    leaves = [estimator.tree_.value[:, :, 0]]
    return regressors(build.concat([ensemble([estimator.tree_], each, inputs) for each in by_output(leaves)]))


def tree_inputs(frame: Frame, reading: Reading, missing: bool) -> tuple[Block, ...]:
    """The features of a tree, one block each; rows that check_array refuses for float32 are refused."""
    inputs = tuple(reading.resolve(lane, Type.NUMBER) for lane in frame.lanes)
    reading.require_finite(build.concat(inputs), missing=missing, limit=build.FLOAT32_LIMIT)
    return inputs


def accepts_missing(tree: Any) -> bool:
    """Whether a tree scores missing values: by its tag alone, also where training saw none (each node has a side).

    Source: sklearn.tree._classes.BaseDecisionTree._support_missing_values.
    """
    return bool(tree.__sklearn_tags__().input_tags.allow_nan)


def class_outputs(estimator: Any, reading: Reading) -> list[tuple[str, int, tuple[Label, ...]]]:
    """Name, number and labels of each output of a tree or forest classifier."""
    count = int(estimator.n_outputs_)
    classes = [estimator.classes_] if count == 1 else estimator.classes_
    return [(name, output, labels_of(classes[output], reading)) for output, name in enumerate(target_names(count))]


def by_output(leaves: Sequence[Floats]) -> list[list[Floats]]:
    """Node values (n_nodes, n_outputs) of several trees, parted by output: each (n_nodes, 1)."""
    return [[rows[:, [output]] for rows in leaves] for output in range(leaves[0].shape[1])]


def ensemble(
    trees: Sequence[Any], rows: Sequence[Floats], inputs: tuple[Block, ...], base: Floats | None = None
) -> TreeEnsemble:
    """`tree_` objects as one TreeEnsemble; rows[i] is (n_nodes, width): what each node of tree i is worth.

    Only the rows of leaves are kept. Source: sklearn.tree._tree.Tree._apply_dense.
    """
    counts = np.array([tree.node_count for tree in trees])
    roots = np.concatenate([[0], np.cumsum(counts)[:-1]])
    offsets = np.repeat(roots, counts)
    left = np.concatenate([tree.children_left for tree in trees])
    right = np.concatenate([tree.children_right for tree in trees])
    is_leaf = left < 0
    threshold = np.zeros(len(left))
    threshold[~is_leaf] = build.split_thresholds(np.concatenate([tree.threshold for tree in trees])[~is_leaf])
    missing_left = np.concatenate([tree.missing_go_to_left for tree in trees]).astype(bool)
    values = np.concatenate(rows)[is_leaf]
    return TreeEnsemble(
        inputs=inputs,
        roots=_ints(roots),
        feature=_ints(np.where(is_leaf, -1, np.concatenate([tree.feature for tree in trees]))),
        threshold=threshold,
        category_set=np.full(len(left), -1, dtype=np.int32),
        left=_ints(np.where(is_leaf, -1, left + offsets)),
        right=_ints(np.where(is_leaf, -1, right + offsets)),
        missing_left=missing_left & ~is_leaf,
        leaf=_ints(np.where(is_leaf, np.cumsum(is_leaf) - 1, -1)),
        values=np.ascontiguousarray(values, dtype=np.float64),
        base=np.zeros(values.shape[1]) if base is None else np.asarray(base, dtype=np.float64),
    )


def _ints(values: Any) -> Ints:
    return np.ascontiguousarray(values, dtype=np.int32)
