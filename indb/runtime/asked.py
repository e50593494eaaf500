"""How a fitted object is asked for what it gives: by scikit-learn's method names, whatever its library calls them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from indb.runtime import catboost, statsmodels, xgboost

ASKED: dict[str, Callable[[Any], Any]] = {
    "catboost": catboost.asked,
    "statsmodels": statsmodels.asked,
    "xgboost": xgboost.asked,
}
"""Top-level package -> what makes of a fitted object one with scikit-learn's methods."""


def asked(fitted: Any) -> Any:
    """The object itself, or one of scikit-learn's kind that asks it."""
    return ASKED.get(type(fitted).__module__.split(".")[0], lambda same: same)(fitted)
