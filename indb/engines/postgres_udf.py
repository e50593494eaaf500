"""Models as PL/Python in PostgreSQL.

Once, by a superuser (see udfs/README.md and sql/postgres/udf.sql):

    indb.runtime()                  holds the modules that score as text, and imports them once in a session
    indb.accept_model(…)            keeps a model in the session's memory if its file has the digest asked for
    indb.load_model(digest, slot)   reads a model's file from the registry for any user
    indb.score(model, query)        a table of scores, in batches

For a model `late` in version 1, beside the SQL functions of its lanes:

    "late@1.udf"(slot, …)           the value of one lane of a row as a double, NaN where it is missing
    "late@1.batch"(…)               the values of some lanes of many rows
    "late@1.select"(query)          the text of the SELECT that indb.score runs

A lane's function is one SQL expression: `coalesce(udf(slot, …), udf(load_model(digest, slot), …))`. The row function
gives NULL while the session has not loaded its model; then load_model is called, and it again. PL/Python cannot load it
itself, because before PostgreSQL 18 it cannot ask the database anything in a parallel worker.

They are STABLE: they read the registry, and another numpy may round exp() otherwise. No result of theirs changes as
long as a query runs.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pprint import pformat
from typing import TYPE_CHECKING

import psycopg

from indb.emit import Body, Strategy
from indb.emit.outputs import output_lanes
from indb.emit.statement import _free_names as free_names
from indb.engines import postgres_functions as functions
from indb.engines.base import SOURCE, Table, quoted, text
from indb.engines.deployment import BoundColumn, Deployment, Lane
from indb.engines.postgres_functions import TYPES, Function
from indb.engines.sqlfiles import sql_file, udf_file
from indb.errors import DatabaseError, DeployError
from indb.ir import Model

if TYPE_CHECKING:
    from indb.engines.postgres import Postgres

MAX_MODEL_BYTES = 256 << 20
"""How large a model file may be: every session and every parallel worker that uses it holds it in memory."""

BATCH_ROWS = 10_000
"""How many rows go into Python at once."""

ROW_COST, BATCH_COST = 1_000, 1_000_000
"""COST of a call, in units of a simple operator: a row takes Python 20 us and more, a batch of 10,000 some 50 ms."""

NAMES = frozenset({"runtime", "accept_model", "load_model", "doubles", "score", "score_statement"})
"""The functions that every model shares."""

INTERNAL = (".select", ".batch", ".udf")
"""What the names of a version's own functions end with."""

_MODULES = ("errors", "ops", "ir", "rules", "describe", "evaluate", "codec")
"""What is installed besides indb.runtime."""


def is_udf(deployment: Deployment) -> bool:
    """Whether a version runs as PL/Python."""
    return deployment.strategy == Strategy.UDF.value


def install(database: Postgres, deployment: Deployment, table: Table, server_python: str | None) -> None:
    """Create the functions of a version, and those that all share; then load the model once.

    Raises: DeployError saying what the server or the role lacks, and when the model is too large or cannot be loaded.
    """
    try:
        _check_role(database, deployment)
        _check_size(database, deployment)
        _create_language(database, deployment)
        with _path(database):
            _create_runtime(database, server_python)
            _create_version(database, deployment, table)
            database.execute("SELECT indb.load_model(%s, 0)", (deployment.digest,))
    except psycopg.Error as error:
        problem = database.driver_problem("", error)
        raise _refused(database, deployment, problem.message.removeprefix("cannot : "), problem.hint) from error


def _refused(database: Postgres, deployment: Deployment, problem: str, hint: str | None) -> DeployError:
    return DeployError(f"cannot deploy {deployment.name!r} to {database.version} as a UDF: {problem}", hint)


def _check_role(database: Postgres, deployment: Deployment) -> None:
    role, is_super = database.rows("SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user")[0]
    if not is_super:
        raise _refused(
            database, deployment, f"found role {role!r}, needed a superuser to create functions in plpython3u",
            "Connect as a superuser, or deploy it as SQL: strategy='staged', --strategy staged.",
        )  # fmt: skip


