"""ONNX files: a graph becomes a foreign model that ONNX Runtime runs as it is.

A graph takes tensors, a table has columns: an input of shape [n, k] takes k columns, one of [n, a, b] a * b of them.
What goes into a float tensor is rounded to single precision first, as every caller of that runtime does; a converter
that writes double tensors keeps all digits. Labels are found in the nodes and constants of the file, which the runtime
does not show; so the few parts of it that hold them are read here.

Source: onnx/onnx.proto (field numbers), onnx/docs/Operators-ml.md (classlabels_*).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from typing import Any

import numpy as np

from indb.errors import ModelFileError, UnsupportedModel
from indb.ir import Block, Foreign, Label, Model, Target, Type, model_of
from indb.readers import trial
from indb.readers.base import File
from indb.readers.graphs import columns_of
from indb.readers.tried import TRIED, check_company
from indb.runtime.foreign import TENSORS, Graph

NAME = "ONNX graph"


def read(file: File, columns: Sequence[str] | None, why: str) -> Model:
    """The foreign model of an ONNX file.

    columns: the table's names for the columns that the graph takes, in order; by default the names of inputs that take
    one column each, else x0, x1, …. why: the reason why it is no model in blocks.

    Raises: ModelFileError when ONNX Runtime is missing, crashes or cannot load it; UnsupportedModel for inputs or
    outputs that a table does not have.
    """
    trial.check(file, "onnx", columns)
    return _read(file, columns, why)


def try_file(file: File, columns: Sequence[str] | None) -> None:
    """What a trial of a file does: all that ONNX Runtime is asked for while the file is read."""
    _read(file, columns, "")


def _read(file: File, columns: Sequence[str] | None, why: str) -> Model:
    with redirect_stdout(StringIO()):  # where ONNX Runtime prints what it finds wrong
        graph = Graph(file.data, f"cannot load {file.name}")
    _check_inputs(graph, f"cannot read {file.name}")
    found = columns_of(graph.inputs, columns, f"cannot read {file.name}")
    wrong = [entry for entry in graph.session.get_outputs() if not entry.type.startswith("tensor(")]
    if wrong:
        raise UnsupportedModel(
            f"cannot read {file.name}: its output {wrong[0].name!r} is a {wrong[0].type}, needed a tensor",
            "Convert the model with options={'zipmap': False}.",
        )
    payload = np.frombuffer(file.data, dtype=np.uint8)
    block = Foreign(found, "onnx", payload, NAME, "", 1)
    block, results = _tried(block, graph, file.name)
    meta = graph.session.get_modelmeta()
    source = {"class": meta.graph_name or NAME, "library": "ONNX Runtime", "version": meta.producer_name}
    return model_of(found, _targets(block, results, file), {**source, "reason": why})


def _check_inputs(graph: Graph, what: str) -> None:
    """Refuse inputs that are no rows of a table. Raises: UnsupportedModel."""
    for entry in graph.session.get_inputs():
        if entry.type not in TENSORS or not entry.shape:
            raise UnsupportedModel(
                f"{what}: its input {entry.name!r} is a {entry.type} of shape {entry.shape}, needed numbers or texts "
                "of shape [n, …]"
            )
        if isinstance(entry.shape[0], int):
            raise UnsupportedModel(
                f"{what}: its input {entry.name!r} takes exactly {entry.shape[0]} rows at a time",
                "Export it with a dynamic first axis.",
            )


def _tried(block: Foreign, graph: Graph, name: str) -> tuple[Foreign, dict[str, Any]]:
    """The block with a row that the graph accepts, and its outputs for it."""
    problem: Exception | None = None
    for number in TRIED:
        example = tuple(str(number) if part.type is Type.TEXT else number for part in block.inputs)
        row = [np.array([[value]], dtype=object if isinstance(value, str) else np.float64) for value in example]
        try:
            outputs, ask = [entry.name for entry in graph.session.get_outputs()], graph.rows(row)
            results = {output: ask(output) for output in outputs}
        except ValueError as error:
            problem = error
            continue
        block = replace(block, example=example)
        _check_company(block, graph, results, name)
        return block, {output: parts[0] for output, parts in results.items()}
    raise UnsupportedModel(f"cannot read {name}: it accepts none of the rows that were tried ({problem})")


def _check_company(block: Foreign, graph: Graph, results: dict[str, Any], name: str) -> None:
    """Raises: UnsupportedModel for a graph in which a row depends on those beside it."""
    try:
        check_company(block, graph, results)
    except UnsupportedModel as error:
        raise UnsupportedModel(f"cannot read {name}: {error.message}") from error


def _targets(block: Foreign, results: dict[str, Any], file: File) -> tuple[Target, ...]:
    """A classifier's label and probabilities as one target; each other output as its own."""
    found: dict[str, dict[str, Block]] = {}
    labels: dict[str, tuple[Label, ...]] = {}
    left = dict(results)
    chosen = [name for name, values in results.items() if values.dtype.kind in "OU" or "label" in name]
    for name in chosen:
        values = left.pop(name)
        proba = next((other for other, given in left.items() if given.dtype.kind == "f"), None)
        classes = _labels(file, values[0, 0], None if proba is None else left[proba].shape[1])
        if values.dtype.kind in "OU" and not classes:
            raise UnsupportedModel(
                f"cannot read {file.name}: its output {name!r} is text, and its labels are not found in the file",
                "Convert the model with numbers as labels.",
            )
        found[name] = {"predict": replace(block, method=name, classes=classes)}
        if classes:
            labels[name] = classes
        if proba is not None:
            found[name]["predict_proba"] = replace(block, method=proba, lanes=left.pop(proba).shape[1])
    for name, values in left.items():
        output = "predict" if values.shape[1] == 1 else "transform"
        found[name] = {output: replace(block, method=name, lanes=values.shape[1])}
    single = len(found) == 1
    return tuple(Target("" if single else name, outputs, labels.get(name)) for name, outputs in found.items())


