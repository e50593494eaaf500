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
itself, because in a parallel worker (of PostgreSQL 15) it cannot ask the database anything.

They are STABLE: they read the registry, and another numpy may round exp() otherwise. No result of theirs changes as
long as a query runs.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING

import psycopg

from indb.emit import Body, Strategy
from indb.engines import postgres_functions as functions
from indb.engines import postgres_udf_sql as sql
from indb.engines.deployment import Deployment
from indb.engines.postgres_functions import TYPES, Function
from indb.engines.sqlfiles import sql_file, udf_file
from indb.engines.tables import SOURCE, Table, quoted, text
from indb.errors import DatabaseError, DeployError

if TYPE_CHECKING:
    from indb.engines.postgres import Postgres

MAX_MODEL_BYTES = 256 << 20
"""How large a model file may be: every session and every parallel worker that uses it holds it in memory."""

ROW_COST, BATCH_COST = 1_000, 1_000_000
"""COST of a call, in units of a simple operator: a row takes Python 20 us and more, a batch of 10,000 some 50 ms."""

NAMES = frozenset({"runtime", "accept_model", "load_model", "doubles", "double_of", "score", "score_statement"})
"""The functions that every model shares."""

_MODULES = ("errors", "ops", "blocks", "ir", "rules", "describe", "evaluate", "codec")
_PACKAGES = ("onnxfile", "runtime")
"""The modules and packages of indb that are installed in the server."""


def is_udf(deployment: Deployment) -> bool:
    """Whether a version runs as PL/Python."""
    return deployment.strategy == Strategy.UDF.value


def install(
    database: Postgres, deployment: Deployment, table: Table, server_python: str | None, size: int
) -> None:  # fmt: skip
    """Create the functions of a version, and those that all share; then load the model once. size: that of its file.

    Raises: DeployError saying what the server or the role lacks, and when the model is too large or cannot be loaded.
    """
    try:
        _check_role(database, deployment)
        _check_size(database, deployment, size)
        _create_language(database, deployment)
        with _path(database):
            _check_owners(database, deployment)
            _create_runtime(database, server_python)
            _create_version(database, deployment, table)
            database.write(f"SELECT indb.load_model({text(deployment.digest)}, 0)")
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


def _check_owners(database: Postgres, deployment: Deployment) -> None:
    """What is there under the names of the functions that all models share must have been made by a superuser."""
    found = database.rows(
        "SELECT p.oid::regprocedure::text, r.rolname FROM pg_proc AS p JOIN pg_roles AS r ON r.oid = p.proowner "
        "WHERE p.pronamespace = to_regnamespace('indb')::oid AND p.proname = ANY (%s) AND NOT r.rolsuper",
        (sorted(NAMES),),
    )
    if found:
        function, owner = found[0]
        raise _refused(
            database, deployment, f"function {function} belongs to {owner!r}, needed a superuser",
            f"Look at it, then DROP FUNCTION {function}.",
        )  # fmt: skip


def _check_size(database: Postgres, deployment: Deployment, size: int) -> None:
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
    database.write("CREATE EXTENSION plpython3u")


@contextmanager
def _path(database: Postgres) -> Iterator[None]:
    """A search_path on which nobody can put functions or operators of their own."""
    path = database.rows("SELECT current_setting('search_path')")[0][0]
    database.write("SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true)")
    yield
    database.write(f"SELECT pg_catalog.set_config('search_path', {text(path)}, true)")


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


# What all models share


def sources() -> tuple[str, dict[str, str]]:
    """The name of the runtime's package, and the text of each module in it under the name below that package."""
    package = files("indb")
    found = {name: package.joinpath(f"{name}.py").read_text(encoding="utf-8") for name in _MODULES}
    for name in _PACKAGES:
        for module in sorted(package.joinpath(name).iterdir(), key=lambda each: each.name):
            if module.name.endswith(".py"):
                found[f"{name}.{module.name[:-3]}"] = module.read_text(encoding="utf-8")
        found[name] = found.pop(f"{name}.__init__")
    found["served"] = udf_file("served.py")
    name = f"_indb_runtime_{hashlib.sha256(repr(sorted(found.items())).encode()).hexdigest()[:16]}"
    imports = re.compile(r"^(\s*(?:from|import) )indb\b", re.MULTILINE)
    return name, {key: imports.sub(rf"\g<1>{name}", value) for key, value in found.items()}


def _create_runtime(database: Postgres, server_python: str | None) -> None:
    """Create what all models share, or bring it up to this version of indb.

    A server_python that was given once stays until another is given.
    """
    for statement in shared(known_server_python(database) if server_python is None else server_python):
        database.write(statement)


