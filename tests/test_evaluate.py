"""The meaning of every block on awkward values: this is the definition that SQL is compared with."""

import math
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from test_ir import CITY, PAIR, X, ints, model_of, stump

from indb import build
from indb.errors import BindError
from indb.evaluate import apply_op, decode, evaluate
from indb.ir import Apply, Column, Const, Distance, Lookup, Metric, Nearest, Op, Reduce, ReduceOp, Type

NAN, INF = math.nan, math.inf
AWKWARD = [NAN, -INF, -1.5, -0.0, 0.0, 5e-324, 1.0, 1e308, INF]


def of(block, columns=(X, CITY), **values):
    """The lanes of one block, for lists of column values, as nested lists."""
    names = {column.name for column in columns}
    rows = len(next(iter(values.values())))
    values = {name: values.get(name, [None] * rows) for name in names}
    return evaluate(model_of(block, columns), values)[""]["transform"].tolist()


def same(found, expected):
    """Equal, NaN being equal to NaN and the sign of zero being told apart."""
    return repr(np.asarray(found, dtype=float).tolist()) == repr(np.asarray(expected, dtype=float).tolist())


def op(which, *args):
    return apply_op(which, *(np.array(arg, dtype=float).reshape(-1, 1) for arg in args))[:, 0].tolist()


ARITHMETIC = [Op.ADD, Op.SUB, Op.MUL, Op.DIV, Op.MIN, Op.MAX]
UNARY = [Op.ABS, Op.EXP, Op.LN, Op.SQRT, Op.SIN, Op.COS, Op.TANH, Op.FLOOR, Op.SINGLE]


@pytest.mark.parametrize("which", ARITHMETIC)
def test_arithmetic_passes_a_missing_value_on(which):
    assert all(math.isnan(value) for value in op(which, AWKWARD, [NAN] * 9))
    assert all(math.isnan(value) for value in op(which, [NAN] * 9, AWKWARD))


@pytest.mark.parametrize("which", UNARY)
def test_functions_pass_a_missing_value_on(which):
    assert math.isnan(op(which, [NAN])[0])


@pytest.mark.parametrize("which", [Op.LE, Op.LT, Op.EQ])
def test_a_comparison_with_missing_is_false(which):
    assert op(which, AWKWARD, [NAN] * 9) == op(which, [NAN] * 9, AWKWARD) == [0.0] * 9


def test_comparisons():
    assert op(Op.LE, [1, 1, -INF, INF, -0.0], [1, 0, INF, INF, 0.0]) == [1, 0, 1, 1, 1]
    assert op(Op.LT, [1, 0, -INF, INF, -0.0], [1, 1, INF, INF, 0.0]) == [0, 1, 1, 0, 0]
    assert op(Op.EQ, [1, 0, INF, -0.0], [1, 1, INF, 0.0]) == [1, 0, 1, 1]


def test_between_includes_both_ends_and_refuses_missing_ones():
    x, low, high = [0, 1, 2, 3, NAN, 1, 1], [1, 1, 1, 1, 1, NAN, 1], [2, 2, 2, 2, 2, 2, NAN]
    assert op(Op.BETWEEN, x, low, high) == [0, 1, 1, 0, 0, 0, 0]


def test_and_or_take_anything_but_one_for_false():
    a, b = [0, 0, 1, 1, NAN, NAN, NAN, 2], [0, 1, 0, 1, 0, 1, NAN, 1]
    assert op(Op.AND, a, b) == [0, 0, 0, 1, 0, 0, 0, 0]
    assert op(Op.OR, a, b) == [0, 1, 1, 1, 0, 1, 0, 1]


def test_where_takes_the_second_arm_for_a_missing_condition():
    assert same(op(Op.WHERE, [1, 0, NAN, 1, 0], [1, 1, 1, NAN, NAN], [2, 2, 2, 2, 2]), [1, 2, 2, NAN, 2])


def test_coalesce_and_is_missing():
    assert same(op(Op.COALESCE, [1, NAN, NAN, INF], [2, 2, NAN, 2]), [1, 2, NAN, INF])
    assert op(Op.IS_MISSING, AWKWARD) == [1, *[0] * 8]


def test_arithmetic_is_ieee():
    assert same(op(Op.DIV, [1, -1, 0, INF, 1], [0, 0, 0, INF, INF]), [INF, -INF, NAN, NAN, 0])
    assert same(op(Op.EXP, [-800, 800, -INF, INF, 0]), [0, INF, 0, INF, 1])
    assert same(op(Op.LN, [0, -1, INF, 1]), [-INF, NAN, INF, 0])
    assert same(op(Op.SQRT, [-1, 4, INF]), [NAN, 2, INF])
    assert op(Op.MUL, [1e308], [10]) == [INF]
    assert op(Op.ADD, [0.1], [0.2]) == [0.30000000000000004]
    assert op(Op.FLOOR, [-1.5, 1.5, INF]) == [-2, 1, INF]
    assert op(Op.MIN, [1, -INF], [2, 5]) == [1, -INF]
    assert op(Op.MAX, [1, INF], [2, 5]) == [2, INF]


