"""OneHotEncoder, OrdinalEncoder and TargetEncoder: each column becomes one lookup of its categories.

scikit-learn numbers the categories of a column, maps infrequent ones to one shared number, and only then drops a
number; the functions here do the same in that order. A column whose unknown values are refused gets a condition.
"""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np

from indb import build
from indb.ir import Block, Lookup, Type
from indb.readers.base import Frame, Lane, Reading, reads
from indb.readers.sklearn.values import EXACT, lane_value


@dataclass(frozen=True, slots=True)
class Categories:
    """The categories of one column: keys[i] has number numbers[i]; missing is the number of the missing one."""

    x: Block
    keys: tuple[float | str, ...]
    numbers: tuple[int, ...]
    missing: int | None


def _categories(values: Any, lane: Lane, name: str, reading: Reading) -> Categories:
    """The categories of a column, read as what they are.

    Raises: UnsupportedModel for categories that a table cannot tell apart, or of other types.
    """
    keys: list[float | str] = []
    places: list[int] = []
    missing: list[int] = []
    for number, value in enumerate(values):
        key = lane_value(value, reading)
        if key is None:
            missing.append(number)
            continue
        if isinstance(value, numbers.Integral) and abs(int(value)) > EXACT:
            raise reading.unsupported(
                f"column {name!r} has the category {int(value)}, too large for a double to tell it from its neighbours",
                "Make the column text before the pipeline is fitted, in the table as well.",
            )
        keys.append(key)
        places.append(number)
    if len(missing) > 1:
        raise reading.unsupported(
            f"column {name!r} has None and NaN as two categories, a table has one missing value",
            "Replace one of them before the pipeline is fitted.",
        )
    x = _column(keys, values, lane, name, reading)
    return Categories(x, tuple(keys), tuple(places), missing[0] if missing else None)


def _column(keys: list[float | str], values: Any, lane: Lane, name: str, reading: Reading) -> Block:
    """The block of a column, its type told by the categories. Infinities are refused as check_array does."""
    texts = {isinstance(key, str) for key in keys}
    if len(texts) > 1:
        raise reading.unsupported(
            f"column {name!r} has texts and numbers as categories, a table's column has one type",
            "Make the column text before the pipeline is fitted, in the table as well.",
        )
    if values.dtype.kind in "biuf":
        x = reading.resolve(lane, Type.NUMBER)
        reading.require_finite(x, missing=True)
        return x
    if not texts:
        return reading.either(lane, Type.TEXT)
    return reading.resolve(lane, Type.TEXT if texts == {True} else Type.NUMBER)


def _refuse_unknown(categories: Categories, reading: Reading) -> None:
    """Score only rows whose value is one of the categories."""
    known = ((1.0,),) * len(categories.keys)
    missing = (1.0,) if categories.missing is not None else (0.0,)
    reading.require(Lookup(categories.x, categories.keys, known, (0.0,), missing))


def _infrequent(encoder: Any, column: int) -> tuple[Any, int | None]:
    """(number -> number with infrequent ones grouped, the number of the group), or (None, None) without a group."""
    if not encoder._infrequent_enabled or encoder._infrequent_indices[column] is None:
        return None, None
    mapping = encoder._default_to_infrequent_mappings[column]
    return mapping, int(mapping[encoder._infrequent_indices[column][0]])


@reads("sklearn", "OneHotEncoder")
def read_one_hot_encoder(encoder: Any, frame: Frame, reading: Reading) -> Frame:
    """A lane of 0.0 and 1.0 for each category. Source: sklearn.preprocessing.OneHotEncoder.transform."""
    names: list[str] = []
    lanes: list[Block] = []
    for column, (name, lane) in enumerate(zip(frame.names, frame.lanes, strict=True)):
        categories = _categories(encoder.categories_[column], lane, name, reading)
        if encoder.handle_unknown == "error":
            _refuse_unknown(categories, reading)
        indicators = _indicators(encoder, column, categories)
        names.extend(f"{name}_{number}" for number in range(len(indicators)))
        lanes.extend(indicators)
    return Frame(tuple(names), tuple(lanes), _dtype(encoder, reading).name, bool(encoder.sparse_output))


