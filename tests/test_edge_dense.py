"""Dense TensorFlow Lite graphs as blocks: every integer is LiteRT's, float32 but for its last digits; SQL too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import psycopg
import pytest
from edge import rows, scored, single

import indb
from indb import codec
from indb.evaluate import evaluate
from indb.ir import ForeignModel, Model

interpreter = pytest.importorskip("ai_edge_litert.interpreter")
pytest.importorskip("tflite")

from tflite_files import ACTIVATIONS, Entry, Step, dense, write  # noqa: E402

ALL = np.arange(-128, 128, dtype=np.int8)


def read(data: bytes, folder: Path) -> Model:
    (folder / "m.tflite").write_bytes(data)
    return indb.read(folder / "m.tflite")


def direct(data: bytes, *given: Any) -> Any:
    """What LiteRT gives: real numbers for integers."""
    found = interpreter.Interpreter(model_content=data, num_threads=1)
    inputs, (output,) = found.get_input_details(), found.get_output_details()
    for entry, values in zip(inputs, given, strict=True):
        found.resize_tensor_input(entry["index"], values.shape)
    found.allocate_tensors()
    for entry, values in zip(inputs, given, strict=True):
        found.set_tensor(entry["index"], values)
    found.invoke()
    result = found.get_tensor(output["index"])
    scale, zero = output["quantization"]
    return ((result.astype(np.float64) - zero) * scale).astype(np.float32) if scale else result


def ours(model: Model, values: Any) -> Any:
    """What the blocks give."""
    model = model.in_sql
    assert not isinstance(model, ForeignModel), model.source["reason"]
    columns = {column.name: values[:, index] for index, column in enumerate(model.columns)}
    (found,) = evaluate(model, columns)[""].values()
    return found


def reals(entry: Entry, integers: Any) -> Any:
    """Numbers that a quantised input takes as these integers."""
    return (integers.astype(np.float64) - np.asarray(entry.zero)) * np.float64(np.float32(entry.scale))


SCALES = [(0.1, 3), (0.0217, -20), (0.0071, -128), (0.37, 127)]

UNARY = {
    "logistic": lambda s, z: ("LOGISTIC", 1 / 256, -128, {}),
    "tanh": lambda s, z: ("TANH", 1 / 128, 0, {}),
    "softmax": lambda s, z: ("SOFTMAX", 1 / 256, -128, {"Beta": 1.0}),
    "softmax of another beta": lambda s, z: ("SOFTMAX", 1 / 256, -128, {"Beta": 0.7}),
    "relu": lambda s, z: ("RELU", s * 1.3, -7, {}),
    "relu of the same scale": lambda s, z: ("RELU", s, z, {}),
    "relu6": lambda s, z: ("RELU6", 6 / 255, -128, {}),
    "quantize": lambda s, z: ("QUANTIZE", s * 0.77, 5, {}),
    "quantize to fine steps": lambda s, z: ("QUANTIZE", s / 60.0, -100, {}),
}


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", UNARY)
def test_every_integer_of_an_operator(name: str, scale: tuple[float, int], tmp_path: Path) -> None:
    code, new, zero, options = UNARY[name](*scale)
    entries = [Entry("x", [-1, 4], "int8", scale=scale[0], zero=scale[1]),
               Entry("y", [-1, 4], "int8", scale=new, zero=zero)]  # fmt: skip
    data = write(entries, [Step(code, [0], [1], options, 2)], [0], [1])
    given = (
        ALL.reshape(-1, 4) if code != "SOFTMAX" else np.random.default_rng(2).integers(-128, 128, (4000, 4), np.int8)
    )
    found = ours(read(data, tmp_path), reals(entries[0], given))
    np.testing.assert_array_equal(found, direct(data, given))


@pytest.mark.parametrize("activation", ["", "relu", "relu6", "relu_n1_to_1"])
@pytest.mark.parametrize("code", ["ADD", "SUB", "MUL"])
def test_every_pair_of_integers(code: str, activation: str, tmp_path: Path) -> None:
    scales = (0.031, 0.0527, 0.084) if code != "MUL" else (0.031, 0.0527, 0.11)
    entries = [Entry(name, [-1, 4], "int8", scale=scale, zero=zero)
               for name, scale, zero in zip("aby", scales, (3, -20, 9), strict=True)]  # fmt: skip
    options = {"FusedActivationFunction": ACTIVATIONS[activation]}
    data = write(entries, [Step(code, [0, 1], [2], options, 2)], [0, 1], [2])
    pairs = np.repeat(ALL, 256).reshape(-1, 4), np.tile(ALL, 256).reshape(-1, 4)
    values = np.concatenate([reals(entry, given) for entry, given in zip(entries, pairs, strict=False)], axis=1)
    np.testing.assert_array_equal(ours(read(data, tmp_path), values), direct(data, *pairs))


def layers(seed: int, per_channel: bool, activation: str = "relu", n_in: int = 7, middle: int = 9) -> bytes:
    """A network as converters quantise it: float32 in, integers between, float32 out."""
    random = np.random.default_rng(seed)
    sizes = (n_in, middle, 3)
    scale = [0.043, 0.061, 0.117]
    entries = [Entry("x", [-1, sizes[0]]), Entry("q", [-1, sizes[0]], "int8", scale=scale[0], zero=-11)]
    steps = [Step("QUANTIZE", [0], [1])]
    for number in range(2):
        shape = sizes[number + 1], sizes[number]
        factors = random.uniform(0.002, 0.02, shape[0] if per_channel else 1)
        zeros = [0] * len(factors)
        entries += [
            Entry(f"w{number}", shape, "int8", random.integers(-127, 128, shape), factors, zeros, 0),
            Entry(
                f"b{number}", shape[:1], "int32", random.integers(-900, 900, shape[0]), factors * scale[number], zeros
            ),
            Entry(f"y{number}", [-1, shape[0]], "int8", scale=scale[number + 1], zero=-17 * number),
        ]
        place = len(entries) - 1
        options = {"FusedActivationFunction": ACTIVATIONS["" if number else activation]}
        inputs = [1 if number == 0 else place - 3, place - 2, place - 1]
        steps.append(Step("FULLY_CONNECTED", inputs, [place], options, 12 if per_channel else 5))
    entries += [Entry("s", [-1, 3], "int8", scale=1 / 256, zero=-128), Entry("p", [-1, 3])]
    place = len(entries) - 1
    steps += [
        Step("SOFTMAX", [place - 2], [place - 1], {"Beta": 1.0}, 2),
        Step("DEQUANTIZE", [place - 1], [place], {}, 2),
    ]
    return write(entries, steps, [0], [place])


@pytest.mark.parametrize("activation", ["", "relu", "relu6"])
@pytest.mark.parametrize("per_channel", [False, True])
def test_quantised_networks(per_channel: bool, activation: str, tmp_path: Path) -> None:
    for seed in range(4):
        data = layers(seed, per_channel, activation)
        values = np.random.default_rng(seed).normal(size=(3000, 7)) * 3.0
        values[:40] = (np.arange(280).reshape(40, 7) - 140.5) * np.float32(0.043)  # between two integers
        values[40, 0], values[41, 1], values[42] = np.inf, -np.inf, 1e30
        np.testing.assert_array_equal(ours(read(data, tmp_path), values), direct(data, single(values)))


def test_a_missing_number_has_no_integer(tmp_path: Path) -> None:
    values = np.zeros((3, 7))
    values[1, 2] = np.nan
    model = read(layers(0, True), tmp_path)
    assert np.isnan(ours(model, values)).any(axis=1).tolist() == [False, True, False]
    found = scored(model, values)[""]["transform"]
    assert np.isnan(found).any(axis=1).tolist() == [False, True, False]
    np.testing.assert_array_equal(found, ours(model, values))


def test_large_float32_networks_have_both_forms(tmp_path: Path) -> None:
    model = read(dense(np.random.default_rng(0), [700, 9, 3]), tmp_path)
    assert isinstance(model, ForeignModel)
    assert model.source["reason"] == "LiteRT multiplies the 6,339 weights of m.tflite faster"
    values = np.random.default_rng(1).normal(size=(3, 700))
    np.testing.assert_allclose(scored(model, values)[""]["transform"], ours(model, values), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("last", ["SOFTMAX", "LOGISTIC", "TANH", ""])
@pytest.mark.parametrize("activation", ["", "relu", "relu6"])
def test_float32_networks(activation: str, last: str, tmp_path: Path) -> None:
    data = dense(np.random.default_rng(3), [4, 8, 5, 3], activation, last)
    values = np.concatenate([rows(), np.random.default_rng(4).normal(size=(2000, 4))])
    found, wanted = ours(read(data, tmp_path), values), direct(data, single(values))
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-5)  # its layers add terms of up to 100 in float32
    assert np.isnan(found[2]).all()


def test_integers_have_both_forms_small_float32_only_blocks(tmp_path: Path) -> None:
    model = read(layers(1, True, "relu6", 3, 4), tmp_path)
    assert isinstance(model, ForeignModel)
    assert model.source["reason"] == "LiteRT computes the integers of m.tflite faster"
    again = codec.decode(codec.encode(model))
    values = np.random.default_rng(6).normal(size=(50, 3))
    for each in (model, again):
        np.testing.assert_array_equal(scored(each, values)[""]["transform"], ours(again, values))
    assert not read(dense(np.random.default_rng(3), [3, 5, 3]), tmp_path).is_foreign


@pytest.mark.slow
def test_the_planner_takes_litert_for_integers(tmp_path: Path) -> None:
    entries = [
        Entry("x", [-1, 3], "int8", scale=0.05, zero=3),
        Entry("w", [1, 3], "int8", [[90, -47, 120]], [0.01], [0]),
        Entry("b", [1], "int32", [-300], [0.0005], [0]),
        Entry("y", [-1, 1], "int8", scale=0.06, zero=-5),
        Entry("p", [-1, 1], "int8", scale=1 / 256, zero=-128),
    ]
    steps = [Step("FULLY_CONNECTED", [0, 1, 2], [3], {}, 5), Step("LOGISTIC", [3], [4], {}, 2)]
    model = read(write(entries, steps, [0], [4]), tmp_path)
    with duckdb.connect() as connection, indb.connect(connection) as database:
        connection.execute("CREATE TABLE numbers AS SELECT 1 AS id, 0.5 AS x0, -2.0 AS x1, 3.0 AS x2")
        assert database.deploy("net", model, "numbers").strategy == "udf"
        (found,) = connection.execute("SELECT predict('net', n) FROM numbers AS n").fetchone() or ()
    assert found == ours(model, np.array([[0.5, -2.0, 3.0]]))[0, 0]


def test_sums_that_may_overflow_have_no_score(tmp_path: Path) -> None:
    data = dense(np.random.default_rng(3), [4, 3], last="")
    values = np.array([[1e37, -1e37, 0.0, 0.0], [1e30, -1e30, 1.0, 1.0], [1e39, 0.0, 0.0, 0.0], [1.0] * 4])
    found = ours(read(data, tmp_path), values)
    assert np.isnan(found).any(axis=1).tolist() == [True, False, False, False]
    np.testing.assert_allclose(found[1:], direct(data, single(values))[1:], rtol=1e-5)


def constants(code: str, options: dict[str, Any] | None = None) -> bytes:
    entries = [Entry("x", [-1, 4]), Entry("c", [4], data=[1.0, -2.0, 0.5, 3.0]), Entry("y", [-1, 4])]
    return write(entries, [Step(code, [0, 1], [2], options or {})], [0], [2])


@pytest.mark.parametrize("code", ["ADD", "SUB", "MUL"])
def test_constants_of_float32(code: str, tmp_path: Path) -> None:
    for data in (constants(code), constants(code, {"FusedActivationFunction": ACTIVATIONS["relu6"]})):
        found, wanted = ours(read(data, tmp_path), rows()), direct(data, single(rows()))
        np.testing.assert_allclose(found, wanted, rtol=0.0, atol=1e-38)  # LiteRT takes the tiniest numbers for 0


def test_shapes_that_are_joined(tmp_path: Path) -> None:
    entries = [Entry("x", [-1, 4]), Entry("shape", [3], "int32", [-1, 2, 2]), Entry("mid", [-1, 2, 2]),
               Entry("flat", [2], "int32", [-1, 4]), Entry("y", [-1, 4]), Entry("z", [-1, 8])]  # fmt: skip
    steps = [
        Step("RESHAPE", [0, 1], [2]),
        Step("RESHAPE", [2, 3], [4]),
        Step("CONCATENATION", [0, 4], [5], {"Axis": 1}),
    ]
    data = write(entries, steps, [0], [5])
    np.testing.assert_array_equal(ours(read(data, tmp_path), rows()), direct(data, single(rows())))


def test_what_has_no_blocks_is_left_to_litert(tmp_path: Path) -> None:
    entries = [Entry("x", [-1, 4]), Entry("y", [-1, 4])]
    model = read(write(entries, [Step("NEG", [0], [1])], [0], [1]), tmp_path)
    assert isinstance(model, ForeignModel)
    assert model.source["reason"] == "LiteRT runs m.tflite: it uses operator 59, which has no blocks"
    np.testing.assert_allclose(scored(model, rows())[""]["transform"], -single(rows()), rtol=0.0, atol=1e-38)


def table_rows(values: Any) -> list[tuple[Any, ...]]:
    return [(number, *(None if value != value else float(value) for value in row)) for number, row in enumerate(values)]


CASES = {
    "integers": (lambda: layers(1, True, "relu6", 3, 4), True),
    "float32": (lambda: dense(np.random.default_rng(3), [3, 5, 3]), False),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_in_sql(name: str, tmp_path: Path, postgres_connection: psycopg.Connection[Any]) -> None:
    make, exact = CASES[name]
    data = make()
    values = np.concatenate([rows(3), np.random.default_rng(5).normal(size=(300, 3)) * 3.0])
    given = table_rows(values)
    scored_ = ~np.isnan(values).any(axis=1)
    wanted = direct(data, single(values[scored_]))
    fields = ", ".join(f"x{number} double precision" for number in range(3))
    with duckdb.connect() as connection:
        for db, mark in ((connection, "?"), (postgres_connection, "%s")):
            db.execute(f"CREATE TABLE numbers (id integer PRIMARY KEY, {fields})")
            insert = f"INSERT INTO numbers VALUES ({', '.join([mark] * 4)})"
            (db if mark == "?" else db.cursor()).executemany(insert, given)  # type: ignore[union-attr]
            with indb.connect(db) as database:
                database.deploy("net", read(data, tmp_path), "numbers", strategy="staged")
                database.score("net", into="scores", outputs=("transform",))
                columns = database.sql("SELECT * FROM scores ORDER BY id").fetchall()
            found = np.array([[np.nan if value is None else value for value in row[1:]] for row in columns])
            assert np.isnan(found[~scored_]).all()
            if exact:
                np.testing.assert_array_equal(found[scored_], wanted)
            else:
                np.testing.assert_allclose(found[scored_], wanted, rtol=1e-6, atol=1e-5)
