"""Tables that hold constants of a version, where these are too many for the text of its functions.

They lie in the schema `indb` under the version's name and a digest of what they hold, are made with its functions and
dropped with them. Whoever may call the functions may read them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from indb.emit import ParameterTable, literal, parameter_tables, type_word
from indb.ir import Model

if TYPE_CHECKING:
    from indb.engines.base import Engine
    from indb.engines.deployment import Deployment

ROWS = 1_000
"""How many rows one INSERT writes."""


def digests(model: Model) -> tuple[str, ...]:
    """What the tables of an optimised model are known by."""
    return tuple(table.digest for table in parameter_tables(model))


def create(engine: Engine, deployment: Deployment, model: Model) -> None:
    """Make and fill the tables of a version."""
    for table in parameter_tables(model):
        engine.write(_definition(engine.dialect, deployment, table))
        for rows in _batches(table.rows):
            values = ",\n  ".join(f"({', '.join(_values(engine.dialect, table, row))})" for row in rows)
            engine.write(f"INSERT INTO {deployment.constants(table.digest)} VALUES\n  {values}")


def drop(engine: Engine, deployment: Deployment) -> None:
    """Drop the tables of a version, which no function reads any more."""
    for digest in deployment.tables:
        engine.write(f"DROP TABLE IF EXISTS {deployment.constants(digest)}")


def _definition(dialect: str, deployment: Deployment, table: ParameterTable) -> str:
    """CREATE TABLE. PostgreSQL compares keys byte by byte, as functions do."""
    collation = ' COLLATE "C"' if dialect == "postgres" else ""
    columns = [
        f"{column} {type_word(dialect, type)}{collation if type == 'text' else ''}" for column, type in table.columns
    ]
    columns[0] += " PRIMARY KEY"
    made = f"CREATE TABLE {deployment.constants(table.digest)} (\n  {(',' + chr(10) + '  ').join(columns)}\n)"
    comment = f"COMMENT ON TABLE {deployment.constants(table.digest)} IS 'indb: constants that its functions read'"
    return f"{made};\n{comment}"


def _values(dialect: str, table: ParameterTable, row: Sequence[int | float | str | None]) -> list[str]:
    return [
        str(value) if type == "bigint" else literal(dialect, value)
        for value, (_, type) in zip(row, table.columns, strict=True)
    ]


def _batches(rows: Sequence[Sequence[int | float | str | None]]) -> list[Sequence[Sequence[int | float | str | None]]]:
    return [rows[start : start + ROWS] for start in range(0, len(rows), ROWS)]