def _check_size(database: Postgres, deployment: Deployment) -> None:
    size = database.rows(
        "SELECT length(model) FROM indb.models WHERE name = %s AND version = %s", (deployment.name, deployment.version)
    )[0][0]
    if size > MAX_MODEL_BYTES:
        raise _refused(
            database, deployment,
            f"its model file has {size / (1 << 20):.1f} MiB, needed at most {MAX_MODEL_BYTES / (1 << 20):.0f} MiB",
            "Every session that uses a model holds it in memory: train a smaller one.",
        )  # fmt: skip


def _create_language(database: Postgres, deployment: Deployment) -> None:
    if database.rows("SELECT 1 FROM pg_language WHERE lanname = 'plpython3u'"):
        return
    if not database.rows("SELECT 1 FROM pg_available_extensions WHERE name = 'plpython3u'"):
        major = database.connection.info.server_version // 10000
        raise _refused(
            database, deployment, "language plpython3u is missing, and the server has no package of it",
            f"Install it where the server runs (Debian: apt-get install postgresql-plpython3-{major} python3-numpy), "
            "or deploy the model as SQL: strategy='staged', --strategy staged.",
        )  # fmt: skip
    database.execute("CREATE EXTENSION plpython3u")


@contextmanager
def _path(database: Postgres) -> Iterator[None]:
    """A search_path on which nobody can put functions or operators of their own."""
    path = database.rows("SELECT current_setting('search_path')")[0][0]
    database.execute("SELECT set_config('search_path', 'pg_catalog, pg_temp', true)")
    yield
    database.execute("SELECT set_config('search_path', %s, true)", (path,))


# What all models share


def sources() -> tuple[str, dict[str, str]]:
    """The name of the runtime's package, and the text of each module in it under the name below that package."""
    package = files("indb")
    found = {name: package.joinpath(f"{name}.py").read_text(encoding="utf-8") for name in _MODULES}
    for module in sorted(package.joinpath("runtime").iterdir(), key=lambda each: each.name):
        if module.name.endswith(".py"):
            found[f"runtime.{module.name[:-3]}"] = module.read_text(encoding="utf-8")
    found["runtime"] = found.pop("runtime.__init__")
    found["served"] = udf_file("served.py")
    name = f"_indb_runtime_{hashlib.sha256(repr(sorted(found.items())).encode()).hexdigest()[:16]}"
    imports = re.compile(r"^(\s*(?:from|import) )indb\b", re.MULTILINE)
    return name, {key: imports.sub(rf"\g<1>{name}", value) for key, value in found.items()}


def _create_runtime(database: Postgres, server_python: str | None) -> None:
    """Create what all models share, or bring it up to this version of indb.

    A server_python that was given once stays until another is given.
    """
    found = database.rows("SELECT prosrc FROM pg_proc WHERE oid = to_regprocedure('indb.runtime()')")
    if server_python is None and found:
        server_python = ast.literal_eval(re.findall(r"^SERVER_PYTHON = (.*)$", found[0][0], re.MULTILINE)[0])
    package, modules = sources()
    body = (
        f"from typing import Any\nPACKAGE = {package!r}\nSERVER_PYTHON = {server_python!r}\n"
        f"SOURCES = {pformat(modules, width=10**9, sort_dicts=False)}\n"
        f"{_definition('runtime')}\nruntime(GD, plpy, PACKAGE, SOURCES, SERVER_PYTHON)"
    )
    accept = f"from typing import Any\n{_definition('accept')}\nreturn accept(GD, plpy, *args)"
    _create_python(database, "runtime", "()", "void", body)
    _create_python(database, "accept_model", "(text, bytea, text[])", "boolean", accept)
    database.execute(sql_file("postgres", "udf.sql"))


def _definition(name: str) -> str:
    """The text of a function of udfs/postgres.py."""
    source = udf_file("postgres.py")
    (found,) = [each for each in ast.parse(source).body if isinstance(each, ast.FunctionDef) and each.name == name]
    return str(ast.get_source_segment(source, found))


