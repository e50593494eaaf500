"""SQL expressions in place of columns: where a model's column is not in the table but follows from it.

An expression is text of the user's; only the names of the table's columns in it are changed, so that they mean the row
that a function is given. What is no expression over one row is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from indb.engines.deployment import Part
from indb.engines.tables import Table, TableColumn
from indb.errors import BindError

_REFUSED: Mapping[type[Any], str] = {
    exp.Query: "a subquery",
    exp.Subquery: "a subquery",
    exp.Window: "a window function",
    exp.AggFunc: "an aggregate",
    exp.Placeholder: "a placeholder",
    exp.Parameter: "a placeholder",
    exp.Star: "a star",
}


def parts_of(name: str, expression: str, table: Table, dialect: str) -> tuple[Part, ...]:
    """The pieces of an expression: text, and columns of the table with their types.

    Raises: BindError for what is no expression over one row of the table.
    """
    try:
        tree = sqlglot.parse_one(f"SELECT {expression}", read=dialect)
        tokens = sqlglot.tokenize(expression, read=dialect)
    except SqlglotError as error:
        raise _unusable(name, expression, f"it cannot be read: {str(error).splitlines()[0]}") from error
    if not isinstance(tree, exp.Select) or len(tree.expressions) != 1 or set(_clauses(tree)) - {"expressions", "kind"}:
        raise _unusable(name, expression, "found more than one expression")
    for node in tree.expressions[0].walk():
        for kind, what in _REFUSED.items():
            if isinstance(node, kind):
                raise _unusable(name, expression, f"found {what}, needed an expression over one row")
    return _cut(expression, tokens, table, {column.name for column in tree.find_all(exp.Column)}, dialect)


def _clauses(tree: exp.Select) -> list[str]:
    return [name for name, value in tree.args.items() if value]


def _cut(
    expression: str, tokens: Sequence[Token], table: Table, names: set[str], dialect: str
) -> tuple[Part, ...]:  # fmt: skip
    """The expression, cut at the names of columns; a comment is left out, which could swallow what follows."""
    parts: list[Part] = []
    end = 0
    for index, token in enumerate(tokens):
        is_name = token.text in names and not _is_other(tokens, index)
        column = _column(token, table, dialect) if is_name else None
        between = " " if expression[end : token.start].strip() else expression[end : token.start]
        parts.append(Part(between))
        parts.append(Part(column.name, column.type) if column else Part(expression[token.start : token.end + 1]))
        end = token.end + 1
    return tuple(part for part in parts if part.text)


def _is_other(tokens: Sequence[Token], index: int) -> bool:
    """Whether a word is the name of a function, or a field of something."""
    after = tokens[index + 1].token_type if index + 1 < len(tokens) else None
    before = tokens[index - 1].token_type if index else None
    return after in (TokenType.L_PAREN, TokenType.DOT) or before == TokenType.DOT


def _column(token: Token, table: Table, dialect: str) -> TableColumn | None:
    """The column that a word means: as it stands between quotes, else without regard to case.

    Where several differ in nothing but that, it is the one that the database would take.
    """
    if token.token_type in (TokenType.STRING, TokenType.NUMBER):
        return None
    if token.token_type == TokenType.IDENTIFIER:
        return table.column(token.text)
    alike = [column for column in table.columns if column.name.lower() == token.text.lower()]
    if len(alike) == 1:
        return alike[0]
    return table.column(token.text.lower() if dialect == "postgres" else token.text)


def _unusable(name: str, expression: str, why: str) -> BindError:
    return BindError(
        f"cannot map column {name!r} to {expression!r}: {why}",
        "Write one SQL expression over the columns of the table, such as age=extract(year from age(born)).",
    )
