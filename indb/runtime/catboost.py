"""A CatBoost model that the library itself runs: what has no blocks, such as categories of which only hashes are kept.

A category is a text or an integer, and must not be missing; a column of numbers holds integers.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indb.errors import ModelFileError
from indb.evaluate import Values
from indb.runtime.refusals import Ask, Parts

MULTILABEL = ("MultiLogloss", "MultiCrossEntropy")
"""Losses with a class that a row has or not for each output."""

PREDICTIONS = {
    ("CatBoostRegressor", "Poisson"): {"prediction_type": "Exponent"},
    ("CatBoostRegressor", "Tweedie"): {"prediction_type": "Exponent"},
    ("CatBoostRegressor", "RMSEWithUncertainty"): {"prediction_type": "RMSEWithUncertainty"},
}
"""What a regressor gives by default, by its loss: a model that is loaded from bytes has forgotten it."""

EXACT_INTEGERS = float(1 << 53)


class CatBoostModel:
    """A model from the bytes of a .cbm file, as the class of that name, on one thread.

    Raises: ModelFileError when the package is missing here, or the bytes are damaged.
    """

    def __init__(self, data: bytes, name: str) -> None:
        what = f"cannot load the {name} of the model"
        try:
            import catboost
        except ImportError:
            raise ModelFileError(
                f"{what}: the package catboost is missing", "Install catboost where the model runs."
            ) from None
        made = {
            "CatBoostClassifier": catboost.to_classifier,
            "CatBoostRegressor": catboost.to_regressor,
            "CatBoostRanker": catboost.to_ranker,
        }
        try:
            found = catboost.CatBoost().load_model(blob=data)
            self._library = Library(made.get(name, lambda model: model)(found))
        except catboost.CatBoostError as error:
            raise ModelFileError(f"{what}: {error}") from error

    def rows(self, inputs: list[Values]) -> Ask:
        pool = self._library.pool([part[:, 0] for part in inputs])
        return lambda method: self._library.ask(method, pool)


class Library:
    """A fitted model that is asked for rows of a table; ValueError where CatBoost refuses one of them."""

    def __init__(self, fitted: Any) -> None:
        import catboost

        self.fitted = fitted
        self._refusal = catboost.CatBoostError
        self._pool = catboost.Pool
        self._categories = list(fitted.get_cat_feature_indices())
        self._texts = list(fitted._object._get_text_feature_indices())
        loss = fitted._object._get_loss_function_name()
        self._has_labels = loss in MULTILABEL
        self._prediction = PREDICTIONS.get((type(fitted).__name__, loss), {})

    def pool(self, lanes: list[NDArray[Any]]) -> Any:
        """Columns of numbers and of texts as the library takes them."""
        given = self._given(lanes)
        try:
            return self._pool(
                given, cat_features=self._categories or None, text_features=self._texts or None, thread_count=1
            )
        except self._refusal as error:
            raise ValueError(str(error)) from error

    def ask(self, method: str, pool: Any) -> Parts:
        """What a method gives: an array of (n_rows, width), or one for each label."""
        try:
            if method == "decision_function":
                found = self.fitted.predict(pool, prediction_type="RawFormulaVal", thread_count=1)
            elif method == "predict":
                found = self.fitted.predict(pool, thread_count=1, **self._prediction)
            else:
                found = self.fitted.predict_proba(pool, thread_count=1)
        except self._refusal as error:
            raise ValueError(str(error)) from error
        array = np.asarray(found)
        array = array.reshape(len(array), -1)
        if method == "predict_proba" and self._has_labels:
            return [np.stack([1.0 - values, values], axis=1) for values in array.T]
        return [array]

    def _given(self, lanes: list[NDArray[Any]]) -> NDArray[Any]:
        """The rows as an array of numbers, or of numbers, integers and texts."""
        if not self._categories and not self._texts:
            return np.stack(lanes, axis=1).astype(np.float64)
        found = np.empty((len(lanes[0]), len(lanes)), dtype=object)
        for place, values in enumerate(lanes):
            found[:, place] = values
        for place in self._categories:
            found[:, place] = [_category(value) for value in lanes[place].tolist()]
        for place in self._texts:
            if not all(isinstance(value, str) for value in lanes[place].tolist()):
                raise ValueError("a text is missing")
        return found


def _category(value: Any) -> Any:
    """A text, or a number as an integer. Raises: ValueError for a missing one, and a number that is no integer."""
    if isinstance(value, str):
        return value
    if value is None or not abs(value) <= EXACT_INTEGERS or value != int(value):
        raise ValueError(f"a category is {value}, needed a text or an integer")
    return int(value)


class Asked:
    """A fitted model under scikit-learn's names of methods, for frames and arrays: what a deployment is held to."""

    def __init__(self, fitted: Any) -> None:
        self._library = Library(fitted)
        if type(fitted).__name__ == "CatBoostClassifier":
            self.predict_proba = partial(self._ask, "predict_proba")
            self.decision_function = partial(self._ask, "decision_function")

    def predict(self, rows: Any) -> Any:
        """What the model predicts."""
        found = self._ask("predict", rows)
        return found[:, 0] if found.shape[1] == 1 else found

    def _ask(self, method: str, rows: Any) -> Any:
        columns = [rows[name] for name in rows.columns] if hasattr(rows, "columns") else np.asarray(rows).T
        found = self._library.ask(method, self._library.pool([np.asarray(column) for column in columns]))
        return found[0] if len(found) == 1 else found


def asked(fitted: Any) -> Any:
    """What is asked of a fitted object: the object, or `Asked` for one of CatBoost."""
    return Asked(fitted) if type(fitted).__module__.split(".")[0] == "catboost" else fitted
