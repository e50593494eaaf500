"""Emission: a model to SQL text. lower (blocks to scalar nodes) > stage (names for shared values) > render (text).

This package knows the representation and the dialects, and neither ML libraries nor connections.
"""

from __future__ import annotations

from indb.emit.binding import Binding, SqlColumn, SqlKind
from indb.emit.dialects import DIALECTS, dialect_of
from indb.emit.outputs import OutputLane, label_text, output_lanes
from indb.emit.parameters import Parameters, ParameterTable, TableNames
from indb.emit.stage import Size, Work
from indb.emit.statement import SQL_STRATEGIES, Body, Strategy, body, estimate, largest_lane, largest_work, select
from indb.emit.text import header, table_name, to_sql
from indb.ir import Model

__all__ = [
    "DIALECTS",
    "SQL_STRATEGIES",
    "Binding",
    "Body",
    "OutputLane",
    "ParameterTable",
    "Size",
    "SqlColumn",
    "SqlKind",
    "Strategy",
    "TableNames",
    "Work",
    "body",
    "dialect_of",
    "estimate",
    "header",
    "label_text",
    "label_text_body",
    "largest_lane",
    "largest_work",
    "literal",
    "output_lanes",
    "parameter_tables",
    "quote",
    "select",
    "table_name",
    "to_sql",
    "type_word",
]


def quote(dialect: str, identifier: str) -> str:
    """An identifier, quoted for a dialect."""
    return dialect_of(dialect).quote(identifier)


def literal(dialect: str, value: str | float | None) -> str:
    """A text or a number as a literal of a dialect."""
    spoken = dialect_of(dialect)
    return spoken.text(value) if isinstance(value, str) else spoken.number(value)


def type_word(dialect: str, type: str) -> str:
    """A dialect's word for "double", "text", "bigint" or "boolean"."""
    return dialect_of(dialect).type(type)


def parameter_tables(model: Model) -> list[ParameterTable]:
    """The tables of constants that the SQL of an optimised model reads."""
    return Parameters(model).tables()


def label_text_body(
    model: Model,
    lane: OutputLane,
    dialect: str,
    binding: Binding,
    strategy: Strategy,
    tables: TableNames | None = None,
) -> Body:
    """`body` of a classifier's predict lane with the label as text.

    Raises: EmitError as `body` does.
    """
    return body(model, lane, dialect, binding, strategy, as_text=True, tables=tables)
