"""Execution providers: what was asked for, what the machine has, and that a deployment scores on what it was proven on.

OpenVINO computes on any processor, so it stands for the devices that no machine of tests has. Its build of ONNX Runtime
takes the place of the usual one, so it lies in a folder of its own, which `make test` fills.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from click.testing import CliRunner
from engines import absent

import indb
from indb import codec
from indb.cli import main
from indb.database import Database
from indb.errors import DatabaseError, DeployError, ModelFileError
from indb.ir import Foreign, Model, walk
from indb.planner.providers import on_cpu
from indb.runtime import probe
from indb.runtime.providers import PROVIDERS, session

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

OPENVINO = Path(sys.prefix) / "openvino"
CUDA, CPU, VINO = "CUDAExecutionProvider", "CPUExecutionProvider", "OpenVINOExecutionProvider"
BUILT_WITHOUT = "this ONNX Runtime is built without it"


def graph() -> bytes:
    """A convolution over four columns, which no block says: (n, 4) to two numbers."""
    make, kinds = onnx.helper, onnx.TensorProto
    random = np.random.default_rng(0)
    values = {
        "shape": np.array([-1, 1, 4], dtype=np.int64),
        "kernel": random.normal(size=(3, 1, 2)).astype(np.float32),
        "weight": random.normal(size=(9, 2)).astype(np.float32),
    }
    nodes = [
        make.make_node("Reshape", ["x", "shape"], ["line"]),
        make.make_node("Conv", ["line", "kernel"], ["found"]),
        make.make_node("Flatten", ["found"], ["flat"]),
        make.make_node("MatMul", ["flat", "weight"], ["y"]),
    ]
    made = make.make_graph(
        nodes, "convolution",
        [make.make_tensor_value_info("x", kinds.FLOAT, ["n", 4])],
        [make.make_tensor_value_info("y", kinds.FLOAT, ["n", 2])],
        [onnx.numpy_helper.from_array(value, name) for name, value in values.items()],
    )  # fmt: skip
    return bytes(make.make_model(made, opset_imports=[make.make_opsetid("", 18)], ir_version=9).SerializeToString())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "convolution.onnx"
    path.write_bytes(graph())
    return path


@pytest.fixture
def db(duckdb_connection: duckdb.DuckDBPyConnection) -> Iterator[Database]:
    duckdb_connection.execute("CREATE TABLE points (x0 DOUBLE, x1 DOUBLE, x2 DOUBLE, x3 DOUBLE)")
    duckdb_connection.execute("INSERT INTO points VALUES (1, 2, 3, 4), (0.5, NULL, 1e30, -7)")
    with indb.connect(duckdb_connection) as made:
        yield made


def providers_of(model: Model) -> set[tuple[str, ...]]:
    return {block.providers for block in walk(model.roots()) if isinstance(block, Foreign)}


@pytest.mark.parametrize("name", ["cudaexecutionprovider", "AzureExecutionProvider", "GPU"])
def test_an_unknown_provider_is_refused(db: Database, file: Path, name: str) -> None:
    with pytest.raises(DeployError, match=f"the execution provider '{name}': it is unknown, or does not compute on"):
        db.deploy("c", indb.read(file), "points", providers=[name])
    assert db.models() == []


def test_what_the_machine_lacks_is_said_and_not_used(db: Database, file: Path) -> None:
    model = indb.read(file)
    plan = db.plan(model, "points", providers=[CUDA, CPU])
    assert f"execution provider: {CUDA} (not used: {BUILT_WITHOUT})\nexecution provider: {CPU}\n" in str(plan)
    assert plan.as_json()["providers"] == {CUDA: BUILT_WITHOUT, CPU: None}
    made = db.deploy("c", model, "points", providers=[CUDA])
    assert made.digest == codec.digest(model)  # as if nobody had asked
    assert db.verify("c").ok


def test_a_model_without_graph_says_so(db: Database) -> None:
    from sklearn.linear_model import Ridge

    model = indb.read(Ridge().fit(np.eye(4), [1, 2, 3, 4]))
    plan = str(db.plan(model, "points", providers=[CUDA]))
    assert f"{CUDA} (not used: no part of the model is an ONNX graph" in plan


def test_the_command_line_says_what_is_used(tmp_path: Path, file: Path) -> None:
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE points (x0 DOUBLE, x1 DOUBLE, x2 DOUBLE, x3 DOUBLE)")
    target = [str(file), "--db", f"duckdb:///{path}", "--table", "points", "--provider", CUDA, "--provider", CPU]
    said = CliRunner().invoke(main, ["plan", *target, "--json"])
    assert json.loads(said.output)["providers"] == {CUDA: BUILT_WITHOUT, CPU: None}
    said = CliRunner().invoke(main, ["deploy", "c", *target, "--dry-run"])
    assert f"execution provider: {CUDA} (not used" in said.output
    assert CliRunner().invoke(main, ["deploy", "c", *target]).exit_code == 0


def test_a_model_keeps_its_providers(file: Path) -> None:
    from indb.planner.providers import Choice, on_providers

    model = indb.read(file)
    chosen = on_providers(model, [Choice(CUDA), Choice(VINO, "no device"), Choice(CPU)])
    again = codec.decode(codec.encode(chosen))
    assert providers_of(again) == {(CUDA, CPU)}
    assert codec.digest(chosen) != codec.digest(model)
    assert codec.digest(on_cpu(again)) == codec.digest(model)
    assert b'"format":5' in codec.encode(chosen)  # an indb that knows no providers must not run it on another one


def test_a_process_without_the_proven_provider_refuses_the_model() -> None:
    with pytest.raises(ModelFileError, match=f"it was proven on {CUDA}, found .* without a working {CUDA}") as error:
        session(graph(), [CUDA], "cannot load it")
    assert "Deploy it again" in str(error.value)


def test_a_provider_that_does_not_start_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual build for CUDA on a machine without a device: it is there, and no session has it."""
    import onnxruntime

    real = onnxruntime.InferenceSession
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, VINO, CPU])
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda data, options, **_: real(data, options, [CPU]))
    found = probe.refused(graph(), [CUDA, CPU])
    assert found == {CUDA: "it finds no device or driver here", CPU: ""}
    with pytest.raises(ModelFileError, match=f"without a working {CUDA}"):
        session(graph(), [CUDA], "cannot load it")
    assert "it does not start" in probe.refused(b"no graph", [CPU])[CPU]