def _create_python(database: Postgres, name: str, arguments: str, returns: str, body: str) -> None:
    # RESTRICTED, because they change the process that they run in: a statement of load_model must not hand them to a
    # worker. load_model itself is safe, also in a worker: an expression runs in one process.
    database.execute(
        f"CREATE OR REPLACE FUNCTION indb.{name}{arguments} RETURNS {returns} LANGUAGE plpython3u VOLATILE "
        f"PARALLEL RESTRICTED AS {functions.dollar_quoted(chr(10) + body + chr(10))}"
    )


# What each version has


def _create_version(database: Postgres, deployment: Deployment, table: Table) -> None:
    comment = f"indb: {deployment.pinned}, {deployment.digest[:12]}"

    def create(name: str, arguments: Sequence[tuple[str, str]], returns: str, body: Body, cost: int = 0) -> None:
        volatility = "IMMUTABLE" if name.endswith(".select") else "STABLE"
        functions.create(database, Function(name, tuple(arguments), returns, body, volatility, comment, cost))

    # Without names: PL/Python makes a global variable of each named argument, for each row.
    row = [("", each) for each in ("integer", "bytea", "text[]")]
    create(f"{deployment.pinned}.udf", row, "double precision", _python(deployment, "row"), ROW_COST)
    batch = [("", each) for each in ("integer", "integer[]", "bigint", "bytea", "text[]")]
    create(f"{deployment.pinned}.batch", batch, "text[]", _python(deployment, "batch"), BATCH_COST)
    for lane in deployment.lanes:
        value = _lane(deployment, lane, lambda column: f"r.{quoted(column.column)}")
        create(deployment.function(lane), [("r", table.sql)], TYPES[lane.type], Body("expression", value))
    by_column = functions.by_column(deployment)
    predict = next((lane for lane in deployment.lanes if lane.suffix == ""), None)
    if by_column is not None and predict is not None:
        places = {column.model: f"${number}" for number, column in enumerate(deployment.columns, start=1)}
        value = _lane(deployment, predict, lambda column: places[column.model])
        create(deployment.pinned, by_column, TYPES[predict.type], Body("expression", value))
    if any(lane.output in _SCORES for lane in deployment.lanes):
        create(f"{deployment.pinned}.select", [("", "text")], "text", Body("expression", _score_text(deployment)))


def _python(deployment: Deployment, method: str) -> Body:
    numbers, texts = _columns(deployment)
    layout = {
        "numbers": [column.model for column in numbers],
        "texts": [column.model for column in texts],
        "slots": [[lane.target, lane.output, lane.lane, _is_label(deployment, lane)] for lane in _slots(deployment)],
    }
    refused = f"the session has not loaded model {deployment.digest[:12]}"
    return Body(
        "plpython3u",
        f"\nmodel = GD.get({'indb ' + deployment.digest!r})\nif model is None:\n    if args[0] < 0:\n"
        f"        plpy.error({refused!r})\n    return None\nLAYOUT = {json.dumps(layout)!r}\n"
        f"return model.{method}(LAYOUT, args)\n",
    )


def _columns(deployment: Deployment) -> tuple[list[BoundColumn], list[BoundColumn]]:
    """The columns that go into Python as doubles, and those that go as texts."""
    texts = [column for column in deployment.columns if column.kind in ("text", "enum")]
    return [column for column in deployment.columns if column not in texts], texts


def _slots(deployment: Deployment) -> list[Lane]:
    """The lanes that Python computes: a label as text is made in SQL of what predict gives."""
    return [lane for lane in deployment.lanes if lane.output != "predict_label"]


def _slot(deployment: Deployment, target: str, output: str, lane: int) -> int:
    slots = [(each.target, each.output, each.lane) for each in _slots(deployment)]
    return slots.index((target, "predict" if output == "predict_label" else output, lane))


def _labels(deployment: Deployment, target: str) -> tuple[str, ...] | None:
    return next(each.labels for each in deployment.targets if each.name == target)


def _is_label(deployment: Deployment, lane: Lane) -> bool:
    return lane.output in ("predict", "predict_label") and _labels(deployment, lane.target) is not None


