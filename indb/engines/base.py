"""What every engine offers to `indb.database`: tables, transactions, the registry, functions installed and removed.

An engine owns its driver. It knows neither readers nor files: it is handed a model and writes what `indb.emit` says.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from indb import emit
from indb.emit import Strategy
from indb.emit.binding import Binding, SqlColumn, SqlKind
from indb.engines.deployment import BoundColumn, Deployment
from indb.errors import DatabaseError, did_you_mean
from indb.ir import Model

Row: TypeAlias = tuple[Any, ...]

SOURCE = "t"
"""The alias of the rows that are scored."""


def quoted(identifier: str) -> str:
    """An identifier as both engines read it, whatever its characters."""
    return '"' + identifier.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text literal as both engines read it (PostgreSQL with standard_conforming_strings, its default)."""
    return "'" + value.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table.

    `type` is the database's own spelling, `kind` what it means to a model (None: a model cannot read it), `cast` what
    turns a value into a plain one of its kind (`::text` for a domain or citext), `nullable` whether it can hold NULL.
    """

    name: str
    type: str
    kind: SqlKind | None
    cast: str = ""
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """A table or a view, with the columns of its primary key (none: no key)."""

    schema: str
    name: str
    columns: tuple[TableColumn, ...]
    key: tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        """Its name in a query."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    def column(self, name: str) -> TableColumn | None:
        """The column of that very name."""
        return next((column for column in self.columns if column.name == name), None)


def row_alias(columns: Sequence[str]) -> str:
    """A table alias that means the row: an alias that is also the name of a column would mean the column."""
    taken = {name.lower() for name in columns}
    alias = "r"
    while alias in taken:
        alias += "_"
    return alias


def example_queries(deployment: Deployment, table: Table) -> list[str]:
    """Queries that an analyst can try."""
    row = row_alias([column.name for column in table.columns])
    name, source = text(deployment.name), f"FROM {table.sql} AS {row} LIMIT 5;"
    target = deployment.targets[0]
    last = f", {text(target.name)}" if len(deployment.targets) > 1 else ""
    predict = deployment.find(target.name, "predict")
    if not predict:
        return [f"-- {deployment.name} gives {', '.join(sorted({lane.output for lane in deployment.lanes}))}: score it"]
    function = "predict_label" if predict[0].type == "text" else "predict"
    queries = [f"SELECT {function}({name}, {row}{last}) {source}"]
    if target.labels and deployment.find(target.name, "predict_proba"):
        queries.append(f"SELECT predict_proba({name}, {row}, {text(target.labels[-1])}{last}) {source}")
    return queries


def binding(columns: Sequence[BoundColumn], row: str | None = None) -> Binding:
    """How SQL reaches the bound columns: as fields of `row`, or by their bare names when there is none."""
    prefix = "" if row is None else f"{row}."
    return {
        column.model: SqlColumn(f"{prefix}{quoted(column.column)}{column.cast}", SqlKind(column.kind))
        for column in columns
    }


def positional_binding(columns: Sequence[BoundColumn]) -> Binding:
    """How the body of a function reaches them as its arguments: $1, $2, ….

    By position, because a column may have the name of a local variable of the body.
    """
    return {
        column.model: SqlColumn(f"${number}{column.cast}", SqlKind(column.kind))
        for number, column in enumerate(columns, start=1)
    }


