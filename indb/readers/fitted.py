"""What a fitted scikit-learn estimator tells about the columns that it was fitted on, from its parts.

It follows columns through whatever hands them on unchanged (pipelines, branches, ensembles) to the parts that keep
their values: encoders keep categories, imputers what they fill in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from indb.errors import UnsupportedModel
from indb.ir import Column, Type

KEPT_ROWS = ("_fit_X", "X_train_", "X_fit_", "X_thresholds_", "cluster_centers_", "mean_", "theta_", "data_min_")
"""Attributes of estimators that hold rows, or one value for each column."""


class Fitted:
    """Types, known values and the missing text of columns.

    `random` is a part that gives random values, `together` one that computes a row from the rows beside it, or "".

    Raises: UnsupportedModel for values that a column of numbers or texts cannot hold.
    """

    def __init__(self, estimator: Any, names: Sequence[str]) -> None:
        self.none: set[str] = set()
        self.random = ""
        self.together = ""
        self._values: dict[str, float | str] = {}
        self._seen: set[tuple[int, tuple[str, ...]]] = set()
        self._visit(estimator, list(names))
        for part in _everything(estimator):
            self._note_random(part)
            self._note_together(part)

    def kind(self, name: str) -> Type:
        """The type of a column: numbers where no part says otherwise."""
        return Type.TEXT if isinstance(self._values.get(name), str) else Type.NUMBER

    def value(self, column: Column, number: float) -> float | str:
        """A value that the column held in training, or `number` (as text for a column of texts)."""
        known = self._values.get(column.name)
        if known is not None and isinstance(known, str) == (column.kind is Type.TEXT):
            return known
        return str(number) if column.kind is Type.TEXT else number

    def _visit(self, part: Any, names: list[str]) -> None:
        key = id(part), tuple(names)
        if key in self._seen or part is None or isinstance(part, str) or _is_unfitted(part):
            return
        self._seen.add(key)
        if hasattr(part, "transformers_"):
            for name, step, _ in part.transformers_:
                self._visit(step, [names[index] for index in part._transformer_to_input_indices[name]])
        elif hasattr(part, "steps"):
            for _, step in part.steps:
                self._visit(step, names)
                if not _hands_on(step, len(names)):
                    break
        else:
            self._note(part, names)
            self._note_rows(part, names)
            for inner in _inner(part):
                if getattr(inner, "n_features_in_", len(names)) == len(names):
                    self._visit(inner, names)

    def _note_rows(self, part: Any, names: list[str]) -> None:
        """The first of the rows of numbers that a part keeps: training rows, centres, means."""
        for attribute in KEPT_ROWS:
            kept = getattr(part, attribute, None)
            if not isinstance(kept, np.ndarray) or kept.dtype.kind not in "iuf" or kept.size == 0:
                continue
            row = kept.reshape(-1, kept.shape[-1])[0] if kept.ndim else kept.reshape(1)
            if len(row) == len(names) and np.isfinite(row).all():
                for name, value in zip(names, row.tolist(), strict=True):
                    self._values.setdefault(name, float(value))

    def _note(self, part: Any, names: list[str]) -> None:
        """What a part keeps of its columns."""
        if hasattr(part, "build_analyzer") and names:
            self._values.setdefault(names[0], "text")
        for attribute in ("categories_", "statistics_"):
            kept = getattr(part, attribute, None)
            if isinstance(kept, list | np.ndarray) and len(kept) == len(names):
                for name, values in zip(names, kept, strict=True):
                    self._note_values(name, np.asarray(values, dtype=object).ravel().tolist())
        if hasattr(part, "statistics_") and part.missing_values is None:
            self.none.update(names)

    def _note_values(self, name: str, values: list[Any]) -> None:
        present = [value for value in values if value is not None and value == value]
        if any(value is None for value in values):
            self.none.add(name)
            if any(value is not None and value != value for value in values):
                raise UnsupportedModel(f"column {name!r} held both None and NaN, which are one in a table")
        texts = [isinstance(value, str) for value in present]
        if any(texts) and not all(texts):
            raise UnsupportedModel(f"column {name!r} held both text and numbers", "Turn the column into text first.")
        for value in present:
            if not isinstance(value, str | int | float | np.integer | np.floating | np.bool_):
                raise UnsupportedModel(f"column {name!r} held {value!r}, needed numbers or text")
            if isinstance(value, int | np.integer) and int(float(value)) != int(value):
                raise UnsupportedModel(f"column {name!r} held {value}, which no double holds")
        if present:
            self._values.setdefault(name, present[0] if isinstance(present[0], str) else float(present[0]))

    def _note_random(self, part: Any) -> None:
        if getattr(part, "strategy", None) in ("stratified", "uniform") and hasattr(part, "class_prior_"):
            self.random = f"{type(part).__name__}(strategy={part.strategy!r})"
        if getattr(part, "sample_posterior", False):
            self.random = f"{type(part).__name__}(sample_posterior=True)"

    def _note_together(self, part: Any) -> None:
        if type(part).__name__ in ("NMF", "MiniBatchNMF"):  # all rows together tell when the solver stops
            self.together = type(part).__name__
        fills = getattr(part, "handle_missing", "") == "zeros" and getattr(part, "sparse_output", False)
        if fills and part.extrapolation not in ("constant", "linear"):  # a gap becomes the least value of its column
            self.together = f"SplineTransformer(handle_missing='zeros', extrapolation={part.extrapolation!r})"


def _is_unfitted(part: Any) -> bool:
    """Whether it is an estimator that a meta-estimator only copies, and never runs."""
    from sklearn.base import BaseEstimator
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    if not isinstance(part, BaseEstimator):
        return False
    try:
        check_is_fitted(part)
    except (NotFittedError, TypeError):  # TypeError: it has no fit method
        return True
    return False


def _hands_on(step: Any, count: int) -> bool:
    """Whether a step gives its columns in their order, so that the next step sees their values."""
    if step is None or step == "passthrough":
        return True
    if hasattr(step, "statistics_") and not step.add_indicator:
        return len(step.get_feature_names_out()) == count
    return getattr(step, "func", step) is None and not hasattr(step, "statistics_")


def _everything(estimator: Any) -> Iterator[Any]:
    """Every fitted part, whatever stands in front of it."""
    stack, seen = [estimator], set()
    while stack:
        part = stack.pop()
        if id(part) not in seen:
            seen.add(id(part))
            stack += _inner(part)
            if not _is_unfitted(part):
                yield part


def _inner(part: Any) -> Iterator[Any]:
    """The objects of scikit-learn that a part holds."""
    stack = list(getattr(part, "__dict__", {}).values())
    while stack:
        found = stack.pop()
        if isinstance(found, list | tuple):
            stack += found
        elif isinstance(found, dict):
            stack += found.values()
        elif isinstance(found, np.ndarray):
            stack += list(found.ravel()) if found.dtype == object else []
        elif type(found).__module__.startswith("sklearn.") and hasattr(found, "__dict__"):
            yield found
