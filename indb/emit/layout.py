"""How text is broken over lines."""

from __future__ import annotations

from collections.abc import Sequence

OR, AND, COMPARE, ADD, MULTIPLY, ATOM = range(6)
"""How tightly a text binds."""

WIDE = 100
"""Text longer than this is broken over lines."""


def indent(text: str) -> str:
    """Every line but the first moved two spaces to the right."""
    return text.replace("\n", "\n  ")


def parenthesise(text: str) -> str:
    """A text in parentheses."""
    return f"({indent(text)})" if "\n" in text else f"({text})"


def join(texts: Sequence[str], separator: str) -> str:
    """Texts with a separator between them, on one line if that is short, else one a line."""
    return join_signed(texts, ["", *([separator] * (len(texts) - 1))])


def join_signed(texts: Sequence[str], separators: Sequence[str]) -> str:
    """Texts with a separator before each, on one line if that is short, else one a line."""
    line = "".join(separator + text for separator, text in zip(separators, texts, strict=True))
    if len(line) <= WIDE and "\n" not in line:
        return line
    rows = [separator.lstrip() + indent(text) for separator, text in zip(separators, texts, strict=True)]
    return "\n".join(rows)


def wrap(items: Sequence[str]) -> str:
    """A list of items, broken into lines of moderate width."""
    lines, line = [], ""
    for item in items:
        if line and len(line) + len(item) > WIDE:
            lines.append(line)
            line = ""
        line += f"{', ' if line else ''}{item}"
    return ",\n  ".join([*lines, line])