def known_server_python(database: Postgres) -> str | None:
    """The folder of packages that an earlier deployment named, None where there is none."""
    found = database.rows("SELECT prosrc FROM pg_proc WHERE oid = to_regprocedure('indb.runtime()')")
    if not found:
        return None
    folder: str | None = ast.literal_eval(re.findall(r"^SERVER_PYTHON = (.*)$", found[0][0], re.MULTILINE)[0])
    return folder


def shared(server_python: str | None) -> list[str]:
    """The statements that create what all models share."""
    package, modules = sources()
    body = (
        f"from typing import Any\nPACKAGE = {package!r}\nSERVER_PYTHON = {server_python!r}\n"
        f"SOURCES = {modules!a}\n"  # one line, for PL/Python indents all; and a LATIN1 database has no …
        f"{_definition('finder')}\n{_definition('runtime')}\nruntime(GD, plpy, PACKAGE, SOURCES, SERVER_PYTHON)"
    )
    accept = f"from typing import Any\n{_definition('accept')}\nreturn accept(GD, plpy, *args)"
    return [
        _python_function("runtime", "()", "void", body),
        _python_function("accept_model", "(text, bytea, text[])", "boolean", accept),
        sql_file("postgres", "udf.sql"),
    ]


def _definition(name: str) -> str:
    """The text of a function of udfs/postgres.py."""
    source = udf_file("postgres.py")
    (found,) = [each for each in ast.parse(source).body if isinstance(each, ast.FunctionDef) and each.name == name]
    return str(ast.get_source_segment(source, found))


def _python_function(name: str, arguments: str, returns: str, body: str) -> str:
    # RESTRICTED, because they change the process that they run in: a statement of load_model must not hand them to a
    # worker. load_model itself is safe, also in a worker: an expression runs in one process.
    return (
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
    row = [("", each) for each in functions.INTERNAL[".udf"].split(", ")]
    create(f"{deployment.pinned}.udf", row, "double precision", _python(deployment, _ROW), ROW_COST)
    batch = [("", each) for each in functions.INTERNAL[".batch"].split(", ")]
    create(f"{deployment.pinned}.batch", batch, "text[]", _python(deployment, _BATCH), BATCH_COST)
    for lane in deployment.lanes:
        value = sql.lane_value(deployment, lane, lambda column: column.read("r."))
        create(deployment.function(lane), [("r", table.sql)], TYPES[lane.type], Body("expression", value))
    by_column = functions.by_column(deployment)
    predict = next((lane for lane in deployment.lanes if lane.suffix == ""), None)
    if by_column is not None and predict is not None:
        places = {column.model: f"${number}" for number, column in enumerate(deployment.columns, start=1)}
        value = sql.lane_value(deployment, predict, lambda column: places[column.model])
        create(deployment.pinned, by_column, TYPES[predict.type], Body("expression", value))
    if any(lane.output in sql.SCORES for lane in deployment.lanes):
        create(f"{deployment.pinned}.select", [("", "text")], "text", Body("expression", sql.score_text(deployment)))


def _layout(deployment: Deployment) -> str:
    """What Python has to know of a version's arguments and results, as JSON."""
    numbers, texts = sql.columns(deployment)
    parts = {
        "numbers": [column.model for column in numbers],
        "texts": [column.model for column in texts],
        "slots": [
            [lane.target, lane.output, lane.lane, sql.is_label(deployment, lane)] for lane in sql.slots(deployment)
        ],
    }
    return json.dumps(parts)


_ROW = """
row = GD.get({row!a})
if row is None:
    model = GD.get({model!a})
    if model is None:
        if args[0] < 0:
            plpy.error({problem!a} + "its model is not loaded")
        return None
    row = GD[{row!a}] = model.rows({layout!a})
try:
    return row(args)
except Exception as error:
    plpy.error({problem!a} + repr(error))
"""

_BATCH = """
model = GD.get({model!a})
if model is None:
    if args[0] < 0:
        plpy.error({problem!a} + "its model is not loaded")
    return None
try:
    return model.batch({layout!a}, args)
except Exception as error:
    plpy.error({problem!a} + repr(error))
"""


def _python(deployment: Deployment, body: str) -> Body:
    """A function that gives NULL while the session has not loaded the model."""
    layout = _layout(deployment)
    model = f"indb {deployment.digest}"
    row = f"{model} {hashlib.sha256(layout.encode()).hexdigest()[:16]}"
    problem = f"cannot predict with {deployment.pinned!r}: "
    return Body("plpython3u", body.format(model=model, row=row, layout=layout, problem=problem))
