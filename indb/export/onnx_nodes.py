"""Blocks as nodes of an ONNX graph: an operator where it means the same for doubles, else a function of indb's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from indb.errors import UnsupportedModel
from indb.ir import (
    Apply,
    Block,
    Concat,
    Const,
    Distance,
    Linear,
    Lookup,
    Nearest,
    Reduce,
    Take,
    TreeEnsemble,
    Type,
    walk,
)
from indb.onnxfile import messages as m
from indb.onnxfile import trees
from indb.onnxfile.functions import DOMAIN, nearest_name
from indb.onnxfile.operators import DISTANCES, OF_TEXTS, OPERATORS, REDUCTIONS, SCALARS


class Nodes:
    """The nodes of a graph in the making.

    inputs: the names of the columns by their id; missing: what stands for a missing text; taken: names in use.
    """

    def __init__(self, inputs: dict[int, str], missing: str, taken: set[str]) -> None:
        self.missing = missing
        self.messages: list[bytes] = []
        self.constants: list[bytes] = []
        self.functions: set[str] = set()
        self._taken = taken
        self._names = dict(inputs)
        self._many = set(inputs)  # the ids of blocks that have a row for each row; others have one for all
        self._like = next(iter(inputs.values()))
        self._missing_name = ""

    def name_of(self, block: Block) -> str:
        """The name of a block's value, after the nodes for it were written."""
        for each in walk([block]):
            if id(each) not in self._names:
                self._names[id(each)] = self._write(each)
                if any(id(child) in self._many for child in each.children):
                    self._many.add(id(each))
        return self._names[id(block)]

    def in_rows(self, block: Block) -> str:
        """The name of a block's value with a row for each row of the table, also where these are all the same."""
        name = self.name_of(block)
        return name if id(block) in self._many else self.call("Rows", [name, self._like])

    def copy(self, block: Block, name: str) -> None:
        """Give a block's value the name of an output."""
        self.messages.append(m.node("Identity", [self.in_rows(block)], [name]))

    def constant(self, kind: int, values: Any) -> str:
        """The name of a constant."""
        name = self._free(f"c{len(self.constants)}")
        self.constants.append(m.tensor(name, kind, values))
        return name

    def call(self, function: str, inputs: Sequence[str], to: str = "", attributes: Sequence[bytes] = ()) -> str:
        """A node of one of indb's functions; the name of its result."""
        self.functions.add(function)
        return self._node(function, inputs, attributes, DOMAIN, to)

    def _node(
        self, op: str, inputs: Sequence[str], attributes: Sequence[bytes] = (), domain: str = "", to: str = ""
    ) -> str:
        name = to or self._free(f"v{len(self.messages)}")
        self.messages.append(m.node(op, inputs, [name], attributes, domain))
        return name

    def _free(self, name: str) -> str:
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def _write(self, block: Block) -> str:
        """The node of a block, whose children have names."""
        names = [self._names[id(child)] for child in block.children]
        match block:
            case Const(values, kind):
                return self.constant(m.DOUBLE if kind is Type.NUMBER else m.STRING, [self._known(values, kind)])
            case Apply(op, args):
                if op in OPERATORS:
                    return self._node(OPERATORS[op], names)
                if args[-1].type is Type.TEXT and op in OF_TEXTS:
                    return self.call(OF_TEXTS[op], [*names, self._missing()])
                return self.call(SCALARS[op], names)
            case Concat(parts):
                return self._concat(parts)
            case Take(_, lanes):
                return self._node("Gather", [*names, self.constant(m.INT64, lanes)], [m.integer("axis", 1)])
            case Reduce(op, _):
                return self.call(REDUCTIONS[op], names)
            case Linear(_, weight, bias):
                arrays = [self.constant(m.DOUBLE, weight), self.constant(m.DOUBLE, bias)]
                return self._node("Gemm", [*names, *arrays], [m.integer("transB", 1)])
            case Distance(_, points, metric):
                arrays = [self.constant(m.DOUBLE, points), self.constant(m.INT64, block.order)]
                return self.call(DISTANCES[metric], [*names, *arrays])
            case Nearest(_, values, k, power):
                arrays = [self.constant(m.DOUBLE, values), self.constant(m.INT64, [k])]
                return self.call(nearest_name(power, k == len(values)), [*names, *arrays])
            case Lookup():
                return self._lookup(block, names[0])
            case TreeEnsemble():
                return self._trees(block)
        raise UnsupportedModel(f"cannot write the model as ONNX: it holds a {type(block).__name__}")

    def _missing(self) -> str:
        """The constant of what stands for a missing text."""
        self._missing_name = self._missing_name or self.constant(m.STRING, [[self.missing]])
        return self._missing_name

    def _known(self, values: Sequence[Any], kind: Type) -> list[Any]:
        return [self.missing if value is None else value for value in values] if kind is Type.TEXT else list(values)

    def _concat(self, parts: Sequence[Block]) -> str:
        """Parts side by side; where some have a row for each row, all have."""
        if len(parts) == 1:
            return self._names[id(parts[0])]
        some = any(id(part) in self._many for part in parts)
        names = [self.in_rows(part) if some else self._names[id(part)] for part in parts]
        return self._node("Concat", names, [m.integer("axis", 1)])

    def _lookup(self, block: Lookup, x: str) -> str:
        """Rows of a table by the numbers of keys; after the rows of the keys come those of unknown and of missing."""
        count = len(block.keys)
        rows = [self._known(row, block.kind) for row in (*block.values, block.unknown, block.missing)]
        table = self.constant(m.DOUBLE if block.kind is Type.NUMBER else m.STRING, rows)
        if block.x.type is Type.TEXT:
            keys, numbers = [*block.keys, self.missing], [*range(count), count + 1]
            held = [m.array("keys_tensor", m.STRING, keys), m.array("values_tensor", m.INT64, numbers)]
            held.append(m.array("default_tensor", m.INT64, [count]))
            return self.call("LookupText", [x, table], attributes=held)
        numeric = np.array(block.keys or (0.0,), dtype=np.float64) + 0.0  # -0.0 is 0.0
        held = [m.array("keys_tensor", m.DOUBLE, numeric), m.array("values_tensor", m.DOUBLE, range(len(numeric)))]
        held.append(m.array("default_tensor", m.DOUBLE, [count]))
        return self.call("Lookup", [x, table], attributes=held)

    def _trees(self, block: TreeEnsemble) -> str:
        """The leaves of all trees, and the sum of their values. The block has no category sets."""
        base = self.constant(m.DOUBLE, block.base)
        if len(block.roots) == 0:
            return self.call("Rows", [self.constant(m.DOUBLE, [block.base]), self._like])
        tree = _trees_of(block)
        splits = trees.Splits(block.feature, block.threshold, block.left, block.right, block.missing_left)
        weights = block.leaf.astype(np.float64)
        held = trees.attributes(splits, tree >= 0, block.roots, weights, tree, len(block.roots))
        function = "SingleTrees" if block.single else "Trees"
        return self.call(function, [self._concat(block.inputs), self.constant(m.DOUBLE, block.values), base], "", held)


def _trees_of(block: TreeEnsemble) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The tree of each node, -1 for a node of none (n_nodes,).

    Raises: UnsupportedModel where trees share nodes.
    """
    tree = [-1] * len(block.feature)
    left, right = block.left.tolist(), block.right.tolist()
    for number, root in enumerate(block.roots.tolist()):
        stack = [root]
        while stack:
            node = stack.pop()
            if tree[node] >= 0:
                raise UnsupportedModel("cannot write the model as ONNX: trees of an ensemble share nodes")
            tree[node] = number
            if block.feature[node] >= 0:
                stack += [left[node], right[node]]
    return np.array(tree, dtype=np.int64)
