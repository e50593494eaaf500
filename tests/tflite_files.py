"""TensorFlow Lite files of a few operators, written with the schema's own generated code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import flatbuffers
import numpy as np
import tflite

KINDS = {
    "float32": tflite.TensorType.FLOAT32,
    "int8": tflite.TensorType.INT8,
    "uint8": tflite.TensorType.UINT8,
    "int32": tflite.TensorType.INT32,
    "int64": tflite.TensorType.INT64,
    "bool": tflite.TensorType.BOOL,
    "string": tflite.TensorType.STRING,
}
ACTIVATIONS = {"": 0, "relu": 1, "relu_n1_to_1": 2, "relu6": 3, "tanh": 4}


@dataclass
class Entry:
    """A tensor: its shape (-1: open), kind, constant value, and quantisation."""

    name: str
    shape: Sequence[int]
    kind: str = "float32"
    data: Any = None
    scale: Sequence[float] | float = ()
    zero: Sequence[int] | int = ()
    axis: int = 0


@dataclass
class Step:
    """An operator by its name in BuiltinOperator, tensors by their places, fields of its options by their names."""

    code: str
    inputs: Sequence[int]
    outputs: Sequence[int]
    options: dict[str, Any] = field(default_factory=dict)
    version: int = 1
    kind: str = ""


OPTIONS = {
    "FULLY_CONNECTED": "FullyConnected",
    "ADD": "Add",
    "SUB": "Sub",
    "MUL": "Mul",
    "SOFTMAX": "Softmax",
    "CONCATENATION": "Concatenation",
    "RESHAPE": "Reshape",
    "QUANTIZE": "Quantize",
    "DEQUANTIZE": "Dequantize",
    "MEAN": "Reducer",
}
"""Operator -> the name of its options in the schema; the others have none."""


def write(
    entries: Sequence[Entry],
    steps: Sequence[Step],
    inputs: Sequence[int],
    outputs: Sequence[int],
    signature: dict[str, int] | None = None,
    description: str = "written by a test",
) -> bytes:
    """The bytes of a file. signature: what inputs and outputs are called."""
    b = flatbuffers.Builder(1024)
    buffers = [_buffer(b, None)] + [_buffer(b, entry) for entry in entries if entry.data is not None]
    numbers = iter(range(1, len(entries) + 1))
    tensors = [_tensor(b, entry, 0 if entry.data is None else next(numbers)) for entry in entries]
    kinds = sorted({(step.code, step.version) for step in steps})
    operators = [_operator(b, step, kinds.index((step.code, step.version))) for step in steps]
    codes = [_code(b, *kind) for kind in kinds]
    name = b.CreateString("main")
    vectors = [_ints(b, tflite.SubGraphStartInputsVector, inputs), _ints(b, tflite.SubGraphStartOutputsVector, outputs)]
    tables = [
        _offsets(b, tflite.SubGraphStartTensorsVector, tensors),
        _offsets(b, tflite.SubGraphStartOperatorsVector, operators),
    ]
    tflite.SubGraphStart(b)
    tflite.SubGraphAddTensors(b, tables[0])
    tflite.SubGraphAddInputs(b, vectors[0])
    tflite.SubGraphAddOutputs(b, vectors[1])
    tflite.SubGraphAddOperators(b, tables[1])
    tflite.SubGraphAddName(b, name)
    graph = tflite.SubGraphEnd(b)
    signatures = [_signature(b, signature, inputs)] if signature else []
    parts = [
        _offsets(b, tflite.ModelStartOperatorCodesVector, codes),
        _offsets(b, tflite.ModelStartSubgraphsVector, [graph]),
        _offsets(b, tflite.ModelStartBuffersVector, buffers),
        _offsets(b, tflite.ModelStartSignatureDefsVector, signatures),
    ]
    text = b.CreateString(description)
    tflite.ModelStart(b)
    tflite.ModelAddVersion(b, 3)
    tflite.ModelAddOperatorCodes(b, parts[0])
    tflite.ModelAddSubgraphs(b, parts[1])
    tflite.ModelAddDescription(b, text)
    tflite.ModelAddBuffers(b, parts[2])
    tflite.ModelAddSignatureDefs(b, parts[3])
    b.Finish(tflite.ModelEnd(b), b"TFL3")
    return bytes(b.Output())


def _ints(b: Any, start: Any, values: Sequence[int]) -> int:
    start(b, len(values))
    for value in reversed(values):
        b.PrependInt32(int(value))
    return int(b.EndVector())


def _offsets(b: Any, start: Any, values: Sequence[int]) -> int:
    start(b, len(values))
    for value in reversed(values):
        b.PrependUOffsetTRelative(value)
    return int(b.EndVector())


def _buffer(b: Any, entry: Entry | None) -> int:
    data = 0
    if entry is not None:
        raw = np.ascontiguousarray(entry.data, dtype=entry.kind).tobytes()
        tflite.BufferStartDataVector(b, len(raw))
        b.head -= len(raw)
        b.Bytes[b.head : b.head + len(raw)] = raw
        data = b.EndVector()
    tflite.BufferStart(b)
    if data:
        tflite.BufferAddData(b, data)
    return int(tflite.BufferEnd(b))


def _tensor(b: Any, entry: Entry, number: int) -> int:
    name = b.CreateString(entry.name)
    shape = _ints(b, tflite.TensorStartShapeVector, [abs(size) for size in entry.shape])
    signature = 0
    if any(size < 0 for size in entry.shape):
        signature = _ints(b, tflite.TensorStartShapeSignatureVector, entry.shape)
    scales, zeros = np.atleast_1d(entry.scale), np.atleast_1d(entry.zero)
    quantization = 0
    if len(scales):
        made = [b.CreateNumpyVector(scales.astype(np.float32)), b.CreateNumpyVector(zeros.astype(np.int64))]
        tflite.QuantizationParametersStart(b)
        tflite.QuantizationParametersAddScale(b, made[0])
        tflite.QuantizationParametersAddZeroPoint(b, made[1])
        tflite.QuantizationParametersAddQuantizedDimension(b, entry.axis)
        quantization = tflite.QuantizationParametersEnd(b)
    tflite.TensorStart(b)
    tflite.TensorAddShape(b, shape)
    tflite.TensorAddType(b, KINDS[entry.kind])
    tflite.TensorAddBuffer(b, number)
    tflite.TensorAddName(b, name)
    if signature:
        tflite.TensorAddShapeSignature(b, signature)
    if quantization:
        tflite.TensorAddQuantization(b, quantization)
    return int(tflite.TensorEnd(b))


def _operator(b: Any, step: Step, number: int) -> int:
    inputs = _ints(b, tflite.OperatorStartInputsVector, step.inputs)
    outputs = _ints(b, tflite.OperatorStartOutputsVector, step.outputs)
    name = OPTIONS.get(step.code)
    options = 0
    if name:
        vectors = {
            key: _ints(b, getattr(tflite, f"{name}OptionsStart{key}Vector"), value)
            for key, value in step.options.items()
            if isinstance(value, (list, tuple))
        }
        getattr(tflite, f"{name}OptionsStart")(b)
        for key, value in step.options.items():
            getattr(tflite, f"{name}OptionsAdd{key}")(b, vectors.get(key, value))
        options = getattr(tflite, f"{name}OptionsEnd")(b)
    tflite.OperatorStart(b)
    tflite.OperatorAddOpcodeIndex(b, number)
    tflite.OperatorAddInputs(b, inputs)
    tflite.OperatorAddOutputs(b, outputs)
    if options:
        tflite.OperatorAddBuiltinOptionsType(b, getattr(tflite.BuiltinOptions, f"{name}Options"))
        tflite.OperatorAddBuiltinOptions(b, options)
    return int(tflite.OperatorEnd(b))


def _code(b: Any, name: str, version: int) -> int:
    code = getattr(tflite.BuiltinOperator, name)
    custom = b.CreateString("Mine") if name == "CUSTOM" else 0
    tflite.OperatorCodeStart(b)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(code, 127))
    tflite.OperatorCodeAddBuiltinCode(b, code)
    tflite.OperatorCodeAddVersion(b, version)
    if custom:
        tflite.OperatorCodeAddCustomCode(b, custom)
    return int(tflite.OperatorCodeEnd(b))


def _signature(b: Any, names: dict[str, int], inputs: Sequence[int]) -> int:
    maps: tuple[list[int], list[int]] = ([], [])
    for name, place in names.items():
        text = b.CreateString(name)
        tflite.TensorMapStart(b)
        tflite.TensorMapAddName(b, text)
        tflite.TensorMapAddTensorIndex(b, place)
        maps[place not in inputs].append(tflite.TensorMapEnd(b))
    made = [
        _offsets(b, tflite.SignatureDefStartInputsVector, maps[0]),
        _offsets(b, tflite.SignatureDefStartOutputsVector, maps[1]),
    ]
    key = b.CreateString("serving_default")
    tflite.SignatureDefStart(b)
    tflite.SignatureDefAddInputs(b, made[0])
    tflite.SignatureDefAddOutputs(b, made[1])
    tflite.SignatureDefAddSignatureKey(b, key)
    return int(tflite.SignatureDefEnd(b))


def dense(rng: Any, sizes: Sequence[int], activation: str = "relu", last: str = "SOFTMAX", rows: int = -1) -> bytes:
    """A float32 network: layers of FULLY_CONNECTED with a fused activation, and an operator at the end."""
    entries = [Entry("x", [rows, sizes[0]])]
    steps = []
    at = 0
    for number, (n_in, n_out) in enumerate(pairwise(sizes)):
        fused = activation if number < len(sizes) - 2 else ""
        entries += [
            Entry(f"w{number}", [n_out, n_in], data=rng.normal(size=(n_out, n_in))),
            Entry(f"b{number}", [n_out], data=rng.normal(size=n_out)),
            Entry(f"y{number}", [rows, n_out]),
        ]
        place = len(entries) - 1
        options = {"FusedActivationFunction": ACTIVATIONS[fused]}
        steps.append(Step("FULLY_CONNECTED", [at, place - 2, place - 1], [place], options))
        at = place
    if last:
        entries.append(Entry("out", [rows, sizes[-1]]))
        steps.append(Step(last, [at], [at + 1], {"Beta": 1.0} if last == "SOFTMAX" else {}))
        at += 1
    return write(entries, steps, [0], [at])
