"""Explainable boosting machines of interpret: a table of scores for each term, over the bins of one feature or more.

Every term becomes a tree, so that its scores are added in interpret's own order, to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from indb import build
from indb.ir import Apply, Block, Floats, Op, Target, TreeEnsemble, Type
from indb.readers.base import Frame, Reading, checks, reads
from indb.readers.sklearn.labels import labels_of

_CLASSIFIERS = ("ExplainableBoostingClassifier", "DPExplainableBoostingClassifier")
_REGRESSORS = ("ExplainableBoostingRegressor", "DPExplainableBoostingRegressor")

Leaf = Callable[[int], int]
"""The number of a bin -> the number of the node that stands for it."""


@checks("interpret")
def check(model: Any, frame: Frame, reading: Reading) -> None:
    """Refuse a model that is not fitted. Raises: UnsupportedModel."""
    if not getattr(model, "has_fitted_", False):
        raise reading.unsupported(
            f"this {type(model).__name__} is not fitted", "Call its fit method with training data first."
        )


@dataclass
class _Trees:
    """The nodes of all trees so far, in parallel lists."""

    nodes: list[tuple[int, float, int, int, int, bool, int]] = field(default_factory=list)
    sets: list[tuple[float | str, ...]] = field(default_factory=list)
    rows: list[Floats] = field(default_factory=list)

    def leaf(self, row: Floats) -> int:
        self.rows.append(row)
        self.nodes.append((-1, 0.0, -1, -1, -1, False, len(self.rows) - 1))
        return len(self.nodes) - 1

    def split(
        self, feature: int, threshold: float, keys: Sequence[float | str], missing_left: bool,
        left: Callable[[], int], right: Callable[[], int],
    ) -> int:  # fmt: skip
        """A split by a threshold, or by a set of categories; a node stands before those below it."""
        place = len(self.nodes)
        self.nodes.append((feature, threshold, -1, -1, -1, False, -1))
        number = -1
        if keys:
            self.sets.append(tuple(keys))
            number = len(self.sets) - 1
        self.nodes[place] = (feature, threshold, number, left(), right(), missing_left, -1)
        return place

    def number(self, feature: int, cuts: Floats, leaf: Leaf) -> int:
        """Bins of a number: 0 where it is missing, then one more than the cuts that are not above it."""
        last = np.nextafter(np.asarray(cuts, dtype=np.float64), -np.inf)

        def grow(first: int, stop: int) -> int:
            if stop - first == 1:
                return leaf(first + 1)
            middle = (first + stop) // 2
            return self.split(
                feature, float(last[middle - 1]), (), False, lambda: grow(first, middle), lambda: grow(middle, stop)
            )

        return self.split(feature, math.inf, (), False, lambda: grow(0, len(last) + 1), lambda: leaf(0))

    def category(self, feature: int, bins: Mapping[float | str, int], leaf: Leaf) -> int:
        """Bins of a category: 0 where it is missing, the last one where it is unknown."""
        numbers = sorted(set(bins.values()))

        def keys(part: Sequence[int]) -> list[float | str]:
            return [key for key, number in bins.items() if number in part]

        def grow(part: Sequence[int], may_miss: bool) -> int:
            if len(part) == 1 and not may_miss:
                return leaf(part[0])
            half, rest = (part[: len(part) // 2], part[len(part) // 2 :]) if len(part) > 1 else (part, [])
            return self.split(
                feature, 0.0, keys(half), False,
                lambda: grow(half, False), lambda: grow(rest, True) if rest else leaf(0),
            )  # fmt: skip

        return self.split(feature, 0.0, keys(numbers), True, lambda: grow(numbers, True), lambda: leaf(-1))


def scores(model: Any, frame: Frame, reading: Reading) -> TreeEnsemble:
    """The sum of the intercept and of every term's scores. Source: interpret ebm_predict_scores, eval_terms."""
    trees = _Trees()
    lanes, keyed = _lanes(model, frame, reading)
    roots = []
    for features, table in zip(model.term_features_, model.term_scores_, strict=True):
        table = np.asarray(table, dtype=np.float64)
        if not np.isfinite(table).all():
            raise reading.unsupported("it has scores that are not finite")
        levels = [model.bins_[feature] for feature in features]
        bins = [each[min(len(each), len(features)) - 1] for each in levels]
        roots.append(_term(trees, list(features), bins, keyed, table, len(features)))
    columns = [np.array(column) for column in zip(*trees.nodes, strict=True)]
    feature, threshold, category_set, left, right, missing_left, leaf = columns
    base = np.atleast_1d(np.asarray(model.intercept_, dtype=np.float64))
    return TreeEnsemble(
        inputs=tuple(lanes),
        roots=np.array(roots, dtype=np.int32),
        feature=feature.astype(np.int32),
        threshold=threshold.astype(np.float64),
        category_set=category_set.astype(np.int32),
        left=left.astype(np.int32),
        right=right.astype(np.int32),
        missing_left=missing_left.astype(bool),
        leaf=leaf.astype(np.int32),
        values=np.stack(trees.rows).reshape(len(trees.rows), len(base)),
        base=base,
        category_sets=tuple(trees.sets),
    )


