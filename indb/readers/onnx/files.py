"""An ONNX file as a checked graph: every name is defined once and before it is read, every tensor has its data.

Nothing is executed, and nothing is handed to code that trusts the file. Source: onnx/docs/IR.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from indb.errors import ModelFileError
from indb.readers.base import File
from indb.readers.onnx.arrays import check_tensor
from indb.readers.onnx.limits import MAX_NESTING, MAX_NODES

DOMAINS = {"ai.onnx": ""}
"""Other names of domains."""


class PackageMissing(Exception):
    """The package onnx is not installed: graphs cannot be read, only run."""


def load(file: File) -> Any:
    """The ModelProto of a file, checked.

    Raises: PackageMissing; ModelFileError for a file that is damaged or breaks a rule of the format.
    """
    try:
        import onnx
    except ImportError:
        raise PackageMissing from None
    model = onnx.ModelProto()
    try:
        model.ParseFromString(file.data)
    except Exception as error:  # protobuf has an error of its own
        raise ModelFileError(f"cannot load {file.name}: its bytes are no ONNX file ({error})") from error
    try:
        check_model(model, file.folder)
    except ModelFileError as error:
        raise ModelFileError(f"cannot load {file.name}: {error.message}", error.hint) from None
    except RecursionError as error:
        raise ModelFileError(f"cannot load {file.name}: its graphs are nested too deep") from error
    return model


def versions(model: Any) -> dict[str, int]:
    """Domain -> version of its operators. Raises: ModelFileError where one has two."""
    found: dict[str, int] = {}
    for entry in model.opset_import:
        domain = DOMAINS.get(entry.domain, entry.domain)
        if found.setdefault(domain, entry.version) != entry.version or entry.version < 1:
            raise ModelFileError(f"the operators of {domain or 'ai.onnx'!r} have no single version")
    return found


STRING = 9
"""FieldDescriptor.TYPE_STRING."""


def _check_texts(message: Any) -> None:
    """Look at every name in a message: protobuf gives bytes for one that is not UTF-8."""
    descriptor = message.DESCRIPTOR
    if descriptor.name == "TensorProto":  # whose data is not to be copied
        fields = [(descriptor.fields_by_name[name], getattr(message, name)) for name in ("name", "external_data")]
    else:
        fields = message.ListFields()
    for field, value in fields:
        values = [value] if isinstance(value, str | bytes | int | float) or hasattr(value, "DESCRIPTOR") else value
        if field.message_type is not None:
            for inner in values:
                _check_texts(inner)
        elif field.type == STRING and any(isinstance(text, bytes) for text in values):
            raise ModelFileError(f"a {field.name} in it is not UTF-8")


def check_model(model: Any, folder: Path) -> None:
    """Check the rules of the format that reading relies on. Raises: ModelFileError naming what breaks one."""
    _check_texts(model)
    if not model.HasField("graph") or not (model.graph.node or model.graph.output):
        raise ModelFileError("it holds no graph")
    if not versions(model):
        raise ModelFileError("it does not say which versions of operators it uses")
    _check_graph(model.graph, (), folder, [0])
    for function in model.functions:
        for node in function.node:
            _check_attributes(node, f"node {node.op_type!r}", folder)


def _check_graph(graph: Any, outer: tuple[set[str], ...], folder: Path, count: list[int]) -> None:
    """Check a graph within others, whose values so far are `outer`; `count` holds the nodes seen."""
    if len(outer) > MAX_NESTING:
        raise ModelFileError(f"its graphs are nested more than {MAX_NESTING} deep")
    count[0] += len(graph.node)
    if count[0] > MAX_NODES:
        raise ModelFileError(f"it has more than {MAX_NODES} nodes")
    own: set[str] = set()
    scopes = (*outer, own)
    for tensor in graph.initializer:
        check_tensor(tensor, f"the constant {tensor.name!r}", folder)
        _define(tensor.name, own)
    for sparse in graph.sparse_initializer:
        check_tensor(sparse.values, f"the constant {sparse.values.name!r}", folder)
        check_tensor(sparse.indices, f"the indices of {sparse.values.name!r}", folder)
        _define(sparse.values.name, own)
    inputs: set[str] = set()
    for entry in graph.input:
        _define(entry.name, inputs)  # one that is also a constant has that as its default
    own |= inputs
    for node in graph.node:
        what = f"node {node.name or node.op_type!r}"
        for name in node.input:
            if name and not any(name in scope for scope in scopes):
                raise ModelFileError(f"{what} reads {name!r}, which nothing before it gives")
        _check_attributes(node, what, folder)
        for inner in subgraphs(node):
            _check_graph(inner, scopes, folder, count)
        for name in node.output:
            if name:
                _define(name, own)
    for entry in graph.output:
        if not any(entry.name in scope for scope in scopes):
            raise ModelFileError(f"its output {entry.name!r} is given by nothing")


def _define(name: str, own: set[str]) -> None:
    if not name or name in own:
        raise ModelFileError(f"the name {name!r} is given to two values" if name else "a value has no name")
    own.add(name)


def _check_attributes(node: Any, what: str, folder: Path) -> None:
    names = [attribute.name for attribute in node.attribute]
    if len(set(names)) != len(names):
        raise ModelFileError(f"{what} has an attribute twice")
    for attribute in node.attribute:
        held = [attribute.t] if attribute.HasField("t") else []
        for tensor in (*held, *attribute.tensors):
            check_tensor(tensor, f"the attribute {attribute.name!r} of {what}", folder)


def subgraphs(node: Any) -> Iterator[Any]:
    """The graphs that a node holds."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs
