"""The integer arithmetic of quantised graphs, as LiteRT's default interpreter does it, in blocks.

Integers of 8 bits are float64 lanes that hold whole numbers, and everything up to 2**53 is exact, in whatever order it
is added. Where LiteRT goes through float32 (its default kernels are those of XNNPACK), each step is rounded to float32.

An exponential or a tangent is rounded to an integer, or to float32: of the 256 numbers that it is asked for, none may
lie so close to the border of two results that engines could disagree.

Sources: tensorflow/lite/kernels/internal/common.h (MultiplyByQuantizedMultiplier), internal/optimized/optimized_ops.h
(Softmax), kernels/kernel_util.cc (CalculateActivationRangeQuantized); XNNPACK src/microparams-init.c, src/qs8-vaddc,
src/qs8-gemm (fp32), src/qs8-vmul (fp32), src/qs8-vcvt, src/f32-qs8-vcvt.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indb import build
from indb.ir import Apply, Block, Floats, Op, Reduce, ReduceOp

LOW, HIGH = -128.0, 127.0


class NotExact(ValueError):
    """A graph that blocks do not compute to the last bit; LiteRT runs it."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Integers stand for (integer - zero) * scale."""

    scale: float
    zero: float


EVEN = 1.5 * 2.0**23
"""float32 numbers of its size are whole ones: a sum with it is rounded to the even one of two."""


def floor(x: Block) -> Block:
    """The largest whole number that is not above x."""
    return Apply(Op.FLOOR, (x,))


def half_up(x: Block) -> Block:
    """The nearest whole number, the larger one of two."""
    return floor(build.add(x, build.number(0.5)))


def half_even(x: Block, zero: float) -> Block:
    """The nearest whole number, the even one of two, plus a whole number: for float32 numbers below 2**22.

    As XNNPACK does it, and with x standing in it once: SQL without shared values grows with each time that it does.
    """
    return build.subtract(build.single(build.add(x, build.number(EVEN))), build.number(EVEN - zero))


def half_away(x: Block) -> Block:
    """The nearest whole number, the one farther from zero of two, for numbers of float32."""
    size = floor(build.add(Apply(Op.ABS, (x,)), build.number(0.5)))
    return build.where(build.less(x, build.number(0.0)), build.negate(size), size)


def held(x: Block, low: float = LOW, high: float = HIGH) -> Block:
    """Between two integers."""
    return build.clip(x, build.number(low), build.number(high))


def shifted(x: Block, zero: float) -> Block:
    """x - zero."""
    return build.subtract(x, build.number(zero)) if zero else x


def real(x: Block, scale: Scale) -> Block:
    """What integers stand for, rounded to float32."""
    return build.single(build.multiply(shifted(x, scale.zero), build.number(scale.scale)))


def given(x: Block, scale: Scale) -> Block:
    """The integers of numbers, as a caller makes them for a quantised input (see runtime/tensors.py, quantised)."""
    scaled = build.single(build.divide(build.single(x), build.number(scale.scale)))
    return build.add(half_away(held(scaled, LOW - scale.zero, HIGH - scale.zero)), build.number(scale.zero))


def quantize(x: Block, scale: Scale) -> Block:
    """QUANTIZE of float32 numbers: the reciprocal of the scale, and the even one of two integers."""
    inverse = float(np.float32(1.0) / np.float32(scale.scale))
    scaled = build.single(build.multiply(x, build.number(inverse)))
    return half_even(held(scaled, LOW - scale.zero, HIGH - scale.zero), scale.zero)


def requantize(x: Block, old: Scale, new: Scale) -> Block:
    """QUANTIZE of integers: a factor of 8 binary places. Raises: NotExact for one that XNNPACK does not take."""
    factor = float(np.float32(old.scale) / np.float32(new.scale))
    if not 2.0**-8 <= factor <= 2.0**7:
        raise NotExact(f"its scale changes by a factor of {factor}")
    whole = float(np.rint(np.float32(256.0) * np.float32(factor)))
    scaled = build.multiply(shifted(x, old.zero), build.number(whole))
    moved = build.add(scaled, build.number(256.0 * new.zero + 128.0))
    return held(floor(build.multiply(moved, build.number(1.0 / 256.0))))


def activation_range(name: str, scale: Scale) -> tuple[float, float]:
    """Between which integers a fused activation holds its results."""
    lowest, highest = {"": (None, None), "relu": (0.0, None), "relu_n1_to_1": (-1.0, 1.0), "relu6": (0.0, 6.0)}[name]

    def integer(value: float) -> float:
        scaled = float(np.float32(value) / np.float32(scale.scale))
        return scale.zero + math.copysign(math.floor(abs(scaled) + 0.5), scaled)

    low = LOW if lowest is None else max(LOW, integer(lowest))
    high = HIGH if highest is None else min(HIGH, integer(highest))
    return low, high


def scaled_to(total: Block, factors: NDArray[np.float32], scale: Scale, limits: tuple[float, float]) -> Block:
    """Whole numbers times float32 factors, the even one of two integers."""
    product = build.single(build.multiply(build.single(total), build.number(*factors.astype(float).tolist())))
    return half_even(held(product, limits[0] - scale.zero, limits[1] - scale.zero), scale.zero)


def dense(
    x: Block, old: Scale, weight: Floats, scales: NDArray[Any], bias: Floats, new: Scale, limits: tuple[float, float]
) -> Block:
    """FULLY_CONNECTED: sums of 32 bits, which stay below 2**31. weight: (n_out, n_in); scales: 1 or n_out of them."""
    most = np.abs(weight).sum(axis=1).max(initial=0.0) * 256.0 + np.abs(bias).max(initial=0.0)
    if most >= 2.0**31:
        raise NotExact("its sums may overflow integers of 32 bits")
    total = build.linear(x, weight, bias - old.zero * weight.sum(axis=1))
    factors = np.float32(old.scale) * scales.astype(np.float32) / np.float32(new.scale)
    return scaled_to(total, factors.astype(np.float32), new, limits)


