"""The form in which a fitted scikit-learn estimator takes rows: the one that it was fitted on, so that its sums have
the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indb.errors import ModelFileError
from indb.evaluate import Values, missing
from indb.ir import Column, Foreign, Type
from indb.runtime import trust

Form: TypeAlias = Callable[[list[Values]], Any]
"""What makes of the values of inputs what an estimator is given."""


def form_of(block: Foreign, fitted: Any) -> Form:
    """The form for the object of a block.

    Raises: ModelFileError when a package is missing here.
    """
    if block.layout:
        return lambda inputs: matrix(inputs[0], block.layout)
    return Table(fitted, [part for part in block.inputs if isinstance(part, Column)], block.none)


def matrix(values: Values, layout: str) -> Any:
    """Rows of numbers as an array in some order of memory ("C", "F"), or as a sparse matrix ("csr")."""
    if layout == "csr":
        from scipy.sparse import csr_matrix

        return csr_matrix(values)
    return np.asarray(values, order=layout)  # type: ignore[call-overload]


class Table:
    """Columns of a table: a DataFrame where a part of the estimator picks columns by name or takes texts.

    Else an array in the order of memory that scikit-learn makes of a DataFrame; a list of texts for a vectoriser.
    """

    def __init__(self, fitted: Any, columns: Sequence[Column], none: Sequence[str]) -> None:
        self.columns = columns
        self.none = frozenset(none)
        texts = any(column.kind is Type.TEXT for column in columns)
        named = by_name = False
        for found, _ in trust.objects(fitted):
            names = getattr(found, "__dict__", {}).get("feature_names_in_")
            if names is not None and set(names) <= {column.name for column in columns}:
                named = True
                by_name = by_name or picks_columns(found)
        self.raw_text = takes_raw_text(fitted)
        self.framed = named and (texts or by_name) and not self.raw_text
        self.order: Any = "F" if named else "C"
        if self.framed:
            _need_pandas(type(fitted).__name__)

    def __call__(self, inputs: list[Values]) -> Any:
        values = [self._gaps(column, part[:, 0]) for column, part in zip(self.columns, inputs, strict=True)]
        if self.raw_text:
            return values[0]
        if self.framed:
            import pandas as pd

            return pd.DataFrame({column.name: part for column, part in zip(self.columns, values, strict=True)})
        kind: Any = object if any(part.dtype == object for part in values) else np.float64
        given = np.empty((len(values[0]), len(values)), dtype=kind, order=self.order)
        for number, part in enumerate(values):
            given[:, number] = part
        return given

    def _gaps(self, column: Column, values: NDArray[Any]) -> NDArray[Any]:
        """Values with the missing text that the estimator knows."""
        if column.kind is Type.NUMBER or column.name in self.none:
            return values
        gaps = missing(values.reshape(-1, 1))[:, 0]
        if not gaps.any():
            return values
        filled = values.copy()
        filled[gaps] = np.nan
        return filled


def picks_columns(found: Any) -> bool:
    """Whether a part of an estimator may take columns by their names."""
    return hasattr(found, "transformers_") or getattr(found, "func", None) is not None


def takes_raw_text(fitted: Any) -> bool:
    """Whether an estimator begins with a vectoriser, which takes a list of texts instead of a table."""
    while hasattr(fitted, "steps"):
        fitted = fitted.steps[0][1]
    return hasattr(fitted, "build_analyzer")


def _need_pandas(name: str) -> None:
    try:
        import pandas  # noqa: F401
    except ImportError:
        raise ModelFileError(
            f"cannot load the {name} of the model: it takes columns by name, and the package pandas is missing",
            "Install pandas where the model runs.",
        ) from None
