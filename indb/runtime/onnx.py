"""A tree ensemble as an ONNX model in memory, for ONNX Runtime: it walks large trees four times as fast as numpy.

Only the float64 TreeEnsemble op (ai.onnx.ml 5) compares as `indb.evaluate` does; the older ops round to float32. The
few protobuf messages are written here by hand: a server that has onnxruntime need not have the onnx package, too.

Source: onnx/onnx.proto (field numbers), onnx/docs/Operators-ml.md (TreeEnsemble).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from indb.evaluate import Values
from indb.ir import Floats
from indb.runtime.leaves import Places
from indb.runtime.walk import Numeric
from indb.runtime.words import Coded

DIGITS = 52
"""How many bits of a double are used: whole numbers below 2**53 are added exactly."""

IR_VERSION, ML_OPSET = 10, 5
_DOUBLE, _UINT8 = 11, 2  # TensorProto.DataType
_INT, _TENSOR, _INTS = 2, 4, 7  # AttributeProto.AttributeType
_LESS_OR_EQUAL, _SUM, _NO_TRANSFORM = 0, 1, 0


class Session:
    """The kernel that runs in ONNX Runtime on one thread: the database's own threads share the rows.

    It adds the values of leaves up, and to learn of each leaf alone would take twice the time. So the values are the
    leaves' numbers, and those of several trees share the digits of one double: 6 trees of 256 leaves have 48 bits.

    Raises: ImportError without onnxruntime, and whatever it raises for an op that it does not know.
    """

    step = 1 << 30

    def __init__(self, numeric: Numeric) -> None:
        import onnxruntime

        self.numeric = numeric
        self.start = numeric.leaves.start
        self.bits = max(1, (numeric.leaves.most - 1).bit_length())
        self.packed = DIGITS // self.bits
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        file = model(numeric, self.packed, self.bits)
        self.session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def prepare(self, inputs: Sequence[Values | Coded], n_rows: int) -> Floats:
        """The matrix of some rows."""
        return self.numeric.matrix(inputs, n_rows)

    def places(self, prepared: Floats, rows: slice) -> Places:
        """The leaves that some rows reach, (n_rows, n_trees)."""
        sums = np.stack(self.session.run(None, {"x": prepared[rows]})).astype(np.int64)  # (n_packs, n_rows, 1)
        shifts = np.arange(self.packed) * self.bits
        numbers = (sums >> shifts) & ((1 << self.bits) - 1)
        n_trees = len(self.start)
        return numbers.transpose(1, 0, 2).reshape(sums.shape[1], -1)[:, :n_trees] + self.start


def model(numeric: Numeric, packed: int, bits: int) -> bytes:
    """The bytes of an ONNX model: x (n_rows, n_columns) to an output (n_rows, 1) for each `packed` trees, doubles."""
    packs = [range(start, start + packed) for start in range(0, len(numeric.block.roots), packed)]
    names = [f"y{number}" for number in range(len(packs))]
    graph = b"".join(_bytes(1, _node(numeric, name, pack, bits)) for name, pack in zip(names, packs, strict=True))
    graph += _text(2, "trees") + _bytes(11, _value("x", numeric.n_columns))
    graph += b"".join(_bytes(12, _value(name, 1)) for name in names)
    opsets = _bytes(8, _text(1, "ai.onnx.ml") + _number(2, ML_OPSET)) + _bytes(8, _text(1, "") + _number(2, 21))
    return _number(1, IR_VERSION) + _bytes(7, graph) + opsets


def _node(numeric: Numeric, name: str, trees: range, bits: int) -> bytes:
    """A TreeEnsemble of some trees."""
    attributes = b"".join(_bytes(5, each) for each in _attributes(numeric, trees, bits))
    return _text(1, "x") + _text(2, name) + _text(4, "TreeEnsemble") + _text(7, "ai.onnx.ml") + attributes


def _attributes(numeric: Numeric, trees: range, bits: int) -> list[bytes]:
    """Inner nodes and leaves are numbered apart. A tree that is a leaf becomes a node whose children are that leaf."""
    block, leaves = numeric.block, numeric.leaves
    tree = np.searchsorted(leaves.start, leaves.first, side="right") - 1  # -1: a node of no tree
    mine = (tree >= trees.start) & (tree < trees.stop)
    inner, ends = np.flatnonzero(mine & (block.feature >= 0)), np.flatnonzero(mine & (block.feature < 0))
    roots = block.roots[trees.start : trees.stop]
    alone = roots[block.feature[roots] < 0]
    number = np.zeros(len(tree), dtype=np.int64)
    number[ends] = np.arange(len(ends))
    left, right = (np.concatenate([child[inner], alone]) for child in (block.left, block.right))
    left[len(inner) :] = right[len(inner) :] = alone
    number[inner] = np.arange(len(inner))
    place = number.copy()
    place[alone] = len(inner) + np.arange(len(alone))
    zeros = np.zeros(len(alone))
    weights = (leaves.first[ends] - leaves.start[tree[ends]]) * 2.0 ** (bits * (tree[ends] - trees.start))
    return [
        _integer("n_targets", 1),
        _integer("aggregate_function", _SUM),
        _integer("post_transform", _NO_TRANSFORM),
        _tensor("nodes_splits", _DOUBLE, np.concatenate([numeric.threshold[inner], zeros])),
        _tensor("nodes_modes", _UINT8, np.full(len(left), _LESS_OR_EQUAL, np.uint8)),
        _tensor("leaf_weights", _DOUBLE, weights),
        _integers("leaf_targetids", np.zeros(len(ends))),
        _integers("nodes_featureids", np.concatenate([numeric.feature[inner], zeros])),
        _integers("nodes_truenodeids", number[left]),
        _integers("nodes_trueleafs", block.feature[left] < 0),
        _integers("nodes_falsenodeids", number[right]),
        _integers("nodes_falseleafs", block.feature[right] < 0),
        _integers("nodes_missing_value_tracks_true", np.concatenate([block.missing_left[inner], zeros])),
        _integers("tree_roots", place[roots]),
    ]


# Protocol buffers: a field is its number and wire type, then a varint or a length and bytes.


@lru_cache(maxsize=1 << 16)
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
    packed = b"".join(map(_varint, np.asarray(values).astype(np.int64).tolist()))
    return _text(1, name) + _bytes(8, packed) + _number(20, _INTS)


def _tensor(name: str, kind: int, values: Any) -> bytes:
    raw = np.ascontiguousarray(values, dtype="<f8" if kind == _DOUBLE else np.uint8).tobytes()
    tensor = _number(1, len(values)) + _number(2, kind) + _text(8, name) + _bytes(9, raw)
    return _text(1, name) + _bytes(5, tensor) + _number(20, _TENSOR)


def _value(name: str, width: int) -> bytes:
    """A ValueInfoProto: doubles of shape (any, width)."""
    shape = _bytes(1, _text(2, "n")) + _bytes(1, _number(1, width))
    return _text(1, name) + _bytes(2, _bytes(1, _number(1, _DOUBLE) + _bytes(2, shape)))
