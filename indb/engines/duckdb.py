"""DuckDB: its connection, tables and registry. The macros are in duckdb_macros.py."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import duckdb

from indb.emit import Strategy
from indb.emit.binding import SqlKind
from indb.engines import duckdb_batches as batches
from indb.engines import duckdb_macros as macros
from indb.engines import duckdb_proof, parameters
from indb.engines import duckdb_registry as registry
from indb.engines import duckdb_udf as udf
from indb.engines.base import Engine, Row
from indb.engines.deployment import ARCHIVED, PRODUCTION, Deployment, current
from indb.engines.registry import Event, GoldenRow
from indb.engines.tables import Table, TableColumn, example_queries, quoted, row_alias
from indb.errors import DatabaseError, DeployError
from indb.ir import Model
from indb.runtime import probe

_KINDS = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), SqlKind.INTEGER),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"), SqlKind.INTEGER),
    "UHUGEINT": SqlKind.DECIMAL,  # it reaches beyond what a float32 holds, as no other integer does
    "DECIMAL": SqlKind.DECIMAL,
    "FLOAT": SqlKind.FLOAT32,
    "DOUBLE": SqlKind.FLOAT64,
    "BOOLEAN": SqlKind.BOOLEAN,
    "VARCHAR": SqlKind.TEXT,
    "ENUM": SqlKind.ENUM,
}
"""Type name, without what stands in parentheses -> what it is to a model."""

_TABLES = """
SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = current_database() AND NOT internal
UNION ALL
SELECT schema_name, view_name FROM duckdb_views() WHERE database_name = current_database() AND NOT internal
"""


class DuckDB(Engine):
    """A DuckDB database."""

    dialect = "duckdb"
    placeholder = "?"
    name_bytes = None
    chunk_rows = large_chunk_rows = 1_000_000
    driver_error = duckdb.Error

    def __init__(self, connection: duckdb.DuckDBPyConnection, owned: bool) -> None:
        self.connection = connection
        self.owned = owned
        self._inside = False
        self.functions = udf.functions_of(connection)
        try:
            self.deployments()  # makes the Python functions of the models
        except duckdb.Error as error:
            raise DatabaseError(f"cannot connect to DuckDB: {str(error).splitlines()[0]}") from error

    @classmethod
    def open(cls, path: str) -> DuckDB:
        """Open a file, or a database in memory.

        Raises: DatabaseError when the file is locked, no database, or in a folder that does not exist.
        """
        try:
            return cls(duckdb.connect(path or ":memory:"), owned=True)
        except duckdb.Error as error:
            raise DatabaseError(
                f"cannot open the DuckDB file {path!r}: {str(error).splitlines()[0]}",
                "Close other programs that hold the file, and check its path.",
            ) from error

    def execute(self, sql: str, values: Sequence[Any] | None = None) -> Any:
        return self.connection.execute(sql, values) if values is not None else self.connection.execute(sql)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self.transaction_if_none() as is_ours:
            if not is_ours:
                raise DatabaseError(
                    "cannot change the database: the connection has an open transaction",
                    "Commit or roll it back first.",
                )
            yield

    @contextmanager
    def transaction_if_none(self) -> Iterator[bool]:
        """The transaction that is open or else a new one; False when it is open and was not begun here."""
        if self._inside:  # DuckDB has no savepoints: the outermost one decides
            yield True
            return
        if self._has_transaction():
            yield False
            return
        self.connection.begin()
        self._inside = True
        try:
            yield True
            self.connection.commit()
        except BaseException:
            self.functions.roll_back(self.connection)
            self._rollback()
            raise
        else:
            self.functions.committed(self.connection)
        finally:
            self._inside = False

    def _has_transaction(self) -> bool:
        """Whether one is open: else each query has one of its own. To try to begin another would abort it."""
        first, second = (self.rows("SELECT txid_current()") for _ in range(2))
        return first == second

    def _rollback(self) -> None:
        try:
            self.connection.rollback()
        except duckdb.TransactionException:  # a failed commit has ended it already
            return

    def close(self) -> None:
        if self.owned:
            self.connection.close()
            self.functions.free()

    @property
    def version(self) -> str:
        return f"duckdb {duckdb.__version__}"

    def table_names(self) -> list[tuple[str, str, bool]]:
        here = {"main", self.current_schema}
        return [(row[0], row[1], row[0] in here) for row in self.rows(_TABLES) if row[0] != "indb"]

    def table(self, schema: str, name: str) -> Table:
        found = self.rows(
            "SELECT column_name, data_type, is_nullable FROM duckdb_columns() WHERE database_name = current_database() "
            "AND schema_name = ? AND table_name = ? ORDER BY column_index",
            (schema, name),
        )
        keys = self.rows(
            "SELECT constraint_column_names FROM duckdb_constraints() WHERE database_name = current_database() "
            "AND schema_name = ? AND table_name = ? AND constraint_type = 'PRIMARY KEY'",
            (schema, name),
        )
        columns = tuple(TableColumn(row[0], row[1], _KINDS.get(row[1].split("(")[0]), "", row[2]) for row in found)
        return Table(schema, name, columns, tuple(keys[0][0]) if keys else ())

    def volatile(self, functions: Sequence[str]) -> list[str]:
        query = (
            "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability = 'VOLATILE' "
            "AND function_name IN (SELECT unnest(CAST(? AS VARCHAR[]))) ORDER BY 1"
        )
        return [name for (name,) in self.rows(query, (list(functions),))]

    def expression(self, table: Table, sql: str) -> TableColumn:
        type = self.rows(f"DESCRIBE SELECT {sql} AS value FROM {table.sql} AS r")[0][1]
        return TableColumn("", type, _KINDS.get(type.split("(")[0]))

    @property
    def current_schema(self) -> str:
        return str(self.rows("SELECT current_schema()")[0][0])

    def prepare(self) -> None:
        registry.prepare(self)

    def is_prepared(self) -> bool:
        return registry.is_prepared(self)

    def deployments(self) -> list[Deployment]:
        deployments = registry.deployments(self)
        if deployments or self.functions:
            self.functions.sync(self, deployments)  # another connection may have deployed or dropped some
        return deployments

    def expect(self, known: Sequence[Deployment], made: Deployment) -> None:
        registry.expect(self, known, made)

    def register(self, deployment: Deployment, model: bytes, plan: str) -> None:
        registry.register(self, deployment, model, plan)

    def unregister(self, versions: Sequence[Deployment]) -> None:
        registry.unregister(self, versions)

    def promote(self, wanted: Deployment, known: Sequence[Deployment]) -> None:
        before = current(known).get(wanted.name)
        before = before if before and before.is_champion else None
        registry.promote(self, wanted, before)
        self._rename(known, wanted, before)

    def rollback(self, now: Deployment, before: Deployment, known: Sequence[Deployment]) -> None:
        registry.rollback(self, now, before)
        self._rename(known, before, now)

    def _rename(self, known: Sequence[Deployment], wanted: Deployment, before: Deployment | None) -> None:
        """Make what names mean anew, after one version took the place of another."""
        states = {wanted.pinned: PRODUCTION} | ({before.pinned: ARCHIVED} if before else {})
        self.rebuild([replace(each, state=states.get(each.pinned, each.state)) for each in known])

    def set_alias(self, name: str, alias: str, version: int | None, known: Sequence[Deployment]) -> None:
        if version is None and not any(each.name == name and alias in each.aliases for each in known):
            raise DatabaseError(f"cannot remove alias {alias!r} of {name!r}: it is unknown")
        registry.set_alias(self, name, alias, version)
        self.rebuild([_aliased(each, alias, version) if each.name == name else each for each in known])

    def events(self, name: str | None) -> list[Event]:
        return registry.events(self, name)

    def keep_golden_rows(self, deployment: Deployment, rows: Sequence[GoldenRow]) -> None:
        registry.keep_golden_rows(self, deployment, rows)

    def golden_rows(self, deployment: Deployment) -> list[GoldenRow]:
        return registry.golden_rows(self, deployment)

    def check_free(self, name: str, known: Sequence[Deployment]) -> None:
        alike = sorted({each.name for each in known if each.name.lower() == name.lower()} - {name})
        if alike:
            raise DeployError(
                f"cannot deploy {name!r}: DuckDB does not tell it from the deployed {alike[0]!r}",
                "Choose another name.",
            )
        own = {macro.lower() for each in known for macro in (each.name, *macros.names_of(each))}
        wanted = {name.lower()} - own
        if not known:
            wanted |= set(macros.PUBLIC_NAMES)
        found = self.rows(
            "SELECT DISTINCT function_name, internal FROM duckdb_functions() WHERE lower(function_name) IN "
            "(SELECT unnest(?)) OR starts_with(lower(function_name), ?)",
            (sorted(wanted), name.lower() + "@"),
        )
        for function, internal in found:
            if function.lower() not in own:
                why = "is part of DuckDB" if internal else "exists and was not made by indb"
                raise DeployError(f"cannot deploy {name!r}: function {function!r} {why}", "Choose another name.")

    def install(self, deployment: Deployment, model: Model, table: Table, strategy: Strategy) -> None:
        parameters.create(self, deployment, model)
        macros.install(self, deployment, model, table, strategy)

    def install_udf(self, deployment: Deployment, table: Table, server_python: str | None, size: int) -> None:
        if server_python is not None:
            raise DeployError(
                f"cannot deploy {deployment.name!r} with server_python: DuckDB runs in this process, which has its own "
                "packages",
                "Leave server_python out.",
            )
        udf.install(self, deployment)

    def refused_providers(self, graph: bytes, names: Sequence[str], server_python: str | None) -> dict[str, str]:
        return probe.refused(graph, names)

    def remove(self, name: str, versions: Sequence[Deployment]) -> None:
        if not self.is_written_down:
            self.deployments()  # drops the temporary macros of what is gone, which hide those of the file
        own = [macro for each in versions for macro in macros.names_of(each)]
        for macro in [*own, *([name] if name else [])]:
            self.write(f"DROP MACRO IF EXISTS main.{quoted(macro)}")
        for each in versions:
            parameters.drop(self, each)

    def rebuild(self, deployments: Sequence[Deployment]) -> None:
        macros.rebuild(self, deployments)

    def predictions(self, deployment: Deployment, table: Table, limit: int | None) -> tuple[list[Row], list[Row]]:
        row = row_alias([column.name for column in table.columns])
        fields = [
            f"CAST({column.read(row + '.')} AS {'VARCHAR' if column.kind in ('text', 'enum') else 'DOUBLE'})"
            for column in deployment.columns
        ]
        end = "" if limit is None else f" LIMIT {int(limit)}"
        found = self.rows(
            f"SELECT {', '.join(fields + duckdb_proof.calls(deployment, row))} FROM {table.sql} AS {row}{end}"
        )
        return [each[: len(fields)] for each in found], [each[len(fields) :] for each in found]

    def proof_predictions(self, deployment: Deployment, table: Table, rows: Sequence[Row]) -> list[Row]:
        return duckdb_proof.predictions(self, deployment, table, rows)

    def write_proof(self, deployment: Deployment, table: Table, rows: Sequence[GoldenRow]) -> None:
        if self.is_written_down:  # `deploy` has compared them, and binding a large model takes seconds
            duckdb_proof.write(self, deployment, table, rows)

    def usage(self, deployment: Deployment, table: Table) -> str:
        return "\n".join(example_queries(deployment, table))

    def select(
        self, deployment: Deployment, model: Model, source: str, key: Sequence[str], outputs: Sequence[str]
    ) -> str:
        if macros.is_python(deployment):
            return udf.select(deployment, model, source, key, outputs)
        return super().select(deployment, model, source, key, outputs)

    def scored(
        self, deployment: Deployment, model: Model, source: str, key: Sequence[str], outputs: Sequence[str]
    ) -> AbstractContextManager[str]:
        if macros.is_python(deployment) and batches.can_score(self, deployment, source, key):
            return batches.scored(self, deployment, model, source, key, outputs)
        return super().scored(deployment, model, source, key, outputs)

    def driver_problem(self, verb: str, error: Exception) -> DatabaseError:
        ours = re.search(r"executing the UDF: \w+: (cannot .*)", str(error), re.DOTALL)
        if ours is None:
            return super().driver_problem(verb, error)
        message, _, hint = ours[1].partition("\n")
        return DatabaseError(message, hint.strip() or None)


def _aliased(deployment: Deployment, alias: str, version: int | None) -> Deployment:
    """A version when an alias means another one."""
    others = tuple(each for each in deployment.aliases if each != alias)
    return replace(deployment, aliases=(*others, alias) if deployment.version == version else others)
