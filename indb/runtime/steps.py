"""Some rows on their way through a fitted scikit-learn estimator: each of its methods is asked for the same rows.

A pipeline's steps transform them once, for all methods. And many estimators have methods that call each other: predict
of nearest neighbours is the largest predict_proba, that of a linear classifier the sign of decision_function.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from indb.runtime.svm import Labels

SHARED = ("decision_function", "predict_proba", "_forward_pass_fast")
"""The methods that others call; the last one is that of neural networks."""


class Steps:
    """A fitted estimator, and rows in the form that it takes. `labels` predicts in place of its last step."""

    def __init__(self, fitted: Any, given: Any, labels: Labels | None = None) -> None:
        self._fitted = fitted
        self._given = given
        self._labels = labels
        self._is_ready = False

    def ask(self, method: str) -> Any:
        """What a method gives for the rows.

        Raises: whatever the estimator does; ValueError for a row that it refuses.
        """
        if not self._is_ready:
            self._fitted, self._given = _transformed(self._fitted, self._given)
            self._fitted = _sharing(self._fitted, self._given)
            self._is_ready = True
        if self._labels and method == "predict":
            return self._labels.predict(self._given)
        return getattr(self._fitted, method)(self._given)


def last_step(fitted: Any) -> Any:
    """The estimator that gets the rows when all other steps have transformed them."""
    from sklearn.pipeline import Pipeline

    while type(fitted) is Pipeline:
        fitted = fitted.steps[-1][1]
    return fitted


def _transformed(fitted: Any, given: Any) -> tuple[Any, Any]:
    """(the last step of a pipeline, the rows as it takes them), as scikit-learn's Pipeline.predict does it."""
    from sklearn.pipeline import Pipeline

    while type(fitted) is Pipeline and fitted.steps[-1][1] not in (None, "passthrough"):
        for _, step in fitted.steps[:-1]:
            if step not in (None, "passthrough"):
                given = step.transform(given)
        fitted = fitted.steps[-1][1]
    return fitted, given


def _sharing(fitted: Any, given: Any) -> Any:
    """The estimator with methods that compute once for these rows, whoever calls them."""
    found = copy.copy(fitted)
    for name in SHARED:
        method = getattr(found, name, None)
        if callable(method):
            setattr(found, name, _once(method, given))
    return found


def _once(method: Callable[..., Any], given: Any) -> Callable[..., Any]:
    kept: list[Any] = []

    def call(rows: Any, *args: Any, **others: Any) -> Any:
        if rows is not given or args or others.keys() - {"check_input"}:  # which changes no result
            return method(rows, *args, **others)
        if not kept:
            kept.append(method(rows))
        return copy.deepcopy(kept[0])  # callers work on it in place

    return call
