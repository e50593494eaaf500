"""The exact borders of monotone lanes: bisection over the bit patterns of a column against the direct computation."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import NUMBERS

from indb import build
from indb.evaluate import evaluate
from indb.ir import Apply, Column, Concat, Model, Op, Target, Type
from indb.passes.monotone import monotone

X, Y, CITY = Column("x"), Column("y"), Column("city", Type.TEXT)

CONSTANTS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-100.0, 100.0),
    st.sampled_from((1e-320, -1e-310, 1e308, -1e300, 1e-3, 3.0, 1e16)),
)
STEPS = st.lists(
    st.tuples(st.sampled_from(("+", "-", "*", "/", "min", "max", "turn", "floor", "fill")), CONSTANTS), max_size=5
)


def values_of(lane, x):
    """The lane computed directly."""
    return evaluate(Model((X,), (Target("", {"predict": lane}),)), {"x": x})[""]["predict"][:, 0]


def chain(steps):
    """A lane that goes through some monotone steps."""
    lane = X
    for name, value in steps:
        c = build.number(value)
        match name:
            case "floor":
                lane = Apply(Op.FLOOR, (lane,))
            case "turn":
                lane = build.subtract(c, lane)
            case "fill":
                lane = Apply(Op.COALESCE, (lane, c))
            case "*" | "/" if value == 0.0:
                continue
            case _:
                lane = Apply(Op(name), (lane, c))
    return lane


@settings(max_examples=150)
@given(STEPS, st.lists(st.one_of(CONSTANTS, st.just(np.inf), st.just(-np.inf)), min_size=1, max_size=4), st.randoms())
def test_borders_of_monotone_lanes_are_exact(steps, thresholds, random):
    """x <= border decides as f(x) <= threshold does, on some 1,000 doubles around it: over 100,000 in all."""
    lane = chain(steps)
    found = monotone(lane)
    assert found is not None
    edges = np.array(thresholds)
    borders = found.last_at_most(edges)
    holds = found.holds_at(borders, edges)
    for edge, border, any_at_all in zip(edges, borders, holds, strict=True):
        x = around(border, random)
        values = values_of(lane, x)
        direct = values <= edge if found.rising else values > edge
        folded = (x <= border) & any_at_all
        known = ~np.isnan(values)  # inf - inf, inf / inf
        assert (direct == folded)[known].all(), (lane, edge, border)
    gap = values_of(lane, np.array([np.nan]))[0]
    assert gap == found.at_missing or (np.isnan(gap) and np.isnan(found.at_missing))


def around(border, random):
    """Doubles beside a border, and of every size."""
    rng = np.random.default_rng(random.randrange(2**32))
    near = [border]
    for direction in (-np.inf, np.inf):
        for _ in range(20):
            with np.errstate(over="ignore", under="ignore"):
                near.append(np.nextafter(near[-1], direction))
        near.append(border)
    scale = border if np.isfinite(border) else 1e300
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        relative = scale * (1.0 + rng.normal(size=400) * 10.0 ** rng.uniform(-16, 1, 400))
    anything = rng.integers(-(2**63), 2**63 - 1, 400).view(np.float64)
    found = np.array([*near, *relative, *anything, *NUMBERS, -border])
    return found[~np.isnan(found)]


def test_lanes_that_are_not_monotone():
    for lane in (Apply(Op.ABS, (X,)), build.multiply(X, Y), build.multiply(X, build.number(0.0)), CITY):
        assert monotone(lane) is None
    assert monotone(Concat((X, Y))) is None
