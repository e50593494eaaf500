"""The node tests of the onnx package: their models with parameters as constants, and their inputs as rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.backend import test as onnx_test
from onnx_rows import Array, constants

FOLDER = Path(onnx_test.__file__).parent / "data" / "node"
"""Where the package holds them, each in a folder of its own."""

PARAMETERS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("Reshape", "Squeeze", "Unsqueeze", "Expand", "TopK", "CumSum", "CumProd", "Split", "Gather",
                     "Trilu", "CastLike", "GatherElements", "GatherND"), (1,)),
    **dict.fromkeys(("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin",
                     "ReduceProd", "ReduceSum", "ReduceSumSquare", "Tile", "ArrayFeatureExtractor"), (1,)),
    "Slice": (1, 2, 3, 4), "Pad": (1, 2, 3), "Clip": (1, 2), "OneHot": (1, 2), "Range": (1, 2), "Compress": (1,),
    "BatchNormalization": (1, 2, 3, 4), "LayerNormalization": (1, 2), "RMSNormalization": (1,), "Dropout": (1, 2),
    "QuantizeLinear": (1, 2), "DequantizeLinear": (1, 2), "ScatterElements": (1,), "ScatterND": (1,), "PRelu": (1,),
}  # fmt: skip
"""Inputs that a file has as constants, as converters write it: axes, shapes, bounds, weights."""


@dataclass(frozen=True)
class NodeTest:
    """A test: a model, inputs and what it must give for them."""

    name: str
    folder: Path

    @cached_property
    def proto(self) -> Any:
        """The model as it is."""
        return onnx.load(str(self.folder / "model.onnx"))

    @property
    def operators(self) -> set[str]:
        """The operators of its nodes, those of its subgraphs too; of other domains with their domain."""
        return {f"{node.domain}.{node.op_type}".lstrip(".") for node in nodes(self.proto.graph)}

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """Input -> array; what is no tensor stays a message."""
        return self._read("input", self.proto.graph.input)

    @cached_property
    def outputs(self) -> dict[str, Any]:
        """Output -> array."""
        return self._read("output", self.proto.graph.output)

    def _read(self, kind: str, entries: Any) -> dict[str, Any]:
        found = {}
        for number, entry in enumerate(entries):
            tensor = TensorProto()
            data = (self.folder / "test_data_set_0" / f"{kind}_{number}.pb").read_bytes()
            if not entry.type.HasField("tensor_type"):
                found[entry.name] = None
                continue
            tensor.ParseFromString(data)
            array = numpy_helper.to_array(tensor)
            found[entry.name] = array.astype(object) if array.dtype.kind in "SU" else array
        return found

    @cached_property
    def parameters(self) -> dict[str, Array]:
        """The inputs that a file has as constants."""
        base = by_name().get(self.name.partition("_expanded")[0], self)
        found: set[str] = set()
        for node in base.proto.graph.node:
            places = PARAMETERS.get(node.op_type, ())
            found |= {name for place, name in enumerate(node.input) if place in places and name}
        return {name: array for name, array in self.inputs.items() if name in found}

    @cached_property
    def model(self) -> Any:
        """The model with its parameters as constants."""
        return constants(self.proto, self.parameters)

    @property
    def feed(self) -> dict[str, Array]:
        """The inputs that are columns, each element one."""
        return {name: array for name, array in self.inputs.items() if name not in self.parameters}


def nodes(graph: Any) -> Iterator[Any]:
    """The nodes of a graph and of those within it."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from nodes(attribute.g)


@cache
def by_name() -> dict[str, NodeTest]:
    """Every node test of the package, by name."""
    return {path.name: NodeTest(path.name, path) for path in sorted(FOLDER.iterdir())}


def batched(test: NodeTest) -> Any:
    """The model with an open first axis where all columns and outputs share it, else None."""
    arrays = [*test.feed.values(), *test.outputs.values()]
    if any(array.ndim == 0 for array in arrays) or len({array.shape[0] for array in arrays}) != 1:
        return None
    found = onnx.ModelProto()
    found.CopyFrom(test.model)
    for entry in (*found.graph.input, *found.graph.output):
        entry.type.tensor_type.shape.dim[0].ClearField("dim_value")
        entry.type.tensor_type.shape.dim[0].dim_param = "n"
    return found


def flat(arrays: dict[str, Array], n_rows: int) -> dict[str, Any]:
    """Arrays as rows: (n_rows, width) of numbers, or texts."""
    found = {}
    for name, array in arrays.items():
        rows = array.reshape(n_rows, -1)
        found[name] = rows if rows.dtype == object else rows.astype(np.float64)
    return found
