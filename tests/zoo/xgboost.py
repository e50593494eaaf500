"""XGBoost: its objectives, boosters and columns, as estimators, as a Booster and from files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from xgboost import XGBClassifier, XGBRanker, XGBRegressor, XGBRFClassifier, XGBRFRegressor

from zoo import frames
from zoo.cases import FLOAT32, Fitted, add, add_fitted

SMALL: dict[str, Any] = {"n_estimators": 7, "max_depth": 3, "n_jobs": 1, "random_state": 0}

LABELS: dict[str, Callable[[], Any]] = {
    "codes2": frames.TARGETS["ints2"],
    "codes3": lambda: np.argsort(np.argsort(frames.signal())) * 3 // frames.N,
    "counts": lambda: np.round(np.exp(frames.signal() / 5.0)),
    "flags": lambda: np.stack([frames.TARGETS["ints2"](), frames.numbers()["visits"] > 3], axis=1).astype(int),
}
frames.TARGETS.update(LABELS)


def classifier(**options: Any) -> XGBClassifier:
    return XGBClassifier(**{**SMALL, **options})


def regressor(**options: Any) -> XGBRegressor:
    return XGBRegressor(**{**SMALL, **options})


def single(name: str, estimator: Any, data: str, target: str, after: Any = None, **options: Any) -> None:
    add(f"xgb_{name}", estimator, data, target, after, float32=True, **options)


def add_objectives() -> None:
    """Every objective."""
    for objective in ("squarederror", "pseudohubererror", "absoluteerror"):
        single(objective, regressor(objective=f"reg:{objective}"), "gaps", "amount")
    single("base_class", xgboost.XGBModel(**SMALL, objective="reg:squarederror"), "gaps", "amount")
    for objective in ("squaredlogerror", "gamma", "tweedie"):
        single(objective, regressor(objective=f"reg:{objective}"), "gaps", "positive")
    single("logistic_regression", regressor(objective="reg:logistic"), "gaps", "ints2")
    single("quantiles", regressor(objective="reg:quantileerror", quantile_alpha=[0.1, 0.5, 0.9]), "gaps", "amount")
    single("quantile", regressor(objective="reg:quantileerror", quantile_alpha=0.3), "gaps", "amount")
    single("poisson", regressor(objective="count:poisson"), "gaps", "counts")
    single("cox", regressor(objective="survival:cox"), "gaps", "positive")
    single("two_classes", classifier(), "gaps", "codes2")
    single("three_classes", classifier(), "gaps", "codes3")
    single("softmax", classifier(objective="multi:softmax"), "gaps", "codes3")
    single("softmax_two", classifier(objective="multi:softmax", num_class=2), "gaps", "codes2")
    for objective in ("logitraw", "hinge"):
        single(objective, classifier(objective=f"binary:{objective}"), "numbers", "codes2")
    single("classifier_by_exponential", classifier(objective="count:poisson"), "numbers", "codes2")
    single("flags", classifier(), "gaps", "flags")
    single("own_objective", regressor(objective=squared), "gaps", "amount")
    for objective in ("ndcg", "pairwise", "map"):
        ranker = XGBRanker(**SMALL, objective=f"rank:{objective}")
        target = "codes2" if objective == "map" else "codes3"
        single(f"rank_{objective}", ranker, "gaps", target, qid=np.arange(frames.N) // 12)


def squared(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """An objective of one's own: its gradient and its second derivative."""
    return y_pred - y_true, np.ones_like(y_pred)


