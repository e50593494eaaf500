"""Small tables, and the comparison of a transformer with its model, one row at a time."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pandas as pd

from indb.evaluate import evaluate
from indb.ir import Model
from indb.readers import read

MAX = float(np.finfo(np.float64).max)
NUMBERS = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 2.0, 0.1, 1.5, -2.5, 3.0, 1e-320, 1e300, -MAX, MAX, 1e16]
TEXTS = ["red", "green", "blue", "", " ", "Red", "it's", 'a "b"', "naïve ☃", "?", "nan", "None", "1"]


def numbers(rows: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    wide, few, small = rng.normal(5, 3, rows), rng.integers(-2, 4, rows) * 1.0, rng.random(rows) * 1e-3
    return pd.DataFrame({"a": wide, "b": few, "c": small})


def with_gaps(frame: pd.DataFrame, gap: Any, share: float = 0.25) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    return frame.mask(rng.random(frame.shape) < share, gap)


def texts(gap: Any = None, dtype: Any = object, rows: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    words = ["red", "green", "it's", "naïve ☃", ""]
    columns = {name: rng.choice(np.array(words, dtype=object), rows) for name in ("colour", "size")}
    if gap is not None:
        for values in columns.values():
            values[rng.random(rows) < 0.3] = None if gap == "None" else np.nan
    return pd.DataFrame(columns, dtype=object).astype(dtype)  # pandas infers str, in which None is NaN


def mixed(gap: bool = False) -> pd.DataFrame:
    frame = pd.concat([numbers(), texts("nan" if gap else None)], axis=1)
    return frame.assign(flag=np.arange(len(frame)) % 3 == 0)


def probes(frame: pd.DataFrame) -> pd.DataFrame:
    """Training rows, rows that replace one value by each awkward one of its type, and rows that mix these."""
    wide = frame.astype({name: np.float64 for name, dtype in frame.dtypes.items() if dtype.kind in "iu"})
    rows = [wide.head(8)]
    for name, dtype in wide.dtypes.items():
        values: list[Any] = NUMBERS
        gap = None if any(value is None for value in wide[name]) else np.nan
        if dtype.kind == "b":
            values = [True, False]
        elif any(isinstance(value, str) for value in wide[name]):
            values = [*TEXTS, gap]
        elif dtype.kind == "O":
            values = [1.0, 0.0, True, 9.0, gap]
        for number, value in enumerate(values):
            row = wide.iloc[[number % len(wide)]].copy()
            with np.errstate(over="ignore"):
                row[name] = pd.Series([value], index=row.index, dtype=dtype)
            rows.append(row)
    for one, other in itertools.pairwise(rows[1::2]):
        row = one.copy()
        for name in list(wide.columns)[::2]:
            row[name] = other[name].to_numpy()
        rows.append(row)
    return pd.concat(rows, ignore_index=True)


def expected(estimator: Any, rows: Any) -> list[Any]:
    """scikit-learn's transform of each row, None for one that it refuses; a refused table is halved to find them."""
    try:
        result = estimator.transform(rows)
    except ValueError:
        if len(rows) == 1:
            return [None]
        half = len(rows) // 2
        return [*expected(estimator, rows[:half]), *expected(estimator, rows[half:])]
    result = result.toarray() if hasattr(result, "toarray") else np.asarray(result)
    return list(result.astype(np.float64))


def compare(estimator: Any, frame: pd.DataFrame, exact: bool = True, array: bool = False) -> Model:
    """Check the model of a fitted estimator on awkward rows, of which at least one must be scored."""
    model = read(estimator)
    rows = probes(frame)
    names = [f"x{number}" if array else name for number, name in enumerate(rows.columns)]
    values = {name: rows.iloc[:, number].tolist() for number, name in enumerate(names)}
    found = evaluate(model, values)[""]["transform"]
    refused = np.isnan(found).all(axis=1)
    table: Any = rows.to_numpy() if array else rows
    wanted = np.full(found.shape, np.nan)
    scored = 0
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        # scikit-learn gets the refused rows one by one, the others together: a refusal is slow.
        for chosen in [np.flatnonzero(~refused), *([number] for number in np.flatnonzero(refused))]:
            if len(chosen):
                results = expected(estimator, table[chosen] if array else table.iloc[chosen])
                for number, result in zip(chosen, results, strict=True):
                    if result is None:
                        assert refused[number], rows.iloc[[number]].to_dict("list")
                    else:
                        wanted[number] = result
                        scored += 1
    tolerance = 0.0 if exact else 1e-12
    same = np.isclose(found, wanted, rtol=tolerance, atol=0.0, equal_nan=True).all(axis=1)
    for number in np.flatnonzero(~same):
        raise AssertionError((rows.iloc[[number]].to_dict("list"), found[number], wanted[number]))
    assert scored
    return model


def fit(estimator: Any, frame: Any) -> Any:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return estimator.fit(frame)
