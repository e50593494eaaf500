"""A model as one SQL text that stands by itself, for a table that nobody looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from indb.emit.binding import Binding, SqlColumn, SqlKind
from indb.emit.dialects import dialect_of
from indb.emit.dialects.base import Dialect
from indb.emit.render import finished, protected
from indb.emit.statement import written_select
from indb.ir import Column, Model, Type

MAX_COMMENT = 100
"""Width of a line of a header comment."""


def header(model: Model, name: str, version: int | None, digest: str, binding: Mapping[str, SqlColumn] | None) -> str:
    """A comment that says which model the text below it is: name, version, digest, source and columns.

    Line ends in names are shown as spaces, so that nothing can step out of the comment.
    """
    title = name if version is None else f"{name}, version {version}"
    source = ", ".join(f"{key} {value}" for key, value in model.source.items())
    lines = [f"indb: model {title}", f"digest: sha256 {digest}"]
    if source:
        lines.append(f"read from: {source}")
    lines += _wrapped("columns: ", [_column_text(column, binding) for column in model.columns])
    return "".join(f"-- {' '.join(line.split())}\n" for line in lines)


def _column_text(column: Column, binding: Mapping[str, SqlColumn] | None) -> str:
    kind = column.kind.value if binding is None or column.name not in binding else binding[column.name].kind.value
    return f"{column.name} ({kind})"


def _wrapped(start: str, items: Sequence[str]) -> list[str]:
    lines, line = [], start
    for item in items:
        if len(line) + len(item) > MAX_COMMENT and line.strip():
            lines.append(line.rstrip())
            line = ""
        line += f"{item}, "
    return [*lines, line.rstrip(", ")]


def to_sql(
    model: Model,
    dialect: str,
    table: str,
    key: Sequence[str],
    digest: str,
    outputs: Sequence[str] = ("predict", "predict_proba"),
) -> str:
    """One SELECT over `table` (a name, or names joined by dots after quoting; see `table_name`) with a header comment.

    The table's column types are not known, so the innermost level casts each column to what the model reads.

    Raises: EmitError when the dialect is unknown or the model nests too deep for it.
    """
    spoken = dialect_of(dialect)
    fields = [f"t.{protected(spoken.quote(name))}" for name in key]
    binding = _input_binding(model, spoken, key)
    for column in model.columns:
        word = "text" if column.kind is Type.TEXT else "double"
        cast = spoken.cast(f"t.{spoken.quote(column.name)}", word)
        fields.append(protected(f"{cast} AS {binding[column.name].sql.removeprefix('input.')}"))
    inner = ",\n    ".join(fields)
    source = f"(\n  SELECT\n    {inner}\n  FROM {protected(table_name(table, spoken))} AS t\n)"
    text = finished(written_select(model, dialect, source, key, binding, outputs, "input"))
    return header(model, table, None, digest, None).replace("indb: model ", "indb: scores of ") + text


def _input_binding(model: Model, dialect: Dialect, key: Sequence[str]) -> Binding:
    """Each model column under its own name in the innermost level, or under another one where a key has that name."""
    taken = {name.lower() for name in key}
    binding: dict[str, SqlColumn] = {}
    for column in model.columns:
        name = column.name
        while name.lower() in taken:
            name += "_"
        taken.add(name.lower())
        kind = SqlKind.TEXT if column.kind is Type.TEXT else SqlKind.FLOAT64
        binding[column.name] = SqlColumn(f"input.{dialect.quote(name)}", kind)
    return binding


def table_name(table: str, dialect: Dialect) -> str:
    """A table as SQL: `schema.table` and `"odd.name"` are read as SQL reads them; a plain name is quoted as it is."""
    parts, part, quoted = [], "", False
    for char in table:
        if char == '"':
            quoted = not quoted
            part += char
        elif char == "." and not quoted:
            parts.append(part)
            part = ""
        else:
            part += char
    parts.append(part)
    return ".".join(dialect.quote(_unquoted(part)) for part in parts)


def _unquoted(part: str) -> str:
    if len(part) > 1 and part[0] == part[-1] == '"':
        return part[1:-1].replace('""', '"')
    return part
