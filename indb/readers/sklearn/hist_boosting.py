"""scikit-learn's HistGradientBoosting: thresholds in float64, missing values, and categories of text or numbers.

The trap: a category that training did not see is treated as a missing value, so at a node it goes to the side of
missing values, not to the side of "the others". Where that side is the left one, the node is written with its
children swapped and the set of the known categories that go right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indb import build
from indb.ir import Block, Bools, Ints, Target, TreeEnsemble, Type
from indb.readers.base import Frame, Reading, reads
from indb.readers.sklearn.labels import classifier, labels_of, regressors
from indb.readers.sklearn.linear import inverse_link


@reads("sklearn", "HistGradientBoostingClassifier")
def hist_classifier(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """Class number (binary: raw > 0), probabilities and raw predictions.

    Source: sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier.
    """
    labels = labels_of(estimator.classes_, reading)
    raw = _raw(estimator, frame, reading)
    if raw.width > 1:
        return [classifier(labels, build.argmax(raw), build.softmax(raw), raw)]
    number = build.less(build.number(0.0), raw)
    return [classifier(labels, number, build.binary_probabilities(build.sigmoid(raw)), raw)]


@reads("sklearn", "HistGradientBoostingRegressor")
def hist_regressor(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The inverse link of the raw prediction. Source: HistGradientBoostingRegressor.predict."""
    return regressors(inverse_link(estimator._loss, _raw(estimator, frame, reading), reading))


@dataclass(frozen=True)
class _Categories:
    """The categories of one feature: keys[code], with None where the code stands for a missing value."""

    keys: tuple[float | str | None, ...]

    @property
    def known(self) -> frozenset[int]:
        """The codes of values that are not missing."""
        return frozenset(code for code, key in enumerate(self.keys) if key is not None)

    @property
    def missing_code(self) -> int | None:
        """The code of None where it is a category of its own."""
        return self.keys.index(None) if None in self.keys else None


def _raw(estimator: Any, frame: Frame, reading: Reading) -> TreeEnsemble:
    """Raw predictions, a lane for each tree of an iteration.

    Source: sklearn.ensemble._hist_gradient_boosting.gradient_boosting.BaseHistGradientBoosting._raw_predict.
    """
    inputs, categories = _features(estimator, frame, reading)
    members = estimator._predictors
    width = len(members[0])
    predictors = [member for iteration in members for member in iteration]
    counts = np.array([len(member.nodes) for member in predictors])
    roots = np.concatenate([[0], np.cumsum(counts)[:-1]])
    nodes = np.concatenate([member.nodes for member in predictors])
    is_leaf = nodes["is_leaf"].astype(bool)
    splits, sets = _splits(predictors, nodes, categories)
    values = np.zeros((int(is_leaf.sum()), width))
    lane = np.repeat(np.arange(len(predictors)) % width, counts)[is_leaf]
    values[np.arange(len(values)), lane] = nodes["value"][is_leaf]
    offsets = np.repeat(roots, counts)
    left = np.where(splits.swapped, nodes["right"], nodes["left"]) + offsets
    right = np.where(splits.swapped, nodes["left"], nodes["right"]) + offsets
    return TreeEnsemble(
        inputs=inputs,
        roots=_ints(roots),
        feature=_ints(np.where(is_leaf, -1, nodes["feature_idx"])),
        threshold=np.where(is_leaf | (splits.category_set >= 0), 0.0, nodes["num_threshold"]),
        category_set=splits.category_set,
        left=_ints(np.where(is_leaf, -1, left)),
        right=_ints(np.where(is_leaf, -1, right)),
        missing_left=splits.missing_left & ~is_leaf,
        leaf=_ints(np.where(is_leaf, np.cumsum(is_leaf) - 1, -1)),
        values=values,
        base=np.asarray(estimator._baseline_prediction, dtype=np.float64).reshape(-1),
        category_sets=sets,
    )


@dataclass
class _Splits:
    """What the nodes of all trees do with categories and missing values: three arrays (n_nodes,)."""

    category_set: Ints
    missing_left: Bools
    swapped: Bools


