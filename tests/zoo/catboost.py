"""CatBoost: losses, trees of every growth, missing values, categories, files."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from warnings import catch_warnings, simplefilter

import catboost
import numpy as np
import pandas as pd
from catboost import CatBoost, CatBoostClassifier, CatBoostRanker, CatBoostRegressor
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from indb.readers import model_files, read
from zoo import frames
from zoo.cases import add_fitted

SMALL: dict[str, Any] = {
    "iterations": 7, "depth": 3, "random_seed": 1, "thread_count": 1, "verbose": 0, "allow_writing_files": False
}  # fmt: skip
GROUPS = np.arange(frames.N) // 10


@cache
def categories() -> pd.DataFrame:
    """Numbers with gaps beside complete columns of texts, codes and booleans."""
    rng = np.random.default_rng(21)
    frame = frames.gaps()[["age", "score"]].copy()
    frame["city"] = rng.choice(["Paris", "Rome", "Köln", "it's", ""], frames.N, p=[0.4, 0.3, 0.15, 0.1, 0.05])
    frame["plan"] = rng.choice(["free", "pro"], frames.N)
    frame["level"] = rng.integers(-1, 5, frames.N)
    frame["member"] = rng.random(frames.N) < 0.4
    return frame


@cache
def signal() -> np.ndarray[Any, Any]:
    """What the targets of `categories` depend on."""
    frame, rng = categories(), np.random.default_rng(22)
    city = frame["city"].map({"Paris": 1.0, "Rome": -1.0, "Köln": 2.0, "it's": -2.0, "": 0.5})
    both = np.where(frame["plan"] == "pro", city, -city) * np.where(frame["level"] > 2, 2.0, 1.0)
    found = city + both + frame["score"].fillna(1.5) + 0.7 * frame["member"] + rng.normal(scale=0.3, size=frames.N)
    return np.asarray(found)


def classes(count: int) -> np.ndarray[Any, Any]:
    """Classes of `categories`."""
    ranks = np.argsort(np.argsort(signal()))
    return np.array(["low", "mid", "top"], dtype=object)[ranks * count // frames.N]


def ask(model: Any, given: np.ndarray[Any, Any]) -> dict[str, Any]:
    """What a model gives for rows; ValueError where it refuses one."""
    try:
        return _asked(model, given)
    except (catboost.CatBoostError, TypeError) as error:
        raise ValueError(str(error)) from error


def _asked(model: Any, given: np.ndarray[Any, Any]) -> dict[str, Any]:
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    if last is model and model.get_cat_feature_indices():
        given = np.asarray(given, dtype=object).copy()
        for place in model.get_cat_feature_indices():
            given[:, place] = [_code(value) for value in given[:, place]]
    found = {"predict": model.predict(given)}
    if isinstance(last, CatBoostClassifier):
        found["predict_proba"] = model.predict_proba(given)
        if last is not model:
            given = model[:-1].transform(given)
        raw = last.predict(given, prediction_type="RawFormulaVal")
        found["decision_function"] = raw
        if last.get_all_params()["loss_function"].startswith(("MultiLogloss", "MultiCross")):
            second = found["predict_proba"]
            found["predict_proba"] = [np.stack([1.0 - p, p], axis=1) for p in second.T]
        elif found["predict"].ndim == 2:
            found["predict"] = found["predict"][:, 0]
    return found


def _code(value: Any) -> Any:
    """A number as the integer that a column of codes holds."""
    if isinstance(value, str | None):
        return value
    if isinstance(value, bool | int):
        return value
    if value == value and abs(value) <= 2.0**53 and value.is_integer():
        return int(value)
    raise ValueError(f"{value} is no code")


def add(name: str, model: Any, data: Any, target: Any, after: Callable[[Any], Any] | None = None, **fit: Any) -> None:
    """Add a case: a model, its frame and target, and what to do to it once it is fitted."""

    def fitted() -> tuple[Any, pd.DataFrame]:
        frame = data() if callable(data) else frames.FRAMES[data]()
        y = target() if callable(target) else frames.TARGETS[target]()
        made = model.copy() if hasattr(model, "copy") else model
        with catch_warnings():
            simplefilter("ignore")  # that an objective is slow without numba
            made.fit(frame.to_numpy() if data == "array" else frame, y, **fit)
        return (made if after is None else after(made)), frame

    add_fitted(f"catboost_{name}", fitted, outputs=ask)


for _labels in ("texts2", "bools", "ints2", "floats2", "texts3", "ints3"):
    add(f"labels_{_labels}", CatBoostClassifier(**SMALL), "gaps", _labels)
for _number, _threshold in enumerate((0.3, 0.0, 1.0)):

    def _with_threshold(model: Any, threshold: float = _threshold) -> Any:
        model.set_probability_threshold(threshold)
        return model

    add(f"threshold_{_number}", CatBoostClassifier(**SMALL), "gaps", "texts2", _with_threshold)
add("class_names", CatBoostClassifier(class_names=["yes", "no"], **SMALL), "gaps", "texts2")
add("target_border", CatBoostClassifier(loss_function="Logloss", target_border=11.0, **SMALL), "gaps", "amount")
add("cross_entropy", CatBoostClassifier(loss_function="CrossEntropy", **SMALL), "gaps", lambda: classes(2) == "mid")
add("focal", CatBoostClassifier(loss_function="Focal:focal_alpha=0.4;focal_gamma=2", **SMALL), "gaps", "ints2")
add("one_vs_all", CatBoostClassifier(loss_function="MultiClassOneVsAll", **SMALL), "gaps", "texts3")
add("multi_binary", CatBoostClassifier(loss_function="MultiClass", **SMALL), "gaps", "texts2")


def labels(count: int) -> np.ndarray[Any, Any]:
    """Several labels for each row."""
    return np.stack([frames.signal() > border for border in (10.0, 11.0, 12.0)[:count]], axis=1).astype(int)


add("multilabel", CatBoostClassifier(loss_function="MultiLogloss", **SMALL), "gaps", lambda: labels(3))
_named = CatBoostClassifier(loss_function="MultiLogloss", class_names=["a", "b"], **SMALL)
add("multilabel_named", _named, "gaps", lambda: labels(2), lambda model: model.set_probability_threshold(0.7) or model)
add("multi_cross_entropy", CatBoostClassifier(loss_function="MultiCrossEntropy", **SMALL), "gaps", lambda: labels(2))

for _loss in (
    "RMSE",
    "MultiQuantile:alpha=0.2,0.7",
    "Poisson",
    "Tweedie:variance_power=1.5",
    "LogLinQuantile:alpha=0.5",
):
    add(f"loss_{_loss.split(':')[0]}", CatBoostRegressor(loss_function=_loss, **SMALL), "gaps", "positive")
add("uncertainty", CatBoostRegressor(loss_function="RMSEWithUncertainty", **SMALL), "gaps", "amount")
add("two_amounts", CatBoostRegressor(loss_function="MultiRMSE", **SMALL), "gaps", "two_amounts")
add("rank", CatBoostRanker(**SMALL), "gaps", "ints2", group_id=GROUPS)
add("plain", CatBoost({**SMALL, "loss_function": "Logloss"}), "gaps", "ints2")
add("plain_several", CatBoost({**SMALL, "loss_function": "MultiClass"}), "gaps", "ints3")

for _grow in ("Depthwise", "Lossguide"):
    add(f"grow_{_grow}", CatBoostClassifier(grow_policy=_grow, **SMALL), "gaps", "texts3")
    add(f"grow_{_grow}_regressor", CatBoostRegressor(grow_policy=_grow, **SMALL), "gaps", "amount")
for _mode in ("Min", "Max"):
    add(f"nan_{_mode}", CatBoostRegressor(nan_mode=_mode, **{**SMALL, "iterations": 25}), "gaps", "amount")
add("nan_forbidden", CatBoostRegressor(nan_mode="Forbidden", **SMALL), "numbers", "amount")
add("infinite", CatBoostClassifier(**SMALL), "infinite", "texts2")
add("crowded", CatBoostRegressor(**{**SMALL, "iterations": 12}), "crowded", "crowded_amount")
add("integers", CatBoostRegressor(**SMALL), "integers", "amount")
add("deep", CatBoostRegressor(**{**SMALL, "depth": 7, "iterations": 3}), "gaps", "amount")
add("stumps", CatBoostRegressor(**{**SMALL, "depth": 1}), "gaps", "amount")
add("large", CatBoostClassifier(**{**SMALL, "depth": 5, "iterations": 30}), "wide", "wide_bools")
add("ordered", CatBoostRegressor(boosting_type="Ordered", langevin=True, **SMALL), "gaps", "amount")
add("best", CatBoostRegressor(**SMALL), "gaps", "amount", lambda model: model.shrink(3) or model)
add(
    "scaled",
    CatBoostRegressor(**SMALL),
    *("gaps", "amount", lambda model: model.set_scale_and_bias(1.7, -3.3) or model),
)
add("array", CatBoostClassifier(**SMALL), "array", "texts2")
add("odd_names", CatBoostRegressor(**SMALL), "odd_names", "amount")
add("ignored", CatBoostRegressor(ignored_features=[1], **SMALL), "gaps", "amount")
add("pipeline", make_pipeline(SimpleImputer(), StandardScaler(), CatBoostClassifier(**SMALL)), "gaps", "texts3")
_hot = ColumnTransformer([("hot", OneHotEncoder(handle_unknown="ignore"), ["city", "plan"])], remainder="passthrough")
add("pipeline_one_hot", make_pipeline(_hot, CatBoostClassifier(**SMALL)), categories, lambda: classes(2))
add("pipeline_alone", make_pipeline(CatBoostRegressor(**SMALL)), "gaps", "amount")


class _Residual:
    """The squared error as an objective of one's own."""

    def calc_ders_range(self, approxes: Any, targets: Any, weights: Any) -> list[tuple[float, float]]:
        return [(target - approx, -1.0) for approx, target in zip(approxes, targets, strict=True)]


