"""Models that run in Python in DuckDB: one vectorised Arrow function for each version.

For a model `late` in version 1, beside the macros of duckdb_macros.py:

    "late@1.udf.<digest>"(1, age, city)  in the file: a macro that raises an error saying how to run the model;
                                       in a connection of indb: a temporary macro that hides it and calls
    "python:7:late@1"(1, {age}, city)  the Python function, which gives a STRUCT with a field for each lane

A Python function is no part of the file. If the macros called it by its name, no query with predict() could be bound in
a file that is opened without indb, not even for models that are SQL: all arms of predict() are bound.

Traps. A connection that is closed lets go of its Python functions, while the catalog of the database still has them,
for all connections; to call one then reads freed memory. So each connection has functions of its own under names that
are never used twice, and only its temporary macros, which end with it, say these names. A rollback takes back what was
created in the catalog, but not what the connection holds, and it brings back a function that was removed though the
connection let go of it: functions are removed after the commit, never before.
"""

from __future__ import annotations

import inspect
import itertools
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

import duckdb
from duckdb.func import ARROW, SPECIAL

from indb.emit import output_lanes
from indb.emit.statement import free_names
from indb.engines import duckdb_macros as macros
from indb.engines.deployment import BoundColumn, Deployment
from indb.engines.duckdb_arrow import PythonModel, asked, by_type, is_text
from indb.engines.tables import SOURCE, quoted, text
from indb.errors import DatabaseError, DeployError
from indb.ir import Model

if TYPE_CHECKING:
    from indb.engines.duckdb import DuckDB

_TYPES = {"double": "DOUBLE", "bigint": "BIGINT", "boolean": "BOOLEAN", "text": "VARCHAR"}
"""Type of a lane -> type of its field."""

_NUMBERS = itertools.count(1)
"""What tells the Python functions of this process apart."""


def install(database: DuckDB, deployment: Deployment) -> None:
    """Create the macros and the Python function of one version, whose model is in the registry.

    Raises: DeployError when pyarrow is missing, ModelFileError when the model cannot be loaded.
    """
    if not _has_pyarrow():
        raise DeployError(f"cannot deploy {deployment.name!r} as a UDF: pyarrow is missing", _INSTALL)
    name = macros.python_name(deployment)
    database.write(f"CREATE OR REPLACE MACRO {macros.macro(name)}{_refusal(deployment, _REASON, _NEXT_STEP)}")
    cores = [
        (lane, _field(_call(deployment, asked(deployment, lane.output)), number))
        for number, lane in enumerate(deployment.lanes)
    ]
    by_column = next((code for lane, code in cores if lane.suffix == ""), None)
    macros.install_cores(database, deployment, cores, by_column)
    if database.is_written_down:  # a script makes no Python function: indb.connect does
        return
    model = PythonModel(deployment, lambda: database.model_bytes(deployment), threads_of(database))
    model.load()  # not at the first query: other connections do not see the registry's row before the commit
    database.functions.add(database, deployment, model)


_INSTALL = 'pip install "indb[udf]"'
_REASON = "it runs in Python, which this connection does not know"
_NEXT_STEP = "Open the database with indb.connect, or hand it this connection."


def _call(deployment: Deployment, groups: int, prefix: str = "") -> str:
    """The Python function of a version, called for groups of outputs and columns that are found behind `prefix`."""
    values = [f"CAST({groups} AS TINYINT)", *(read(column, prefix) for column in deployment.columns)]
    return f"{quoted(macros.python_name(deployment))}({', '.join(values)})"


def read(column: BoundColumn, prefix: str) -> str:
    """A column as Python is given it."""
    value = column.read(prefix) if prefix else quoted(column.column)
    return f"CAST({value} AS {'VARCHAR' if is_text(column) else 'DOUBLE'})"


def select(deployment: Deployment, model: Model, source: str, key: Sequence[str], outputs: Sequence[str]) -> str:
    """One SELECT over `source` as `indb.emit.select` writes it, from one call of the function for each row."""
    lanes = wanted_lanes(deployment, model, key, outputs)
    inner = [f"{SOURCE}.{quoted(name)} AS key_{number}" for number, name in enumerate(key)]
    outer = [f"scored.key_{number} AS {quoted(name)}" for number, name in enumerate(key)]
    outer += [f"{_field('scored.lanes', number)} AS {quoted(name)}" for number, name in lanes]
    inner.append(f"{_call(deployment, groups_of(deployment, lanes), SOURCE + '.')} AS lanes")
    return f"SELECT {', '.join(outer)}\nFROM (SELECT {', '.join(inner)}\n  FROM {source} AS {SOURCE}) AS scored"


