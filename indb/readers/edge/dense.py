"""Dense TensorFlow Lite graphs as blocks: layers, sums, products, activations, of float32 or integers of 8 bits.

Integers are computed exactly, see integers.py. Float32 layers are sums in float64 that are rounded to float32 once,
where LiteRT rounds at each step: the last digits differ. An input so large that LiteRT's own sums could overflow has no
score, for there they depend on the order of the terms; infinite inputs go through both alike.

Source: tensorflow/lite/schema/schema.fbs (numbers of operators, fields of their options).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indb import build
from indb.ir import Apply, Block, Column, Op
from indb.readers.edge import integers
from indb.readers.edge.integers import NotExact, Scale
from indb.runtime.tflite import QUANTIZE
from indb.runtime.tflite_file import Operator, TensorEntry, TFLiteFile

ACTIVATIONS = {0: "", 1: "relu", 2: "relu_n1_to_1", 3: "relu6"}
"""ActivationFunctionType -> its name."""

RANGES = {"": None, "relu": (0.0, math.inf), "relu_n1_to_1": (-1.0, 1.0), "relu6": (0.0, 6.0)}

LARGEST = float(np.finfo(np.float32).max) / 4.0
LIMITS = (1e34, 1e30, 1e25, 1e20, 1e15, 1e10, 1e6)
"""How large an input may be, so that no sum overflows: the first of these that is small enough for a graph."""

MAX_WIDTH = 4_096


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor of one row as lanes: `scale` where they are integers, and how large their sizes may get on the way."""

    block: Block
    scale: Scale | None
    most: float


class Overflow(ValueError):
    """Sums that may overflow for the inputs that were assumed."""


def outputs(file: TFLiteFile, columns: Sequence[Column]) -> tuple[list[Block], list[Block]]:
    """The outputs of a graph in their order, real numbers; and conditions without which a row has no score.

    Raises: NotExact for a graph that is not dense, or whose integers blocks do not give exactly.
    """
    for limit in LIMITS:
        try:
            return _outputs(file, columns, limit)
        except Overflow:
            continue
    raise NotExact(f"its sums may overflow for inputs of {LIMITS[-1]:g}")


def _outputs(file: TFLiteFile, columns: Sequence[Column], limit: float) -> tuple[list[Block], list[Block]]:
    left = list(columns)
    conditions: list[Block] = []
    values: dict[int, Value] = {}
    quantized = {step.inputs[0] for step in file.operators if step.code == QUANTIZE and step.inputs}
    for place in file.inputs:
        entry = file.tensors[place]
        width = _width(entry)
        x, left = build.concat(left[:width]), left[width:]
        scale = scale_of(entry)
        if scale is None and entry.kind != "float32":
            raise NotExact(f"its input {entry.name!r} holds {entry.kind}")
        if scale or place in quantized:
            conditions.append(build.between(x, -math.inf, math.inf))
        else:
            conditions.append(_certain(x, limit))
        values[place] = Value(integers.given(x, scale) if scale else build.single(x), scale, limit)
    for operator in file.operators:
        if operator.code not in OPERATORS or len(operator.outputs) != 1:
            raise NotExact(f"it uses operator {operator.code}, which has no blocks")
        found = OPERATORS[operator.code](Step(file, operator, values))
        entry = file.tensors[operator.outputs[0]]
        if found.block.width != _width(entry) or found.block.width > MAX_WIDTH:
            raise NotExact(f"its tensor {entry.name!r} has another shape than its operator gives")
        if found.most > LARGEST and found.scale is None:
            raise Overflow
        values[operator.outputs[0]] = found
    given = [values.get(place) for place in file.outputs]
    if None in given:
        raise NotExact("it gives a constant")
    reals = [integers.real(each.block, each.scale) if each.scale else each.block for each in given if each]
    return reals, conditions


def _certain(x: Block, limit: float) -> Block:
    """Neither finite in float32 nor beyond the limit: within it, infinite, or missing."""
    size = Apply(Op.ABS, (x,))
    inside = Apply(Op.LE, (size, build.number(limit)))
    outside = build.less(build.number(build.FLOAT32_LIMIT), size)
    return Apply(Op.OR, (Apply(Op.OR, (inside, outside)), build.is_missing(x)))


def scale_of(entry: TensorEntry) -> Scale | None:
    """The scale of a tensor of integers, None for float32. Raises: NotExact for other tensors."""
    if entry.quantization is None:
        return None
    if entry.kind != "int8" or len(entry.quantization.scales) != 1:
        raise NotExact(f"its tensor {entry.name!r} holds {entry.kind} of {len(entry.quantization.scales)} scales")
    zero = float(entry.quantization.zeros[0])
    if not integers.LOW <= zero <= integers.HIGH:
        raise NotExact(f"its tensor {entry.name!r} has the zero point {zero:g}")
    return Scale(float(entry.quantization.scales[0]), zero)


