"""The values of PMML in blocks: its types, how they are written, and texts of which all possible ones are known.

A number, a boolean (1.0 and 0.0) is a NUMBER block; a string is a TEXT block. Missing is NaN and None.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from indb import build
from indb.ir import Apply, Block, Column, Const, Label, Lookup, Op, Type
from indb.readers.pmml.document import BOOLEANS, NUMBER, Element

DATA_TYPES = ("string", "integer", "float", "double", "boolean")
"""The types that are read. What is a date or a time has no value of its own in a model of numbers and texts."""

NUMBERS = ("integer", "float", "double")
OPTYPES = ("categorical", "ordinal", "continuous")

MAX_TEXTS = 10_000
"""How many different texts a result may be."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value of each row (width 1) and its type.

    `order`: the values of an ordinal or categorical field, as listed. `invalid`: 1.0 where it is there, but none that
    its field may have, which a MiningField with invalidValueTreatment="asIs" lets pass; None: nowhere.
    """

    block: Block
    data_type: str
    optype: str = "continuous"
    order: tuple[float | str, ...] = ()
    invalid: Block | None = None

    @property
    def is_text(self) -> bool:
        return self.data_type == "string"

    @property
    def is_number(self) -> bool:
        return self.data_type in NUMBERS


def with_optype(value: Value, optype: str) -> Value:
    """The value as one of another optype, in which it is a new one that is valid. Source: JPMML, FieldValue.cast."""
    return value if value.optype == optype else replace(value, optype=optype, invalid=None)


def type_of(data_type: str) -> Type:
    """The type of the block that holds values of a data type."""
    return Type.TEXT if data_type == "string" else Type.NUMBER


def optype_of(data_type: str) -> str:
    """The optype of a result that does not say one."""
    return "continuous" if data_type in NUMBERS else "categorical"


def parse(text: str, data_type: str, element: Element) -> float | str:
    """A value as it is written in a file.

    Raises: ModelFileError when it is none of the type.
    """
    if data_type == "string":
        return text
    if data_type == "boolean":
        if text.strip().lower() not in BOOLEANS:
            raise element.damaged(f"it has the value {text[:40]!r}, needed true or false")
        return 1.0 if BOOLEANS[text.strip().lower()] else 0.0
    number = element.parse_number(text, "a value")
    if data_type == "integer" and not number.is_integer():
        raise element.damaged(f"it has the value {text[:40]!r}, needed a whole number")
    if data_type == "float":
        with np.errstate(over="ignore"):
            number = float(np.float32(number))
    if math.isnan(number):
        raise element.damaged("it has the value NaN, which equals nothing")
    return number


def is_one(text: str, data_type: str) -> bool:
    """Whether a text is a value of a type that is not missing."""
    if data_type == "boolean":
        return text.strip().lower() in BOOLEANS
    return data_type == "string" or (NUMBER.fullmatch(text.strip()) is not None and text.strip() != "NaN")


def text_of(value: float | str, data_type: str) -> str:
    """A value as a text of a file."""
    if isinstance(value, str):
        return value
    if data_type == "boolean":
        return "true" if value else "false"
    whole = data_type == "integer" and float(value).is_integer()  # which an infinite one is not
    return str(int(value)) if whole else repr(value)


def label(text: str, data_type: str, element: Element) -> Label:
    """A value as a label of a target: a text, a whole number, a number or a boolean."""
    value = parse(text, data_type, element)
    if isinstance(value, str):
        return value
    made: dict[str, type[int | float | bool]] = {"integer": int, "boolean": bool}
    return made.get(data_type, float)(value)


def constant(value: float | str | None, data_type: str) -> Block:
    """The same value for every row; None is missing."""
    if data_type == "string":
        return build.text(None if value is None else str(value))
    return build.number(math.nan if value is None else float(value))


def missing(data_type: str) -> Block:
    """A missing value of a type."""
    return constant(None, data_type)


def is_one_of(x: Block, values: Iterable[float | str]) -> Block:
    """1.0 where x is one of these values, else 0.0, also where it is missing."""
    keys = tuple(dict.fromkeys(values))
    if len(keys) == 1:
        return Apply(Op.EQ, (x, Const(keys, x.type)))
    return Lookup(x, keys, ((1.0,),) * len(keys), (0.0,), (0.0,))


def present(x: Block) -> Block:
    """1.0 where x is not missing, else 0.0."""
    return opposite(build.is_missing(x))


def opposite(condition: Block) -> Block:
    """1.0 where a condition, which is never missing, is 0.0."""
    return build.where(condition, build.number(0.0), build.number(1.0))


def both(*conditions: Block) -> Block:
    """Whether all conditions are true."""
    result = conditions[0]
    for condition in conditions[1:]:
        result = Apply(Op.AND, (result, condition))
    return result


def either(*conditions: Block) -> Block:
    """Whether one of the conditions is true."""
    result = conditions[0]
    for condition in conditions[1:]:
        result = Apply(Op.OR, (result, condition))
    return result


def decoded(number: Block, labels: Sequence[Label], data_type: str) -> Block:
    """The values that the numbers of labels stand for, as a field holds them."""
    keys = tuple(float(place) for place in range(len(labels)))
    if data_type == "string":
        rows = tuple((str(each),) for each in labels)
        return Lookup(number, keys, rows, (None,), (None,), Type.TEXT)
    values = tuple((float(each),) for each in labels)
    return Lookup(number, keys, values, (math.nan,), (math.nan,))


def encoded(x: Block, values: Sequence[float | str]) -> Block:
    """The number of the value that x is; missing for another one."""
    rows = tuple((float(place),) for place in range(len(values)))
    return Lookup(x, tuple(values), rows, (math.nan,), (math.nan,))


def texts_of(root: Block, columns: Mapping[str, Sequence[str] | None]) -> tuple[str, ...] | None:
    """Every text that a TEXT block can give, in the order of the blocks; None where it can be any text.

    columns: what is known of columns in the same way.
    """
    found: dict[int, dict[str, None] | None] = {}
    stack = [root]
    while stack:
        block = stack[-1]
        parts = [] if isinstance(block, Lookup) else [part for part in block.children if part.type is Type.TEXT]
        waiting = [part for part in parts if id(part) not in found]
        if waiting:  # what a lookup reads has no say in what it gives
            stack += waiting
            continue
        stack.pop()
        texts = _own_texts(block, columns) if not parts else _union([found[id(part)] for part in parts])
        found[id(block)] = None if texts is not None and len(texts) > MAX_TEXTS else texts
    result = found[id(root)]
    return None if result is None else tuple(result)


def _own_texts(block: Block, columns: Mapping[str, Sequence[str] | None]) -> dict[str, None] | None:
    """The texts that a block gives which passes on none of its children."""
    match block:
        case Const(values):
            return {str(value): None for value in values if value is not None}
        case Lookup(values=rows, unknown=unknown, missing=gap):
            return {str(value): None for row in (*rows, unknown, gap) for value in row if value is not None}
        case Column(name):
            known = columns.get(name)
            return None if known is None else dict.fromkeys(known)
    return None


def _union(parts: Sequence[dict[str, None] | None]) -> dict[str, None] | None:
    result: dict[str, None] = {}
    for part in parts:
        if part is None:
            return None
        result.update(part)
    return result


def cast(value: Value, data_type: str, element: Element, require: Callable[[Block], None]) -> Value:
    """The value in another type; `require` is told what a row must fulfil to have one.

    Raises: UnsupportedModel where no number or text stands for it: a text is no number, as it could be any.
    """
    if value.data_type == data_type:
        return value
    if data_type == "string" or value.is_text:
        texts = _as_text(value) if data_type == "string" else _as_numbers(value, data_type)
        if texts is None:
            raise element.refused(f"it makes a {data_type} of a {value.data_type}")
        return Value(texts, data_type, "categorical")
    block = value.block
    if data_type == "float" and value.data_type != "boolean":
        block = build.single(block)
    if data_type == "integer" and value.data_type != "boolean":
        require(either(build.is_missing(block), Apply(Op.EQ, (Apply(Op.FLOOR, (block,)), block))))
    if data_type == "boolean":
        require(either(build.is_missing(block), is_one_of(block, (0.0, 1.0))))
    return Value(block, data_type, optype_of(data_type))


def _as_text(value: Value) -> Block | None:
    """Booleans as texts, and numbers of which all possible ones are known."""
    if value.data_type == "boolean":
        return decoded(value.block, ("false", "true"), "string")
    numbers = numbers_of(value.block)
    if numbers is None or value.data_type == "float":
        return None
    if value.data_type == "double" and not all(number == 0.0 or 1e-3 <= abs(number) < 1e7 for number in numbers):
        return None  # programs do not agree on how they write those
    if not all(map(math.isfinite, numbers)):
        return None
    rows = tuple((text_of(number, value.data_type),) for number in numbers)
    return Lookup(value.block, numbers, rows, (None,), (None,), Type.TEXT)


def _as_numbers(value: Value, data_type: str) -> Block | None:
    """Texts as numbers where all possible ones are known; what is no number is missing."""
    texts = texts_of(value.block, {})
    if texts is None:
        return None
    rows = tuple((_number(text, data_type),) for text in texts)
    return Lookup(value.block, texts, rows, (math.nan,), (math.nan,))


def _number(text: str, data_type: str) -> float:
    found = BOOLEANS.get(text.strip().lower()) if data_type == "boolean" else None
    if found is not None:
        return float(found)
    is_number = data_type != "boolean" and NUMBER.fullmatch(text.strip())
    return float(text) if is_number else math.nan


def numbers_of(block: Block) -> tuple[float, ...] | None:
    """Every number that a block can give where that is a constant or a lookup, else None."""
    if isinstance(block, Const):
        return tuple(dict.fromkeys(float(each) for each in block.values if each == each and each is not None))
    if isinstance(block, Lookup):
        rows = [value for row in (*block.values, block.unknown, block.missing) for value in row]
        return tuple(dict.fromkeys(float(each) for each in rows if each is not None and each == each))
    return None


def parse_missing(data_type: str) -> float | None:
    """A missing value in a table of a type."""
    return None if data_type == "string" else math.nan