def wanted_lanes(
    deployment: Deployment, model: Model, key: Sequence[str], outputs: Sequence[str]
) -> list[tuple[int, str]]:  # fmt: skip
    """The number of each lane of some outputs, and its name in a table of scores beside the columns of the key."""
    every = output_lanes(model)
    lanes = [lane for lane in every if lane.output in outputs] or every
    positions = {(lane.target, lane.output, lane.lane): number for number, lane in enumerate(deployment.lanes)}
    names = free_names([lane.name for lane in lanes], key)
    return [(positions[lane.target, lane.output, lane.lane], name) for lane, name in zip(lanes, names, strict=True)]


def groups_of(deployment: Deployment, lanes: Sequence[tuple[int, str]]) -> int:
    """The groups that some lanes are of, as `asked` numbers them."""
    return reduce(or_, (asked(deployment, deployment.lanes[number].output) for number, _ in lanes))


def _field(struct: str, number: int) -> str:
    return f"struct_extract({struct}, 'lane_{number}')"


def _refusal(deployment: Deployment, reason: str, next_step: str) -> str:
    """Parameters and body of a macro that takes the columns and raises an error."""
    fields = ", ".join(f"lane_{number} {_TYPES[lane.type]}" for number, lane in enumerate(deployment.lanes))
    error = f"indb.refuse({text(deployment.pinned)}, {text(reason)}, {text(next_step)})"
    return f"({_parameters(deployment)}) AS CAST({error} AS STRUCT({fields}))"


def _parameters(deployment: Deployment) -> str:
    return ", ".join(["asked", *(f"c{number}" for number in range(len(deployment.columns)))])


def _has_pyarrow() -> bool:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        return False
    return True


def threads_of(database: DuckDB) -> int:
    """How many threads work on a query."""
    return int(database.rows("SELECT current_setting('threads')")[0][0])