def _values(deployment: Deployment, column: Callable[[BoundColumn], str]) -> tuple[str, str]:
    """The numbers and the texts of a row as arrays ("" for none), in SQL that means the same on every search_path."""
    numbers, texts = _columns(deployment)
    casts = [f"CAST({column(each)} AS integer)" if each.kind == "boolean" else column(each) for each in numbers]
    doubles = [f"COALESCE(CAST({each} AS double precision), CAST('NaN' AS double precision))" for each in casts]
    words = [f"CAST({column(each)} AS pg_catalog.text)" for each in texts]
    return (f"ARRAY[{', '.join(doubles)}]" if doubles else "", f"ARRAY[{', '.join(words)}]" if words else "")


def _lane(deployment: Deployment, lane: Lane, column: Callable[[BoundColumn], str]) -> str:
    """A lane of one row, in its own type."""
    numbers, texts = _values(deployment, column)
    values = [f"indb.doubles({numbers}, 21)" if numbers else "NULL", texts or "NULL"]
    slot = str(_slot(deployment, lane.target, lane.output, lane.lane))
    name = f"indb.{quoted(deployment.pinned + '.udf')}"
    loaded = f"indb.load_model({text(deployment.digest)}, {slot})"
    calls = [f"{name}({', '.join([first, *values])})" for first in (slot, loaded)]
    value = f"NULLIF(COALESCE({', '.join(calls)}), CAST('NaN' AS double precision))"
    return _typed(deployment, lane, f"CAST({value} AS integer)") if _is_label(deployment, lane) else value


def _typed(deployment: Deployment, lane: Lane, place: str) -> str:
    """The label at a place, counted from 1, in the type of the lane."""
    labels = ", ".join(text(label) for label in _labels(deployment, lane.target) or ())
    type_ = "pg_catalog.text" if lane.type == "text" else TYPES[lane.type]
    return f"(CAST(ARRAY[{labels}] AS {type_}[]))[{place}]"


# Whole tables


def check_key(database: Postgres, source: str, key: Sequence[str]) -> None:
    """Refuse a key of arrays, which would come out of a batch in pieces.

    Raises: DatabaseError.
    """
    fields = ", ".join(f"{SOURCE}.{quoted(name)}" for name in key)
    described = database.execute(f"SELECT {fields} FROM {source} AS {SOURCE} LIMIT 0").description
    types = [column.type_code for column in described]
    found = database.rows("SELECT typcategory FROM pg_catalog.pg_type WHERE oid = ANY (%s::oid[])", (types,))
    if ("A",) in found:
        raise DatabaseError(f"cannot score by key {', '.join(key)}: found an array, needed a plain value")


def select(deployment: Deployment, model: Model, source: str, key: Sequence[str], outputs: Sequence[str]) -> str:
    """The SELECT of `Engine.select`, in batches."""
    every = output_lanes(model)
    emitted = [lane for lane in every if lane.output in outputs] or every
    lanes = [
        next(
            own
            for own in deployment.lanes
            if (own.target, own.output, own.lane) == (each.target, each.output, each.lane)
        )
        for each in emitted
    ]
    slots = [_slot(deployment, lane.target, lane.output, lane.lane) for lane in lanes]
    values = [
        _typed(deployment, lane, f"u.v{number}") if _is_label(deployment, lane) else f"u.v{number}"
        for number, lane in enumerate(lanes)
    ]
    names = free_names([lane.name for lane in emitted], key)
    fields = [f"u.k{number} AS {quoted(name)}" for number, name in enumerate(key)]
    fields += [f"{value} AS {quoted(name)}" for value, name in zip(values, names, strict=True)]
    keys = [f"{SOURCE}.{quoted(name)}" for name in key]
    return f"SELECT {', '.join(fields)}\nFROM {_batches(deployment, f'{source} AS {SOURCE}', keys, slots)}"


