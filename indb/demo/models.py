"""The two pipelines of the demo: they tell, when a flight leaves the gate, if it will be over 15 minutes late.

`dep_delay` is known by then. `arr_time` and `air_time` are not: they would give the answer away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

NUMBERS = ["dep_delay", "distance", "month", "hour"]
CATEGORIES = ["carrier", "origin", "dest"]
FEATURES = [*NUMBERS, *CATEGORIES]

LATE_MINUTES = 15
TRAINING_ROWS = 50_000
TREES = 40
LEAVES = 15


@dataclass(frozen=True, slots=True)
class Trained:
    """A fitted pipeline: the name that it is deployed under, and what it is."""

    name: str
    what: str
    pipeline: Any


def train(flights: Any, rows: int = TRAINING_ROWS) -> list[Trained]:
    """Both pipelines, fitted on a sample of the flights (a DataFrame) whose delay on arrival is known."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    known = flights[flights["arr_delay"].notna()]
    sample = known.sample(min(rows, len(known)), random_state=0)
    late = (sample["arr_delay"] > LATE_MINUTES).to_numpy()
    found = [
        Trained("late", "logistic regression", _logistic()),
        Trained("late_boost", f"boosting, {TREES} trees", _boosting()),
    ]
    # On a machine that is busy elsewhere, the threads of boosting wait for each other longer than they work.
    with threadpool_limits(limits=1):
        for each in found:
            each.pipeline.fit(sample[FEATURES], late)
    return found


def _logistic() -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), NUMBERS),
            ("categories", OneHotEncoder(handle_unknown="ignore"), CATEGORIES),
        ]
    )
    return make_pipeline(columns, LogisticRegression(max_iter=500))


def _boosting() -> Any:
    """Missing numbers and unknown categories (as missing ones) go down the tree's own way for them."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    columns = ColumnTransformer([("numbers", "passthrough", NUMBERS), ("categories", codes, CATEGORIES)])
    boosting = HistGradientBoostingClassifier(
        max_iter=TREES, max_leaf_nodes=LEAVES, learning_rate=0.2, random_state=0,
        categorical_features=range(len(NUMBERS), len(FEATURES)),
    )  # fmt: skip
    return make_pipeline(columns, boosting)


def label_flips(expected: np.ndarray, found: np.ndarray) -> int:
    """How many labels differ; one that is missing differs."""
    return int(np.count_nonzero(expected.astype(np.float64) != found.astype(np.float64)))


def largest_difference(expected: np.ndarray, found: np.ndarray) -> float:
    """The largest difference of two arrays of probabilities; inf when one is missing."""
    gaps = np.abs(expected - found.astype(np.float64))
    return float(np.max(np.where(np.isnan(gaps), np.inf, gaps), initial=0.0))
