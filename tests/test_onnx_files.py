"""Broken and hostile ONNX files: refused with the reason, quickly, in little memory, and nothing outside is touched."""

from __future__ import annotations

import random
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edge import scored
from onnx_graphs import FLOAT, Node, TensorProto, helper, made, saved

import indb
from indb.errors import IndbError, ModelFileError, UnsupportedModel
from indb.readers.base import File
from indb.readers.onnx import blocks, files, limits, survey
from indb.readers.onnx import external as outside

SECONDS = 5.0  # of the processor: tests share it
MEMORY = 300 * 2**20

PLAIN: list[Node] = [("Add", ["x", "c"], ["y"])]


def plain(constant: Any = None) -> Any:
    """A graph that adds a constant."""
    proto = made(PLAIN, {"x": (FLOAT, ["N", 2])}, {"y": FLOAT}, {"c": np.float32([1.0, 2.0])})
    if constant is not None:
        proto.graph.initializer[0].CopyFrom(constant)
    return proto


def tensor(**fields: Any) -> Any:
    return TensorProto(name="c", data_type=FLOAT, **fields)


def external(**entries: str) -> Any:
    found = tensor(dims=[2], data_location=TensorProto.EXTERNAL)
    for key, value in entries.items():
        entry = found.external_data.add()
        entry.key, entry.value = key, value
    return found


def broken(change: Callable[[Any], None]) -> Any:
    """The plain graph after a change."""
    proto = plain()
    change(proto)
    return proto


def _cycle(proto: Any) -> None:
    proto.graph.node.extend([helper.make_node("Neg", ["b"], ["a"]), helper.make_node("Neg", ["a"], ["b"])])


def _twice(proto: Any) -> None:
    proto.graph.node.extend([helper.make_node("Neg", ["x"], ["y"])])


def _attribute_twice(proto: Any) -> None:
    attributes = [helper.make_attribute("axis", 1), helper.make_attribute("axis", 0)]
    proto.graph.node[0].attribute.extend(attributes)


def _no_text(proto: Any) -> None:
    data = proto.SerializeToString()
    proto.Clear()
    proto.ParseFromString(data.replace(b"\x0a\x01c", b"\x0a\x01\xff", 1).replace(b"test", b"te\xfft"))


def _nested(proto: Any) -> None:
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["z"])], "g", [], [])
    for _ in range(limits.MAX_NESTING + 2):
        node = helper.make_node("If", ["x"], ["z"], then_branch=graph, else_branch=graph)
        graph = helper.make_graph([node], "g", [], [])
    proto.graph.node.extend([helper.make_node("If", ["x"], ["z"], then_branch=graph, else_branch=graph)])


