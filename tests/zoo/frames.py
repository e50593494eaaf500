"""The training frames and targets of the zoo: small, seeded, with the awkward values and names that tables have."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

N = 120

ODD_NAMES = ('say "age"', "it's income", "Score.Of; a--b", "naïve ☃ VISITS " + "x" * 70)
ODD_TEXTS = ("it's", 'say "hi"', "", "naïve ☃", "x" * 200, "back\\slash")


@cache
def numbers() -> pd.DataFrame:
    """Four complete columns of numbers of different sizes."""
    rng = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 90, N).astype(float),
            "income": rng.lognormal(10, 1, N),
            "score": rng.normal(size=N),
            "visits": rng.poisson(3, N).astype(float),
        }
    )


@cache
def pair() -> pd.DataFrame:
    """Two columns of `numbers`, for models that read them many times."""
    return numbers()[["score", "visits"]]


@cache
def gaps() -> pd.DataFrame:
    """`numbers` with missing values in all but one column."""
    rng = np.random.default_rng(8)
    frame = numbers().copy()
    for name in ("age", "income", "score"):
        frame.loc[rng.random(N) < 0.2, name] = np.nan
    return frame


@cache
def infinite() -> pd.DataFrame:
    """`gaps` with infinite and huge values, which HistGradientBoosting takes."""
    frame = gaps().copy()
    frame.loc[:5, "income"] = [np.inf, -np.inf, 1e308, -1e308, 1e39, -1e39]
    frame.loc[6:60, "score"] = np.inf
    return frame


@cache
def integers() -> pd.DataFrame:
    """Columns of integers and booleans."""
    rng = np.random.default_rng(9)
    return pd.DataFrame(
        {"a": rng.integers(-3, 4, N), "b": rng.integers(0, 10**9, N), "c": rng.random(N) < 0.5, "d": np.arange(N) % 2}
    )


@cache
def minus_ones() -> pd.DataFrame:
    """`numbers` with -1 where a value is missing."""
    return gaps().fillna(-1.0)


@cache
def crowded() -> pd.DataFrame:
    """Values that lie a few float32 steps apart, so that thresholds fall between neighbours."""
    steps = np.float32(0.1) + np.arange(60, dtype=np.float32) * np.float32(2.0**-27)
    return pd.DataFrame({"x": steps.astype(float), "y": np.linspace(1e7, 1e7 + 30, 60)})


@cache
def mixed() -> pd.DataFrame:
    """Numbers, texts with and without missing values, codes and booleans."""
    rng = np.random.default_rng(10)
    frame = gaps().copy()
    frame["city"] = rng.choice(["Paris", "Rome", "Köln", "Oslo"], N, p=[0.5, 0.3, 0.15, 0.05])
    frame.loc[rng.random(N) < 0.1, "city"] = np.nan
    frame["plan"] = rng.choice(["free", "pro"], N)
    frame["level"] = rng.integers(1, 6, N)
    frame["member"] = rng.random(N) < 0.4
    frame["score"] = numbers()["score"]
    return frame


@cache
def categories() -> pd.DataFrame:
    """Numbers beside categories of texts, numbers and booleans, as pandas categories."""
    frame = mixed()[["age", "city", "level", "member", "score"]].copy()
    for name in ("city", "level", "member"):
        frame[name] = frame[name].astype("category")
    return frame


@cache
def city_level() -> pd.DataFrame:
    """A text column with missing values, codes with missing values, and a number."""
    frame = mixed()[["age", "city", "level"]].copy()
    frame["level"] = frame["level"].where(frame["level"] < 5)
    return frame[["city", "level", "age"]]


@cache
def city_none() -> pd.DataFrame:
    """A text column in which None, which scikit-learn takes for a category, is the missing value."""
    frame = mixed()[["age", "city"]].copy()
    city = [None if missing else text for text, missing in zip(frame["city"], frame["city"].isna(), strict=True)]
    frame["city"] = pd.Series(city, dtype=object)
    return frame


@cache
def shops() -> pd.DataFrame:
    """A text column of many categories."""
    rng = np.random.default_rng(11)
    return pd.DataFrame({"shop": [f"shop {i}" for i in rng.integers(0, 40, N)], "score": numbers()["score"]})


@cache
def odd_texts() -> pd.DataFrame:
    """Text columns that hold quotes, backslashes, unicode, empty and very long texts."""
    rng = np.random.default_rng(12)
    return pd.DataFrame({"Odd Texts": rng.choice(ODD_TEXTS, N), "b": rng.choice(["NULL", "None", "nan", "1.0"], N)})


@cache
def odd_names() -> pd.DataFrame:
    """`numbers` under names with quotes, spaces, dots, semicolons, unicode and upper case."""
    return numbers().set_axis(list(ODD_NAMES), axis=1)


@cache
def array() -> pd.DataFrame:
    """`numbers` under the names that a model has which was fitted on a plain array."""
    return numbers().set_axis([f"x{i}" for i in range(4)], axis=1)


@cache
def ties() -> pd.DataFrame:
    """One column of which the first value says nothing about `ties_bools`: both classes are equally likely there."""
    return pd.DataFrame({"x": np.repeat([0.0, 1.0, 2.0], 40), "y": np.ones(N)})


@cache
def wide() -> pd.DataFrame:
    """Twelve columns and 400 rows, with missing values: for the larger models."""
    rng = np.random.default_rng(14)
    values = rng.normal(size=(400, 12)) * 10.0 ** rng.integers(-3, 6, 12)
    values[rng.random(values.shape) < 0.05] = np.nan
    return pd.DataFrame(values, columns=[f"f{i}" for i in range(12)])


@cache
def counts() -> pd.DataFrame:
    """Small counts, of which each column's smallest is 0."""
    rng = np.random.default_rng(15)
    means = np.stack([2.0 + signal() / 5.0, np.full(N, 1.0), np.maximum(8.0 - signal() / 3.0, 0.1)], axis=1)
    return pd.DataFrame(rng.poisson(means).astype(float), columns=["clicks", "calls", "visits"])


