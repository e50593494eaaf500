"""Trees with a linear model in each leaf: a lane for the constant, one for each coefficient, one for the leaf's value.

A leaf in which a feature is missing gives its value instead. Terms are added in the order of the features. One in which
a feature is infinite gives a missing value: the library's is infinite, or NaN, and PostgreSQL has no such arithmetic.
"""

from __future__ import annotations

import math

import numpy as np

from indb import build
from indb.ir import Apply, Block, Floats, Op, Reduce, ReduceOp
from indb.readers.lightgbm.ensemble import Features, Nodes
from indb.readers.lightgbm.forest import Forest, LinearLeaves, Tree

MOST_TERMS = 20_000
"""The most coefficients, over all trees, that are written as arithmetic of a row."""


def linear_scores(forest: Forest, features: Features) -> Block:
    """The sum of the trees, a lane for each tree of an iteration.

    Raises: UnsupportedModel for more terms than can be written.
    """
    terms = sum(len(_used(tree)) for tree in forest.trees)
    if terms > MOST_TERMS:
        raise features.reading.unsupported(
            f"its linear trees have {terms} terms, at most {MOST_TERMS} are read",
            "Train it with fewer trees or columns, or without linear_tree.",
        )
    scores = [tree_score(tree, features) for tree in forest.trees]
    lanes = [scores[lane :: forest.per_iteration] for lane in range(forest.per_iteration)]
    return build.concat([Reduce(ReduceOp.SUM, build.concat(lane)) for lane in lanes])


def tree_score(tree: Tree, features: Features) -> Block:
    """What one tree gives (width 1). Source: LightGBM's Tree::Predict."""
    nodes = Nodes(_fresh(features))
    nodes.add(tree)
    used = _used(tree)
    if tree.linear is None or not used:
        return nodes.ensemble((tree.value if tree.linear is None else tree.linear.constant).reshape(-1, 1))
    found = nodes.ensemble(_rows(tree, tree.linear, used))
    terms: list[Block] = [build.lane(found, 0)]
    gaps: list[Block] = []
    for number, feature in enumerate(used):
        weight, x = build.lane(found, 2 + number), features.number(feature)
        absent = build.is_missing(weight)
        terms.append(build.where(absent, build.number(0.0), build.multiply(weight, features.factor(feature))))
        gaps.append(build.where(absent, build.number(1.0), Apply(Op.EQ, (build.is_missing(x), build.number(0.0)))))
    complete = Reduce(ReduceOp.ALL, build.concat(gaps))
    return build.where(complete, Reduce(ReduceOp.SUM, build.concat(terms)), build.lane(found, 1))


def _rows(tree: Tree, linear: LinearLeaves, used: list[int]) -> Floats:
    """For each leaf its constant, its value, and the coefficients of `used`, NaN for one that it does not read."""
    rows = np.full((len(tree.value), 2 + len(used)), math.nan)
    rows[:, 0], rows[:, 1] = linear.constant, tree.value
    for leaf, (read, coefficients) in enumerate(zip(linear.features, linear.coefficients, strict=True)):
        for feature, coefficient in zip(read, coefficients, strict=True):
            rows[leaf, 2 + used.index(feature)] = coefficient
    return rows


def _used(tree: Tree) -> list[int]:
    return sorted({feature for row in tree.linear.features for feature in row}) if tree.linear else []


def _fresh(features: Features) -> Features:
    """The same features, of which no lane was asked for."""
    return Features(features.values, features.keys, features.sparse, features.reading)