class Engine(ABC):
    """One open database."""

    dialect: ClassVar[str]
    placeholder: ClassVar[str]
    """How the driver writes a bound value."""
    name_bytes: ClassVar[int | None]
    """How long an identifier may be; None: as long as one likes."""
    chunk_rows: ClassVar[int]
    """How many rows `score` writes between two commits, unless told."""
    large_chunk_rows: ClassVar[int]
    """The same for models that are too large for one expression."""
    driver_error: ClassVar[type[Exception]]
    calls_by_row: ClassVar[bool] = False
    """Whether a Python function in a query is called for each row."""

    @abstractmethod
    def execute(self, sql: str, values: Sequence[Any] | None = None) -> Any:
        """Run one statement, give the driver's cursor or relation."""

    def rows(self, sql: str, values: Sequence[Any] | None = None) -> list[Row]:
        """The rows of a query."""
        return [tuple(row) for row in self.execute(sql, values).fetchall()]

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection if indb opened it."""

    def another(self) -> Engine:
        """A connection to the same database, with this one's role and settings: one that was kept, or a new one.

        Close it, or keep it.

        Raises: DatabaseError where one connection does all that can be done, or has a transaction open.
        """
        raise DatabaseError(
            f"cannot work with several connections to {self.version}: one uses all its threads",
            "Leave out jobs=, --jobs.",
        )

    def keep(self, other: Engine) -> None:
        """Hand back what `another` gave, for its next call: its session knows the models. Both are closed."""
        other.close()

    def cancel(self) -> None:
        """Cancel the statement that another thread is running on this connection."""
        raise NotImplementedError

    @property
    @abstractmethod
    def version(self) -> str:
        """The name and version of the database, for messages."""

    # Tables

    @abstractmethod
    def table_names(self) -> list[tuple[str, str, bool]]:
        """(schema, name, found without its schema) of every table and view."""

    @abstractmethod
    def table(self, schema: str, name: str) -> Table:
        """One table, by its very names."""

    @property
    @abstractmethod
    def current_schema(self) -> str:
        """The schema in which a table is made that names none."""

    def find_table(self, name: str) -> Table:
        """The table that a user calls `name`: its name, or schema.name, quoted or not; else without regard to case.

        Raises: DatabaseError when there is none, or when several fit.
        """
        tables = self.table_names()
        exact: list[Callable[[str, str, bool], bool]] = [
            lambda schema, table, visible: visible and table == name,
            lambda schema, table, visible: f"{schema}.{table}" == name,
            lambda schema, table, visible: name in (f"{quoted(schema)}.{quoted(table)}", quoted(table)),
            lambda schema, table, visible: visible and table.lower() == name.lower(),
            lambda schema, table, visible: f"{schema}.{table}".lower() == name.lower(),
        ]
        for fits in exact:
            found = [(schema, table) for schema, table, visible in tables if fits(schema, table, visible)]
            if len(found) > 1:
                raise DatabaseError(
                    f"cannot find table {name!r}: found {', '.join('.'.join(pair) for pair in found)}, needed one",
                    "Write schema.table in its own case.",
                )
            if found:
                return self.table(*found[0])
        known = [table if visible else f"{schema}.{table}" for schema, table, visible in tables]
        raise DatabaseError(f"cannot find table {name!r} in {self.version}", did_you_mean(name, known))

    # The registry

    @abstractmethod
    def prepare(self) -> None:
        """Make the schema `indb` and its tables where they are missing, and keep other deployments out until commit."""

    @abstractmethod
    def is_prepared(self) -> bool:
        """Whether the schema `indb` with its registry exists."""

    @abstractmethod
    def deployments(self) -> list[Deployment]:
        """Every version of every model, oldest first; none when nothing was ever deployed."""

    @abstractmethod
    def register(self, deployment: Deployment, model: bytes) -> None:
        """Write a version into the registry."""

    @abstractmethod
    def unregister(self, name: str) -> None:
        """Take all versions of a model out of the registry."""

    def model_bytes(self, deployment: Deployment) -> bytes:
        """The model file of a version."""
        mark = self.placeholder
        found = self.rows(
            f"SELECT model FROM indb.models WHERE name = {mark} AND version = {mark}",
            (deployment.name, deployment.version),
        )
        return bytes(found[0][0])

    # Functions

    @abstractmethod
    def check_free(self, name: str, known: Sequence[Deployment]) -> None:
        """Refuse a model name whose functions would collide with something that indb did not make.

        Raises: DeployError naming what is in the way.
        """

    @abstractmethod
    def install(self, deployment: Deployment, model: Model, table: Table, strategy: Strategy) -> None:
        """Create the functions of one version."""

    @abstractmethod
    def install_udf(self, deployment: Deployment, table: Table, server_python: str | None) -> None:
        """Create the functions of one version that runs as Python; its model is in the registry already.

        server_python: a folder of packages that the server's Python is to find, where the server runs Python itself.

        Raises: DeployError when the database cannot run it, naming what was found and what is needed.
        """

    @abstractmethod
    def remove(self, name: str, versions: Sequence[Deployment]) -> None:
        """Drop the functions of all versions of a model; nothing public calls them any more."""

    @abstractmethod
    def rebuild(self, deployments: Sequence[Deployment]) -> None:
        """Make predict() and its kin, and the functions named after the models, anew."""

    @abstractmethod
    def predictions(self, deployment: Deployment, table: Table, limit: int | None) -> tuple[list[Row], list[Row]]:
        """(the bound columns, the value of each lane) of rows of a table, computed by the installed functions."""

    @abstractmethod
    def proof_predictions(self, deployment: Deployment, table: Table, rows: Sequence[Row]) -> list[Row]:
        """The value of each lane for rows of the bound columns, computed by the installed functions."""

    @abstractmethod
    def usage(self, deployment: Deployment, table: Table) -> str:
        """How an analyst calls the model."""

    # Tables of scores

    def select(
        self, deployment: Deployment, model: Model, source: str, key: Sequence[str], outputs: Sequence[str]
    ) -> str:
        """One SELECT over `source` (a quoted table or a query in parentheses) that gives the key and the outputs."""
        columns = binding(deployment.columns, SOURCE)
        return emit.select(model, self.dialect, source, key, columns, outputs, alias=SOURCE)

    def scored(
        self, deployment: Deployment, model: Model, source: str, key: Sequence[str], outputs: Sequence[str]
    ) -> AbstractContextManager[str]:
        """The fastest query that gives what `select` gives, for one run within."""
        return nullcontext(self.select(deployment, model, source, key, outputs))

    @contextmanager
    def bulk(self, is_large: bool) -> Iterator[None]:
        """A transaction with the settings that suit one long statement; `is_large`: of a large model."""
        with self.transaction():
            yield

    def driver_problem(self, verb: str, error: Exception) -> DatabaseError:
        """The driver's error as one of ours: what it says without the excerpt of the statement, and its hint."""
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        said = lines[0].removeprefix("Invalid Input Error: ")
        hint = getattr(getattr(error, "diag", None), "message_hint", None)
        if hint is None and said.startswith("cannot predict") and len(lines) > 1:
            hint = lines[1]
        if said.startswith("cannot predict"):  # one of our own functions raised it
            return DatabaseError(said, hint)
        return DatabaseError(f"cannot {verb}: {said}", hint_for(error) or hint)


_HINTS: Mapping[str, str] = {
    "permission denied": "Ask the database's owner for the right, or connect as a role that has it.",
    "depend on it": "Drop what depends on it first; it is listed in the database's message.",
    "read-only": "Open the database for writing.",
    "statement timeout": "Raise statement_timeout for this connection, or use smaller chunks.",
}


def hint_for(error: Exception) -> str | None:
    """The next step for the commonest refusals."""
    message = str(error)
    return next((hint for words, hint in _HINTS.items() if words in message), None)