def add_boosters() -> None:
    """Every booster, random forests, and what the sum starts from."""
    single("two_amounts", regressor(), "gaps", "two_amounts")
    single("vector_leaves", regressor(multi_strategy="multi_output_tree", tree_method="hist"), "gaps", "two_amounts")
    single("vector_classes", classifier(multi_strategy="multi_output_tree", tree_method="hist"), "gaps", "codes3")
    single("dart", regressor(booster="dart", rate_drop=0.5), "gaps", "amount")
    single("dart_classes", classifier(booster="dart", rate_drop=0.5, one_drop=1), "gaps", "codes3")
    single("linear", regressor(booster="gblinear"), "gaps", "amount")
    single("linear_two", classifier(booster="gblinear"), "gaps", "codes2")
    single("linear_three", classifier(booster="gblinear"), "numbers", "codes3")
    single("forest", regressor(num_parallel_tree=3, subsample=0.7, n_estimators=2), "gaps", "amount")
    forest = {"n_estimators": 7, "max_depth": 3, "n_jobs": 1, "random_state": 0}
    single("random_forest", XGBRFRegressor(**forest), "gaps", "amount")
    single("random_forest_two", XGBRFClassifier(**forest), "gaps", "codes2")
    single("random_forest_three", XGBRFClassifier(**forest), "gaps", "codes3")
    single("base_score", classifier(base_score=0.3), "gaps", "codes2")
    single("base_score_log", regressor(base_score=2.5, objective="reg:gamma"), "gaps", "positive")
    single("base_scores", regressor(base_score=[0.25, -7.0]), "gaps", "two_amounts")
    single("exact", regressor(tree_method="exact"), "crowded", "crowded_amount")
    single("approx_lossguide", regressor(tree_method="approx", grow_policy="lossguide", max_leaves=5), "gaps", "amount")
    single("pruned", regressor(tree_method="exact", gamma=5.0, max_depth=5), "gaps", "amount")
    single("many", regressor(n_estimators=40, max_depth=2), "gaps", "amount")
    single("large_leaves", regressor(), "gaps", "floats3")
    single("stopped", regressor(n_estimators=30, early_stopping_rounds=2), "gaps", "amount", **stopping("amount"))
    stopped = classifier(n_estimators=30, early_stopping_rounds=2, num_parallel_tree=2, subsample=0.6)
    single("stopped_classes", stopped, "gaps", "codes3", **stopping("codes3"))


def stopping(target: str) -> dict[str, Any]:
    """Rows on which training stops early: those of training, upside down."""
    return {"eval_set": [(frames.gaps(), frames.TARGETS[target]()[::-1])], "verbose": False}


def add_columns() -> None:
    """What stands for a missing value, categories, and steps in front."""
    single("minus_one_missing", classifier(missing=-1.0), "minus_ones", "codes2")
    single("zero_missing", regressor(missing=0.0), "numbers", "amount")
    single("linear_minus_one_missing", regressor(missing=-1.0, booster="gblinear"), "minus_ones", "amount")
    single("array", regressor(), "array", "amount")
    single("integers", classifier(), "integers", "codes2", outputs=ask_numbers)
    single("odd_names", regressor(), "odd_names", "amount")
    single("pipeline", make_pipeline(StandardScaler(), classifier()), "numbers", "codes2")
    single("pipeline_imputed", make_pipeline(SimpleImputer(), regressor()), "gaps", "amount")
    text = SimpleImputer(strategy="constant", fill_value="?")
    for name, sparse in (("one_hot", 0.0), ("sparse_one_hot", 1.0)):
        columns = make_column_transformer(
            (make_pipeline(text, OneHotEncoder(handle_unknown="ignore")), ["city"]),
            (StandardScaler(), ["age", "level"]),
            sparse_threshold=sparse,
        )
        single(name, make_pipeline(columns, classifier()), "mixed", "codes3")
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = make_column_transformer((ordinal, ["city", "plan"]), ("passthrough", ["age", "member"]))
    single("ordinal", make_pipeline(columns, regressor()), "mixed", "amount")
    codes = {"feature_types": ["c", "q", "q"], "enable_categorical": True}
    columns = make_column_transformer((ordinal, ["city"]), ("passthrough", ["age", "level"]))
    for name, most in (("codes_one_hot", 100), ("codes_sets", 1)):
        single(name, make_pipeline(columns, regressor(**codes, max_cat_to_onehot=most)), "city_level", "amount")


def ask_numbers(model: Any, rows: pd.DataFrame) -> dict[str, Any]:
    """What an estimator gives for rows of numbers: XGBoost takes no object columns, as booleans with None are."""
    given = rows.astype(float)
    return {name: getattr(model, name)(given) for name in ("predict", "predict_proba")}


def places() -> pd.DataFrame:
    """Categories of texts and of numbers beside numbers, with missing values."""
    frame = frames.mixed()[["age", "city", "level", "score"]].copy()
    frame["city"] = frame["city"].replace("Köln", "Bern")
    frame["level"] = frame["level"] * 10
    return frame


