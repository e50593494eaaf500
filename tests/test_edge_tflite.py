"""TensorFlow Lite files as foreign models: LiteRT's own numbers, in batches of any size, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import indb
from indb import codec
from indb.errors import ModelFileError, UnsupportedModel
from indb.ir import ForeignModel, Model
from indb.readers import trial
from indb.runtime.scorer import Scorer

interpreter = pytest.importorskip("ai_edge_litert.interpreter")
pytest.importorskip("tflite")

from tflite_files import Entry, Step, dense, write  # noqa: E402

ROWS = np.random.default_rng(1).normal(size=(9, 4))
ROWS[2, 1] = np.nan
ROWS[3, 0] = np.inf
ROWS[4] = 1e30
ROWS[5, 1] = -1e300
ROWS[6] = 1e-40
ROWS[7] = 0.0


def read(data: bytes, folder: Path, **options: Any) -> Model:
    (folder / "m.tflite").write_bytes(data)
    return indb.read(folder / "m.tflite", **options)


def scored(model: Model, rows: Any) -> dict[str, dict[str, Any]]:
    """What the scorer of the model's file gives."""
    columns = {column.name: rows[:, [index]] for index, column in enumerate(model.columns)}
    return Scorer.load(codec.encode(model)).outputs(columns, len(rows))


def direct(data: bytes, rows: Any) -> Any:
    """What LiteRT gives for each row by itself."""
    found = interpreter.Interpreter(model_content=data)
    (given,), (gives,) = found.get_input_details(), found.get_output_details()
    found.resize_tensor_input(given["index"], [1, *rows.shape[1:]])
    found.allocate_tensors()
    lanes = []
    for row in rows:
        found.set_tensor(given["index"], row[None].astype(given["dtype"]))
        found.invoke()
        lanes.append(found.get_tensor(gives["index"])[0])
    return np.array(lanes)


MIXED = [
    Entry("x", [2, 4]),
    Entry("axis", [1], "int32", [0]),
    Entry("mean", [1, 4]),
    Entry("y", [2, 4]),
]


@pytest.mark.parametrize("rows", [-1, 1, 4])
@pytest.mark.filterwarnings("ignore:overflow")
def test_any_number_of_rows_gives_what_each_row_gives(rows: int, tmp_path: Path) -> None:
    data = dense(np.random.default_rng(0), [4, 16, 3], rows=rows, activation="relu6", last="HARD_SWISH")
    model = read(data, tmp_path)
    assert isinstance(model, ForeignModel)
    wanted = direct(data, ROWS)
    for size in (9, 1, 5):
        parts = [scored(model, ROWS[start : start + size])[""]["transform"] for start in range(0, 9, size)]
        np.testing.assert_array_equal(np.concatenate(parts), wanted)
    assert np.isnan(wanted[2]).all()


def test_a_graph_that_mixes_rows_is_refused(tmp_path: Path) -> None:
    steps = [Step("MEAN", [0, 1], [2], {"KeepDims": True}), Step("SUB", [0, 2], [3])]
    with pytest.raises(UnsupportedModel, match="its output 'y' of a row depends on the rows beside it"):
        read(write(MIXED, steps, [0], [3]), tmp_path)


def test_a_graph_of_a_fixed_number_of_rows_is_run_in_pieces(tmp_path: Path) -> None:
    entries = [Entry("x", [2, 4]), Entry("shape", [3], "int32", [2, 2, 2]), Entry("mid", [2, 2, 2]),
               Entry("flat", [2], "int32", [2, 4]), Entry("y", [2, 4])]  # fmt: skip
    steps = [Step("RESHAPE", [0, 1], [2]), Step("RESHAPE", [2, 3], [4])]
    model = read(write(entries, steps, [0], [4]), tmp_path)
    found = scored(model, ROWS[:5])[""]["transform"]
    np.testing.assert_array_equal(found, ROWS[:5].astype(np.float32))


def test_quantised_inputs_and_outputs_are_real_numbers(tmp_path: Path) -> None:
    entries = [Entry("x", [-1, 4], "int8", scale=0.5, zero=3), Entry("y", [-1, 4], "int8", scale=1 / 256, zero=-128)]
    data = write(entries, [Step("LOGISTIC", [0], [1])], [0], [1])
    model = read(data, tmp_path, columns=["a", "b", "c", "d"])
    rows = np.array([[0.25, -0.25, 0.74, 1e9], [-np.inf, np.inf, 0.0, 60.0], [np.nan, 0.0, 0.0, 0.0]])
    found = scored(model, rows)[""]["transform"]
    whole = np.array([[4, 2, 4, 127], [-128, 127, 3, 123]], dtype=np.int8)  # half ways go away from 0
    wanted = (direct(data, whole).astype(np.float64) + 128.0) / 256.0
    np.testing.assert_array_equal(found[:2], wanted)
    assert np.isnan(found[2]).all()


