"""The macros of models in DuckDB.

For a model `late` in version 1 for table flights, in schema main:

    "late@1.core"(age, city)         the expression of predict over columns of the table's types
    "late@1.row"(r)                  the same for a row with these columns
    "late@1"(r)                      the same, for rows whose columns fit; an error for others
    "late@1.label", "late@1.proba.0" … the other lanes, in the same way
    "late@1.columns"(age, city)      predict over numbers of any type
    late(r), late(age, city)         the version in production, by row and by column
    predict(model, r) …              one CASE over all models

A macro is bound anew in each query, and what it is given is written out at each use. So the row of a table is handed on
as `r.age`, which is the column itself, and never as a struct: a cast of the whole row at each of the ten thousand
splits of a forest takes longer than the forest.

All arms of a CASE are bound. Where models differ in their columns, predict() therefore has an overload for the row type
of each table, with the arms of the models that can read it, and one for any other row, which is cast to what the model
reads. A cast of a struct gives NULL for a field that is missing, and rounds 12.3 to an integer: so the row's type is
looked at first, as text. `typeof` is a constant when the query is bound, and the test vanishes from the plan.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from indb.emit import SqlColumn, SqlKind, Strategy
from indb.engines import dispatch
from indb.engines.deployment import BoundColumn, Deployment, Lane, bodies, by_call_name
from indb.engines.tables import Table, quoted, text
from indb.ir import Model

if TYPE_CHECKING:
    from indb.engines.duckdb import DuckDB

PUBLIC_NAMES = tuple(public.name for public in dispatch.PUBLIC)

MARKER = "_indb_row"
"""A field that is put into every row before it is cast: a cast needs one field that both structs have."""

_INTEGERS = "tinyint|smallint|integer|bigint|hugeint|u[a-z]+int|uinteger"
_NUMBERS = f"({_INTEGERS}|float|double|decimal|boolean|null)"
_FITTING = {
    "text": "(varchar|enum|null)",
    "enum": "(varchar|enum|null)",
    "integer": f"({_INTEGERS}|boolean|null)",  # a cast of 12.3 to an integer would round it
    "boolean": "(boolean|null)",
}
"""What a row's column may be for a table's column of a kind; for other kinds any number."""


def names_of(deployment: Deployment) -> list[str]:
    """The macros of one version, but for the one named after the model."""
    lanes = [deployment.function(lane) for lane in deployment.lanes]
    parts = [f"{name}{part}" for name in lanes for part in ("", ".core", ".row")]
    parts += [f"{deployment.pinned}.{part}" for part in ("columns", "fits", "lacks")]
    return [*parts, *([python_name(deployment)] if is_python(deployment) else [])]


def is_python(deployment: Deployment) -> bool:
    """Whether a version runs in Python."""
    return deployment.strategy == Strategy.UDF.value


def python_name(deployment: Deployment) -> str:
    """The macro that stands for the Python function of a version.

    A dropped model that is deployed anew has version 1 again: the digest keeps open connections from calling the old.
    """
    parts = "\0".join([deployment.digest, *(column.model for column in deployment.columns)])
    return f"{deployment.pinned}.udf.{hashlib.sha256(parts.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def row_type(table: Table) -> str:
    """The type of a table's row."""
    return "STRUCT(" + ", ".join(f"{quoted(column.name)} {column.type}" for column in table.columns) + ")"


def macro(name: str) -> str:
    """The full name of a macro."""
    return f"main.{quoted(name)}"


def install(database: DuckDB, deployment: Deployment, model: Model, table: Table, strategy: Strategy) -> None:
    """Create the macros of one version that is written in SQL."""
    made = bodies(deployment, model, "duckdb", _core_binding(deployment), strategy)
    cores = [(lane, code.text) for lane, code in made]
    install_cores(database, deployment, cores, _by_column(deployment, model, strategy))


def install_cores(
    database: DuckDB, deployment: Deployment, cores: Sequence[tuple[Lane, str]], by_column: str | None
) -> None:
    """Create the macros of one version around the expressions of its lanes, and of predict over any numbers."""
    _create(database, f"{deployment.pinned}.fits", [("(s)", _fits(database, deployment))])
    _create(database, f"{deployment.pinned}.lacks", [("(s)", _lacks(database, deployment))])
    arguments = _arguments(deployment)
    row = ", ".join(_read(column) for column in deployment.columns)
    for lane, code in cores:
        name = deployment.function(lane)
        _create(database, f"{name}.core", [(f"({arguments})", code)])
        _create(database, f"{name}.row", [("(r)", f"{macro(name + '.core')}({row})")])
        _create(database, name, [("(r)", _fitting(deployment, f"{macro(name + '.row')}(r)"))])
    if len(deployment.columns) > 1 and by_column is not None:
        _create(database, f"{deployment.pinned}.columns", [(f"({arguments})", by_column)])


