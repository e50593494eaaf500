"""Bounds on what a number can be: they hold for every sample, and they rule out what they say they rule out."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indb.emit import SqlKind, ranges
from indb.emit.ranges import MAX, TINY, Known, Range

EDGES = (
    *(-math.inf, -MAX, -1e154, -2.5, -1.0, -1e-200, -TINY, 0.0),
    *(TINY, 1e-200, 0.5, 1.0, 3.0, 709.0, 1e154, MAX, math.inf),
)

UNARY = {
    "negate": (ranges.negate, np.negative),
    "exponential": (ranges.exponential, np.exp),
    "logarithm": (ranges.logarithm, np.log),
    "root": (ranges.root, np.sqrt),
    "magnitude": (ranges.magnitude, np.abs),
    "rounded_down": (ranges.rounded_down, np.floor),
    "single": (ranges.single, lambda x: np.float64(np.float32(x))),
    "sine": (lambda a: ranges.bounded(a, -1.0, 1.0), np.sin),
}
BINARY = {
    "add": (ranges.add, np.add),
    "multiply": (ranges.multiply, np.multiply),
    "divide": (ranges.divide, np.divide),
    "least": (ranges.least, np.minimum),
    "greatest": (ranges.greatest, np.maximum),
}


def samples(low: float, high: float) -> list[float]:
    """Doubles of an interval, its ends among them."""
    inside = [edge for edge in EDGES if low <= edge <= high]
    return [low, high, *inside, *(x for x in (0.1, -0.1, 7.3e250, -7.3e250) if low <= x <= high)]


def of(values: list[float]) -> Range:
    """The narrowest range of some numbers."""
    sizes = [abs(value) for value in values if value != 0.0]
    return Range(min(values), max(values), min(sizes, default=math.inf), missing=False, nan=False)


def assert_holds(found: Range, value: float, what: str) -> None:
    if math.isnan(value):
        assert found.nan, f"{what} is NaN"
        assert found.missing, f"{what} is NaN"
        return
    assert found.low <= value <= found.high, f"{what} = {value} outside {found}"
    assert value == 0.0 or abs(value) >= found.tiny, f"{what} = {value} below {found.tiny}"


INTERVALS = [(low, high) for low, high in itertools.combinations_with_replacement(EDGES, 2)]


@pytest.mark.parametrize("name", UNARY)
def test_a_function_of_one_number_stays_in_its_range(name):
    rule, function = UNARY[name]
    for low, high in INTERVALS:
        values = samples(low, high)
        found = rule(of(values))
        with np.errstate(all="ignore"):
            for value in values:
                assert_holds(found, float(function(np.float64(value))), f"{name}({value}) of [{low}, {high}]")


@pytest.mark.parametrize("name", BINARY)
def test_a_function_of_two_numbers_stays_in_its_range(name):
    rule, function = BINARY[name]
    rng = np.random.default_rng(0)
    pairs = list(itertools.product(INTERVALS, INTERVALS))
    for number in rng.permutation(len(pairs))[:1500].tolist():
        (a_low, a_high), (b_low, b_high) = pairs[number]
        a_values, b_values = samples(a_low, a_high), samples(b_low, b_high)
        found = rule(of(a_values), of(b_values))
        with np.errstate(all="ignore"):
            results = function(np.array(a_values)[:, None], np.array(b_values)[None, :])
        inside = (results >= found.low) & (results <= found.high) & ((results == 0.0) | (np.abs(results) >= found.tiny))
        holds = np.where(np.isnan(results), found.nan and found.missing, inside)
        for i, j in np.argwhere(~holds).tolist():
            raise AssertionError(f"{name}({a_values[i]}, {b_values[j]}) = {results[i, j]} outside {found}")


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=6), st.lists(st.floats(allow_nan=False), min_size=1))
def test_any_numbers_stay_in_the_range_of_their_result(a_values, b_values):
    for name, (rule, function) in BINARY.items():
        found = rule(of(a_values), of(b_values))
        with np.errstate(all="ignore"):
            for a, b in itertools.product(a_values, b_values):
                assert_holds(found, float(function(np.float64(a), np.float64(b))), f"{name}({a}, {b})")


@pytest.mark.parametrize("rule", [*(rule for rule, _ in BINARY.values())])
def test_missing_and_nan_are_passed_on(rule):
    known = Range(1.0, 2.0, 1.0, missing=False, nan=False)
    assert not rule(known, known).missing
    assert not rule(known, known).nan
    for gap in (Range(1.0, 2.0, 1.0, missing=True, nan=False), Range(1.0, 2.0, 1.0, missing=True, nan=True)):
        for found in (rule(known, gap), rule(gap, known)):
            assert (found.missing, found.nan) == (True, gap.nan)


def test_columns():
    integer, double = (ranges.column_range(kind, Known.NOTHING) for kind in (SqlKind.INTEGER, SqlKind.FLOAT64))
    assert (integer.missing, integer.nan, integer.finite) == (True, False, True)
    assert (double.missing, double.nan, double.finite) == (True, True, False)
    finite = ranges.column_range(SqlKind.FLOAT64, Known.FINITE)
    assert (finite.missing, finite.nan, finite.finite) == (True, True, True)
    present = ranges.column_range(SqlKind.FLOAT64, Known.PRESENT)
    assert (present.missing, present.nan, present.finite) == (False, False, True)
    assert ranges.column_range(SqlKind.BOOLEAN, Known.PRESENT) == Range(0.0, 1.0, 1.0, missing=False, nan=False)
    smallest = float(np.finfo(np.float32).smallest_subnormal)
    assert ranges.column_range(SqlKind.FLOAT32, Known.NOTHING).tiny <= smallest


def test_constants_and_choices():
    assert ranges.constant_range(math.nan).missing
    assert ranges.constant_range(-2.0) == Range(-2.0, -2.0, 2.0, missing=False, nan=False, step=1.0)
    assert ranges.constant_range(0.0).tiny == math.inf
    both = ranges.union([ranges.constant_range(-2.0), ranges.constant_range(0.5), ranges.constant_range(math.nan)])
    assert both == Range(-2.0, 0.5, 0.5, missing=True, nan=False, step=0.5)
    assert Range(-math.inf, 3.0).size == MAX


def test_sums_of_float32_numbers_have_a_smallest_size():
    """They are multiples of the smallest float32 number, however much of them cancels."""
    one = ranges.single(Range(-1e30, 1e30, missing=False, nan=False))
    total = ranges.add(one, ranges.negate(ranges.add(one, ranges.constant_range(0.25))))
    assert total.tiny == total.step == one.step == 2.0**-149
    assert ranges.add(total, Range()).step == ranges.TINY
    assert ranges.single(total).tiny == 2.0**-149
    lanes = [Range(-1.0, 2.0, 0.1, missing=False, nan=False), ranges.constant_range(0.5)]
    assert ranges.single_sum(lanes).tiny == 2.0**-149
    assert ranges.single_sum(lanes).low < -0.5
    assert ranges.single_sum(lanes).high > 2.5
