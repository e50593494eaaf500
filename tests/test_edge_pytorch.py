"""Files of PyTorch and ExecuTorch as foreign models: their own runtimes' numbers, and that no file runs code."""

from __future__ import annotations

import io
import json
import os
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edge import DATA, changed, rows, scored, single

import indb
from indb.errors import DeprecatedFormat, ModelFileError, UnsupportedModel
from indb.ir import ForeignModel, Model
from indb.runtime import pt2_file

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow

ROWS = rows()
NAMES = ["a", "b", "c", "d"]


def network(given: Any) -> Any:
    """What torch itself gives for the network of the fixtures."""
    program = torch.export.load(DATA / "dense.pt2")
    with torch.inference_mode():
        return program.module()(torch.from_numpy(given)).numpy()


def read(path: Path, columns: Any = None) -> Model:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecatedFormat)
        model = indb.read(path, columns=columns)
    assert isinstance(model, ForeignModel)
    return model


def test_a_program_gives_the_bits_of_torch() -> None:
    model = read(DATA / "dense.pt2")
    assert [column.name for column in model.columns] == ["x0", "x1", "x2", "x3"]
    wanted = network(single(ROWS))
    np.testing.assert_array_equal(scored(model, ROWS)[""]["transform"], wanted)
    assert np.isnan(wanted[2]).all()
    for size in (1, 4):
        np.testing.assert_allclose(scored(model, ROWS, size)[""]["transform"], wanted, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ["fixed.pt2", "dense.ts", "dense.pte", "fixed.pte", "xnnpack.pte"])
@pytest.mark.parametrize("size", [None, 1, 4])
def test_other_files_of_the_same_network_give_the_same(name: str, size: int | None) -> None:
    if name.endswith(".pte"):
        pytest.importorskip("executorch")
    found = scored(read(DATA / name, NAMES), np.tile(ROWS, (10, 1)), size)[""]["transform"]
    np.testing.assert_allclose(found, np.tile(network(single(ROWS)), (10, 1)), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["dense.pte", "xnnpack.pte"])
@pytest.mark.filterwarnings("ignore")
def test_a_program_of_executorch_gives_the_bits_of_its_runtime(name: str) -> None:
    runtime = pytest.importorskip("executorch.runtime")
    method = runtime.Runtime.get().load_program(DATA / name).load_method("forward")
    wanted = method.execute([torch.from_numpy(single(ROWS))])[0].numpy()
    np.testing.assert_array_equal(scored(read(DATA / name), ROWS)[""]["transform"], wanted)


