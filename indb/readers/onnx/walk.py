"""The walk over a checked graph: inputs become columns, nodes become values one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from indb import build
from indb.errors import ModelFileError, UnsupportedModel
from indb.ir import Apply, Block, Column, Op, Type
from indb.readers.onnx import files
from indb.readers.onnx.arrays import dtype_of, read_tensor
from indb.readers.onnx.fold import fold
from indb.readers.onnx.limits import MAX_COLUMNS, MAX_LANES, MAX_LANES_TOTAL, MAX_RANK, MAX_READ
from indb.readers.onnx.operators import OPERATORS, Node
from indb.readers.onnx.values import INT_LIMITS, Budget, Constant, Refused, Tensor, Value

NEWEST = {"": 27, "ai.onnx.ml": 5, "com.microsoft": 1}
"""The versions of operators that are known; what a newer one means is not guessed."""


class Walk:
    """The state of reading one graph: values by name, columns, and what a row must fulfil."""

    def __init__(self, model: Any, folder: Path) -> None:
        self.folder = folder
        self.versions = files.versions(model)
        self.functions = {(files.DOMAINS.get(each.domain, each.domain), each.name) for each in model.functions}
        self.conditions: list[Block] = []
        self.columns: list[Column] = []
        self.doubles: list[Block] = []  # whose lanes may be infinite: columns of float64, and what was cast to it
        self.budget = Budget()
        self.scopes: list[dict[str, Any]] = []

    def run(self, graph: Any, given: dict[str, Value]) -> list[Value]:
        """The outputs of a graph whose inputs are given; other names are those of the graphs around it.

        Raises: UnsupportedModel naming the node that blocks cannot say; ModelFileError for one that is damaged.
        """
        scope: dict[str, Any] = {tensor.name: tensor for tensor in graph.initializer}
        for sparse in graph.sparse_initializer:
            raise UnsupportedModel(f"its constant {sparse.values.name!r} is sparse")
        scope |= given
        self.scopes.append(scope)
        try:
            for proto in graph.node:
                for name, value in zip(proto.output, self._node(proto), strict=False):
                    if name and value is not None:
                        scope[name] = value
            return [self.value(entry.name, "the graph") for entry in graph.output]
        finally:
            self.scopes.pop()

    def value(self, name: str, reader: str) -> Value:
        """The value of a name, looked for from the innermost graph on."""
        for scope in reversed(self.scopes):
            if name in scope:
                found = scope[name]
                if isinstance(found, Value):
                    return found
                scope[name] = Constant(read_tensor(found, f"the constant {name!r}", self.folder))
                return scope[name]  # type: ignore[no-any-return]
        raise UnsupportedModel(f"{reader} reads {name!r}, which blocks do not have")

    def _node(self, proto: Any) -> Sequence[Value | None]:
        what = f"its node {proto.op_type}" + (f" {proto.name!r}" if proto.name else "")
        try:
            return self._read(proto)
        except Refused as error:
            raise UnsupportedModel(f"{what}: {error.message}") from None
        except ModelFileError as error:
            raise ModelFileError(f"{what}: {error.message}") from None

    def _read(self, proto: Any) -> Sequence[Value | None]:
        domain = files.DOMAINS.get(proto.domain, proto.domain)
        key = (domain, proto.op_type)
        if domain not in self.versions:
            raise ModelFileError(f"the file does not say which version of {domain or 'ai.onnx'!r} it uses")
        if key in self.functions or key not in OPERATORS:
            raise Refused(f"there are no blocks for {proto.op_type}" + (f" of {domain}" if domain else ""))
        if self.versions[domain] > NEWEST.get(domain, 0):
            raise Refused(
                f"it is of version {self.versions[domain]} of {domain or 'ai.onnx'}, known is {NEWEST[domain]}"
            )
        self.budget.spend("nodes", 1, MAX_READ)
        self._check_schema(proto, domain)
        inputs = [self.value(name, "it") if name else None for name in proto.input]
        entry = OPERATORS[key]
        if not entry.folds_itself and inputs and not any(isinstance(each, Tensor) for each in inputs):
            return fold(proto, domain, self.versions, inputs, self.budget)
        node = Node(proto, domain, self.versions[domain], inputs, self)
        found = entry.function(node)
        node.check_attributes()
        results = found if isinstance(found, Sequence) else [found]
        lanes = [each.block.width for each in results if isinstance(each, Tensor)]
        if max(lanes, default=0) > MAX_LANES:
            raise Refused(f"it makes {max(lanes)} lanes, at most {MAX_LANES} are read")
        self.budget.spend("lanes", sum(lanes), MAX_LANES_TOTAL)
        wanted = [name for name in proto.output if name]
        if len(results) < len(wanted) and len(results) < len(proto.output):
            raise Refused(f"its output {proto.output[len(results)]!r} is not read")
        return results

    def _check_schema(self, proto: Any, domain: str) -> None:
        """Compare the numbers of inputs and outputs with those of the operator, where the package onnx knows it."""
        from onnx import defs

        try:
            schema = defs.get_schema(proto.op_type, self.versions[domain], domain)
        except Exception:  # SchemaError is no part of the package's interface
            if domain == "com.microsoft":
                return
            raise ModelFileError(f"version {self.versions[domain]} of its operators has no {proto.op_type}") from None
        if not schema.min_input <= len(proto.input) <= schema.max_input:
            raise ModelFileError(f"it has {len(proto.input)} inputs, needed {schema.min_input} to {schema.max_input}")
        if not schema.min_output <= len(proto.output) <= schema.max_output:
            raise ModelFileError(
                f"it has {len(proto.output)} outputs, needed {schema.min_output} to {schema.max_output}"
            )


def inputs_of(graph: Any) -> list[Any]:
    """The inputs of a graph that are no constants."""
    constants = {tensor.name for tensor in graph.initializer} | {each.values.name for each in graph.sparse_initializer}
    return [entry for entry in graph.input if entry.name not in constants]


def read_inputs(walk: Walk, graph: Any, given: Sequence[str] | None, what: str) -> dict[str, Value]:
    """The inputs of a graph as tensors of columns, which are added to the walk.

    Raises: UnsupportedModel for what a table does not have.
    """
    entries = inputs_of(graph)
    if not entries:
        raise UnsupportedModel(f"{what}: it takes no inputs")
    shapes = [_shape(entry, len(entries), given, what) for entry in entries]
    count = sum(int(np.prod(shape, dtype=object)) for shape, _, _ in shapes)
    if count > MAX_COLUMNS:
        raise UnsupportedModel(f"{what}: it takes {count} columns, at most {MAX_COLUMNS} become blocks")
    names: list[str] = []
    for entry, (shape, _, _) in zip(entries, shapes, strict=True):
        width = int(np.prod(shape, dtype=object))
        single = len(entries) > 1 or width == 1
        numbered = (f"x{number}" if len(entries) == 1 else f"{entry.name}_{number}" for number in range(width))
        names += [entry.name] if single and width == 1 else list(numbered)
    if given is not None and len(given) != len(names):
        raise UnsupportedModel(f"{what}: columns= holds {len(given)} names, it takes {len(names)} columns")
    if len(set(given or names)) != len(names):
        raise UnsupportedModel(
            f"{what}: a name stands for more than one of its columns", "Give other names: columns=[…]."
        )
    left = iter(given or names)
    found: dict[str, Value] = {}
    for entry, (shape, dtype, batch) in zip(entries, shapes, strict=True):
        kind = Type.TEXT if dtype.kind == "O" else Type.NUMBER
        columns = [Column(next(left), kind) for _ in range(int(np.prod(shape)))]
        walk.columns += columns
        found[entry.name] = _input(walk, columns, shape, dtype, batch)
    return found


def _shape(
    entry: Any, n_entries: int, given: Sequence[str] | None, what: str
) -> tuple[tuple[int, ...], np.dtype[Any], int | None]:
    """(shape of one row, type of elements, axis of the batch) of an input."""
    what = f"{what}: its input {entry.name!r}"
    if not entry.type.HasField("tensor_type") or not entry.type.tensor_type.HasField("shape"):
        raise UnsupportedModel(f"{what} is no tensor of a shape", "Convert the model with typed inputs.")
    tensor = entry.type.tensor_type
    dims: list[int | None] = [dim.dim_value if dim.HasField("dim_value") else None for dim in tensor.shape.dim]
    if len(dims) > MAX_RANK or any(dim is not None and dim < 0 for dim in dims):
        raise ModelFileError(f"{what} has the shape {str(dims)[:80]}")
    dtype = dtype_of(tensor.elem_type, what)
    if dtype == np.float16:
        raise UnsupportedModel(f"{what} holds float16, which blocks do not round to")
    batch = 0 if dims and dims[0] is None else None
    if batch == 0:
        dims[0] = 1
    if len(dims) == 2 and dims[1] is None and n_entries == 1 and given is not None:
        dims[1] = len(given)
    if any(dim is None for dim in dims):
        raise UnsupportedModel(f"{what} does not say how many columns it takes", "Give the names with columns=[…].")
    shape = tuple(dim for dim in dims if dim is not None)
    count = int(np.prod(shape, dtype=object)) if shape else 1
    if not 0 < count <= MAX_LANES:
        raise UnsupportedModel(f"{what} takes {count} columns, needed from 1 to {MAX_LANES}")
    return shape, dtype, batch


def _input(
    walk: Walk, columns: list[Column], shape: tuple[int, ...], dtype: np.dtype[Any], batch: int | None
) -> Tensor:
    """The tensor of some columns, and the conditions under which ONNX has a value for them."""
    block = build.concat(columns)
    if dtype.kind == "O":
        zero, one = build.number(0.0), build.number(1.0)
        walk.conditions += [build.where(build.is_missing(column), zero, one) for column in columns]
    elif dtype == np.float32:
        block = build.single(block)
    elif dtype == np.float64:
        walk.doubles += columns
    elif dtype in INT_LIMITS:
        whole = Apply(Op.EQ, (Apply(Op.FLOOR, (block,)), block))
        walk.conditions.append(Apply(Op.AND, (whole, build.between(block, *INT_LIMITS[dtype]))))
    return Tensor(block, shape, dtype, batch)
