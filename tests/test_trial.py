"""A runtime that crashes or hangs on a file does so in another process, and the file is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_graphs import DOUBLE, FLOAT, made, saved

import indb
from indb.errors import ModelFileError, UnsupportedModel
from indb.readers import trial
from indb.readers.base import File

pytestmark = pytest.mark.slow


def hanging() -> Any:
    """ONNX Runtime 1.32 looks for the next letter of this equation for ever."""
    proto = made([("Einsum", ["x", "y"], ["z"], {"equation": "i,i\0"})], {"x": (DOUBLE, [5])}, {"z": DOUBLE})
    proto.graph.input.add().CopyFrom(proto.graph.input[0])
    proto.graph.input[1].name = "y"
    return proto


def test_a_file_that_onnx_runtime_hangs_on_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="cannot load m.onnx: ONNX Runtime crashes on it, or takes more than 3"):
        indb.read(saved(hanging(), tmp_path))
    good = made([("Det", ["x"], ["y"])], {"x": (FLOAT, ["N", 2, 2])}, {"y": FLOAT})
    assert indb.read(saved(good, tmp_path)).is_foreign


def test_a_file_that_asks_for_much_memory_is_refused(tmp_path: Path) -> None:
    """The product of a row, written 2^17 times, with itself: 64 GiB."""
    sizes = {"times": np.array([2**17]), "column": np.array([-1, 1]), "row": np.array([1, -1])}
    nodes = [
        ("Tile", ["x", "times"], ["wide"]),
        ("Reshape", ["wide", "column"], ["down"]),
        ("Reshape", ["wide", "row"], ["across"]),
        ("MatMul", ["down", "across"], ["y"]),
    ]
    proto = made(nodes, {"x": (FLOAT, ["N"])}, {"y": FLOAT}, sizes)
    with pytest.raises(UnsupportedModel, match="accepts none of the rows that were tried .*(bad|[Ff]ailed to) alloc"):
        trial.check(File("m.onnx", proto.SerializeToString(), tmp_path), "onnx")


def test_what_refuses_a_file_there_is_raised_here() -> None:
    with pytest.raises(ModelFileError, match=r"cannot load 'a\nb'.onnx: ONNX Runtime says"):
        trial.check(File("'a\nb'.onnx", b"nothing of use", Path()), "onnx")


def test_a_program_that_is_no_python_crashes_on_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where Python runs inside of another program, whose name `sys.executable` is."""
    monkeypatch.setitem(trial.TRIALS, "onnx", trial.Trial("onnx"))
    monkeypatch.setattr(trial.sys, "executable", "/bin/true")
    with pytest.raises(ModelFileError, match="cannot load m.onnx: '/bin/true' was started to try it"):
        trial.check(File("m.onnx", b"", Path()), "onnx")
    monkeypatch.setattr(trial.sys, "executable", "/absent/python")
    with pytest.raises(ModelFileError, match="cannot load m.onnx: '/absent/python' cannot be started"):
        trial.check(File("m.onnx", b"", Path()), "onnx")


def test_a_process_that_ended_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    found = trial.Trial("onnx")
    monkeypatch.setitem(trial.TRIALS, "onnx", found)
    for _ in range(2):
        with pytest.raises(ModelFileError, match="ONNX Runtime says"):
            trial.check(File("m.onnx", b"nothing of use", Path()), "onnx")
        assert found._process is not None
        found._process.kill()
        found._process.wait()
    found.end()
