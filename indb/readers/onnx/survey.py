"""What is looked at before a file that blocks cannot say is handed to ONNX Runtime, which trusts it.

That runtime computes what is constant while it loads a graph: a few bytes can ask for more memory than there is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from indb.errors import ModelFileError, UnsupportedModel
from indb.readers.base import File
from indb.readers.onnx.arrays import read_tensor
from indb.readers.onnx.files import subgraphs
from indb.readers.onnx.limits import MAX_MADE

SIZES: dict[str, tuple[int, ...]] = {
    "CenterCropPad": (1,),
    "ConstantOfShape": (0,),
    "Expand": (1,),
    "OneHot": (1,),
    "Pad": (1,),
    "Range": (0, 1),
    "Resize": (2, 3),
    "Reshape": (1,),
    "Tile": (1,),
    "Upsample": (1,),
}
"""Operator -> which of its inputs say how large its result is."""

NAMED = ("shape", "pads", "paddings", "scales", "output_shape", "kernel_shape", "dilations", "strides")
"""Attributes that do."""

FEW = 2**12
"""More elements are no sizes."""


def check(model: Any, file: File) -> None:
    """Raises: ModelFileError for constants that ask for more than MAX_MADE elements."""
    known: dict[str, Any] = {}
    for graph in _graphs(model.graph):
        known |= {tensor.name: tensor for tensor in graph.initializer}
        for node in graph.node:
            for attribute in node.attribute:
                if node.op_type == "Constant" and attribute.name == "value" and node.output:
                    known[node.output[0]] = attribute.t
                if attribute.name in NAMED:
                    _check(file, node, [*attribute.ints, *attribute.floats])
    for graph in _graphs(model.graph):
        for node in graph.node:
            for position in SIZES.get(node.op_type, ()):
                tensor = known.get(node.input[position]) if position < len(node.input) else None
                if tensor is not None and math.prod(tensor.dims) <= FEW and len(tensor.dims) <= 1:
                    _check(file, node, _numbers(tensor, file))


def _numbers(tensor: Any, file: File) -> list[float]:
    try:
        array = read_tensor(tensor, "a size", file.folder)
    except UnsupportedModel:
        return []
    return array.ravel().tolist() if array.dtype.kind in "iuf" else []


def _check(file: File, node: Any, sizes: list[float]) -> None:
    made = math.prod(max(1.0, abs(float(size))) for size in sizes if np.isfinite(size) and size > -(2**62))
    if made > MAX_MADE:
        raise ModelFileError(
            f"cannot load {file.name}: its node {node.op_type} {node.name!r} asks for the sizes {str(sizes)[:80]}, "
            f"needed at most {MAX_MADE} elements"
        )


def _graphs(graph: Any) -> Iterator[Any]:
    yield graph
    for node in graph.node:
        for inner in subgraphs(node):
            yield from _graphs(inner)