@cache
def bits() -> pd.DataFrame:
    """Columns of 0 and 1, some of which depend on the signal."""
    rng = np.random.default_rng(16)
    high = np.stack([signal() > 12.0, signal() > 14.0, rng.random(N) < 0.5, rng.random(N) < 0.1], axis=1)
    return pd.DataFrame(high ^ (rng.random((N, 4)) < 0.1), columns=list("abcd")).astype(float)


FRAMES: dict[str, Callable[[], pd.DataFrame]] = {
    function.__name__: function
    for function in (
        *(numbers, gaps, infinite, integers, minus_ones, crowded, mixed, categories, city_level, city_none),
        *(shops, odd_texts, odd_names, array, ties, wide, counts, bits),
        *(numbers, pair, gaps, infinite, integers, minus_ones, crowded, mixed, categories, city_level, city_none),
        *(shops, odd_texts, odd_names, array, ties, wide),
    )
}
"""Every frame by its name."""


def first_two(frame: pd.DataFrame) -> list[str]:
    """A column selection by a function."""
    return list(frame.columns[:2])


@cache
def signal() -> NDArray[np.float64]:
    """What the targets depend on, with noise: (N,)."""
    frame, rng = numbers(), np.random.default_rng(13)
    linear = 0.03 * frame["age"] + np.log(frame["income"]) + 1.5 * frame["score"] - 0.4 * frame["visits"]
    return np.asarray(linear + rng.normal(scale=0.5, size=N))


def _classes(labels: tuple[Any, ...], dtype: Any) -> NDArray[Any]:
    """A label for each row, by the quantile of the signal."""
    ranks = np.argsort(np.argsort(signal(), kind="stable"), kind="stable")
    return np.array(labels, dtype=dtype)[ranks * len(labels) // N]


TARGETS: dict[str, Callable[[], Any]] = {
    "amount": signal,
    "crowded_amount": lambda: np.arange(60) % 7 * 1.5,
    "wide_bools": lambda: np.nansum(wide().rank().to_numpy()[:, :5], axis=1) % 97 > 48,
    "ties_bools": lambda: np.concatenate([np.arange(40) % 2 == 0, np.ones(40, dtype=bool), np.zeros(40, dtype=bool)]),
    "positive": lambda: np.exp(signal() / 5.0),
    "one_column": lambda: signal().reshape(-1, 1),
    "two_amounts": lambda: np.stack([signal(), -2.0 * signal() + numbers()["score"].to_numpy()], axis=1),
    "texts2": lambda: _classes(("no", "yes"), object),
    "texts3": lambda: _classes(("green", "red", "Blue"), object),
    "bools": lambda: _classes((False, True), bool),
    "ints2": lambda: _classes((0, 1), np.int64),
    "ints3": lambda: _classes((-1, 5, 3), np.int64),
    "floats2": lambda: _classes((-1.0, 1.0), float),
    "floats3": lambda: _classes((2.0, -1.0, 1e6), float),
    "odd_labels": lambda: _classes(ODD_TEXTS, object),
    "two_marks": lambda: np.stack([signal() > np.median(signal()), numbers()["score"] > 0.3], axis=1).astype(np.int64),
    "several_labels": lambda: np.stack(
        [signal() > level for level in np.quantile(signal(), [0.3, 0.5, 0.8])], axis=1
    ).astype(int),
    "constant_label": lambda: np.stack([signal() > np.median(signal()), np.ones(N), np.zeros(N)], axis=1).astype(int),
    "number_pair": lambda: np.stack([_classes((0, 1), float), _classes((-1, 5, 3), float)], axis=1),
    "some_labels": lambda: np.where(np.arange(N) % 4 == 0, -1, _classes((7, 2, 5), np.int64)),
    "text_pair": lambda: np.stack([_classes(("a", "bcd"), object), _classes(("x", "y", "z"), object)], axis=1),
}
"""Every target by its name."""
