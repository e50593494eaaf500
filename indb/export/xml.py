"""Elements of XML as text, and doubles as PMML writes them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

from indb.errors import UnsupportedModel

FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML file can hold, not even as a reference. Source: Extensible Markup Language 1.0, production 2 (Char)."""

ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


def escaped(text: str) -> str:
    """A text as it is written between tags, or in an attribute.

    Raises: UnsupportedModel for a character that XML does not have.
    """
    found = FORBIDDEN.search(text)
    if found:
        raise UnsupportedModel(
            f"cannot write the model as PMML: XML has no character {found[0]!r}, found in {text[:60]!r}"
        )
    return "".join(ESCAPES.get(letter, letter) for letter in text)


def element(name: str, attributes: Mapping[str, str | None] | None = None, parts: Iterable[str] = ()) -> str:
    """An element of attributes, without those that are None, and of parts that are XML already."""
    held = "".join(f' {key}="{escaped(value)}"' for key, value in (attributes or {}).items() if value is not None)
    inside = "".join(parts)
    return f"<{name}{held}>{inside}</{name}>" if inside else f"<{name}{held}/>"


def double(value: float) -> str:
    """The shortest text that is this double again; there is none for NaN."""
    if math.isinf(value):
        return "INF" if value > 0 else "-INF"
    return repr(float(value))
