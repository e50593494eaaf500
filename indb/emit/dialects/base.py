"""What the renderer asks of a dialect, and the answers that sqlglot knows.

A dialect states only its differences. Function calls, casts, types and quotes are spelled by sqlglot once each, as
templates with places for arguments: a forest has a million nodes, and sqlglot's tree of them would not fit in memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property

from sqlglot import exp

from indb.emit.binding import SqlColumn, SqlKind
from indb.ir import Op

FUNCTIONS: dict[Op, type[exp.Expression]] = {
    Op.ABS: exp.Abs,
    Op.EXP: exp.Exp,
    Op.LN: exp.Ln,
    Op.SQRT: exp.Sqrt,
    Op.SIN: exp.Sin,
    Op.COS: exp.Cos,
    Op.TANH: exp.Tanh,
    Op.FLOOR: exp.Floor,
}
"""The ops that are one function call of sqlglot's."""

BYTE_BY_BYTE = 'COLLATE "C"'
"""The collation in which no two texts are equal but the same."""

SQL_TYPES = {"double": "DOUBLE", "single": "FLOAT", "text": "TEXT", "bigint": "BIGINT", "boolean": "BOOLEAN"}
"""The types of outputs, as sqlglot's generic names."""


@cache
def _type_word(dialect: str, name: str) -> str:
    return exp.DataType.build(SQL_TYPES[name]).sql(dialect=dialect)


@dataclass(frozen=True)
class Dialect:
    """One SQL dialect.

    `raises`: overflow, underflow and undefined results are errors. `strict_min`, `strict_max`: function names whose
    result is NULL when an argument is, or None when there are none. LEAST and GREATEST pass over NULL. `fence`: what
    ends the SELECT of a stage so that the planner does not write it out again. `lateral_after`: more stages than this
    are glued by LATERAL instead of one SELECT over another; None for never. `functions`: what a stored function with
    shared values is written in: "plpgsql" or "lambda". `list_sum`: a function over a list that adds in order, for
    sums of over `long_sum` terms; `list_fold` the same for float32, as a template. `least_rows`: whether
    min(row, n) gives the n lowest rows. `longest_in`: how many values one IN may have; more are several IN with OR.
    `longest_case`: the most constants that are chosen by a CASE over a key; more are looked up in a list. `max_depth`:
    nesting that works.
    """

    name: str
    raises: bool = False
    strict_min: str | None = None
    strict_max: str | None = None
    fence: str | None = None
    lateral_after: int | None = None
    functions: str | None = None
    list_sum: str | None = None
    list_fold: str | None = None
    long_sum: int = 1000
    least_rows: bool = False
    longest_in: int | None = None
    longest_case: int | None = None
    max_depth: int = 300
    max_name_bytes: int = 255
    names: dict[Op, str] = field(default_factory=dict)

    def quote(self, name: str) -> str:
        """An identifier in quotes."""
        return exp.to_identifier(name, quoted=True).sql(dialect=self.name)

    def text(self, value: str) -> str:
        """A text literal."""
        return exp.Literal.string(value).sql(dialect=self.name)

    def type(self, name: str) -> str:
        """The dialect's word for one of SQL_TYPES."""
        return _type_word(self.name, name)

    def cast(self, text: str, type_name: str) -> str:
        """`text`, an operand that binds tightly, cast to one of SQL_TYPES."""
        return self._cast_template(type_name).replace("__x__", text)

    def single(self, text: str) -> str:
        """A double, which is no larger than the largest float32 number, rounded to float32."""
        return self.cast(text, "single")

    def double(self, text: str) -> str:
        """A float32 number as a double."""
        return self.cast(text, "double")

    def _cast_template(self, type_name: str) -> str:
        return exp.cast(exp.column("__x__"), SQL_TYPES[type_name]).sql(dialect=self.name)

    def number(self, value: float | None) -> str:
        """A double; None is a missing one."""
        raise NotImplementedError

    def special(self, value: float) -> str:
        """Infinity, or NaN, as a double."""
        word = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        return self.cast(f"'{word}'", "double")

    @cached_property
    def function_templates(self) -> dict[Op, str]:
        """Op -> its call with `{}` for the argument."""
        place = exp.column("__x__")
        found = {op: cls(this=place).sql(dialect=self.name).lower() for op, cls in FUNCTIONS.items()}
        found.update(self.names)
        return {op: call.replace("__x__", "{}") for op, call in found.items()}

    def list(self, values: Sequence[str]) -> str:
        """Several values as one."""
        return f"ARRAY[{', '.join(values)}]"

    def lookup(self, x: str, keys: Sequence[str], values: Sequence[str]) -> str:
        """The value at the place of x among the keys, NULL when it is none of them; where `longest_case` is given."""
        raise NotImplementedError

    def column(self, column: SqlColumn) -> str:
        """A column as a double or as a text.

        A text is compared byte by byte: by a table's or a session's own collation 'paris' may equal 'Paris'.
        """
        if column.kind is SqlKind.FLOAT64:
            return column.sql
        if column.kind is SqlKind.TEXT:
            return f"{column.sql} {BYTE_BY_BYTE}"
        if column.kind is SqlKind.ENUM:
            return f"{self.cast(column.sql, 'text')} {BYTE_BY_BYTE}"
        return self.cast(column.sql, "double")
