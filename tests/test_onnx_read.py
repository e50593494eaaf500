"""ONNX graphs as blocks: the numbers of ONNX Runtime, float32 borders, missing values, labels, shapes, refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_graphs import BOOL, DOUBLE, FLOAT, INT32, INT64, KINDS, Node, helper, made, run, saved, scored

import indb
from indb.errors import ModelFileError, UnsupportedModel
from indb.ir import Apply, Linear, Model, Op, walk
from indb.readers.base import File
from indb.readers.onnx import blocks, files

GENERATOR = np.random.default_rng(0)
NUMBERS = np.concatenate([GENERATOR.normal(0, 2, (20, 4)), [[0.0, -0.0, 1.0, -1.0], [0.5, 1.5, 2.5, -2.5]]])
GAPS = np.array([[np.nan, 1.0, 2.0, 3.0], [1.0, np.nan, np.nan, -2.0]])
ENDLESS = np.array([[np.inf, 1.0, -np.inf, 2.5], [1e30, -1e30, 1e-30, -1e-8]])
WHOLE = np.array([[3, -2, 0, 5], [-7, 2, 1, -3], [0, 1, 6, 2], [9, -4, -1, 3]], dtype=np.int64)

Check = Callable[..., Model]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Compares the output y of nodes that read x, [N, k], with ONNX Runtime; gives the model."""

    def compare(nodes: list[Node], rows: Any, kind: int = FLOAT, out: int | None = None, rtol: float = 1e-6,
                shape: Any = None, **more: Any) -> Model:  # fmt: skip
        shape = ["N", rows.shape[1]] if shape is None else shape
        proto = made(nodes, {"x": (kind, shape)}, {"y": kind if out is None else out}, **more)
        model = indb.read(saved(proto, tmp_path))
        assert not model.is_foreign, model.source
        feed = rows.astype(KINDS[kind]).reshape([len(rows), *shape[1:]])
        wanted = run(proto, {"x": feed})[0].reshape(len(rows), -1)
        (found,) = scored(model, rows).values()
        if wanted.dtype.kind in "OU":
            assert found.tolist() == wanted.tolist()
        else:
            wanted = wanted.astype(np.float64)
            largest = np.abs(wanted[np.isfinite(wanted)]).max(initial=0.0)
            np.testing.assert_allclose(found, wanted, rtol=rtol, atol=rtol * largest)
        return model

    return compare


def single(name: str, **attributes: Any) -> list[Node]:
    return [(name, ["x"], ["y"], attributes)]


EXACT = "Abs Neg Ceil Floor Round Sign Sqrt Reciprocal Relu LeakyRelu ThresholdedRelu Shrink HardSigmoid IsNaN IsInf"
CLOSE = (
    "Exp Log Sin Cos Tan Tanh Sinh Cosh Asin Acos Atan Asinh Acosh Atanh Sigmoid Softplus Softsign Erf Elu Selu Celu"
)
LANES = "Softmax LogSoftmax Hardmax LpNormalization"


@pytest.mark.parametrize("name", EXACT.split())
def test_these_have_the_bits_of_the_runtime(name: str, check: Check) -> None:
    check(single(name), np.concatenate([NUMBERS, GAPS, ENDLESS]), out=BOOL if name.startswith("Is") else None, rtol=0.0)


@pytest.mark.parametrize("name", [*CLOSE.split(), "Mish", "HardSwish"])
def test_these_are_as_close_as_float32_is(name: str, check: Check) -> None:
    check(single(name), np.concatenate([NUMBERS, GAPS]), rtol=3e-6)


@pytest.mark.parametrize("version", [11, 18])
@pytest.mark.parametrize("name", LANES.split())
def test_these_bring_the_lanes_of_a_row_together(name: str, version: int, check: Check) -> None:
    check(single(name), NUMBERS, opsets={"": version}, rtol=2e-6)


@pytest.mark.parametrize("shape", [["N", 4], ["N", 2, 2]])
@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("name", ["Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSumExp"])
def test_reductions(name: str, keep: int, shape: list[Any], check: Check) -> None:
    nodes = [("Reduce" + name, ["x", "axes"], ["y"], {"keepdims": keep})]
    check(nodes, NUMBERS, rtol=3e-6, shape=shape, constants={"axes": np.array([-1])}, opsets={"": 18})
    check(single("Reduce" + name, axes=[1], keepdims=keep), NUMBERS, rtol=3e-6, shape=shape, opsets={"": 11})