def test_text_ops():
    texts = ["Paris", "", None, NAN, "paris"]
    paris = build.text("Paris")
    assert of(Apply(Op.EQ, (CITY, paris)), city=texts) == [[1], [0], [0], [0], [0]]
    assert of(Apply(Op.EQ, (CITY, build.text(None))), city=texts) == [[0]] * 5
    assert of(build.is_missing(CITY), city=texts) == [[0], [0], [1], [1], [0]]
    assert of(Apply(Op.COALESCE, (CITY, build.text("?"))), city=texts) == [["Paris"], [""], ["?"], ["?"], ["paris"]]
    chosen = build.where(Apply(Op.EQ, (CITY, paris)), CITY, build.text(None))
    assert of(chosen, city=texts) == [["Paris"], [None], [None], [None], [None]]


def test_lanes_of_width_one_are_repeated():
    assert of(build.add(X, PAIR), x=[1.0, NAN])[0] == [2.0, 3.0]
    assert of(build.where(PAIR, X, build.number(7.0, 8.0)), x=[5.0]) == [[5.0, 8.0]]


@pytest.mark.parametrize("missing", [None, NAN, np.nan, pd.NA, pd.NaT])
def test_there_is_one_missing_value(missing):
    assert same(of(X, x=[1.0, missing]), [[1.0], [NAN]])
    assert of(CITY, city=["a", missing]) == [["a"], [None]]


def test_columns_come_as_any_sequence():
    for values in ([1, 2], (1.0, 2.0), np.array([1, 2], np.int8), pd.Series([1, 2], dtype="Int64"), [True, 2]):
        assert of(X, x=values) == [[1.0], [2.0]]
    assert of(X, x=pd.Series([True, None], dtype="boolean"))[0] == [1.0]
    assert of(CITY, city=pd.Series(["a", None], dtype="category")) == [["a"], [None]]
    assert of(CITY, city=pd.Series(["a", None], dtype="string")) == [["a"], [None]]


def test_columns_that_do_not_fit_are_refused():
    with pytest.raises(BindError, match="column 'x' is missing\n  Did you mean 'X'\\?"):
        evaluate(model_of(X), {"X": [1.0]})
    for values in (["1.5"], np.array(["1.5"]), pd.Series(["1.5"])):  # a text that looks like a number is still a text
        with pytest.raises(BindError, match=r"cannot read column 'x': found '1\.5', needed numbers"):
            of(X, x=values)
    for values in ([date(2020, 1, 1)], np.array(["2020-01-01"], "datetime64[D]"), [[1.0]]):
        with pytest.raises(BindError, match=r"cannot read column 'x': .*, needed numbers"):
            of(X, x=values)
    for values in ([1.0], ["a", 1.0]):
        with pytest.raises(BindError, match=r"cannot read column 'city': found 1\.0, needed text"):
            of(CITY, city=values)


def test_no_rows():
    assert of(stump(), x=[]) == of(Const((1.0, 2.0)), x=[]) == of(Reduce(ReduceOp.ARGMAX, PAIR), x=[]) == []


def test_reduce():
    a, b, c = (Column(name) for name in "abc")
    block = build.concat([a, b, c])

    def reduced(which, row):
        values = {name: [value] for name, value in zip("abc", row, strict=True)}
        return of(Reduce(which, block), (a, b, c), **values)[0][0]

    assert [reduced(which, [3, 1, 2]) for which in ReduceOp] == [6, 1, 3, 1, 0, 0]
    assert [reduced(which, [1, 1, 1]) for which in ReduceOp] == [3, 1, 1, 0, 0, 1]
    assert reduced(ReduceOp.ARGMAX, [0, 5, 5]) == reduced(ReduceOp.ARGMIN, [1, 0, -0.0]) == 1
    assert reduced(ReduceOp.ARGMAX, [-INF, INF, INF]) == 1
    assert reduced(ReduceOp.SUM, [1e16, 1, -1e16]) == 0  # one lane after the other
    assert reduced(ReduceOp.ALL, [1, NAN, 1]) == 0
    for which in set(ReduceOp) - {ReduceOp.ALL}:
        assert math.isnan(reduced(which, [1, NAN, INF]))


def test_linear_passes_missing_on_even_with_weight_zero():
    block = build.linear(build.concat([X, X]), np.array([[2.0, 0.0], [0.0, 0.0]]), np.array([0.5, 1.0]))
    assert same(of(block, x=[1.0, NAN, INF]), [[2.5, 1.0], [NAN, NAN], [NAN, NAN]])


