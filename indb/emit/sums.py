"""Sums as text. Terms are added from left to right, as the model adds them; a long sum as a function over a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from indb.emit.dialects.base import Dialect
from indb.emit.layout import ADD, ATOM, MULTIPLY, indent, join, join_signed
from indb.emit.scalar import Form, Node

Write: TypeAlias = Callable[[Node, int], str]
"""A node as a text that binds as tightly as a number says."""


def double(write: Write, terms: Sequence[Node], dialect: Dialect) -> tuple[str, int]:
    """A sum of doubles, and how tightly it binds."""
    if len(terms) > dialect.long_sum and dialect.list_sum:
        if not any(term.range.missing for term in terms):
            return f"{dialect.list_sum}({_list([write(term, ADD) for term in terms])})", ATOM
        parts = [terms[start : start + dialect.long_sum] for start in range(0, len(terms), dialect.long_sum)]
        return join([f"({_plus(write, part, dialect)})" for part in parts], " + "), ADD
    return _plus(write, terms, dialect), ADD


def single(write: Write, terms: Sequence[Node], dialect: Dialect) -> tuple[str, int]:
    """A sum of float32 numbers in float32 as a double, and how tightly it binds."""
    texts = [dialect.single(write(term, ATOM)) for term in terms]
    if len(terms) > dialect.long_sum and dialect.list_fold:
        return dialect.double(dialect.list_fold.format(_list(texts))), ATOM
    return dialect.double(f"({indent(join(texts, ' + '))})"), ATOM


def _list(texts: Sequence[str]) -> str:
    inner = ",\n  ".join(indent(text) for text in texts)
    return f"[\n  {inner}\n]"


def _plus(write: Write, terms: Sequence[Node], dialect: Dialect) -> str:
    """Terms with + between them, and - before a product with a negative number."""
    texts = [write(terms[0], ADD)]
    signs = [""]
    for term in terms[1:]:
        text = write(term, MULTIPLY)
        negative = term.kind is Form.NUMBER and term.value is not None and term.value < 0
        signs.append(" - " if negative else " + ")
        texts.append(dialect.number(-term.value) if negative else text)
    return join_signed(texts, signs)