@pytest.mark.parametrize("last", [0, 1])
@pytest.mark.parametrize("name", ["ArgMax", "ArgMin"])
def test_positions_of_equal_numbers(name: str, last: int, check: Check) -> None:
    rows = np.array([[1.0, 2.0, 2.0, 1.0], [3.0, 3.0, 3.0, 3.0], [0.0, -0.0, -1.0, -1.0]])
    check(single(name, axis=1, select_last_index=last), rows, out=INT64)


@pytest.mark.parametrize("kind", [FLOAT, DOUBLE])
@pytest.mark.parametrize("name", ["Add", "Sub", "Mul", "Div", "Max", "Min"])
def test_float_arithmetic_has_the_bits_of_the_runtime(name: str, kind: int, check: Check) -> None:
    nodes: list[Node] = [("Split", ["x"], ["a", "b"], {"axis": 1, "num_outputs": 2}), (name, ["a", "b"], ["y"])]
    endless = ENDLESS[1:] if kind == DOUBLE else ENDLESS
    check(nodes, np.concatenate([NUMBERS, GAPS, endless]), kind, rtol=0.0)
    constant = np.array([0.1, 7.0, -3.3, 1e-3], dtype=KINDS[kind])
    check([(name, ["x", "c"], ["y"])], NUMBERS, kind, rtol=0.0, constants={"c": constant})


COMPARED = [single(name) for name in ("Relu", "Abs", "Neg", "Floor", "Ceil", "Sign")]
COMPUTED: list[list[Node]] = [
    [("MatMul", ["x", "w"], ["m"]), ("Sigmoid", ["m"], ["y"])],
    [("Softmax", ["x"], ["y"])],
    [("Neg", ["x"], ["n"]), ("Relu", ["n"], ["r"]), ("MatMul", ["r", "w"], ["y"])],
]
WEIGHT = GENERATOR.normal(size=(4, 4))


@pytest.mark.parametrize("nodes", COMPARED, ids=lambda nodes: nodes[0][0])
def test_infinite_doubles_are_compared(nodes: list[Node], check: Check) -> None:
    check(nodes, np.concatenate([NUMBERS, GAPS, ENDLESS]), DOUBLE, rtol=0.0)


@pytest.mark.parametrize("nodes", COMPUTED)
def test_infinite_doubles_that_are_computed_with_have_no_score(nodes: list[Node], check: Check) -> None:
    model = check(nodes, np.concatenate([NUMBERS, GAPS]), DOUBLE, constants={"w": WEIGHT})
    rows = np.array([[np.inf, 1.0, 2.0, 3.0], [1.0, -np.inf, np.inf, 1.0], [1.0, 2.0, 3.0, np.inf], [1.0] * 4])
    (found,) = scored(model, rows).values()
    kept = nodes[0][0] == "Neg"  # whose Relu makes 0 of minus infinity
    assert np.isnan(found).all(axis=1).tolist() == [not kept, True, not kept, False]


def test_float32_that_is_cast_to_double_is_held_to_the_same(check: Check) -> None:
    nodes: list[Node] = [("Cast", ["x"], ["d"], {"to": DOUBLE}), ("MatMul", ["d", "w"], ["y"])]
    model = check(nodes, NUMBERS, FLOAT, DOUBLE, constants={"w": WEIGHT})
    (found,) = scored(model, np.array([[1e39, 1.0, 2.0, 3.0], [1e38, 1.0, 2.0, 3.0]])).values()
    assert np.isnan(found).all(axis=1).tolist() == [True, False]


@pytest.mark.parametrize("kind", [INT32, INT64])
@pytest.mark.parametrize("name", ["Add", "Sub", "Mul", "Div", "Mod", "Max", "Min", "Pow"])
def test_integers(name: str, kind: int, check: Check) -> None:
    constant = np.array([2, 3, 4, 2] if name == "Pow" else [2, -3, 7, -1], dtype=KINDS[kind])
    if name == "Pow":
        constant = constant[:1]
    check([(name, ["x", "c"], ["y"])], WHOLE, kind, rtol=0.0, constants={"c": constant})


