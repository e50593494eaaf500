"""A tree ensemble as an ONNX model in memory, for ONNX Runtime: its kernel is about three times as fast as numpy.

Only the float64 TreeEnsemble op (ai.onnx.ml 5) compares as `indb.evaluate` does; the older ops round to float32. The
few protobuf messages are written here by hand: a server that has onnxruntime need not have the onnx package, too.

Source: onnx/onnx.proto (field numbers), onnx/docs/Operators-ml.md (TreeEnsemble).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from indb.ir import Floats
from indb.runtime.trees import Numeric

IR_VERSION, ML_OPSET = 10, 5
_DOUBLE, _UINT8 = 11, 2  # TensorProto.DataType
_INT, _TENSOR, _INTS = 2, 4, 7  # AttributeProto.AttributeType
_LESS_OR_EQUAL, _SUM, _NO_TRANSFORM = 0, 1, 0


class Session:
    """The kernel that runs in ONNX Runtime on one thread: the database's own threads share the rows.

    Raises: ImportError without onnxruntime, and whatever it raises for an op that it does not know.
    """

    def __init__(self, numeric: Numeric) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # One for each lane: an ensemble with several targets at once takes half as long again as one after the other.
        self.sessions = [
            onnxruntime.InferenceSession(model(numeric, lane), options, providers=["CPUExecutionProvider"])
            for lane in range(numeric.block.width)
        ]

    def run(self, matrix: Floats) -> Floats:
        """The value of each row of `Numeric.matrix`, (n_rows, width)."""
        return np.concatenate([session.run(None, {"x": matrix})[0] for session in self.sessions], axis=1)


def model(numeric: Numeric, lane: int) -> bytes:
    """The bytes of an ONNX model of one lane: x (n_rows, n_columns) to y (n_rows, 1), doubles."""
    node = (
        _text(1, "x") + _text(2, "y") + _text(4, "TreeEnsemble") + _text(7, "ai.onnx.ml")
        + b"".join(_bytes(5, each) for each in _attributes(numeric, lane))
    )  # fmt: skip
    columns = len(numeric.is_text) + len(numeric.sets)
    graph = _bytes(1, node) + _text(2, "trees") + _bytes(11, _value("x", columns)) + _bytes(12, _value("y", 1))
    opsets = _bytes(8, _text(1, "ai.onnx.ml") + _number(2, ML_OPSET)) + _bytes(8, _text(1, "") + _number(2, 21))
    return _number(1, IR_VERSION) + _bytes(7, graph) + opsets


def _attributes(numeric: Numeric, lane: int) -> list[bytes]:
    nodes = _nodes(numeric, lane)
    weights = nodes.pop("leaf_weights")
    found = [
        _integer("n_targets", 1),
        _integer("aggregate_function", _SUM),
        _integer("post_transform", _NO_TRANSFORM),
        _tensor("nodes_splits", _DOUBLE, nodes.pop("nodes_splits")),
        _tensor("nodes_modes", _UINT8, np.full(len(nodes["nodes_featureids"]), _LESS_OR_EQUAL, np.uint8)),
        _tensor("leaf_weights", _DOUBLE, weights),
        _integers("leaf_targetids", [0] * len(weights)),
    ]
    return found + [_integers(name, values) for name, values in nodes.items()]


def _nodes(numeric: Numeric, lane: int) -> dict[str, Any]:
    """Inner nodes and leaves apart.

    A tree that is a leaf becomes a node whose children are both that leaf, and so does the base: ONNX Runtime adds the
    trees to 0 in their order, and 0 + base is the base.
    """
    block = numeric.block
    names = (
        "nodes_splits", "nodes_featureids", "nodes_truenodeids", "nodes_trueleafs", "nodes_falsenodeids",
        "nodes_falseleafs", "nodes_missing_value_tracks_true",
    )  # fmt: skip
    rows: list[tuple[float, int, int, int, int, int, int]] = []
    weights: list[float] = []
    roots: list[int] = []

    def leaf(value: float) -> int:
        weights.append(value)
        return len(weights) - 1

    for root in (-1, *block.roots.tolist()):
        roots.append(len(rows))
        if root >= 0 and block.feature[root] >= 0:
            _tree(numeric, root, rows, lambda node: leaf(float(block.values[block.leaf[node], lane])))
        else:
            value = block.base[lane] if root < 0 else block.values[block.leaf[root], lane]
            number = leaf(float(value))
            rows.append((0.0, 0, number, 1, number, 1, 0))
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return {**dict(zip(names, columns, strict=True)), "tree_roots": roots, "leaf_weights": np.array(weights)}


def _tree(numeric: Numeric, root: int, rows: list[Any], leaf: Any) -> None:
    """Append the inner nodes of one tree, the root first, and its leaves."""
    block = numeric.block
    place = {root: len(rows)}
    rows.append(None)
    stack = [root]
    while stack:
        node = stack.pop()
        ends: list[int] = []
        for child in (int(block.left[node]), int(block.right[node])):
            if block.feature[child] < 0:
                ends += [leaf(child), 1]
                continue
            place[child] = len(rows)
            rows.append(None)
            stack.append(child)
            ends += [place[child], 0]
        tracks = int(block.missing_left[node])
        rows[place[node]] = (float(numeric.threshold[node]), int(numeric.feature[node]), *ends, tracks)


# Protocol buffers: a field is its number and wire type, then a varint or a length and bytes.


def _varint(value: int) -> bytes:
    found = bytearray()
    value &= (1 << 64) - 1
    while value > 0x7F:
        found.append((value & 0x7F) | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint((field << 3) | 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _integer(name: str, value: int) -> bytes:
    return _text(1, name) + _number(3, value) + _number(20, _INT)


def _integers(name: str, values: Any) -> bytes:
    packed = b"".join(_varint(int(value)) for value in values)
    return _text(1, name) + _bytes(8, packed) + _number(20, _INTS)


def _tensor(name: str, kind: int, values: Any) -> bytes:
    raw = np.ascontiguousarray(values, dtype="<f8" if kind == _DOUBLE else np.uint8).tobytes()
    tensor = _number(1, len(values)) + _number(2, kind) + _text(8, name) + _bytes(9, raw)
    return _text(1, name) + _bytes(5, tensor) + _number(20, _TENSOR)


def _value(name: str, width: int) -> bytes:
    """A ValueInfoProto: doubles of shape (any, width)."""
    shape = _bytes(1, _text(2, "n")) + _bytes(1, _number(1, width))
    return _text(1, name) + _bytes(2, _bytes(1, _number(1, _DOUBLE) + _bytes(2, shape)))