add("own_loss", CatBoostRegressor(loss_function=_Residual(), eval_metric="RMSE", **SMALL), "gaps", "amount")


def summed(model: Any) -> Any:
    """Two thirds of a model and a third of another one."""
    other = CatBoostRegressor(**{**SMALL, "random_seed": 5, "subsample": 0.6}).fit(frames.gaps(), frames.signal())
    return catboost.sum_models([model, other], [2 / 3, 1 / 3])


add("summed", CatBoostRegressor(**SMALL), "gaps", "amount", summed)


CONTENT: dict[int, Any] = {}
"""The models of cases that are read from a file, by the id of what is read."""


def listed(model: Any) -> Any:
    """The content of the JSON file of a model, with the texts of its categories."""
    columns = categories()
    pool = catboost.Pool(columns, cat_features=model.get_cat_feature_indices())
    with TemporaryDirectory() as folder:
        path = Path(folder, "model.json")
        model.save_model(str(path), format="json", pool=pool)
        content = model_files.load(path)
    CONTENT[id(content)] = model
    return content


def add_categories(name: str, model: Any, target: Any, features: list[str]) -> None:
    """Add a case of a model with categories, which is read from its file."""

    def fitted() -> tuple[Any, pd.DataFrame]:
        return listed(model.copy().fit(categories(), target(), cat_features=features)), categories()

    add_fitted(
        f"catboost_{name}", fitted, outputs=lambda content, rows: ask(CONTENT[id(content)], all_columns(content, rows))
    )