def _width(entry: TensorEntry) -> int:
    """How many lanes a tensor is for a row. Raises: NotExact for one without an axis of rows."""
    if len(entry.shape) < 2:
        raise NotExact(f"its tensor {entry.name!r} has the shape {entry.shape}")
    return math.prod(entry.shape[1:])


@dataclass(frozen=True, slots=True)
class Step:
    """An operator on its way through the graph."""

    file: TFLiteFile
    operator: Operator
    values: dict[int, Value]

    def entry(self, number: int) -> TensorEntry:
        """The tensor that is its input of that number."""
        if number >= len(self.operator.inputs) or self.operator.inputs[number] < 0:
            raise NotExact(f"its operator {self.operator.code} has too few inputs")
        return self.file.tensors[self.operator.inputs[number]]

    def value(self, number: int) -> Value:
        """An input, a constant too. Raises: NotExact for a constant that differs from row to row."""
        entry = self.entry(number)
        place = self.operator.inputs[number]
        if place in self.values:
            return self.values[place]
        array = self.constant(number)
        if array.ndim > 1 and math.prod(array.shape[:-1]) != 1:
            raise NotExact(f"its constant {entry.name!r} has the shape {array.shape}")
        lanes = array.astype(np.float64).reshape(-1)
        return Value(build.number(*lanes.tolist()), scale_of(entry), float(np.abs(lanes).max(initial=0.0)))

    def constant(self, number: int) -> NDArray[Any]:
        """An input that is the same for all rows."""
        entry = self.entry(number)
        if not entry.data:
            raise NotExact(f"its tensor {entry.name!r} is no constant")
        return entry.array()

    @property
    def new(self) -> Scale | None:
        """The scale of the result."""
        return scale_of(self.file.tensors[self.operator.outputs[0]])

    def option(self, field: int, code: str, default: Any = 0) -> Any:
        """A field of its options."""
        return self.operator.options.number(field, code, default) if self.operator.options else default

    def activation(self, field: int = 0) -> str:
        """The name of its fused activation. Raises: NotExact for one that is not known."""
        number = self.option(field, "b")
        if number not in ACTIVATIONS:
            raise NotExact(f"it uses the activation {number}")
        return ACTIVATIONS[number]

    def activated(self, x: Block, most: float) -> Value:
        """A result of float32 after the fused activation."""
        limits = RANGES[self.activation()]
        return Value(_between(build.single(x), limits), None, most)


def _between(x: Block, limits: tuple[float, float] | None) -> Block:
    if limits is None:
        return x
    x = Apply(Op.MAX, (x, build.number(limits[0])))
    return x if limits[1] == math.inf else Apply(Op.MIN, (x, build.number(limits[1])))


def _pair(*scales: Scale | None) -> tuple[Scale, ...]:
    """Scales that are all there. Raises: NotExact for a mixture of numbers and integers."""
    found = tuple(scale for scale in scales if scale is not None)
    if len(found) < len(scales):
        raise NotExact("it mixes float32 and integers")
    return found


def fully_connected(step: Step) -> Value:
    """A layer: constant weights (n_out, n_in), which are float32, or integers around zero."""
    x, weight, new = step.value(0), step.constant(1), step.new
    if weight.ndim != 2 or weight.shape[1] != x.block.width or step.option(1, "b"):
        raise NotExact(f"it multiplies {x.block.width} numbers by weights of the shape {weight.shape}")
    has_bias = len(step.operator.inputs) > 2 and step.operator.inputs[2] >= 0
    bias = step.constant(2).astype(np.float64) if has_bias else np.zeros(len(weight))
    if bias.shape != (len(weight),):
        raise NotExact(f"it adds a bias of the shape {bias.shape}")
    if x.scale is None and new is None and weight.dtype == np.float32:
        most = x.most * float(np.abs(weight).sum(axis=1).max(initial=0.0)) + float(np.abs(bias).max(initial=0.0))
        return step.activated(build.linear(x.block, weight.astype(np.float64), bias), most)
    old, new = _pair(x.scale, new)
    entry = step.entry(1)
    if weight.dtype != np.int8 or entry.quantization is None or np.any(entry.quantization.zeros):
        raise NotExact("its weights are no integers around zero")
    scales = entry.quantization.scales
    if len(scales) > 1 and (entry.quantization.axis != 0 or len(scales) != len(weight)):
        raise NotExact(f"its weights have {len(scales)} scales")
    if has_bias and step.entry(2).kind != "int32":
        raise NotExact(f"it adds a bias of {step.entry(2).kind}")
    limits = integers.activation_range(step.activation(), new)
    return Value(integers.dense(x.block, old, weight.astype(np.float64), scales, bias, new, limits), new, 128.0)


