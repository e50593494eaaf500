"""Kernel expansions in the runtime: the bits of `evaluate`, whatever is put together, kept or left in pieces."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from indb import build
from indb.evaluate import Values, column_values, evaluate
from indb.ir import Apply, Block, Column, Concat, Distance, Floats, Linear, Lookup, Metric, Model, Op, Target, Type
from indb.runtime import kernels
from indb.runtime.scorer import Scorer

RANDOM = np.random.default_rng(11)
NUMBERS = [Column(f"x{number}") for number in range(3)]
CITY, PLAN = Column("city", Type.TEXT), Column("plan", Type.TEXT)
TEXTS = {"city": ["Paris", "Rome", "Oslo", None], "plan": ["free", "pro", "other"]}
N_POINTS = 70


def one_hot(column: Column, keys: list[Any], unknown: float = 0.0) -> Lookup:
    known = [key for key in keys if key is not None]
    return build.one_hot(column, known, range(len(known)), len(known), (unknown,) * len(known), (0.0,) * len(known))


ENCODED = [one_hot(CITY, TEXTS["city"]), one_hot(PLAN, TEXTS["plan"][:2])]
SCALED = [build.multiply(each, build.number(0.3)) for each in ENCODED]
INPUTS: dict[str, tuple[list[Block], list[bool]]] = {
    "numbers": ([*NUMBERS], [False] * 3),
    "texts after numbers": ([*NUMBERS, *ENCODED], [False] * 3 + [True] * 5),
    "texts before whole numbers": ([*ENCODED, *NUMBERS], [True] * 5 + [True, False, True]),
    "scaled texts": ([NUMBERS[0], *SCALED, NUMBERS[1]], [False, *[True] * 5, False]),
    "a text that is refused": ([one_hot(CITY, TEXTS["city"][:2], np.nan), NUMBERS[2]], [True] * 2 + [False]),
    "a constant": ([build.number(1.5), NUMBERS[0], build.number(2.0, 3.0)], [False, False, True, True]),
}
"""Blocks side by side, and in which lanes the points are whole numbers."""


def points_for(whole: list[bool], count: int = N_POINTS) -> Floats:
    found = RANDOM.normal(size=(count, len(whole)))
    return np.where(whole, np.round(found), found)


def rows(count: int) -> dict[str, Values]:
    columns: dict[str, Values] = {}
    for number, column in enumerate(NUMBERS):
        values = RANDOM.normal(size=count) * 10.0 ** RANDOM.integers(-8, 9, count)
        values = np.where(RANDOM.random(count) < 0.5, np.round(values) % 50, values)
        values[RANDOM.random(count) < 0.02] = [np.nan, np.inf, 1e300][number]
        columns[column.name] = column_values(column, values)
    for column in (CITY, PLAN):
        columns[column.name] = column_values(column, RANDOM.choice(np.array(TEXTS[column.name], object), count))
    return columns


def model_of(**outputs: Block) -> Model:
    return Model((*NUMBERS, CITY, PLAN), (Target("", outputs),))


def expansion(x: Block, points: Floats, outputs: int = 2) -> Block:
    """A sum over the points, of steps that read what lies before them twice, and a single value."""
    far = Distance(x, points, Metric.SQUARED)
    size = build.add(Distance(x, points, Metric.MANHATTAN), build.number(*RANDOM.normal(size=len(points))))
    decay = Apply(Op.EXP, (build.multiply(far, build.number(-0.25)),))
    product_ = build.multiply(build.add(decay, build.linear(x, points, 0.5)), build.divide(decay, NUMBERS[0]))
    both = build.add(product_, build.where(build.less(size, build.number(3.0)), size, decay))
    return build.linear(both, RANDOM.normal(size=(outputs, len(points))), RANDOM.normal(size=outputs))


def assert_bits(model: Model, counts: tuple[int, ...] = (1, 3, 40, 700)) -> None:
    scorer = Scorer(model)
    for count in (*counts, counts[-1]):
        columns = rows(count)
        wanted = evaluate(model, {name: values[:, 0] for name, values in columns.items()})[""]
        for name, values in scorer.outputs(columns, count)[""].items():
            np.testing.assert_array_equal(values, wanted[name], f"{name} of {count} rows")


@pytest.mark.parametrize("name", INPUTS)
def test_expansions_have_the_bits_of_evaluate(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parts, whole = INPUTS[name]
    model = model_of(sums=expansion(Concat(tuple(parts)), points_for(whole)))
    assert_bits(model)
    monkeypatch.setattr(kernels, "TILE", 300)
    monkeypatch.setattr(kernels, "ROWS", 70)
    monkeypatch.setattr(kernels, "KEPT", 0)
    assert_bits(model)


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("metric", list(Metric))
def test_distances_have_the_bits_of_evaluate(metric: Metric, name: str) -> None:
    parts, whole = INPUTS[name]
    assert_bits(model_of(far=Distance(Concat(tuple(parts)), points_for(whole, 9), metric)))


def test_a_sum_over_a_large_linear_map_goes_in_pieces() -> None:
    inner = build.linear(Concat(tuple(NUMBERS)), RANDOM.normal(size=(kernels.MANY, 3)), 0.1)
    outer = build.linear(Apply(Op.TANH, (inner,)), RANDOM.normal(size=(1, kernels.MANY)), 0.0)
    assert kernels.reading(outer) == tuple(NUMBERS)
    assert_bits(model_of(sums=outer))


def test_what_is_no_expansion_is_left_alone() -> None:
    x = Concat(tuple(NUMBERS))
    small = build.linear(Apply(Op.TANH, (build.linear(x, np.ones((4, 3)), 0.0),)), np.ones((1, 4)), 0.0)
    assert kernels.reading(small) == (small.x,)
    distances = Distance(x, np.ones((4, 3)), Metric.SQUARED)
    mixed = build.linear(Concat((distances, NUMBERS[0])), np.ones((1, 5)), 0.0)
    assert kernels.reading(mixed) == (distances, NUMBERS[0])


def test_terms_of_whole_numbers_are_added_first() -> None:
    points = np.array([[0.5, 1.0, -2.0, np.inf], [1.0, 0.0, 2.0**20, 1.0]])
    block = Distance(Concat((*NUMBERS, NUMBERS[0])), points, Metric.SQUARED)
    assert (block.order, block.n_whole) == ((1, 2, 0, 3), 2)


def test_values_are_counted_for_the_planner() -> None:
    x = Concat((*NUMBERS, *ENCODED))
    far = Distance(x, points_for([True] * 8), Metric.SQUARED)
    assert kernels.n_values(far) == N_POINTS * (1 + 5 // 3)
    summed = build.linear(Apply(Op.EXP, (far,)), np.ones((2, N_POINTS)), 0.0)
    assert kernels.n_values(summed) == N_POINTS * (2 + 1 + 1 + 5 // 3)
    plain = build.linear(x, np.ones((2, 8)), 0.0)
    assert isinstance(plain, Linear)
    assert kernels.n_values(plain) == 16
