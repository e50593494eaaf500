"""Tables of rows in a database, with columns of every type that a model can read, and what a model gives for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from indb.emit import Binding, SqlColumn, SqlKind, literal, quote
from indb.ir import Model, Type

TABLE = "awkward"
KEY = "row id"

SQL_TYPES: dict[SqlKind, str] = {
    SqlKind.BOOLEAN: "boolean",
    SqlKind.INTEGER: "bigint",
    SqlKind.DECIMAL: "decimal(18, 6)",
    SqlKind.FLOAT32: "real",
    SqlKind.FLOAT64: "double precision",
    SqlKind.TEXT: "text",
}

FLOATS = (SqlKind.FLOAT32, SqlKind.FLOAT64)


@dataclass(frozen=True)
class Rows:
    """The kind and the values of each column; None and NaN are missing."""

    kinds: dict[str, SqlKind]
    values: dict[str, list[Any]]

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))

    def columns(self) -> dict[str, list[Any]]:
        """The values as `evaluate` takes them: what a cast to double gives, None where missing."""
        return {name: [_as_read(self.kinds[name], value) for value in values] for name, values in self.values.items()}

    def binding(self, dialect: str, row: str) -> Binding:
        """How SQL reaches the columns as fields of a row."""
        return {name: SqlColumn(f"{row}.{quote(dialect, name)}", kind) for name, kind in self.kinds.items()}

    def row(self, number: int) -> dict[str, Any]:
        """One row, for messages."""
        return {name: values[number] for name, values in self.values.items()}


def rows_of(model: Model, frame: pd.DataFrame, kinds: Mapping[str, SqlKind] | None = None) -> Rows:
    """The rows of a frame as columns of these kinds: what a column cannot hold becomes missing there."""
    found: dict[str, SqlKind] = {}
    values: dict[str, list[Any]] = {}
    for column in model.columns:
        plain = frame[column.name].tolist()
        kind = (kinds or {}).get(column.name) or _kind(column.kind, plain)
        found[column.name] = kind
        values[column.name] = [held(kind, value) for value in plain]
    return Rows(found, values)


def _kind(type_: Type, values: Sequence[Any]) -> SqlKind:
    if type_ is Type.TEXT:
        return SqlKind.TEXT
    known = [value for value in values if value is not None]
    return SqlKind.BOOLEAN if known and all(isinstance(value, bool) for value in known) else SqlKind.FLOAT64


def held(kind: SqlKind, value: Any) -> Any:
    """A value as a column of a kind holds it, None (for the floating kinds NaN) where it cannot."""
    if isinstance(value, str) or value is None:
        too_long = kind is SqlKind.ENUM and value is not None and len(value.encode()) > 63
        return math.nan if value is None and kind in FLOATS else None if too_long else value
    number = float(value)
    match kind:
        case SqlKind.BOOLEAN:
            return number != 0.0 if math.isfinite(number) else None
        case SqlKind.INTEGER:
            return int(number) if abs(number) < 2.0**62 and number.is_integer() else None
        case SqlKind.DECIMAL:
            return Decimal(repr(round(number, 6))).quantize(Decimal("1e-6")) if abs(number) < 1e8 else None
        case SqlKind.FLOAT32:
            with np.errstate(over="ignore"):
                return float(np.float32(number))
    return number


def _as_read(kind: SqlKind, value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    return None if math.isnan(value) else float(value)


def create(run: Callable[..., Any], dialect: str, rows: Rows) -> None:
    """Make the table and insert the rows as bound values; a missing float is NaN in even rows, NULL in odd ones."""
    mark = "?" if dialect == "duckdb" else "%s"
    types = {name: _type(run, dialect, number, rows, name) for number, name in enumerate(rows.kinds)}
    fields = "".join(f", {quote(dialect, name)} {type_}" for name, type_ in types.items())
    run(f"CREATE TABLE {TABLE} ({quote(dialect, KEY)} bigint PRIMARY KEY{fields})")
    places = [f"unnest({mark}::bigint[])"]
    places += [f"unnest({mark}::{plain}[])::{type_}" for type_, plain in map(_array, types.values())]
    values = [list(range(len(rows))), *(_stored(rows, name) for name in rows.kinds)]
    run(f"INSERT INTO {TABLE} SELECT {', '.join(places)}", values)


def _array(type_: str) -> tuple[str, str]:
    """A type, and the type of an array that carries its values."""
    return type_, "text" if type_.startswith("kind_") else type_


def _type(run: Callable[..., Any], dialect: str, number: int, rows: Rows, name: str) -> str:
    if rows.kinds[name] is not SqlKind.ENUM:
        return SQL_TYPES[rows.kinds[name]]
    labels = dict.fromkeys(value for value in rows.values[name] if value is not None)
    run(f"CREATE TYPE kind_{number} AS ENUM ({', '.join(literal(dialect, label) for label in labels)})")
    return f"kind_{number}"


def _stored(rows: Rows, name: str) -> list[Any]:
    if rows.kinds[name] not in FLOATS:
        return rows.values[name]
    return [None if number % 2 and value != value else value for number, value in enumerate(rows.values[name])]