def test_several_inputs_and_outputs() -> None:
    model = read(DATA / "codes.pt2")
    assert [column.name for column in model.columns] == ["code", "numbers_0", "numbers_1"]
    given = np.array([[0.0, 1.0, 2.0], [5.0, -1.0, 1e30], [6.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [1.5, 0.0, 0.0],
                      [np.nan, 0.0, 0.0], [3.0, np.nan, 1.0], [2.0, 1.0, 1.0]])  # fmt: skip
    found = scored(model, given)
    taken = [0, 1, 6, 7]
    program = torch.export.load(DATA / "codes.pt2").module()
    with torch.inference_mode():
        wanted = program(torch.from_numpy(given[taken, 0].astype(int)), torch.from_numpy(single(given[taken, 1:])))
    targets = list(found)
    for (_, outputs), values in zip(found.items(), wanted, strict=True):
        (lanes,) = outputs.values()
        np.testing.assert_allclose(lanes[taken], values.numpy().reshape(4, -1), rtol=1e-6)
        assert np.isnan(lanes[[2, 3, 4, 5]]).all()
    assert list(found[targets[0]]) == ["predict"]
    assert list(found[targets[1]]) == ["transform"]


def test_torchscript_warns_and_needs_names() -> None:
    with (
        pytest.warns(DeprecatedFormat, match=r"dense.ts is TorchScript, which PyTorch deprecates.*torch.export"),
        pytest.raises(UnsupportedModel, match=r"does not say how many columns it takes\n  Give the names"),
    ):
        indb.read(DATA / "dense.ts")
    with pytest.raises(UnsupportedModel, match="it accepts none of the rows"):
        read(DATA / "dense.ts", ["a", "b"])


def test_a_pickle_is_refused() -> None:
    with pytest.raises(ModelFileError, match=r"a pickle of torch.save\n  Save it with torch.export.save"):
        indb.read(DATA / "pickle.pt")


class Touch:
    """An object whose pickle makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_no_file_runs_code_that_it_holds(tmp_path: Path) -> None:
    bad = pickle.dumps(Touch(tmp_path / "made"), 2)
    saved = io.BytesIO()
    torch.save(Touch(tmp_path / "made"), saved)

    def samples(parts: dict[str, bytes]) -> None:
        parts["dense/data/sample_inputs/model.pt"] = saved.getvalue()

    (tmp_path / "m.pt2").write_bytes(changed("dense.pt2", samples))
    model = read(tmp_path / "m.pt2")
    assert saved.getvalue()[:100] not in model.targets[0].outputs["transform"].payload.tobytes()  # type: ignore[attr-defined]

    def data(parts: dict[str, bytes]) -> None:
        parts[next(name for name in parts if name.endswith("data.pkl"))] = bad

    (tmp_path / "m.ts").write_bytes(changed("dense.ts", data))
    with pytest.raises(ModelFileError, match="PyTorch says"):
        read(tmp_path / "m.ts", NAMES)

    def code(parts: dict[str, bytes]) -> None:
        name = next(name for name in parts if name.endswith("__torch__.py"))
        parts[name] = parts[name].replace(b"return", b'torch . save(x, "made")\n    return')

    (tmp_path / "m.ts").write_bytes(changed("dense.ts", code))
    with pytest.raises(ModelFileError, match=r"its code in code/__torch__.py says 'save'"):
        read(tmp_path / "m.ts", NAMES)
    assert not (tmp_path / "made").exists()


def edited(change: Callable[[dict[str, Any]], None]) -> bytes:
    """dense.pt2 with another graph."""

    def edit(parts: dict[str, bytes]) -> None:
        graph = json.loads(parts["dense/models/model.json"])
        change(graph)
        parts["dense/models/model.json"] = json.dumps(graph).encode()

    return changed("dense.pt2", edit)


def nodes(graph: dict[str, Any]) -> Any:
    return graph["graph_module"]["graph"]["nodes"]


REFUSED: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "code": (lambda g: nodes(g)[0].update(target="torch.hub.load"), "it uses the operator 'torch.hub.load'"),
    "file": (
        lambda g: nodes(g)[0].update(target="torch.ops.aten.from_file.default"),
        "operator from_file.default, nee",
    ),
    "private": (
        lambda g: nodes(g)[0].update(target="torch.ops.aten._foobar.default"),
        "_foobar.default, needed public",
    ),
    "unknown": (lambda g: nodes(g)[0].update(target="torch.ops.aten.foobar.default"), "which this torch does not have"),
    "in place": (lambda g: nodes(g)[1].update(target="torch.ops.aten.relu_.default"), "which changes its arguments"),
    "random": (lambda g: nodes(g)[1].update(target="torch.ops.aten.rand_like.default"), "which gives random values"),
    "schema": (lambda g: g["schema_version"].update(major=7), "its schema has the version 7, needed 8"),
    "form": (lambda g: g.pop("graph_module"), "has another form than that of torch.export"),
    "value": (lambda g: nodes(g)[1]["inputs"][0]["arg"]["as_tensor"].update(name="gone"), "nothing computes 'gone'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_graphs_that_are_not_run(name: str, tmp_path: Path) -> None:
    change, why = REFUSED[name]
    (tmp_path / "m.pt2").write_bytes(edited(change))
    with pytest.raises(ModelFileError, match=why):
        read(tmp_path / "m.pt2")


def test_sizes_are_not_evaluated(tmp_path: Path) -> None:
    def size(graph: dict[str, Any]) -> None:
        for values in graph["graph_module"]["graph"]["tensor_values"].values():
            for each in values["sizes"]:
                if "as_expr" in each:
                    each["as_expr"]["expr_str"] = f"__import__('os').mkdir({str(tmp_path / 'made')!r})"

    (tmp_path / "m.pt2").write_bytes(edited(size))
    wanted = network(single(ROWS))
    np.testing.assert_array_equal(scored(read(tmp_path / "m.pt2"), ROWS)[""]["transform"], wanted)
    assert not (tmp_path / "made").exists()


def test_pickled_and_lying_tensors_are_refused() -> None:
    listing = "dense/data/weights/model_weights_config.json"

    def weights(change: Callable[[dict[str, Any]], Any]) -> bytes:
        def edit(parts: dict[str, bytes]) -> None:
            found = json.loads(parts[listing])
            change(found["config"]["layers.0.weight"])
            parts[listing] = json.dumps(found).encode()

        return changed("dense.pt2", edit)

    for change, why in (
        (lambda entry: entry.update(use_pickle=True), "is a pickle, which would run code"),
        (lambda entry: entry["tensor_meta"].update(sizes=[{"as_int": 1 << 40}, {"as_int": 4}]), "has only 128 bytes"),
        (lambda entry: entry["tensor_meta"].update(storage_offset={"as_int": 99}), "has only 128 bytes"),
        (lambda entry: entry["tensor_meta"].update(sizes=[{"as_int": -8}, {"as_int": 4}]), "it has the size -8"),
        (lambda entry: entry.update(path_name="../../x"), "it has no part"),
    ):
        with pytest.raises(ValueError, match=why):
            pt2_file.parse(weights(change))


@pytest.mark.parametrize("name", ["dense.pt2", "dense.ts", "dense.pte"])
def test_damaged_files_are_refused(name: str, tmp_path: Path) -> None:
    if name.endswith(".pte"):
        pytest.importorskip("executorch")
    data = (DATA / name).read_bytes()
    for damaged in (b"", b"\x00" * 64, data[:100], data[: len(data) // 2], data[4:]):
        path = tmp_path / name
        path.write_bytes(damaged)
        with pytest.raises(ModelFileError, match=f"cannot load {name}: "):
            read(path, NAMES)
