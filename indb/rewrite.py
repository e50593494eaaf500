"""Finds predict(…) in a query, and in DuckDB replaces it by the macro of the version that it means.

The query is cut into tokens and only the calls are touched: everything else stays as its author wrote it, also what a
parser would not understand. In PostgreSQL the server inlines predict() itself, so there a query is only checked. In
DuckDB each use of predict() binds the arms of all models, which the direct call leaves out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

from indb.engines.deployment import Deployment, Lane, by_call_name
from indb.engines.dispatch import PUBLIC, Public
from indb.engines.tables import quoted
from indb.errors import BindError, NotDeployed, did_you_mean

_PUBLIC = {public.name: public for public in PUBLIC}
_SCHEMAS = frozenset({"indb", "main"})
_LIST_STARTS = frozenset({TokenType.SELECT, TokenType.DISTINCT, TokenType.COMMA})


def mentions(query: str) -> bool:
    """Whether a query may hold such a call at all."""
    return re.search(r"predict(_label|_proba|_score)?\"?\s*\(", query, re.IGNORECASE) is not None


@dataclass(frozen=True, slots=True)
class Call:
    """predict('model', row[, 'label']): the positions of its tokens in the list of all tokens.

    `label` is None where the third argument is no literal; `commas` are those between its arguments.
    """

    public: Public
    model: str
    label: str | None
    first: int
    opening: int
    commas: tuple[int, ...]
    closing: int
    is_item: bool


def rewrite(query: str, dialect: str, known: Sequence[Deployment] | None) -> str:
    """The query with the calls checked and, for DuckDB, compiled in. `known` None: the models cannot be listed.

    Raises: NotDeployed for a model name that is unknown, BindError for a label that the model does not have.
    """
    if known is None:
        return query
    try:
        tokens = sqlglot.tokenize(query, read=dialect)
    except TokenError:  # the database will say what is wrong with it
        return query
    names = by_call_name(known)
    edits: list[tuple[int, int, str]] = []
    for call in calls(tokens):
        if call.model not in names:
            raise NotDeployed(f"cannot find model {call.model!r} in this database", did_you_mean(call.model, names))
        lane = _lane(call, names[call.model])
        if lane is not None and dialect == "duckdb":
            edits += _edits(call, tokens, query, names[call.model].function(lane), lane)
    for start, end, text in sorted(edits, reverse=True):
        query = query[:start] + text + query[end:]
    return query


def calls(tokens: Sequence[Token]) -> Iterator[Call]:
    """Every call whose model is a literal, outer ones before those inside them."""
    items = _select_lists(tokens)
    for index, token in enumerate(tokens[:-3]):
        public = _PUBLIC.get(token.text.lower())
        if public is None or token.token_type is TokenType.STRING:
            continue
        shape = [each.token_type for each in tokens[index + 1 : index + 4]]
        if shape != [TokenType.L_PAREN, TokenType.STRING, TokenType.COMMA]:
            continue
        first = index
        if index > 1 and tokens[index - 1].token_type is TokenType.DOT:
            if tokens[index - 2].text.lower() not in _SCHEMAS:
                continue
            first = index - 2
        closing, commas = _arguments(tokens, index + 1)
        if closing is None:
            continue
        label = None
        if len(commas) == 2 and closing == commas[1] + 2 and tokens[commas[1] + 1].token_type is TokenType.STRING:
            label = tokens[commas[1] + 1].text
        yield Call(
            public, tokens[index + 2].text, label, first, index + 1, commas, closing,
            _is_item(tokens, first, closing) and items[first],
        )  # fmt: skip


def _arguments(tokens: Sequence[Token], opening: int) -> tuple[int | None, tuple[int, ...]]:
    """(the closing parenthesis, the commas of its own level)."""
    depth = 0
    commas: list[int] = []
    for index in range(opening, len(tokens)):
        kind = tokens[index].token_type
        if kind in (TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE):
            depth += 1
        elif kind in (TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE):
            depth -= 1
            if depth == 0:
                return index, tuple(commas)
        elif kind is TokenType.COMMA and depth == 1:
            commas.append(index)
    return None, ()


def _select_lists(tokens: Sequence[Token]) -> list[bool]:
    """For each token, whether it stands in a select list of its own level of parentheses."""
    levels, found = [False], []
    for token in tokens:
        if token.token_type is TokenType.L_PAREN:
            levels.append(False)
        elif token.token_type is TokenType.R_PAREN and len(levels) > 1:
            levels.pop()
        elif token.token_type is TokenType.SELECT:
            levels[-1] = True
        elif token.token_type is TokenType.FROM:
            levels[-1] = False
        found.append(levels[-1])
    return found


def _is_item(tokens: Sequence[Token], first: int, closing: int) -> bool:
    """Whether a call is a whole item of a list without an alias."""
    before = first > 0 and tokens[first - 1].token_type in _LIST_STARTS
    ends = (TokenType.COMMA, TokenType.FROM, TokenType.R_PAREN, TokenType.SEMICOLON)
    return before and (closing + 1 == len(tokens) or tokens[closing + 1].token_type in ends)


def _lane(call: Call, deployment: Deployment) -> Lane | None:
    """The lane that a call means; None leaves the call to predict(), which says what is missing."""
    if len(deployment.targets) > 1 or (len(call.commas) == 2) != (call.label is not None):
        return None
    target = deployment.targets[0]
    lanes = deployment.find(target.name, call.public.output)
    if len(call.commas) > 2 or not lanes or (call.label is not None and not call.public.labelled):
        return None
    if call.label is not None:
        labels = target.labels or ()
        if call.label not in labels:
            raise BindError(
                f"cannot predict: model {call.model!r} has no label {call.label!r}", did_you_mean(call.label, labels)
            )
        return next((lane for lane in lanes if lane.label == call.label), None)
    if call.public.output == "predict" and lanes[0].type == "text":
        return None
    return lanes[0] if len(lanes) == 1 else lanes[1] if len(lanes) == 2 else None


def _edits(call: Call, tokens: Sequence[Token], query: str, function: str, lane: Lane) -> list[tuple[int, int, str]]:
    """(start, end, new text) of what surrounds the row of a call."""
    cast = call.public.type == "double" and lane.type in ("bigint", "boolean")
    start, end = tokens[call.first].start, tokens[call.closing].end + 1
    row_end = tokens[call.commas[1]].start if len(call.commas) == 2 else tokens[call.closing].start
    name = f" AS {quoted(query[start:end])}" if call.is_item else ""
    head = f"{'CAST(' if cast else ''}main.{quoted(function)}("
    return [
        (start, tokens[call.commas[0]].end + 1, head),
        (row_end, end, f"){' AS DOUBLE)' if cast else ''}{name}"),
    ]