def test_rests_of_float_numbers(check: Check) -> None:
    constant = np.array([0.3, -1.7, 1e-3, 5.0])
    for kind in (FLOAT, DOUBLE):
        nodes: list[Node] = [("Mod", ["x", "c"], ["y"], {"fmod": 1})]
        check(nodes, NUMBERS, kind, rtol=0.0, constants={"c": constant.astype(KINDS[kind])})


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0, 3.0, -1.0, -2.0, 0.5, 1.7, -0.3])
def test_powers(exponent: float, check: Check) -> None:
    rows = np.concatenate([NUMBERS, GAPS, [[np.inf, 0.0, 2.0, -np.inf]]])
    check([("Pow", ["x", "c"], ["y"])], rows, rtol=2e-6, constants={"c": np.float32(exponent)})


@pytest.mark.parametrize("name", ["Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal"])
def test_comparisons_decide_on_float32_numbers(name: str, check: Check) -> None:
    """A double beside the border between two float32 numbers goes where its float32 number goes."""
    border = np.float32(0.1)
    around = [float(border)]
    for side in (-np.inf, np.inf):
        half = (float(border) + float(np.nextafter(border, np.float32(side)))) / 2.0
        around += [half, np.nextafter(half, np.inf), np.nextafter(half, -np.inf)]
    rows = np.array([*around, 0.1, np.nan, np.inf, -np.inf]).reshape(-1, 1)
    check([(name, ["x", "c"], ["y"])], rows, out=BOOL, rtol=0.0, constants={"c": border})


@pytest.mark.parametrize("name", ["And", "Or", "Xor"])
def test_logic(name: str, check: Check) -> None:
    rows = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    nodes: list[Node] = [("Split", ["x"], ["a", "b"], {"axis": 1, "num_outputs": 2}), (name, ["a", "b"], ["c"]),
                         ("Not", ["c"], ["y"])]  # fmt: skip
    check(nodes, rows, BOOL, rtol=0.0)


def test_a_missing_number_is_no_number(check: Check) -> None:
    """NaN is not less, not equal, and so NOT of both is true; WHERE takes its last arm."""
    nodes: list[Node] = [
        ("Less", ["x", "c"], ["less"]),
        ("Not", ["less"], ["more"]),
        ("Where", ["more", "x", "c"], ["y"]),
    ]
    check(nodes, np.concatenate([NUMBERS, GAPS]), rtol=0.0, constants={"c": np.float32(0.3)})


def test_casts(check: Check) -> None:
    inside = np.array([[1.9, -1.9, 0.0, 2.5], [1e6, -3.0, 0.4, 7.0]])
    check(single("Cast", to=INT64), inside, out=INT64, rtol=0.0)
    check(single("Cast", to=BOOL), np.concatenate([inside, GAPS]), out=BOOL, rtol=0.0)
    check(single("Cast", to=FLOAT), np.concatenate([inside, GAPS]) / 3.0, DOUBLE, out=FLOAT, rtol=0.0)
    check(single("Cast", to=FLOAT), WHOLE * 10_000_019, INT64, out=FLOAT, rtol=0.0)
    check(single("Cast", to=INT32), WHOLE, INT64, out=INT32, rtol=0.0)


def test_rows_that_have_no_such_integer_are_missing(tmp_path: Path) -> None:
    proto = made(single("Cast", to=INT32), {"x": (FLOAT, ["N", 1])}, {"y": INT32})
    rows = np.array([[np.nan], [np.inf], [2.0**31], [-(2.0**31)], [2.0**31 - 256.0]])
    found = scored(indb.read(saved(proto, tmp_path)), rows)["predict"].ravel().tolist()
    np.testing.assert_array_equal(found, [np.nan, np.nan, np.nan, -(2.0**31), 2.0**31 - 256.0])


def test_integer_inputs_refuse_what_is_none(tmp_path: Path) -> None:
    proto = made(single("Neg"), {"x": (INT64, ["N", 1])}, {"y": INT64})
    rows = np.array([[1.0], [0.5], [np.nan], [np.inf], [2.0**53 - 1.0], [2.0**53]])  # the last may be 2**53 + 1
    found = scored(indb.read(saved(proto, tmp_path)), rows)["predict"].ravel()
    np.testing.assert_array_equal(found, [-1.0, np.nan, np.nan, np.nan, 1.0 - 2.0**53, np.nan])


