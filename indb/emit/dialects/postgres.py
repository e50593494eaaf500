"""PostgreSQL 14 and newer.

Traps: a bare 0.5 is numeric and slow, so every number carries its type. Overflow and underflow are errors. GREATEST
ignores NULL, while float8larger, the function behind max(), is strict and immutable. standard_conforming_strings is a
setting, so a backslash is only safe inside E''. A text can never hold a zero byte.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from indb.emit.binding import SqlColumn, SqlKind
from indb.emit.dialects.base import Dialect

FLOATS = {"double": "float8", "single": "float4"}


@dataclass(frozen=True)
class Postgres(Dialect):
    """PostgreSQL's differences."""

    def number(self, value: float | None) -> str:
        if value is None:
            return "NULL::float8"
        if not math.isfinite(value):
            return self.special(value)
        text = repr(value)
        # numeric holds 1e-320 as 320 digits; the text form goes to the same strtod without them
        quoted = f"'{text}'" if value != 0.0 and not 1e-15 < abs(value) < 1e15 else text.removesuffix(".0")
        return f"{quoted}::float8"

    def text(self, value: str) -> str:
        escaped = value.replace("'", "''")
        if "\\" not in value:
            return f"'{escaped}'"
        backslashed = escaped.replace("\\", "\\\\")
        return f"E'{backslashed}'"

    def cast(self, text: str, type_name: str) -> str:
        return f"{text}::{FLOATS.get(type_name) or self.type(type_name).lower()}"

    def column(self, column: SqlColumn) -> str:
        if column.kind is SqlKind.BOOLEAN:  # there is no cast from boolean to float8
            return f"{column.sql}::int::float8"
        return super().column(column)


POSTGRES = Postgres(
    "postgres",
    raises=True,
    strict_min="float8smaller",
    strict_max="float8larger",
    fence="OFFSET 0",
    lateral_after=2,
    functions="plpgsql",
    max_depth=1500,
    max_name_bytes=63,
)
