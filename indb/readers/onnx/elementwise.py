"""Operators that compute element by element: arithmetic, comparisons, logic, Where, Cast, Clip.

A float32 result is rounded at each step, so that +, -, *, / and sqrt have ONNX's own bits. Integers are whole numbers
in float64: a row whose result leaves their range, or what float64 tells apart, is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from indb import build
from indb.ir import Apply, Block, Op
from indb.readers.onnx.arrays import dtype_of
from indb.readers.onnx.operators import Node, operator
from indb.readers.onnx.values import INT_LIMITS, WHOLE, Tensor, Value, broadcast

BOOL = np.dtype(np.bool_)


def rounded(block: Block, dtype: Any) -> Block:
    """A result of float64 arithmetic as an element of its type."""
    return build.single(block) if np.dtype(dtype) == np.float32 else block


def mapped(x: Tensor, function: Callable[[Block], Block], dtype: Any = None) -> Tensor:
    """A function of each element, in the type of `x` or another one."""
    dtype = np.dtype(x.dtype if dtype is None else dtype)
    return Tensor(rounded(function(x.block), dtype), x.shape, dtype, x.batch)


def numbers(node: Node) -> list[Tensor]:
    """All inputs as tensors of the same type of numbers."""
    found = [node.number(position) for position in range(len(node.inputs))]
    check_alike(node, found)
    return found


def check_alike(node: Node, tensors: Sequence[Tensor]) -> None:
    """Raises: ModelFileError where types of elements differ."""
    if len({tensor.dtype for tensor in tensors}) > 1:
        raise node.damaged(f"its inputs are of {', '.join(sorted({str(each.dtype) for each in tensors}))}, needed one")


def whole(node: Node, block: Block, dtype: np.dtype[Any], low: float, high: float) -> tuple[float, float]:
    """The bounds of an integer result; where it may leave its type, rows for which it does are refused."""
    bottom, top = INT_LIMITS[dtype]
    if low < bottom or high > top:
        node.require(build.between(block, bottom, top))
    return max(low, bottom), min(high, top)


def exact_sum(node: Node, sizes: Block, limit: float) -> None:
    """Refuse rows in which a sum of integers may be rounded on its way, though its result is small.

    sizes: the sums of the absolute terms, which are at most `limit`.
    """
    if limit > WHOLE:
        node.require(build.less_equal(sizes, build.number(WHOLE)))


def bounds(op: Op, a: Tensor, b: Tensor) -> tuple[float, float]:
    """The least and the largest result of +, - and * on integers."""
    if op is Op.ADD:
        return a.low + b.low, a.high + b.high
    if op is Op.SUB:
        return a.low - b.high, a.high - b.low
    products = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
    return min(products), max(products)


def combined(node: Node, op: Op, a: Tensor, b: Tensor) -> Tensor:
    """a op b for +, - and *, and / of float numbers."""
    (left, right), shape, batch = broadcast((a, b))
    block: Block = Apply(op, (left, right))
    if a.is_float:
        return Tensor(rounded(block, a.dtype), shape, a.dtype, batch)
    low, high = whole(node, block, a.dtype, *bounds(op, a, b))
    return Tensor(block, shape, a.dtype, batch, low, high)


ARITHMETIC = {"Add": Op.ADD, "Sub": Op.SUB, "Mul": Op.MUL}


@operator(*ARITHMETIC)
def arithmetic(node: Node) -> Value:
    """a + b, a - b, a * b. Source: Operators.md, Add, Sub, Mul."""
    legacy_broadcast(node)
    a, b = numbers(node)
    return combined(node, ARITHMETIC[node.kind], a, b)


def legacy_broadcast(node: Node) -> None:
    """Before version 7 `broadcast` and `axis` said how shapes meet. Raises: Refused for an axis in the middle."""
    if node.version < 7 and (node.integer("broadcast") or node.has("axis")):
        a, b = node.number(0), node.number(1)
        if node.has("axis") and node.integer("axis") % max(1, a.rank) != a.rank - b.rank:
            raise node.refused("it broadcasts along an axis in the middle, as before version 7")
    node.ignore("consumed_inputs")


@operator("Div")
def div(node: Node) -> Value:
    """a / b; integers are divided towards zero, and a row that divides one by 0 is refused."""
    legacy_broadcast(node)
    a, b = numbers(node)
    if a.is_float:
        return combined(node, Op.DIV, a, b)
    (left, right), shape, batch = broadcast((a, b))
    require_nonzero(node, b)
    limit = max(abs(a.low), abs(a.high))
    block = build.truncate(build.divide(left, right))
    low, high = whole(node, block, a.dtype, -limit, limit)
    return Tensor(block, shape, a.dtype, batch, low, high)


def require_nonzero(node: Node, divisor: Tensor) -> None:
    """Refuse rows in which an integer divisor is 0."""
    if divisor.low <= 0.0 <= divisor.high:
        node.require(different(divisor.block, build.number(0.0)))


def different(a: Block, b: Block) -> Block:
    """1.0 where a and b are not equal, also where one is missing."""
    return negated(Apply(Op.EQ, (a, b)))


def negated(condition: Block) -> Block:
    """NOT of 0.0 and 1.0, which are never missing."""
    return build.subtract(build.number(1.0), condition)


@operator("Mod")
def mod(node: Node) -> Value:
    """The rest of a division: with the sign of b, or of a (`fmod`), which float numbers need.

    It is exact for integers, and for float numbers whose quotient is below 2**26 (other rows are refused).
    """
    fmod = node.integer("fmod")
    a, b = numbers(node)
    (left, right), shape, batch = broadcast((a, b))
    if a.is_float:
        if not fmod:
            raise node.damaged("it has float inputs, needed fmod=1")
        rest = _float_rest(node, left, right)
        # fmod(x, ±inf) is x, and a quotient by 0 or of an infinity has none.
        infinite = Apply(Op.EQ, (Apply(Op.ABS, (right,)), build.number(math.inf)))
        block = build.where(infinite, build.where(_finite(left), left, build.MISSING), rest)
        return Tensor(block, shape, a.dtype, batch)
    require_nonzero(node, b)
    quotient = build.divide(left, right)
    quotient = build.truncate(quotient) if fmod else Apply(Op.FLOOR, (quotient,))
    limit = max(abs(b.low), abs(b.high))
    return Tensor(build.subtract(left, build.multiply(quotient, right)), shape, a.dtype, batch, -limit, limit)


def _finite(x: Block) -> Block:
    return build.between(x, -build.FLOAT64_MAX, build.FLOAT64_MAX)


def _float_rest(node: Node, a: Block, b: Block) -> Block:
    """fmod of float64 numbers: b is split in halves, whose products with the quotient have no rounding.

    Source: Dekker 1971, A Floating-Point Technique for Extending the Available Precision.
    """
    size, divisor = Apply(Op.ABS, (a,)), Apply(Op.ABS, (b,))
    quotient = Apply(Op.FLOOR, (build.divide(size, divisor),))
    infinite = Apply(Op.EQ, (divisor, build.number(math.inf)))
    unknown = Apply(Op.OR, (infinite, build.is_missing(quotient)))
    fits = Apply(Op.AND, (build.less(quotient, build.number(2.0**26)), build.less(divisor, build.number(1e290))))
    endless = Apply(Op.EQ, (quotient, build.number(math.inf)))  # by 0, or of an infinity: there is no rest
    node.require(Apply(Op.OR, (Apply(Op.OR, (unknown, endless)), fits)))
    scaled = build.multiply(divisor, build.number(2.0**27 + 1.0))
    upper = build.subtract(scaled, build.subtract(scaled, divisor))
    lower = build.subtract(divisor, upper)
    rest = build.subtract(build.subtract(size, build.multiply(quotient, upper)), build.multiply(quotient, lower))
    rest = build.where(build.less(rest, build.number(0.0)), build.add(rest, divisor), rest)
    rest = build.where(endless, build.MISSING, rest)
    return build.where(build.less(a, build.number(0.0)), build.negate(rest), rest)


@operator("Sum", "Mean")
def total(node: Node) -> Value:
    """The sum of all inputs, one after the other; Mean divides it by their number."""
    node.ignore("consumed_inputs")
    first, *others = numbers(node)
    found = first
    for other in others:
        found = combined(node, Op.ADD, found, other)
    if node.kind == "Mean":
        count = float(len(node.inputs))
        return mapped(found, lambda x: build.divide(x, build.number(count)))
    return found


@operator("Min", "Max")
def extreme(node: Node) -> Value:
    """The smallest or largest of all inputs; missing where one is."""
    node.ignore("consumed_inputs")
    op = Op.MIN if node.kind == "Min" else Op.MAX
    found, *others = numbers(node)
    for other in others:
        (left, right), shape, batch = broadcast((found, other))
        pick = min if op is Op.MIN else max
        low, high = pick(found.low, other.low), pick(found.high, other.high)
        found = Tensor(Apply(op, (left, right)), shape, found.dtype, batch, low, high)
    return found


COMPARISONS: dict[str, tuple[Op, bool]] = {
    "Equal": (Op.EQ, False),
    "Less": (Op.LT, False),
    "LessOrEqual": (Op.LE, False),
    "Greater": (Op.LT, True),
    "GreaterOrEqual": (Op.LE, True),
}
"""Operator -> op, and whether its arguments are swapped."""


@operator(*COMPARISONS)
def comparison(node: Node) -> Value:
    """1 where the comparison holds; never where a number is missing."""
    legacy_broadcast(node)
    a, b = node.tensor(0), node.tensor(1)
    check_alike(node, (a, b))
    if a.is_text and node.kind != "Equal":
        raise node.damaged("it compares texts by size")
    (left, right), shape, batch = broadcast((a, b))
    op, swapped = COMPARISONS[node.kind]
    return Tensor(Apply(op, (right, left) if swapped else (left, right)), shape, BOOL, batch)


@operator("And", "Or", "Xor")
def logic(node: Node) -> Value:
    """Both, one of them, or exactly one of them."""
    legacy_broadcast(node)
    a, b = _booleans(node, 0), _booleans(node, 1)
    (left, right), shape, batch = broadcast((a, b))
    if node.kind == "Xor":
        return Tensor(different(left, right), shape, BOOL, batch)
    return Tensor(Apply(Op.AND if node.kind == "And" else Op.OR, (left, right)), shape, BOOL, batch)


@operator("Not")
def inverted(node: Node) -> Value:
    """1 where x is 0."""
    return mapped(_booleans(node, 0), negated)


def _booleans(node: Node, position: int) -> Tensor:
    found = node.tensor(position)
    if found.dtype != BOOL:
        raise node.damaged(f"its input {position} is of {found.dtype}, needed bool")
    return found


@operator("Where")
def where(node: Node) -> Value:
    """The second input where the first is true, else the third."""
    condition, a, b = _booleans(node, 0), node.tensor(1), node.tensor(2)
    check_alike(node, (a, b))
    (test, then, other), shape, batch = broadcast((condition, a, b))
    return Tensor(build.where(test, then, other), shape, a.dtype, batch, min(a.low, b.low), max(a.high, b.high))


@operator("Identity", "Dropout", folds_itself=True)
def identity(node: Node) -> Value | Sequence[Value | None]:
    """The input as it is; what Dropout drops in training alone is kept."""
    x = node.value(0)
    if node.kind == "Identity":
        return x
    node.ignore("ratio", "seed", "is_test", "consumed_inputs")
    if node.version >= 12:
        if node.given(2) and node.constant(2).any():
            raise node.refused("it is in training mode, and random")
    elif node.version < 7 and not node.integer("is_test"):
        raise node.refused("it is in training mode, and random")
    if node.n_outputs == 1:
        return x
    kept = node.tensor(0)
    return x, Tensor(build.number(*[1.0] * kept.block.width), kept.shape, BOOL, kept.batch)


@operator("Cast", "CastLike")
def cast(node: Node) -> Value:
    """The elements in another type. Source: Operators.md, Cast.

    Floats are cut towards zero for integers; a row with one that has no such integer is refused. Texts are cast only
    where they are constant.
    """
    node.ignore("saturate", "round_mode")  # of float8 alone
    x = node.tensor(0)
    if node.kind == "Cast":
        dtype = dtype_of(node.integer("to"), "its result")
    else:
        like = node.value(1)
        dtype = like.dtype if isinstance(like, Tensor) else node.constant(1).dtype
    return cast_to(node, x, dtype)


def cast_to(node: Node, x: Tensor, dtype: np.dtype[Any]) -> Tensor:
    """A tensor in another type of elements."""
    if dtype == x.dtype:
        return x
    if x.is_text or dtype.kind == "O":
        if x.codes is not None and dtype in INT_LIMITS and all(str(label) == label for label in x.codes.labels):
            raise node.refused("it reads numbers in texts")
        raise node.refused("it casts between numbers and texts")
    if dtype == BOOL:
        return Tensor(different(x.block, build.number(0.0)), x.shape, dtype, x.batch)
    if dtype in INT_LIMITS:
        block = build.truncate(x.block) if x.is_float else x.block
        low, high = (-math.inf, math.inf) if x.is_float else (x.low, x.high)
        low, high = whole(node, block, dtype, low, high)
        return Tensor(block, x.shape, dtype, x.batch, low, high, x.codes if not x.is_float else None)
    if dtype not in (np.float32, np.float64):
        raise node.refused(f"it casts to {dtype}")
    if dtype == np.float64 and x.dtype == np.float32:
        node.walk.doubles.append(x.block)
    exact = x.dtype == np.float32 or (x.dtype in INT_LIMITS and max(abs(x.low), abs(x.high)) <= 2.0**24)
    block = x.block if exact or dtype == np.float64 else build.single(x.block)
    return Tensor(block, x.shape, dtype, x.batch, codes=x.codes if not x.is_float else None)


@operator("Clip")
def clip(node: Node) -> Value:
    """Elements held between two numbers; a missing one stays missing. The limits are attributes before version 11."""
    x = node.number(0)
    node.ignore("consumed_inputs")
    if node.version < 11:
        low = Tensor(build.number(node.real("min", -math.inf)), (), x.dtype, None)
        high = Tensor(build.number(node.real("max", math.inf)), (), x.dtype, None)
        limits = [(Op.MAX, low if node.has("min") else None), (Op.MIN, high if node.has("max") else None)]
    else:
        limits = [(op, node.number(at) if node.given(at) else None) for op, at in ((Op.MAX, 1), (Op.MIN, 2))]
    found = x
    for op, limit in limits:
        if limit is not None:
            check_alike(node, (x, limit))
            (left, right), shape, batch = broadcast((found, limit))
            found = Tensor(Apply(op, (left, right)), shape, x.dtype, batch)
    return found


@operator("Abs", "Neg")
def size_or_opposite(node: Node) -> Value:
    """|x| and -x."""
    node.ignore("consumed_inputs")
    x = node.number(0)
    if node.kind == "Neg":
        block, low, high = build.negate(x.block), -x.high, -x.low
    else:
        block, low, high = Apply(Op.ABS, (x.block,)), 0.0, max(abs(x.low), abs(x.high))
    if not x.is_float:
        low, high = whole(node, block, x.dtype, low, high)
    return Tensor(block, x.shape, x.dtype, x.batch, low, high)


@operator("IsNaN", "IsInf")
def special_value(node: Node) -> Value:
    """1 where x is missing (NaN), or infinite."""
    x = node.number(0)
    if node.kind == "IsNaN":
        return mapped(x, build.is_missing, BOOL)
    signs = [sign for name, sign in (("detect_negative", -1.0), ("detect_positive", 1.0)) if node.integer(name, 1)]
    if not signs:
        return Tensor(build.number(*[0.0] * x.block.width), x.shape, BOOL, x.batch)
    tests: list[Block] = [Apply(Op.EQ, (x.block, build.number(sign * math.inf))) for sign in signs]
    return replace(mapped(x, lambda _: tests[0] if len(tests) == 1 else Apply(Op.OR, (tests[0], tests[1])), BOOL))
