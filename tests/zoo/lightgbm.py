"""LightGBM: objectives, kinds of boosting, missing values, categories, linear trees, Boosters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from warnings import catch_warnings, simplefilter

import lightgbm as lgb
import numpy as np
import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from zoo import frames
from zoo.cases import THREADS, Fitted, add, add_fitted, on_columns

SMALL: dict[str, Any] = {"n_estimators": 6, "num_leaves": 6, "min_child_samples": 4, "verbose": -1, "n_jobs": 1}
CODES: dict[str, Any] = {"min_data_per_group": 1, "cat_smooth": 1.0, "max_cat_to_onehot": 1, "cat_l2": 1.0}


def classifier(**options: Any) -> lgb.LGBMClassifier:
    return lgb.LGBMClassifier(**{**SMALL, **options})


def regressor(**options: Any) -> lgb.LGBMRegressor:
    return lgb.LGBMRegressor(**{**SMALL, **options})


# Objectives ----------------------------------------------------------------------------------------------------------

add("lightgbm_two_classes", classifier(), "gaps", "texts2")
add("lightgbm_sigmoid", classifier(sigmoid=1.7), "numbers", "bools")
add("lightgbm_three_classes", classifier(), "gaps", "texts3")
add("lightgbm_softmax_two", classifier(objective="multiclass", num_class=2), "numbers", "ints2")
add("lightgbm_one_vs_all", classifier(objective="multiclassova", sigmoid=2.5), "numbers", "ints3")
add("lightgbm_entropy_classes", classifier(objective="cross_entropy"), "numbers", "floats2")
add("lightgbm_regressor", regressor(), "infinite", "amount")
for _name in ("l1", "huber", "fair", "quantile", "mape"):
    add(f"lightgbm_{_name}", regressor(objective=_name), "numbers", "amount")
for _name in ("poisson", "gamma", "tweedie"):
    add(f"lightgbm_{_name}", regressor(objective=_name), "gaps", "positive")
add("lightgbm_sqrt", regressor(reg_sqrt=True), "numbers", "amount")
add("lightgbm_l1_sqrt", regressor(objective="l1", reg_sqrt=True), "numbers", "amount")


def share() -> Any:
    """A target between 0 and 1."""
    amount = frames.signal()
    return (amount - amount.min()) / np.ptp(amount)


frames.TARGETS["share"] = share
add("lightgbm_entropy", regressor(objective="cross_entropy"), "numbers", "share")
add("lightgbm_entropy_lambda", regressor(objective="cross_entropy_lambda"), "numbers", "share")


def ranked(objective: str) -> Callable[[], Fitted]:
    def fitted() -> Fitted:
        frame = frames.gaps()
        ranker = lgb.LGBMRanker(objective=objective, **SMALL)
        return fit(ranker, frame, frames.TARGETS["ints3"]() % 4, group=[30] * 4), frame

    return fitted


def fit(estimator: Any, frame: Any, y: Any, **given: Any) -> Any:
    with catch_warnings(), THREADS.limit(limits=1):
        simplefilter("ignore")
        return estimator.fit(frame, y, **given)


add_fitted("lightgbm_lambdarank", ranked("lambdarank"))
add_fitted("lightgbm_xendcg", ranked("rank_xendcg"))


# Boosting ------------------------------------------------------------------------------------------------------------

_BAGS: dict[str, Any] = {"subsample": 0.6, "subsample_freq": 1, "random_state": 0}
add("lightgbm_dart", classifier(boosting_type="dart", drop_rate=0.5, skip_drop=0.0), "numbers", "texts2")
add("lightgbm_goss", regressor(data_sample_strategy="goss"), "numbers", "amount")
add("lightgbm_rf", regressor(boosting_type="rf", **_BAGS), "gaps", "amount")
add("lightgbm_rf_classes", classifier(boosting_type="rf", **_BAGS), "gaps", "texts2")
add("lightgbm_rf_three", classifier(boosting_type="rf", **_BAGS), "numbers", "texts3")
add("lightgbm_one_leaf", regressor(min_child_samples=500), "numbers", "amount")
add("lightgbm_array", classifier(n_estimators=2, num_leaves=3), "array", "odd_labels")


def stopped() -> Fitted:
    """It stops early."""
    frame = frames.numbers()
    y = frames.TARGETS["ints2"]()
    model = classifier(n_estimators=60, learning_rate=0.9)
    noise = np.random.default_rng(0).permutation(y)
    fit(model, frame, y, eval_set=[(frame, noise)], callbacks=[lgb.early_stopping(3, verbose=False)])
    assert 0 < model.best_iteration_ < 60
    return model, frame


add_fitted("lightgbm_stopped", stopped)


# Missing values ------------------------------------------------------------------------------------------------------


def zeros() -> pd.DataFrame:
    """Zeros, values next to what LightGBM takes for zero, and missing ones."""
    rng = np.random.default_rng(20)
    tiny = np.array([-1e-30, -1e-34, -1e-36, 0.0, 1e-36, 1e-34, 1e-30])
    frame = pd.DataFrame({
        "tiny": rng.choice(tiny, frames.N),
        "visits": rng.poisson(1.0, frames.N) - 1.0,
        "score": np.where(rng.random(frames.N) < 0.4, 0.0, rng.normal(size=frames.N)),
    })  # fmt: skip
    frame.loc[rng.random(frames.N) < 0.2, "visits"] = np.nan
    frame.loc[rng.random(frames.N) < 0.1, "score"] = np.nan
    return frame


def zero_amount() -> Any:
    frame = zeros().fillna(5.0)
    return np.sign(frame["tiny"]) + 2.0 * (frame["tiny"] == 0.0) + frame["visits"] ** 2 + (frame["score"] == 0.0) * 2.0


frames.FRAMES["zeros"] = zeros
frames.TARGETS["zero_amount"] = zero_amount
_FINE: dict[str, Any] = {"min_child_samples": 1, "min_data_in_bin": 1, "num_leaves": 12}
add("lightgbm_zeros", regressor(**_FINE), "zeros", "zero_amount")
add("lightgbm_zero_as_missing", regressor(zero_as_missing=True, **_FINE), "zeros", "zero_amount")
add("lightgbm_zero_as_missing_gaps", classifier(zero_as_missing=True, **_FINE), "zeros", "ints2")
add("lightgbm_use_missing_false", regressor(use_missing=False, **_FINE), "zeros", "zero_amount")


# Categories ----------------------------------------------------------------------------------------------------------


def as_categories(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with the columns that `categories` has as categories as such; LightGBM takes no others."""
    whole = frames.categories()
    names = [name for name in frame.columns if isinstance(whole.get(name, frame[name]).dtype, pd.CategoricalDtype)]
    return frame.astype(dict.fromkeys(names, "category"))


