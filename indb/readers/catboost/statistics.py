"""The statistics of categories (CTRs) of a CatBoost model: how often a class, or what mean target, they came with.

They are computed in float32. Source: catboost/libs/model/online_ctr.h (TModelCtr::Calc), static_ctr_provider.cpp.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indb.readers.base import Reading
from indb.readers.catboost.dump import Dump, NumberSplit

EMPTY_BUCKET = (1 << 64) - 1


@dataclass(frozen=True)
class Table:
    """A statistic for each combination of categories that training saw.

    `categories` are the positions of the columns, in order; then come the splits that take part: on numbers (`above`)
    and on single categories (`exact`: position, hash). `hashes` of combinations and their `values`, `empty` for others.
    """

    categories: tuple[int, ...]
    above: tuple[NumberSplit, ...]
    exact: tuple[tuple[int, int], ...]
    hashes: NDArray[np.uint64]
    values: NDArray[np.float32]
    empty: float

    @property
    def bits(self) -> int:
        """How many splits take part."""
        return len(self.above) + len(self.exact)


def table_of(dump: Dump, number: int, reading: Reading) -> Table:
    """The table of a statistic by its number.

    Raises: UnsupportedModel for a kind of statistic that is not known.
    """
    feature = dump.features("ctrs")[number]
    numbers = {int(each["feature_index"]): each for each in dump.features("float_features")}
    places = {
        int(each["feature_index"]): int(each["flat_feature_index"]) for each in dump.features("categorical_features")
    }
    categories: list[int] = []
    above: list[NumberSplit] = []
    exact: list[tuple[int, int]] = []
    for element in feature["elements"]:
        kind = element["combination_element"]
        if kind == "cat_feature_value":
            categories.append(places[int(element["cat_feature_index"])])
        elif kind == "float_feature":
            of = numbers[int(element["float_feature_index"])]
            is_above = bool(of["has_nans"]) and of["nan_value_treatment"] == "AsTrue"
            above.append(NumberSplit(int(of["flat_feature_index"]), float(element["border"]), is_above))
        elif kind == "cat_feature_exact_value":
            exact.append((places[int(element["cat_feature_index"])], int(element["value"])))
        else:
            raise reading.unsupported(f"it has a statistic of {kind!r}, which is not read")
    data = dump.document["ctr_data"][feature["identifier"]]
    stride = int(data["hash_stride"])
    flat = data["hash_map"]
    rows = [flat[start : start + stride] for start in range(0, len(flat), stride)]
    rows = [row for row in rows if int(row[0]) != EMPTY_BUCKET]
    hashes = np.array([int(row[0]) for row in rows], dtype=np.uint64)
    counts = np.array([[float(value) for value in row[1:]] for row in rows]).reshape(len(rows), stride - 1)
    good, total, nothing = _counts(feature, counts, float(data["counter_denominator"]), reading)
    values = _statistic(feature, good, total)
    empty = float(_statistic(feature, np.zeros(1), np.array([nothing]))[0])
    return Table(tuple(categories), tuple(above), tuple(exact), hashes, values, empty)


def _counts(
    feature: Mapping[str, Any], counts: NDArray[np.float64], denominator: float, reading: Reading
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """(what counts for the statistic, out of how many, out of how many for a new combination)."""
    kind, border = feature["ctr_type"], int(feature["target_border_idx"])
    if kind in ("BinarizedTargetMeanValue", "FloatTargetMeanValue"):
        return counts[:, 0], counts[:, 1], 0.0
    if kind in ("Counter", "FeatureFreq"):
        return counts[:, 0], np.full(len(counts), denominator), denominator
    if kind == "Buckets":
        return counts[:, border], counts.sum(axis=1), 0.0
    if kind == "Borders":
        classes = counts.shape[1]
        return counts[:, border + 1 if classes > 2 else 1 :].sum(axis=1), counts.sum(axis=1), 0.0
    raise reading.unsupported(f"it has a statistic of kind {kind}, which is not read")


def _statistic(
    feature: Mapping[str, Any], good: NDArray[np.float64], total: NDArray[np.float64]
) -> NDArray[np.float32]:
    """((good + prior) / (total + prior) + shift) * scale, in float32."""
    numerator, denominator, shift, scale = (
        np.float32(feature[name]) for name in ("prior_numerator", "prior_denomerator", "shift", "scale")
    )
    share = (good.astype(np.float32) + numerator) / (total.astype(np.float32) + denominator)
    found: NDArray[np.float32] = (share + shift) * scale
    return found
