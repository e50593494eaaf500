"""Tables as engines see them, and how SQL that both engines read names what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from indb.emit.binding import Binding, SqlColumn, SqlKind
from indb.engines.deployment import BoundColumn, Deployment

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


def changed_columns(deployment: Deployment, table: Table) -> list[str]:
    """What a table lacks of the columns that a model reads, a line for each: the column, or its kind of type."""
    problems = []
    for column in deployment.columns:
        for name, type in column.fields:
            other = table.column(name)
            fits = other is not None and (
                other.type == type if column.parts else other.kind is not None and other.kind.value == column.kind
            )
            if not fits:
                was = "nothing" if other is None else other.type
                problems.append(f"\n  - column {name!r}: found {was}, needed {type}")
    return problems


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
    read = {column.model: quoted(column.column) if row is None else column.read(f"{row}.") for column in columns}
    return {
        column.model: SqlColumn(f"{read[column.model]}{column.cast}", SqlKind(column.kind)) for column in columns
    }  # fmt: skip


def positional_binding(columns: Sequence[BoundColumn]) -> Binding:
    """How the body of a function reaches them as its arguments: $1, $2, ….

    By position, because a column may have the name of a local variable of the body.
    """
    return {
        column.model: SqlColumn(f"${number}{column.cast}", SqlKind(column.kind))
        for number, column in enumerate(columns, start=1)
    }