DAMAGED: dict[str, tuple[Any, str]] = {
    "more_dims_than_data": (plain(tensor(dims=[3], float_data=[1.0, 2.0])), "has 2 elements, needed 3"),
    "raw_data_too_short": (plain(tensor(dims=[2], raw_data=b"1234567")), "has 7 bytes, needed 8"),
    "negative_dims": (plain(tensor(dims=[-2], float_data=[1.0, 2.0])), r"has the shape \[-2\]"),
    "dims_that_overflow": (plain(tensor(dims=[2**32, 2**32, 2], float_data=[])), "has the shape"),
    "many_dims": (plain(tensor(dims=[1] * 40, float_data=[1.0])), "has the shape"),
    "another_folder": (plain(external(location="../secret")), "needed one in the model's own folder"),
    "an_absolute_path": (plain(external(location="/etc/hostname")), "needed one in the model's own folder"),
    "no_file": (plain(external(location="absent.bin")), "which is not beside the model"),
    "a_folder": (plain(external(location=".")), "which is not beside the model"),
    "no_location": (plain(external()), "needed one in the model's own folder"),
    "outside_of_the_file": (plain(external(location="eight.bin", offset="4")), "needed 8 within the 8 of the file"),
    "a_false_length": (plain(external(location="eight.bin", length="99")), "says 99 bytes from 0 on"),
    "a_number_that_is_none": (plain(external(location="eight.bin", offset="x")), "cannot be found"),
    "a_cycle": (broken(_cycle), "node 'Neg' reads 'b', which nothing before it gives"),
    "a_name_for_two": (broken(_twice), "the name 'y' is given to two values"),
    "an_attribute_twice": (broken(_attribute_twice), "has an attribute twice"),
    "no_text": (broken(_no_text), "is not UTF-8"),
    "nesting": (broken(_nested), "nested more than"),
    "no_graph": (broken(lambda proto: proto.ClearField("graph")), "it holds no graph"),
    "no_versions": (broken(lambda proto: proto.ClearField("opset_import")), "which versions of operators"),
    "an_output_of_nothing": (broken(lambda proto: proto.graph.output.add(name="q")), "output 'q' is given by nothing"),
    "no_such_operator": (
        made([("Gelu", ["x"], ["y"])], {"x": (FLOAT, ["N", 2])}, {"y": FLOAT}),
        "version 18 of its operators has no Gelu",
    ),
    "too_many_inputs": (
        made([("Neg", ["x", "x"], ["y"])], {"x": (FLOAT, ["N", 2])}, {"y": FLOAT}),
        "Neg: it has 2 inputs, needed 1 to 1",
    ),
    "an_axis_outside": (
        made([("Concat", ["x", "x"], ["y"], {"axis": 7})], {"x": (FLOAT, ["N", 2])}, {"y": FLOAT}),
        "Concat: its shapes do not fit",
    ),
    "an_index_outside": (
        made([("Gather", ["x", "i"], ["y"], {"axis": 1})], {"x": (FLOAT, ["N", 2])}, {"y": FLOAT}, {"i": np.array(2)}),
        "Gather: its indices are from 2 to 2, needed those of 2",
    ),
    "a_shape_that_lies": (
        made([("Reshape", ["x", "s"], ["y"])], {"x": (FLOAT, ["N", 2])}, {"y": FLOAT}, {"s": np.array([-1, 3])}),
        "Reshape: its shapes do not fit",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_says_what_is_wrong(name: str, tmp_path: Path) -> None:
    proto, why = DAMAGED[name]
    (tmp_path / "eight.bin").write_bytes(bytes(8))
    (tmp_path.parent / "secret").write_bytes(bytes(8))
    with pytest.raises(ModelFileError, match=why):
        indb.read(saved(proto, tmp_path))


def test_data_in_a_file_beside_is_read(tmp_path: Path) -> None:
    np.float32([9.0, 1.0, 2.0]).tofile(tmp_path / "weights.bin")
    model = indb.read(saved(plain(external(location="weights.bin", offset="4", length="8")), tmp_path))
    assert "const [1.0, 2.0]" in str(model)


def test_data_in_a_file_beside_goes_with_what_the_runtime_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nodes: list[Node] = [("Add", ["x", "c"], ["s"]), ("GlobalLpPool", ["s"], ["y"])]
    proto = made(nodes, {"x": (FLOAT, ["N", 2, 1])}, {"y": FLOAT}, {"c": np.float32([[1.0], [2.0]])})
    del proto.graph.initializer[:]
    proto.graph.initializer.append(external(location="weights.bin"))
    proto.graph.initializer[0].name = "c"
    proto.graph.initializer[0].dims[:] = [2, 1]
    np.float32([1.0, 2.0]).tofile(tmp_path / "weights.bin")
    path = saved(proto, tmp_path)
    model = indb.read(path)
    assert model.is_foreign, str(model)
    (tmp_path / "weights.bin").unlink()
    (found,) = scored(model, np.array([[2.0, 3.0], [-1.0, -2.5]]))[""].values()
    np.testing.assert_allclose(found, [[3.0, 5.0], [0.0, 0.5]], rtol=1e-6)
    np.float32([1.0, 2.0]).tofile(tmp_path / "weights.bin")
    monkeypatch.setattr(outside, "MAX_BESIDE", 7)
    with pytest.raises(UnsupportedModel, match="have more than 7 bytes"):
        indb.read(path)


def test_a_link_does_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    inside = tmp_path / "models"
    inside.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(8))
    (inside / "weights.bin").symlink_to(tmp_path / "secret.bin")
    with pytest.raises(ModelFileError, match="needed one in the model's own folder"):
        indb.read(saved(plain(external(location="weights.bin")), inside))


@pytest.mark.parametrize("data", [b"", b"\x00", b"nothing of use", b"\x0a\xff\xff\xff\xff\x0f" + bytes(40)])
def test_bytes_that_are_no_graph(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(data)
    with pytest.raises(ModelFileError, match="cannot load m.onnx"):
        indb.read(tmp_path / "m.onnx")


HUGE = np.array([2**40])
MANY = 60

GIANTS: dict[str, tuple[list[Node], dict[str, Any]]] = {
    "constant": ([("ConstantOfShape", ["s"], ["z"]), ("Add", ["x", "z"], ["y"])], {"s": HUGE}),
    "expand": ([("Expand", ["x", "s"], ["y"])], {"s": np.array([2**40, 1, 2])}),
    "tile": ([("Tile", ["x", "s"], ["y"])], {"s": np.array([1, 2**40])}),
    "pad": ([("Pad", ["x", "s"], ["y"])], {"s": np.array([0, 0, 0, 2**40])}),
    "range": (
        [("Range", ["a", "b", "c"], ["r"]), ("Cast", ["r"], ["f"], {"to": FLOAT}), ("Add", ["x", "f"], ["y"])],
        {"a": np.array(0), "b": np.array(2**40), "c": np.array(1)},
    ),
    "one_hot": (
        [("ArgMax", ["x"], ["i"], {"axis": 1}), ("OneHot", ["i", "d", "v"], ["y"])],
        {"d": HUGE, "v": np.float32([0.0, 1.0])},
    ),
    "outer_product": (
        [("Reshape", ["b", "s"], ["c"]), ("Mul", ["b", "c"], ["y"])],
        {"b": np.zeros(30_000, np.float32), "s": np.array([-1, 1])},
    ),
    "joined_with_itself": (
        [("Concat", [f"x{n}" if n else "x"] * 2, [f"x{n + 1}"], {"axis": 1}) for n in range(MANY)]
        + [("Neg", [f"x{MANY}"], ["y"])],
        {},
    ),
    "added_to_itself": (
        [("Add", [f"x{n}" if n else "x"] * 2, [f"x{n + 1}"]) for n in range(MANY)]
        + [("Split", [f"x{MANY}"], ["a", "b"], {"axis": 1, "num_outputs": 2}), ("ReduceProd", [f"x{MANY}", "i"], ["p"]),
           ("Sum", ["a", "b", "p"], ["y"])],
        {"i": np.array([1])},
    ),
    "many_constants": (
        [("Neg", [f"c{n}"], [f"c{n + 1}"]) for n in range(limits.MAX_FOLDS + 10)] + [("Add", ["x", "c1"], ["y"])],
        {"c0": np.float32([1.0, 2.0])},
    ),
    "a_large_outer_product": (
        [("Transpose", ["x"], ["t"]), ("Concat", ["x"] * 2000, ["w"], {"axis": 1}), ("MatMul", ["t", "w"], ["y"])],
        {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GIANTS)
def test_a_file_cannot_ask_for_much_time_or_memory(name: str, tmp_path: Path) -> None:
    nodes, constants = GIANTS[name]
    proto = made(nodes, {"x": (FLOAT, ["N", 2])}, {"y": FLOAT}, constants)
    path = saved(proto, tmp_path)
    tracemalloc.start()
    started = time.process_time()
    with suppress(ModelFileError, UnsupportedModel):
        read(path)
    took, (_, peak) = time.process_time() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert took < SECONDS
    assert peak < MEMORY


def read(path: Path) -> None:
    """The file up to where ONNX Runtime would be given it."""
    file = File(path.name, path.read_bytes(), path.parent)
    proto = files.load(file)
    try:
        blocks.read(file, proto, None)
    except UnsupportedModel:
        survey.check(proto, file)
        raise


GIANT_CONSTANTS = ("constant", "expand", "tile", "pad", "range", "one_hot")


@pytest.mark.parametrize("name", GIANT_CONSTANTS)
def test_onnx_runtime_is_not_given_what_would_fill_the_memory(name: str, tmp_path: Path) -> None:
    nodes, constants = GIANTS[name]
    proto = made([("Det", ["x"], ["det"]), *nodes], {"x": (FLOAT, ["N", 2])}, {"y": FLOAT}, constants)
    with pytest.raises(ModelFileError, match="asks for the sizes|elements"):
        indb.read(saved(proto, tmp_path))


def test_shared_values_are_read_once(tmp_path: Path) -> None:
    nodes, constants = GIANTS["added_to_itself"]
    model = indb.read(saved(made(nodes, {"x": (FLOAT, ["N", 2])}, {"y": FLOAT}, constants), tmp_path))
    assert len(str(model).splitlines()) < 4 * MANY


def test_mutated_files_raise_errors_of_indb_alone(tmp_path: Path) -> None:
    """A short run of what a fuzzer does; ONNX Runtime is not given them."""
    generator = random.Random(0)
    seeds = [proto.SerializeToString() for proto in (plain(), DAMAGED["nesting"][0], *(
        made(nodes, {"x": (FLOAT, ["N", 2])}, {"y": FLOAT}, constants) for nodes, constants in GIANTS.values()
        if len(nodes) < MANY))]  # fmt: skip
    path = tmp_path / "m.onnx"
    outcomes = set()
    for _ in range(150):
        data = bytearray(generator.choice(seeds))
        for _ in range(generator.choice([1, 2, 8])):
            at = generator.randrange(len(data))
            data[at : at + generator.randrange(2)] = generator.randbytes(generator.randrange(3))
        path.write_bytes(data)
        try:
            read(path)
        except IndbError as error:
            outcomes.add(type(error).__name__)
        else:
            outcomes.add("read")
    assert outcomes == {"read", "ModelFileError", "UnsupportedModel"}