def test_sums_of_integers_that_round_on_the_way_are_missing(tmp_path: Path) -> None:
    """The largest, 2 and its opposite are 2, of which float64 keeps 1; a product with ones is the same sum."""
    largest = 2.0**53 - 1.0
    rows = np.array([[largest, 2.0, -largest], [2.0**51, 2.0, -(2.0**51)], [1.0, 2.0, 3.0]])
    inputs, outputs = {"x": (INT64, ["N", 3])}, {"y": INT64}
    for name, other in {"ReduceSum": [1], "ReduceMean": [1], "MatMul": [[1], [1], [1]]}.items():
        proto = made([(name, ["x", "other"], ["y"])], inputs, outputs, {"other": np.array(other)})
        found = scored(indb.read(saved(proto, tmp_path)), rows)["predict"].ravel()
        count = 3.0 if name == "ReduceMean" else 1.0
        np.testing.assert_array_equal(found, [np.nan, np.trunc(2.0 / count), 6.0 / count])


def test_integers_that_leave_their_type_are_missing(tmp_path: Path) -> None:
    proto = made([("Mul", ["x", "x"], ["y"])], {"x": (INT32, ["N", 1])}, {"y": INT32})
    found = scored(indb.read(saved(proto, tmp_path)), np.array([[46340.0], [46341.0]]))["predict"].ravel()
    np.testing.assert_array_equal(found, [46340.0**2, np.nan])


def test_divisions_of_integers_by_zero_are_missing(tmp_path: Path) -> None:
    inputs = {"a": (INT64, ["N", 1]), "b": (INT64, ["N", 1])}
    model = indb.read(saved(made([("Div", ["a", "b"], ["y"])], inputs, {"y": INT64}), tmp_path))
    assert [column.name for column in model.columns] == ["a", "b"]
    found = scored(model, np.array([[7.0, 0.0], [-7.0, 2.0]]))["predict"].ravel()
    np.testing.assert_array_equal(found, [np.nan, -3.0])


MOVES: dict[str, tuple[list[Node], dict[str, Any]]] = {
    "reshape_back": (
        [("Reshape", ["x", "s"], ["r"]), ("Transpose", ["r"], ["t"], {"perm": [0, 2, 1]}), ("Flatten", ["t"], ["y"])],
        {"s": np.array([0, 2, -1])},
    ),
    "slice": (
        [("Slice", ["x", "starts", "ends", "axes", "steps"], ["y"])],
        {"starts": np.array([-1]), "ends": np.array([-(2**62)]), "axes": np.array([1]), "steps": np.array([-2])},
    ),
    "gather": ([("Gather", ["x", "i"], ["y"], {"axis": 1})], {"i": np.array([[3, -4], [0, 0]])}),
    "concat": ([("Concat", ["x", "x"], ["y"], {"axis": -1})], {}),
    "pad": ([("Pad", ["x", "p"], ["y"])], {"p": np.array([0, 1, 0, -1])}),
    "tile": ([("Tile", ["x", "r"], ["y"])], {"r": np.array([1, 2])}),
    "expand": ([("Unsqueeze", ["x", "a"], ["u"]), ("Expand", ["u", "e"], ["y"])],
               {"a": np.array([1]), "e": np.array([1, 3, 4])}),
    "squeeze": ([("Unsqueeze", ["x", "a"], ["u"]), ("Squeeze", ["u", "a"], ["y"])], {"a": np.array([-1])}),
    "turned": (
        [("Transpose", ["x"], ["t"]), ("MatMul", ["w", "t"], ["m"]), ("Transpose", ["m"], ["y"])],
        {"w": np.arange(8, dtype=np.float32).reshape(2, 4)},
    ),
    "batched_zeros": (
        [("Shape", ["x"], ["s"]), ("ConstantOfShape", ["s"], ["z"]), ("Concat", ["z", "x"], ["y"], {"axis": 1})],
        {},
    ),
    "folded": (
        [("Reshape", ["x", "s"], ["r"]), ("Mul", ["r", "c"], ["m"]), ("Reshape", ["m", "t"], ["y"])],
        {"s": np.array([-1]), "c": np.float32(3.0), "t": np.array([-1, 4])},
    ),
    "folded_outside": (
        [("Neg", ["x"], ["n"]), ("Concat", ["x", "n"], ["c"], {"axis": 0}), ("MatMul", ["c", "w"], ["m"]),
         ("Reshape", ["m", "s"], ["r"]), ("Transpose", ["r"], ["t"], {"perm": [1, 0, 2]}), ("Flatten", ["t"], ["y"])],
        {"w": np.arange(12, dtype=np.float32).reshape(4, 3), "s": np.array([2, -1, 3])},
    ),
    "compress": ([("Compress", ["x", "c"], ["y"], {"axis": 1})], {"c": np.array([True, False, True])}),
    "cumsum": ([("CumSum", ["x", "a"], ["y"])],
                 {"a": np.array(1)}),
}  # fmt: skip


