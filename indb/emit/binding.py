"""How a model's columns are spelled in one query: the SQL text of each and the type that the database gives it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias


class SqlKind(enum.Enum):
    """What a database column can hold, as far as the emitter cares: how it is cast, and what it can contain."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    TEXT = "text"
    ENUM = "enum"


@dataclass(frozen=True, slots=True)
class SqlColumn:
    """One column of the model in a query: `sql` is the reference, quoted (`r."age"`), `kind` its SQL type."""

    sql: str
    kind: SqlKind


Binding: TypeAlias = Mapping[str, SqlColumn]
"""Model column name -> its SQL column."""