def ask(model: Any, rows: Any) -> dict[str, Any]:
    """Every output of a model that was fitted on categories."""
    given = as_categories(rows)
    methods = ("predict", "predict_proba", "decision_function")
    return {method: getattr(model, method)(given) for method in methods if hasattr(model, method)}


def ordered() -> pd.DataFrame:
    """Categories of which one is ordered, so that LightGBM takes its codes for numbers."""
    frame = frames.categories().drop(columns="member")
    return frame.assign(level=frame["level"].cat.as_ordered())


frames.FRAMES["ordered"] = ordered
add("lightgbm_categories", classifier(**CODES), "categories", "texts2", outputs=ask)
add("lightgbm_categories_three", classifier(**CODES), "categories", "texts3", outputs=ask)
add("lightgbm_ordered", regressor(**CODES), "ordered", "amount", outputs=ask)


def coded() -> pd.DataFrame:
    """Codes of categories, some missing and one rare, beside numbers."""
    rng = np.random.default_rng(21)
    code = rng.choice([0.0, 1.0, 2.0, 7.0, 40.0, 65.0], frames.N)
    code[rng.random(frames.N) < 0.15] = np.nan
    return pd.DataFrame(
        {"code": code, "whole": rng.integers(0, 5, frames.N).astype(float), **frames.numbers()[["age"]]}
    )


def code_amount() -> Any:
    frame = coded()
    return np.sin(frame["code"].fillna(3.0) * 2.0) * 5.0 + np.cos(frame["whole"] * 4.0) * 3.0 + frame["age"] / 90.0


frames.FRAMES["coded"] = coded
frames.TARGETS["code_amount"] = code_amount
_DECLARED = {"categorical_feature": ["code", "whole"]}
add("lightgbm_codes", regressor(**CODES), "coded", "code_amount", **_DECLARED)
add("lightgbm_codes_use_missing_false", regressor(use_missing=False, **CODES), "coded", "code_amount", **_DECLARED)
add("lightgbm_codes_zero_as_missing", classifier(zero_as_missing=True, **CODES), "coded", "texts2", **_DECLARED)


