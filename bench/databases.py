"""The two databases of the benchmark: their table, how a statement is run with a time limit, what came out."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import duckdb
import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
from pyarrow import csv

from bench.workload import COLUMNS, INTEGERS, TEXTS
from indb.errors import IndbError

SCORES = "scores"
"""The table that every way writes into."""


class TooSlow(Exception):
    """A statement ran into the time limit."""


class Database(ABC):
    """An engine with the table loaded. `url` is what `indb.connect` takes."""

    name: str
    dialect: str
    settings: str
    url: Any

    @abstractmethod
    def load(self, frame: pd.DataFrame, table: str) -> None:
        """Create a table with `id` as its primary key and fill it."""

    @abstractmethod
    def execute(self, sql: str) -> None:
        """Run one statement.

        Raises: TooSlow when it takes longer than `limit_seconds`.
        """

    @abstractmethod
    def limited(self) -> AbstractContextManager[None]:
        """What `indb` runs meanwhile on `url` is cancelled after `limit_seconds`.

        Raises: TooSlow when it was.
        """

    @abstractmethod
    def scores(self, table: str, label: str, probability: str) -> tuple[np.ndarray, np.ndarray]:
        """(label, probability) of a table of scores in the order of id."""

    @abstractmethod
    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""

    def drop(self, table: str) -> None:
        """Drop a table that may be there."""
        self.execute(f"DROP TABLE IF EXISTS {table}")

    @staticmethod
    def create_table(table: str, text: str) -> str:
        """CREATE TABLE for the workload's table."""
        types = {**dict.fromkeys(INTEGERS, "integer"), **dict.fromkeys(TEXTS, text)}
        fields = ", ".join(f"{name} {types.get(name, 'double precision')}" for name in COLUMNS)
        return f"CREATE TABLE {table} (id bigint PRIMARY KEY, {fields})"


class Duck(Database):
    """A DuckDB file."""

    name = "DuckDB"
    dialect = "duckdb"

    def __init__(self, folder: Path, limit_seconds: float) -> None:
        self.connection = duckdb.connect(str(folder / "bench.duckdb"))
        self.connection.execute("SET enable_progress_bar = false")
        self.limit_seconds = limit_seconds
        self.url = self.connection
        threads = self.rows("SELECT current_setting('threads')")[0][0]
        self.settings = f"DuckDB {duckdb.__version__}, a file, {threads} threads"

    def load(self, frame: pd.DataFrame, table: str) -> None:
        self.execute(self.create_table(table, "varchar"))
        self.connection.register("loaded", pa.Table.from_pandas(frame, preserve_index=False))
        self.execute(f"INSERT INTO {table} SELECT id, {', '.join(COLUMNS)} FROM loaded")
        self.connection.unregister("loaded")
        self.execute("CHECKPOINT")

    def execute(self, sql: str) -> None:
        with self.limited():
            self.connection.execute(sql)

    @contextmanager
    def limited(self) -> Iterator[None]:
        timer = threading.Timer(self.limit_seconds, self.connection.interrupt)
        timer.start()
        try:
            yield
        except IndbError as error:
            if not isinstance(error.__cause__, duckdb.InterruptException):
                raise
            raise TooSlow from error
        except duckdb.InterruptException as error:
            raise TooSlow from error
        finally:
            timer.cancel()

    def scores(self, table: str, label: str, probability: str) -> tuple[np.ndarray, np.ndarray]:
        found = self.connection.execute(f'SELECT "{label}" AS l, "{probability}" AS p FROM {table} ORDER BY id').df()
        return found["l"].to_numpy(float), found["p"].to_numpy(float)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()


class Postgres(Database):
    """A PostgreSQL database that is empty when it is handed in."""

    name = "PostgreSQL"
    dialect = "postgres"

    def __init__(self, dsn: str, limit_seconds: float) -> None:
        self.dsn = dsn
        options = urlencode({"options": f"-c statement_timeout={int(limit_seconds * 1_000)}"}, quote_via=quote)
        self.url = f"{dsn}{'&' if '?' in dsn else '?'}{options}"
        self.connection = psycopg.connect(self.url, autocommit=True)
        self.connection.execute("SET search_path = public, indb")
        names = ("max_parallel_workers_per_gather", "jit", "shared_buffers", "fsync")
        shown = ", ".join(f"{name} {self.rows(f'SHOW {name}')[0][0]}" for name in names)
        self.settings = f"PostgreSQL {self.rows('SHOW server_version')[0][0].split()[0]}, {shown}"

    def load(self, frame: pd.DataFrame, table: str) -> None:
        self.execute(self.create_table(table, "text"))
        data = pa.Table.from_pandas(frame, preserve_index=False)
        for name in INTEGERS:
            data = data.set_column(data.schema.get_field_index(name), name, data[name].cast(pa.int32()))
        sink = pa.BufferOutputStream()
        csv.write_csv(data, sink, csv.WriteOptions(include_header=False))
        with self.connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN (FORMAT csv)") as copy:
            copy.write(sink.getvalue().to_pybytes())
        self.execute(f"VACUUM ANALYZE {table}")

    def execute(self, sql: str) -> None:
        try:
            self.connection.execute(sql)
        except psycopg.errors.QueryCanceled as error:
            raise TooSlow from error

    @contextmanager
    def limited(self) -> Iterator[None]:
        try:
            yield
        except IndbError as error:
            if not isinstance(error.__cause__, psycopg.errors.QueryCanceled):
                raise
            raise TooSlow from error
        except psycopg.errors.QueryCanceled as error:
            raise TooSlow from error

    def server_python(self) -> str | None:
        """The folder of this process's packages, where the server can import them."""
        folder = str(Path(np.__file__).resolve().parents[1])
        probe = (
            f"import sys\nsys.path.insert(0, {folder!r})\nimport numpy, sklearn\nassert {folder!r} in numpy.__file__"
        )
        try:
            with psycopg.connect(self.dsn) as connection:
                connection.execute("CREATE EXTENSION IF NOT EXISTS plpython3u")
                connection.execute(f"DO $$\n{probe}\n$$ LANGUAGE plpython3u")
        except psycopg.Error:
            return None
        return folder

    def scores(self, table: str, label: str, probability: str) -> tuple[np.ndarray, np.ndarray]:
        found = self.rows(f'SELECT "{label}"::float8, "{probability}"::float8 FROM {table} ORDER BY id')
        columns = np.array(found, dtype=float).reshape(-1, 2)
        return columns[:, 0], columns[:, 1]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()


@contextmanager
def postgres_database(dsn: str) -> Iterator[str]:
    """The DSN of a new database on the server of `dsn`, dropped at the end."""
    engines = _test_rig()
    with engines.database(engines.with_database(dsn), "indb_bench") as made:
        yield made


@contextmanager
def postgres_server(dsn: str | None) -> Iterator[tuple[str, str]]:
    """(DSN, where it is from): the server that is asked for, else one from where the tests take theirs.

    Raises: LookupError when there is none.
    """
    if dsn:
        yield dsn, "DSN of --postgres"
        return
    engines = _test_rig()
    try:
        rig = engines.postgres()
        server = rig.__enter__()
    except engines.NoPostgres as error:
        raise LookupError(str(error)) from error
    try:
        yield server.dsn, server.label
    finally:
        rig.__exit__(None, None, None)


def _test_rig() -> Any:
    """The module of the tests that finds or starts servers."""
    from tests import engines

    return engines
