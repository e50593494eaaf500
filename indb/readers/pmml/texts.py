"""Built-in functions of texts: what works on letters is done where all possible texts are known, as a table.

Source: PMML 4.4, "Built-in functions"; JPMML's org.jpmml.evaluator.functions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from indb import build
from indb.ir import Const, Lookup, Type
from indb.readers.pmml import values
from indb.readers.pmml.calls import Call
from indb.readers.pmml.values import Value


def _letters(function: Callable[[str], str]) -> Callable[[Call], Value]:
    """A function of one text that gives another."""

    def read(call: Call) -> Value:
        call.count(1)
        return _text_table(call, function)

    return read


def _known_texts(call: Call, value: Value) -> tuple[str, ...]:
    found = call.scope.texts(value.block) if value.is_text else None
    if found is None:
        raise call.element.refused(
            f"{call.name} of a {value.data_type} that could be any",
            "List its valid values in the DataDictionary, or compute it in the table before scoring.",
        )
    return found


def _text_table(call: Call, function: Callable[[str], str], missing: str | None = None) -> Value:
    texts = _known_texts(call, call.args[0])
    rows = tuple((function(text),) for text in texts)
    return Value(Lookup(call.args[0].block, texts, rows, (None,), (missing,), Type.TEXT), "string", "categorical")


def _length(call: Call) -> Value:
    call.count(1)
    texts = _known_texts(call, call.args[0])
    rows = tuple((float(len(text)),) for text in texts)
    return Value(Lookup(call.args[0].block, texts, rows, (math.nan,), (math.nan,)), "integer")


def _substring(call: Call) -> Value:
    call.count(3)
    start, length = (arg.block for arg in call.args[1:])
    if not (isinstance(start, Const) and isinstance(length, Const)):
        raise call.element.refused("substring at a place that is no constant")
    first, count = start.values[0], length.values[0]
    if not isinstance(first, float) or not isinstance(count, float) or first < 1 or count < 0:
        raise call.element.damaged(f"substring from {first} on, {count} letters long")
    return _text_table(call, lambda text: text[int(first) - 1 : int(first) - 1 + int(count)])


def _concat(call: Call) -> Value:
    """Texts joined: of which at most one is no constant; a missing one is empty."""
    call.count(1, -1)
    parts = [values.cast(arg, "string", call.element, call.scope.require) for arg in call.args]
    free = [part for part in parts if not isinstance(part.block, Const)]
    if len(free) > 1:
        raise call.element.refused("concat of several texts that are no constants")
    if not free:
        joined = "".join(str(part.block.values[0] or "") for part in parts if isinstance(part.block, Const))
        return Value(build.text(joined), "string", "categorical")
    at = parts.index(free[0])
    before, after = ("".join(_text(part) for part in side) for side in (parts[:at], parts[at + 1 :]))
    inner = Call(call.name, free, call.element, call.scope)
    return _text_table(inner, lambda text: before + text + after, before + after)


def _text(part: Value) -> str:
    return str(part.block.values[0] or "") if isinstance(part.block, Const) else ""


PLAIN = re.compile(r"[\w \-.,:;|()\[\]*+?^$]*", re.ASCII)
"""Regular expressions that mean the same in Java and Python."""


def _pattern(call: Call, arg: Value) -> re.Pattern[str]:
    """A constant that is a regular expression."""
    text = arg.block.values[0] if isinstance(arg.block, Const) and arg.is_text else None
    if not isinstance(text, str) or not PLAIN.fullmatch(text) or len(text) > 200:
        raise call.element.refused(f"{call.name} with a pattern that is no plain constant")
    try:
        return re.compile(text)
    except re.error as error:
        raise call.element.damaged(f"its pattern {text!r} is none ({error})") from None


def _matches(call: Call) -> Value:
    """Whether a part of the text is what the pattern says."""
    call.count(2)
    pattern = _pattern(call, call.args[1])
    texts = _known_texts(call, call.args[0])
    rows = tuple((float(pattern.search(text) is not None),) for text in texts)
    block = Lookup(call.args[0].block, texts, rows, (math.nan,), (math.nan,))
    return Value(block, "boolean", "categorical")


def _replace(call: Call) -> Value:
    """The text with every part that is what the pattern says replaced."""
    call.count(3)
    pattern, other = _pattern(call, call.args[1]), call.args[2]
    text = _text(other)
    if not isinstance(other.block, Const) or "$" in text or "\\" in text:
        raise call.element.refused("replace by something else than a plain constant")
    return _text_table(call, lambda found: pattern.sub(lambda _: text, found))


FUNCTIONS: dict[str, Callable[[Call], Value]] = {
    "uppercase": _letters(str.upper),
    "lowercase": _letters(str.lower),
    "trimBlanks": _letters(lambda text: text.strip(" ")),
    "stringLength": _length,
    "substring": _substring,
    "concat": _concat,
    "matches": _matches,
    "replace": _replace,
}