@pytest.mark.parametrize("name", MOVES)
def test_shapes_with_a_batch(name: str, check: Check) -> None:
    nodes, constants = MOVES[name]
    check(nodes, NUMBERS, constants=constants)


def test_sizes_computed_as_exporters_of_networks_do(check: Check) -> None:
    """x.view(x.size(0), -1): the batch goes through Shape, Gather, Unsqueeze, Concat and Reshape."""
    nodes: list[Node] = [
        ("Shape", ["x"], ["s"]), ("Gather", ["s", "zero"], ["n"], {"axis": 0}), ("Unsqueeze", ["n", "axis"], ["n1"]),
        ("Concat", ["n1", "rest"], ["to"], {"axis": 0}), ("Reshape", ["x", "to"], ["r"]),
        ("Gemm", ["r", "w", "b"], ["h"], {"transB": 1}), ("Relu", ["h"], ["a"]), ("MatMul", ["a", "v"], ["m"]),
        ("Add", ["m", "c"], ["z"]), ("Softmax", ["z"], ["y"]),
    ]  # fmt: skip
    weights = {"w": GENERATOR.normal(size=(8, 4)), "b": GENERATOR.normal(size=8), "v": GENERATOR.normal(size=(8, 3)),
               "c": GENERATOR.normal(size=3)}  # fmt: skip
    constants = {name: array.astype(np.float32) for name, array in weights.items()}
    constants |= {"zero": np.array(0), "axis": np.array([0]), "rest": np.array([-1])}
    model = check(nodes, NUMBERS, rtol=3e-6, shape=["N", 2, 2], constants=constants)
    assert sum(isinstance(block, Linear) for block in walk(model.roots())) == 2


@pytest.mark.parametrize(
    ("nodes", "constants", "why"),
    [
        ([("ReduceSum", ["x", "a"], ["y"])], {"a": np.array([0])}, "ReduceSum: it brings the rows of a batch together"),
        ([("Gather", ["x", "a"], ["y"])], {"a": np.array([0])}, "Gather: it"),
        ([("MatMul", ["t", "x"], ["y"])], {"t": np.ones((2, 5), np.float32)}, "MatMul: it multiplies"),
        ([("Add", ["x", "c"], ["y"])], {"c": np.ones((5, 4), np.float32)}, "Add: it joins the shapes"),
        ([("Concat", ["x", "x"], ["y"], {"axis": 0})], {}, "its output 'y' has several rows"),
        ([("Reshape", ["x", "s"], ["y"])], {"s": np.array([-1])}, "its output 'y' has several rows"),
        ([("Mul", ["x", "n"], ["y"])], {}, "Mul: it computes with the size of the batch"),
        ([("Det", ["x"], ["y"])], {}, "there are no blocks for Det"),
    ],
)
def test_what_needs_other_rows_is_no_model_in_blocks(nodes: Any, constants: Any, why: str, tmp_path: Path) -> None:
    sizes: list[Node] = [("Shape", ["x"], ["s0"]), ("Cast", ["s0"], ["n"], {"to": FLOAT})]
    proto = made([*sizes, *nodes], {"x": (FLOAT, ["N", 4])}, {"y": FLOAT}, constants)
    path = saved(proto, tmp_path)
    file = File(path.name, path.read_bytes(), tmp_path)
    with pytest.raises((UnsupportedModel, ModelFileError), match=why):
        blocks.read(file, files.load(file), None)


def test_the_reason_names_what_blocks_could_not_say(tmp_path: Path) -> None:
    proto = made([("ReduceSum", ["x", "a"], ["y"])], {"x": (FLOAT, ["N", 4])}, {"y": FLOAT}, {"a": np.array([0])})
    path = saved(proto, tmp_path)
    with pytest.raises(UnsupportedModel, match="blocks cannot say it either: its node ReduceSum: it brings the rows"):
        indb.read(path)


