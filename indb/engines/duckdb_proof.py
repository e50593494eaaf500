"""Golden rows in DuckDB: rows of the table's own type, so that the very macros are called that a query calls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from indb.engines.base import Row
from indb.engines.deployment import Deployment
from indb.engines.registry import GoldenRow
from indb.engines.tables import Table, quoted, row_alias, text

if TYPE_CHECKING:
    from indb.engines.duckdb import DuckDB

NUMBER = "indb_proof_row"
"""The column that tells the rows apart."""

PROOF = "indb_proof_rows"
"""What the table of golden rows is called in a query."""


def predictions(database: DuckDB, deployment: Deployment, table: Table, rows: Sequence[Row]) -> list[Row]:
    """The value of each lane for rows of the bound columns."""
    for statement in _table(table):
        database.execute(statement)
    kinds = [column.kind for column in deployment.columns]
    values = [
        (*(plain(kind, value) for kind, value in zip(kinds, row, strict=True)), number)
        for number, row in enumerate(rows)
    ]
    names = ", ".join([*(quoted(column.column) for column in deployment.columns), NUMBER])
    marks = ", ".join("?" * (len(kinds) + 1))
    database.connection.executemany(f"INSERT INTO indb_proof ({names}) VALUES ({marks})", values)
    row = _alias(table)
    fields = [f"{PROOF}.{NUMBER}", *calls(deployment, row)]
    found = database.rows(f"SELECT {', '.join(fields)} FROM {_source(table, row)} ORDER BY 1")
    database.execute("DROP TABLE indb_proof")
    return [each[1:] for each in found]


def write(database: DuckDB, deployment: Deployment, table: Table, rows: Sequence[GoldenRow]) -> None:
    """Statements that compare the golden rows with what the macros give, and raise an error where they differ."""
    if not rows:
        return
    for statement in _inputs(deployment) if deployment.is_mapped else _table(table):
        database.write(statement)
    names = ", ".join([*(quoted(column.column) for column in deployment.columns), NUMBER])
    lines = [
        ", ".join([*(_literal(row.input[column.column]) for column in deployment.columns), str(number)])
        for number, row in enumerate(rows)
    ]
    values = ",\n".join(f"({line})" for line in lines)
    database.write(f"INSERT INTO indb_proof ({names}) VALUES\n{values}")
    row = _alias(table)
    columns = ", ".join(f"{row}.{quoted(column.column)}" for column in deployment.columns)
    compared = [
        (lane, f"main.{quoted(deployment.pinned + '.columns')}({columns})")
        for lane in deployment.lanes if lane.suffix == "" and len(deployment.columns) > 1
    ]  # fmt: skip
    if not deployment.is_mapped:  # else nobody knows a row that gives these values
        compared += zip(deployment.lanes, calls(deployment, row), strict=True)
    source = f"indb_proof AS {row}" if deployment.is_mapped else _source(table, row)
    place = f"{row if deployment.is_mapped else PROOF}.{NUMBER}"
    for lane, call in compared:
        wanted = [(number, row.expected[lane.suffix]) for number, row in enumerate(rows) if lane.suffix in row.expected]
        if wanted:
            database.write(_comparison(deployment, source, (place, call), lane.type, wanted))
    database.write("DROP TABLE indb_proof")


def _comparison(
    deployment: Deployment, source: str, given: tuple[str, str], type: str, expected: Sequence[tuple[int, Any]]
) -> str:
    """One query that raises an error for the first row whose value is not as expected.

    given: a row's number and what is called for it, as SQL.
    """
    number, call = given
    kind = {"text": "VARCHAR", "bigint": "BIGINT", "boolean": "BOOLEAN", "double": "DOUBLE"}[type]
    wanted = ", ".join(f"({place}, CAST({_literal(value)} AS {kind}))" for place, value in expected)
    differs = "f.found IS DISTINCT FROM w.wanted"
    if type == "double":  # halves: no overflow
        near = f"abs(f.found / 2 - w.wanted / 2) <= {deployment.tolerance / 2!r} * greatest(1.0, abs(w.wanted))"
        differs += f" AND NOT coalesce({near}, false)"
    message = (
        f"{text(f'cannot prove {deployment.pinned}: {call} gives ')} || coalesce(CAST(f.found AS VARCHAR), 'NULL') || "
        "' instead of ' || coalesce(CAST(w.wanted AS VARCHAR), 'NULL') || ' for golden row ' || w.number"
    )
    return (
        f"SELECT error({message})\nFROM (\n  SELECT {number} AS number, {call} AS found FROM {source}) AS f\n"
        f"JOIN (VALUES {wanted}) AS w(number, wanted) ON w.number = f.number\nWHERE {differs}"
    )


def calls(deployment: Deployment, row: str) -> list[str]:
    """A call of the macro of each lane."""
    return [f"main.{quoted(deployment.function(lane))}({row})" for lane in deployment.lanes]


def _table(table: Table) -> list[str]:
    return [
        f"CREATE OR REPLACE TEMP TABLE indb_proof AS SELECT * FROM {table.sql} LIMIT 0",
        f"ALTER TABLE indb_proof ADD COLUMN {NUMBER} BIGINT",
    ]


def _inputs(deployment: Deployment) -> list[str]:
    """A table of the values that expressions would give."""
    fields = ", ".join(f"{quoted(column.column)} {column.type}" for column in deployment.columns)
    return [f"CREATE OR REPLACE TEMP TABLE indb_proof ({fields}, {NUMBER} BIGINT)"]


def _alias(table: Table) -> str:
    return row_alias([*(column.name for column in table.columns), NUMBER])


def _source(table: Table, row: str) -> str:
    """The golden rows, each with the very columns of the table; a query may give them in any order."""
    fields = ", ".join(f"{PROOF}.{quoted(column.name)}" for column in table.columns)
    return f"indb_proof AS {PROOF}, LATERAL (SELECT {fields}) AS {row}"


def plain(kind: str, value: Any) -> Any:
    """A value as the driver binds it: None for a missing one, whole numbers for integer columns."""
    if value is None or isinstance(value, str):
        return value
    if kind == "boolean":
        return None if math.isnan(value) else bool(value)
    number = float(value)
    if math.isnan(number):
        return None
    return int(number) if kind == "integer" and number.is_integer() else number


def _literal(value: Any) -> str:
    """A value in SQL; an infinity as the text that a cast reads."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        return f"CAST('{value!r}' AS DOUBLE)"
    return text(value) if isinstance(value, str) else str(value)