class Functions:
    """The Python functions of one connection: those made and dropped in a transaction stay so only if it commits."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = weakref.ref(connection)  # it holds the functions: another reference would be a circle
        self._made: dict[str, _Function] = {}
        self._added: list[str] = []
        self._dropped: dict[str, _Function] = {}
        self._unsure: set[str] = set()

    def sync(self, database: DuckDB, deployments: Sequence[Deployment]) -> None:
        """Make what the registry has and this connection lacks; drop what the registry lacks."""
        wanted = {macros.python_name(each): each for each in deployments if macros.is_python(each)}
        self._forget_what_was_rolled_back(database)
        if wanted.keys() == self._made.keys():
            return
        registry = f"{quoted(database.rows('SELECT current_database()')[0][0])}.indb.models"
        with database.transaction_if_none() as is_ours:
            for name in wanted.keys() - self._made.keys():
                read = self._reader(registry, wanted[name])
                self.add(database, wanted[name], PythonModel(wanted[name], read, threads_of(database)))
            if is_ours:
                for name in self._made.keys() - wanted.keys():
                    self._drop(database, name)
            else:
                self._unsure.update(self._added)
                self._added.clear()

    def _forget_what_was_rolled_back(self, database: DuckDB) -> None:
        """Functions that were made in a transaction of the user's may be gone."""
        if self._unsure:
            query = "SELECT function_name FROM duckdb_functions() WHERE database_name = 'temp'"
            for name in self._unsure - {row[0] for row in database.rows(query)}:
                del self._made[name]
            self._unsure.clear()

    def _reader(self, registry: str, deployment: Deployment) -> Callable[[], bytes]:
        """What reads a model from the registry, also while this connection runs a query."""
        connection, pinned = self._connection, deployment.pinned

        def read() -> bytes:
            parent = connection()
            if parent is None:
                raise DatabaseError(f"cannot predict with {pinned!r}: its connection is gone", _NEXT_STEP)
            with parent.cursor() as cursor:
                found = cursor.execute(f"SELECT model FROM {registry} WHERE digest = ?", [deployment.digest]).fetchone()
            if found is None:
                raise DatabaseError(f"cannot predict with {pinned!r}: it was dropped", "Deploy it again.")
            return bytes(found[0])

        return read

    def add(self, database: DuckDB, deployment: Deployment, model: PythonModel) -> None:
        """Create the function of a version, and the temporary macro that calls it."""
        name = macros.python_name(deployment)
        if _has_pyarrow():
            function = f"python:{next(_NUMBERS)}:{deployment.pinned}"
            _create(database.connection, function, model)
            body = f"({_parameters(deployment)}) AS system.main.{quoted(function)}({_arguments(deployment)})"
        else:
            function = None
            body = _refusal(deployment, "it runs in Python, where pyarrow is missing", _INSTALL)
        self._made[name] = _Function(function, model)
        self._added.append(name)
        database.execute(f"CREATE OR REPLACE TEMP MACRO {quoted(name)}{body}")

    def model(self, deployment: Deployment) -> PythonModel | None:
        """The model of a version, None where its function cannot run."""
        found = self._made.get(macros.python_name(deployment))
        return found.model if found and found.name else None

    def _drop(self, database: DuckDB, name: str) -> None:
        database.execute(f"DROP MACRO IF EXISTS temp.main.{quoted(name)}")
        self._dropped[name] = self._made.pop(name)

    def committed(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Remove the functions that were dropped."""
        self._added.clear()
        while self._dropped:
            self._dropped.popitem()[1].remove(connection)

    def roll_back(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Remove the functions that were added, while the transaction that made them is still open."""
        for name in self._added:
            self._made.pop(name).remove(connection)
        self._added.clear()
        self._made.update(self._dropped)
        self._dropped.clear()

    def __bool__(self) -> bool:
        return bool(self._made or self._unsure)

    def free(self) -> None:
        """Let go of the models, after the connection was closed."""
        for function in self._made.values():
            function.model.free()
        self._made.clear()


def _arguments(deployment: Deployment) -> str:
    """What the Python function is given for the parameters of the macro."""
    names = {column.model: f"c{number}" for number, column in enumerate(deployment.columns)}
    return ", ".join(["asked", *packed(deployment, lambda column: names[column.model])])


def packed(deployment: Deployment, write: Callable[[BoundColumn], str]) -> list[str]:
    """What the Python function is given after the groups: a struct of the numbers, then the texts."""
    numbers, texts = by_type(deployment)
    fields = ", ".join(f"c{position} := {write(column)}" for position, column in enumerate(numbers))
    return [*([f"struct_pack({fields})"] if fields else []), *map(write, texts)]


@dataclass(frozen=True, slots=True)
class _Function:
    """A Python function of a connection by its name there (None: pyarrow is missing), and the model that it runs."""

    name: str | None
    model: PythonModel

    def remove(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.model.free()
        if self.name is not None:
            with suppress(duckdb.Error):  # an aborted transaction removes nothing: its end does
                connection.remove_function(self.name)


def _create(connection: duckdb.DuckDBPyConnection, name: str, model: PythonModel) -> None:
    """Create a Python function for a model; DuckDB asks it for as many parameters as there are types."""
    deployment = model.deployment

    def predict(*columns: Any) -> Any:
        return model.score(columns)

    numbers, texts = by_type(deployment)
    types: list[Any] = ["TINYINT"]
    if numbers:
        types.append(connection.struct_type({f"c{number}": "DOUBLE" for number in range(len(numbers))}))
    types += ["VARCHAR"] * len(texts)
    names = [inspect.Parameter(f"c{number}", inspect.Parameter.POSITIONAL_ONLY) for number in range(len(types))]
    predict.__signature__ = inspect.Signature(names)  # type: ignore[attr-defined]
    fields = {f"lane_{number}": _TYPES[lane.type] for number, lane in enumerate(deployment.lanes)}
    connection.create_function(
        name, predict, types, connection.struct_type(fields),
        type=ARROW, null_handling=SPECIAL, side_effects=False,
    )  # fmt: skip


_FUNCTIONS: weakref.WeakKeyDictionary[duckdb.DuckDBPyConnection, Functions] = weakref.WeakKeyDictionary()


def functions_of(connection: duckdb.DuckDBPyConnection) -> Functions:
    """The functions of a connection, the same each time that it is handed in."""
    return _FUNCTIONS.setdefault(connection, Functions(connection))
