"""The vocabulary of machine learning in blocks: what readers say instead of op by op.

Nothing here knows a library; formulas that have a source name it. All functions are pure and return new blocks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from indb.errors import InvalidModel, UnsupportedModel
from indb.ir import Apply, Block, Concat, Const, Linear, Lookup, Op, Reduce, ReduceOp, Target, TreeEnsemble
from indb.lanes import lane as lane
from indb.lanes import lanes as lanes
from indb.ops import Floats, Scalar, Type

MISSING = Const((math.nan,))
"""A missing number."""

FLOAT32_MAX = float(np.finfo(np.float32).max)
FLOAT64_MAX = float(np.finfo(np.float64).max)


def number(*values: float) -> Const:
    """A constant row of numbers."""
    return Const(tuple(float(value) for value in values))


def text(*values: str | None) -> Const:
    """A constant row of texts."""
    return Const(tuple(values), Type.TEXT)


def concat(parts: Sequence[Block]) -> Block:
    """The lanes of all parts; a single part is returned as it is."""
    return parts[0] if len(parts) == 1 else Concat(tuple(parts))


def add(a: Block, b: Block) -> Block:
    """a + b."""
    return Apply(Op.ADD, (a, b))


def subtract(a: Block, b: Block) -> Block:
    """a - b."""
    return Apply(Op.SUB, (a, b))


def multiply(a: Block, b: Block) -> Block:
    """a * b."""
    return Apply(Op.MUL, (a, b))


def divide(a: Block, b: Block) -> Block:
    """a / b."""
    return Apply(Op.DIV, (a, b))


def where(condition: Block, then: Block, other: Block) -> Block:
    """`then` where the condition is true, else `other` (also where it is missing)."""
    return Apply(Op.WHERE, (condition, then, other))


def clip(x: Block, low: Block, high: Block) -> Block:
    """x held between low and high; a missing x stays missing."""
    return Apply(Op.MIN, (Apply(Op.MAX, (x, low)), high))


def standardise(x: Block, mean: Floats | None, scale: Floats | None) -> Block:
    """(x - mean) / scale, in this order of operations; either may be left out."""
    if mean is not None:
        x = subtract(x, number(*mean))
    if scale is not None:
        x = divide(x, number(*scale))
    return x


def one_hot(
    x: Block,
    keys: Sequence[float | str],
    positions: Sequence[int | None],
    width: int,
    unknown: Sequence[Scalar],
    missing: Sequence[Scalar],
) -> Lookup:
    """Indicator lanes: the value keys[i] sets lane positions[i] (None: no lane) to 1.0."""
    rows = tuple(indicator(width, position) for position in positions)
    return Lookup(x, tuple(keys), rows, tuple(unknown), tuple(missing))


def indicator(width: int, position: int | None) -> tuple[float, ...]:
    """A row of zeros with 1.0 at `position` (None: nowhere)."""
    return tuple(1.0 if index == position else 0.0 for index in range(width))


def refused(width: int) -> tuple[float, ...]:
    """A row that is missing in every lane: what a value gets that the library would raise an error for."""
    return (math.nan,) * width


def linear(x: Block, weight: Floats, bias: Floats | float) -> Linear:
    """x @ weight.T + bias with weight (n_outputs, n_features) and a bias for each output, or one for all."""
    matrix = np.atleast_2d(np.asarray(weight, dtype=np.float64))
    offsets = np.broadcast_to(np.asarray(bias, dtype=np.float64).reshape(-1), (matrix.shape[0],)).copy()
    return Linear(x, matrix, offsets)


def pieces(x: Block, borders: Floats, rows: Floats, above: bool = True) -> TreeEnsemble:
    """The row of `rows` (n_borders + 1, width) for the piece of a line on which x lies (width 1); borders ascend.

    A border belongs to the piece above it, or to the one below (`above` False), as in numpy.searchsorted with side
    "right" and "left". A missing x gives a missing row. It is one balanced tree, so that few borders are compared.
    """
    borders, rows = np.asarray(borders, dtype=np.float64), np.asarray(rows, dtype=np.float64)
    last = np.nextafter(borders, -np.inf) if above else borders
    nodes: list[tuple[int, float, int, int, int]] = []  # feature, threshold, left, right, leaf

    def grow(first: int, stop: int) -> int:
        place = len(nodes)
        if stop - first == 1:
            nodes.append((-1, 0.0, -1, -1, first))
            return place
        nodes.append((-1, 0.0, -1, -1, -1))
        middle = (first + stop) // 2
        left, right = grow(first, middle), grow(middle, stop)
        nodes[place] = (0, float(last[middle - 1]), left, right, -1)
        return place

    nodes.append((0, math.inf, 1, -1, -1))
    grow(0, len(rows))
    nodes[0] = (0, math.inf, 1, len(nodes), -1)
    nodes.append((-1, 0.0, -1, -1, len(rows)))
    feature, threshold, left, right, leaf = (np.array(column) for column in zip(*nodes, strict=True))
    gap = np.full((1, rows.shape[1]), np.nan)
    count = len(nodes)
    return TreeEnsemble(
        inputs=(x,),
        roots=np.zeros(1, dtype=np.int32),
        feature=feature.astype(np.int32),
        threshold=threshold.astype(np.float64),
        category_set=np.full(count, -1, dtype=np.int32),
        left=left.astype(np.int32),
        right=right.astype(np.int32),
        missing_left=np.zeros(count, dtype=bool),
        leaf=leaf.astype(np.int32),
        values=np.concatenate([rows, gap]),
        base=np.zeros(rows.shape[1]),
    )


def interpolate(x: Block, xs: Floats, ys: Floats) -> Block:
    """ys between the points xs (ascending), and the first or last of them beyond the ends (width 1).

    Of points with the same xs the last holds there, and the first is where the line from the left leads. A missing x
    stays missing. Raises: UnsupportedModel where points lie too close together, or too far apart, for a slope.
    Source: numpy.interp, slope * (x - xs[j]) + ys[j] with the last xs[j] that is not above x.
    """
    xs, ys = np.asarray(xs, dtype=np.float64), np.asarray(ys, dtype=np.float64)
    with np.errstate(all="ignore"):
        width = np.diff(xs)
        slopes = np.append(np.diff(ys) / width, 0.0)
    last = np.append(width > 0.0, True)
    rows = np.stack([slopes, xs, ys], axis=1)[last]
    if not (np.isfinite(rows).all() and np.isfinite(width).all()):
        raise UnsupportedModel("cannot interpolate: found points whose difference overflows, needed finite slopes")
    rows = np.concatenate([[[0.0, xs[0], ys[0]]], rows])
    slope, start, value = lanes(pieces(x, xs[last], rows))
    inside = clip(x, number(xs[0]), number(xs[-1]))
    return add(multiply(slope, subtract(inside, start)), value)


def power(x: Block, exponent: int) -> Block:
    """x to a whole power from 0 on, by repeated squares. Source: powi of libsvm."""
    result: Block | None = None
    square = x
    while exponent > 0:
        if exponent % 2:
            result = square if result is None else multiply(result, square)
        exponent //= 2
        if exponent:
            square = multiply(square, square)
    return number(*[1.0] * x.width) if result is None else result


def negate(x: Block) -> Block:
    """-x (exact: a product with -1)."""
    return multiply(x, number(-1.0))


def single(x: Block) -> Block:
    """x rounded to float32. Of a sum, difference, product or quotient of float32 numbers: their float32 arithmetic."""
    return Apply(Op.SINGLE, (x,))


def sigmoid(x: Block) -> Block:
    """1 / (1 + exp(-x)), which reaches 0 and 1 without raising. Source: scipy.special.expit."""
    return divide(number(1.0), add(number(1.0), Apply(Op.EXP, (negate(x),))))


def binary_probabilities(positive: Block) -> Block:
    """[1 - p, p] of the probability of the second class."""
    return Concat((subtract(number(1.0), positive), positive))


def softmax(x: Block) -> Block:
    """exp(x - max(x)) / sum(exp(x - max(x))). Source: sklearn.utils.extmath.softmax."""
    powers = Apply(Op.EXP, (subtract(x, Reduce(ReduceOp.MAX, x)),))
    return divide(powers, Reduce(ReduceOp.SUM, powers))


def squared(x: Block) -> Block:
    """The sum of the squares of all lanes."""
    return Reduce(ReduceOp.SUM, multiply(x, x))


def log_sum_exp(x: Block) -> Block:
    """ln(sum(exp(x))) of all lanes, the largest taken out first. Source: sklearn.utils._array_api._logsumexp."""
    top = Reduce(ReduceOp.MAX, x)
    total = Reduce(ReduceOp.SUM, Apply(Op.EXP, (subtract(x, top),)))
    return add(Apply(Op.LN, (Apply(Op.MAX, (total, number(1.0))),)), top)  # it is at least 1, and engines can see that


def argmin(x: Block) -> Block:
    """The number of the smallest lane; the lowest one where several are."""
    return Reduce(ReduceOp.ARGMIN, x)


def argmax(x: Block) -> Block:
    """The number of the largest lane; the lowest one where several are."""
    return Reduce(ReduceOp.ARGMAX, x)


def less(a: Block, b: Block) -> Block:
    """a < b."""
    return Apply(Op.LT, (a, b))


def less_equal(a: Block, b: Block) -> Block:
    """a <= b."""
    return Apply(Op.LE, (a, b))


def is_missing(x: Block) -> Block:
    """1.0 where x is missing, else 0.0."""
    return Apply(Op.IS_MISSING, (x,))


def between(x: Block, low: float, high: float) -> Block:
    """low <= x <= high, false where x is missing."""
    return Apply(Op.BETWEEN, (x, number(low), number(high)))


def only_if(conditions: Sequence[Block], x: Block) -> Block:
    """x where every lane of every condition is true, else missing."""
    if not conditions:
        return x
    if x.type is Type.TEXT:
        raise InvalidModel("cannot guard a TEXT block")
    return where(Reduce(ReduceOp.ALL, concat(list(conditions))), x, MISSING)


def guarded(target: Target, conditions: Sequence[Block]) -> Target:
    """The target, missing where a lane of a condition is not true: for rows that the library would refuse."""
    outputs = {name: only_if(conditions, block) for name, block in target.outputs.items()}
    return Target(target.name, outputs, target.labels)


def split_threshold(threshold: float) -> float:
    """The largest float64 w such that, for every float64 x, float32(x) <= threshold exactly when x <= w.

    A library that casts its input to float32 before it compares rounds x to the nearest float32, ties to even, so the
    border lies half way between the largest float32 that goes left and the next one.
    """
    if math.isnan(threshold):
        raise InvalidModel("cannot split at NaN")
    with np.errstate(over="ignore"):
        low = np.float32(threshold)
        if float(low) > threshold:
            low = np.nextafter(low, np.float32(-np.inf))
        high = np.nextafter(low, np.float32(np.inf))
        if np.isinf(low):
            if low > 0:
                return math.inf
            return -_FLOAT32_EDGE
        upper = _FLOAT32_EDGE if np.isinf(high) else float(high)
        border = _FLOAT32_EDGE if np.isinf(high) else (float(low) + upper) / 2.0
        return border if np.float32(border) <= low else math.nextafter(border, -math.inf)


_FLOAT32_EDGE = FLOAT32_MAX + 2.0**103
"""Half way between the largest float32 and the next power of two: from here on a float64 rounds to infinity."""

FLOAT32_LIMIT = math.nextafter(_FLOAT32_EDGE, 0.0)
"""The largest float64 that a cast to float32 does not turn into infinity."""


def split_thresholds(thresholds: Floats) -> Floats:
    """`split_threshold` of many thresholds at once: a forest of 200 trees has some 100,000 of them.

    Raises: InvalidModel when one of them is NaN.
    """
    t = np.asarray(thresholds, dtype=np.float64)
    if np.isnan(t).any():
        raise InvalidModel("cannot split at NaN")
    with np.errstate(over="ignore", invalid="ignore"):
        low = t.astype(np.float32)
        low = np.where(low > t, np.nextafter(low, np.float32(-np.inf)), low)
        high = np.nextafter(low, np.float32(np.inf))
        border = (low.astype(np.float64) + high.astype(np.float64)) / 2.0
        border = np.where(np.isinf(high), _FLOAT32_EDGE, border)
        border = np.where(np.isneginf(low), -_FLOAT32_EDGE, border)
        inside = (border.astype(np.float32) <= low) | np.isneginf(low)
        border = np.where(inside, border, np.nextafter(border, -np.inf))
    return np.where(np.isposinf(low), np.inf, border)


def log1p(x: Block) -> Block:
    """ln(1 + x), accurate for small x. Source: Goldberg 1991, What Every Computer Scientist Should Know, theorem 4."""
    u = add(number(1.0), x)
    near = multiply(x, divide(Apply(Op.LN, (u,)), subtract(u, number(1.0))))
    whole = Apply(Op.LN, (u,))
    return where(Apply(Op.EQ, (u, number(1.0))), x, where(between(u, 0.5, 2.0), near, whole))


def expm1(x: Block) -> Block:
    """exp(x) - 1, accurate for small x. Source: Higham 2002, Accuracy and Stability, section 1.14.1 (Kahan)."""
    u = Apply(Op.EXP, (x,))
    near = multiply(subtract(u, number(1.0)), divide(x, Apply(Op.LN, (u,))))
    whole = subtract(u, number(1.0))
    return where(Apply(Op.EQ, (u, number(1.0))), x, where(between(x, -1.0, 1.0), near, whole))


def ceil(x: Block) -> Block:
    """The smallest whole number that is not below x."""
    return negate(Apply(Op.FLOOR, (negate(x),)))


def truncate(x: Block) -> Block:
    """x without its fraction, towards zero."""
    return where(less(x, number(0.0)), ceil(x), Apply(Op.FLOOR, (x,)))


def sign(x: Block) -> Block:
    """-1, 0 or 1; missing stays missing."""
    return where(less(number(0.0), x), number(1.0), where(less(x, number(0.0)), number(-1.0), x))


def round_half_even(x: Block) -> Block:
    """The nearest whole number, the even one of two. Source: numpy.rint.

    It is found for |x|, where |x| - floor(|x|) is exact; x + 0.5 would round first, and take 0.49999999999999994 for 1.
    """
    size = Apply(Op.ABS, (x,))
    low = Apply(Op.FLOOR, (size,))
    high = add(low, number(1.0))
    rest = subtract(size, low)
    half = multiply(low, number(0.5))
    even = where(Apply(Op.EQ, (Apply(Op.FLOOR, (half,)), half)), low, high)
    rounded = where(less(rest, number(0.5)), low, where(less(number(0.5), rest), high, even))
    return where(less(x, number(0.0)), negate(rounded), rounded)
