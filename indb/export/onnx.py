"""A model as an ONNX file in float64: a block is one node, of an operator or of a function that the file brings along.

An input (n_rows, 1) is a column: doubles, or texts. ONNX has no missing text, so one text stands for it; which one, and
what the outputs and labels are, is in the metadata (indb.onnxfile.metadata).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from indb.errors import UnsupportedModel
from indb.export.onnx_nodes import Nodes
from indb.export.sets import without_sets
from indb.ir import Block, Column, Foreign, Lookup, Model, Target, TreeEnsemble, Type, rewrite, walk
from indb.ir import Const as Constant
from indb.onnxfile import messages
from indb.onnxfile.functions import DOMAIN, FUNCTIONS, VERSION
from indb.onnxfile.metadata import METADATA, MISSING_TEXT, label_table

NAMES = {"predict_proba": "probabilities", "decision_function": "scores"}
"""What outputs are called; the prediction of a classifier is its `label`, and others keep their names."""


def to_onnx(model: Model, path: str | os.PathLike[str] | None = None) -> bytes:
    """The bytes of an ONNX file, which are written to `path` where one is given.

    Raises: UnsupportedModel for a model that is run by another library than ONNX Runtime, or that reads no column;
    OSError when the path cannot be written.
    """
    data = _own_bytes(model) if model.is_foreign else _graph(model)
    if path is not None:
        Path(path).write_bytes(data)
    return data


def _own_bytes(model: Model) -> bytes:
    """The file that a foreign model was read from."""
    blocks = [block for block in walk(model.roots()) if isinstance(block, Foreign)]
    formats = {block.format for block in blocks}
    if formats == {"onnx"} and len({block.payload.tobytes() for block in blocks}) == 1:
        return blocks[0].payload.tobytes()
    raise UnsupportedModel(
        f"cannot write the model as ONNX: only its own library knows what its {blocks[0].name} computes",
        "Convert it with that library's own exporter.",
    )


def _graph(model: Model) -> bytes:
    if not model.columns:
        raise UnsupportedModel("cannot write the model as ONNX: it has no columns, which say how many rows there are")
    model = rewrite(model, without_sets)
    taken = {column.name for column in model.columns}
    inputs = {id(column): column.name or _free("column", taken) for column in model.columns}
    nodes = Nodes(inputs, _missing_text(model), taken)
    outputs, targets = [], []
    for target in model.targets:
        names = {}
        for output, block in target.outputs.items():
            name = names[output] = _free(_output_name(target, output), taken)
            kind, shape = _write_output(nodes, target, output, block, name)
            outputs.append(messages.value(name, kind, shape))
        targets.append({"name": target.name, "labels": target.labels, "outputs": names})
    about = {
        "missing_text": nodes.missing,
        "columns": [[inputs[id(column)], column.name] for column in model.columns],
        "targets": targets,
        "source": model.source,
    }
    values = [messages.value(inputs[id(column)], *_of_column(column)) for column in model.columns]
    graph = messages.graph(model.source.get("class", "") or "model", nodes.messages, values, outputs, nodes.constants)
    return messages.model(
        graph,
        [FUNCTIONS[name].message for name in sorted(nodes.functions)],
        {DOMAIN: VERSION},
        ("indb", ""),
        {METADATA: json.dumps(about)},
    )


def _of_column(column: Column) -> tuple[int, tuple[int | str, ...]]:
    return (messages.STRING if column.kind is Type.TEXT else messages.DOUBLE), ("n", 1)


def _missing_text(model: Model) -> str:
    """A text that no constant and no key of the model is."""
    known: set[Any] = set()
    for block in walk(model.roots()):
        match block:
            case Constant(values, Type.TEXT):
                known.update(values)
            case Lookup(keys=keys, values=rows, unknown=unknown, missing=missing):
                known.update(keys, unknown, missing, *rows)
            case TreeEnsemble(category_sets=sets):
                known.update(*sets)
    labels = [label for target in model.targets for label in target.labels or ()]
    found = MISSING_TEXT
    while found in known or found in labels:
        found = f"<{found}>"
    return found


def _free(name: str, taken: set[str]) -> str:
    """A name that nothing else in the graph has."""
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _output_name(target: Target, output: str) -> str:
    name = "label" if output == "predict" and target.labels is not None else NAMES.get(output, output)
    return f"{target.name}.{name}" if target.name else name


def _write_output(
    nodes: Nodes, target: Target, output: str, block: Block, name: str
) -> tuple[int, tuple[int | str, ...]]:
    """Write the nodes of an output; its type and shape."""
    if output == "predict" and target.labels is not None:
        kind, labels = label_table(target.labels, nodes.missing)
        nodes.call("Label", [nodes.in_rows(block), nodes.constant(kind, labels)], name)
        return kind, ("n",)
    nodes.copy(block, name)
    return (messages.STRING if block.type is Type.TEXT else messages.DOUBLE), ("n", block.width)