def _batches(deployment: Deployment, source: str, keys: Sequence[str], slots: Sequence[int]) -> str:
    """What stands in FROM: rows `u` with the keys k0 … and the slots v0 … (doubles, or places of labels)."""
    numbers, texts = _values(deployment, lambda column: f"{SOURCE}.{quoted(column.column)}")
    inner = [f"{each} AS k{number}" for number, each in enumerate(keys)]
    inner += [f"{numbers} AS n"] if numbers else []
    inner += [f"{texts} AS t"] if texts else []
    inner += ["pg_catalog.row_number() OVER () AS i"]
    packed = [
        f"ARRAY[{', '.join(map(str, slots))}]", "pg_catalog.count(*)",
        "indb.doubles(pg_catalog.array_agg(s.n), 29)" if numbers else "NULL",
        "pg_catalog.array_agg(s.t)" if texts else "NULL",
    ]  # fmt: skip
    name = f"indb.{quoted(deployment.pinned + '.batch')}"
    calls = [
        f"{name}({', '.join([first, *packed])})" for first in ("0", f"indb.load_model({text(deployment.digest)}, 0)")
    ]
    outer = [f"pg_catalog.array_agg(s.k{number}) AS k{number}" for number in range(len(keys))]
    types = ["integer" if _is_label(deployment, _slots(deployment)[slot]) else "double precision" for slot in slots]
    fields = [f"pg_catalog.unnest(b.k{number}) AS k{number}" for number in range(len(keys))]
    fields += [
        f"pg_catalog.unnest(CAST((b.o)[{number + 1}] AS {type_}[])) AS v{number}" for number, type_ in enumerate(types)
    ]
    return (
        f"(\n  SELECT {', '.join(fields)}\n  FROM (\n    SELECT {', '.join(outer)},\n"
        f"      COALESCE({', '.join(calls)}) AS o\n"
        f"    FROM (SELECT {', '.join(inner)} FROM {source}) AS s\n"
        f"    GROUP BY s.i OPERATOR(pg_catalog./) {BATCH_ROWS}\n  ) AS b\n) AS u"
    )


_SCORES = ("predict", "predict_proba", "decision_function")
"""What indb.score gives."""


def _score_text(deployment: Deployment) -> str:
    """The body of "<version>.select": the text of a query goes between two constants."""
    slots = [number for number, lane in enumerate(_slots(deployment)) if lane.output in _SCORES]
    place = {slot: f"u.v{number}" for number, slot in enumerate(slots)}
    rows = ", ".join(f"({', '.join(_score_row(deployment, target.name, place))})" for target in deployment.targets)
    before = (
        "SELECT u.k0, w.target, w.predict, w.predict_label, w.predict_proba, w.predict_score\nFROM "
        + _batches(
            deployment, f'(\n\0\n) AS {SOURCE}("indb key")', [f'CAST({SOURCE}."indb key" AS pg_catalog.text)'], slots
        )
        + f",\nLATERAL (VALUES {rows}) AS w(target, predict, predict_label, predict_proba, predict_score)"
    )
    before, after = before.split("\0")
    return f"pg_catalog.concat({text(before)}, $1, {text(after)})"


def _score_row(deployment: Deployment, target: str, place: dict[int, str]) -> list[str]:
    """The columns of indb.score for a target."""

    def places(output: str) -> list[str]:
        return [place[_slot(deployment, target, output, lane.lane)] for lane in deployment.find(target, output)]

    def array(output: str) -> str:
        found = places(output)
        return f"ARRAY[{', '.join(found)}]" if found else "CAST(NULL AS double precision[])"

    predict = deployment.find(target, "predict")
    number, label = "CAST(NULL AS double precision)", "CAST(NULL AS pg_catalog.text)"
    if predict:
        number = places("predict")[0]
        if _labels(deployment, target) is not None:
            label = _typed(deployment, deployment.find(target, "predict_label")[0], number)
            number = _label_number(deployment, predict[0], number)
    name = text(target) if len(deployment.targets) > 1 else "CAST(NULL AS pg_catalog.text)"
    return [name, number, label, array("predict_proba"), array("decision_function")]


def _label_number(deployment: Deployment, lane: Lane, place: str) -> str:
    """A label as predict() gives it: as a double, NULL for a text."""
    if lane.type == "text":
        return "CAST(NULL AS double precision)"
    value = _typed(deployment, lane, place)
    value = f"CAST({value} AS integer)" if lane.type == "boolean" else value
    return f"CAST({value} AS double precision)"
