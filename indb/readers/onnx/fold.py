"""Nodes whose inputs are all constant: computed by the reference implementation of the package onnx, within limits.

Only operators that have a reader are computed, and none that could make much out of little: its result is measured
before. Source: onnx.reference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from indb.errors import ModelFileError
from indb.readers.onnx.limits import MAX_FOLDED, MAX_FOLDED_TOTAL, MAX_FOLDS, MAX_MADE
from indb.readers.onnx.values import Array, Budget, Constant, Refused, Sizes, Value, settled

Inputs = Sequence[Array | None]


def _product(array: Any) -> int:
    return math.prod(int(each) for each in np.asarray(array).ravel().tolist())


def _given(inputs: Inputs, position: int) -> Array:
    """An input that an operator cannot do without. Raises: ValueError where it is left out."""
    found = inputs[position]
    if found is None:
        raise ValueError(f"its input {position} is left out")
    return found


def _matmul(inputs: Inputs) -> int:
    """The products of a matrix product: at most each element of one with each row or column of the other."""
    a, b = _given(inputs, 0), _given(inputs, 1)
    return a.size * max(1, b.shape[-1] if b.ndim > 1 else 1) * max(1, math.prod(b.shape[:-2]))


def _range(inputs: Inputs) -> int:
    start, limit, delta = (float(np.asarray(each).ravel()[0]) for each in inputs)
    return 0 if delta == 0.0 else max(0, math.ceil((limit - start) / delta))


def _pads(inputs: Inputs) -> int:
    x, pads = _given(inputs, 0), _given(inputs, 1)
    ends: list[int] = [int(each) for each in pads.ravel()]
    sizes = [int(size) + abs(ends[axis]) + abs(ends[axis + x.ndim]) for axis, size in enumerate(x.shape)]
    return int(x.size) + math.prod(sizes)


def _broadcast(inputs: Inputs) -> int:
    shapes = [each.shape for each in inputs if each is not None]
    return math.prod(np.broadcast_shapes(*shapes)) if shapes else 0


def _expand(inputs: Inputs) -> int:
    x, shape = _given(inputs, 0), _given(inputs, 1)
    return math.prod(np.broadcast_shapes(x.shape, tuple(int(each) for each in shape.ravel())))


MADE: dict[str, Callable[[Inputs], int]] = {
    "ConstantOfShape": lambda inputs: _product(inputs[0]),
    "Expand": _expand,
    "Tile": lambda inputs: (inputs[0].size if inputs[0] is not None else 0) * _product(inputs[1]),
    "Range": _range,
    "Pad": _pads,
    "OneHot": lambda inputs: (inputs[0].size if inputs[0] is not None else 0) * _product(inputs[1]),
    "EyeLike": lambda inputs: sum(each.size for each in inputs if each is not None),
    "MatMul": _matmul,
    "Gemm": _matmul,
    "Gather": lambda inputs: math.prod(each.size for each in inputs if each is not None),
}
"""What an operator may make more of than it is given -> how many elements, or steps."""

GROWING = frozenset({"Add", "Sub", "Mul", "Div", "Pow", "Mod", "Where", "Equal", "Less", "Greater", "And", "Or", "Xor",
                     "LessOrEqual", "GreaterOrEqual", "Min", "Max", "Sum", "Mean", "PRelu"})  # fmt: skip
"""Operators whose inputs are made alike."""


def fold(proto: Any, domain: str, versions: dict[str, int], inputs: list[Value | None], budget: Budget) -> list[Value]:
    """The outputs of a node of constants.

    Raises: Refused beyond a limit; ModelFileError where it cannot be computed.
    """
    if any(isinstance(each, Sizes) for each in inputs):
        number = len(next(each.arrays for each in inputs if isinstance(each, Sizes)))
    else:
        number = 1
    results = []
    for sample in range(number):
        arrays = [_array(each, sample) for each in inputs]
        results.append(_computed(proto, domain, versions, arrays, budget))
    if number == 1:
        return [Constant(array) for array in results[0]]
    return [settled(arrays) for arrays in zip(*results, strict=True)]


def _array(value: Value | None, sample: int) -> Array | None:
    if value is None:
        return None
    return value.arrays[sample] if isinstance(value, Sizes) else value.array  # type: ignore[union-attr]


def _computed(
    proto: Any, domain: str, versions: dict[str, int], arrays: list[Array | None], budget: Budget
) -> list[Array]:
    measure = MADE.get(proto.op_type) or (_broadcast if proto.op_type in GROWING else None)
    try:
        largest = 0 if measure is None else measure(arrays)
    except (ValueError, IndexError, TypeError, OverflowError) as error:
        raise ModelFileError(f"its inputs do not fit ({error})") from error
    size = max(largest, sum(each.size for each in arrays if each is not None))
    if not 0 <= size <= MAX_MADE:
        raise ModelFileError(f"it computes a constant of {size} elements, at most {MAX_MADE} are possible")
    if size > MAX_FOLDED:
        raise Refused(f"it computes a constant of {size} elements, at most {MAX_FOLDED} are read")
    budget.spend("elements of constants", size, MAX_FOLDED_TOTAL)
    budget.spend("constants that are computed", 1, MAX_FOLDS)
    node = type(proto)()
    node.CopyFrom(proto)
    node.domain = domain
    feeds = {}
    for position, array in enumerate(arrays):
        node.input[position] = "" if array is None else f"input_{position}"
        if array is not None:
            feeds[f"input_{position}"] = array
    for position in range(len(node.output)):
        node.output[position] = f"output_{position}"
    node.name = node.doc_string = ""
    try:
        with np.errstate(all="ignore"):
            found = _evaluator(node.SerializeToString(deterministic=True), tuple(versions.items())).run(None, feeds)
    except Exception as error:  # the reference implementation raises anything
        raise ModelFileError(f"it cannot be computed ({str(error)[:200] or type(error).__name__})") from error
    arrays_found = [_plain(each) for each in found]
    budget.spend("elements of constants", sum(each.size for each in arrays_found), MAX_FOLDED_TOTAL)
    return arrays_found


@lru_cache(256)
def _evaluator(node: bytes, versions: tuple[tuple[str, int], ...]) -> Any:
    """What computes a node, given as bytes with the names of its values replaced: files repeat a few of them."""
    from onnx import NodeProto
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(NodeProto.FromString(node), opsets=dict(versions))


def _plain(result: Any) -> Array:
    """An array with texts as objects. Raises: Refused for what is no tensor."""
    array = np.asarray(result) if isinstance(result, np.ndarray | np.generic) else None
    if array is None:
        raise Refused(f"it computes a {type(result).__name__}, needed a tensor")
    return array.astype(object) if array.dtype.kind in "US" else array
