"""How a case of the zoo is added, and what the tests must know of it besides the model.

`ZOO[name]()` gives `(fitted model, training frame)`; a case is fitted when it is first asked for and kept.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any
from warnings import catch_warnings, simplefilter

import pandas as pd
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from zoo import frames

Fitted = tuple[Any, pd.DataFrame]

Outputs = Callable[[Any, Any], dict[str, Any]]
"""(fitted model, rows) -> what its library gives for them: method -> (n_rows,) or (n_rows, width)."""

THREADS = ThreadpoolController()
"""The thread pools of the libraries that are imported here."""

ZOO: dict[str, Callable[[], Fitted]] = {}
"""Case name -> the fitted model and the frame that it was fitted on."""

FLOAT32: set[str] = set()
"""Cases whose library computes in float32: their numbers agree to 1e-6, their labels on every row."""

OPEN: set[str] = set()
"""Cases that are read for SQL beside their library, which scores some rows that blocks leave missing."""

EXPANDS: set[str] = set()
"""Cases whose library computes |x - p|^2 as |x|^2 - 2 x p + |p|^2, which is NaN where both overflow."""

OUTPUTS: dict[str, Outputs] = {}
"""Cases whose library has other methods than scikit-learn's: how it is asked."""


def add(
    name: str,
    estimator: Any,
    data: str,
    target: str | None,
    after: Callable[[Any], Any] | None = None,
    *,
    float32: bool = False,
    outputs: Outputs | None = None,
    **fit: Any,
) -> None:
    """Add a case: an estimator, the frame and the target of `frames`, and what to do to it once it is fitted.

    `fit` are more arguments of its fit method. A model of another library comes from `after`, and may need `outputs`.
    """

    def fitted() -> Fitted:
        frame = frames.FRAMES[data]()
        with catch_warnings(), THREADS.limit(limits=1):  # a small fit on busy cores waits for its threads
            simplefilter("ignore")  # convergence and deprecation: the model counts, not how well it was trained
            model = clone(estimator)
            model.fit(frame.to_numpy() if data == "array" else frame, target and frames.TARGETS[target](), **fit)
            return (model if after is None else after(model)), frame

    add_fitted(name, fitted, float32=float32, outputs=outputs)


def add_fitted(
    name: str,
    fitted: Callable[[], Fitted],
    *,
    float32: bool = False,
    outputs: Outputs | None = None,
    expands: bool = False,
) -> None:
    """Add a case that is fitted by a function of its own."""
    if name in ZOO:
        raise ValueError(f"two cases are named {name!r}")
    ZOO[name] = cache(fitted)
    if float32:
        FLOAT32.add(name)
    if expands:
        EXPANDS.add(name)
    if outputs is not None:
        OUTPUTS[name] = outputs


def on_columns(*steps: tuple[str, Any, Any], remainder: Any = "drop") -> ColumnTransformer:
    """A ColumnTransformer of (name, transformer, columns)."""
    return ColumnTransformer(list(steps), remainder=remainder)
