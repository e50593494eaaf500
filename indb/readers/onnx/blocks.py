"""An ONNX graph in blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from indb import build
from indb.ir import Distance, Linear, Model, walk
from indb.readers.base import File
from indb.readers.finite import finite
from indb.readers.onnx.outputs import targets
from indb.readers.onnx.walk import Walk, read_inputs

MANY_WEIGHTS = 5_000
"""From so many weights on ONNX Runtime's matrix products are faster than sums in order."""


def read(file: File, model: Any, columns: Sequence[str] | None) -> Model:
    """The model of a checked ModelProto.

    Raises: UnsupportedModel for what blocks cannot say; ModelFileError for a node that is damaged.
    """
    what = f"cannot read {file.name}"
    state = Walk(model, file.folder)
    given = read_inputs(state, model.graph, columns, what)
    values = state.run(model.graph, given)
    found = targets([entry.name for entry in model.graph.output], values, what)
    source = {"class": model.graph.name or "ONNX graph", "library": "ONNX", "version": model.producer_name}
    roots = [*state.conditions, *(block for target in found for block in target.outputs.values())]
    conditions = [*state.conditions, *finite(roots, state.doubles, in_float32=True)]
    return Model(tuple(state.columns), tuple(build.guarded(target, conditions) for target in found), source)


def n_weights(model: Model) -> int:
    """The weights of all matrix products of a model."""
    return sum(
        block.weight.size if isinstance(block, Linear) else block.points.size
        for block in walk(model.roots())
        if isinstance(block, Linear | Distance)
    )
