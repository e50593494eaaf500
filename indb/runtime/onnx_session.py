"""ONNX graphs in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from indb.runtime import tensors
from indb.runtime.providers import session
from indb.runtime.tensors import DTYPES, Arrays, Tensor

KINDS = {
    "tensor(double)": "float64",
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(bool)": "bool",
    "tensor(string)": "text",
}
"""ONNX's name of a tensor's type -> ours."""

TENSORS: dict[str, Any] = {name: DTYPES[kind] for name, kind in KINDS.items()}
"""ONNX's name of a tensor's type -> numpy's."""


class Graph(tensors.Graph):
    """An ONNX graph in ONNX Runtime, on one thread: the database's own threads share the rows."""

    def __init__(self, data: bytes, what: str, providers: Sequence[str] = ()) -> None:
        self.session = session(data, providers, what)
        import onnxruntime

        state = onnxruntime.capi.onnxruntime_pybind11_state
        # RuntimeError: an output whose type numpy has not
        self.refusals = (state.Fail, state.InvalidArgument, state.RuntimeException, RuntimeError)
        self.inputs = [_tensor(entry) for entry in self.session.get_inputs()]
        self.outputs = [_tensor(entry) for entry in self.session.get_outputs()]

    def run(self, feed: Arrays) -> Arrays:
        given = {tensor.name: values for tensor, values in zip(self.inputs, feed, strict=True)}
        try:
            return [np.asarray(found) for found in self.session.run(None, given)]
        except self.refusals as error:
            raise ValueError(str(error)) from error


def _tensor(entry: Any) -> Tensor:
    shape = tuple(size if isinstance(size, int) else None for size in entry.shape[1:])
    return Tensor(entry.name, KINDS.get(entry.type, entry.type), shape)
