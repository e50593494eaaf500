"""Rows that a model is most likely to be scored wrongly on: missing, infinite, huge and tiny values, unknown
categories, and every border of its splits with its neighbours in float64 and float32."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from indb import build
from indb.evaluate import evaluate
from indb.ir import Block, Column, Floats, Lookup, Model, Target, TreeEnsemble, Type, walk

FLOAT32_MAX = float(np.finfo(np.float32).max)
FLOAT32_EDGE = FLOAT32_MAX + 2.0**103

NUMBERS: tuple[float, ...] = (
    *(np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, 5e-324, -5e-324, 1e-320, 2.2250738585072014e-308, 1e16),
    *(1e300, -1e300, 1e308, -1e308, 1.7976931348623157e308, -1.7976931348623157e308, 3.4e38, -3.4e38, 1e-45),
    *(sign * value for sign in (1.0, -1.0) for value in (FLOAT32_MAX, FLOAT32_EDGE)),
    *(np.nextafter(FLOAT32_EDGE, 0.0), np.nextafter(FLOAT32_EDGE, np.inf), np.nextafter(FLOAT32_MAX, np.inf)),
    *(np.nextafter(-FLOAT32_EDGE, 0.0), np.nextafter(-FLOAT32_EDGE, -np.inf), np.nextafter(-FLOAT32_MAX, 0.0)),
)
"""Numbers that every numeric column gets in turn."""

TEXTS: tuple[str | None, ...] = (
    *(None, "", " ", "unknown", "NULL", "nan", "None", "it's", 'say "so"', "back\\slash", "semi;colon", "a%b_c", "0"),
    *("naïve ☃ 𝄞", "ÜBER", "line\nbreak", "tab\there", "x" * 300, "--", "/* */", "$$", "{}", "1.0"),
)
"""Texts that every text column gets in turn, besides its own with another case and another end."""


def awkward_rows(model: Model, frame: pd.DataFrame, rng: np.random.Generator, limit: int = 500) -> pd.DataFrame:
    """About `limit` rows for a model from the frame that it was trained on.

    Training rows; training rows with one column replaced by each awkward value; the same for a sample of borders; rows
    that mix everything. NUMBER columns are float64 with NaN, boolean ones object with None when one is missing, TEXT
    columns object with str or None.
    """
    kinds = {column.name: column.kind for column in model.columns}
    names = [name for name in frame.columns if name in kinds]
    values = {name: column_values(frame[name], kinds[name]) for name in names}
    special = {name: special_values(frame[name], kinds[name], values[name]) for name in names}
    borders = {name: border_values(model, name) for name in names if kinds[name] is Type.NUMBER}
    picks = [(name, value) for name in names for value in special[name]]
    pool = [(name, value) for name, found in borders.items() if frame[name].dtype != bool for value in found.tolist()]
    room = max(limit - len(picks) - 60, limit // 4)
    picks += [pool[i] for i in rng.permutation(len(pool))[:room].tolist()]
    base = rng.integers(0, len(frame), len(picks) + 60)
    rows = [{name: values[name][place] for name in names} for place in base.tolist()]
    for row, (name, value) in zip(rows, picks, strict=False):
        row[name] = value
    for row in rows[len(picks) + 30 :]:
        for name in names:
            if rng.random() < 0.5:
                row[name] = special[name][rng.integers(len(special[name]))]
    return pd.DataFrame({name: _series([row[name] for row in rows], frame[name], kinds[name]) for name in names})


def column_values(column: pd.Series[Any], kind: Type) -> list[Any]:
    """The values of a training column: floats, booleans as they are, texts; None or NaN where missing."""
    gaps = column.isna().to_numpy()
    if kind is Type.TEXT:
        return [None if gap else str(value) for value, gap in zip(column.tolist(), gaps.tolist(), strict=True)]
    if _is_boolean(column):
        return [None if gap else bool(value) for value, gap in zip(column.tolist(), gaps.tolist(), strict=True)]
    return [np.nan if gap else float(value) for value, gap in zip(column.tolist(), gaps.tolist(), strict=True)]


def special_values(column: pd.Series[Any], kind: Type, values: list[Any]) -> list[Any]:
    """Every awkward value for one column."""
    if kind is Type.TEXT:
        known = sorted({value for value in values if value is not None})
        return [*TEXTS, *known[:40], *(value.swapcase() for value in known[:5]), *(value + " " for value in known[:5])]
    if _is_boolean(column):
        return [True, False, None]
    return list(NUMBERS)


def _is_boolean(column: pd.Series[Any]) -> bool:
    return all(isinstance(value, bool | np.bool_) for value in column.dropna().tolist())


def _series(values: list[Any], column: pd.Series[Any], kind: Type) -> pd.Series[Any]:
    if kind is Type.TEXT:
        return pd.Series(values, dtype=object)
    if _is_boolean(column):
        return pd.Series(values, dtype=object if None in values else bool)
    return pd.Series(values, dtype=np.float64)


def border_values(model: Model, name: str) -> Floats:
    """The values of one column at which a tree of the model may turn, with their neighbours, in order.

    A split on a lane that is made of this column alone (a scaled one, say) is led back to the column by bisection.
    """
    found: list[Floats] = []
    for lane, thresholds in split_lanes(model):
        columns = [block for block in walk([lane]) if isinstance(block, Column)]
        if len(columns) == 1 and columns[0].name == name:
            found.append(thresholds)
            if lane is not columns[0]:
                found.append(_bisect(lane, columns[0], thresholds))
    if not found:
        return np.zeros(0)
    borders = np.unique(np.concatenate(found))
    borders = borders[np.isfinite(borders)]
    return np.unique(np.concatenate([*_neighbours(borders), *_float32_neighbours(borders)]))


def split_lanes(model: Model) -> Iterator[tuple[Block, Floats]]:
    """Every lane that trees compare with thresholds, and these thresholds."""
    for block in walk(model.roots()):
        if isinstance(block, TreeEnsemble):
            lanes = [lane for part in block.inputs for lane in build.lanes(part)]
            numeric = (block.feature >= 0) & (block.category_set < 0)
            for feature in np.unique(block.feature[numeric]).tolist():
                yield lanes[feature], np.unique(block.threshold[numeric & (block.feature == feature)])


def _neighbours(values: Floats) -> list[Floats]:
    return [values, np.nextafter(values, -np.inf), np.nextafter(values, np.inf)]


def _float32_neighbours(values: Floats) -> list[Floats]:
    with np.errstate(over="ignore"):
        near = values.astype(np.float32)
        low, high = np.nextafter(near, np.float32(-np.inf)), np.nextafter(near, np.float32(np.inf))
    around = [side.astype(np.float64) for side in (low, near, high)]
    with np.errstate(invalid="ignore"):
        halves = [(around[0] + around[1]) / 2.0, (around[1] + around[2]) / 2.0]
    return [side[np.isfinite(side)] for half in halves for side in (half, *_neighbours(half)[1:])] + [
        side[np.isfinite(side)] for side in around
    ]


def _bisect(lane: Block, column: Column, thresholds: Floats) -> Floats:
    """For each threshold the last value of the column, in the order of doubles, on one side of it.

    It halves the bit patterns of float64, so that it ends at the exact border of any monotone lane.
    """
    if any(isinstance(block, Lookup) for block in walk([lane])) or lane.type is Type.TEXT:
        return np.zeros(0)
    probe = Model((column,), (Target("", {"transform": lane}),))

    def below(x: Floats) -> NDArray[np.bool_]:
        values = evaluate(probe, {column.name: x})[""]["transform"][:, 0]
        return np.asarray(values <= thresholds, dtype=bool)

    top = float(np.finfo(np.float64).max)
    low, high = _rank(np.full(len(thresholds), -top)), _rank(np.full(len(thresholds), top))
    first = below(_value(low))
    for _ in range(64):
        middle = low // 2 + high // 2 + (low % 2 + high % 2) // 2
        same = below(_value(middle)) == first
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return _value(low)


def _rank(x: Floats) -> NDArray[np.int64]:
    """The place of each float64 among all of them."""
    bits = np.ascontiguousarray(x).view(np.int64)
    return np.where(bits < 0, np.int64(-(2**63)) - bits, bits)


def _value(rank: NDArray[np.int64]) -> Floats:
    """The float64 at a place: the inverse of `_rank`."""
    bits = np.where(rank < 0, np.int64(-(2**63)) - rank, rank)
    return np.ascontiguousarray(bits).view(np.float64)