def all_columns(content: Any, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Rows with a value for the columns that no tree reads, where they have none."""
    if rows.shape[1] == categories().shape[1]:
        return rows
    given = np.repeat(categories().to_numpy(dtype=object)[:1], len(rows), axis=0)
    places = [categories().columns.get_loc(column.name) for column in read(content).columns]
    given[:, places] = rows
    return given


ALL = ["city", "plan", "level", "member"]
_simple = {**SMALL, "max_ctr_complexity": 1, "iterations": 12}
add_categories("one_hot", CatBoostClassifier(one_hot_max_size=10, **_simple), lambda: classes(2), ALL)
add_categories("one_hot_multi", CatBoostClassifier(one_hot_max_size=10, **_simple), lambda: classes(3), ALL)
for _kind in ("Borders", "Buckets", "BinarizedTargetMeanValue", "Counter"):
    _model = CatBoostClassifier(simple_ctr=_kind, combinations_ctr=_kind, **_simple)
    add_categories(f"statistic_{_kind}", _model, lambda: classes(2), ALL)
    _prior = f"{_kind}:Prior=0.3"
    _model = CatBoostRegressor(simple_ctr=_prior, combinations_ctr=_prior, **_simple)
    add_categories(f"statistic_{_kind}_regressor", _model, signal, ALL)
add_categories("statistic_multi", CatBoostClassifier(**_simple), lambda: classes(3), ALL)
_borders = CatBoostRegressor(
    simple_ctr="Borders:TargetBorderCount=4", combinations_ctr="Borders:TargetBorderCount=4", **_simple
)
add_categories("statistic_target_borders", _borders, signal, ALL)
add_categories("statistic_grow", CatBoostClassifier(grow_policy="Depthwise", **_simple), lambda: classes(2), ALL)
_combined = {**SMALL, "iterations": 12, "depth": 5, "one_hot_max_size": 2, "model_size_reg": 0.0}
add_categories("combined", CatBoostClassifier(**_combined), lambda: classes(2), ALL)
add_categories("combined_regressor", CatBoostRegressor(**_combined, max_ctr_complexity=3), signal, ALL)
add_categories("combined_multi", CatBoostClassifier(**_combined), lambda: classes(3), ALL)
add_categories("combined_nan_max", CatBoostRegressor(nan_mode="Max", **_combined), signal, ["city", "plan"])
