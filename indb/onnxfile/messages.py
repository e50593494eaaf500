"""The protobuf messages of ONNX, written by hand: a server that has onnxruntime need not have the onnx package, too.

Source: onnx/onnx.proto (field numbers), protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

IR_VERSION = 10
OPSETS: dict[str, int] = {"": 21, "ai.onnx.ml": 5}
"""The operators that are written: float64 tree ensembles came with ai.onnx.ml 5."""

FLOAT, UINT8, INT32, INT64, STRING, BOOL, DOUBLE = 1, 2, 6, 7, 8, 9, 11
"""TensorProto.DataType."""

_DTYPES = {FLOAT: "<f4", UINT8: "u1", INT32: "<i4", INT64: "<i8", BOOL: "?", DOUBLE: "<f8"}
_INT, _TENSOR, _GRAPH, _INTS = 2, 4, 5, 7  # AttributeProto.AttributeType


@lru_cache(maxsize=1 << 16)
def _varint(value: int) -> bytes:
    found = bytearray()
    value &= (1 << 64) - 1
    while value > 0x7F:
        found.append((value & 0x7F) | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def number(field: int, value: int) -> bytes:
    """A field of an integer."""
    return _varint(field << 3) + _varint(value)


def message(field: int, value: bytes) -> bytes:
    """A field of bytes, or of a message within this one."""
    return _varint((field << 3) | 2) + _varint(len(value)) + value


def text(field: int, value: str) -> bytes:
    """A field of a text. Raises: UnicodeEncodeError for half of a surrogate pair."""
    return message(field, value.encode())


def integer(name: str, value: int) -> bytes:
    """An AttributeProto of an integer."""
    return text(1, name) + number(3, value) + number(20, _INT)


def integers(name: str, values: Any) -> bytes:
    """An AttributeProto of integers."""
    packed = b"".join(map(_varint, np.asarray(values).astype(np.int64).tolist()))
    return text(1, name) + message(8, packed) + number(20, _INTS)


def array(name: str, kind: int, values: Any) -> bytes:
    """An AttributeProto of a tensor."""
    return text(1, name) + message(5, tensor(name, kind, values)) + number(20, _TENSOR)


def subgraph(name: str, graph: bytes) -> bytes:
    """An AttributeProto of a graph."""
    return text(1, name) + message(6, graph) + number(20, _GRAPH)


def reference(name: str, kind: int) -> bytes:
    """An AttributeProto in a function: that of the same name of the node that calls it."""
    return text(1, name) + number(20, kind) + text(21, name)


def reference_integer(name: str) -> bytes:
    """A `reference` to an integer."""
    return reference(name, _INT)


def reference_integers(name: str) -> bytes:
    """A `reference` to integers."""
    return reference(name, _INTS)


def reference_array(name: str) -> bytes:
    """A `reference` to a tensor."""
    return reference(name, _TENSOR)


def tensor(name: str, kind: int, values: Any) -> bytes:
    """A TensorProto of the shape of the values; texts are str."""
    if kind == STRING:
        texts: NDArray[Any] = np.asarray(values, dtype=object)
        shape, data = texts.shape, b"".join(text(6, value) for value in texts.ravel().tolist())
    else:
        numbers = np.asarray(values, dtype=_DTYPES[kind])
        shape, data = numbers.shape, b""
        raw = message(9, np.ascontiguousarray(numbers).tobytes())
    dims = b"".join(number(1, size) for size in shape)
    return dims + number(2, kind) + data + text(8, name) + (b"" if kind == STRING else raw)


def value(name: str, kind: int | None = None, shape: Sequence[int | str] = ()) -> bytes:
    """A ValueInfoProto; a size that is a text is the same for all values that say it. Without a kind: a name alone."""
    if kind is None:
        return text(1, name)
    sizes = b"".join(message(1, text(2, size) if isinstance(size, str) else number(1, size)) for size in shape)
    return text(1, name) + message(2, message(1, number(1, kind) + message(2, sizes)))


def node(
    op: str, inputs: Iterable[str], outputs: Iterable[str], attributes: Iterable[bytes] = (), domain: str = ""
) -> bytes:
    """A NodeProto."""
    names = b"".join(text(1, name) for name in inputs) + b"".join(text(2, name) for name in outputs)
    held = b"".join(message(5, attribute) for attribute in attributes)
    return names + text(4, op) + held + (text(7, domain) if domain else b"")


def graph(
    name: str,
    nodes: Iterable[bytes],
    inputs: Iterable[bytes],
    outputs: Iterable[bytes],
    constants: Iterable[bytes] = (),
) -> bytes:
    """A GraphProto of nodes, values and tensors."""
    parts = [message(1, each) for each in nodes] + [text(2, name)] + [message(5, each) for each in constants]
    parts += [message(11, each) for each in inputs] + [message(12, each) for each in outputs]
    return b"".join(parts)


def function(
    domain: str,
    name: str,
    inputs: Iterable[str],
    outputs: Iterable[str],
    attributes: Iterable[str],
    nodes: Iterable[bytes],
) -> bytes:
    """A FunctionProto: an operator that is made of others."""
    parts = [text(1, name), *(text(4, each) for each in inputs), *(text(5, each) for each in outputs)]
    parts += [*(text(6, each) for each in attributes), *(message(7, each) for each in nodes)]
    return b"".join(parts) + _opsets(OPSETS) + text(10, domain)


def _opsets(versions: Mapping[str, int], field: int = 9) -> bytes:
    return b"".join(message(field, text(1, domain) + number(2, each)) for domain, each in versions.items())


def model(
    graph: bytes,
    functions: Iterable[bytes] = (),
    domains: Mapping[str, int] | None = None,
    producer: tuple[str, str] = ("", ""),
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """A ModelProto; `domains` holds the versions of operators besides OPSETS, `producer` a name and a version."""
    found = number(1, IR_VERSION)
    found += b"".join(text(field, each) for field, each in zip((2, 3), producer, strict=True) if each)
    found += message(7, graph) + _opsets({**OPSETS, **(domains or {})}, field=8)
    found += b"".join(message(14, text(1, key) + text(2, each)) for key, each in (metadata or {}).items())
    return found + b"".join(message(25, each) for each in functions)