# Linear trees --------------------------------------------------------------------------------------------------------


def ask_linear(model: Any, rows: Any) -> dict[str, Any]:
    """Every output, NaN where the raw score is infinite or NaN: such a row has no score in a database."""
    raw = np.asarray(model.predict(rows, raw_score=True)).reshape(len(rows), -1)
    lost = ~np.isfinite(raw).all(axis=1)
    found = {"predict": model.predict(rows)}
    if hasattr(model, "predict_proba"):
        found |= {"predict_proba": model.predict_proba(rows), "decision_function": model.decision_function(rows)}
    for name, values in found.items():
        if values.dtype.kind == "f" and (name != "predict" or len(found) == 1):
            values[lost] = np.nan
    return found


add("lightgbm_linear", regressor(linear_tree=True), "gaps", "amount", outputs=ask_linear)
add(
    "lightgbm_linear_classes",
    classifier(linear_tree=True, n_estimators=2, num_leaves=3),
    "array",
    "texts3",
    outputs=ask_linear,
)
add(
    "lightgbm_linear_two",
    classifier(linear_tree=True, linear_lambda=0.5, n_estimators=4),
    "numbers",
    "bools",
    outputs=ask_linear,
)


# Pipelines -----------------------------------------------------------------------------------------------------------

add("lightgbm_scaled", make_pipeline(StandardScaler(), classifier()), "gaps", "texts2")
add(
    "lightgbm_pipeline",
    make_pipeline(
        on_columns(
            ("texts", OneHotEncoder(handle_unknown="ignore"), ["city", "plan"]),
            ("codes", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["level"]),
            ("numbers", SimpleImputer(), ["age", "income"]),
            remainder="passthrough",
        ),
        classifier(),
    ),
    *("mixed", "texts3"),
)
add("lightgbm_sparse", make_pipeline(OneHotEncoder(handle_unknown="ignore"), regressor()), "odd_texts", "amount")


frames.TARGETS["classes3"] = lambda: frames.TARGETS["floats3"]() % 3


# Boosters ------------------------------------------------------------------------------------------------------------


def booster(data: str, target: str, keep: bool = False, stop: bool = False, **options: Any) -> Callable[[], Fitted]:
    """A Booster of lightgbm.train; `keep` keeps it as it was in training, `stop` makes an iteration the best."""

    def fitted() -> Fitted:
        frame = frames.FRAMES[data]()
        given = {"num_leaves": 6, "min_data_in_leaf": 4, "verbose": -1, "num_threads": 1, **options}
        with THREADS.limit(limits=1):
            table = lgb.Dataset(frame, frames.TARGETS[target]())
            model = lgb.train(given, table, 6, keep_training_booster=keep)
        if stop:
            model.best_iteration = 4
        return model, frame

    return fitted


def ask_booster(model: Any, rows: Any) -> dict[str, Any]:
    """What a Booster predicts: one value, or the probabilities of classes."""
    given = as_categories(pd.DataFrame(rows, columns=model.feature_name()).infer_objects())
    found = model.predict(given)
    if np.ndim(found) == 1:
        return {"predict": found}
    raw = model.predict(given, raw_score=True)
    return {"predict": np.argmax(found, axis=1), "predict_proba": found, "decision_function": raw}


add_fitted("lightgbm_booster", booster("gaps", "ints2", objective="binary"), outputs=ask_booster)
add_fitted("lightgbm_booster_kept", booster("gaps", "positive", True, objective="tweedie"), outputs=ask_booster)
add_fitted("lightgbm_booster_best", booster("gaps", "amount", True, stop=True), outputs=ask_booster)
add_fitted("lightgbm_booster_rf", booster("numbers", "positive", objective="poisson", boosting="rf",
    bagging_fraction=0.5, bagging_freq=1), outputs=ask_booster)  # fmt: skip
add_fitted("lightgbm_booster_classes", booster("categories", "classes3", objective="multiclass", num_class=3, **CODES),
    outputs=ask_booster)  # fmt: skip
add("lightgbm_model", lgb.LGBMModel(objective="regression", **SMALL), "numbers", "amount")
