"""The columns of XGBoost's models as its trees see them: what stands for a missing value, and categories.

A category of a pandas column is known by its place among those of training, which the model keeps (since 3.1). One that
is not among them is meant to be refused; XGBoost 3.2 takes the next one in order for it where there is one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from indb import build
from indb.ir import Apply, Block, Lookup, Op, Type
from indb.readers.base import Frame, Reading
from indb.readers.xgboost.saved import Saved

Key = float | str

CATEGORY = "c"
"""The type of a column of categories, as against numbers."""


@dataclass(frozen=True)
class Features:
    """The features, each a block of width 1. `is_set` says of each whether it holds categories.

    `keys` holds the value of each code of a feature of categories, or None where the codes are the values.
    """

    lanes: tuple[Block, ...]
    is_set: tuple[bool, ...]
    keys: tuple[tuple[Key, ...] | None, ...]

    def key(self, feature: int, code: int) -> Key | None:
        """The value that a code stands for; None for none."""
        keys = self.keys[feature]
        if keys is None:
            return float(code)
        return keys[code] if code < len(keys) else None


def features(saved: Saved, frame: Frame, missing: float, inplace: bool, reading: Reading) -> Features:
    """The features in the order of the columns.

    missing: the number that stands for a missing value besides NaN. inplace: infinities are numbers as others; a
    DMatrix refuses them. A zero of a sparse matrix is missing, as what it does not store is.
    Source: src/data/adapter.h.
    """
    if len(frame.lanes) != saved.n_features:
        raise reading.unsupported(f"it reads {saved.n_features} columns, and was given {len(frame.lanes)}")
    known = _categories(saved, reading)
    lanes: list[Block] = []
    for number, lane in enumerate(frame.lanes):
        keys = known[number]
        if keys is not None:
            if not math.isnan(missing) and 0 <= missing < len(keys):
                raise reading.unsupported(f"its missing={missing} is the code of a category of {frame.names[number]!r}")
            x = reading.resolve(lane, Type.TEXT if isinstance(keys[0], str) else Type.NUMBER)
            reading.require(Lookup(x, keys, ((1.0,),) * len(keys), (0.0,), (1.0,)))
            lanes.append(x)
            continue
        x = reading.resolve(lane, Type.NUMBER)
        if not inplace:
            reading.require_finite(x, missing=True, limit=build.FLOAT32_LIMIT)
        if frame.sparse:
            x = build.where(Apply(Op.EQ, (x, build.number(0.0))), build.MISSING, x)
        x = _without(x, missing)
        if _is_set(saved, number):  # codes: a fraction is cut off, and nothing below 0 is a code
            x = Apply(Op.FLOOR, (build.single(x),))
        lanes.append(x)
    return Features(tuple(lanes), tuple(_is_set(saved, number) for number in range(len(lanes))), tuple(known))


def _is_set(saved: Saved, number: int) -> bool:
    return number < len(saved.types) and saved.types[number] == CATEGORY


def _without(x: Block, missing: float) -> Block:
    """x, missing where float32(x) is float32(missing)."""
    if math.isnan(missing):
        return x
    with np.errstate(over="ignore"):
        number = np.float32(missing)
        before = np.nextafter(number, np.float32(-np.inf))
    low = -math.inf if np.isneginf(number) else math.nextafter(build.split_threshold(float(before)), math.inf)
    return build.where(build.between(x, low, build.split_threshold(float(number))), build.MISSING, x)


def _categories(saved: Saved, reading: Reading) -> list[tuple[Key, ...] | None]:
    """The categories of each feature by their codes; None for numbers and for codes.

    Source: src/data/cat_container.cc.
    """
    stored: Mapping[str, Any] = saved.model.get("cats") or {}
    encodings = stored.get("enc") or [{}] * saved.n_features
    return [_keys(encoding, reading) for encoding in encodings]


def _keys(encoding: Mapping[str, Any], reading: Reading) -> tuple[Key, ...] | None:
    values = np.asarray(encoding.get("values", ()))
    if len(values) == 0:
        return None
    found: list[Key] = []
    if "offsets" in encoding:
        data = bytes((values.astype(np.int64) & 0xFF).astype(np.uint8))
        if not data.isascii():
            raise reading.unsupported(
                f"its categories {data.decode('utf-8', 'replace')[:60]!r} are not all ASCII, and XGBoost saves such "
                "ones cut at wrong places",
                "Give it categories that are ASCII texts, or codes of an OrdinalEncoder.",
            )
        offsets = [int(offset) for offset in encoding["offsets"]]
        found += [data[start:stop].decode() for start, stop in pairwise(offsets)]
    else:
        for value in values.tolist():
            if float(value) != value or int(float(value)) != value:
                raise reading.unsupported(f"its category {value!r} is no whole number that a double holds")
            found.append(float(value))
    if len(set(found)) != len(found):
        raise reading.unsupported(f"it has a category twice in {found[:6]}")
    return tuple(found)
