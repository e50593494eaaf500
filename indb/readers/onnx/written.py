"""Files that indb wrote (`model.to_onnx()`): a node is a block again, so that nothing is lost on the way.

A file is one of them only if each of its functions is, to the byte, what indb.onnxfile writes under that name, and if
each node is one that it writes: names alone prove nothing. Any other file goes the way of all.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indb.blocks import POWERS
from indb.errors import InvalidModel, ModelFileError, UnsupportedModel
from indb.ir import (
    Apply,
    Block,
    Column,
    Concat,
    Const,
    Distance,
    Linear,
    Lookup,
    Metric,
    Model,
    Nearest,
    Op,
    Reduce,
    ReduceOp,
    Take,
    Target,
    Type,
)
from indb.onnxfile.functions import DOMAIN, FUNCTIONS, VERSION, nearest_name
from indb.onnxfile.messages import OPSETS
from indb.onnxfile.metadata import METADATA, label_table
from indb.onnxfile.operators import DISTANCES, OF_TEXTS, OPERATORS, REDUCTIONS, SCALARS
from indb.readers.base import File
from indb.readers.onnx.arrays import read_tensor
from indb.readers.onnx.files import versions
from indb.readers.onnx.written_trees import Differs, tree_ensemble

Array: TypeAlias = NDArray[Any]

PLAIN = {name: op for op, name in OPERATORS.items()}
SCALAR: dict[str, Op] = {name: op for table in (SCALARS, OF_TEXTS) for op, name in table.items()}
REDUCTION: dict[str, ReduceOp] = {name: op for op, name in REDUCTIONS.items()}
METRIC: dict[str, Metric] = {name: metric for metric, name in DISTANCES.items()}
NEAREST = {nearest_name(power, of_all): (power, of_all) for power in POWERS for of_all in (False, True)}
DATA = {"Concat", "Gather", "Gemm", "Identity", *PLAIN}
"""The operators that indb writes besides its functions."""


def is_written(proto: Any) -> bool:
    """Whether a ModelProto, which was checked, looks as if indb wrote it; its functions mean what they say."""
    if not any(entry.key == METADATA for entry in proto.metadata_props):
        return False
    return (
        versions(proto) == {**OPSETS, DOMAIN: VERSION}
        and all(_is_own(function) for function in proto.functions)
        and all(node.domain == DOMAIN or (not node.domain and node.op_type in DATA) for node in proto.graph.node)
    )


def _is_own(function: Any) -> bool:
    own = FUNCTIONS.get(function.name)
    if own is None or function.domain != DOMAIN:
        return False
    wanted = type(function).FromString(own.message)
    return bool(function.SerializeToString(deterministic=True) == wanted.SerializeToString(deterministic=True))


def read(file: File, proto: Any, columns: Sequence[str] | None) -> Model | None:
    """The model of a file that `is_written`; None for one that was changed since.

    columns: other names for its columns, in order. Raises: UnsupportedModel where they are too few or too many.
    """
    (text,) = (entry.value for entry in proto.metadata_props if entry.key == METADATA)
    try:
        about = json.loads(text)
        names = [name for _, name in about["columns"]]
        if columns is not None and len(columns) != len(names):
            raise UnsupportedModel(
                f"cannot read {file.name}: columns= holds {len(columns)} names, it takes {len(names)} columns"
            )
        renamed = dict(zip((name for name, _ in about["columns"]), columns or names, strict=True))
        return _Graph(proto, about, renamed, file.folder).model()
    except (Differs, LookupError, ValueError, TypeError, AttributeError, RecursionError, OverflowError):
        return None
    except (InvalidModel, ModelFileError):
        return None


class _Graph:
    """The values of a graph by name: blocks, and the arrays that are no block's."""

    def __init__(self, proto: Any, about: dict[str, Any], columns: dict[str, str], folder: Path) -> None:
        self.graph = proto.graph
        self.about = about
        self.missing = about["missing_text"]
        self.folder = folder
        self.arrays = {
            each.name: read_tensor(each, f"the constant {each.name!r}", folder) for each in self.graph.initializer
        }
        if [entry.name for entry in self.graph.input] != list(columns):
            raise Differs
        kinds = {8: Type.TEXT, 11: Type.NUMBER}
        found = [Column(columns[each.name], kinds[each.type.tensor_type.elem_type]) for each in self.graph.input]
        self.columns = tuple(found)
        self.blocks: dict[str, Block] = dict(zip(columns, found, strict=True))
        self.labels: dict[str, tuple[Block, Array]] = {}

    def model(self) -> Model:
        for node in self.graph.node:
            (name,) = node.output
            if node.domain == DOMAIN and node.op_type == "Label":
                self.labels[name] = self.block(node.input[0]), self.arrays[node.input[1]]
            else:
                self.blocks[name] = self.read(node)
        named = [name for target in self.about["targets"] for name in target["outputs"].values()]
        if sorted(named) != sorted(entry.name for entry in self.graph.output):
            raise Differs
        targets = tuple(self.target(**target) for target in self.about["targets"])
        return Model(self.columns, targets, dict(self.about["source"]))

    def target(self, name: str, labels: list[Any] | None, outputs: dict[str, str]) -> Target:
        given = None if labels is None else tuple(labels)
        found = {}
        for output, value in outputs.items():
            if given is not None and output == "predict":
                found[output], table = self.labels[value]
                wanted = label_table(given, self.missing)[1]
                if table.tolist() != list(wanted) and not np.array_equal(table, wanted, equal_nan=True):
                    raise Differs
            else:
                found[output] = self.block(value)
        return Target(name, found, given)

    def block(self, name: str) -> Block:
        """A value as a block; a constant is one row."""
        if name not in self.blocks:
            array = self.arrays[name]
            if array.ndim != 2 or len(array) != 1:
                raise Differs
            kind = Type.TEXT if array.dtype == object else Type.NUMBER
            self.blocks[name] = Const(self.known(array[0]), kind)
        return self.blocks[name]

    def known(self, values: Array) -> tuple[Any, ...]:
        """Texts with None for the missing one; numbers as they are."""
        if values.dtype == object:
            return tuple(None if value == self.missing else value for value in values.tolist())
        return tuple(self.doubles(values).tolist())

    def doubles(self, array: Array) -> Array:
        if array.dtype != np.float64:
            raise Differs
        return array

    def whole(self, array: Array) -> tuple[int, ...]:
        if array.dtype != np.int64 or array.ndim != 1:
            raise Differs
        return tuple(array.tolist())

    def read(self, node: Any) -> Block:
        """The block of a node."""
        op, names = node.op_type, list(node.input)
        if node.domain == DOMAIN:
            return self.function(op, names, node)
        held = {each.name: each.i for each in node.attribute}
        if op in PLAIN and not held:
            return Apply(PLAIN[op], tuple(map(self.block, names)))
        match op, held:
            case "Identity", {}:
                return self.block(names[0])
            case "Concat", {"axis": 1}:
                return Concat(tuple(map(self.block, names)))
            case "Gather", {"axis": 1}:
                return Take(self.block(names[0]), self.whole(self.arrays[names[1]]))
            case "Gemm", {"transB": 1} if len(held) == 1 and len(names) == 3:
                weight, bias = (self.doubles(self.arrays[name]) for name in names[1:])
                return Linear(self.block(names[0]), weight, bias)
        raise Differs

    def function(self, op: str, names: list[str], node: Any) -> Block:
        """The block of a node of indb's functions."""
        if len(names) != len(FUNCTIONS[op].inputs):
            raise Differs
        if op in SCALAR:
            if FUNCTIONS[op].inputs[-1] == "missing" and self.arrays[names.pop()].tolist() != [[self.missing]]:
                raise Differs
            return Apply(SCALAR[op], tuple(map(self.block, names)))
        x = self.block(names[0])
        arrays = [self.arrays[name] for name in names[1:] if name in self.arrays]
        if op == "Rows":
            return x
        if op in REDUCTION:
            return Reduce(REDUCTION[op], x)
        if op in METRIC:
            found = Distance(x, self.doubles(arrays[0]), METRIC[op])
            if found.order != self.whole(arrays[1]):
                raise Differs
            return found
        if op in NEAREST:
            return self.nearest(x, op, names)
        if op in ("Lookup", "LookupText"):
            return self.lookup(x, arrays[0], *(self.attribute(node, name) for name in FUNCTIONS[op].attributes))
        held = {name: self.attribute(node, name) for name in FUNCTIONS[op].attributes}
        return tree_ensemble(x, self.doubles(arrays[0]), self.doubles(arrays[1]), op == "SingleTrees", held)

    def attribute(self, node: Any, name: str) -> Array:
        (found,) = (each for each in node.attribute if each.name == name)
        if found.HasField("t"):
            return read_tensor(found.t, f"the attribute {name!r}", self.folder)
        return np.array([found.i] if found.HasField("i") else list(found.ints), dtype=np.int64)

    def nearest(self, x: Block, op: str, names: list[str]) -> Nearest:
        power, of_all = NEAREST[op]
        values, (k,) = self.doubles(self.arrays[names[2]]), self.whole(self.arrays[names[3]])
        if of_all != (k == len(values)):
            raise Differs
        return Nearest((x, self.block(names[1])), values, k, power)

    def lookup(self, x: Block, table: Array, keys: Array, numbers: Array, default: Array) -> Lookup:
        count = len(table) - 2
        texts = keys.dtype == object
        if count < 0 or default.tolist() != [count] or (x.type is Type.TEXT) != texts:
            raise Differs
        given = keys.tolist() if texts else self.doubles(keys).tolist()
        wanted = [*range(count), count + 1] if texts else list(range(max(count, 1)))
        if numbers.tolist() != wanted or (texts and given.pop() != self.missing):
            raise Differs
        *rows, unknown, missing = map(self.known, table)
        kind = Type.TEXT if table.dtype == object else Type.NUMBER
        return Lookup(x, tuple(given[:count]), tuple(rows), unknown, missing, kind)
