"""What XGBoost's objectives make of the sum of the trees, step by step in float32 as XGBoost does.

An exponential in float32 is that of float64 rounded, which XGBoost's own may miss by its last bit; a label that depends
on it is decided at the exact border of the sum.
"""

from __future__ import annotations

import struct
from functools import cache

import numpy as np

from indb import build
from indb.ir import Apply, Block, Op, Reduce, ReduceOp

LIMIT = float(np.float32(88.7))
"""Where XGBoost cuts the argument of an exponential off."""


def sigmoid(margin: Block) -> Block:
    """1 / (1 + exp(-margin)). Source: src/common/math.h, Sigmoid."""
    power = exponential(Apply(Op.MIN, (build.negate(margin), build.number(LIMIT))))
    return build.single(build.divide(build.number(1.0), build.single(build.add(power, build.number(1.0)))))


def exponential(margin: Block) -> Block:
    """exp(margin)."""
    return build.single(Apply(Op.EXP, (margin,)))


def softmax(margin: Block, is_large: bool = False) -> Block:
    """The probabilities; powers are added in float64. Source: src/common/math.h, Softmax.

    is_large: margins may be so, and engines have to be told that the largest power is 1, for all is well then.
    """
    below = build.single(build.subtract(margin, Reduce(ReduceOp.MAX, margin)))
    powers = exponential(Apply(Op.MIN, (below, build.number(0.0))) if is_large else below)
    total = build.single(Reduce(ReduceOp.SUM, powers))
    return build.single(build.divide(powers, Apply(Op.MAX, (total, build.number(1.0))) if is_large else total))


def complement(probability: Block) -> Block:
    """[1 - p, p]."""
    other = build.single(build.subtract(build.number(1.0), probability))
    return build.concat([other, probability])


def is_likely(margin: Block) -> Block:
    """Whether `sigmoid` of a margin is above a half, which small ones above 0 are not."""
    return build.less(build.number(border()), margin)


@cache
def border() -> float:
    """The largest float32 number of which the sigmoid is not above a half."""

    def is_above(bits: int) -> bool:
        margin = np.frombuffer(struct.pack("<i", bits), dtype=np.float32)[0]
        power = np.float32(np.exp(-np.float64(margin)))
        return bool(np.float32(1.0) / (power + np.float32(1.0)) > np.float32(0.5))

    low, high = 0, int(np.float32(1.0).view(np.int32))  # float32 numbers above 0 are in the order of their bits
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_above(middle) else (middle, high)
    return float(np.frombuffer(struct.pack("<i", low), dtype=np.float32)[0])
