"""LabelEncoder and CategoryMapper: a table from texts or numbers to others, with a default for what it does not have.

Keys of float32 are compared with float32 numbers. NaN is a key from version 4 on; before, it is never found.

Source: onnx/docs/Operators-ml.md; onnxruntime/core/providers/cpu/ml/label_encoder.h, category_mapper.h.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from indb import build
from indb.ir import Lookup, Type
from indb.readers.onnx.operators import ML, Node, operator
from indb.readers.onnx.values import WHOLE, Codes, Tensor, Value

Key: TypeAlias = "str | float"

MAX_CELLS = 2**20
"""Keys times lanes."""

DEFAULTS: dict[str, Any] = {"strings": "_Unused", "int64s": -1, "floats": -0.0}
"""What is given for an unknown key, by the type of the values."""

TYPES: dict[str, np.dtype[Any]] = {
    "strings": np.dtype(object),
    "int64s": np.dtype(np.int64),
    "floats": np.dtype(np.float32),
}
"""The types of keys and values by the names of their attributes."""

KERNELS = {
    *(("strings", value) for value in ("strings", "int64", "float32", "float64", "int16")),
    *((key, value) for key in ("int64", "float32") for value in ("strings", "int64", "float32", "float64")),
    *(("float64", value) for value in ("strings", "int64", "float64")),
}
"""Pairs of types that ONNX Runtime has; the specification has all pairs."""


def mapped(node: Node, x: Tensor, table: Mapping[Any, Any], default: Any, dtype: np.dtype[Any]) -> Value:
    """The tensor of what a table has for each lane. NaN may be a key of it.

    Raises: Refused for integers that float64 does not hold.
    """
    is_text = dtype.kind == "O"
    kept = {key: value for key, value in table.items() if key == key}
    missing = next((value for key, value in table.items() if key != key), default)
    numbers = [each for each in (*kept, *kept.values(), default, missing) if not isinstance(each, str)]
    if any(isinstance(each, int) and abs(each) > WHOLE for each in numbers):
        raise node.refused("it has integers from 2**53 on")
    node.spend("cells of tables", len(kept) * x.block.width, MAX_CELLS)
    cell: Callable[[Any], Any] = str if is_text else float
    keys = tuple(key if x.is_text else float(key) for key in kept)
    rows = tuple((cell(value),) for value in kept.values())
    kind = Type.TEXT if is_text else Type.NUMBER
    lanes = [Lookup(lane, keys, rows, (cell(default),), (cell(missing),), kind) for lane in node.lanes(x.block)]
    codes = None
    if x.codes is not None and dtype in (np.dtype(object), np.dtype(np.int64)):
        codes = Codes(x.codes.block, tuple(table.get(label, default) for label in x.codes.labels))
    low, high = -math.inf, math.inf
    if dtype.kind in "iu":
        values = [float(each) for each in (*kept.values(), default, missing)]
        low, high = min(values), max(values)
    return Tensor(build.concat(lanes), x.shape, dtype, x.batch, low, high, codes=codes)


@operator("LabelEncoder", domain=ML)
def label_encoder(node: Node) -> Value:
    """A value for each key. Of keys that repeat the first counts; in version 1 the last."""
    if node.version == 1:
        return _classes(node)
    x = node.tensor(0)
    keys, key_type = _listed(node, "keys")
    values, value_type = _listed(node, "values")
    if len(keys) != len(values):
        raise node.damaged(f"it has {len(keys)} keys and {len(values)} values")
    if key_type != x.dtype:
        raise node.damaged(f"it has keys of {key_type} for elements of {x.dtype}")
    pair = tuple("strings" if each.kind == "O" else str(each) for each in (key_type, value_type))
    if pair not in KERNELS:
        raise node.refused(f"it maps {pair[0]} to {pair[1]}, which ONNX Runtime does not")
    table: dict[Any, Any] = {}
    for key, value in zip(keys, values, strict=True):
        if key == key:
            table.setdefault(key, value)
        elif node.version >= 4 and all(each == each for each in table):
            table[math.nan] = value
    return mapped(node, x, table, _default(node, value_type), value_type)


def _listed(node: Node, name: str) -> tuple[list[Any], np.dtype[Any]]:
    """(keys or values, their type): one of the lists, or the tensor."""
    lists = {"strings": node.strings, "int64s": node.integers, "floats": node.reals}
    for kind, read in lists.items():
        found = read(f"{name}_{kind}")
        if found:
            node.ignore(*(f"{name}_{other}" for other in (*lists, "tensor")))
            return list(found), TYPES[kind]
    tensor = node.array(f"{name}_tensor")
    if tensor is None or tensor.ndim != 1:
        raise node.damaged(f"it has no {name}")
    return tensor.tolist(), tensor.dtype


def _default(node: Node, dtype: np.dtype[Any]) -> Any:
    """What an unknown key gives, in the type of the values."""
    tensor = node.array("default_tensor")
    defaults = {
        "O": node.string("default_string", DEFAULTS["strings"]),
        "i": node.integer("default_int64", DEFAULTS["int64s"]),
        "f": node.real("default_float", DEFAULTS["floats"]),
    }
    if tensor is None or not tensor.size:
        return defaults[dtype.kind]
    if tensor.dtype != dtype or tensor.size != 1:
        raise node.damaged(f"its default is {tensor.size} elements of {tensor.dtype}, needed one of {dtype}")
    return tensor.ravel()[0] if dtype.kind == "O" else tensor.ravel()[0].item()


def _classes(node: Node) -> Value:
    """Version 1: the place of a text in a list, or the text at a place."""
    x, classes = node.tensor(0), node.strings("classes_strings") or []
    return _both_ways(node, x, list(range(len(classes))), classes)


@operator("CategoryMapper", domain=ML)
def category_mapper(node: Node) -> Value:
    """Texts to integers or back; of those that repeat the last counts."""
    texts, numbers = node.strings("cats_strings") or [], node.integers("cats_int64s") or []
    if len(texts) != len(numbers):
        raise node.damaged(f"it has {len(texts)} texts and {len(numbers)} integers")
    return _both_ways(node, node.tensor(0), numbers, texts)


def _both_ways(node: Node, x: Tensor, numbers: list[int], texts: list[str]) -> Value:
    text, number = node.string("default_string", "_Unused"), node.integer("default_int64", -1)
    if not x.is_text and x.dtype != np.int64:
        raise node.damaged(f"it maps elements of {x.dtype}, needed texts or int64")
    if x.is_text:
        return mapped(node, x, dict(zip(texts, numbers, strict=True)), number, np.dtype(np.int64))
    return mapped(node, x, dict(zip(numbers, texts, strict=True)), text, np.dtype(object))