def _splits(
    predictors: Sequence[Any], nodes: NDArray[Any], categories: Sequence[_Categories | None]
) -> tuple[_Splits, tuple[tuple[float | str, ...], ...]]:
    """The splits, and the category sets that they use, each set once.

    Source: sklearn.ensemble._hist_gradient_boosting._predictor._predict_one_from_raw_data.
    """
    n_nodes = len(nodes)
    splits = _Splits(
        np.full(n_nodes, -1, dtype=np.int32), nodes["missing_go_to_left"].astype(bool), np.zeros(n_nodes, dtype=bool)
    )
    numbers: dict[tuple[float | str, ...], int] = {}
    start = 0
    for member in predictors:
        for node in np.flatnonzero(member.nodes["is_categorical"] & ~member.nodes["is_leaf"].astype(bool)):
            row = member.nodes[node]
            known = categories[int(row["feature_idx"])]
            assert known is not None, "a split by category is on a categorical feature"
            goes_left = _codes(member.raw_left_cat_bitsets[int(row["bitset_idx"])])
            unknown_left = bool(row["missing_go_to_left"])
            gap = known.missing_code
            missing_left = unknown_left if gap is None else gap in goes_left
            listed = known.known - goes_left if unknown_left else known.known & goes_left
            keys = tuple(key for code in sorted(listed) if (key := known.keys[code]) is not None)
            place = start + int(node)
            splits.category_set[place] = numbers.setdefault(keys, len(numbers))
            splits.missing_left[place] = missing_left != unknown_left
            splits.swapped[place] = unknown_left
        start += len(member.nodes)
    return splits, tuple(numbers)


def _codes(bitset: NDArray[np.uint32]) -> frozenset[int]:
    """The codes that are set in eight words of 32 bits. Source: sklearn.utils._bitset.in_bitset_2d_memoryview."""
    bits = np.unpackbits(np.ascontiguousarray(bitset, dtype="<u4").view(np.uint8), bitorder="little")
    return frozenset(np.flatnonzero(bits).tolist())


def _features(
    estimator: Any, frame: Frame, reading: Reading
) -> tuple[tuple[Block, ...], tuple[_Categories | None, ...]]:
    """The features in the order of the fitted preprocessor (categorical ones first) and their categories.

    Numeric features take any value, missing and infinite ones included; categories of numbers take no infinity.
    Source: BaseHistGradientBoosting._preprocess_X.
    """
    state = vars(estimator)
    if "_preprocessor" not in state:
        raise reading.unsupported(
            "it was fitted by a scikit-learn before 1.4, which kept no encoder", "Train it again with a newer version."
        )
    chosen = estimator.is_categorical_
    is_categorical = [False] * len(frame.lanes) if chosen is None else [bool(flag) for flag in chosen]
    preprocessor = state["_preprocessor"]
    encoded = [] if preprocessor is None else preprocessor.named_transformers_["encoder"].categories_
    inputs: list[Block] = []
    categories: list[_Categories | None] = []
    chosen_lanes = (lane for lane, flag in zip(frame.lanes, is_categorical, strict=True) if flag)
    for lane, values in zip(chosen_lanes, encoded, strict=True):
        known = _categories(values, reading)
        is_text = any(isinstance(key, str) for key in known.keys)
        inputs.append(reading.resolve(lane, Type.TEXT if is_text else Type.NUMBER))
        categories.append(known)
        if not is_text:
            reading.require_finite(inputs[-1], missing=True)
    for lane, flag in zip(frame.lanes, is_categorical, strict=True):
        if not flag:
            inputs.append(reading.resolve(lane, Type.NUMBER))
            categories.append(None)
    return tuple(inputs), tuple(categories)


def _categories(values: Any, reading: Reading) -> _Categories:
    """The categories of one feature. NaN, which the encoder leaves missing, has no code; None has one.

    Raises: UnsupportedModel for categories that a column of one type cannot hold.
    """
    keys: list[float | str | None] = []
    found = np.asarray(values).tolist()
    has_nan = any(value != value for value in found)
    for value in found:
        if value is None and not has_nan:
            keys.append(None)
        elif isinstance(value, str):
            keys.append(value)
        elif isinstance(value, bool | int | float) and value == value:
            keys.append(float(value))
        elif value is None or value == value:
            raise reading.unsupported(f"its category {value!r} is neither text nor a number, or is missing twice")
    if len({type(key) for key in keys if key is not None}) > 1:
        raise reading.unsupported(f"its categories {keys[:6]} mix text and numbers", "Turn the column into text first.")
    return _Categories(tuple(keys))


def _ints(values: Any) -> Ints:
    return np.ascontiguousarray(values, dtype=np.int32)