def test_a_graph_without_batch_is_one_row(tmp_path: Path) -> None:
    nodes: list[Node] = [("Transpose", ["x"], ["t"]), ("ReduceMax", ["t", "a"], ["y"], {"keepdims": 0})]
    proto = made(nodes, {"x": (FLOAT, [2, 3])}, {"y": FLOAT}, {"a": np.array([0])})
    model = indb.read(saved(proto, tmp_path), columns=list("abcdef"))
    assert [column.name for column in model.columns] == list("abcdef")
    rows = GENERATOR.normal(size=(5, 6))
    found = scored(model, rows)["transform"]
    for row, wanted in zip(rows.astype(np.float32), found, strict=True):
        np.testing.assert_array_equal(run(proto, {"x": row.reshape(2, 3)})[0], wanted)


def branch(name: str, op: str) -> Any:
    value = helper.make_tensor_value_info(name, FLOAT, None)
    return helper.make_graph([helper.make_node(op, ["x"], [name])], name, [], [value])


def test_a_constant_condition_chooses_a_graph(check: Check) -> None:
    branches = {"then_branch": branch("t", "Neg"), "else_branch": branch("e", "Abs")}
    for answer in (True, False):
        check([("If", ["c"], ["y"], branches)], NUMBERS, rtol=0.0, constants={"c": np.array(answer)})


def test_a_scan_along_the_batch_is_read_once(check: Check) -> None:
    """The distances to constant points as sklearn-onnx writes them: a state that stays, and a row each."""
    values = [helper.make_tensor_value_info(name, FLOAT, None) for name in ("points", "row", "same", "far")]
    nodes = [helper.make_node("Identity", ["points"], ["same"]), helper.make_node("Sub", ["points", "row"], ["d"]),
             helper.make_node("ReduceSumSquare", ["d", "axes"], ["far"], keepdims=0)]  # fmt: skip
    body = helper.make_graph(nodes, "body", values[:2], values[2:])
    constants = {"p": GENERATOR.normal(size=(3, 4)).astype(np.float32), "axes": np.array([1])}
    check([("Scan", ["p", "x"], ["q", "y"], {"body": body, "num_scan_inputs": 1})], NUMBERS, constants=constants)


def test_an_attribute_that_nobody_asked_for_is_not_passed_over(tmp_path: Path) -> None:
    proto = made(single("Relu", slope=0.5), {"x": (FLOAT, ["N", 4])}, {"y": FLOAT})
    with pytest.raises(ModelFileError, match="ONNX Runtime says"):
        indb.read(saved(proto, tmp_path))


def test_a_graph_is_written_as_sql(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    nodes: list[Node] = [("Gemm", ["x", "w", "b"], ["h"]), ("Relu", ["h"], ["a"]), ("Softmax", ["a"], ["p"]),
                         ("ArgMax", ["p"], ["i"], {"axis": 1}), ("Cast", ["i"], ["f"], {"to": FLOAT}),
                         ("Concat", ["p", "f"], ["y"], {"axis": 1})]  # fmt: skip
    constants = {"w": GENERATOR.normal(size=(4, 3)).astype(np.float32), "b": np.float32([0.1, 0.2, -0.1])}
    model = indb.read(saved(made(nodes, {"x": (FLOAT, ["N", 4])}, {"y": FLOAT}, constants), tmp_path))
    rows = np.concatenate([NUMBERS, GAPS])
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t (id integer, x0 double, x1 double, x2 double, x3 double)")
    table = [
        (number, *(None if value != value else value for value in row)) for number, row in enumerate(rows.tolist())
    ]
    connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", table)
    query = indb.to_sql(model, dialect="duckdb", table="t", key="id")
    found = connection.execute(f"SELECT * FROM ({query}) ORDER BY id").fetchall()
    got = np.array([[np.nan if value is None else value for value in row[1:]] for row in found], dtype=np.float64)
    np.testing.assert_allclose(got, scored(model, rows)["transform"], rtol=1e-6)


def test_single_precision_is_rounded_step_by_step(check: Check) -> None:
    model = check([("Add", ["x", "c"], ["a"]), ("Mul", ["a", "a"], ["y"])], NUMBERS, rtol=0.0,
                  constants={"c": np.float32(0.1)})  # fmt: skip
    assert sum(isinstance(block, Apply) and block.op is Op.SINGLE for block in walk(model.roots())) == 3
