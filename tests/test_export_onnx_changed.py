"""Files that indb wrote and somebody changed: they are not read as blocks that they no longer are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exported_onnx import S, X, Y, Z, ensemble, of
from numpy.typing import NDArray

from indb import build
from indb.ir import (
    Concat,
    Distance,
    Lookup,
    Metric,
    Model,
)
from indb.readers.onnx import written

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def proto_of(model: Model) -> Any:
    return onnx.load_from_string(model.to_onnx())


EVERYTHING = of(
    build.less(X, Y),
    ensemble((Concat((X, Y)), S, Z), [0, 9]),
    Distance(Concat((X, Y)), np.array([[0.1, 1.0]]), Metric.SQUARED),
    Lookup(S, ("a",), ((1.0,),), (2.0,), (3.0,)),
)


def _function_body(proto: Any) -> None:
    proto.functions[0].node[-1].op_type += "X"


def _node(proto: Any) -> None:
    proto.graph.node[0].domain = "other"


def _opset(proto: Any) -> None:
    proto.opset_import[0].version += 1


def _no_metadata(proto: Any) -> None:
    del proto.metadata_props[:]


@pytest.mark.parametrize("change", [_function_body, _node, _opset, _no_metadata])
def test_names_alone_do_not_make_a_file_ours(change: Callable[[Any], None]) -> None:
    proto = proto_of(EVERYTHING)
    assert written.is_written(proto)
    change(proto)
    assert not written.is_written(proto)


def _attribute(node: Any, name: str) -> Any:
    return next(each for each in node.attribute if each.name == name)


def _called(proto: Any, op: str) -> Any:
    return next(node for node in proto.graph.node if node.op_type == op)


def _constant(proto: Any, name: str, array: NDArray[Any]) -> None:
    (found,) = (each for each in proto.graph.initializer if each.name == name)
    found.CopyFrom(onnx.numpy_helper.from_array(array, name))


CHANGES: dict[str, Callable[[Any], Any]] = {
    "order of lanes": lambda p: _constant(p, _called(p, "SquaredDistance").input[2], np.array([0, 1])),
    "default of keys": lambda p: _attribute(_called(p, "LookupText"), "default_tensor").t.CopyFrom(
        onnx.numpy_helper.from_array(np.array([0]))
    ),
    "target of a leaf": lambda p: _attribute(_called(p, "Trees"), "leaf_targetids").ints.__setitem__(0, 1),
    "node of a leaf": lambda p: _attribute(_called(p, "Trees"), "nodes_truenodeids").ints.__setitem__(0, 99),
    "weight of a leaf": lambda p: _attribute(_called(p, "Trees"), "leaf_weights").t.CopyFrom(
        onnx.numpy_helper.from_array(np.array([0.5] * 6))
    ),
    "another attribute": lambda p: _called(p, "Concat").attribute[0].__setattr__("i", 0),
    "no JSON": lambda p: p.metadata_props[0].__setattr__("value", "{"),
    "other outputs": lambda p: p.metadata_props[0].__setattr__(
        "value", p.metadata_props[0].value.replace('"o1"', '"predict"', 1).replace(': "o1"', ': "transform"')
    ),
}


@pytest.mark.parametrize("change", list(CHANGES.values()), ids=list(CHANGES))
def test_a_file_that_was_changed_is_not_read_as_ours(change: Callable[[Any], Any]) -> None:
    """It goes the way of all files then, where its nodes mean what ONNX says."""
    proto = proto_of(EVERYTHING)
    file = written.File("m.onnx", b"", Path())
    assert written.read(file, proto, None) is not None
    change(proto)
    assert written.read(file, proto, None) is None


def test_a_file_that_was_only_written_again_is_ours() -> None:
    proto = onnx.load_from_string(proto_of(EVERYTHING).SerializeToString())
    proto.producer_version = "2"
    assert written.is_written(proto)
