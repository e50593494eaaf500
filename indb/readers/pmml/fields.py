"""DataDictionary and MiningSchema: what a field may hold, and what is done with values that are missing or invalid.

Source: PMML 4.4, "Data Dictionary" and "Mining Schema".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from indb import build
from indb.ir import Apply, Block, Op, Type
from indb.readers.pmml import values
from indb.readers.pmml.document import Element
from indb.readers.pmml.values import Value

CLOSURES = {"openOpen": (False, False), "openClosed": (False, True), "closedOpen": (True, False)}
CLOSURES["closedClosed"] = (True, True)

INPUTS = ("active", "supplementary")
USAGES = (*INPUTS, "predicted", "target", "group", "order", "frequencyWeight", "analysisWeight")
TARGETS = ("predicted", "target")
MISSING_TREATMENTS = ("asIs", "asMean", "asMode", "asMedian", "asValue", "returnInvalid")
"""What was done with missing values in training; all but returnInvalid say nothing of scoring."""
TREATMENTS = (
    *("missingValueReplacement", "missingValueTreatment", "invalidValueTreatment", "invalidValueReplacement"),
    *("outliers", "lowValue", "highValue"),
)
"""The attributes of a MiningField that say what is done with values."""
INVALID_TREATMENTS = ("returnInvalid", "asIs", "asMissing", "asValue")


@dataclass(frozen=True, slots=True)
class Interval:
    """Numbers from low to high; whether the ends are in it."""

    low: float
    high: float
    low_closed: bool
    high_closed: bool

    def holds(self, x: Block) -> Block:
        """1.0 where x is inside, else 0.0, also where it is missing."""
        below = build.less_equal if self.low_closed else build.less
        above = build.less_equal if self.high_closed else build.less
        ends = []
        if self.low > -math.inf:
            ends.append(below(build.number(self.low), x))
        if self.high < math.inf:
            ends.append(above(x, build.number(self.high)))
        return values.both(*ends) if ends else values.present(x)


def read_interval(element: Element, data_type: str = "double") -> Interval:
    """An Interval element; a margin that is left out is infinite."""
    ends = []
    for name, default in (("leftMargin", -math.inf), ("rightMargin", math.inf)):
        text = element.get(name)
        ends.append(default if text is None else float(values.parse(text, data_type, element)))
    low_closed, high_closed = element.chosen("closure", CLOSURES)
    return Interval(ends[0], ends[1], low_closed, high_closed)


@dataclass(frozen=True, slots=True)
class DataField:
    """A field of the DataDictionary: its type, and what values are valid, invalid or stand for a missing one."""

    name: str
    element: Element
    data_type: str
    optype: str
    valid: tuple[float | str, ...]
    invalid: tuple[float | str, ...]
    gaps: tuple[float | str, ...]
    intervals: tuple[Interval, ...]
    displayed: dict[float | str, str]

    def validity(self, x: Block) -> Block | None:
        """1.0 where x is a valid value; None where every value that is not missing is one."""
        tests: list[Block] = []
        if self.valid:
            tests.append(values.is_one_of(x, self.valid))
        if self.intervals:
            tests.append(values.either(*(each.holds(x) for each in self.intervals)))
        accepted = values.either(*tests) if tests else None
        if accepted is None and self.invalid:
            accepted = values.both(values.present(x), values.opposite(values.is_one_of(x, self.invalid)))
        fits = self._fits(x)
        if fits is None or self.valid:
            return accepted
        return fits if accepted is None else values.both(fits, accepted)

    def _fits(self, x: Block) -> Block | None:
        """1.0 where a number is a value of the type at all."""
        if self.data_type == "integer":
            finite = build.between(x, -build.FLOAT64_MAX, build.FLOAT64_MAX)
            return values.both(Apply(Op.EQ, (Apply(Op.FLOOR, (x,)), x)), finite)
        if self.data_type == "boolean":
            return values.is_one_of(x, (0.0, 1.0))
        return None


def undeclared(name: str, element: Element, data_type: str, optype: str) -> DataField:
    """A field that another model computes: it may have any value."""
    return DataField(name, element, data_type, optype, (), (), (), (), {})


def read_data_field(element: Element) -> DataField:
    """One DataField. Raises: UnsupportedModel for a type that is not read, and a field whose values go round."""
    element.refuse("taxonomy")
    data_type = element.choice("dataType", values.DATA_TYPES)
    cyclic = element.get("isCyclic")
    if cyclic not in (None, "0"):
        raise element.refused(f"isCyclic={cyclic!r} is not read")
    properties: dict[str, list[float | str]] = {"valid": [], "invalid": [], "missing": []}
    displayed: dict[float | str, str] = {}
    for child in element.all("Value"):
        kind = child.choice("property", tuple(properties), "valid")
        text = child.needed("value")
        if kind != "valid" and not values.is_one(text, data_type):
            continue  # no column of this type holds it
        value = values.parse(text, data_type, child)
        properties[kind].append(value)
        shown = child.get("displayValue")
        if shown is not None:
            displayed[value] = shown
    return DataField(
        name=element.needed("name"),
        element=element,
        data_type=data_type,
        optype=element.choice("optype", values.OPTYPES),
        valid=tuple(dict.fromkeys(properties["valid"])),
        invalid=tuple(dict.fromkeys(properties["invalid"])),
        gaps=tuple(dict.fromkeys(properties["missing"])),
        intervals=tuple(read_interval(child, data_type) for child in element.all("Interval")),
        displayed=displayed,
    )


@dataclass(frozen=True, slots=True)
class MiningField:
    """A field of a MiningSchema: what it is used for, and how values are treated that a model cannot take."""

    name: str
    element: Element
    usage: str
    optype: str | None

    @property
    def treats(self) -> bool:
        """Whether it says anything of how values are treated."""
        return any(self.element.get(name) is not None for name in TREATMENTS)


def read_mining_field(element: Element) -> MiningField:
    """One MiningField."""
    optype = None if element.get("optype") is None else element.choice("optype", values.OPTYPES)
    for name in TREATMENTS:  # of a field that is no input, or not used, they say nothing
        element.get(name)
    usage = element.choice("usageType", USAGES, "active")
    return MiningField(element.needed("name"), element, usage, optype)


def treated(raw: Block, field: DataField, mining: MiningField, require: Callable[[Block], None]) -> Value:
    """The value of a column as a model takes it; `require` is told what a row must fulfil to be scored."""
    element, data_type = mining.element, field.data_type
    gap = values.missing(data_type)
    x = build.single(raw) if data_type == "float" else raw
    if field.gaps:
        x = build.where(values.is_one_of(x, field.gaps), gap, x)
    x, valid = _without_invalid(x, field, mining, require)
    as_is = valid is not None and element.get("invalidValueTreatment") == "asIs"
    invalid = values.both(values.present(x), values.opposite(valid)) if as_is and valid is not None else None
    x = _without_outliers(x, valid, field, mining)
    replacement = element.get("missingValueReplacement")
    treatment = element.choice("missingValueTreatment", MISSING_TREATMENTS, "asIs")
    if treatment == "returnInvalid":
        if replacement is not None:
            raise element.refused("missingValueTreatment='returnInvalid' with a missingValueReplacement")
        require(values.present(x))
    elif replacement is not None:
        filled = values.constant(values.parse(replacement, data_type, element), data_type)
        x = Apply(Op.COALESCE, (x, filled))
    return Value(x, data_type, mining.optype or field.optype, field.valid, invalid)


def _without_invalid(
    x: Block, field: DataField, mining: MiningField, require: Callable[[Block], None]
) -> tuple[Block, Block | None]:
    """The value with its invalidValueTreatment, and where it is valid."""
    element = mining.element
    treatment = element.choice("invalidValueTreatment", INVALID_TREATMENTS, "returnInvalid")
    replacement = element.get("invalidValueReplacement")
    if (treatment == "asValue") != (replacement is not None):
        raise element.refused(f"invalidValueTreatment={treatment!r} and invalidValueReplacement={replacement!r}")
    valid = field.validity(x)
    if valid is None:
        return x, None
    gap = values.missing(field.data_type)
    if treatment == "returnInvalid":
        require(values.either(build.is_missing(x), valid))
        return x, None
    if treatment == "asMissing":
        return build.where(valid, x, gap), None
    if treatment == "asValue":
        other = values.constant(values.parse(str(replacement), field.data_type, element), field.data_type)
        return build.where(valid, x, build.where(build.is_missing(x), gap, other)), valid
    if field._fits(x) is not None:
        require(values.either(build.is_missing(x), field._fits(x) or valid))
    return x, valid


def _without_outliers(x: Block, valid: Block | None, field: DataField, mining: MiningField) -> Block:
    """The value with its outliers treated; `valid` is where that is done (None: everywhere)."""
    element = mining.element
    treatment = element.choice("outliers", ("asIs", "asMissingValues", "asExtremeValues"), "asIs")
    low, high = element.optional_number("lowValue"), element.optional_number("highValue")
    if treatment == "asIs":
        return x
    if x.type is Type.TEXT or (mining.optype or field.optype) != "continuous":
        raise element.refused(f"outliers={treatment!r} of a field that is not continuous")
    if low is None or high is None:
        raise element.damaged(f"outliers={treatment!r} needs a lowValue and a highValue")
    if treatment == "asExtremeValues":
        changed = build.clip(x, build.number(low), build.number(high))
    else:
        changed = build.where(build.between(x, low, high), x, build.MISSING)
    return changed if valid is None else build.where(valid, changed, x)