def product(a: Block, first: Scale, b: Block, second: Scale, new: Scale, limits: tuple[float, float]) -> Block:
    """MUL."""
    factor = np.float32(first.scale) * np.float32(second.scale) / np.float32(new.scale)
    whole = build.multiply(shifted(a, first.zero), shifted(b, second.zero))
    return scaled_to(whole, np.atleast_1d(np.float32(factor)), new, limits)


def total(
    a: Block, first: Scale, b: Block, second: Scale, sign: float, new: Scale, limits: tuple[float, float]
) -> Block:
    """ADD and SUB: factors of 21 binary digits, and one shift."""
    factors = [float(np.float32(each.scale) / np.float32(new.scale)) for each in (first, second)]
    if not 2.0**-10 <= min(factors) <= max(factors) < 2.0**8:
        raise NotExact(f"it adds numbers whose scales change by factors of {factors}")
    shift = 20 - (math.frexp(max(factors))[1] - 1)
    wholes = [float(np.rint(math.ldexp(factor, shift))) for factor in factors]
    terms = [
        build.multiply(shifted(x, each.zero), build.number(whole))
        for x, each, whole in ((a, first, wholes[0]), (b, second, sign * wholes[1]))
    ]
    moved = build.add(build.add(*terms), build.number(2.0 ** (shift - 1)))
    return held(build.add(floor(build.multiply(moved, build.number(2.0**-shift))), build.number(new.zero)), *limits)


def rectified(x: Block, old: Scale, new: Scale, limits: tuple[float, float]) -> Block:
    """RELU and RELU6: a factor of 31 binary places, rounded twice.

    Doubled, multiplied and its high half taken, a number is rounded to the nearest, up of two; the shift that follows
    rounds away from zero, which is up for all that stay.
    """
    fraction, shift = math.frexp(float(np.float32(old.scale) / np.float32(new.scale)))
    whole = math.floor(fraction * 2.0**31 + 0.5)
    left, right = max(shift, 0), max(-shift, 0)
    if left > 12:
        raise NotExact(f"its scale changes by a factor of 2**{shift}")
    high = build.multiply(shifted(x, old.zero), build.number(whole * 2.0 ** (left - 31)))
    rounded = half_up(high)
    if right:
        rounded = half_up(build.multiply(rounded, build.number(2.0**-right)))
    return held(build.add(rounded, build.number(new.zero)), *limits)


def curved(x: Block, old: Scale, new: Scale, function: str) -> Block:
    """LOGISTIC and TANH. Raises: NotExact as `_check_borders`."""
    curve, formula, factor = CURVES[function]
    if (new.scale, new.zero) != ((1.0 / 256.0, LOW) if function == "logistic" else (1.0 / 128.0, 0.0)):
        raise NotExact(f"its {function} gives numbers of scale {new.scale} and zero point {new.zero}")
    integers = np.arange(LOW, HIGH + 1.0)
    numbers = (np.float32(old.scale) * (integers - old.zero).astype(np.float32)).astype(np.float64)
    _check_borders(formula(numbers) * factor, 0.5, function)
    found = build.multiply(curve(real(x, old)), build.number(factor))
    return held(build.add(half_up(found), build.number(new.zero)))  # none lies between two integers


CURVES: dict[str, tuple[Callable[[Block], Block], Callable[[Any], Any], float]] = {
    "logistic": (build.sigmoid, lambda x: 1.0 / (1.0 + np.exp(-x)), 256.0),
    "tanh": (lambda x: Apply(Op.TANH, (x,)), np.tanh, 128.0),
}
"""Function -> in blocks, in numpy, and how many steps a difference of 1 is."""


def softmax(x: Block, old: Scale, new: Scale, beta: float) -> Block:
    """SOFTMAX, with exponentials of float32 that are added in order. Raises: NotExact where one is not certain."""
    factor = float(np.float32(-old.scale) * np.float32(beta))
    steps = (np.float32(factor) * np.arange(256, dtype=np.float32)).astype(np.float64)
    powers = np.exp(steps)
    rounded = powers.astype(np.float32)
    borders = (rounded.astype(float) + np.nextafter(rounded, np.float32(2.0) * rounded + 1).astype(float)) / 2.0
    below = (rounded.astype(float) + np.nextafter(rounded, np.float32(0.0)).astype(float)) / 2.0
    near = np.minimum(np.abs(powers - borders), np.abs(powers - below))
    if (near < powers * 2.0**-48).any():
        raise NotExact("one of its exponentials lies between two numbers of float32")
    distance = build.subtract(Reduce(ReduceOp.MAX, x), x)
    exponent = build.single(build.multiply(distance, build.number(factor)))
    lanes = build.lanes(build.single(Apply(Op.EXP, (exponent,))))
    sum_ = lanes[0]
    for lane in lanes[1:]:
        sum_ = build.single(build.add(sum_, lane))
    inverse = build.single(build.divide(build.number(1.0), build.single(build.multiply(sum_, build.number(new.scale)))))
    found = build.single(build.multiply(build.concat(lanes), inverse))
    return held(build.add(half_up(found), build.number(new.zero)))


def _check_borders(values: Any, border: float, what: str) -> None:
    """Refuse values that lie so close to a border that engines may round them to different sides."""
    near = np.abs(np.abs(values - np.floor(values)) - border)
    if (near < 1e-9).any():
        raise NotExact(f"one result of its {what} lies between two integers")
