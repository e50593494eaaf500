"""The SQL functions of models in PostgreSQL.

For a model `late` in version 1 for table flights, in schema indb:

    "late@1"(r flights)              predict, in the label's own type
    "late@1.label"(r flights)        the label as text
    "late@1.proba.0"(r flights) …    a probability or a score for each lane
    "late@1"(age …, city …)          predict by column
    late(r flights), late(age …)     the version in production; made by sql/postgres/versions.sql
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
from indb.emit.dialects.base import BYTE_BY_BYTE
from indb.engines import dispatch
from indb.engines.deployment import Deployment, Lane, bodies
from indb.engines.tables import Table, binding, positional_binding, quoted, text
from indb.ir import Model

if TYPE_CHECKING:
    from indb.engines.postgres import Postgres

MAX_ARGUMENTS = 100
"""FUNC_MAX_ARGS of the server: a model with more columns has no function by column."""

INTERNAL = {
    ".select": "text",
    ".batch": "integer, integer[], bigint, bytea, bytea[]",
    ".udf": "integer, bytea, text[]",
}
"""What the names of a version's own functions end with where it runs as PL/Python, and their argument types."""

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
    """Create a function that nobody but its owner may call so far, or replace the one with the same argument types."""
    database.write(
        f"{function.sql(database.connection.info.server_version)};\n"
        f"REVOKE ALL ON FUNCTION {function.signature} FROM PUBLIC;\n"
        f"COMMENT ON FUNCTION {function.signature} IS {text(function.comment)}"
    )


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
    # An expression may ask for the date of today; what reads a table is no constant of its arguments alone.
    is_stable = deployment.is_mapped or deployment.tables or any(each.kind == "enum" for each in deployment.columns)
    return "STABLE" if is_stable else "IMMUTABLE"


class _Spelling(dispatch.Spelling):
    def version(self, names: Mapping[str, Deployment]) -> str:
        return f"indb.version_of(model) {BYTE_BY_BYTE}"

    def call(self, deployment: Deployment, lane: Lane) -> str:
        return f"indb.{quoted(deployment.function(lane))}(r)"

    def error(self, function: str, arguments: Sequence[str], type: str) -> str:
        call = f"indb.{function}({', '.join(arguments)})"
        return call if type == "text" else f"CAST({call} AS {TYPES[type]})"


SPELLING = _Spelling()


def rebuild(database: Postgres, deployments: Sequence[Deployment]) -> None:
    """Make predict() and its kin anew for every table, and what names mean; drop what no model needs any more."""
    database.write("SELECT indb.rebuild_names()")
    for relation in sorted({(each.schema, each.table) for each in deployments if each.table}):
        for function in _public([each for each in deployments if (each.schema, each.table) == relation]):
            create(database, function)
    database.write("SELECT indb.drop_unused();\nSELECT indb.apply_grants()")


def _public(here: Sequence[Deployment]) -> list[Function]:
    """predict() and its kin for the row type of one table."""
    row = f"{quoted(here[0].schema)}.{quoted(here[0].table)}"
    names = {each.pinned: each for each in here}
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


def remove(database: Postgres, deployment: Deployment) -> None:
    """Drop the functions of a version, which nothing public calls any more: each before what it calls."""
    row = f"{quoted(deployment.schema)}.{quoted(deployment.table)}"
    signatures = [f"indb.{quoted(deployment.function(lane))}({row})" for lane in deployment.lanes if deployment.table]
    arguments = by_column(deployment)
    if arguments is not None:
        signatures.append(f"indb.{quoted(deployment.pinned)}({', '.join(type for _, type in arguments)})")
    for end, types in INTERNAL.items():
        signatures.append(f"indb.{quoted(deployment.pinned + end)}({types})")
    database.write(";\n".join(f"DROP FUNCTION IF EXISTS {signature}" for signature in signatures))
