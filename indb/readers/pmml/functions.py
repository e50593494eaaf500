"""The built-in functions of PMML in blocks.

A function of numbers gives a missing value where one of its arguments is missing; those of several numbers (sum, min,
avg …) leave missing ones out. What works on letters of texts is in texts.py.

Source: PMML 4.4, "Built-in functions"; JPMML's function package for types of results.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import TYPE_CHECKING

from indb import build, special
from indb.errors import did_you_mean
from indb.ir import Apply, Block, Const, Op
from indb.readers.pmml import conditions, medians, texts, values
from indb.readers.pmml.calls import Call
from indb.readers.pmml.document import Element
from indb.readers.pmml.values import Value

if TYPE_CHECKING:
    from indb.readers.pmml.scope import Scope


def call(name: str, args: Sequence[Value], element: Element, scope: Scope) -> Value:
    """The value of a built-in function.

    Raises: UnsupportedModel for one that is not read, or of other types.
    """
    if name not in FUNCTIONS:
        raise element.refused(f"the function {name[:60]!r} is not read", did_you_mean(name[:60], FUNCTIONS))
    return FUNCTIONS[name](Call(name, args, element, scope))


def _rounded(block: Block, data_type: str) -> Value:
    """A result of arithmetic in a type: float32 numbers stay such."""
    return Value(build.single(block) if data_type == "float" else block, data_type)


def _arithmetic(op: Op) -> Callable[[Call], Value]:
    def read(call: Call) -> Value:
        left, right = call.numbers(2)
        return _rounded(Apply(op, (left, right)), call.number_type)

    return read


def _divide(call: Call) -> Value:
    left, right = call.numbers(2)
    if call.number_type == "integer":
        some = build.where(Apply(Op.EQ, (right, build.number(0.0))), build.MISSING, right)
        return Value(build.truncate(build.divide(left, some)), "integer")
    return _rounded(build.divide(left, right), call.number_type)


def _real(function: Callable[[Block], Block]) -> Callable[[Call], Value]:
    """A function of one number that gives a double."""

    def read(call: Call) -> Value:
        (x,) = call.numbers(1)
        return Value(function(x), "double")

    return read


def _same(function: Callable[[Block], Block]) -> Callable[[Call], Value]:
    """A function of one number that keeps its type."""

    def read(call: Call) -> Value:
        (x,) = call.numbers(1)
        return Value(function(x), call.args[0].data_type)

    return read


def _whole(function: Callable[[Block], Block]) -> Callable[[Call], Value]:
    """A function of one number that gives a whole one."""

    def read(call: Call) -> Value:
        (x,) = call.numbers(1)
        return Value(function(x), "integer")

    return read


def _op(op: Op) -> Callable[[Block], Block]:
    return lambda x: Apply(op, (x,))


def floor(x: Block) -> Block:
    """The largest whole number that is not above x."""
    return Apply(Op.FLOOR, (x,))


def _log10(x: Block) -> Block:
    return build.divide(Apply(Op.LN, (x,)), build.number(math.log(10.0)))


def round_half_up(x: Block) -> Block:
    """The nearest whole number, the upper one of two. Source: java.lang.Math.round."""
    low = Apply(Op.FLOOR, (x,))
    up = build.less_equal(build.number(0.5), build.subtract(x, low))
    return build.where(up, build.add(low, build.number(1.0)), low)


def _power(call: Call) -> Value:
    x, exponent = call.numbers(2)
    if call.number_type == "integer":
        whole = build.where(build.less(exponent, build.number(0.0)), build.MISSING, exponent)
        return Value(power(x, exponent if isinstance(exponent, Const) else whole), "integer")
    return _rounded(power(x, exponent), call.number_type)


def power(x: Block, exponent: Block) -> Block:
    """x to a power: by products where that is a small whole constant, else exp(exponent * ln |x|) and its sign."""
    if isinstance(exponent, Const) and isinstance(exponent.values[0], float):
        number = exponent.values[0]
        if number.is_integer() and abs(number) <= 64:
            whole = build.power(x, int(abs(number)))
            if number == 0.0:
                return build.number(1.0)
            return whole if number > 0 else build.divide(build.number(1.0), whole)
        if number == 0.5:
            return Apply(Op.SQRT, (x,))
    zero, one = build.number(0.0), build.number(1.0)
    size = Apply(Op.EXP, (build.multiply(exponent, Apply(Op.LN, (Apply(Op.ABS, (x,)),))),))
    half = build.multiply(exponent, build.number(0.5))
    whole = Apply(Op.EQ, (Apply(Op.FLOOR, (exponent,)), exponent))
    even = Apply(Op.EQ, (Apply(Op.FLOOR, (half,)), half))
    negative = build.where(whole, build.where(even, size, build.negate(size)), build.MISSING)
    at_zero = build.where(build.less(zero, exponent), zero, build.number(math.inf))
    result = build.where(build.less(x, zero), negative, build.where(Apply(Op.EQ, (x, zero)), at_zero, size))
    result = build.where(Apply(Op.EQ, (exponent, zero)), one, result)
    gap = values.either(build.is_missing(x), build.is_missing(exponent))
    return build.where(gap, build.MISSING, result)


def _threshold(call: Call) -> Value:
    x, limit = call.numbers(2)
    answer = build.where(build.less(limit, x), build.number(1.0), build.number(0.0))
    gap = values.either(build.is_missing(x), build.is_missing(limit))
    return Value(build.where(gap, build.MISSING, answer), "integer")


def _modulo(call: Call) -> Value:
    """x - y * floor(x / y), which has the sign of y."""
    x, y = call.numbers(2)
    quotient = Apply(Op.FLOOR, (build.divide(x, y),))
    return _rounded(build.subtract(x, build.multiply(y, quotient)), call.number_type)


def _hypot(call: Call) -> Value:
    x, y = call.numbers(2)
    return Value(Apply(Op.SQRT, (build.add(build.multiply(x, x), build.multiply(y, y)),)), "double")


# Of several numbers: missing ones are left out


def _left_out(block: Block, other: float) -> Block:
    return Apply(Op.COALESCE, (block, build.number(other)))


def _none(blocks: Sequence[Block]) -> Block:
    return values.both(*(build.is_missing(block) for block in blocks))


def _fold(op: Op, start: float) -> Callable[[Call], Value]:
    def read(call: Call) -> Value:
        blocks = call.numbers(1, -1)
        total = _accumulated(op, start, blocks, call.number_type)
        return Value(build.where(_none(blocks), build.MISSING, total), call.number_type)

    return read


def _accumulated(op: Op, start: float, blocks: Sequence[Block], data_type: str) -> Block:
    """All numbers that are there, one after the other."""
    return reduce(
        lambda a, b: _rounded(Apply(op, (a, b)), data_type).block, [_left_out(block, start) for block in blocks]
    )


def _average(call: Call) -> Value:
    blocks = call.numbers(1, -1)
    data_type = "float" if call.number_type == "float" else "double"
    total = _accumulated(Op.ADD, 0.0, blocks, data_type)
    count = reduce(build.add, [values.present(block) for block in blocks])
    mean = _rounded(build.divide(total, count), data_type).block
    return Value(build.where(_none(blocks), build.MISSING, mean), data_type)


def _median(call: Call) -> Value:
    """The one in the middle, the mean of two."""
    blocks = call.numbers(1, -1)
    if len(blocks) > medians.MAX_MEDIAN:
        raise call.element.refused(f"the median of more than {medians.MAX_MEDIAN} numbers")
    data_type = "float" if call.number_type == "float" else "double"
    middle = _rounded(medians.median(blocks, [values.present(block) for block in blocks]), data_type).block
    return Value(build.where(_none(blocks), build.MISSING, middle), data_type)


def _arcsine(x: Block) -> Block:
    """The angle whose sine is x, which must be between -1 and 1."""
    one = build.number(1.0)
    rest = Apply(Op.SQRT, (build.multiply(build.subtract(one, x), build.add(one, x)),))
    inside = special.arctan(build.divide(x, rest))
    edge = build.where(build.less(x, build.number(0.0)), build.number(-math.pi / 2), build.number(math.pi / 2))
    found = build.where(Apply(Op.EQ, (Apply(Op.ABS, (x,)), one)), edge, inside)
    return build.where(build.between(x, -1.0, 1.0), found, build.MISSING)


def _arccosine(x: Block) -> Block:
    """The angle whose cosine is x: twice the arctangent of sqrt((1 - x) / (1 + x))."""
    one = build.number(1.0)
    share = Apply(Op.SQRT, (build.divide(build.subtract(one, x), build.add(one, x)),))
    found = build.multiply(build.number(2.0), special.arctan(share))
    found = build.where(Apply(Op.EQ, (x, build.number(-1.0))), build.number(math.pi), found)
    return build.where(build.between(x, -1.0, 1.0), found, build.MISSING)


def _hyperbolic_sine(x: Block) -> Block:
    """(exp(x) - exp(-x)) / 2, of what is above 1 in each."""
    up, down = build.expm1(x), build.expm1(build.negate(x))
    return build.multiply(build.number(0.5), build.subtract(up, down))


def _hyperbolic_cosine(x: Block) -> Block:
    return build.multiply(build.number(0.5), build.add(Apply(Op.EXP, (x,)), Apply(Op.EXP, (build.negate(x),))))


def _normal_density(x: Block) -> Block:
    """exp(-x * x / 2) / sqrt(2 * pi)."""
    half = build.multiply(build.number(-0.5), build.multiply(x, x))
    return build.divide(Apply(Op.EXP, (half,)), build.number(math.sqrt(2.0 * math.pi)))


def _normal(function: Callable[[Block, Block, Block], Block]) -> Callable[[Call], Value]:
    """Of a normal value with the mean and the deviation that are given; the latter must be above 0."""

    def read(call: Call) -> Value:
        x, mean, given = call.numbers(3)
        deviation = build.where(build.less(build.number(0.0), given), given, build.MISSING)
        return Value(function(x, mean, deviation), "double")

    return read


def _standardised(x: Block, mean: Block, deviation: Block) -> Block:
    return build.divide(build.subtract(x, mean), deviation)


def _cumulative(x: Block, mean: Block, deviation: Block) -> Block:
    return special.normal_cdf(_standardised(x, mean, deviation))


def _density(x: Block, mean: Block, deviation: Block) -> Block:
    return build.divide(_normal_density(_standardised(x, mean, deviation)), deviation)


def _quantile(p: Block, mean: Block, deviation: Block) -> Block:
    """The mean, and as many deviations as the quantile says; infinite at 0 and at 1."""
    quantile = special.normal_quantile(p)
    zero = build.number(0.0)
    at_end = values.is_one_of(p, (0.0, 1.0))
    found = build.add(mean, build.multiply(build.where(at_end, zero, quantile), deviation))
    return build.where(values.both(at_end, values.present(found)), quantile, found)


FUNCTIONS: dict[str, Callable[[Call], Value]] = {
    "+": _arithmetic(Op.ADD),
    "-": _arithmetic(Op.SUB),
    "*": _arithmetic(Op.MUL),
    "/": _divide,
    "min": _fold(Op.MIN, math.inf),
    "max": _fold(Op.MAX, -math.inf),
    "sum": _fold(Op.ADD, 0.0),
    "product": _fold(Op.MUL, 1.0),
    "avg": _average,
    "median": _median,
    "log10": _real(_log10),
    "ln": _real(_op(Op.LN)),
    "ln1p": _real(build.log1p),
    "expm1": _real(build.expm1),
    "sqrt": _real(_op(Op.SQRT)),
    "exp": _real(_op(Op.EXP)),
    "sin": _real(_op(Op.SIN)),
    "cos": _real(_op(Op.COS)),
    "tan": _real(lambda x: build.divide(Apply(Op.SIN, (x,)), Apply(Op.COS, (x,)))),
    "tanh": _real(_op(Op.TANH)),
    "asin": _real(_arcsine),
    "acos": _real(_arccosine),
    "atan": _real(special.arctan),
    "sinh": _real(_hyperbolic_sine),
    "cosh": _real(_hyperbolic_cosine),
    "erf": _real(special.erf),
    "stdNormalCDF": _real(special.normal_cdf),
    "stdNormalPDF": _real(_normal_density),
    "stdNormalIDF": _real(special.normal_quantile),
    "normalCDF": _normal(_cumulative),
    "normalPDF": _normal(_density),
    "normalIDF": _normal(_quantile),
    "abs": _same(_op(Op.ABS)),
    "floor": _whole(floor),
    "ceil": _whole(build.ceil),
    "round": _whole(round_half_up),
    "rint": _real(build.round_half_even),
    "pow": _power,
    "threshold": _threshold,
    "modulo": _modulo,
    "hypot": _hypot,
    **conditions.FUNCTIONS,
    **texts.FUNCTIONS,
}
"""Name of a built-in function -> what reads a call of it."""

UNDEFINED = frozenset(
    {
        *("/", "modulo", "pow", "ln", "log10", "ln1p", "sqrt", "asin", "acos", "tan"),
        *("normalCDF", "normalPDF", "normalIDF", "stdNormalIDF"),
    }
)
"""Functions that have no result for some numbers, as of 0 / 0: that is an invalid value."""
