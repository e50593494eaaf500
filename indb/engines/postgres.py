"""PostgreSQL: its connection, tables and registry. The functions are in postgres_functions.py."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from indb.emit import Strategy
from indb.engines import parameters, postgres_providers
from indb.engines import postgres_functions as functions
from indb.engines import postgres_registry as registry
from indb.engines import postgres_tables as tables
from indb.engines import postgres_udf as udf
from indb.engines import postgres_udf_sql as udf_sql
from indb.engines.base import Engine, Row
from indb.engines.deployment import BoundColumn, Deployment
from indb.engines.registry import TOLERANCE, Event, GoldenRow
from indb.engines.sqlfiles import sql_file
from indb.engines.tables import Table, TableColumn, binding, example_queries, quoted, row_alias, text
from indb.errors import DatabaseError, DeployError
from indb.ir import Model

CONNECT_SECONDS = 10
"""How long a server may take to answer."""

LOCK = 0x696E6462
"""The advisory lock of deployments ("indb" in ASCII): two at a time would rebuild the same functions."""

_MORE_MEMORY = """
SELECT pg_catalog.set_config('work_mem', '64MB', true)
WHERE pg_catalog.pg_size_bytes(pg_catalog.current_setting('work_mem')) < 67108864
"""
"""100,000 rows of 20 columns on their way into Python take 20 MB, which the default of 4 MB would put on disk."""

_SETTINGS = "SELECT name, setting FROM pg_catalog.pg_settings WHERE source = 'session'"
"""What was SET in this session."""


_NO_PREDICT = (
    "No model is deployed for rows of this type, or this role may call none: indb grant <model> --to <role>. "
    "predict() takes the row of a table by its alias: FROM customers AS c."
)


class Postgres(Engine):
    """A PostgreSQL database through psycopg."""

    dialect = "postgres"
    placeholder = "%s"
    name_bytes = 63
    chunk_rows = 1_000_000
    large_chunk_rows = 100_000
    driver_error = psycopg.Error
    calls_by_row = True

    def __init__(self, connection: psycopg.Connection[Any], owned: bool) -> None:
        self.connection = connection
        self.owned = owned
        self._search_path = ""
        self._kept: list[Postgres] = []
        self._role: str | None = None
        with self.transaction():
            self._search_path = self.rows("SELECT current_setting('search_path')")[0][0]
            if "indb" not in self._search_path.replace('"', "").replace(",", " ").split():
                extended = f"{self._search_path}, indb" if self._search_path else "indb"
                self.execute("SELECT set_config('search_path', %s, false)", (extended,))

    @classmethod
    def open(cls, target: str) -> Postgres:
        """Connect to a server.

        Raises: DatabaseError naming the host when it does not answer or refuses.
        """
        try:
            fields = conninfo_to_dict(target)
            fields.setdefault("connect_timeout", CONNECT_SECONDS)
            fields.setdefault("application_name", "indb")
            connection = psycopg.connect(**fields, autocommit=True)  # type: ignore[arg-type]
        except psycopg.Error as error:
            raise DatabaseError(
                f"cannot connect to {_place(target)}: {' '.join(str(error).split())}",
                "Check that the server runs and that host, port, user, password and database are right.",
            ) from error
        return cls(connection, owned=True)

    def another(self) -> Postgres:
        info = self.connection.info
        if info.transaction_status != TransactionStatus.IDLE:
            raise DatabaseError(
                "cannot work with several connections: found an open transaction, of which others see nothing",
                "Commit it first, and open the connection with autocommit=True.",
            )
        while self._kept:
            kept = self._kept.pop()
            with suppress(psycopg.OperationalError):  # the server may have ended it meanwhile
                kept.execute("RESET ROLE")
                kept.execute("RESET ALL")
                return self._alike(kept)
        return self._alike(Postgres(psycopg.connect(info.dsn, password=info.password or None, autocommit=True), True))

    def _alike(self, other: Postgres) -> Postgres:
        """Another connection with the role and the settings of this session."""
        role, settings = self.rows("SELECT current_user"), self.rows(_SETTINGS)
        try:
            if other.rows("SELECT current_user") != role:
                other.execute("SELECT set_config('role', %s, false)", role[0])
            for name, value in settings:
                other.execute("SELECT pg_catalog.set_config(%s, %s, false)", (name, value))
        except BaseException:
            other.close()
            raise
        return other

    def keep(self, other: Engine) -> None:
        assert isinstance(other, Postgres)
        self._kept.append(other)

    def cancel(self) -> None:
        self.connection.cancel()

    def execute(self, sql: str, values: Sequence[Any] | None = None) -> Any:
        return self.connection.execute(sql, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self.connection.transaction():
            around, self._role = self._role, None
            yield
            self._resume_role()
            self._role = around

    def _resume_role(self) -> None:
        """Act as before `become`: a transaction around the one that ends has its own role."""
        if self._role is not None and not self.is_written_down:
            self.execute(f"SET LOCAL ROLE {self._role}")

    def become(self, role: str) -> None:
        """Act as another role until the end of the transaction."""
        before = self.rows("SELECT current_setting('role')")[0][0]
        self._role = before if before == "none" else quoted(before)
        self.write(f"SET LOCAL ROLE {quoted(role)}")

    @contextmanager
    def bulk(self, is_large: bool) -> Iterator[None]:
        with self.transaction():
            if is_large:  # compiling one big expression takes the server's JIT 5 to 10 seconds; a small one gains by it
                self.execute("SET LOCAL jit = off")
            self.execute(_MORE_MEMORY)
            yield

    def close(self) -> None:
        while self._kept:
            self._kept.pop().close()
        if self.owned:
            self.connection.close()
        elif not self.connection.closed:
            with self.transaction():
                self.execute("SELECT set_config('search_path', %s, false)", (self._search_path,))

    @property
    def version(self) -> str:
        number = self.connection.info.server_version
        return f"postgres {number // 10000}.{number % 10000}"

    def table_names(self) -> list[tuple[str, str, bool]]:
        return tables.names(self)

    def table(self, schema: str, name: str) -> Table:
        return tables.table(self, schema, name)

    def volatile(self, functions: Sequence[str]) -> list[str]:
        query = "SELECT DISTINCT proname::text FROM pg_proc WHERE proname = ANY (%s) AND provolatile = 'v' ORDER BY 1"
        return [name for (name,) in self.rows(query, (list(functions),))]

    def expression(self, table: Table, sql: str) -> TableColumn:
        return tables.expression(self, table, sql)

    def enums(self, columns: Sequence[BoundColumn]) -> dict[str, list[str]]:
        return tables.enums(self, sorted({column.type for column in columns if column.kind == "enum"}))

    @property
    def current_schema(self) -> str:
        with self.transaction():
            return str(self.rows("SELECT coalesce(current_schema(), 'public')")[0][0])

    def prepare(self) -> None:
        self._read_committed()
        self.write("SET LOCAL standard_conforming_strings = on")  # base.text() writes a backslash as it is
        self.write("SET LOCAL client_min_messages = warning")  # what is there already is no news
        self.write(f"SELECT pg_advisory_xact_lock({LOCK})")
        registry.prepare(self)

    def _read_committed(self) -> None:
        """Each statement must see what others committed while this transaction waited for them."""
        if self.rows("SELECT current_setting('transaction_isolation')") != [("read committed",)]:
            raise DatabaseError(
                "cannot change the database in a transaction that is not READ COMMITTED: it would not see what others "
                "deploy meanwhile",
                "SET default_transaction_isolation = 'read committed' for this connection.",
            )

    def is_prepared(self) -> bool:
        with self.transaction():
            return bool(self.rows("SELECT to_regclass('indb.models') IS NOT NULL")[0][0])

    def deployments(self) -> list[Deployment]:
        return registry.deployments(self) if self.is_prepared() else []

    def expect(self, known: Sequence[Deployment], made: Deployment) -> None:
        versions = ", ".join(text(each.pinned) for each in known)
        self.write(f"SELECT indb.expect_versions(ARRAY[{versions}]::text[], {text(made.pinned)})")

    def register(self, deployment: Deployment, model: bytes, plan: str) -> None:
        registry.register(self, deployment, model, plan)

    def unregister(self, versions: Sequence[Deployment]) -> None:
        registry.unregister(self, versions)

    def promote(self, wanted: Deployment, known: Sequence[Deployment]) -> None:
        self.write(f"SELECT indb.promote({text(wanted.name)}, {wanted.version})")

    def rollback(self, now: Deployment, before: Deployment, known: Sequence[Deployment]) -> None:
        self.write(f"SELECT indb.rollback({text(now.name)})")

    def set_alias(self, name: str, alias: str, version: int | None, known: Sequence[Deployment]) -> None:
        number = "NULL" if version is None else str(version)
        self.write(f"SELECT indb.set_alias({text(name)}, {text(alias)}, {number})")

    def write_proof(self, deployment: Deployment, table: Table, rows: Sequence[GoldenRow]) -> None:
        room = "" if deployment.tolerance == TOLERANCE else f", {deployment.tolerance!r}"
        self.write(f"SELECT indb.prove({text(deployment.name)}, {deployment.version}{room})")

    def events(self, name: str | None) -> list[Event]:
        return registry.events(self, name) if self.is_prepared() else []

    def keep_golden_rows(self, deployment: Deployment, rows: Sequence[GoldenRow]) -> None:
        registry.keep_golden_rows(self, deployment, rows)

    def golden_rows(self, deployment: Deployment) -> list[GoldenRow]:
        return registry.golden_rows(self, deployment)

    def create_roles(self) -> None:
        self.write(sql_file("postgres", "roles.sql"))

    def grant(self, name: str, role: str) -> None:
        self.write(f"SELECT indb.grant_model({text(name)}, {text(role)})")

    def revoke(self, name: str, role: str) -> None:
        self.write(f"SELECT indb.revoke_model({text(name)}, {text(role)})")

    def check_free(self, name: str, known: Sequence[Deployment]) -> None:
        if name in udf.NAMES:
            raise DeployError(f"cannot deploy {name!r}: indb has a function of that name", "Choose another name.")
        foreign = self.rows(
            "SELECT p.oid::regprocedure::text FROM pg_proc AS p WHERE p.pronamespace = to_regnamespace('indb')::oid "
            "AND (p.proname = %s OR left(p.proname, length(%s) + 1) = %s || '@') "
            "AND coalesce(left(obj_description(p.oid, 'pg_proc'), 5), '') <> 'indb:'",
            (name, name, name),
        )
        if foreign:
            raise DeployError(
                f"cannot deploy {name!r}: function {foreign[0][0]} exists and was not made by indb",
                "Drop or rename that function, or choose another name.",
            )

    def install(self, deployment: Deployment, model: Model, table: Table, strategy: Strategy) -> None:
        parameters.create(self, deployment, model)
        functions.install(self, deployment, model, table, strategy)

    def install_udf(self, deployment: Deployment, table: Table, server_python: str | None, size: int) -> None:
        udf.install(self, deployment, table, server_python, size)

    def refused_providers(self, graph: bytes, names: Sequence[str], server_python: str | None) -> dict[str, str]:
        return postgres_providers.refused(self, graph, names, server_python)

    def remove(self, name: str, versions: Sequence[Deployment]) -> None:
        for each in versions:
            functions.remove(self, each)
            parameters.drop(self, each)

    def rebuild(self, deployments: Sequence[Deployment]) -> None:
        functions.rebuild(self, deployments)

    def predictions(self, deployment: Deployment, table: Table, limit: int | None) -> tuple[list[Row], list[Row]]:
        row = row_alias([column.name for column in table.columns])
        fields = [column.sql for column in binding(deployment.columns, row).values()]
        source = f"{table.sql} AS {row}" + ("" if limit is None else f" LIMIT {int(limit)}")
        return self._split(deployment, row, fields, source)

    def proof_predictions(self, deployment: Deployment, table: Table, rows: Sequence[Row]) -> list[Row]:
        row = row_alias([column.name for column in table.columns])
        return self._split(deployment, row, [], f"{_records(deployment, table, rows)} AS {row}")[1]

    def held(self, deployment: Deployment, table: Table, rows: Sequence[Row]) -> Sequence[Row]:
        def is_held(some: Sequence[Row]) -> bool:
            try:
                with self.transaction():
                    self.rows(f"SELECT r FROM {_records(deployment, table, some)} AS r")
            except psycopg.errors.DataError:
                return False
            except psycopg.errors.IntegrityError:
                return False
            return True

        return rows if is_held(rows) else [row for row in rows if is_held([row])]

    def _split(
        self, deployment: Deployment, row: str, fields: Sequence[str], source: str
    ) -> tuple[list[Row], list[Row]]:
        """The fields, as the doubles and texts that the model reads, and the lanes."""
        casts = [
            f"{field}::{'text' if column.kind in ('text', 'enum') else 'float8'}"
            if column.kind != "boolean" else f"{field}::int::float8"
            for field, column in zip(fields, deployment.columns, strict=bool(fields))
        ]  # fmt: skip
        calls = [f"indb.{quoted(deployment.function(lane))}({row})" for lane in deployment.lanes]
        with self.bulk(is_large=True):  # all lanes at once
            found = self.rows(f"SELECT {', '.join(casts + calls)} FROM {source}")
        return [each[: len(casts)] for each in found], [each[len(casts) :] for each in found]

    def select(
        self, deployment: Deployment, model: Model, source: str, key: Sequence[str], outputs: Sequence[str]
    ) -> str:
        if not udf.is_udf(deployment):
            return super().select(deployment, model, source, key, outputs)
        udf.check_key(self, source, key)
        return udf_sql.select(deployment, model, source, key, outputs)

    def driver_problem(self, verb: str, error: Exception) -> DatabaseError:
        problem = super().driver_problem(verb, error)
        if isinstance(error, psycopg.Error) and error.diag.source_function == "exec_stmt_raise":
            said = error.diag.message_primary or ""
            if said.startswith("cannot "):  # a function of ours says by itself what could not be done
                return DatabaseError(said, error.diag.message_hint)
        if isinstance(error, psycopg.errors.UndefinedFunction) and "function predict" in str(error):
            return DatabaseError(problem.message, _NO_PREDICT)
        _, is_ours, said = problem.message.partition("plpy.Error: ")
        return DatabaseError(said, problem.hint) if is_ours else problem

    def usage(self, deployment: Deployment, table: Table) -> str:
        path = "SET search_path = public, indb;  -- once in a connection, or write indb.predict(…)"
        return "\n".join([path, *example_queries(deployment, table)])


def _records(deployment: Deployment, table: Table, rows: Sequence[Row]) -> str:
    """Rows of the table's own type, so that the very functions are called that a query over the table calls."""
    records = [
        {each.column: _json_value(each.kind, value) for each, value in zip(deployment.columns, row, strict=True)}
        for row in rows
    ]
    return f"jsonb_populate_recordset(NULL::{table.sql}, {text(json.dumps(records))}::jsonb)"


def _json_value(kind: str, value: Any) -> Any:
    """A value as JSON that the type's input function reads: NaN and infinities as texts, whole numbers as such."""
    if value is None or isinstance(value, str):
        return value
    if kind == "boolean":
        return bool(value)
    number = float(value)
    return str(int(number)) if kind == "integer" and number.is_integer() else repr(number)


def _place(target: str) -> str:
    """Host, port and database of a connection string, without its password."""
    try:
        fields = conninfo_to_dict(target)
    except psycopg.Error:
        return "PostgreSQL"
    place = f"PostgreSQL at {fields.get('host') or 'the local socket'}"
    return f"{place} port {fields['port']}" if fields.get("port") else place
