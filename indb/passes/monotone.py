"""A lane as a monotone function of one raw column, and the exact borders that thresholds on it have in that column.

An imputer and a scaler in front of a comparison need not run for each row: where f never decreases, f(x) <= t holds for
just the x up to some largest double, which bisection over the ordered bit patterns of all doubles finds. That is exact,
where solving `x <= mean + scale * t` is not: rounding sends rows near the border the wrong way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from indb.evaluate import apply_op
from indb.ir import Apply, Block, Column, Const, Floats, Op, Type

Bits: TypeAlias = NDArray[np.int64]

_RISING = frozenset({Op.ADD, Op.MIN, Op.MAX})


@dataclass(frozen=True)
class Monotone:
    """`lane` as a function of `column`; `rising` when it never decreases, else it never increases.

    `at_missing` is its value where the column is missing (NaN when the lane is missing there too).
    """

    column: Column
    lane: Block
    rising: bool
    at_missing: float

    def __call__(self, x: Floats) -> Floats:
        """The lane's values for values of the column."""
        values: Floats = _value(self.lane, x)
        return values

    def last_at_most(self, thresholds: Floats) -> Floats:
        """For each t the largest x with f(x) <= t (rising) or the largest x with f(x) > t (falling).

        -inf stands for "none" as well as for itself; see `holds_at`.
        """
        low = np.full(len(thresholds), _order(np.array([-np.inf]))[0])
        high = np.full(len(thresholds), _order(np.array([np.inf]))[0])
        while (low < high).any():
            middle = (low | high) - ((low ^ high) >> 1)  # their mean, rounded up, without overflow
            inside = self._test(_double(middle), thresholds)
            low, high = np.where(inside, middle, low), np.where(inside, high, middle - 1)
        return _double(low)

    def holds_at(self, x: Floats, thresholds: Floats) -> NDArray[np.bool_]:
        """Whether `last_at_most` found an x at all, for its result x."""
        return self._test(x, thresholds)

    def _test(self, x: Floats, thresholds: Floats) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = self(x) <= thresholds if self.rising else self(x) > thresholds
        return found


def monotone(lane: Block) -> Monotone | None:
    """The lane as a monotone function of one number column, or None when it is none that is known to be.

    Known steps: +, -, *, / with a constant, min and max with one, floor, rounding to float32, a constant in place of
    a missing value.
    A rounded + - * / of IEEE 754 is monotone, so rounding does not matter.
    """
    found = _trace(lane)
    if found is None:
        return None
    column, rising = found
    at_missing = float(_value(lane, np.array([np.nan]))[0])
    return Monotone(column, lane, rising, at_missing)


def _trace(lane: Block) -> tuple[Column, bool] | None:
    """The column below a lane and whether the lane rises with it."""
    match lane:
        case Column(_, Type.NUMBER):
            return lane, True
        case Apply(Op.FLOOR | Op.SINGLE, (x,)):
            return _trace(x)
        case Apply(Op.COALESCE, (x, Const())):
            return _trace(x)
        case Apply(op, (x, Const((float(c),)))) if math.isfinite(c):
            return _step(op, x, c)
        case Apply(op, (Const((float(c),)), x)) if math.isfinite(c):
            if op is Op.SUB:
                return _turned(_trace(x))
            return _step(op, x, c) if op in _RISING or op is Op.MUL else None
    return None


def _step(op: Op, x: Block, c: float) -> tuple[Column, bool] | None:
    if op in _RISING or op is Op.SUB:
        return _trace(x)
    if op in (Op.MUL, Op.DIV) and c != 0.0:
        return _trace(x) if c > 0.0 else _turned(_trace(x))
    return None


def _turned(found: tuple[Column, bool] | None) -> tuple[Column, bool] | None:
    return None if found is None else (found[0], not found[1])


def _value(lane: Block, x: Floats) -> Floats:
    match lane:
        case Column():
            return x
        case Const(values, _):
            return np.array([values[0]], dtype=np.float64)
        case Apply(op, args):
            return apply_op(op, *(_value(arg, x) for arg in args))
    raise TypeError(f"{type(lane).__name__} is no step of a monotone lane")


_SIGN = np.int64(-(2**63))


def _order(x: Floats) -> Bits:
    """Doubles as integers in the same order."""
    bits = x.astype(np.float64).view(np.int64)
    return np.where(bits < 0, _SIGN - bits, bits)


def _double(order: Bits) -> Floats:
    """The inverse of `_order`."""
    bits: Bits = np.where(order < 0, _SIGN - order, order).astype(np.int64)
    return bits.view(np.float64)