def test_outputs_and_inputs_have_the_names_of_the_signature(tmp_path: Path) -> None:
    entries = [Entry("a:0", [-1, 1]), Entry("b:0", [-1, 1], "int32"), Entry("c", [-1, 1]), Entry("s", [-1, 1]),
               Entry("p", [-1, 2])]  # fmt: skip
    steps = [
        Step("CAST", [1], [2]),
        Step("ADD", [0, 2], [3]),
        Step("CONCATENATION", [0, 2], [4], {"Axis": 1}),
    ]
    names = {"age": 0, "visits": 1, "sum": 3, "both": 4}
    model = read(write(entries, steps, [0, 1], [3, 4], names), tmp_path)
    assert [column.name for column in model.columns] == ["age", "visits"]
    found = scored(model, np.array([[1.5, 2.0], [1.0, 0.5], [np.nan, 1.0], [1.0, np.nan]]))
    np.testing.assert_array_equal(found["sum"]["predict"][:, 0], [3.5, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(found["both"]["transform"], [[1.5, 2.0], [np.nan] * 2, [np.nan, 1.0], [np.nan] * 2])


NUMBERS = [Entry("x", [-1, 4]), Entry("y", [-1, 4])]
TEXTS = [Entry("x", [-1], "string"), Entry("y", [-1], "string")]


@pytest.mark.parametrize(
    ("entries", "step", "why"),
    [
        (NUMBERS, Step("CUSTOM", [0], [1]), "uses the operator Mine, needed built-in"),
        (NUMBERS, Step("RANDOM_UNIFORM", [0], [1]), "uses the operator RANDOM_UNIFORM"),
        (TEXTS, Step("NEG", [0], [1]), "'x' holds text, needed numb"),
        (NUMBERS, Step("NEG", [1], [0]), "takes tensor 1, which nothing has computed"),
    ],
)
def test_what_is_not_run(entries: list[Entry], step: Step, why: str, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=f"cannot load m.tflite: .*{why}"):
        read(write(entries, [step], [0], [1]), tmp_path)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    data = dense(np.random.default_rng(0), [4, 8, 3])
    for damaged in (b"", b"\x00" * 40, data[:8], data[:500], data[:4] + b"TFL4" + data[8:]):
        with pytest.raises(ModelFileError, match="cannot load m.tflite: it"):
            read(damaged, tmp_path)


def test_an_older_indb_refuses_its_files(tmp_path: Path) -> None:
    model = read(dense(np.random.default_rng(0), [4, 8, 3], last="HARD_SWISH"), tmp_path)
    assert b'"format":5' in codec.encode(model)


@pytest.mark.slow
def test_a_file_that_crashes_litert_crashes_another_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data = dense(np.random.default_rng(0), [4, 8, 3])
    real = trial._started
    aborting = [sys.executable, "-c", "import os, sys; print([], flush=True); sys.stdin.buffer.read(20); os.abort()"]
    found = trial.Trial("tflite")
    monkeypatch.setitem(trial.TRIALS, "tflite", found)
    pipe = subprocess.PIPE
    monkeypatch.setattr(trial, "_started", lambda _: subprocess.Popen(aborting, stdin=pipe, stdout=pipe, bufsize=0))
    with pytest.raises(ModelFileError, match="cannot load m.tflite: LiteRT crashes on it"):
        read(data, tmp_path)
    monkeypatch.setattr(trial, "_started", real)
    assert read(data, tmp_path)
    found.end()


@pytest.mark.slow
def test_changed_files_are_read_or_refused(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    data = dense(random, [4, 8, 3])
    taken = 0
    for _ in range(300):
        changed = bytearray(data)
        for place in random.integers(0, len(data), random.integers(1, 4)):
            changed[place] = random.integers(0, 256)
        try:
            read(bytes(changed), tmp_path)
            taken += 1
        except (ModelFileError, UnsupportedModel):
            continue
    assert taken > 10