def _indicators(encoder: Any, column: int, categories: Categories) -> list[Block]:
    """The lanes of one column; none where its only category is dropped."""
    drops = encoder._drop_idx_after_grouping
    drop = None if drops is None else drops[column]
    mapping, group = _infrequent(encoder, column)
    width = int(encoder._n_features_outs[column])

    def position(number: int | None, grouped: bool = False) -> int | None:
        """The lane of a category's number; None where it has none."""
        if number is None:
            return None
        code = number if grouped or mapping is None else int(mapping[number])
        if drop is None or code < drop:
            return code
        return None if code == drop else code - 1

    if width == 0:
        return []
    shared = encoder.handle_unknown in ("infrequent_if_exist", "warn")
    unknown = build.indicator(width, position(group, grouped=True) if shared else None)
    missing = unknown if categories.missing is None else build.indicator(width, position(categories.missing))
    positions = [position(number) for number in categories.numbers]
    return build.lanes(build.one_hot(categories.x, categories.keys, positions, width, unknown, missing))


@reads("sklearn", "OrdinalEncoder")
def read_ordinal_encoder(encoder: Any, frame: Frame, reading: Reading) -> Frame:
    """A lane with the number of the category. Source: sklearn.preprocessing.OrdinalEncoder.transform."""
    dtype = _dtype(encoder, reading)
    lanes: list[Block] = []
    for column, (name, lane) in enumerate(zip(frame.names, frame.lanes, strict=True)):
        categories = _categories(encoder.categories_[column], lane, name, reading)
        if encoder.handle_unknown == "error":
            _refuse_unknown(categories, reading)
        lanes.append(_ordinal(encoder, column, categories, dtype))
    return Frame(frame.names, tuple(lanes), dtype.name)


def _ordinal(encoder: Any, column: int, categories: Categories, dtype: np.dtype[Any]) -> Block:
    """The numbers of one column's categories, rounded as the encoder's dtype does."""
    mapping, _ = _infrequent(encoder, column)

    def value(code: Any) -> tuple[float]:
        return (float(np.asarray(code).astype(dtype)),)

    def number(category: int) -> tuple[float]:
        return value(category if mapping is None else mapping[category])

    refused = encoder.handle_unknown == "error"
    unknown = (math.nan,) if refused else value(encoder.unknown_value)
    if categories.missing is None:
        missing = unknown
    elif column in encoder._missing_indices:  # NaN was a category; None, which is a category like others, is not here
        missing = value(encoder.encoded_missing_value)
    else:
        missing = number(categories.missing)
    rows = tuple(number(category) for category in categories.numbers)
    return Lookup(categories.x, categories.keys, rows, unknown, missing)


@reads("sklearn", "TargetEncoder")
def read_target_encoder(encoder: Any, frame: Frame, reading: Reading) -> Frame:
    """A lane with the encoded target of the category, one for each class where there are several.

    Unknown values get the target's mean, and so does a missing one that was no category in training.
    Source: sklearn.preprocessing.TargetEncoder._transform_X_ordinal.
    """
    mean = tuple(float(value) for value in np.atleast_1d(encoder.target_mean_))
    names: list[str] = []
    lanes: list[Block] = []
    for column, (name, lane) in enumerate(zip(frame.names, frame.lanes, strict=True)):
        categories = _categories(encoder.categories_[column], lane, name, reading)
        table = np.stack(encoder.encodings_[column * len(mean) : (column + 1) * len(mean)], axis=1).tolist()
        rows = tuple(tuple(table[number]) for number in categories.numbers)
        missing = mean if categories.missing is None else tuple(table[categories.missing])
        names.extend(f"{name}_{number}" for number in range(len(mean)))
        lanes.extend(build.lanes(Lookup(categories.x, categories.keys, rows, mean, missing)))
    return Frame(tuple(names), tuple(lanes))


def _dtype(encoder: Any, reading: Reading) -> np.dtype[Any]:
    """The dtype of an encoder's output.

    Raises: UnsupportedModel for one that holds no numbers.
    """
    dtype: np.dtype[Any] = np.dtype(encoder.dtype)
    if dtype.kind not in "biuf":
        raise reading.unsupported(f"its dtype is {dtype}, needed numbers")
    return dtype
