"""The SQL functions of models in PostgreSQL.

For a model `late` in version 1 for table flights, in schema indb:

    "late@1"(r flights)              predict, in the label's own type
    "late@1.label"(r flights)        the label as text
    "late@1.proba.0"(r flights) …    a probability or a score for each lane
    "late@1"(age …, city …)          predict by column
    late(r flights), late(age …)     the newest version
    predict(model, r flights) …      one CASE over all models of the table

Each is one `RETURN expression` that the server inlines down to the columns, or a PL/pgSQL block where that would be too
big. Those of a model that runs as PL/Python are made by postgres_udf.py, under the same names. A function is as
volatile as what it calls: an enum becomes text by a STABLE cast, and a function that claims more than its body is not
inlined. predict() is STABLE, because another deployment may change what it means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indb.emit import Body, Strategy, header
from indb.engines import dispatch
from indb.engines.base import Table, binding, positional_binding, quoted, text
from indb.engines.deployment import Deployment, Lane, bodies, by_call_name, newest
from indb.ir import Model

if TYPE_CHECKING:
    from indb.engines.postgres import Postgres

MAX_ARGUMENTS = 100
"""FUNC_MAX_ARGS of the server: a model with more columns has no function by column."""

TYPES = {"double": "double precision", "text": "text", "bigint": "bigint", "boolean": "boolean"}


@dataclass(frozen=True, slots=True)
class Function:
    """A function to create: its name, arguments (name or "", type), result type, body, volatility, comment.

    `cost` is what the planner is told of a call, in units of a simple operator; 0: nothing.
    """

    name: str
    arguments: tuple[tuple[str, str], ...]
    returns: str
    body: Body
    volatility: str
    comment: str
    cost: int = 0

    @property
    def declared(self) -> str:
        """Its name and argument list."""
        arguments = ", ".join(f"{quoted(name)} {type}" if name else type for name, type in self.arguments)
        return f"indb.{quoted(self.name)}({arguments})"

    @property
    def signature(self) -> str:
        """Its name and argument types."""
        return f"indb.{quoted(self.name)}({', '.join(type for _, type in self.arguments)})"

    def sql(self, server_version: int) -> str:
        """CREATE OR REPLACE FUNCTION."""
        head = f"CREATE OR REPLACE FUNCTION {self.declared}\nRETURNS {self.returns}"
        if self.body.kind != "expression":  # in another language
            cost = f" COST {self.cost}" if self.cost else ""
            marks = f"LANGUAGE {self.body.kind} {self.volatility} PARALLEL SAFE{cost}"
            return f"{head}\n{marks} AS {dollar_quoted(self.body.text)}"
        if server_version < 140000:
            return (
                f"{head}\nLANGUAGE sql {self.volatility} PARALLEL SAFE AS {dollar_quoted('SELECT ' + self.body.text)}"
            )
        return f"{head}\nLANGUAGE sql {self.volatility} PARALLEL SAFE\nRETURN {self.body.text}"


def dollar_quoted(body: str) -> str:
    """A text between dollar quotes with a tag that it does not hold."""
    number = 0
    while f"$body{number}$" in body:
        number += 1
    return f"$body{number}${body}$body{number}$"


def create(database: Postgres, function: Function) -> None:
    """Create a function, or replace the one with the same argument types; views over it stay valid."""
    found = database.rows(
        "SELECT p.oid::regprocedure::text, p.proargnames, format_type(p.prorettype, NULL) "
        "FROM pg_proc AS p WHERE p.oid = to_regprocedure(%s)",
        (function.signature,),
    )
    names = [name for name, _ in function.arguments if name] or None
    if found and (found[0][1] != names or found[0][2] != function.returns):
        database.execute(f"DROP FUNCTION {found[0][0]}")
    database.execute(function.sql(database.connection.info.server_version))
    database.execute(f"COMMENT ON FUNCTION {function.signature} IS {text(function.comment)}")


def install(database: Postgres, deployment: Deployment, model: Model, table: Table, strategy: Strategy) -> None:
    """Create the functions of one version: one for each lane, and predict by column."""
    volatility = _volatility(deployment)
    row = (("r", table.sql),)
    comment = "indb: " + header(model, deployment.name, deployment.version, deployment.digest, None).replace("-- ", "")
    for lane, code in bodies(deployment, model, "postgres", binding(deployment.columns, "r"), strategy):
        name = deployment.function(lane)
        create(database, Function(name, row, TYPES[lane.type], code, volatility, comment))
    arguments = by_column(deployment)
    if arguments is not None:
        for lane, code in bodies(deployment, model, "postgres", positional_binding(deployment.columns), strategy):
            if lane.suffix == "":
                create(database, Function(deployment.pinned, arguments, TYPES[lane.type], code, volatility, comment))


def by_column(deployment: Deployment) -> tuple[tuple[str, str], ...] | None:
    """The arguments of the function by column; None for several targets or too many columns."""
    predicts = any(lane.suffix == "" for lane in deployment.lanes)
    if not predicts or len(deployment.columns) > MAX_ARGUMENTS:
        return None
    return tuple((column.column, column.type) for column in deployment.columns)


def _volatility(deployment: Deployment) -> str:
    return "STABLE" if any(column.kind == "enum" for column in deployment.columns) else "IMMUTABLE"


class _Spelling(dispatch.Spelling):
    def call(self, deployment: Deployment, lane: Lane) -> str:
        return f"indb.{quoted(deployment.function(lane))}(r)"

    def error(self, function: str, arguments: Sequence[str], type: str) -> str:
        call = f"indb.{function}({', '.join(arguments)})"
        return call if type == "text" else f"CAST({call} AS {TYPES[type]})"


SPELLING = _Spelling()


def rebuild(database: Postgres, deployments: Sequence[Deployment]) -> None:
    """Make predict() and its kin anew for every table, and each model's own function; drop those of no model."""
    wanted: list[Function] = []
    relations = {(each.schema, each.table) for each in deployments if each.table}
    for relation in sorted(relations):
        here = [each for each in deployments if (each.schema, each.table) == relation]
        wanted += _public(here, newest(deployments))
    wanted += [function for each in newest(deployments).values() if each.table for function in _named(each)]
    for function in wanted:
        create(database, function)
    _drop_others(database, wanted, {each.name for each in deployments})


