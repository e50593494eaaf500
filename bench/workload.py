"""What is timed: one synthetic table, and four pipelines that are fitted to it.

The table is that of a shop: counts, amounts, texts with few and many values, and NULLs in some of them. It is the same
in every run (fixed seed), and the pipelines are fitted to rows of their own.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

SEED = 20261122
TRAINING_ROWS = 20_000

INTEGERS = ("age", "tenure", "visits", "children", "tickets")
DOUBLES = ("spend", "balance", "discount", "distance", "duration", "rate", "margin")
TEXTS = ("city", "plan", "device")
COLUMNS = (*INTEGERS, *DOUBLES, *TEXTS)
NUMBERS = [*INTEGERS, *DOUBLES]

TABLE = "customers"


def customers(rows: int, seed: int = SEED) -> pd.DataFrame:
    """The table: id, five integer, seven double and three text columns. Six hold NULL, as NaN also in texts."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"id": np.arange(1, rows + 1, dtype=np.int64)})
    frame["age"] = rng.integers(18, 90, rows).astype(float)
    frame["tenure"] = rng.integers(0, 240, rows).astype(float)
    frame["visits"] = rng.poisson(6, rows).astype(float)
    frame["children"] = rng.binomial(5, 0.25, rows).astype(float)
    frame["tickets"] = rng.geometric(0.5, rows).astype(float)
    frame["spend"] = rng.lognormal(4.0, 0.8, rows)
    frame["balance"] = rng.normal(1_000.0, 600.0, rows)
    frame["discount"] = rng.beta(2.0, 8.0, rows)
    frame["distance"] = rng.exponential(40.0, rows)
    frame["duration"] = rng.gamma(2.0, 15.0, rows)
    frame["rate"] = rng.uniform(0.0, 5.0, rows)
    frame["margin"] = rng.standard_t(4, rows)
    frame["city"] = _texts(rng, "city", 50, rows)
    frame["plan"] = _texts(rng, "plan", 5, rows)
    frame["device"] = _texts(rng, "device", 12, rows)
    for name, share in (("age", 0.05), ("visits", 0.02), ("spend", 0.08), ("duration", 0.1), ("rate", 0.03)):
        frame.loc[rng.random(rows) < share, name] = np.nan
    frame.loc[rng.random(rows) < 0.04, "device"] = np.nan
    return frame


def _texts(rng: np.random.Generator, word: str, kinds: int, rows: int) -> pd.Series:
    """Texts of which some are much more common than others."""
    weights = 1.0 / np.arange(1, kinds + 1)
    names = np.array([f"{word} {number:02d}" for number in range(kinds)], dtype=object)
    return pd.Series(names[rng.choice(kinds, rows, p=weights / weights.sum())], dtype=object)


def churned(frame: pd.DataFrame, seed: int = SEED) -> np.ndarray:
    """The label, 0 or 1: linear in some columns, with steps and interactions of others, and noise."""
    rng = np.random.default_rng(seed + 1)
    known = frame.fillna({name: frame[name].median() for name in NUMBERS})
    margin = 0.02 * (known["age"] - 50) - 0.006 * known["tenure"] + 0.004 * (known["spend"] - 60)
    margin += np.where(known["visits"] < 4, 0.8, 0.0) + np.where(known["discount"] * known["rate"] > 0.6, 0.9, 0.0)
    margin += frame["plan"].map({"plan 00": -0.4, "plan 03": 0.9}).fillna(0.0)
    margin += frame["city"].isin(["city 01", "city 05", "city 11"]) * 0.5 + frame["device"].isna() * 0.7
    return (margin + rng.logistic(0.0, 0.7, len(frame)) > 0.4).astype(np.int64).to_numpy()


@dataclass(frozen=True)
class Workload:
    """A fitted pipeline and what it is called."""

    name: str
    title: str
    pipeline: Pipeline


def workloads() -> list[Workload]:
    """The four pipelines, fitted. Those that can use threads to predict have all cores."""
    frame = customers(TRAINING_ROWS, SEED + 2)
    labels = churned(frame, SEED + 2)
    cores = os.cpu_count()
    made = [
        ("logistic", "logistic regression: imputed, scaled, one-hot", scaled(), LogisticRegression(max_iter=1_000)),
        ("tree", "decision tree: depth 5", _imputed(), DecisionTreeClassifier(max_depth=5, random_state=SEED)),
        ("forest", "random forest: 100 trees of depth 8", _imputed(),
         RandomForestClassifier(100, max_depth=8, random_state=SEED, n_jobs=cores)),
        ("boosting", "HistGradientBoosting: 100 trees of 31 leaves", raw_columns(),
         HistGradientBoostingClassifier(max_iter=100, max_leaf_nodes=31, early_stopping=False, random_state=SEED)),
    ]  # fmt: skip
    return [
        Workload(name, title, make_pipeline(columns, estimator).fit(frame[list(COLUMNS)], labels))
        for name, title, columns, estimator in made
    ]


def _columns(numbers: Any) -> ColumnTransformer:
    texts = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer([("numbers", numbers, NUMBERS), ("texts", texts, list(TEXTS))])


def scaled() -> ColumnTransformer:
    return _columns(make_pipeline(SimpleImputer(strategy="median"), StandardScaler()))


def _imputed() -> ColumnTransformer:
    return _columns(SimpleImputer(strategy="median"))


def raw_columns() -> ColumnTransformer:
    return _columns("passthrough")


PREDICT_ROWS = 100_000
"""The rows of one call to scikit-learn: one-hot columns of a million rows would take gigabytes."""


def predicted(pipeline: Pipeline, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """(label, probability of 1) from one predict_proba call for each 100,000 rows: predict would do the work again.

    An estimator without probabilities gives its labels twice. That is an SVM here: libsvm uses one thread, so the rows
    are divided among the cores.
    """
    if not hasattr(pipeline, "predict_proba"):
        cores = os.cpu_count() or 1
        slices = [frame.iloc[each] for each in np.array_split(np.arange(len(frame)), cores)]
        with ThreadPoolExecutor(cores) as pool:
            labels = np.concatenate(list(pool.map(pipeline.predict, slices)))
        return labels, labels.astype(np.float64)
    parts = [
        pipeline.predict_proba(frame.iloc[start : start + PREDICT_ROWS]) for start in range(0, len(frame), PREDICT_ROWS)
    ]
    probabilities = np.concatenate(parts)
    return pipeline.classes_[probabilities.argmax(axis=1)], probabilities[:, 1]
