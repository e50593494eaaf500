"""The vocabulary: thresholds of float32 splits, and formulas that must stay accurate at every magnitude."""

import math

import numpy as np
import pytest
import scipy.special
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_ir import PAIR, X, model_of

from indb import build
from indb.errors import InvalidModel, UnsupportedModel
from indb.evaluate import evaluate
from indb.ir import Apply, Column, Const, Op, Take, Type

INF = math.inf
FLOAT32 = np.finfo(np.float32)
EDGE = build.FLOAT32_MAX + 2.0**103
"""From here on a float64 rounds to the infinite float32."""


def of(block, *rows):
    """The lanes of a block of columns x0, x1, … (or of x) for rows of values."""
    names = ["x"] if block_reads_x(block) else [f"x{i}" for i in range(len(rows[0]))]
    columns = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    found = [column for column in leaves(block) if isinstance(column, Column)]
    return evaluate(model_of(block, tuple(found)), columns)[""]["transform"]


def leaves(block):
    from indb.ir import walk

    return [child for child in walk([block]) if not child.children]


def block_reads_x(block):
    return X in leaves(block)


def goes_left(x, threshold):
    """What a library does that casts x to float32 and compares with a float64 threshold."""
    with np.errstate(over="ignore"):
        return float(np.float32(x)) <= threshold


def neighbours(x, n=3):
    """x and the n doubles on either side of it."""
    low = high = x
    found = [x]
    for _ in range(n):
        low, high = math.nextafter(low, -INF), math.nextafter(high, INF)
        found += [low, high]
    return found


def around(threshold):
    """Values at and beside a threshold, the float32 at it, and the borders where rounding to float32 changes."""
    with np.errstate(over="ignore"):
        near = np.float32(threshold)
        singles = [near, np.nextafter(near, np.float32(INF)), np.nextafter(near, np.float32(-INF))]
    points = [threshold, *map(float, singles)]
    points += [(a + b) / 2 for a in points for b in points if math.isfinite(a + b)]
    return [x for point in points for x in neighbours(point)] + neighbours(EDGE) + neighbours(-EDGE) + [-INF, INF]


@settings(max_examples=200)
@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
@example(0.0, 0.0)
@example(-0.0, 5e-324)
@example(float(FLOAT32.smallest_subnormal), 0.0)
@example(float(FLOAT32.smallest_subnormal) / 2, 0.0)
@example(-float(FLOAT32.smallest_subnormal) / 2, 0.0)
@example(build.FLOAT32_MAX, EDGE)
@example(EDGE, EDGE)
@example(-build.FLOAT32_MAX, -EDGE)
@example(-EDGE, -EDGE)
@example(1e300, 1e300)
@example(-1e300, -1e300)
@example(INF, INF)
@example(-INF, -INF)
def test_split_threshold_decides_as_a_float32_cast_does(threshold, x):
    border = build.split_threshold(threshold)
    for value in [x, *around(threshold)]:
        assert (value <= border) == goes_left(value, threshold), (value, border)


@settings(max_examples=100)
@given(st.floats(width=32, allow_nan=False), st.floats(width=32, allow_nan=False))
def test_split_threshold_of_a_float32_threshold(threshold, x):
    border = build.split_threshold(threshold)
    for value in [*neighbours(x), *around(threshold)]:
        assert (value <= border) == goes_left(value, threshold), (value, border)


def test_split_threshold_refuses_nan():
    with pytest.raises(InvalidModel, match="cannot split at NaN"):
        build.split_threshold(math.nan)


NUMBERS = [
    0.49, -0.49, 0.5, -0.5, 0.999, 1.0, -1.0, 1.001, -0.999999999, 2.0, -2.0, 3.7, -3.7, 36.7, -36.7, 37.5, 100.0,
    0.0, -0.0, 5e-324, -5e-324, 1e-300, 1e-20, -1e-20, 1e-16, -1e-16, 2.3e-16, 1e-9, -1e-9, 1e-5, -1e-5, 0.1, -0.1,
    -100.0, 700.0, -700.0, 709.7, 710.0, -710.0, -745.0, -746.0, 800.0, -800.0, 1e10, -1e10, 1e308, -1e308, INF, -INF,
    math.nan,
]  # fmt: skip


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=0.0)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("block", "function"),
    [(build.log1p, np.log1p), (build.expm1, np.expm1), (build.sigmoid, scipy.special.expit)],
    ids=["log1p", "expm1", "sigmoid"],
)
def test_formulas_hold_at_every_magnitude(block, function):
    values = np.array(NUMBERS)
    if function is np.log1p:
        values = values[~(values < -1.0)]
    expected = function(values)
    found = of(block(X), *values.reshape(-1, 1))[:, 0]
    if function is scipy.special.expit:
        # Below exp(-709) the two round differently, far under the smallest normal number.
        tiny = expected < np.finfo(float).tiny
        assert (found[tiny] < np.finfo(float).tiny).all()
        found, expected = found[~tiny], expected[~tiny]
    close(found, expected)


