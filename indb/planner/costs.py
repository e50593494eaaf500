"""What things cost on an engine, in nanoseconds unless said otherwise: shipped defaults, and what `calibrate` measured.

The model is coarse on purpose: a few constants for each engine that a measurement of seconds can find again, and that
rank strategies which differ by half or more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace

from indb.errors import DatabaseError

NANO = 1e-9


@dataclass(frozen=True, slots=True)
class Costs:
    """The constants of one engine; those for a row are of one thread.

    `operation`: one operation of an SQL expression for one row. `staged_operation`, `staged_call`: an operation and the
    call of a function with shared values (PL/pgSQL), or of a query with named stages. `bind`: to parse, bind and plan
    one node of an expression in each query. `staged_bind`: the same where shared values are named. `number`, `text`:
    one value into Python in a batch. `row`: one row through a batch, and its result back. `udf_call`: one call of
    Python for a single row. `split`: one node that the runtime's kernel visits, `value`: one lane of a step of the
    runtime, `block`: one call into numpy for a whole batch of `batch_rows` rows. `threads`, `udf_threads`: how many
    share the rows.
    """

    operation: float
    staged_operation: float
    staged_call: float
    bind: float
    staged_bind: float
    number: float
    text: float
    row: float
    udf_call: float
    split: float
    value: float
    block: float
    batch_rows: float
    threads: float
    udf_threads: float

    def with_measured(self, measured: Mapping[str, float]) -> Costs:
        """These costs with some of them as they were measured."""
        return replace(self, **{each.name: measured[each.name] for each in fields(self) if each.name in measured})

    def to_json(self) -> str:
        """The constants as JSON."""
        return json.dumps(asdict(self), indent=1)


DEFAULTS: Mapping[str, Costs] = {
    "postgres": Costs(
        operation=35.0, staged_operation=35.0, staged_call=1_200.0, bind=4_000.0, staged_bind=160.0, number=150.0,
        text=1_000.0, row=5_500.0, udf_call=8_000.0, split=15.0, value=3.0, block=9_000.0, batch_rows=2_048.0,
        threads=1.0, udf_threads=1.0,
    ),
    "duckdb": Costs(
        operation=15.0, staged_operation=15.0, staged_call=0.0, bind=60_000.0, staged_bind=60_000.0, number=25.0,
        text=100.0, row=850.0, udf_call=5_000_000.0, split=12.0, value=3.0, block=9_000.0, batch_rows=2_048.0,
        threads=2.0, udf_threads=1.2,  # much of what Python does for a row holds its lock
    ),
}  # fmt: skip
"""Measured on two cores with PostgreSQL 15 and DuckDB 2.0; `indb calibrate` finds those of a server."""


def costs_of(dialect: str, measured: Mapping[str, float]) -> Costs:
    """The costs of an engine, measured ones first.

    Raises: DatabaseError for an engine that has none.
    """
    if dialect not in DEFAULTS:
        raise DatabaseError(f"cannot plan for {dialect}: its costs are not known")
    return DEFAULTS[dialect].with_measured(measured)
