"""Awkward rows as a fitted estimator takes them: a DataFrame or an array like the one that they are added to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indb.engines.deployment import BoundColumn
from indb.errors import BindError, did_you_mean
from indb.golden import awkward_rows
from indb.ir import Column, Foreign, Model, Type, walk

Values: TypeAlias = Mapping[str, Sequence[Any]]
"""The values of a frame by the names that a model has for its columns, None for a missing one."""


def awkward_frame(model: Model, frame: Any, values: Values, budget: int = 200, objects: bool = True) -> Any:
    """At most `budget` awkward rows in the form of `frame`, whose `values` say what is ordinary.

    Columns hold any number or text, those of booleans booleans. One of integers or categories becomes float64, or
    objects for texts, which estimators take alike. A missing text is None where the frame has it as None or the model's
    library knows it so, else NaN. Columns that the model does not read hold the frame's first value. Without `objects`,
    for a library that takes none, booleans are float64 and categories stay such.

    Raises: BindError when the frame has no rows, or lacks a column of the model.
    """
    read = [block for block in walk(model.roots()) if isinstance(block, Column)]
    for column in read:
        if column.name not in values:
            raise BindError(
                f"cannot add awkward rows: column {column.name!r} is not in the frame",
                did_you_mean(column.name, values),
            )
    if len(frame) == 0:
        raise BindError("cannot add awkward rows: found a frame of no rows, needed one")
    bound = [_bound(column, values[column.name]) for column in read]
    rows = awkward_rows(model, bound, budget, usual=_usual(read, values))
    none = {name for block in walk(model.roots()) if isinstance(block, Foreign) for name in block.none}
    filled = {column.model: _array(column, [row[column.model] for row in rows]) for column in bound}
    names = list(values)
    for name, array in filled.items():
        if array.dtype == object and name not in none and not _holds_none(frame, names.index(name)):
            array[[value is None for value in array.tolist()]] = np.nan
    table = _like(frame, [filled.get(name) for name in names], len(rows))
    return table if objects else _without_objects(table, frame)


def _bound(column: Column, values: Sequence[Any]) -> BoundColumn:
    """A column of a table that could hold what the frame holds."""
    if column.kind is Type.TEXT:
        return BoundColumn(column.name, column.name, "text", "text")
    if all(isinstance(value, bool) for value in values if value is not None):
        return BoundColumn(column.name, column.name, "boolean", "boolean")
    return BoundColumn(column.name, column.name, "double precision", "float64")


def _usual(read: Sequence[Column], values: Values) -> dict[str, Any]:
    """The first row without a missing value, else the first value of each column; as the model reads them."""
    columns = {column.name: values[column.name] for column in read}
    complete = (row for row in zip(*columns.values(), strict=True) if None not in row)
    firsts = (next((value for value in each if value is not None), None) for each in columns.values())
    row = dict(zip(columns, next(complete, firsts), strict=True))
    kinds = {column.name: str if column.kind is Type.TEXT else float for column in read}
    return {name: kinds[name](value) for name, value in row.items() if value is not None}


def _array(column: BoundColumn, values: Sequence[Any]) -> NDArray[Any]:
    """The values of a column as an estimator takes them: float64, or objects for texts and booleans."""
    if column.kind == "float64":
        return np.array(values, dtype=np.float64)
    array = np.empty(len(values), dtype=object)
    array[:] = values if column.kind == "text" else [None if value is None else bool(value) for value in values]
    return array


def _holds_none(frame: Any, place: int) -> bool:
    """Whether a missing value in a column of the frame is None."""
    column = frame.iloc[:, place] if hasattr(frame, "iloc") else np.asarray(frame)[:, place]
    return any(value is None for value in column.tolist())


def _without_objects(table: Any, frame: Any) -> Any:
    """A table without columns of objects: the categories of the frame as such, booleans as numbers."""
    if not hasattr(table, "iloc"):
        return table
    import pandas as pd

    named = {name for name in frame.columns if isinstance(frame[name].dtype, pd.CategoricalDtype)}
    rest = {name for name in table.columns if table[name].dtype == object} - named
    return table.astype(dict.fromkeys(named, "category") | dict.fromkeys(rest, "float64"))


def _like(frame: Any, columns: Sequence[NDArray[Any] | None], count: int) -> Any:
    """So many times the frame's first row, with other columns where they are given."""
    if not hasattr(frame, "iloc"):
        array = np.asarray(frame)
        objects = array.dtype == object or any(column is not None and column.dtype == object for column in columns)
        rows = np.repeat(array[:1], count, axis=0).astype(object if objects else np.float64)
        for place, column in enumerate(columns):
            if column is not None:
                rows[:, place] = column
        return rows
    import pandas as pd

    table = frame.iloc[[0] * count].reset_index(drop=True)
    for name, column in zip(frame.columns, columns, strict=True):
        if column is not None:
            table[name] = pd.Series(column, dtype=column.dtype)
    return table