def _public(here: Sequence[Deployment], latest: Mapping[str, Deployment]) -> list[Function]:
    """predict() and its kin for the row type of one table."""
    row = f"{quoted(here[0].schema)}.{quoted(here[0].table)}"
    names = {
        name: each
        for name, each in by_call_name(here).items()
        if name == each.pinned or latest[name] is each  # a bare name may mean a version for another table
    }
    types = {"model": "text", "r": row, "label": "text", "target": "text"}
    several = any(len(each.targets) > 1 for each in here)
    found: list[Function] = []
    for public in dispatch.PUBLIC:
        for arguments in public.overloads(several):
            code = Body("expression", dispatch.body(public, arguments, names, lambda _: SPELLING, SPELLING))
            declared = tuple((name, types[name]) for name in arguments)
            comment = f"indb: {public.output} of the models of {row}: {', '.join(sorted(names))}"
            found.append(Function(public.name, declared, TYPES[public.type], code, "STABLE", comment))
    return found


def _named(deployment: Deployment) -> list[Function]:
    """The functions named after the model: over a row, and by column."""
    row = f"{quoted(deployment.schema)}.{quoted(deployment.table)}"
    predict = next((lane for lane in deployment.lanes if lane.suffix == ""), None)
    if predict is None:
        return []
    pinned = f"indb.{quoted(deployment.pinned)}"
    returns, comment = TYPES[predict.type], f"indb: predict of {deployment.pinned}"
    over_row = Body("expression", f"{pinned}(r)")
    found = [Function(deployment.name, (("r", row),), returns, over_row, "STABLE", comment)]
    arguments = by_column(deployment)
    if arguments is not None:
        passed = ", ".join(f"${number}" for number in range(1, len(arguments) + 1))
        found.append(
            Function(deployment.name, arguments, returns, Body("expression", f"{pinned}({passed})"), "STABLE", comment)
        )
    return found


def _drop_others(database: Postgres, wanted: Sequence[Function], names: set[str]) -> None:
    """Drop the public and the bare-named functions that no model needs any more."""
    keep = {database.rows("SELECT to_regprocedure(%s)::oid", (function.signature,))[0][0] for function in wanted}
    public = [public.name for public in dispatch.PUBLIC]
    found = database.rows(
        "SELECT p.oid, p.oid::regprocedure::text FROM pg_proc AS p WHERE p.pronamespace = to_regnamespace('indb')::oid "
        "AND p.proname = ANY (%s) AND left(obj_description(p.oid, 'pg_proc'), 5) = 'indb:'",
        ([*public, *sorted(names)],),
    )
    for oid, signature in found:
        if oid not in keep:
            database.execute(f"DROP FUNCTION {signature}")


def drop_named(database: Postgres, names: Sequence[str]) -> None:
    """Drop every function of indb that has one of these names, in their order: a function before what it calls."""
    found = database.rows(
        "SELECT p.oid::regprocedure::text FROM pg_proc AS p WHERE p.pronamespace = to_regnamespace('indb')::oid "
        "AND p.proname = ANY (%s) AND left(obj_description(p.oid, 'pg_proc'), 5) = 'indb:' "
        "ORDER BY array_position(%s::text[], p.proname::text)",
        (list(names), list(names)),
    )
    for (signature,) in found:
        database.execute(f"DROP FUNCTION {signature}")
