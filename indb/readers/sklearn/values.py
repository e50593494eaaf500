"""Values inside fitted scikit-learn estimators, categories and fill values, as values of a lane."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any

import numpy as np

from indb import build
from indb.ir import Block
from indb.readers.base import Frame, Reading

EXACT = 2**53
"""From here on a float64 does not hold every integer."""


def is_missing(value: Any) -> bool:
    """Whether a value is None, NaN or pandas.NA.

    scikit-learn tells these apart: an encoder fitted on None refuses NaN, an imputer of NaN leaves None alone. It
    depends on how a table was loaded (pandas 3 has NaN in a text column, pandas 2 had None), and a database has one
    NULL. So whichever of them an estimator knows stands for the missing value.
    """
    if value is None or type(value).__name__ == "NAType":
        return True
    return isinstance(value, numbers.Real) and bool(value != value)


def lane_value(value: Any, reading: Reading) -> float | str | None:
    """A fitted value as a lane holds it: a float (booleans are 0.0 and 1.0), a str, or None for a missing value.

    Raises: UnsupportedModel for a value of another type, such as a date.
    """
    if is_missing(value):
        return None
    if isinstance(value, str):
        return str(value)
    if isinstance(value, numbers.Real) or type(value).__name__ == "bool":
        return float(value)
    raise reading.unsupported(
        f"it holds the value {value!r} of type {type(value).__name__}, needed text, numbers or booleans",
        "Turn the column into text or numbers before the pipeline is fitted, in the table as well.",
    )


def finite_numbers(frame: Frame, reading: Reading, missing: bool = False) -> Block:
    """The lanes of a frame as most steps accept them: no infinity, and no missing value unless `missing`.

    Source: sklearn.utils.validation.check_array, with ensure_all_finite True or "allow-nan".
    """
    x = frame.numbers(reading)
    reading.require_finite(x, missing=missing)
    return x


def last_finite(function: Callable[[float], Any], start: float = 0.0, stop: float = build.FLOAT64_MAX) -> float:
    """The last number on the way from `start` to `stop`, neither negative, for which a function is finite.

    The function is finite at the start, and grows on the way. It halves the bit patterns of the numbers between.
    """
    good, bad = np.array([start, stop]).view(np.int64).tolist()
    if np.isfinite(function(stop)).all():
        return stop
    while abs(good - bad) > 1:
        middle = (good + bad) // 2
        finite = np.isfinite(function(float(np.array(middle).view(np.float64)))).all()
        good, bad = (middle, bad) if finite else (good, middle)
    return float(np.array(good).view(np.float64))