def _core_binding(deployment: Deployment) -> dict[str, SqlColumn]:
    """The columns as parameters of the core: integers and booleans as they are, other numbers as doubles.

    Texts are cast like an enum: a parameter has no type, and only a text can be given a collation.
    """
    plain = {"integer": SqlKind.INTEGER, "boolean": SqlKind.BOOLEAN, "text": SqlKind.ENUM, "enum": SqlKind.ENUM}
    return {
        column.model: SqlColumn(quoted(column.column), plain.get(column.kind, SqlKind.FLOAT64))
        for column in deployment.columns
    }


def _read(column: BoundColumn) -> str:
    """A column of the row r as the core takes it. A cast to the type that it has already costs nothing."""
    field = column.read("r.")
    if column.kind in ("integer", "boolean", "text"):
        return field
    return f"CAST({field} AS {'VARCHAR' if column.kind == 'enum' else 'DOUBLE'})"


def _by_column(deployment: Deployment, model: Model, strategy: Strategy) -> str | None:
    """The expression of predict over columns. Any number is read as a double: 12.3 is no 12 for an integer column."""
    if len(deployment.columns) < 2:
        return None  # it would be the macro over a row
    columns: dict[str, SqlColumn] = {}
    for column in deployment.columns:
        name = quoted(column.column)
        is_text = column.kind in ("text", "enum")
        columns[column.model] = (
            SqlColumn(name, SqlKind.ENUM) if is_text else SqlColumn(f"CAST({name} AS DOUBLE)", SqlKind.FLOAT64)
        )
    made = bodies(deployment, model, "duckdb", columns, strategy)
    return next((code.text for lane, code in made if lane.suffix == ""), None)


def _arguments(deployment: Deployment) -> str:
    return ", ".join(quoted(column.column) for column in deployment.columns)


def _direct(deployment: Deployment, lane: Lane) -> str:
    return f"{macro(deployment.function(lane) + '.row')}(r)"


def _checked(deployment: Deployment, lane: Lane) -> str:
    """A lane for any row: one whose columns fit is cast, for another one there is an error."""
    return _fitting(deployment, f"{macro(deployment.function(lane) + '.row')}({_cast(deployment)})")


def _fitting(deployment: Deployment, value: str) -> str:
    """`value` where the columns of the row r fit the model, else an error."""
    lacks = f"'the row lacks ' || {macro(deployment.pinned + '.lacks')}({_SIGNATURE})"
    refusal = f"indb.refuse({text(deployment.pinned)}, {lacks}, {text(_NEXT_STEP)})"
    return f"CASE WHEN {macro(deployment.pinned + '.fits')}({_SIGNATURE}) THEN {value} ELSE {refusal} END"


_NEXT_STEP = "Give a row that has these columns, or call the function named after the model by column."

_SIGNATURE = "', ' || replace(lower(typeof(r))[8:], '\"', '')"
"""The fields of the row r: ", age bigint, city varchar)"."""


def _create(database: DuckDB, name: str, overloads: Sequence[tuple[str, str]]) -> None:
    bodies = ",\n".join(f"{arguments} AS\n{code}" for arguments, code in overloads)
    database.write(f"CREATE OR REPLACE MACRO {macro(name)} {bodies}")


_WORDS = {"text": "text", "enum": "text", "integer": "an integer", "boolean": "a boolean"}


def _needed(database: DuckDB, deployment: Deployment) -> list[tuple[str, str]]:
    """(what a row's fields match that has a column of a fitting type, what to say when they do not)."""
    found: list[tuple[str, str]] = []
    for column in deployment.columns:
        for field, _ in column.fields:
            name = re.escape(database.rows("SELECT lower(?)", (field.replace('"', ""),))[0][0])
            pattern = f", {name} " + ("" if column.parts else _FITTING.get(column.kind, _NUMBERS))
            what = field if column.parts else f"{field} ({_WORDS.get(column.kind, 'a number')})"
            found.append((text(pattern), text(what)))
    return found


def _fits(database: DuckDB, deployment: Deployment) -> str:
    """Whether the fields s fit. They are named once: each use binds the whole row anew, 20 of them took 13 ms."""
    patterns = ", ".join(pattern for pattern, _ in _needed(database, deployment))
    return f"len(list_filter([{patterns}], lambda p: NOT regexp_matches(s, p))) = 0" if patterns else "s IS NOT NULL"


def _lacks(database: DuckDB, deployment: Deployment) -> str:
    """What the fields s lack, in words."""
    pairs = ", ".join(f"{{'pattern': {pattern}, 'what': {what}}}" for pattern, what in _needed(database, deployment))
    missing = f"list_filter([{pairs}], lambda c: NOT regexp_matches(s, c.pattern))"
    return f"array_to_string(list_transform({missing}, lambda c: c.what), ', ')" if pairs else "''"


def _struct(deployment: Deployment) -> str:
    fields = [f"{quoted(MARKER)} INTEGER"]
    types = {field: type if column.parts else _cast_type(column)
             for column in deployment.columns for field, type in column.fields}  # fmt: skip
    fields += [f"{quoted(field)} {type}" for field, type in types.items()]
    return f"STRUCT({', '.join(fields)})"


