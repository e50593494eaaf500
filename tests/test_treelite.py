"""A second opinion: treelite reads the same tree ensembles on its own, and gives what `evaluate` gives.

It does without the libraries, so it shares none of their code with them, and none with indb. What it takes otherwise
than the library does, or not at all, is listed with the reason; the list is held to be true as well.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import treelite
import treelite.sklearn
from numpy.typing import NDArray
from rows import awkward_rows
from zoo import ZOO

from indb.evaluate import evaluate
from indb.readers import read

FAMILIES = ("forest_", "extra_trees_", "boosting_", "hist_", "isolation_", "lightgbm_", "xgb_")

SINGLE = ("RandomForest", "ExtraTrees", "GradientBoosting", "IsolationForest")
"""Ensembles of scikit-learn that cast their input to float32 and split at float64."""

OTHERWISE: dict[str, str] = {
    "forest_two_targets": "its probabilities of several targets are padded to the same width",
    "extra_trees_two_targets": "its probabilities of several targets are padded to the same width",
    "boosting_exponential": "it takes the sigmoid of the raw prediction, not of twice of it",
    "boosting_dummy": "it refuses an init estimator",
    "isolation_one_row": "it divides by the length of a way in a tree of one row, which is 0",
    "hist_dtype_categories": "it refuses categories of text",
    "hist_dtype_categories_regressor": "it refuses categories of text",
    "hist_named_categories": "it refuses categories of text",
    "hist_none_category": "it refuses categories of text",
    "hist_many_categories": "it refuses categories of text",
    "lightgbm_zeros": "it knows no zero that stands for what is close to it",
    "lightgbm_zero_as_missing": "it knows no zero that is missing",
    "lightgbm_zero_as_missing_gaps": "it knows no zero that is missing",
    "lightgbm_codes_zero_as_missing": "it knows no zero that is missing",
    "lightgbm_codes": "it takes codes that are no whole numbers otherwise",
    "lightgbm_codes_use_missing_false": "it takes codes that are no whole numbers otherwise",
    "lightgbm_categories": "it reads codes, not the texts that stand for them",
    "lightgbm_categories_three": "it reads codes, not the texts that stand for them",
    "lightgbm_ordered": "it reads codes, not the texts that stand for them",
    "lightgbm_booster_classes": "it reads codes, not the texts that stand for them",
    "lightgbm_linear": "it refuses linear leaves",
    "lightgbm_linear_classes": "it refuses linear leaves",
    "lightgbm_linear_two": "it refuses linear leaves",
    "xgb_linear": "it refuses linear boosters",
    "xgb_linear_two": "it refuses linear boosters",
    "xgb_linear_three": "it refuses linear boosters",
    "xgb_linear_minus_one_missing": "it refuses linear boosters",
    "xgb_booster_linear": "it refuses linear boosters",
    "xgb_categories_one_hot": "it refuses categories that the model keeps",
    "xgb_categories_sets": "it refuses categories that the model keeps",
    "xgb_categories_classes": "it refuses categories that the model keeps",
    "xgb_stopped": "it takes all rounds, not those up to the best one",
    "xgb_stopped_classes": "it takes all rounds, not those up to the best one",
    "xgb_minus_one_missing": "it knows no number that stands for a missing value",
    "xgb_zero_missing": "it knows no number that stands for a missing value",
}
"""Case -> what treelite does otherwise."""


def _sklearn(estimator: Any) -> tuple[Any, Any, Any] | None:
    name = type(estimator).__name__
    if name.startswith("Hist"):
        return treelite.sklearn.import_model(estimator), np.float64, np.float64
    return (treelite.sklearn.import_model(estimator), np.float32, np.float64) if name.startswith(SINGLE) else None


def _xgboost(model: Any) -> tuple[Any, Any, Any]:
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    return treelite.frontend.from_xgboost(booster), np.float32, np.float32


def _lightgbm(model: Any) -> tuple[Any, Any, Any]:
    return treelite.frontend.from_lightgbm(getattr(model, "booster_", model)), np.float64, np.float64


TAKES: dict[str, Callable[[Any], tuple[Any, Any, Any] | None]] = {
    "sklearn": _sklearn,
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
}
"""Package -> (treelite's model, the type that the library rounds its input to, the type that treelite compares in)."""


def agreement(name: str, limit: int = 200) -> NDArray[np.float64] | None:
    """How far apart the two are on awkward rows, relative above 1; None for a model that treelite is not made for."""
    estimator, frame = ZOO[name]()
    package = type(estimator).__module__.split(".")[0]
    made = TAKES[package](estimator) if package in TAKES else None
    if made is None:
        return None
    taken, rounded, compared = made
    model = read(estimator)
    model = getattr(model, "in_sql", model)
    rows = awkward_rows(model, frame, np.random.default_rng(zlib.crc32(name.encode())), limit=limit)
    ours = evaluate(model, {column: rows[column].to_numpy() for column in rows.columns})
    lanes = [ours[target.name].get("predict_proba", ours[target.name]["predict"]) for target in model.targets]
    wanted = np.concatenate(lanes, axis=1)
    if type(estimator).__name__ == "IsolationForest":  # it gives the score of an anomaly
        wanted = -(ours[""]["decision_function"] + estimator.offset_)
    with np.errstate(over="ignore"):
        given = rows[list(frame.columns)].astype(float).to_numpy().astype(rounded).astype(compared)
    found = treelite.gtil.predict(taken, given).reshape(len(given), -1)
    if found.shape[1] == 1 and wanted.shape[1] == 2:
        wanted = wanted[:, 1:]
    scored = ~np.isnan(wanted).any(axis=1)
    assert scored.sum() >= 100
    with np.errstate(invalid="ignore"):
        gap: NDArray[np.float64] = np.abs(found - wanted)[scored] / np.maximum(1.0, np.abs(wanted[scored]))
    gap[(found == wanted)[scored]] = 0.0
    return gap


CASES = [name for name in ZOO if name.startswith(FAMILIES)]


@pytest.mark.parametrize("name", [name for name in CASES if name not in OTHERWISE])
def test_it_agrees(name: str) -> None:
    gap = agreement(name)
    # XGBoost adds in float32, and treelite does so in another order
    if gap is not None:
        assert gap.max() <= (2e-5 if name.startswith("xgb_") else 1e-6)


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_it_takes_otherwise_is_listed_rightly(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            gap = agreement(name, limit=1000)
        except Exception:  # each refusal is another error
            return
    assert gap is not None
    assert not gap.max() <= 1e-6


def test_most_ensembles_are_compared() -> None:
    names = [name for name in CASES if name not in OTHERWISE]
    compared = [name for name in names if type(ZOO[name]()[0]).__name__ != "Pipeline"]
    assert len(compared) > 60
