"""XGBoost asked as scikit-learn's estimators are, with tables of numbers and texts as databases hold them."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np


class Asked:
    """An estimator of XGBoost, or a Booster, with the methods of an estimator.

    Texts and numbers are made categories where it was trained on such; one that it does not know is refused, where
    XGBoost 3.2 takes the next one in order for it.
    """

    def __init__(self, fitted: Any) -> None:
        self._fitted = fitted
        self._booster = fitted.get_booster() if hasattr(fitted, "get_booster") else fitted
        self._categories = categories(self._booster)
        self.feature_names_in_ = tuple(self._booster.feature_names or ())
        self.n_features_in_ = self._booster.num_features()

    def predict(self, rows: Any) -> Any:
        """What it predicts."""
        given = self._given(rows)
        return self._ask(given) if self._fitted is self._booster else self._fitted.predict(given)

    def _ask(self, given: Any, **options: Any) -> Any:
        import xgboost

        names = list(self.feature_names_in_) or None
        data = xgboost.DMatrix(given, feature_names=names, enable_categorical=bool(self._categories))
        return self._booster.predict(data, **options)

    def _given(self, rows: Any) -> Any:
        """Rows as XGBoost takes them. Raises: ValueError for a category that is not known."""
        if not hasattr(rows, "iloc"):
            return np.asarray(rows, dtype=np.float64)
        import pandas as pd

        given = rows.copy()
        for place, name in enumerate(rows.columns):
            column = rows[name]
            if place in self._categories and not isinstance(column.dtype, pd.CategoricalDtype):
                known = self._categories[place]
                values = [None if pd.isna(value) else value for value in column.tolist()]
                if not set(values) <= {None, *known}:
                    raise ValueError(f"column {name!r} holds a category that is not known")
                given[name] = pd.Categorical(values, categories=list(known))
            elif column.dtype == object:
                given[name] = column.astype(np.float64)
        return given


class Estimator(Asked):
    """An estimator of classes."""

    def predict_proba(self, rows: Any) -> Any:
        """The probability of each class."""
        return self._fitted.predict_proba(self._given(rows))


class Flags(Asked):
    """A Booster of two classes that says which one it is."""

    def predict(self, rows: Any) -> Any:
        """The number of the class."""
        return (self._ask(self._given(rows)) > 0.5).astype(int)


class Two(Flags):
    """A Booster of two classes, which gives the probability of the second one."""

    def predict_proba(self, rows: Any) -> Any:
        """The probability of each class."""
        found = self._ask(self._given(rows))
        return np.stack([np.float32(1.0) - found, found], axis=1)


class Probabilities(Asked):
    """A Booster of more classes, which gives their probabilities."""

    def predict(self, rows: Any) -> Any:
        """The number of the class."""
        return self._ask(self._given(rows)).argmax(axis=1)

    def predict_proba(self, rows: Any) -> Any:
        """The probability of each class."""
        return self._ask(self._given(rows))


class Numbers(Asked):
    """A Booster of more classes, which gives the number of the class."""

    def predict(self, rows: Any) -> Any:
        """The number of the class."""
        return self._ask(self._given(rows)).astype(int)

    def predict_proba(self, rows: Any) -> Any:
        """The probability of each class."""
        margin = self._ask(self._given(rows), output_margin=True)
        powers = np.exp(margin - margin.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)


KINDS: dict[str, type[Asked]] = {
    "binary:logistic": Two,
    "binary:hinge": Flags,
    "multi:softprob": Probabilities,
    "multi:softmax": Numbers,
}
"""Objective of a Booster of one output, or of classes -> how it is asked."""


def categories(booster: Any) -> dict[int, tuple[str | int, ...]]:
    """The categories of each column that has such, in the order of their codes. Source: src/data/cat_container.cc."""
    data = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]
    model = data.get("gbtree", data)["model"]
    found: dict[int, tuple[str | int, ...]] = {}
    for place, encoding in enumerate((model.get("cats") or {}).get("enc", ())):
        values = encoding["values"]
        if values and "offsets" in encoding:
            text = bytes(value & 0xFF for value in values)
            parts = pairwise(encoding["offsets"])
            found[place] = tuple(text[start:stop].decode("utf-8", "replace") for start, stop in parts)
        elif values:
            found[place] = tuple(values)
    return found


def asked(fitted: Any) -> Asked:
    """What is asked of a model of XGBoost."""
    if hasattr(fitted, "get_booster"):
        return Estimator(fitted) if hasattr(fitted, "predict_proba") else Asked(fitted)
    learner = json.loads(fitted.save_config())["learner"]
    several = int(learner["learner_model_param"].get("num_target", 1)) > 1
    return (Asked if several else KINDS.get(learner["objective"]["name"], Asked))(fitted)
