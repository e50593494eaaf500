"""Results of statsmodels as scikit-learn's kind of estimator: which columns they take, and what they predict."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

LIMIT = 1e300
"""The largest size of a value in a design that is computed with: beyond, and at infinities, engines do not agree."""


def spec_of(results: Any) -> Any:
    """What a formula became, or None for a model that was given a matrix."""
    return getattr(results.model.data, "model_spec", None)


def columns(results: Any) -> tuple[Sequence[str] | None, int | None]:
    """The names of the columns that a model was fitted with, or their number, without the constant one."""
    if spec_of(results) is not None:
        return formula_columns(results), None
    kept = [place for place in range(results.model.exog.shape[1]) if place != constant(results)]
    recorded: Any = getattr(results.model.data, "orig_exog", None)
    if hasattr(recorded, "columns"):
        return [str(recorded.columns[place]) for place in kept], None
    return None, len(kept)


def constant(results: Any) -> int | None:
    """The place of the column of ones that `statsmodels.api.add_constant` made, if there is one."""
    model = results.model
    recorded = getattr(model.data, "orig_exog", None)
    for place, name in enumerate(model.exog_names):
        is_named = name == "const" or not hasattr(recorded, "columns")
        if is_named and (np.asarray(model.exog)[:, place] == 1.0).all():
            return place
    return None


def formula_columns(results: Any) -> list[str]:
    """The columns of the training frame that a formula names, in the order of that frame."""
    factors = getattr(spec_of(results), "factor_infos", ())
    asked = {name for factor in factors for name in _names(factor.code)}
    return [str(name) for name in results.model.data.frame.columns if name in asked]


def _names(code: str) -> Iterator[str]:
    """The names that an expression uses, those of Q("…") among them."""
    found = (column(node) for node in ast.walk(ast.parse(code, mode="eval")))
    return (name for name in found if name is not None)


def column(node: ast.AST) -> str | None:
    """The name of a column where a node is nothing else: x, or Q("x y")."""
    match node:
        case ast.Name(name):
            return name
        case ast.Call(ast.Name("Q"), [ast.Constant(value=str() as name)], []):
            return name
    return None


class AskedResults:
    """Results that take the columns of a table: a constant is added, a formula takes them by name."""

    def __init__(self, results: Any) -> None:
        self._results = results
        names, count = columns(results)
        if names is not None:
            self.feature_names_in_ = np.array(names, dtype=object)
        self.n_features_in_ = len(names) if names is not None else int(count or 0)

    def predict(self, rows: Any) -> Any:
        """What the library predicts, (n_rows,) or (n_rows, n_classes).

        Raises: ValueError for a category that a formula does not know, and for a value beyond LIMIT.
        """
        given = rows if spec_of(self._results) is not None else self._matrix(rows)
        try:
            exog, _ = self._results._transform_predict_exog(given)
        except Exception as error:  # PatsyError, or what a function of the formula raises
            raise ValueError(str(error)) from error
        if (np.abs(np.asarray(exog, dtype=np.float64)) > LIMIT).any():
            raise ValueError(f"a value beyond {LIMIT}")
        return np.asarray(self._results.predict(given))

    def _matrix(self, rows: Any) -> Any:
        """The rows as a matrix with its constant, which some tables have and others do not."""
        names = getattr(self, "feature_names_in_", ())
        taken = rows[list(names)] if len(names) and hasattr(rows, "columns") else rows
        matrix = np.asarray(taken, dtype=np.float64)
        place = constant(self._results)
        if place is None or matrix.shape[1] > self.n_features_in_:
            return matrix
        return np.insert(matrix, place, 1.0, axis=1)


def asked(fitted: Any) -> Any:
    """What is asked of results; another object of statsmodels is none."""
    return AskedResults(fitted) if hasattr(fitted, "model") and hasattr(fitted, "params") else fitted