@settings(max_examples=200)
@given(st.floats(-0.9999999999, 1e6))
def test_log1p(x):
    close(of(build.log1p(X), [x]), np.log1p([[x]]))


@settings(max_examples=200)
@given(st.floats(-50, 700))
def test_expm1(x):
    close(of(build.expm1(X), [x]), np.expm1([[x]]))


def test_log1p_of_what_has_no_logarithm():
    assert of(build.log1p(X), [-1.0]) == -INF
    assert np.isnan(of(build.log1p(X), [-2.0], [-INF], [math.nan])).all()


def columns(n):
    return build.concat([Column(f"x{i}") for i in range(n)])


@settings(max_examples=100)
@given(st.lists(st.floats(-1e308, 1e308), min_size=2, max_size=5))
@example([1e308, -1e308])
@example([-1e308, -1e308, -1e308])
@example([1000.0, 1000.0])
@example([-745.0, 0.0])
def test_softmax(row):
    found = of(build.softmax(columns(len(row))), row)
    with np.errstate(over="ignore", under="ignore"):
        expected = scipy.special.softmax(np.array([row]), axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-300)
    assert found.sum() == pytest.approx(1.0, rel=1e-12)


def test_softmax_of_a_missing_lane_is_missing():
    assert np.isnan(of(build.softmax(columns(2)), [1.0, math.nan])).all()


def test_binary_probabilities():
    assert of(build.binary_probabilities(X), [0.25], [1.0]).tolist() == [[0.75, 0.25], [0.0, 1.0]]


def test_standardise_keeps_the_order_of_operations():
    block = build.standardise(X, np.array([0.1]), np.array([0.3]))
    assert of(block, [0.7])[0, 0] == (0.7 - 0.1) / 0.3
    assert build.standardise(X, None, None) is X


def test_clip():
    block = build.clip(X, build.number(0.0), build.number(1.0))
    np.testing.assert_array_equal(of(block, [-1.0], [0.5], [INF], [math.nan])[:, 0], [0.0, 0.5, 1.0, math.nan])


def test_only_if_needs_every_lane_of_every_condition():
    block = build.only_if([Const((1.0, 1.0)), build.between(X, 0.0, 1.0)], build.concat([X, PAIR]))
    np.testing.assert_array_equal(of(block, [0.5], [2.0], [math.nan]), [[0.5, 1, 2], [math.nan] * 3, [math.nan] * 3])
    assert build.only_if([], X) is X
    with pytest.raises(InvalidModel, match="cannot guard a TEXT block"):
        build.only_if([X], build.text("a"))


def test_lane_looks_through_what_only_arranges_lanes():
    y = Column("y")
    both = build.concat([X, PAIR, y])
    assert build.lane(both, 0) is X
    assert build.lane(both, 3) is y
    assert build.lane(both, 2).values == (2.0,)
    assert build.lane(Take(both, (3, 0)), 0) is y
    total = build.lane(build.add(both, y), 0)
    assert (total.op, total.args) == (Op.ADD, (X, y))
    table = build.one_hot(X, [1.0, 2.0], [1, None], 2, (0.0, 0.0), build.refused(2))
    assert build.lane(table, 1).lanes == (1,)
    assert build.lane(build.text("a", "b"), 1).type is Type.TEXT
    assert [lane.width for lane in build.lanes(Apply(Op.MUL, (both, both)))] == [1] * 4


def test_lanes_are_those_that_lane_finds():
    wide = build.concat([build.number(1.0, 2.0), X, Take(PAIR, (1, 0, 1))])
    few = Take(build.concat([wide] * 4), (3, 5))
    for block in (wide, few, X, build.number(3.0, 4.0), PAIR, Take(wide, (5, 2, 0, 1, 3)), Apply(Op.MUL, (X, wide))):
        assert repr(build.lanes(block)) == repr([build.lane(block, index) for index in range(block.width)])
    shared = wide
    for _ in range(40):  # 2^40 blocks, if what is shared were taken apart each time
        shared = Apply(Op.ADD, (shared, shared))
    first, *_ = build.lanes(shared)
    assert first.args[0] is first.args[1]


