"""What a number can be: bounds that are worked out from the columns upwards, one rule for each scalar op.

They answer three questions about a node without running it. Can it be missing? Can it be NaN (which SQL does not take
for missing)? Can it overflow or vanish, which some engines answer with an error? Bounds are safe: never too narrow.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

import numpy as np

from indb.emit.binding import SqlKind

MAX = 1.7976931348623157e308
TINY = 5e-324
"""The smallest positive double."""

SINGLE_MAX, SINGLE_TINY = 3.4028234663852886e38, 2.0**-149
"""The largest float32 number and the smallest positive one."""

SINGLE_EDGE, SINGLE_ZERO = math.nextafter(SINGLE_MAX + 2.0**103, 0.0), 2.0**-150
"""The largest double that is rounded to a finite float32 number, and the largest that is rounded to 0."""


@dataclass(frozen=True, slots=True)
class Range:
    """low <= x <= high for every number x that is not NaN; |x| >= tiny unless x is 0, and x is a multiple of step.

    `missing`: it can be NULL or NaN. `nan`: it can be NaN, so it needs care where SQL and IEEE 754 differ.
    """

    low: float = -math.inf
    high: float = math.inf
    tiny: float = TINY
    missing: bool = True
    nan: bool = True
    step: float = TINY

    def __post_init__(self) -> None:
        object.__setattr__(self, "tiny", max(self.tiny, self.low, -self.high))

    @property
    def size(self) -> float:
        """The largest finite magnitude."""
        return min(max(abs(self.low), abs(self.high)), MAX)

    @property
    def finite(self) -> bool:
        """Whether infinities are ruled out."""
        return math.isfinite(self.low) and math.isfinite(self.high)


_INTEGER = 2.0**127  # the widest integer type has 128 bits
_KINDS: dict[SqlKind, Range] = {
    SqlKind.BOOLEAN: Range(0.0, 1.0, 1.0, nan=False),
    SqlKind.INTEGER: Range(-_INTEGER, _INTEGER, 1.0, nan=False),
    SqlKind.DECIMAL: Range(),
    SqlKind.FLOAT32: Range(tiny=1e-45),
    SqlKind.FLOAT64: Range(),
    SqlKind.TEXT: Range(nan=False),
    SqlKind.ENUM: Range(nan=False),
}


class Known(enum.Enum):
    """What a condition that was tested before says of a column."""

    NOTHING = "nothing"
    FINITE = "finite"  # it is missing or finite
    PRESENT = "present"  # it is finite


def column_range(kind: SqlKind, known: Known) -> Range:
    """The range of a column of an SQL type, given what is known of it."""
    found = _KINDS[kind]
    if known is Known.NOTHING:
        return found
    missing = known is Known.FINITE
    return Range(max(found.low, -MAX), min(found.high, MAX), found.tiny, missing, missing and found.nan)


def constant_range(value: float) -> Range:
    """The range of one number."""
    if math.isnan(value):
        return Range(0.0, 0.0, math.inf, missing=True, nan=False, step=math.inf)
    step = math.inf if value == 0.0 else TINY
    if math.isfinite(value) and abs(value) >= 2.0**-900:
        step = 1.0 / value.as_integer_ratio()[1]
    return Range(value, value, abs(value) or math.inf, missing=False, nan=False, step=step)


def union(ranges: list[Range]) -> Range:
    """What a choice between several can be."""
    return Range(
        min(r.low for r in ranges),
        max(r.high for r in ranges),
        min(r.tiny for r in ranges),
        any(r.missing for r in ranges),
        any(r.nan for r in ranges),
        min(r.step for r in ranges),
    )


def _opposite_infinities(a: Range, b: Range) -> bool:
    return (a.high == math.inf and b.low == -math.inf) or (a.low == -math.inf and b.high == math.inf)


def add(a: Range, b: Range) -> Range:
    """The range of a + b.

    A sum that is not 0 is a multiple of half the last bit of either term: where they cancel, both have such bits, and
    where they do not, it is larger than a quarter of the larger one. So it is the term that cannot be 0 that counts.
    Rounding is monotone: a sum of positive terms is not below that of their bounds.
    """
    nan = a.nan or b.nan or _opposite_infinities(a, b)
    low, high = a.low + b.low, a.high + b.high
    sure = max([r.tiny for r in (a, b) if not _holds_zero(r)], default=min(a.tiny, b.tiny))
    step = min(a.step, b.step)
    return Range(
        -math.inf if math.isnan(low) else low,
        math.inf if math.isnan(high) else high,
        max(sure * 2.0**-54, step, low, -high),
        a.missing or b.missing or nan,
        nan,
        step,
    )


def single_sum(ranges: list[Range]) -> Range:
    """The range of float32 numbers that are added in float32; all are finite, and so is their sum."""
    room = 1.0 + len(ranges) * 2.0**-23
    low, high = (room * sum(bounds) for bounds in ((r.low for r in ranges), (r.high for r in ranges)))
    sizes = room * sum(r.size for r in ranges) * 2.0**-22  # what rounding may add where terms cancel
    return Range(low - sizes, high + sizes, SINGLE_TINY, any(r.missing for r in ranges), nan=False, step=SINGLE_TINY)


def single(a: Range) -> Range:
    """The range of a rounded to float32."""
    low, high = (_single(bound) for bound in (a.low, a.high))
    tiny = max(_single(min(a.tiny, SINGLE_MAX)), SINGLE_TINY)
    return Range(low, high, tiny, a.missing, a.nan, max(a.step, SINGLE_TINY))


def _single(x: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.float32(x))


def negate(a: Range) -> Range:
    """The range of -a."""
    return Range(-a.high, -a.low, a.tiny, a.missing, a.nan, a.step)


def multiply(a: Range, b: Range) -> Range:
    """The range of a * b; 0 * inf is NaN."""
    nan = a.nan or b.nan or (not a.finite and _holds_zero(b)) or (not b.finite and _holds_zero(a))
    corners = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
    corners = [0.0 if math.isnan(corner) else corner for corner in corners]
    tiny = max(min(a.tiny, MAX) * min(b.tiny, MAX), TINY, min(corners), -max(corners))
    return Range(min(corners), max(corners), min(tiny, MAX), a.missing or b.missing or nan, nan)


def square(a: Range) -> Range:
    """The range of a * a."""
    size = max(abs(a.low), abs(a.high))
    low = 0.0 if _holds_zero(a) else min(abs(a.low), abs(a.high))
    tiny = max(min(a.tiny, MAX) * min(a.tiny, MAX), TINY)
    return Range(low * low, size * size, min(tiny, MAX), a.missing, a.nan)


def _holds_zero(a: Range) -> bool:
    return a.low <= 0.0 <= a.high


def divide(a: Range, b: Range) -> Range:
    """The range of a / b; 0 / 0 and inf / inf are NaN."""
    missing = a.missing or b.missing
    if _holds_zero(b) or not b.finite:
        nan = a.nan or b.nan or (_holds_zero(a) and _holds_zero(b)) or not (a.finite or b.finite)
        return Range(missing=missing or nan, nan=nan)
    corners = [x / y for x in (a.low, a.high) for y in (b.low, b.high)]
    nan = a.nan or b.nan
    tiny = max(min(a.tiny, MAX) / b.size, TINY, min(corners), -max(corners))
    return Range(min(corners), max(corners), tiny, missing or nan, nan)


def exponential(a: Range) -> Range:
    """The range of exp(a)."""

    def exp(x: float) -> float:
        return math.inf if x > 709.7 else math.exp(x)

    low = exp(a.low) * (1 - 1e-9)
    return Range(low, exp(a.high) * (1 + 1e-9), max(low, TINY), a.missing, a.nan)


def logarithm(a: Range) -> Range:
    """The range of ln(a), NaN below 0."""
    nan = a.nan or a.low < 0.0
    low = math.log(a.low) - 1e-9 if a.low > 0.0 else -math.inf
    high = math.log(a.high) + 1e-9 if 0.0 < a.high < math.inf else math.inf
    return Range(low, high, TINY, a.missing or nan, nan)


def root(a: Range) -> Range:
    """The range of sqrt(a), NaN below 0."""
    nan = a.nan or a.low < 0.0
    low, high = (math.sqrt(max(bound, 0.0)) for bound in (a.low, a.high))
    return Range(low * (1 - 1e-9), high * (1 + 1e-9), TINY, a.missing or nan, nan)


def magnitude(a: Range) -> Range:
    """The range of |a|."""
    low = 0.0 if _holds_zero(a) else min(abs(a.low), abs(a.high))
    return Range(low, max(abs(a.low), abs(a.high)), a.tiny, a.missing, a.nan, a.step)


def bounded(a: Range, low: float, high: float) -> Range:
    """The range of a function of a whose values lie in [low, high], missing where a is, NaN at infinities."""
    nan = a.nan or not a.finite
    return Range(low, high, TINY, a.missing or nan, nan)


def rounded_down(a: Range) -> Range:
    """The range of floor(a)."""
    return Range(a.low - 1.0, a.high, 1.0, a.missing, a.nan)


def least(a: Range, b: Range) -> Range:
    """The range of min(a, b)."""
    tiny, step = min(a.tiny, b.tiny), min(a.step, b.step)
    return Range(min(a.low, b.low), min(a.high, b.high), tiny, a.missing or b.missing, a.nan or b.nan, step)


def greatest(a: Range, b: Range) -> Range:
    """The range of max(a, b)."""
    tiny, step = min(a.tiny, b.tiny), min(a.step, b.step)
    return Range(max(a.low, b.low), max(a.high, b.high), tiny, a.missing or b.missing, a.nan or b.nan, step)
