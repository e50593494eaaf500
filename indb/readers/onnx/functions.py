"""Functions of each element: those of mathematics, and activations.

They are computed in float64 and rounded once; what ONNX Runtime computes in float32 differs from it in its last digit.
Steps that decide something (Clip, Relu, a threshold) see the float32 numbers that ONNX sees.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from indb import build, special
from indb.ir import Apply, Block, Const, Op
from indb.readers.onnx.elementwise import check_alike, mapped, rounded, whole
from indb.readers.onnx.operators import Node, operator
from indb.readers.onnx.values import WHOLE, Tensor, Value, broadcast

ZERO, ONE, HALF, TWO = (build.number(each) for each in (0.0, 1.0, 0.5, 2.0))
NO_LOSS = 22.0
"""From here on exp(-x) is nothing beside exp(x) in float64."""
LARGE = 1e150
"""From here on squares may overflow."""


def _op(op: Op) -> Callable[[Block], Block]:
    return lambda x: Apply(op, (x,))


def exp(x: Block) -> Block:
    """e to the power of x."""
    return Apply(Op.EXP, (x,))


def log(x: Block) -> Block:
    """The natural logarithm."""
    return Apply(Op.LN, (x,))


def sqrt(x: Block) -> Block:
    """The square root, missing for what is below 0."""
    return Apply(Op.SQRT, (x,))


def size(x: Block) -> Block:
    """|x|."""
    return Apply(Op.ABS, (x,))


def signed(x: Block, magnitude: Block) -> Block:
    """`magnitude` with the sign of x."""
    return build.where(build.less(x, ZERO), build.negate(magnitude), magnitude)


def _half_exp(x: Block) -> Block:
    """exp(x) / 2, which overflows no earlier than its result."""
    root = exp(build.multiply(x, HALF))
    return build.multiply(build.multiply(root, HALF), root)


def sinh(x: Block) -> Block:
    """(exp(x) - exp(-x)) / 2, accurate for small x."""
    e = build.expm1(Apply(Op.MIN, (size(x), build.number(NO_LOSS))))
    near = build.multiply(HALF, build.add(e, build.divide(e, build.add(e, ONE))))
    return signed(x, build.where(build.less(build.number(NO_LOSS), size(x)), _half_exp(size(x)), near))


def cosh(x: Block) -> Block:
    """(exp(x) + exp(-x)) / 2."""
    return build.add(_half_exp(size(x)), _half_exp(build.negate(size(x))))


def tan(x: Block) -> Block:
    """sin(x) / cos(x)."""
    return build.divide(Apply(Op.SIN, (x,)), Apply(Op.COS, (x,)))


def asin(x: Block) -> Block:
    """The angle whose sine is x."""
    root = sqrt(build.multiply(build.subtract(ONE, x), build.add(ONE, x)))
    return special.arctan(build.divide(x, root))


def acos(x: Block) -> Block:
    """The angle whose cosine is x."""
    inside = sqrt(build.divide(build.subtract(ONE, x), build.add(ONE, x)))
    return build.multiply(TWO, special.arctan(inside))


def asinh(x: Block) -> Block:
    """ln(x + sqrt(x * x + 1)), accurate for small x."""
    held = Apply(Op.MIN, (size(x), build.number(LARGE)))
    square = build.multiply(held, held)
    near = build.log1p(build.add(held, build.divide(square, build.add(ONE, sqrt(build.add(ONE, square))))))
    far = build.add(log(Apply(Op.MAX, (size(x), ONE))), build.number(math.log(2.0)))
    return signed(x, build.where(build.less(build.number(LARGE), size(x)), far, near))


def acosh(x: Block) -> Block:
    """ln(x + sqrt(x * x - 1)), accurate near 1; missing below 1."""
    t = build.subtract(build.clip(x, ONE, build.number(LARGE)), ONE)
    near = build.log1p(build.add(t, sqrt(build.add(build.multiply(TWO, t), build.multiply(t, t)))))
    far = build.add(log(Apply(Op.MAX, (x, ONE))), build.number(math.log(2.0)))
    found = build.where(build.less(build.number(LARGE), x), far, near)
    return build.where(build.less(x, ONE), build.MISSING, found)


def atanh(x: Block) -> Block:
    """ln((1 + x) / (1 - x)) / 2, accurate for small x."""
    s = size(x)
    found = build.multiply(HALF, build.log1p(build.divide(build.multiply(TWO, s), build.subtract(ONE, s))))
    return signed(x, build.where(build.less(ONE, s), build.MISSING, found))


def softplus(x: Block) -> Block:
    """ln(1 + exp(x))."""
    return build.add(Apply(Op.MAX, (x, ZERO)), build.log1p(exp(build.negate(size(x)))))


def softsign(x: Block) -> Block:
    """x / (1 + |x|)."""
    return build.divide(x, build.add(ONE, size(x)))


def mish(x: Block) -> Block:
    """x * tanh(ln(1 + exp(x)))."""
    return build.multiply(x, Apply(Op.TANH, (softplus(x),)))


FUNCTIONS: dict[str, Callable[[Block], Block]] = {
    **{name: _op(Op[name.upper()]) for name in ("Exp", "Sqrt", "Sin", "Cos", "Tanh", "Floor")},
    "Acos": acos,
    "Acosh": acosh,
    "Asin": asin,
    "Asinh": asinh,
    "Atan": special.arctan,
    "Atanh": atanh,
    "Ceil": build.ceil,
    "Cosh": cosh,
    "Erf": special.erf,
    "Log": log,
    "Mish": mish,
    "Reciprocal": lambda x: build.divide(ONE, x),
    "Round": build.round_half_even,
    "Sigmoid": build.sigmoid,
    "Sinh": sinh,
    "Softplus": softplus,
    "Softsign": softsign,
    "Tan": tan,
}
"""Operators of float numbers without attributes. Source: Operators.md; Round takes the even one of two."""


@operator(*FUNCTIONS)
def function(node: Node) -> Value:
    """A function of each element."""
    node.ignore("consumed_inputs")
    return mapped(floats(node, 0), FUNCTIONS[node.kind])


def floats(node: Node, position: int) -> Tensor:
    """An input that holds float numbers."""
    found = node.number(position)
    if not found.is_float:
        raise node.refused(f"its input {position} is of {found.dtype}, needed float numbers")
    return found


@operator("Relu", "Sign")
def relu(node: Node) -> Value:
    """max(x, 0), which passes a missing x on; -1, 0 or 1."""
    node.ignore("consumed_inputs")
    x = node.number(0)
    if node.kind == "Sign":
        return Tensor(build.sign(x.block), x.shape, x.dtype, x.batch, -1.0, 1.0)
    return Tensor(Apply(Op.MAX, (x.block, ZERO)), x.shape, x.dtype, x.batch, max(x.low, 0.0), max(x.high, 0.0))


def _grown(x: Block, alpha: float) -> Block:
    """alpha * (exp(x) - 1) of what is not above 0."""
    return build.multiply(build.number(alpha), build.subtract(exp(Apply(Op.MIN, (x, ZERO))), ONE))


@operator("Elu", "Celu", "Selu")
def elu(node: Node) -> Value:
    """x above 0, and an exponential that ends at -alpha below."""
    node.ignore("consumed_inputs")
    x = floats(node, 0)
    alpha = node.real("alpha", 1.6732631921768188 if node.kind == "Selu" else 1.0)
    gamma = node.real("gamma", 1.0507010221481323) if node.kind == "Selu" else 1.0
    if node.kind == "Celu":
        if alpha <= 0.0:
            raise node.refused(f"its alpha is {alpha}, needed one above 0")
        below = _grown(build.divide(x.block, build.number(alpha)), alpha)
        return mapped(x, lambda b: build.where(build.less(b, ZERO), below, b))
    found = build.where(build.less(x.block, ZERO), _grown(x.block, alpha), x.block)
    return mapped(x, lambda _: found if gamma == 1.0 else build.multiply(build.number(gamma), found))


@operator("LeakyRelu", "PRelu")
def leaky_relu(node: Node) -> Value:
    """x, times a slope where it is below 0."""
    node.ignore("consumed_inputs")
    x = node.number(0)
    if node.kind == "LeakyRelu":
        slope = Tensor(build.number(node.real("alpha", 0.01)), (), x.dtype, None)
    else:
        slope = node.number(1)
        check_alike(node, (x, slope))
    if not x.is_float:
        raise node.refused(f"it is of {x.dtype}, needed float numbers")
    (left, right), shape, batch = broadcast((x, slope))
    below = rounded(build.multiply(left, right), x.dtype)
    return Tensor(build.where(build.less(left, ZERO), below, left), shape, x.dtype, batch)


@operator("ThresholdedRelu", "Shrink")
def threshold(node: Node) -> Value:
    """x above a threshold, else 0; Shrink moves what is beyond `lambd` on both sides towards 0 by `bias`."""
    x = floats(node, 0)
    if node.kind == "ThresholdedRelu":
        alpha = build.number(node.real("alpha", 1.0))
        return mapped(x, lambda b: build.where(build.less(alpha, b), b, ZERO))
    limit, bias = node.real("lambd", 0.5), build.number(node.real("bias"))
    above = build.where(build.less(build.number(limit), x.block), build.subtract(x.block, bias), ZERO)
    return mapped(x, lambda b: build.where(build.less(b, build.number(-limit)), build.add(b, bias), above))


@operator("HardSigmoid", "HardSwish")
def hard_sigmoid(node: Node) -> Value:
    """alpha * x + beta between 0 and 1; HardSwish multiplies x by it."""
    node.ignore("consumed_inputs")
    x = floats(node, 0)
    if node.kind == "HardSwish":
        alpha, beta = float(np.float32(1.0 / 6.0)), 0.5
    else:
        alpha, beta = node.real("alpha", 0.2), node.real("beta", 0.5)
    line = rounded(build.multiply(x.block, build.number(alpha)), x.dtype)
    line = rounded(build.add(line, build.number(beta)), x.dtype)
    held = build.clip(line, ZERO, ONE)
    if node.kind == "HardSwish":
        return mapped(x, lambda b: build.multiply(b, held))
    return Tensor(held, x.shape, x.dtype, x.batch)


@operator("Gelu")
def gelu(node: Node) -> Value:
    """x * P(z < x) for a standard normal z, or its approximation by tanh."""
    x = floats(node, 0)
    kind = node.string("approximate", "none")
    if kind not in ("none", "tanh"):
        raise node.damaged(f"its approximation is {kind!r}")
    half = build.multiply(x.block, HALF)
    if kind == "none":
        inside = special.erf(build.multiply(x.block, build.number(math.sqrt(0.5))))
    else:
        cube = build.multiply(build.multiply(x.block, x.block), x.block)
        line = build.add(x.block, build.multiply(build.number(0.044715), cube))
        inside = Apply(Op.TANH, (build.multiply(build.number(math.sqrt(2.0 / math.pi)), line),))
    return mapped(x, lambda _: build.multiply(half, build.add(ONE, inside)))


@operator("Swish")
def swish(node: Node) -> Value:
    """x / (1 + exp(-alpha * x))."""
    x = floats(node, 0)
    alpha = build.number(node.real("alpha", 1.0))
    return mapped(x, lambda b: build.multiply(b, build.sigmoid(build.multiply(alpha, b))))


@operator("Pow")
def power(node: Node) -> Value:
    """a to the power of b, in the type of a. Integers are raised to whole powers from 0 on; other rows are refused."""
    a, b = node.number(0), node.number(1)
    (left, right), shape, batch = broadcast((a, b))
    found = right.values[0] if isinstance(right, Const) and right.width == 1 else None
    constant = found if isinstance(found, float) and math.isfinite(found) else None
    if not a.is_float:
        return _integer_power(node, a, left, right, constant, shape, batch)
    if constant is not None and float(constant) == int(constant) and 0.0 <= constant <= 64.0:
        block = build.power(left, int(constant))
    elif constant == 0.5:
        lowest = Apply(Op.EQ, (left, build.number(-math.inf)))
        block = build.where(lowest, build.number(math.inf), sqrt(left))
    elif constant is not None and float(constant) == int(constant) and -64.0 <= constant < 0.0:
        block = build.divide(ONE, build.power(left, -int(constant)))
    else:
        block = _any_power(left, right)
    return Tensor(rounded(block, a.dtype), shape, a.dtype, batch)


SURE = 2.0**40
"""Up to here a power by exp and ln lies so near its whole number that rounding finds it."""


def _integer_power(
    node: Node, a: Tensor, left: Block, right: Block, constant: Any, shape: tuple[int, ...], batch: int | None
) -> Tensor:
    if constant is not None and constant == int(constant) and 0.0 <= constant <= 64.0:
        high = max(abs(a.low), abs(a.high), 1.0) ** int(constant)
        block = build.power(left, int(constant))
        if constant > 1.0:  # squares on the way are not larger than the result
            node.require(
                build.between(left, -math.floor(WHOLE ** (1.0 / constant)), math.floor(WHOLE ** (1.0 / constant)))
            )
        low, high = whole(node, block, a.dtype, -min(high, WHOLE), min(high, WHOLE))
        return Tensor(block, shape, a.dtype, batch, low, high)
    exact = Apply(Op.EQ, (Apply(Op.FLOOR, (right,)), right))
    node.require(Apply(Op.AND, (exact, build.less_equal(ZERO, right))))
    block = build.round_half_even(_any_power(left, right))
    node.require(build.between(block, -SURE, SURE))
    low, high = whole(node, block, a.dtype, -SURE, SURE)
    return Tensor(block, shape, a.dtype, batch, low, high)


def _any_power(a: Block, b: Block) -> Block:
    """exp(b * ln(a)), and what IEEE 754's pow gives for a <= 0, b = 0 and a = 1. Source: C99, F.9.4.4."""
    root = exp(build.multiply(b, log(size(a))))
    whole = Apply(Op.EQ, (Apply(Op.FLOOR, (b,)), b))
    half = build.multiply(b, HALF)
    even = Apply(Op.EQ, (Apply(Op.FLOOR, (half,)), half))
    others = build.where(Apply(Op.EQ, (a, build.number(-math.inf))), root, build.MISSING)
    below = build.where(even, root, build.where(whole, build.negate(root), others))
    zero = build.where(build.less(b, ZERO), build.number(math.inf), ZERO)
    found = build.where(build.less(a, ZERO), below, build.where(Apply(Op.EQ, (a, ZERO)), zero, root))
    missing = build.where(build.is_missing(b), build.MISSING, found)
    unit = Apply(Op.OR, (Apply(Op.EQ, (b, ZERO)), Apply(Op.EQ, (a, ONE))))
    return build.where(unit, ONE, missing)