def categorical(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns of `places` as categories. Raises: ValueError for a category that training did not see."""
    found = frame.copy()
    for name in ("city", "level"):
        known = sorted(places()[name].dropna().unique().tolist())
        if not set(found[name].dropna().tolist()) <= set(known):
            raise ValueError(f"{name} holds a category that is not known")
        found[name] = pd.Categorical(found[name].tolist(), categories=known)
    return found


def fitted_places(estimator: Any, target: str) -> Callable[[], Fitted]:
    def fitted() -> Fitted:
        frame = places()
        return estimator.fit(categorical(frame), frames.TARGETS[target]()), frame

    return fitted


def ask_places(model: Any, rows: Any) -> dict[str, Any]:
    """What an estimator gives for rows with texts in place of categories."""
    given = categorical(pd.DataFrame(rows, columns=list(places().columns)))
    return {name: getattr(model, name)(given) for name in ("predict", "predict_proba") if hasattr(model, name)}


def add_places() -> None:
    """Categories that the model keeps."""
    options = {"enable_categorical": True, "tree_method": "hist"}
    for name, most in (("one_hot", 100), ("sets", 1)):
        model = regressor(**options, max_cat_to_onehot=most, max_depth=4)
        add_fitted(f"xgb_categories_{name}", fitted_places(model, "amount"), float32=True, outputs=ask_places)
    model = classifier(**options, max_cat_to_onehot=1)
    add_fitted("xgb_categories_classes", fitted_places(model, "codes3"), float32=True, outputs=ask_places)


BOOSTERS: dict[str, tuple[dict[str, Any], str]] = {
    "squarederror": ({"objective": "reg:squarederror"}, "amount"),
    "two_classes": ({"objective": "binary:logistic"}, "codes2"),
    "logitraw": ({"objective": "binary:logitraw"}, "codes2"),
    "hinge": ({"objective": "binary:hinge"}, "codes2"),
    "softprob": ({"objective": "multi:softprob", "num_class": 3}, "codes3"),
    "softmax": ({"objective": "multi:softmax", "num_class": 3}, "codes3"),
    "dart": ({"objective": "reg:squarederror", "booster": "dart", "rate_drop": 0.5}, "amount"),
    "linear": ({"objective": "reg:squarederror", "booster": "gblinear"}, "amount"),
    "flags": ({"objective": "binary:logistic"}, "flags"),
    "aft": ({"objective": "survival:aft"}, "positive"),
}
"""Booster -> its parameters and its target."""


def boosted(options: dict[str, Any], target: str) -> Callable[[], Fitted]:
    def fitted() -> Fitted:
        frame, label = frames.gaps(), frames.TARGETS[target]()
        data = xgboost.DMatrix(frame, label)
        if options["objective"] == "survival:aft":
            data = xgboost.DMatrix(frame, label_lower_bound=label, label_upper_bound=label * 1.5)
        return xgboost.train({"nthread": 1, "seed": 0, "verbosity": 0, **options}, data, 7), frame

    return fitted


def ask_booster(booster: Any, rows: Any) -> dict[str, Any]:
    """What a Booster gives, as the outputs that indb reads of it: a class where its objective has classes."""
    data = xgboost.DMatrix(rows, feature_names=booster.feature_names, nthread=1)
    found = booster.predict(data)
    config = booster.save_config()
    if '"name":"multi:softprob"' in config:
        return {"predict": found.argmax(axis=1), "predict_proba": found}
    if '"name":"multi:softmax"' in config:
        margin = booster.predict(data, output_margin=True)
        powers = np.exp(margin - margin.max(axis=1, keepdims=True))
        return {"predict": found.astype(int), "predict_proba": powers / powers.sum(axis=1, keepdims=True)}
    if '"name":"binary:hinge"' in config:
        return {"predict": found.astype(int)}
    if '"name":"binary:logistic"' in config and found.ndim == 1:
        return {"predict": (found > 0.5).astype(int), "predict_proba": np.stack([1.0 - found, found], axis=1)}
    return {"predict": found}


def from_file(suffix: str) -> Callable[[Any], Any]:
    """What `after` makes of a model: the same one, from a file of its own format."""

    def load(model: Any) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"model.{suffix}"
            model.save_model(path)
            found = type(model)()
            found.load_model(path)
        return found

    return load


def add_boosters_of_their_own() -> None:
    for name, (options, target) in BOOSTERS.items():
        add_fitted(f"xgb_booster_{name}", boosted(options, target), float32=True, outputs=ask_booster)
    single("loaded_json", classifier(), "gaps", "codes3", from_file("json"))
    single("loaded_ubj", regressor(), "gaps", "amount", from_file("ubj"))


add_objectives()
add_boosters()
add_columns()
add_places()
add_boosters_of_their_own()

NAMES = tuple(name for name in FLOAT32 if name.startswith("xgb_"))
"""The cases of this file."""
