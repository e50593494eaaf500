"""Expressions of derived fields and outputs as blocks. The functions that Apply names are in functions.py.

Source: PMML 4.4, "Transformation Dictionary & Derived Values", and JPMML's ExpressionUtil where that leaves it open.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from indb import build
from indb.ir import Apply, Block, Lookup, Op, Scalar, Type
from indb.readers.pmml import functions, values
from indb.readers.pmml.document import NUMBER, Element
from indb.readers.pmml.fields import read_interval
from indb.readers.pmml.values import Value

if TYPE_CHECKING:
    from indb.readers.pmml.scope import Scope

Fields: TypeAlias = Callable[[str, Element], Value]
"""What finds the value of a name for an element: the fields of a model, or the parameters of a function."""

MAX_TABLE = 200_000
"""How many rows an InlineTable has at most, and how many combinations of values are numbered."""


def expression_in(element: Element) -> Element:
    """The expression in an element, of which there must be one."""
    return element.one(*EXPRESSIONS)


def read_expression(element: Element, scope: Scope, find: Fields) -> Value:
    """The value of an expression element.

    Raises: UnsupportedModel for one that blocks cannot say, naming it.
    """
    scope.document.step(element)
    if element.name not in EXPRESSIONS or EXPRESSIONS[element.name] is None:
        raise element.refused("this expression is not read")
    read = EXPRESSIONS[element.name]
    assert read is not None
    return read(element, scope, find)


def _constant(element: Element, scope: Scope, find: Fields) -> Value:
    text = element.text
    if element.flag("missing", False):
        data_type = element.choice("dataType", values.DATA_TYPES, "double")
        return Value(values.missing(data_type), data_type, values.optype_of(data_type))
    data_type = element.choice("dataType", values.DATA_TYPES, guessed_type(text))
    return Value(values.constant(values.parse(text, data_type, element), data_type), data_type)


def guessed_type(text: str) -> str:
    """The type of a constant that does not say one. Source: JPMML, TypeUtil.getConstantDataType."""
    text = text.strip()
    if NUMBER.fullmatch(text) and text != "NaN":
        return "integer" if text.lstrip("+-").isdigit() else "double"
    return "string"


def _field_ref(element: Element, scope: Scope, find: Fields) -> Value:
    value = find(element.needed("field"), element)
    return filled(value, element.get("mapMissingTo"), element)


def filled(value: Value, text: str | None, element: Element) -> Value:
    """The value, and what a text says of its type where it is missing."""
    if text is None:
        return value
    other = values.constant(values.parse(text, value.data_type, element), value.data_type)
    return replace(value, block=Apply(Op.COALESCE, (value.block, other)))


def _number_of(element: Element, find: Fields) -> Value:
    value = find(element.needed("field"), element)
    if not value.is_number:
        raise element.refused(f"its field is a {value.data_type}, needed a number")
    return value


def _norm_continuous(element: Element, scope: Scope, find: Fields) -> Value:
    """Lines between points, in each piece norm + (x - orig) / (width) * (height)."""
    x = _number_of(element, find).block
    gap = element.optional_number("mapMissingTo")
    outliers = element.choice("outliers", ("asIs", "asMissingValues", "asExtremeValues"), "asIs")
    points = [(child.number("orig"), child.number("norm")) for child in element.all("LinearNorm")]
    if len(points) < 2 or any(b[0] <= a[0] for a, b in itertools.pairwise(points)):
        raise element.damaged("it needs two LinearNorm or more, whose orig ascends")
    pairs = list(itertools.pairwise(points))
    lines = [_line(x, low, high) for low, high in pairs]
    result = lines[-1]
    for (_, high), line in reversed(list(zip(pairs[:-1], lines[:-1], strict=True))):
        result = build.where(build.less_equal(x, build.number(high[0])), line, result)
    (start, bottom), (stop, top) = points[0], points[-1]
    if outliers == "asMissingValues":
        result = build.where(build.between(x, start, stop), result, build.MISSING)
    elif outliers == "asExtremeValues":
        result = build.where(build.less(x, build.number(start)), build.number(bottom), result)
        result = build.where(build.less(build.number(stop), x), build.number(top), result)
    value = Value(build.where(build.is_missing(x), build.MISSING, result), "double")
    if gap is None:
        return value
    return Value(build.where(build.is_missing(x), build.number(gap), result), "double")


def _line(x: Block, low: tuple[float, float], high: tuple[float, float]) -> Block:
    share = build.divide(build.subtract(x, build.number(low[0])), build.number(high[0] - low[0]))
    return build.add(build.multiply(share, build.number(high[1] - low[1])), build.number(low[1]))


def _norm_discrete(element: Element, scope: Scope, find: Fields) -> Value:
    value = find(element.needed("field"), element)
    element.choice("method", ("indicator",), "indicator")
    key = values.parse(element.needed("value"), value.data_type, element)
    gap = element.optional_number("mapMissingTo")
    row = (math.nan if gap is None else gap,)
    return Value(Lookup(value.block, (key,), ((1.0,),), (0.0,), row), "double")


def _discretize(element: Element, scope: Scope, find: Fields) -> Value:
    """The value of the first bin whose interval holds the number."""
    x = _number_of(element, find)
    bins = element.all("DiscretizeBin")
    given = [each.needed("binValue") for each in bins]
    default, gap = element.get("defaultValue"), element.get("mapMissingTo")
    data_type = element.choice("dataType", values.DATA_TYPES, "string")

    def constant(text: str | None) -> Block:
        return values.constant(None if text is None else values.parse(text, data_type, element), data_type)

    result = constant(default)
    for each, text in reversed(list(zip(bins, given, strict=True))):
        inside = read_interval(each.one("Interval")).holds(x.block)
        result = build.where(inside, constant(text), result)
    block = build.where(build.is_missing(x.block), constant(gap), result)
    return Value(block, data_type, "categorical")


def table_rows(element: Element) -> list[dict[str, str]]:
    """The rows of an InlineTable, each as the texts of its cells by their names."""
    table = element.one("InlineTable")
    rows = [{_column(cell.name): cell.text for cell in row} for row in table.all("row")]
    if len(rows) > MAX_TABLE:
        raise table.refused(f"it has more than {MAX_TABLE} rows")
    return rows


def _column(name: str) -> str:
    """The name of a column without the prefix of its namespace."""
    return name.rpartition(":")[2]


def _map_values(element: Element, scope: Scope, find: Fields) -> Value:
    """The cell of the output column in the first row whose other cells equal the fields."""
    data_type = element.choice("dataType", values.DATA_TYPES, "string")
    output = _column(element.needed("outputColumn"))
    pairs = [
        (_column(each.needed("column")), find(each.needed("field"), each)) for each in element.all("FieldColumnPair")
    ]
    if not pairs:
        raise element.damaged("it has no FieldColumnPair")

    def cell(text: str | None) -> Scalar:
        if text is None:
            return values.parse_missing(data_type)
        return values.parse(text, data_type, element)

    found: dict[tuple[float | str, ...], Scalar] = {}
    rows = table_rows(element)
    unknown = {output, *(column for column, _ in pairs)} - {column for row in rows for column in row}
    if unknown and rows:
        raise element.damaged(f"its table has no column {min(unknown)[:40]!r}")
    for row in rows:
        if all(column in row for column, _ in pairs):
            key = tuple(values.parse(row[column], value.data_type, element) for column, value in pairs)
            found.setdefault(key, cell(row.get(output)))
    default, gap = cell(element.get("defaultValue")), cell(element.get("mapMissingTo"))
    block = _mapped([value.block for _, value in pairs], found, default, gap, values.type_of(data_type), element)
    return Value(block, data_type, values.optype_of(data_type))


def _mapped(
    inputs: list[Block],
    found: dict[tuple[float | str, ...], Scalar],
    default: Scalar,
    gap: Scalar,
    kind: Type,
    element: Element,
) -> Block:
    """A Lookup by several inputs: of one number that stands for all of them, which is below 0 for an unknown value."""
    if len(inputs) == 1:
        keys = tuple(key for (key,) in found)
        return Lookup(inputs[0], keys, tuple((value,) for value in found.values()), (default,), (gap,), kind)
    code: Block = build.number(0.0)
    numbers = dict.fromkeys(found, 0.0)
    stride = 1.0
    for place, x in enumerate(inputs):
        known = tuple(dict.fromkeys(key[place] for key in found))
        position = {value: float(number) for number, value in enumerate(known)}
        rows = tuple((position[value] * stride,) for value in known)
        code = build.add(code, Lookup(x, known, rows, (-math.inf,), (math.nan,)))
        numbers = {key: number + position[key[place]] * stride for key, number in numbers.items()}
        stride *= max(len(known), 1)
        if stride > 2.0**52:
            raise element.refused("its table has too many combinations of values")
    keys = tuple(numbers.values())
    return Lookup(code, keys, tuple((value,) for value in found.values()), (default,), (gap,), kind)


def _apply(element: Element, scope: Scope, find: Fields) -> Value:
    """A call of a function that the file defines, or of a built-in one; with what a missing or bad result becomes."""
    name = element.needed("function")
    args = _arms(element, scope, find) if name == "if" else [read_expression(e, scope, find) for e in element]
    treatment = element.choice("invalidValueTreatment", ("returnInvalid", "asMissing", "asIs"), "returnInvalid")
    if name in scope.document.functions:
        result = _call(name, args, element, scope)
    else:
        result = functions.call(name, args, element, scope)
    any_missing = values.either(*(build.is_missing(arg.block) for arg in args)) if args else build.number(0.0)
    if name in functions.UNDEFINED:
        if treatment == "asIs":
            raise element.refused("invalidValueTreatment='asIs' of a function without a result for some numbers")
        if treatment == "returnInvalid":
            scope.require(values.either(values.present(result.block), any_missing))
    result = _without_invalid(result, treatment, scope)
    result = filled(result, element.get("defaultValue"), element)
    gap = element.get("mapMissingTo")
    if gap is None or name == "if":  # the arm that is not taken has no say
        return filled(result, gap, element)
    other = values.constant(values.parse(gap, result.data_type, element), result.data_type)
    invalid = None if result.invalid is None else values.both(result.invalid, values.opposite(any_missing))
    return replace(result, block=build.where(any_missing, other, result.block), invalid=invalid)


def _without_invalid(result: Value, treatment: str, scope: Scope) -> Value:
    """The result with the invalidValueTreatment of Apply, where a function hands on an argument that is invalid."""
    if result.invalid is None or treatment == "asIs":
        return result
    if treatment == "returnInvalid":
        scope.require(values.opposite(result.invalid))
        return replace(result, invalid=None)
    return replace(
        result, block=build.where(result.invalid, values.missing(result.data_type), result.block), invalid=None
    )


def _arms(element: Element, scope: Scope, find: Fields) -> list[Value]:
    """The arguments of `if`: what an arm refuses counts where that arm is taken."""
    found: list[Value] = []
    for number, child in enumerate(element):
        if number == 0 or found[0].data_type != "boolean":
            found.append(read_expression(child, scope, find))
            continue
        taken = Apply(Op.EQ, (found[0].block, build.number(1.0 if number == 1 else 0.0)))
        with scope.document.where(taken):
            found.append(read_expression(child, scope, find))
    return found


def _call(name: str, args: list[Value], element: Element, scope: Scope) -> Value:
    """The body of a DefineFunction, its parameters being what the call gives."""
    defined = scope.document.functions[name]
    parameters: dict[str, Value] = {}
    declared = defined.all("ParameterField")
    if len(declared) != len(args):
        raise element.damaged(f"it gives {len(args)} arguments to {name}, which takes {len(declared)}")
    for parameter, value in zip(declared, args, strict=True):
        data_type = parameter.get("dataType")
        parameter.get("optype")
        parameters[parameter.needed("name")] = (
            value if data_type is None else values.cast(value, data_type, parameter, scope.require)
        )

    _refer_to_widths(defined, parameters)

    def find(field: str, at: Element) -> Value:
        if field not in parameters:
            raise at.refused(f"{field!r} is no parameter of the function {name!r}")
        return parameters[field]

    with scope.document.reading(f"the function {name!r}", None, element):
        result = read_expression(expression_in(defined), scope, find)
    data_type, optype = defined.get("dataType"), defined.get("optype")
    result = result if data_type is None else values.cast(result, data_type, defined, scope.require)
    return result if optype is None else values.with_optype(result, optype)


def _refer_to_widths(defined: Element, parameters: Mapping[str, Value]) -> None:
    """Take a parameter's name for the parameter where SAS writes it as a Constant: a place or a width in a text.

    These must be numbers, so that any other text can mean nothing else.
    """
    for apply in defined.below("Apply"):
        for each in list(apply)[1:] if apply.get("function") == "substring" else ():
            text = each.text.strip()
            if each.name == "Constant" and text in parameters and not NUMBER.fullmatch(text):
                each.refer(text)


EXPRESSIONS: dict[str, Callable[[Element, Scope, Fields], Value] | None] = {
    "Constant": _constant,
    "FieldRef": _field_ref,
    "NormContinuous": _norm_continuous,
    "NormDiscrete": _norm_discrete,
    "Discretize": _discretize,
    "MapValues": _map_values,
    "Apply": _apply,
    "TextIndex": None,
    "Aggregate": None,
    "Lag": None,
}
"""Expression element -> what reads it; None is refused by name."""