def test_lookup():
    table = ((1.0, 10.0), (2.0, 20.0))
    city = Lookup(CITY, ("a", ""), table, (3.0, 30.0), (4.0, 40.0))
    rows = [[1, 10], [2, 20], [3, 30], [3, 30], [4, 40], [4, 40]]
    assert of(city, city=["a", "", "A", "a ", None, NAN]) == rows
    number = Lookup(X, (0.0, INF), (("zero",), ("inf",)), (None,), ("missing",), Type.TEXT)
    assert of(number, x=[0, -0.0, INF, -INF, 1, NAN]) == [["zero"], ["zero"], ["inf"], [None], [None], ["missing"]]
    assert of(Lookup(X, (), (), (7.0,), (8.0,)), x=[1.0, NAN]) == [[7.0], [8.0]]


def test_a_tree_sends_the_threshold_left_and_missing_by_its_own_side():
    x = [-INF, 0.5, math.nextafter(0.5, 1.0), INF, NAN]
    assert of(stump(), x=x) == [[1], [1], [2], [2], [2]]
    assert of(stump(missing_left=np.array([True, False, False])), x=x) == [[1], [1], [2], [2], [1]]


def test_a_tree_with_category_sets():
    sets = {"category_set": ints(0, -1, -1), "category_sets": (("a", ""),)}
    cities = ["a", "", "A", None]
    assert of(stump(inputs=(CITY,), **sets), city=cities) == [[1], [1], [2], [2]]
    left = np.array([True, False, False])
    assert of(stump(inputs=(CITY,), missing_left=left, **sets), city=cities) == [[1], [1], [2], [1]]
    numbers = stump(category_set=ints(1, -1, -1), category_sets=((9.0,), (0.0, 2.0)))
    assert of(numbers, x=[-0.0, 2.0, 1.0, 9.0, NAN]) == [[1], [1], [2], [2], [2]]


def test_an_ensemble_adds_its_trees_in_order():
    values = np.array([[1e16, 1.0], [1.0, 2.0], [-1e16, 4.0]])
    leaves = {"feature": ints(-1, -1, -1), "leaf": ints(0, 1, 2)}
    block = stump(roots=ints(0, 1, 2), values=values, base=np.array([0.0, 0.5]), **leaves)
    assert of(block, x=[NAN]) == [[0.0, 7.5]]


def test_the_lanes_of_all_inputs_are_features():
    block = stump(inputs=(PAIR, X, CITY), feature=ints(2, -1, -1))
    assert of(block, x=[0.0, 1.0]) == [[1], [2]]


def test_decode():
    assert decode(("no", "yes"), np.array([[1.0], [NAN], [0.0]])) == ["yes", None, "no"]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [(Metric.SQUARED, [10.0, 2.25]), (Metric.MANHATTAN, [4.0, 1.5]), (Metric.CHEBYSHEV, [3.0, 1.5])],
)
def test_distance(metric, expected):
    points = np.array([[1.0, 4.0], [2.0, -0.5]])
    block = Distance(build.concat([X, build.number(1.0)]), points, metric)
    assert block.width == 2
    assert of(block, x=[2.0, NAN]) == [pytest.approx(expected), [pytest.approx(NAN, nan_ok=True)] * 2]
    assert of(block, x=[INF]) == [[INF, INF]]


@pytest.mark.parametrize(("power", "expected"), [(0.0, 1.5), (1.0, 4.0 / 3.0), (0.5, 1.4142135623730951)])
def test_nearest(power, expected):
    values = np.array([[1.0], [2.0], [9.0]])
    far = build.concat([X, build.multiply(X, build.number(2.0)), build.number(8.0)])
    block = Nearest((far, build.number(0.0)), values, 2, power)
    assert of(block, x=[2.0, NAN]) == [[pytest.approx(expected)], [pytest.approx(NAN, nan_ok=True)]]
    assert same(of(block, x=[4.0]), [[NAN]]), "the second and the third are equally far"
    assert of(replace(block, k=3), x=[4.0])[0][0] > 1.0
    assert same(of(replace(block, inputs=(far, build.number(5.0))), x=[2.0]), [[NAN]]), "nearly so"


def test_nearest_at_a_distance_of_0():
    values = np.array([[1.0], [5.0], [9.0]])
    far = build.concat([X, build.multiply(X, X), build.number(8.0)])
    assert of(Nearest((far, build.number(0.0)), values, 2, 1.0), x=[0.0]) == [[3.0]]
    assert of(Nearest((far, build.number(0.0)), values, 3, 0.5), x=[0.0]) == [[3.0]]
