"""What a .tflite file holds, checked: LiteRT trusts the sizes, indices and shapes that it finds in one.

Source: tensorflow/lite/schema/schema.fbs (field numbers); its version 3, identifier TFL3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indb.runtime.flatbuffer import Buffer, Damaged, Table

KINDS = {
    0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 5: "text", 6: "bool", 7: "int16", 9: "int8",
    10: "float64",
}  # fmt: skip
"""TensorType -> the kind of a tensor; others have no numbers that a table holds."""

SIZES = {"float32": 4, "float16": 2, "int32": 4, "uint8": 1, "int64": 8, "bool": 1, "int16": 2, "int8": 1, "float64": 8}

CUSTOM = 32
"""The number of the operator that a file brings along, or takes from TensorFlow (Flex)."""

FORBIDDEN = {
    CUSTOM: "CUSTOM", 31: "CALL", 51: "DELEGATE", 118: "IF", 119: "WHILE", 129: "CALL_ONCE", 136: "HASHTABLE",
    137: "HASHTABLE_FIND", 138: "HASHTABLE_IMPORT", 142: "VAR_HANDLE", 143: "READ_VARIABLE", 144: "ASSIGN_VARIABLE",
    139: "HASHTABLE_SIZE", 146: "RANDOM_STANDARD_NORMAL", 148: "RANDOM_UNIFORM", 149: "MULTINOMIAL",
}  # fmt: skip
"""BuiltinOperator -> its name: those that run other code, remember what they computed, or give random numbers."""

UNUSUAL = {5: "keeps its value from one row to the next", 6: "is sparse", 9: "is a variant"}
"""Field of a tensor -> what it says of it."""

OPTIONAL = {3: (2,), 4: (2,), 9: (2,), 67: (3,), **dict.fromkeys((16, 44, 52), range(1, 48))}
"""BuiltinOperator -> which of its inputs may be left out: biases, and parts of an LSTM."""

LAST_BUILTIN = 162
"""Operators with higher numbers are those of StableHLO, for compilers."""

MAX_RANK = 8
MAX_TENSORS = 1 << 16
MAX_ELEMENTS = 1 << 28
"""Of one tensor, for one row."""


@dataclass(frozen=True, slots=True)
class Quantization:
    """Integers stand for (integer - zero) * scale; several scales: one for each index of an axis."""

    scales: NDArray[Any]
    zeros: NDArray[Any]
    axis: int


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """A tensor of a graph: its shape as stored, the sizes that are open (-1), its constant value, if it has one."""

    name: str
    kind: str
    shape: tuple[int, ...]
    signature: tuple[int, ...]
    data: bytes
    quantization: Quantization | None

    def array(self) -> NDArray[Any]:
        """The constant. Raises: Damaged when it has none."""
        if not self.data or self.kind not in SIZES:
            raise Damaged(f"tensor {self.name!r} has no constant value")
        return np.frombuffer(self.data, np.dtype(self.kind).newbyteorder("<")).reshape(self.shape)


@dataclass(frozen=True, slots=True)
class Operator:
    """A step: the number of the operator in the schema, tensors by their places (-1: left out), and its options."""

    code: int
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None


@dataclass(frozen=True, slots=True)
class TFLiteFile:
    """A file with one graph. `names`: what its signature calls inputs and outputs, by their places."""

    description: str
    tensors: tuple[TensorEntry, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    names: dict[int, str]


def parse(data: bytes) -> TFLiteFile:
    """The content of a file.

    Raises: Damaged when the bytes are no .tflite file, or it contradicts itself; ValueError for what is not run here.
    """
    model = Buffer(data).root(b"TFL3")
    if model.number(0, "I") != 3:
        raise Damaged(f"its schema has the version {model.number(0, 'I')}, needed 3")
    graphs = list(model.tables(2))
    if len(graphs) != 1:
        raise ValueError(f"it holds {len(graphs)} graphs, needed one without branches and loops")
    (graph,) = graphs
    codes = [_code(table) for table in model.tables(1)]
    buffers = [_constant(table) for table in model.tables(4)]
    tensors = tuple(_tensor(table, buffers) for table in graph.tables(0))
    if len(tensors) > MAX_TENSORS:
        raise Damaged(f"it holds {len(tensors)} tensors, needed at most {MAX_TENSORS}")
    operators = tuple(_operator(table, codes, len(tensors)) for table in graph.tables(3))
    inputs, outputs = graph.integers(1), graph.integers(2)
    for place in (*inputs, *outputs):
        if not 0 <= place < len(tensors):
            raise Damaged(f"it takes or gives tensor {place} of {len(tensors)}")
    if not inputs or not outputs or len(set(inputs)) != len(inputs) or len(set(outputs)) != len(outputs):
        raise Damaged(f"it takes tensors {inputs} and gives {outputs}, needed different ones")
    _check_order(tensors, operators, inputs, outputs)
    return TFLiteFile(model.text(3), tensors, operators, inputs, outputs, _names(model, inputs, outputs))


def _code(table: Table) -> tuple[int, int]:
    """(number, version) of an operator; numbers below 127 are in the older field alone."""
    code = max(table.number(0, "b"), table.number(3, "i"))
    if code in FORBIDDEN or not 0 <= code <= LAST_BUILTIN:
        name = table.text(1) or FORBIDDEN.get(code, code)
        raise ValueError(f"it uses the operator {name}, needed built-in ones without state")
    version = table.number(2, "i", 1)
    if not 1 <= version <= 100:
        raise Damaged(f"it uses version {version} of operator {code}")
    return code, version


def _constant(table: Table) -> bytes:
    if table.number(1, "Q") > 1 or table.number(2, "Q") > 1:
        raise ValueError("its constants lie outside of the graph (a file of more than 2 GB)")
    return table.numbers(0, "u1").tobytes()


def _tensor(table: Table, buffers: list[bytes]) -> TensorEntry:
    name, number = table.text(3), table.number(2, "I")
    kind = KINDS.get(table.number(1, "b"), f"type {table.number(1, 'b')}")
    shape, signature = table.integers(0), table.integers(7)
    if number >= len(buffers):
        raise Damaged(f"tensor {name!r} is in buffer {number} of {len(buffers)}")
    if len(shape) > MAX_RANK or any(size < 0 for size in shape) or math.prod(shape) > MAX_ELEMENTS:
        raise Damaged(f"tensor {name!r} has the shape {shape}")
    if signature and len(signature) != len(shape):
        raise Damaged(f"tensor {name!r} has the shapes {shape} and {signature}")
    for field, problem in UNUSUAL.items():
        if table.has(field) and (field != 5 or table.number(5, "B")):
            raise ValueError(f"its tensor {name!r} {problem}")
    data = buffers[number]
    if data and kind in SIZES and len(data) != math.prod(shape) * SIZES[kind]:
        raise Damaged(f"tensor {name!r} has {len(data)} bytes for the shape {shape} of {kind}")
    return TensorEntry(name, kind, shape, signature or shape, data, _quantization(table.table(4), name, kind, shape))


def _quantization(table: Table | None, name: str, kind: str, shape: tuple[int, ...]) -> Quantization | None:
    if table is None or not kind.startswith(("int", "uint")):
        return None
    scales, zeros, axis = table.numbers(2, "f4"), table.numbers(3, "i8"), table.number(6, "i")
    if len(scales) == 0:
        return None
    zeros = zeros if len(zeros) else np.zeros(len(scales), dtype=np.int64)
    if len(zeros) != len(scales) or not ((scales >= 1e-15) & (scales <= 1e15)).all():  # NaN is neither
        raise Damaged(f"tensor {name!r} has the scales {scales} and {len(zeros)} zero points, needed positive ones")
    if len(scales) > 1 and (not 0 <= axis < len(shape) or shape[axis] != len(scales)):
        raise Damaged(f"tensor {name!r} has {len(scales)} scales for axis {axis} of the shape {shape}")
    limits = np.iinfo(kind)
    if zeros.min() < limits.min or zeros.max() > limits.max:
        raise Damaged(f"tensor {name!r} of {kind} has the zero point {zeros}")
    return Quantization(scales, zeros, axis)


def _operator(table: Table, codes: list[tuple[int, int]], n_tensors: int) -> Operator:
    number = table.number(0, "I")
    if number >= len(codes):
        raise Damaged(f"it uses operator {number} of {len(codes)}")
    inputs, outputs = table.integers(1), table.integers(2)
    if any(not -1 <= place < n_tensors for place in inputs) or any(not 0 <= place < n_tensors for place in outputs):
        raise Damaged(f"an operator takes tensors {inputs} and gives {outputs} of {n_tensors}")
    code, version = codes[number]
    if any(place < 0 and at not in OPTIONAL.get(code, ()) for at, place in enumerate(inputs)):
        raise Damaged(f"operator {code} takes tensors {inputs}, needed all of them")
    if any(not -1 <= place < n_tensors for place in table.integers(8)):
        raise Damaged(f"an operator keeps tensors {table.integers(8)} of {n_tensors}")
    return Operator(code, version, inputs, outputs, table.table(4))


def _check_order(
    tensors: tuple[TensorEntry, ...],
    operators: tuple[Operator, ...],
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
) -> None:
    """Every tensor is an input, a constant, or given by one earlier operator.

    Raises: Damaged.
    """
    constants = {place for place, tensor in enumerate(tensors) if tensor.data or 0 in tensor.shape}
    known = constants | set(inputs)
    for operator in operators:
        unknown = [place for place in operator.inputs if place >= 0 and place not in known]
        if unknown:
            raise Damaged(f"an operator takes tensor {unknown[0]}, which nothing has computed before")
        again = [place for place in operator.outputs if place in known]
        if again or len(set(operator.outputs)) != len(operator.outputs):
            raise Damaged(f"an operator gives tensor {operator.outputs}, which is there already")
        known |= set(operator.outputs)
    if not set(outputs) <= known:
        raise Damaged(f"it gives tensors {outputs}, which nothing computes")


def _names(model: Table, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> dict[int, str]:
    """What the only signature calls its tensors."""
    signatures = list(model.tables(7))
    if len(signatures) != 1:
        return {}
    maps = [*signatures[0].tables(0), *signatures[0].tables(1)]
    named = {each.number(1, "I"): each.text(0) for each in maps}
    unknown = set(named) - set(inputs) - set(outputs)
    if unknown:
        raise Damaged(f"its signature names tensors {sorted(unknown)}, which the graph neither takes nor gives")
    return named
