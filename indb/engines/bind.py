"""Which table column each model column reads, and whether its type fits. Everything wrong is reported at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from indb.emit.binding import SqlKind
from indb.engines.deployment import BoundColumn
from indb.engines.tables import Table, TableColumn
from indb.errors import BindError, did_you_mean
from indb.ir import Column, Model, Type, walk

TEXTS = frozenset({SqlKind.TEXT, SqlKind.ENUM})
NUMBERS = frozenset(SqlKind) - TEXTS


def columns_read(model: Model) -> list[Column]:
    """The columns that some output needs, in the model's order: a table may lack the others."""
    read = {id(block) for block in walk(model.roots())}
    return [column for column in model.columns if id(column) in read]


def bind(
    model: Model, table: Table, rename: Mapping[str, str] | None = None, name_bytes: int | None = None,
    mapped: Mapping[str, BoundColumn] | None = None,
) -> tuple[BoundColumn, ...]:  # fmt: skip
    """The table column for each column that the model reads: by `rename`, by name, or without regard to case.

    A name longer than `name_bytes` is looked for as the database cuts it. mapped: columns that expressions stand for.

    Raises: BindError that lists every column that is missing or has a type that does not fit.
    """
    rename = rename or {}
    problems = _unknown_renames(model, rename)
    bound: list[BoundColumn] = []
    for column in columns_read(model):
        if mapped and column.name in mapped:
            instead = mapped[column.name]
            problem = type_problem(column, TableColumn(str(instead), instead.type, SqlKind(instead.kind)))
            if problem:
                problems.append(problem)
            bound.append(instead)
            continue
        found = _find(column.name, table, rename, name_bytes)
        if isinstance(found, str):
            problems.append(found)
            continue
        problem = type_problem(column, found)
        if problem:
            problems.append(problem)
        elif found.kind is not None:
            bound.append(BoundColumn(column.name, found.name, found.type, found.kind.value, found.cast))
    problems += _read_twice(bound)
    if problems:
        lines = "".join(f"\n  - {problem}" for problem in problems)
        raise BindError(
            f"cannot bind the model to table {table.name!r}:{lines}",
            'rename={"model column": "table column"} tells which column to read where the names differ.',
        )
    return tuple(bound)


def _unknown_renames(model: Model, rename: Mapping[str, str]) -> list[str]:
    names = [column.name for column in model.columns]
    return [
        f"rename names {name!r}, which is no column of the model. {did_you_mean(name, names)}"
        for name in rename
        if name not in names
    ]


def _find(name: str, table: Table, rename: Mapping[str, str], name_bytes: int | None) -> TableColumn | str:
    """The table's column, or what is wrong."""
    wanted = _cut(rename.get(name, name), name_bytes)
    exact = table.column(wanted)
    if exact is not None:
        return exact
    alike = [column for column in table.columns if column.name.lower() == wanted.lower()]
    if len(alike) == 1:
        return alike[0]
    if alike:
        return f"column {name!r}: found {' and '.join(repr(column.name) for column in alike)}, needed one"
    via = f" (renamed from {name!r})" if name in rename else ""
    return f"column {rename.get(name, name)!r}{via} is missing. {did_you_mean(wanted, _names(table.columns))}"


def _names(columns: Sequence[TableColumn]) -> list[str]:
    return [column.name for column in columns]


def _cut(name: str, name_bytes: int | None) -> str:
    """The name as the database stores it: PostgreSQL cuts after 63 bytes, at a whole character."""
    if name_bytes is None:
        return name
    return name.encode("utf-8", "surrogatepass")[:name_bytes].decode("utf-8", "ignore")


def type_problem(column: Column, found: TableColumn) -> str | None:
    """What is wrong with the type of a table column, or None."""
    if found.kind in (NUMBERS if column.kind is Type.NUMBER else TEXTS):
        return None
    needed = "a number or boolean" if column.kind is Type.NUMBER else "text or an enum"
    problem = f"column {column.name!r}: found type {found.type}, needed {needed}"
    target = "double precision" if column.kind is Type.NUMBER else "text"
    return f"{problem}. Deploy for a view that turns {found.name!r} into {target}"


def _read_twice(bound: Sequence[BoundColumn]) -> list[str]:
    readers: dict[str, list[str]] = {}
    for column in bound:
        readers.setdefault(column.column, []).append(column.model)
    return [
        f"table column {name!r} would be read as {' and '.join(map(repr, models))}, needed one"
        for name, models in readers.items()
        if len(models) > 1
    ]