def _cast_type(column: BoundColumn) -> str:
    """What another row's column is cast to: the table's type, or for fractions a double, which the model computes with.

    A cast to the table's decimal or float would round.
    """
    return "DOUBLE" if column.kind in ("decimal", "float32", "float64") else column.type


def _cast(deployment: Deployment) -> str:
    """The row as a struct of the columns that the model reads, with the table's types."""
    return f"CAST(struct_insert(r, {MARKER} := 0) AS {_struct(deployment)})"


class _Checked(dispatch.Spelling):
    """Calls for a row of which nothing is known."""

    def name(self, argument: str) -> str:
        return super().name(f"CAST({argument} AS VARCHAR)")

    def call(self, deployment: Deployment, lane: Lane) -> str:
        return _checked(deployment, lane)

    def error(self, function: str, arguments: Sequence[str], type: str) -> str:
        return f"indb.{function}({', '.join(arguments)})"


class _Direct(_Checked):
    """Calls for a row of the model's own table."""

    def call(self, deployment: Deployment, lane: Lane) -> str:
        return _direct(deployment, lane)


class _Named(_Checked):
    """Calls for a row that has the columns of every model, if perhaps of other types."""

    def call(self, deployment: Deployment, lane: Lane) -> str:
        return f"{macro(deployment.function(lane))}(r)"


class _Absent(_Checked):
    """For a model that reads columns which the table of this overload lacks: nothing of it is bound."""

    def __init__(self, missing: Sequence[str]) -> None:
        self.missing = missing

    def call(self, deployment: Deployment, lane: Lane) -> str:
        reason = text(f"the row lacks {', '.join(self.missing)}")
        return f"indb.refuse(model, {reason}, {text(_NEXT_STEP)})"


def rebuild(database: DuckDB, deployments: Sequence[Deployment]) -> None:
    """Make predict() and its kin, and the macros named after the models, anew."""
    if not deployments:
        for name in PUBLIC_NAMES:
            database.write(f"DROP MACRO IF EXISTS {macro(name)}")
        return
    relations = {(each.schema, each.table) for each in deployments}
    tables = {relation: database.table(*relation) for relation in sorted(relations)}
    tables = {relation: table for relation, table in tables.items() if table.columns}  # others were dropped
    by_type = {row_type(table): table for table in tables.values()}
    own = {each.pinned: row_type(tables[each.schema, each.table]) if (each.schema, each.table) in tables else ""
           for each in deployments}  # fmt: skip
    names = by_call_name(deployments)
    several = any(len(each.targets) > 1 for each in deployments)
    alike = len({frozenset(map(str.lower, _fields(each))) for each in deployments}) == 1
    for public in dispatch.PUBLIC:
        overloads: list[tuple[str, str]] = []
        for arguments in public.overloads(several):
            if alike:
                code = dispatch.body(public, arguments, names, lambda _: _Named(), _Named())
                overloads.append((f"({', '.join(arguments)})", code))
                continue
            for type, table in by_type.items():
                declared = ", ".join(f"r {type}" if name == "r" else name for name in arguments)

                def spelling(each: Deployment, type: str = type, table: Table = table) -> dispatch.Spelling:
                    return _Direct() if own[each.pinned] == type else _for_table(each, table)

                code = dispatch.body(public, arguments, names, spelling, _Checked())
                overloads.append((f"({declared})", code))
            code = dispatch.body(public, arguments, names, lambda _: _Checked(), _Checked())
            overloads.append((f"({', '.join(arguments)})", code))
        _create(database, public.name, overloads)
    for name in sorted({each.name for each in deployments}):
        champion = next((each for each in deployments if each.name == name and each.is_champion), None)
        if champion is None or not _create_named(database, champion):
            database.write(f"DROP MACRO IF EXISTS {macro(name)}")


def _fields(deployment: Deployment) -> list[str]:
    """The columns of a table that a version reads."""
    return list(dict.fromkeys(field for column in deployment.columns for field, _ in column.fields))


def _for_table(deployment: Deployment, table: Table) -> dispatch.Spelling:
    """How the model of another table is called for a row of this one."""
    names = {column.name.lower() for column in table.columns}
    missing = [field for field in _fields(deployment) if field.lower() not in names]
    return _Absent(missing) if missing else _Checked()


def _create_named(database: DuckDB, deployment: Deployment) -> bool:
    """The macro named after the model, unless it has several targets; whether there is one.

    Its overloads by column and by row differ in their number of arguments.
    """
    predict = next((lane for lane in deployment.lanes if lane.suffix == ""), None)
    if predict is None:
        return False
    overloads = [("(r)", f"{macro(deployment.function(predict))}(r)")]
    if len(deployment.columns) > 1:
        arguments = _arguments(deployment)
        overloads.append((f"({arguments})", f"{macro(deployment.pinned + '.columns')}({arguments})"))
    _create(database, deployment.name, overloads)
    return True