def test_one_hot():
    block = build.one_hot(X, [1.0, 2.0, 3.0], [1, None, 0], 2, (0.0, 0.0), build.refused(2))
    expected = [[0, 1], [0, 0], [1, 0], [0, 0], [math.nan, math.nan]]
    np.testing.assert_array_equal(of(block, [1.0], [2.0], [3.0], [4.0], [math.nan]), expected)


def test_linear_takes_one_bias_or_many():
    assert build.linear(PAIR, np.array([1.0, 2.0]), 3.0).bias.tolist() == [3.0]
    assert build.linear(PAIR, np.ones((2, 2)), np.array([1.0])).bias.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("above", [True, False])
@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_pieces_are_those_of_searchsorted(above, count):
    borders = np.array([-1e300, -1.0, 0.0, 5e-324, 1.0, 2.5, INF])[-count:] if count else np.zeros(0)
    rows = np.stack([np.arange(count + 1), -np.arange(count + 1)], axis=1).astype(float)
    x = np.unique([around for border in borders.tolist() for around in neighbours(border)] + [-INF, INF, 0.5])
    expected = rows[np.searchsorted(borders, x, side="right" if above else "left")]
    found = of(build.pieces(X, borders, rows, above), *[(value,) for value in x.tolist()], (math.nan,))
    np.testing.assert_array_equal(found, [*expected, [math.nan, math.nan]])


def test_log_sum_exp_is_that_of_the_largest_where_others_vanish():
    lanes = build.concat([X, build.number(0.0), build.number(-1.0)])
    x = [0.0, 1.0, -800.0, 1e-17, 1e5, 1e300, -1e300]
    found = of(build.log_sum_exp(lanes), *[(value,) for value in x], (math.nan,))
    np.testing.assert_allclose(found[:-1, 0], np.logaddexp.reduce(np.array([[v, 0.0, -1.0] for v in x]), axis=1), 1e-15)
    assert math.isnan(found[-1, 0])


def test_squared_adds_the_squares():
    assert of(build.squared(build.concat([X, build.number(2.0)])), (3.0,)).tolist() == [[13.0]]


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_interpolate_has_the_bits_of_numpy(count):
    xs = np.array([-1e300, -3.0, -0.1, 0.0, 5e-324, 0.3, 1.0, 7.5, 1e17])[:count]
    ys = np.array([0.1, 0.2, -0.3, -0.3, -0.3, 0.9, 0.7, 1e10, 1e10 / 3])[:count]
    x = np.unique([around for each in xs.tolist() for around in neighbours(each)] + [-INF, INF, 0.2, 0.7, 3.3, -1e299])
    found = of(build.interpolate(X, xs, ys), *[(value,) for value in x.tolist()], (math.nan,))
    np.testing.assert_array_equal(found[:, 0], [*np.interp(x, xs, ys), math.nan])


def test_interpolate_takes_points_that_are_alike_as_numpy_does():
    rng = np.random.default_rng(0)
    for count in range(2, 30):
        xs, ys = np.sort(rng.integers(0, 6, count) * 0.37), np.sort(rng.random(count))
        x = np.unique([around for each in xs.tolist() for around in neighbours(each)] + [-INF, INF, -1.0, 0.2, 9.0])
        found = of(build.interpolate(X, xs, ys), *[(value,) for value in x.tolist()])
        np.testing.assert_array_equal(found[:, 0], np.interp(x, xs, ys))


@pytest.mark.parametrize("xs", [(0.0, 5e-324), (-1.7e308, 1.7e308)])
def test_interpolate_refuses_what_has_no_slope(xs):
    with pytest.raises(UnsupportedModel, match="points whose difference overflows"):
        build.interpolate(X, np.array(xs), np.array([0.0, 1.0]))


@pytest.mark.parametrize("exponent", range(1, 8))
def test_power(exponent):
    x = np.array([-3.0, -0.1, 0.0, 1.5, 1e200])
    with np.errstate(over="ignore"):
        wanted = x**exponent
    np.testing.assert_allclose(of(build.power(X, exponent), *((each,) for each in x))[:, 0], wanted, rtol=1e-15)
