"""What every engine offers to `indb.database`: tables, transactions, the registry, functions installed and removed.

An engine owns its driver. It knows neither readers nor files: it is handed a model and writes what `indb.emit` says.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, ClassVar, TypeAlias

from indb import emit
from indb.emit import Strategy
from indb.engines.deployment import BoundColumn, Deployment
from indb.engines.registry import Event, GoldenRow
from indb.engines.tables import SOURCE, Table, TableColumn, binding, quoted
from indb.errors import DatabaseError, did_you_mean
from indb.ir import Model

Row: TypeAlias = tuple[Any, ...]


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
    _script: list[str] | None = None
    calls_by_row: ClassVar[bool] = False
    """Whether a Python function in a query is called for each row."""

    @abstractmethod
    def execute(self, sql: str, values: Sequence[Any] | None = None) -> Any:
        """Run one statement, give the driver's cursor or relation."""

    def write(self, sql: str) -> None:
        """Run one or more statements that change the database, or only write them down: see `written_down`."""
        if self._script is not None:
            self._script.append(sql)
        else:
            self.execute(sql)

    @contextmanager
    def written_down(self) -> Iterator[list[str]]:
        """Within, what would change the database is collected as text, and nothing is changed."""
        self._script = []
        try:
            yield self._script
        finally:
            self._script = None

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """A part of a transaction of which nothing is left when it fails."""
        before = len(self._script or ())
        try:
            with self.transaction():
                yield
        except BaseException:
            if self._script is not None:
                del self._script[before:]
            raise

    @property
    def is_written_down(self) -> bool:
        """Whether statements are collected in place of being run."""
        return self._script is not None

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

    def enums(self, columns: Sequence[BoundColumn]) -> Mapping[str, Sequence[str]]:
        """The members of the enums among some columns by the type's name, where its spelling does not hold them."""
        return {}

    @abstractmethod
    def volatile(self, functions: Sequence[str]) -> list[str]:
        """Those of some functions, by name, that may give something else each time that they are called."""

    @abstractmethod
    def expression(self, table: Table, sql: str) -> TableColumn:
        """The type of an expression over the rows `r` of a table, as that of a column.

        Raises: what the driver raises for what is no expression.
        """

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
    def expect(self, known: Sequence[Deployment], made: Deployment) -> None:
        """Have the database itself refuse to go on when others are deployed than are known, but for `made`.

        What names mean is written for those that are known; a script may run much later.
        """

    @abstractmethod
    def register(self, deployment: Deployment, model: bytes, plan: str) -> None:
        """Write a version into the registry, as a candidate. plan: why it has its strategy, as JSON."""

    @abstractmethod
    def unregister(self, versions: Sequence[Deployment]) -> None:
        """Take versions out of the registry; the events stay."""

    @abstractmethod
    def promote(self, wanted: Deployment, known: Sequence[Deployment]) -> None:
        """Let the bare name of a model mean a version. known: all deployments, as they are now."""

    @abstractmethod
    def rollback(self, now: Deployment, before: Deployment, known: Sequence[Deployment]) -> None:
        """Let the bare name mean the version before the one in production again."""

    @abstractmethod
    def set_alias(self, name: str, alias: str, version: int | None, known: Sequence[Deployment]) -> None:
        """Let `name@alias` mean a version; None: nothing any more.

        Raises: DatabaseError for an alias to remove that is unknown.
        """

    @abstractmethod
    def events(self, name: str | None) -> list[Event]:
        """What was done to a model (None: to all), oldest first."""

    @abstractmethod
    def keep_golden_rows(self, deployment: Deployment, rows: Sequence[GoldenRow]) -> None:
        """Write the golden rows of a version, in place of those that are there."""

    @abstractmethod
    def golden_rows(self, deployment: Deployment) -> list[GoldenRow]:
        """The golden rows of a version, in their order."""

    def create_roles(self) -> None:
        """Create the roles of indb.

        Raises: DatabaseError where there are no roles.
        """
        raise DatabaseError(f"cannot create roles: {self.version} has none", "Whoever may open the file may do all.")

    def grant(self, name: str, role: str) -> None:
        """Let a role call a model, all its versions.

        Raises: DatabaseError where there are no roles.
        """
        raise DatabaseError(
            f"cannot grant {name!r}: {self.version} has no roles",
            "Whoever may open the file may call its models.",
        )

    def revoke(self, name: str, role: str) -> None:
        """No longer let a role call a model.

        Raises: DatabaseError where there are no roles, or when it was not granted.
        """
        self.grant(name, role)

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
    def install_udf(self, deployment: Deployment, table: Table, server_python: str | None, size: int) -> None:
        """Create the functions of one version that runs as Python; its model is in the registry already.

        size: the bytes of its model file.

        server_python: a folder of packages that the server's Python is to find, where the server runs Python itself.

        Raises: DeployError when the database cannot run it, naming what was found and what is needed.
        """

    @abstractmethod
    def refused_providers(self, graph: bytes, names: Sequence[str], server_python: str | None) -> dict[str, str]:
        """Why execution providers of ONNX Runtime do not run an ONNX graph where this database runs Python; "" if so.

        Nothing is changed.

        Raises: DeployError when the server cannot be asked.
        """

    @abstractmethod
    def remove(self, name: str, versions: Sequence[Deployment]) -> None:
        """Drop the functions of versions, which nothing public calls any more, and those named `name` ("": none)."""

    @abstractmethod
    def rebuild(self, deployments: Sequence[Deployment]) -> None:
        """Make predict() and its kin, and the functions named after the models, anew."""

    @abstractmethod
    def predictions(self, deployment: Deployment, table: Table, limit: int | None) -> tuple[list[Row], list[Row]]:
        """(the bound columns, the value of each lane) of rows of a table, computed by the installed functions."""

    @abstractmethod
    def write_proof(self, deployment: Deployment, table: Table, rows: Sequence[GoldenRow]) -> None:
        """Have the database itself compare the golden rows of a version with what its functions give."""

    def held(self, deployment: Deployment, table: Table, rows: Sequence[Row]) -> Sequence[Row]:
        """Those rows of the bound columns that the table could hold: a domain may have constraints."""
        return rows

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
        return emit.select(model, self.dialect, source, key, columns, outputs, SOURCE, deployment.constants)

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
