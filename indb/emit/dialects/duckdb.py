"""DuckDB 2.0 and newer.

Traps: a bare 0.5 is a decimal and slow, 0.5e0 is a double. A sum of hundreds of terms takes the optimiser seconds,
while list_sum over a list of them adds in the same order at once; of FLOAT it makes DOUBLE first, so those are folded.
IN with five values or more in a select list is planned as a join, each of them, so that trees on a category run for
minutes; up to four are compared row by row. 759 lists in 60 trees: bound in 3.5 s as INs of four, in 20 s as
list_contains, and run in a fifth of the time. LEAST and GREATEST ignore NULL. A CASE over a column writes the column
out at each WHEN, and a macro whatever it was given: 50 constants by the place of their key in a list take 0.04 us
instead of 0.1, and a query is bound in a third of the time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from indb.emit.dialects.base import Dialect
from indb.emit.layout import wrap


@dataclass(frozen=True)
class DuckDB(Dialect):
    """DuckDB's differences."""

    def number(self, value: float | None) -> str:
        if value is None:
            return "NULL::DOUBLE"
        if not math.isfinite(value):
            return self.special(value)
        text = repr(value)
        return text if "e" in text else f"{text.removesuffix('.0')}e0"

    def text(self, value: str) -> str:
        if "\0" not in value:
            return super().text(value)
        return "(" + " || chr(0) || ".join(super(DuckDB, self).text(part) for part in value.split("\0")) + ")"

    def list(self, values: Sequence[str]) -> str:
        return f"[{', '.join(values)}]"

    def lookup(self, x: str, keys: Sequence[str], values: Sequence[str]) -> str:
        return f"[\n  {wrap(values)}\n][list_position([\n  {wrap(keys)}\n], {x})]"

    def cast(self, text: str, type_name: str) -> str:
        return f"{text}::{'VARCHAR' if type_name == 'text' else self.type(type_name)}"


DUCKDB = DuckDB(
    "duckdb",
    functions="lambda",
    list_sum="list_sum",
    list_fold="list_reduce({}, lambda indb_a, indb_b: indb_a + indb_b)",
    least_rows=True,
    long_sum=30,
    longest_in=4,
    longest_case=4,
    max_depth=800,
)