def _term(
    trees: _Trees, features: list[int], bins: list[Any], keyed: dict[int, Callable[[str], float | str]], table: Floats,
    width: int,
) -> int:  # fmt: skip
    """The tree of one term: the bins of its first feature, and below each those of the next."""
    if not features:
        return trees.leaf(np.atleast_1d(table))

    def below(number: int) -> int:
        return _term(trees, features[1:], bins[1:], keyed, table[number], width)

    if isinstance(bins[0], dict):
        spell = keyed[features[0]]
        known = {spell(key): number for key, number in bins[0].items()}
        return trees.category(features[0], known, below) if known else _constant(trees, features[0], below)
    return trees.number(features[0], bins[0], below)


def _constant(trees: _Trees, feature: int, below: Leaf) -> int:
    return trees.split(feature, math.inf, (), False, lambda: below(-1), lambda: below(0))


def _lanes(model: Any, frame: Frame, reading: Reading) -> tuple[list[Block], dict[int, Callable[[str], float | str]]]:
    """The features, and how the categories of those that are not numbers are written.

    interpret keeps categories as texts, also those of a column of numbers: 1.0 as "1", 1.5 as "1.5".
    """
    found: list[Block] = []
    keyed: dict[int, Callable[[str], float | str]] = {}
    for place, (lane, kind) in enumerate(zip(frame.lanes, model.feature_types_in_, strict=True)):
        if kind == "continuous":
            found.append(reading.resolve(lane, Type.NUMBER))
            continue
        keys = [key for level in model.bins_[place] for key in level]
        is_number = all(_is_number(key) for key in keys) and bool(keys)
        found.append(reading.either(lane, Type.NUMBER) if is_number else reading.resolve(lane, Type.TEXT))
        keyed[place] = str if found[-1].type is Type.TEXT else float
    return found, keyed


def _is_number(key: str) -> bool:
    try:
        return str(float(key)).removesuffix(".0") == key
    except ValueError:
        return False


@reads("interpret", *_REGRESSORS)
def read_regressor(model: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The score through the inverse of the link. Source: interpret.utils.inv_link."""
    score = scores(model, frame, reading)
    if model.link_ == "identity":
        return [Target("", {"predict": score})]
    if model.link_ == "log":
        return [Target("", {"predict": Apply(Op.EXP, (score,))})]
    raise reading.unsupported(f"its link is {model.link_}, needed identity or log")


@reads("interpret", *_CLASSIFIERS)
def read_classifier(model: Any, frame: Frame, reading: Reading) -> list[Target]:
    """Labels of the largest score, or of its sign. Source: interpret EBMModel.predict, interpret.utils.inv_link."""
    labels = labels_of(model.classes_, reading)
    if model.link_ not in ("logit", "mlogit", "vlogit"):
        raise reading.unsupported(f"its link is {model.link_}, needed logit, mlogit or vlogit")
    score = scores(model, frame, reading)
    if score.width == 1:
        predict = build.less(build.number(0.0), score)
        proba = build.binary_probabilities(build.sigmoid(score))
    else:
        predict = build.argmax(score)
        proba = build.softmax(score) if model.link_ == "mlogit" else build.sigmoid(score)
    outputs = {"predict": predict, "predict_proba": proba, "decision_function": score}
    return [Target("", outputs, labels)]