def arithmetic(op: Op) -> Callable[[Step], Value]:
    """ADD, SUB or MUL."""

    def read(step: Step) -> Value:
        a, b, new = step.value(0), step.value(1), step.new
        if a.scale is None and b.scale is None and new is None:
            most = a.most * b.most if op is Op.MUL else a.most + b.most
            return step.activated(Apply(op, (a.block, b.block)), most)
        first, second, new = _pair(a.scale, b.scale, new)
        limits = integers.activation_range(step.activation(), new)
        if op is Op.MUL:
            return Value(integers.product(a.block, first, b.block, second, new, limits), new, 128.0)
        sign = 1.0 if op is Op.ADD else -1.0
        return Value(integers.total(a.block, first, b.block, second, sign, new, limits), new, 128.0)

    return read


def rectifier(name: str) -> Callable[[Step], Value]:
    """RELU, RELU6 or RELU_N1_TO_1."""

    def read(step: Step) -> Value:
        x, new = step.value(0), step.new
        if x.scale is None and new is None:
            return Value(_between(x.block, RANGES[name]), None, x.most)
        old, new = _pair(x.scale, new)
        if name == "relu_n1_to_1":
            raise NotExact("it uses RELU_N1_TO_1 of integers")
        return Value(integers.rectified(x.block, old, new, integers.activation_range(name, new)), new, 128.0)

    return read


def curve(name: str) -> Callable[[Step], Value]:
    """LOGISTIC or TANH."""

    def read(step: Step) -> Value:
        x, new = step.value(0), step.new
        if x.scale is None and new is None:
            return Value(build.single(integers.CURVES[name][0](x.block)), None, 1.0)
        old, new = _pair(x.scale, new)
        return Value(integers.curved(x.block, old, new, name), new, 128.0)

    return read


def softmax(step: Step) -> Value:
    """Shares of all lanes."""
    x, new, beta = step.value(0), step.new, float(step.option(0, "f", 0.0))
    if len(step.entry(0).shape) != 2:
        raise NotExact(f"it takes the softmax of a tensor of the shape {step.entry(0).shape}")
    if x.scale is None and new is None:
        scaled = x.block if beta == 1.0 else build.multiply(x.block, build.number(beta))
        return Value(build.single(build.softmax(scaled)), None, max(1.0, x.most * abs(beta)))
    old, new = _pair(x.scale, new)
    return Value(integers.softmax(x.block, old, new, beta), new, 128.0)


def reshape(step: Step) -> Value:
    """The same lanes: the rows stay apart, or the shape of the result has another width."""
    x = step.value(0)
    if x.scale != step.new:
        raise NotExact("it reshapes integers to those of another scale")
    return x


def concatenation(step: Step) -> Value:
    """Lanes beside each other."""
    parts = [step.value(number) for number in range(len(step.operator.inputs))]
    if any(len(step.entry(number).shape) != 2 for number in range(len(parts))) or step.option(0, "i") not in (1, -1):
        raise NotExact("it joins tensors along another axis than their lanes")
    if any(part.scale != step.new for part in parts) or step.activation(1):
        raise NotExact("it joins integers of different scales")
    return Value(build.concat([part.block for part in parts]), step.new, max(part.most for part in parts))


def quantize(step: Step) -> Value:
    """Integers of numbers, or of other integers."""
    x, new = step.value(0), step.new
    if new is None:
        raise NotExact("it quantizes to no integers")
    found = integers.requantize(x.block, x.scale, new) if x.scale else integers.quantize(x.block, new)
    return Value(found, new, 128.0)


def dequantize(step: Step) -> Value:
    """Numbers of integers."""
    x = step.value(0)
    (old,) = _pair(x.scale)
    if step.new is not None:
        raise NotExact("it dequantizes to integers")
    return Value(integers.real(x.block, old), None, 256.0 * old.scale)


OPERATORS: dict[int, Callable[[Step], Value]] = {
    0: arithmetic(Op.ADD),
    2: concatenation,
    6: dequantize,
    9: fully_connected,
    14: curve("logistic"),
    18: arithmetic(Op.MUL),
    19: rectifier("relu"),
    20: rectifier("relu_n1_to_1"),
    21: rectifier("relu6"),
    22: reshape,
    25: softmax,
    28: curve("tanh"),
    41: arithmetic(Op.SUB),
    QUANTIZE: quantize,
}
"""BuiltinOperator -> what makes blocks of it."""
