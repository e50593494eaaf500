"""SplineTransformer: the B-splines of each column, computed as scipy does, operation by operation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from indb import build
from indb.ir import Apply, Block, Floats, Op
from indb.readers.base import Frame, Reading, reads
from indb.readers.sklearn.values import finite_numbers, last_finite

ZERO = build.number(0.0)

PERIODS = 2.0**25
"""A value further away than this many periods is not led back to its period exactly: such a row is refused."""


@dataclass(frozen=True, slots=True)
class Spline:
    """The B-splines of one column: knots t of degree k, of which the intervals from `first` to `last` are used.

    Base spline number i belongs to lane i % width: periodic splines go on where they began.
    """

    knots: Floats
    degree: int
    width: int

    @property
    def last(self) -> int:
        """The number of the last interval, that of its left knot."""
        return len(self.knots) - self.degree - 2

    def ends(self) -> tuple[float, float]:
        """The first and the last knot between which the splines were fitted."""
        return float(self.knots[self.degree]), float(self.knots[-self.degree - 1])

    def intervals(self) -> list[int]:
        """The intervals in which a value can lie; one between equal knots holds none, unless it is the last."""
        inner = range(self.degree, self.last + 1)
        return [i for i in inner if i in (self.degree, self.last) or self.knots[i] < self.knots[i + 1]]

    def bases(self, x: Block, interval: int) -> list[Block]:
        """The degree + 1 base splines that are not 0 in an interval, in scipy's order of operations.

        Source: scipy.interpolate, _deBoor_D; de Boor 1972, On calculating with B-splines.
        """
        found: list[Block] = [build.number(1.0)]
        for order in range(1, self.degree + 1):
            before, found = found, [ZERO] * (order + 1)
            for number in range(1, order + 1):
                right, left = float(self.knots[interval + number]), float(self.knots[interval + number - order])
                if right == left:
                    found[number] = ZERO
                    continue
                share = build.divide(before[number - 1], build.number(right - left))
                falling = build.multiply(share, build.subtract(build.number(right), x))
                found[number - 1] = falling if number == 1 else build.add(found[number - 1], falling)
                found[number] = build.multiply(share, build.subtract(x, build.number(left)))
        return found

    def lanes(self, x: Block) -> list[Block]:
        """Every base spline of a value that is there; outside of the knots the outermost intervals go on."""
        intervals = self.intervals()
        bases = {interval: self.bases(x, interval) for interval in intervals}
        return [self._lane(x, number, intervals, bases) for number in range(self.width)]

    def _lane(self, x: Block, number: int, intervals: list[int], bases: dict[int, list[Block]]) -> Block:
        found: Block | None = None
        for interval in reversed(intervals):
            base = interval - self.degree
            parts = [bases[interval][i] for i in range(self.degree + 1) if (base + i) % self.width == number]
            value: Block = ZERO
            for part in parts:
                if part is not ZERO:
                    value = part if value is ZERO else build.add(value, part)
            if found is None:
                found = value
            elif not (value is ZERO and found is ZERO):
                found = build.where(build.less(x, build.number(float(self.knots[interval + 1]))), value, found)
        assert found is not None
        return found


@reads("sklearn", "SplineTransformer")
def read_spline_transformer(transformer: Any, frame: Frame, reading: Reading) -> Frame:
    """The base splines of each column, one lane each. Source: sklearn.preprocessing.SplineTransformer.transform.

    With handle_missing="zeros" nothing is refused; a missing value then has 0.0 in every lane.

    Raises: UnsupportedModel where scikit-learn gives a missing value what depends on the rows beside it.
    """
    zeros = getattr(transformer, "handle_missing", "error") == "zeros"  # new in scikit-learn 1.9
    x = frame.numbers(reading) if zeros else finite_numbers(frame, reading)
    sparse = bool(getattr(transformer, "sparse_output", False))
    if zeros and sparse and x.width > 1 and transformer.extrapolation not in ("constant", "linear"):
        raise reading.unsupported(
            "scikit-learn forgets to make zeros of a missing value in a sparse array with this extrapolation",
            "Fit it with sparse_output=False.",
        )
    names: list[str] = []
    lanes: list[Block] = []
    reach = transformer.degree
    for position, lane in enumerate(build.lanes(x)):
        fitted = transformer.bsplines_[position]
        spline = Spline(np.asarray(fitted.t, dtype=np.float64), transformer.degree, fitted.c.shape[1])
        match transformer.extrapolation:
            case "periodic":
                found = spline.lanes(_in_period(spline, lane, reading))
            case "error":
                low, high = spline.ends()
                inside = build.between(lane, low, high)
                reading.require(Apply(Op.OR, (build.is_missing(lane), inside)) if zeros else inside)
                found = spline.lanes(_clipped(lane, low, high))
            case "continue":
                found = _continued(spline, lane, fitted, sparse)
            case "constant":
                found = _constant(spline, lane, fitted, sparse, reading)
            case _:
                found, reach = _linear(spline, lane, fitted, reach, reading)
        if zeros:
            found = [build.where(build.is_missing(lane), ZERO, part) for part in found]
        kept = found if transformer.include_bias else found[:-1]
        names.extend(f"{frame.names[position]}_{number}" for number in range(len(kept)))
        lanes.extend(kept)
    return Frame(tuple(names), tuple(lanes), sparse=sparse)


def _clipped(x: Block, low: float, high: float) -> Block:
    return build.clip(x, build.number(low), build.number(high))


def _continued(spline: Spline, x: Block, fitted: Any, sparse: bool) -> list[Block]:
    """The outermost polynomials go on. In a dense array one that overflows makes every lane missing."""
    if spline.degree == 0 or sparse:
        return spline.lanes(x)
    with np.errstate(all="ignore"):
        low, high = -last_finite(lambda size: fitted(-size)), last_finite(fitted)
    inside = build.between(x, low, high)
    return [build.where(inside, part, build.MISSING) for part in spline.lanes(_clipped(x, low, high))]


def _constant(spline: Spline, x: Block, fitted: Any, sparse: bool, reading: Reading) -> list[Block]:
    """Outside of the knots the first and the last `degree` lanes keep their values at the ends, others are 0.

    Of degree 0 scikit-learn cannot write what lies above into a dense array, and raises an error.
    """
    low, high = spline.ends()
    at_low, at_high = fitted(low), fitted(high)
    below, above = np.zeros(spline.width), np.zeros(spline.width)
    below[: spline.degree] = at_low[: spline.degree]
    if spline.degree > 0:
        above[-spline.degree :] = at_high[-spline.degree :]
    elif sparse:
        above = at_high
    elif spline.width > 1:
        reading.require(Apply(Op.OR, (build.is_missing(x), build.less_equal(x, build.number(high)))))
    found = spline.lanes(_clipped(x, low, high))
    for number in range(spline.width):
        if below[number] != at_low[number]:
            found[number] = _instead(build.less(x, build.number(low)), float(below[number]), found[number])
        if above[number] != at_high[number]:
            found[number] = _instead(build.less(build.number(high), x), float(above[number]), found[number])
    return found


def _instead(condition: Block, value: float, other: Block) -> Block:
    return build.where(condition, build.number(value), other)


def _linear(spline: Spline, x: Block, fitted: Any, reach: int, reading: Reading) -> tuple[list[Block], int]:
    """Outside of the knots the outermost lanes go on as lines. Gives the lanes, and the reach of the next column.

    For splines of degree 0 and 1 scikit-learn looks at one lane more at each end, and keeps that for the columns that
    follow: their lines begin further inside.
    """
    reach_now = reach + 1 if reach <= 1 else reach
    if reach + 1 > len(spline.knots) or reach_now > spline.width:
        raise reading.unsupported(
            f"its {spline.width} splines of degree {spline.degree} are too few for straight lines"
        )
    low, high = float(spline.knots[reach]), float(spline.knots[-reach - 1])
    inside, below, above = (
        build.between(x, low, high),
        build.less(x, build.number(low)),
        build.less(build.number(high), x),
    )
    found = [build.where(inside, part, ZERO) for part in spline.lanes(_clipped(x, low, high))]

    def line(end: float, number: int) -> Block:
        rise = build.multiply(build.subtract(x, build.number(end)), build.number(float(fitted(end, nu=1)[number])))
        return build.add(build.number(float(fitted(end)[number])), rise)

    for number in range(reach_now):
        found[number] = build.where(below, line(low, number), found[number])
        other = spline.width - 1 - number
        found[other] = build.where(above, line(high, other), found[other])
    return found, reach_now


def _in_period(spline: Spline, x: Block, reading: Reading) -> Block:
    """x led back between the ends, as the remainder of numpy does. Source: numpy.remainder, C's fmod.

    The quotient is that of the nearest period, below 2**26, and the period is split in two halves of which its products
    are exact; so the rest is exact as well.
    """
    low, high = spline.ends()
    period = high - low
    if period <= 0.0:
        return build.multiply(x, ZERO)
    away = build.subtract(x, build.number(low))
    limit = period * PERIODS
    reading.require(Apply(Op.OR, (build.is_missing(x), build.between(away, -limit, limit))))
    size = Apply(Op.MIN, (Apply(Op.ABS, (away,)), build.number(limit)))
    count = Apply(Op.FLOOR, (build.add(build.divide(size, build.number(period)), build.number(0.5)),))
    mantissa, exponent = math.frexp(period)
    upper = math.ldexp(round(mantissa * 2.0**26), exponent - 26)
    rest = build.subtract(size, build.multiply(count, build.number(upper)))
    rest = build.subtract(rest, build.multiply(count, build.number(period - upper)))
    rest = build.where(build.less(rest, ZERO), build.add(rest, build.number(period)), rest)
    backwards = Apply(Op.AND, (build.less(away, ZERO), build.less(ZERO, rest)))
    return build.add(build.number(low), build.where(backwards, build.subtract(build.number(period), rest), rest))
