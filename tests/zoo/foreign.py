"""The zoo of foreign models: fitted scikit-learn estimators that have no reader, with their training frames.

`FOREIGN[name]()` gives `(fitted estimator, training frame)`; a case is fitted when it is first asked for and kept.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
import pandas as pd
from sklearn import gaussian_process, naive_bayes, neighbors, semi_supervised, svm
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, RegressorChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    OneHotEncoder,
    StandardScaler,
)
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from zoo import frames

Fitted = tuple[Any, pd.DataFrame]

THREADS = ThreadpoolController()

FOREIGN: dict[str, Callable[[], Fitted]] = {}
"""Case name -> the fitted estimator and the frame that it was fitted on."""


def add(name: str, estimator: Any, data: str, target: str | None) -> None:
    """Add a case: an estimator, the frame and the target of `zoo_frames`."""

    @cache
    def fitted() -> Fitted:
        frame = frames.FRAMES[data]()
        with catch_warnings(), THREADS.limit(limits=1):
            simplefilter("ignore")
            model = clone(estimator).fit(frame.to_numpy() if data == "array" else frame, target and y(target))
        return model, frame

    FOREIGN[name] = fitted


def y(target: str) -> Any:
    return frames.TARGETS[target]()


def scaled(estimator: Any) -> Any:
    return make_pipeline(StandardScaler(), estimator)


def encoded(*numbers: Any, text: Any = None) -> ColumnTransformer:
    """The columns of `mixed` as numbers."""
    text = text or OneHotEncoder(handle_unknown="ignore")
    return ColumnTransformer(
        [("numbers", make_pipeline(SimpleImputer(), *numbers), ["age", "income"]), ("texts", text, ["city", "plan"])]
    )


_logistic = LogisticRegression()
_process = gaussian_process.GaussianProcessClassifier(optimizer=None)
_imputed = make_pipeline(KNNImputer(n_neighbors=3), Ridge())

add("knn_texts3", scaled(neighbors.KNeighborsClassifier()), "numbers", "texts3")
add("knn_weighted", neighbors.KNeighborsClassifier(weights="distance", algorithm="ball_tree"), "numbers", "ints3")
add("knn_regressor", neighbors.KNeighborsRegressor(p=1, n_jobs=2), "numbers", "two_amounts")
add("radius_neighbours", scaled(neighbors.RadiusNeighborsClassifier(2.0, weights="distance")), "numbers", "texts2")
add("svc_probabilities3", scaled(svm.SVC(probability=True, random_state=0)), "numbers", "texts3")
add("calibrated", scaled(CalibratedClassifierCV(_process, ensemble=False)), "numbers", "bools")
add("label_spreading", scaled(semi_supervised.LabelSpreading()), "numbers", "texts3")
add("gaussian_nb_never", naive_bayes.GaussianNB(priors=[0.0, 0.5, 0.5]), "numbers", "floats3")
add("gaussian_process_classifier", scaled(gaussian_process.GaussianProcessClassifier(optimizer=None)), "array", "ints2")
add("bagging", BaggingClassifier(_process, n_estimators=4, max_features=0.5, random_state=0), "numbers", "odd_labels")
add("bagging_regressor", BaggingRegressor(_imputed, n_estimators=4, random_state=0), "numbers", "positive")
add(
    "voting",
    VotingClassifier([("a", scaled(_process)), ("b", HistGradientBoostingClassifier(max_iter=3))], voting="soft"),
    *("numbers", "texts3"),
)
add("voting_regressor", VotingRegressor([("a", Ridge()), ("b", _imputed)]), "odd_names", "amount")
add("stacking", StackingClassifier([("a", _process), ("b", _logistic)], cv=2), "numbers", "texts3")
add("stacking_regressor", StackingRegressor([("a", Ridge()), ("b", _imputed)], cv=2), "array", "amount")
add("outliers", neighbors.LocalOutlierFactor(novelty=True), "numbers", None)
add("calibrated_isotonic", CalibratedClassifierCV(_process, method="isotonic"), "numbers", "ints2")
add("texts_knn", make_pipeline(encoded(StandardScaler()), neighbors.KNeighborsClassifier()), "mixed", "texts3")
add(
    "texts_strict_knn", make_pipeline(encoded(text=OneHotEncoder()), neighbors.KNeighborsRegressor()), "mixed", "amount"
)
add("texts_none", make_pipeline(ColumnTransformer(
    [("text", OneHotEncoder(), ["city"])], remainder=KNNImputer()), svm.SVR()), "city_none", "amount")  # fmt: skip
add(
    "texts_sparse_knn",
    make_pipeline(OneHotEncoder(handle_unknown="ignore"), neighbors.KNeighborsClassifier()),
    *("odd_texts", "texts2"),
)
add("texts_sparse_spreading", make_pipeline(ColumnTransformer(
    [("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["age", "income"]),
     ("texts", OneHotEncoder(handle_unknown="ignore"), ["city", "plan"])], sparse_threshold=1.0),
    semi_supervised.LabelSpreading()), "mixed", "bools")  # fmt: skip
add("categories_voting", VotingClassifier([("a", HistGradientBoostingClassifier(
    max_iter=3, categorical_features="from_dtype")), ("b", make_pipeline(ColumnTransformer(
        [("score", "passthrough", ["score"])]), _process))], voting="soft"), "categories", "texts2")  # fmt: skip
add("words", make_pipeline(ColumnTransformer([("words", TfidfVectorizer(analyzer="char"), "shop")],
    remainder="passthrough"), SGDClassifier(random_state=0)), "shops", "texts3")  # fmt: skip
add("two_labels", MultiOutputClassifier(_process), "numbers", "text_pair")
add("knn_two_labels", neighbors.KNeighborsClassifier(), "numbers", "text_pair")
add("chain", RegressorChain(_imputed), "numbers", "two_amounts")
add("one_against_rest", OneVsRestClassifier(_process), "numbers", "texts3")
add("target_scaled", TransformedTargetRegressor(_imputed, transformer=StandardScaler()), "numbers", "amount")
add("linear_init", GradientBoostingRegressor(init=LinearRegression(), n_estimators=3), "numbers", "amount")
add("knn_imputer", make_pipeline(KNNImputer(n_neighbors=3), StandardScaler()), "gaps", None)


@cache
def isotonic() -> Fitted:
    """An estimator of one column, which refuses what lies outside of the values that it was fitted on, in float32."""
    frame = frames.numbers()[["age"]].astype(np.float32)
    return IsotonicRegression(out_of_bounds="raise").fit(frame, y("amount").astype(np.float32)), frame


FOREIGN["isotonic"] = isotonic
