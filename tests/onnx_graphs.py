"""Graphs of ONNX that tests make, and what ONNX Runtime and indb give for the same rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indb.evaluate import decode, evaluate
from indb.ir import Model, Type

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

FLOAT, DOUBLE, INT64, INT32, BOOL, STRING = (
    getattr(TensorProto, name) for name in ("FLOAT", "DOUBLE", "INT64", "INT32", "BOOL", "STRING")
)
KINDS = {FLOAT: np.float32, DOUBLE: np.float64, INT64: np.int64, INT32: np.int32, BOOL: np.bool_, STRING: object}
OPSETS = {"": 18, "ai.onnx.ml": 3}

Node = tuple[Any, ...]
"""(operator, names of inputs, names of outputs, attributes)."""


def made(
    nodes: list[Node],
    inputs: dict[str, tuple[int, Any]],
    outputs: dict[str, int],
    constants: dict[str, Any] | None = None,
    opsets: dict[str, int] | None = None,
) -> Any:
    """A ModelProto; an array is a constant as it is, other constants get numpy's type."""
    built = [helper.make_node(op, *names, **attributes) for op, *names, attributes in map(_whole, nodes)]
    values = [helper.make_tensor_value_info(name, *what) for name, what in inputs.items()]
    results = [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()]
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()]
    graph = helper.make_graph(built, "test", values, results, tensors)
    imports = [helper.make_opsetid(domain, version) for domain, version in (opsets or OPSETS).items()]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def _whole(node: Node) -> Node:
    return node if len(node) == 4 else (*node, {})


def saved(model: Any, folder: Path, name: str = "m.onnx") -> Path:
    path = folder / name
    path.write_bytes(model.SerializeToString())
    return path


def run(model: Any, feeds: dict[str, Any]) -> list[Any]:
    """What ONNX Runtime gives."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def scored(model: Model, rows: np.ndarray[Any, Any]) -> dict[str, Any]:
    """What the blocks give, output by output; labels in place of their numbers."""
    columns = {
        column.name: [None if value is None else value for value in rows[:, lane].tolist()]
        if column.kind is Type.TEXT
        else rows[:, lane].astype(np.float64)
        for lane, column in enumerate(model.columns)
    }
    found = evaluate(model, columns)
    results = {}
    for target in model.targets:
        for output, values in found[target.name].items():
            is_label = target.labels is not None and output == "predict"
            results[f"{target.name}.{output}".lstrip(".")] = (
                np.array(decode(target.labels, values), dtype=object).reshape(-1, 1) if is_label else values
            )
    return results
