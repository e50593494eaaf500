"""What a column of a table can hold: the values next to one that a test would like to put there.

A value is what a model reads, a double or a text, and a column holds it when it is the same after it was stored and
read again. Two databases spell the types: `numeric(10,2)` and `DECIMAL(10,2)`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from indb.engines.deployment import BoundColumn
from indb.ir import Scalar

Enums: TypeAlias = Mapping[str, Sequence[str]]
"""The type of a column, as the database spells it -> its texts. DuckDB's spelling holds them already."""

MAX = float(np.finfo(np.float64).max)

RANGES: dict[str, tuple[int, int]] = {
    "boolean": (0, 1),
    "tinyint": (-(2**7), 2**7 - 1),
    "smallint": (-(2**15), 2**15 - 1),
    "integer": (-(2**31), 2**31 - 1),
    "bigint": (-(2**63), 2**63 - 1),
    "hugeint": (-(2**127), 2**127 - 1),
    "utinyint": (0, 2**8 - 1),
    "usmallint": (0, 2**16 - 1),
    "uinteger": (0, 2**32 - 1),
    "ubigint": (0, 2**64 - 1),
    "uhugeint": (0, 2**128 - 1),
}
"""The types that hold whole numbers, with the first and the last."""

TEXTS = frozenset({"text", "varchar", "character varying"})
"""The types that hold any text."""

MAX_SCALE = 22
"""More digits behind the point make a power of ten that is no double."""

SMALL_NUMBERS = range(101)
"""What is tried in a type that is not known: a domain may have constraints."""

SMALL_TEXT = 10
"""How many letters and digits a text may have in a type that is not known."""

NAME_BYTES = 63
"""How long PostgreSQL's `name` may be."""


def fits(column: BoundColumn, value: Scalar, enums: Enums | None = None) -> bool:
    """Whether a column can hold a value. Of a type that is not known only ordinary values are said to fit."""
    return (None if value != value else value) in nearest(column, value, enums)


def nearest(column: BoundColumn, value: Scalar, enums: Enums | None = None) -> list[Scalar]:
    """The values that a column can hold next to a value, below and above; the value alone where it can hold that.

    A text is cut to the column's length. A missing value (None, NaN) is None. None is near what has no form in the
    column at all, as the member of another enum; in a type that is not known, such as a domain, nothing is near what is
    not ordinary: whole numbers up to 100, short texts of letters and digits. Decimals of many digits are cut to what
    both databases keep through a double.
    """
    if value is None or value != value:
        return [None] if _is_known(column) else []
    if isinstance(value, str):
        return list(_texts(column, value, enums or {}))
    return list(_numbers(column.type.lower(), float(value)))


def _is_known(column: BoundColumn) -> bool:
    """Whether the values of a type are known; those of a domain depend on its constraints."""
    if column.kind == "text":
        return _is_free_text(column.type) or _short_text(column.type, "") is not None
    return column.kind == "enum" or bool(_numbers(column.type.lower(), 0.5))


def _numbers(name: str, value: float) -> list[float]:
    decimal = re.fullmatch(r"(?:numeric|decimal)\((\d+),(\d+)\)", name)
    if name in ("double precision", "double"):
        return [value]
    if name in ("real", "float"):
        return _singles(value)
    if name == "numeric":
        return [min(max(value, -MAX), MAX) + 0.0]  # it has no -0.0
    if name in RANGES:
        return _whole(value, *RANGES[name])
    if decimal is not None and int(decimal[2]) <= MAX_SCALE:
        return _decimals(value, int(decimal[1]), int(decimal[2]))
    return [value + 0.0] if value in SMALL_NUMBERS else []


def _singles(value: float) -> list[float]:
    """The doubles of single precision around a value."""
    with np.errstate(all="ignore"):
        near = np.float32(value)
        if float(near) == value:
            return [value]
        towards = np.float32(math.copysign(math.inf, value - float(near)))
        return sorted([float(near), float(np.nextafter(near, towards))])


def _whole(value: float, low: int, high: int) -> list[float]:
    """The whole doubles around a value, within a range."""
    last = float(high) if int(float(high)) <= high else math.nextafter(float(high), 0.0)
    value = min(max(value, float(low)), last)
    return sorted({float(math.floor(value)), float(math.ceil(value))})


def _decimals(value: float, precision: int, scale: int) -> list[float]:
    """The decimals of so many digits, so many of them behind the point, around a value, as doubles.

    Those of fewer digits where the nearest are others after they were stored.
    """
    top = 10**precision - 1
    units = min(max(Fraction(min(max(value, -MAX), MAX)) * 10**scale, Fraction(-top)), Fraction(top))
    cuts = [10**digits for digits in range(precision + 1)]
    below = (math.floor(units / cut) * cut / 10**scale for cut in cuts)
    above = (math.ceil(units / cut) * cut / 10**scale for cut in cuts)
    found = [next((each for each in side if _is_kept(each, precision, scale)), None) for side in (below, above)]
    return sorted({each for each in found if each is not None})


def _is_kept(value: float, precision: int, scale: int) -> bool:
    """Whether DuckDB, which casts decimals by arithmetic of doubles, keeps a number; PostgreSQL goes through its text.

    Its units are a product, rounded half away from zero, which is divided again.
    """
    product = abs(value) * 10.0**scale
    units = int(product) + (product - int(product) >= 0.5)
    return product < 10.0**precision and units / 10.0**scale == abs(value)


def _texts(column: BoundColumn, value: str, enums: Enums) -> list[str]:
    if "\0" in value or any("\ud800" <= char <= "\udfff" for char in value):  # no database stores these
        return []
    if column.kind == "enum":
        return [value] if value in members(column, enums) else []
    if _is_free_text(column.type):
        return [value]
    short = _short_text(column.type, value)
    if short is not None:
        return short
    return [value] if len(value) <= SMALL_TEXT and value.isalnum() and value.isascii() else []


def _is_free_text(type: str) -> bool:
    """Whether a type holds any text; the extension citext may lie in any schema."""
    return type.lower() in TEXTS or type.split(".")[-1] == "citext"


def _short_text(type: str, value: str) -> list[str] | None:
    """A text as PostgreSQL's types of limited length keep it; None for other types."""
    limited = re.fullmatch(r"(character varying|character)\((\d+)\)", type)
    if type == "bpchar":
        return [value.rstrip(" ")]
    if type == "name":
        return [value.encode()[:NAME_BYTES].decode(errors="ignore")]
    if type == '"char"':  # one byte
        return [value[:1]] if value[:1].isascii() else []
    if limited is None:
        return None
    short = value[: int(limited[2])]
    return [short.rstrip(" ") if limited[1] == "character" else short]  # padding is no part of the text


def members(column: BoundColumn, enums: Enums) -> list[str]:
    """The texts of an enum: those in DuckDB's spelling of it, or those that were told."""
    if column.type.startswith("ENUM("):
        return [text.replace("''", "'") for text in re.findall(r"'((?:[^']|'')*)'", column.type)]
    return list(enums.get(column.type, ()))
