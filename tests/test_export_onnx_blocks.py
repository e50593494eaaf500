"""`model.to_onnx()`: each kind of block means the same in ONNX Runtime, to the last bit where arithmetic is exact."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from exported import assert_same_bits
from exported_onnx import S, Scored, T, X, Y, Z, assert_scored, ensemble, of, read_again, table
from rows import NUMBERS

from indb import build
from indb.errors import UnsupportedModel
from indb.evaluate import evaluate
from indb.ir import (
    ARITY,
    TEXT_OPS,
    Apply,
    Concat,
    Distance,
    Lookup,
    Metric,
    Model,
    Nearest,
    Op,
    Reduce,
    ReduceOp,
    Take,
    Target,
    Type,
)

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

EVERY_ROW = np.ones(len(NUMBERS) ** 2, dtype=bool)


def assert_exact(model: Model, tmp_path: Path) -> None:
    """ONNX Runtime gives the same numbers as evaluate, and the model is read again, on awkward rows."""
    columns = table()
    wanted = evaluate(model, columns)
    found = Scored(model, columns)
    for output, values in wanted[""].items():
        np.testing.assert_array_equal(found.output("", output), values, err_msg=output)
    again = read_again(model, tmp_path)
    assert_same_bits(evaluate(again, columns), wanted)
    assert str(again) == str(model)


ROUNDED = {Op.EXP, Op.LN, Op.SIN, Op.COS, Op.TANH}
"""The ops whose last bit is not fixed by IEEE 754."""


@pytest.mark.parametrize("op", [op for op in Op if op not in ROUNDED], ids=lambda op: op.name)
def test_scalar_ops_are_exact(op: Op, tmp_path: Path) -> None:
    numbers = Apply(op, (X, Y, Z)[: ARITY[op]])
    texts = [Apply(op, (Apply(Op.EQ, (X, Y)), S, T) if op is Op.WHERE else (S, T)[: ARITY[op]])] * (op in TEXT_OPS)
    conditions = [build.where(numbers, X, build.number(2.0))]
    assert_exact(of(numbers, *conditions, *(Apply(Op.EQ, (each, T)) for each in texts if each.type is Type.TEXT),
                    *(each for each in texts if each.type is Type.NUMBER)), tmp_path)  # fmt: skip


@pytest.mark.parametrize("op", sorted(ROUNDED, key=lambda op: op.name), ids=lambda op: op.name)
def test_functions_agree_to_rounding(op: Op) -> None:
    assert_scored(of(Apply(op, (X,))), table(), EVERY_ROW)


@pytest.mark.parametrize("op", list(ReduceOp), ids=lambda op: op.name)
def test_reductions_are_exact(op: ReduceOp, tmp_path: Path) -> None:
    """ONNX's own say nothing about NaN, and may add in any order."""
    lanes = Concat((X, Y, build.add(X, Z), build.number(0.1, 0.1, 1e300), Y, build.number(1.0)))
    true = build.concat([build.less(X, Y), build.less_equal(X, Z), build.is_missing(X)])
    assert_exact(of(Reduce(op, lanes), Reduce(op, true), Reduce(op, build.number(1.0, 2.0))), tmp_path)


@pytest.mark.parametrize("metric", list(Metric), ids=lambda metric: metric.name)
def test_distances_are_exact(metric: Metric, tmp_path: Path) -> None:
    points = np.array([[0.1, 1.0, -1.0], [1e300, 0.0, 3.0], [-0.7, 2.0, 0.0], [0.0, 0.0, 0.0]])
    distance = Distance(Concat((X, Y, Z)), points, metric)
    assert distance.n_whole == 2, "the order of the lanes is tested"
    assert_exact(of(distance), tmp_path)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("k", [1, 2, 4])
def test_neighbours_are_exact(power: float, k: int, tmp_path: Path) -> None:
    """Ties, distances of nothing, and the k-th that is not nearer than the next."""
    points = np.array([[0.0], [1.0], [-1.0], [0.5]])
    values = np.array([[1.0, 0.1], [2.0, 0.2], [3.0, 0.3], [4.0, 0.4]])
    lanes = Distance(X, points, Metric.SQUARED)
    assert_exact(of(Nearest((lanes, build.number(1e-12)), values, k, power)), tmp_path)


def test_lookups_are_exact(tmp_path: Path) -> None:
    gap = math.nan
    numbers = Lookup(
        X, (0.0, math.inf, 0.5, 1e16), ((1.0, 2.0), (3.0, gap), (gap, 4.0), (5.0, 6.0)), (7.0, 8.0), (9.0, 0.0)
    )
    empty = Lookup(X, (), (), (1.0,), (2.0,))
    texts = Lookup(S, ("", "naïve ☃ 𝄞", "a"), ((1.0,), (2.0,), (3.0,)), (4.0,), (5.0,))
    nothing = Lookup(S, (), (), (1.0,), (2.0,))
    named = Lookup(X, (0.0, 1.0), (("a", "b"), (None, "")), ("", None), (None, "x"), Type.TEXT)
    recoded = Lookup(S, ("a",), (("b",),), (None,), ("",), Type.TEXT)
    compared = [Apply(Op.EQ, (named, Concat((S, T)))), Apply(Op.IS_MISSING, (named,)), Apply(Op.EQ, (recoded, T))]
    assert_exact(of(numbers, empty, texts, nothing, *compared), tmp_path)
    signed = of(Lookup(Y, (-0.0, -math.inf), ((1.0,), (2.0,)), (3.0,), (4.0,)))
    assert_scored(signed, table(), EVERY_ROW)
    assert_same_bits(evaluate(read_again(signed, tmp_path), table()), evaluate(signed, table()))


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("roots", [[0, 9, 10], [9], [0], [10, 0, 9], []], ids=str)
def test_trees_are_exact(single: bool, roots: list[int], tmp_path: Path) -> None:
    """Sums in the order of the trees, in float32 where the ensemble is of it; a tree may be a leaf."""
    columns, model = table(), of(ensemble((Concat((X, Y)), S, Z), roots, single))
    wanted = evaluate(model, columns)
    np.testing.assert_array_equal(Scored(model, columns).output("", "transform"), wanted[""]["transform"])
    assert_same_bits(evaluate(read_again(model, tmp_path), columns), wanted)


def test_values_that_are_the_same_for_all_rows(tmp_path: Path) -> None:
    constant = build.number(1.0, math.nan, -0.0)
    assert_exact(of(constant, Concat((X, constant)), Take(constant, (0, 0)), build.add(constant, X)), tmp_path)
    with pytest.raises(UnsupportedModel, match="it has no columns, which say how many rows there are"):
        Model((), (Target("", {"transform": constant}),)).to_onnx()


def test_trees_that_share_nodes_are_refused() -> None:
    with pytest.raises(UnsupportedModel, match="cannot write the model as ONNX: trees of an ensemble share nodes"):
        of(ensemble((Concat((X, Y)), S, Z), [0, 0])).to_onnx()
