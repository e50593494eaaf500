"""Predicates in PMML's logic of three values: true, false, and unknown where a field is missing.

Source: PMML 4.4, "Tree Models", sections "Predicates" (tables of AND, OR, XOR) and "CompoundPredicate: surrogate".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from indb import build
from indb.ir import Apply, Block, Op
from indb.readers.pmml import values
from indb.readers.pmml.document import Element

if TYPE_CHECKING:
    from indb.readers.pmml.scope import Scope

PREDICATES = ("SimplePredicate", "CompoundPredicate", "SimpleSetPredicate", "True", "False")

YES, NO = build.number(1.0), build.number(0.0)


@dataclass(frozen=True, slots=True)
class Logic:
    """Where something is true and where it is false (1.0 or 0.0, never missing); elsewhere it is unknown."""

    true: Block
    false: Block

    @property
    def unknown(self) -> Block:
        """1.0 where it is neither."""
        if NO in (self.true, self.false) and YES in (self.true, self.false):
            return NO
        return values.opposite(values.either(self.true, self.false))

    @property
    def opposite(self) -> Logic:
        return Logic(self.false, self.true)


TRUE, FALSE = Logic(YES, NO), Logic(NO, YES)

COMPARISONS = {
    "equal": (Op.EQ, False),
    "notEqual": (Op.EQ, True),
    "lessThan": (Op.LT, False),
    "lessOrEqual": (Op.LE, False),
    "greaterThan": (Op.LE, True),
    "greaterOrEqual": (Op.LT, True),
}
"""Operator of a SimplePredicate -> the op that answers it, and whether its answer is turned round."""

BINARY = {"and", "or", "xor", "surrogate"}

ITEM = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s"]+)')


def predicate_in(element: Element) -> Element:
    """The predicate in an element, of which there must be one."""
    return element.one(*PREDICATES)


def read_predicate(element: Element, scope: Scope) -> Logic:
    """The logic of a predicate element."""
    match element.name:
        case "True":
            return TRUE
        case "False":
            return FALSE
        case "SimplePredicate":
            return _simple(element, scope)
        case "SimpleSetPredicate":
            return _in_set(element, scope)
        case "CompoundPredicate":
            parts = [read_predicate(child, scope) for child in element.all(*PREDICATES)]
            return combine(element.choice("booleanOperator", BINARY), parts, element)
    raise element.refused("needed a predicate")


def _simple(element: Element, scope: Scope) -> Logic:
    operator = element.choice("operator", (*COMPARISONS, "isMissing", "isNotMissing"))
    value = scope.field(element.needed("field"), element)
    if operator in ("isMissing", "isNotMissing"):
        element.get("value")  # some tools write one
        gap = build.is_missing(value.block)
        logic = Logic(gap, values.opposite(gap))
        return logic if operator == "isMissing" else logic.opposite
    op, turned = COMPARISONS[operator]
    other = values.parse(element.needed("value"), value.data_type, element)
    if op is not Op.EQ and not value.is_number:
        raise element.refused(f"operator={operator!r} of a {value.data_type}, needed a number")
    answer = Apply(op, (value.block, values.constant(other, value.data_type)))
    logic = _told_apart(answer, value.block)
    return logic.opposite if turned else logic


def _told_apart(answer: Block, x: Block) -> Logic:
    """True where the answer is; false where it is not and x is there."""
    return Logic(answer, values.both(values.opposite(answer), values.present(x)))


def items(element: Element) -> list[str]:
    """The items of an Array, between spaces or in quotes, as many as its n says.

    Raises: ModelFileError when there are more or fewer.
    """
    kind = element.choice("type", ("int", "real", "string"))
    count = element.integer("n", -1)
    if kind == "string":
        found = [plain or re.sub(r"\\(.)", r"\1", quoted) for quoted, plain in ITEM.findall(element.text)]
    else:
        found = element.text.split()
    if count >= 0 and count != len(found):
        raise element.damaged(f"it holds {len(found)} items, n says {count}")
    return found


def _in_set(element: Element, scope: Scope) -> Logic:
    value = scope.field(element.needed("field"), element)
    array = element.one("Array")
    members = [values.parse(item, value.data_type, array) for item in items(array)]
    answer = values.is_one_of(value.block, members) if members else NO
    logic = _told_apart(answer, value.block)
    return logic if element.choice("booleanOperator", ("isIn", "isNotIn")) == "isIn" else logic.opposite


def decided_by_surrogate(element: Element, scope: Scope) -> Block:
    """1.0 where a predicate with surrogates is known, but not by its first part; 0.0 of other predicates."""
    if element.name != "CompoundPredicate" or element.get("booleanOperator") != "surrogate":
        return NO
    first, *rest = (read_predicate(child, scope) for child in element.all(*PREDICATES))
    known = values.either(*(value for each in rest for value in (each.true, each.false))) if rest else NO
    return values.both(first.unknown, known)


def combine(operator: str, parts: list[Logic], element: Element) -> Logic:
    """Several predicates as one."""
    if not parts:
        raise element.damaged("it has no predicates in it")
    if operator == "and":
        return Logic(values.both(*(each.true for each in parts)), values.either(*(each.false for each in parts)))
    if operator == "or":
        return Logic(values.either(*(each.true for each in parts)), values.both(*(each.false for each in parts)))
    if operator == "xor":
        return reduce(_xor, parts)
    return reduce(_surrogate, reversed(parts))


def _xor(a: Logic, b: Logic) -> Logic:
    both = values.both
    true = values.either(both(a.true, b.false), both(a.false, b.true))
    return Logic(true, values.either(both(a.true, b.true), both(a.false, b.false)))


def _surrogate(rest: Logic, first: Logic) -> Logic:
    """The first, and where that is unknown the rest."""
    true = values.either(first.true, values.both(first.unknown, rest.true))
    return Logic(true, values.either(first.false, values.both(first.unknown, rest.false)))
