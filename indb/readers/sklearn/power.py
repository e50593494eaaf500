"""PowerTransformer and QuantileTransformer: columns bent towards a distribution. Both let a missing value pass."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from indb import build, special
from indb.ir import Apply, Block, Floats, Op
from indb.readers.base import Frame, Reading, read_transform, reads
from indb.readers.sklearn.values import finite_numbers, last_finite

SMALLEST = 5e-324


@reads("sklearn", "PowerTransformer")
def read_power_transformer(transformer: Any, frame: Frame, reading: Reading) -> Frame:
    """Box-Cox or Yeo-Johnson, then scaled where asked. Source: sklearn.preprocessing.PowerTransformer.transform."""
    x = finite_numbers(frame, reading, missing=True)
    bent: list[Block] = []
    for lane, power in zip(build.lanes(x), transformer.lambdas_, strict=True):
        if transformer.method == "box-cox":
            reading.require(Apply(Op.OR, (build.is_missing(lane), build.less(build.number(0.0), lane))))
            ends = _ends(partial(_scalar_box_cox, power), 1.0, SMALLEST)
            bent.append(_bounded(_box_cox, lane, power, *ends))
        else:
            ends = _ends(partial(_scalar_yeo_johnson, power), 0.0, None)
            bent.append(_bounded(_yeo_johnson, lane, power, *ends))
    found = Frame(frame.names, tuple(bent))
    return read_transform(transformer._scaler, found, reading) if transformer.standardize else found


def _scalar_yeo_johnson(power: Any, x: float) -> Any:
    from scipy import stats

    return stats.yeojohnson(np.array([x]), power)


def _scalar_box_cox(power: Any, x: float) -> Any:
    from scipy import special

    return special.boxcox(x, power)


def _ends(function: Callable[[float], Any], start: float, stop: float | None) -> tuple[float, float]:
    """The smallest and the largest number for which a power is finite, from `start` on; `stop` None: negative ones."""
    with np.errstate(all="ignore"):
        high = last_finite(function, start)
        if stop is None:
            return -last_finite(lambda size: function(-size)), high
        return last_finite(function, start, stop), high


def _bounded(bend: Callable[[Block, Any], Block], x: Block, power: Any, low: float, high: float) -> Block:
    """A power of x, infinite beyond the ends."""
    ends = build.number(low), build.number(high)
    above = build.where(build.less(ends[1], x), build.number(math.inf), bend(build.clip(x, *ends), power))
    return build.where(build.less(x, ends[0]), build.number(-math.inf), above)


def _yeo_johnson(x: Block, power: Any) -> Block:
    """expm1(power * log1p(|x|)) / power, with 2 - power below 0. Source: scipy.stats, _yeojohnson_transform.

    The power keeps its precision until 2 - power is taken.
    """
    eps = float(np.finfo(np.float64).eps)
    above = below = logs = build.log1p(Apply(Op.ABS, (x,)))
    if abs(power) >= eps:
        above = build.divide(build.expm1(build.multiply(build.number(power), logs)), build.number(power))
    other = float(2 - power)
    if abs(power - 2) > eps:
        below = build.divide(build.expm1(build.multiply(build.number(other), logs)), build.number(other))
    return build.where(build.less(x, build.number(0.0)), build.negate(below), above)


def _box_cox(x: Block, power: Any) -> Block:
    """expm1(power * ln x) / power, or what does not overflow where that does. Source: scipy.special.boxcox."""
    power = float(power)
    logs = Apply(Op.LN, (x,))
    if abs(power) < 1e-19:
        return logs
    product = build.multiply(build.number(power), logs)
    whole = build.divide(build.expm1(product), build.number(power))
    powers = Apply(Op.EXP, (build.subtract(product, build.number(math.log(abs(power)))),))
    large = build.subtract(build.multiply(build.number(math.copysign(1.0, power)), powers), build.number(1.0 / power))
    return build.where(build.less(product, build.number(709.78)), whole, large)


BOUND = 1e-7
"""sklearn.preprocessing._data.BOUNDS_THRESHOLD: so close to the first and the last quantile all values are alike."""


@reads("sklearn", "QuantileTransformer")
def read_quantile_transformer(transformer: Any, frame: Frame, reading: Reading) -> Frame:
    """The rank of each value among the quantiles, or its normal quantile. A sparse array keeps its zeros.

    Source: sklearn.preprocessing.QuantileTransformer._transform_col.
    """
    x = finite_numbers(frame, reading, missing=True)
    if frame.sparse and not transformer.ignore_implicit_zeros:
        reading.require(Apply(Op.OR, (build.is_missing(x), build.less_equal(build.number(0.0), x))))
    normal = transformer.output_distribution == "normal"
    references = np.asarray(transformer.references_, dtype=np.float64)
    quantiles = np.asarray(transformer.quantiles_, dtype=np.float64)
    found = [_rank(lane, quantiles[:, number], references, normal) for number, lane in enumerate(build.lanes(x))]
    if frame.sparse:
        found = [
            build.where(Apply(Op.EQ, (lane, build.number(0.0))), build.number(0.0), rank)
            for lane, rank in zip(build.lanes(x), found, strict=True)
        ]
    return Frame(frame.names, tuple(found), sparse=frame.sparse)


def _rank(x: Block, quantiles: Floats, references: Floats, normal: bool) -> Block:
    """The mean of what is read from the left and from the right: they differ where quantiles are alike."""
    left = build.interpolate(x, quantiles, references)
    right = build.interpolate(build.negate(x), -quantiles[::-1], -references[::-1])
    rank = build.multiply(build.number(0.5), build.subtract(left, right))
    first, last = build.number(quantiles[0]), build.number(quantiles[-1])
    lowest: Block = Apply(Op.EQ, (x, first))
    highest: Block = Apply(Op.EQ, (x, last))
    if normal:
        lowest = build.less(build.subtract(x, build.number(BOUND)), first)
        highest = build.less(last, build.add(x, build.number(BOUND)))
    rank = build.where(lowest, build.number(0.0), build.where(highest, build.number(1.0), rank))
    return _normal(rank) if normal else rank


def _normal(rank: Block) -> Block:
    """The normal quantile of a rank, between those of BOUND and 1 - BOUND."""
    from scipy import stats

    low, high = (float(stats.norm.ppf(edge)) for edge in (BOUND - np.spacing(1), 1 - (BOUND - np.spacing(1))))
    inside = build.clip(rank, build.number(BOUND / 2), build.number(1 - BOUND / 2))
    return build.clip(special.normal_quantile(inside), build.number(low), build.number(high))