def _labels(file: File, value: Any, width: int | None) -> tuple[Label, ...]:
    """The labels of a graph that gives `value` and `width` probabilities; () when the file does not tell for sure."""
    kind = str if isinstance(value, str) else int
    candidates = {
        labels
        for labels in label_lists(file.data)
        if all(isinstance(label, kind) for label in labels)
        and len(labels) == (width or len(labels))
        and value in labels
    }
    return candidates.pop() if len(candidates) == 1 else ()


# Protocol buffers: a field is its number and wire type, then a varint, or a length and bytes, or 4 or 8 bytes.


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """(number, value) of each field of a message: an int, or the bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        wire = key & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        size, at = _varint(data, at) if wire == 2 else ({1: 8, 5: 4}[wire], at)
        yield key >> 3, data[at : at + size]
        at += size


def _integers(values: list[Any]) -> Iterator[int]:
    """Repeated int64, packed or not."""
    for value in values:
        at = 0
        while isinstance(value, bytes) and at < len(value):
            number, at = _varint(value, at)
            yield number - (1 << 64) if number >> 63 else number
        if isinstance(value, int):
            yield value - (1 << 64) if value >> 63 else value


def _grouped(data: bytes) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for number, value in _fields(data):
        found.setdefault(number, []).append(value)
    return found


def label_lists(data: bytes) -> list[tuple[Label, ...]]:
    """Every list of labels in an ONNX file: attributes classlabels_… of its nodes, and constants that are picked from.

    Raises: ModelFileError when the bytes are no ONNX file.
    """
    try:
        graph = _grouped(_grouped(data)[7][0])
        nodes = [_grouped(node) for node in graph.get(1, [])]
        attributes = [_grouped(each) for node in nodes for each in node.get(5, [])]
        found = [_attribute(each) for each in attributes if each[1][0].startswith(b"classlabels")]
        picked = {node[1][0] for node in nodes if node[4][0] == b"ArrayFeatureExtractor"}
        constants = [_grouped(each) for each in graph.get(5, [])]
        found += [_constant(each) for each in constants if each[8][0] in picked]
        return [labels for labels in found if labels and len(set(labels)) == len(labels)]
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        raise ModelFileError(f"cannot load the {NAME}: its bytes are no ONNX file ({error!r})") from error


def _attribute(attribute: dict[int, list[Any]]) -> tuple[Label, ...]:
    """AttributeProto: ints are field 8, strings 9."""
    texts = tuple(text.decode() for text in attribute.get(9, []))
    return texts or tuple(_integers(attribute.get(8, [])))


RAW = {6: "<i4", 7: "<i8", 8: "O"}
"""TensorProto.DataType of labels -> numpy's type of raw_data, which texts never have."""


def _constant(tensor: dict[int, list[Any]]) -> tuple[Label, ...]:
    """TensorProto: int32_data is field 5, string_data 6, int64_data 7, name 8, raw_data 9."""
    if tensor[2][0] not in RAW:
        return ()
    texts = tuple(text.decode() for text in tensor.get(6, []))
    numbers = tuple(_integers([*tensor.get(5, []), *tensor.get(7, [])]))
    raw = tuple(np.frombuffer(tensor[9][0], RAW[tensor[2][0]]).tolist()) if 9 in tensor else ()
    return texts or numbers or raw