def test_every_provider_is_known_to_onnx_runtime() -> None:
    import onnxruntime

    known = onnxruntime.get_all_providers()
    elsewhere = {f"{name}ExecutionProvider" for name in ("Azure", "Js", "WebNN")}  # another machine, or a browser
    assert set(known) - set(PROVIDERS) <= elsewhere
    assert {CUDA, CPU, VINO, "TensorrtExecutionProvider", "DmlExecutionProvider"} <= set(known)


# With OpenVINO, in another process: two builds of ONNX Runtime do not share one.


@pytest.fixture
def openvino() -> Path:
    if not (OPENVINO / "onnxruntime").is_dir():
        absent("OpenVINO's build of ONNX Runtime: make test installs it")
    return OPENVINO


POINTS = "random() AS x0, random() AS x1, random() AS x2, CAST(1.5 AS double precision) AS x3"

SCORED = """
import sys
import indb

path, file, *providers = sys.argv[1:]
with indb.connect("duckdb:///" + path) as db:
    made = db.deploy("c", indb.read(file), "points", providers=providers)
    print(db.plan(indb.read(file), "points", providers=providers))
    print(db.verify("c"))
    print(made.digest)
"""


@pytest.mark.slow
def test_duckdb_scores_on_what_it_was_proven_on(tmp_path: Path, file: Path, openvino: Path) -> None:
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"CREATE TABLE points AS SELECT {POINTS} FROM range(500)")
    paths = os.pathsep.join([str(openvino), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", SCORED, path, file, CUDA, VINO, CPU],
        env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"execution provider: {VINO}\nexecution provider: {CPU}\n" in done.stdout
    assert f"{CUDA} (not used" in done.stdout
    assert done.stdout.split()[-1] != codec.digest(indb.read(file))
    with indb.connect(f"duckdb:///{path}") as db, pytest.raises(DatabaseError, match=f"it was proven on {VINO}"):
        db.verify("c")


@pytest.mark.slow
def test_postgres_scores_on_what_it_was_proven_on(
    plpython: None, postgres_connection: Any, file: Path, openvino: Path
) -> None:
    postgres_connection.execute("CREATE EXTENSION IF NOT EXISTS plpython3u")
    postgres_connection.execute(f"CREATE TABLE points AS SELECT {POINTS} FROM generate_series(1, 300)")
    model = indb.read(file)
    with indb.connect(postgres_connection) as db:
        asked = {"providers": [CUDA, VINO], "server_python": str(openvino)}
        plan = db.plan(model, "points", **asked)
        assert [bool(choice.refused) for choice in plan.providers] == [True, False, False]
        assert db.capabilities()  # nothing is left of the question
        made = db.deploy("c", model, "points", **asked)
        assert made.digest != codec.digest(model)
        assert db.verify("c", tolerance=1e-5).ok
        assert "OpenVINO" in db.script("d", model, "points", **asked).deployed.plan.__str__()
