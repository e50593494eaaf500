"""Trees that are not fitted to a target: IsolationForest and RandomTreesEmbedding."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from indb import build
from indb.ir import Apply, Block, Bools, Floats, Op, Target, TreeEnsemble, Type
from indb.readers.base import Frame, Reading, reads
from indb.readers.sklearn.decide import holds
from indb.readers.sklearn.members import summed
from indb.readers.sklearn.tree import accepts_missing, ensemble, tree_inputs


@reads("sklearn", "IsolationForest")
def isolation_forest(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """-1 for an outlier, else 1, and how far the row is from being one; no value is refused.

    The label is decided by the depth that a row reaches in all trees, at the depth where the library's own score comes
    to its offset: many rows have the very score that the offset was taken from.
    Source: sklearn.ensemble.IsolationForest._compute_score_samples and .decision_function.
    """
    inputs = [reading.resolve(lane, Type.NUMBER) for lane in frame.lanes]
    whole = estimator._max_features == len(inputs)
    trees: list[Block] = []
    for number, (member, places) in enumerate(zip(estimator.estimators_, estimator.estimators_features_, strict=True)):
        tree = member.tree_
        if np.isnan(tree.threshold[tree.children_left >= 0]).any():
            raise reading.unsupported("a tree splits at NaN, as one does that was trained on infinite values")
        leaves = estimator._decision_path_lengths[number] + estimator._average_path_length_per_tree[number] - 1.0
        seen = tuple(inputs) if whole else tuple(inputs[int(place)] for place in places)
        trees.append(ensemble([tree], [leaves.reshape(-1, 1)], seen))
    depth = summed(trees)
    score = _Score(len(trees), estimator._max_samples, float(np.asarray(estimator.offset_)))
    return [Target("", {"predict": score.is_inlier(depth), "decision_function": score.decision(depth)}, (-1, 1))]


class _Score:
    """What an isolation forest makes of the depths of a row, added over all trees."""

    def __init__(self, n_trees: int, n_samples: int, offset: float) -> None:
        self.offset = offset
        self.scale = n_trees * _average_path_length(n_samples)

    def decision(self, depth: Block) -> Block:
        """-2 ** (-depth / scale) - offset."""
        share = build.divide(depth, build.number(self.scale)) if self.scale else build.number(1.0)
        power = Apply(Op.EXP, (build.multiply(share, build.number(-math.log(2.0))),))
        return build.subtract(build.negate(power), build.number(self.offset))

    def is_inlier(self, depth: Block) -> Block:
        """1.0 unless the decision is below zero, decided as the library does for this very double."""
        return holds(depth, self._inside)

    def _inside(self, depth: Floats) -> Bools:
        if self.scale == 0.0:
            return np.full(len(depth), -(2.0**-1.0) - self.offset >= 0.0)
        inside: Bools = -(2 ** (-(depth / self.scale))) - self.offset >= 0.0
        return inside


def _average_path_length(n_samples: int) -> float:
    """Source: sklearn.ensemble._iforest._average_path_length."""
    if n_samples <= 2:
        return float(n_samples == 2)
    return float(2.0 * (np.log(n_samples - 1.0) + np.euler_gamma) - 2.0 * (n_samples - 1.0) / n_samples)


@reads("sklearn", "RandomTreesEmbedding")
def random_trees_embedding(estimator: Any, frame: Frame, reading: Reading) -> Frame:
    """An indicator lane for each leaf that held training rows; others are refused.

    Source: sklearn.ensemble.RandomTreesEmbedding.transform.
    """
    inputs = tree_inputs(frame, reading, accepts_missing(estimator.estimators_[0]))
    names: list[str] = []
    parts: list[TreeEnsemble] = []
    for number, member in enumerate(estimator.estimators_):
        leaves = estimator.one_hot_encoder_.categories_[number]
        rows = np.full((member.tree_.node_count, len(leaves)), np.nan)
        rows[leaves] = np.eye(len(leaves))
        parts.append(ensemble([member.tree_], [rows], inputs))
        names += [f"randomtreesembedding_{number}_{leaf}" for leaf in leaves]
    lanes = [lane for part in parts for lane in build.lanes(part)]
    if any(np.isnan(part.values).any() for part in parts):
        known = build.concat([build.lane(part, 0) for part in parts])
        reading.require(build.less_equal(build.number(0.0), known))
    return Frame(tuple(names), tuple(lanes), sparse=bool(estimator.sparse_output))
