"""The registry of operators, and what an operator's function is given: a node with typed attributes, and values.

A function takes a Node and gives a value for each output (or one value for the only one):

    @operator("Relu")
    def relu(node: Node) -> Value:
        x = node.tensor(0)
        ...

It may ask for constants (`node.constant`), refuse what blocks cannot say (`raise node.refused(why)`), and refuse rows
(`node.require`). An attribute that it does not ask for refuses the node: nothing in a file is passed over.
A node whose inputs are all constant never gets here: it is folded (fold.py), unless it is registered `lazily`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from indb import build
from indb.errors import ModelFileError
from indb.ir import Block
from indb.readers.onnx.arrays import read_tensor
from indb.readers.onnx.limits import MAX_APART
from indb.readers.onnx.values import Array, Constant, Refused, Sizes, Tensor, Value, as_tensor

if TYPE_CHECKING:
    from indb.readers.onnx.walk import Walk

ML = "ai.onnx.ml"
MICROSOFT = "com.microsoft"

Result: TypeAlias = "Value | Sequence[Value | None]"
Operator: TypeAlias = Callable[["Node"], Result]


@dataclass(frozen=True, slots=True)
class Entry:
    """An operator: its function, and whether that also computes what is constant."""

    function: Operator
    folds_itself: bool = False


OPERATORS: dict[tuple[str, str], Entry] = {}
"""(domain, name) -> what reads it; the domain of ai.onnx is ""."""


def operator(*names: str, domain: str = "", folds_itself: bool = False) -> Callable[[Operator], Operator]:
    """Register the function of operators of a domain."""

    def register(function: Operator) -> Operator:
        for name in names:
            OPERATORS[domain, name] = Entry(function, folds_itself)
        return function

    return register


@dataclass
class Node:
    """One node that is being read: its attributes, its inputs as values, the version of its operators.

    Optional inputs that are left out are None. Raises: Refused by all its methods, where the node has something else.
    """

    proto: Any
    domain: str
    version: int
    inputs: list[Value | None]
    walk: Walk
    used: set[str] = field(default_factory=set)

    @property
    def kind(self) -> str:
        """The name of the operator."""
        return str(self.proto.op_type)

    @property
    def n_outputs(self) -> int:
        return len(self.proto.output)

    # Attributes. Source: onnx/onnx.proto, AttributeProto.AttributeType.

    def has(self, name: str) -> bool:
        """Whether the attribute is there."""
        return any(attribute.name == name for attribute in self.proto.attribute)

    def _attribute(self, name: str, kind: int) -> Any:
        self.used.add(name)
        for attribute in self.proto.attribute:
            if attribute.name == name:
                if attribute.type != kind or attribute.ref_attr_name:
                    raise self.damaged(f"its attribute {name!r} has the type {attribute.type}, needed {kind}")
                return attribute
        return None

    def real(self, name: str, default: float = 0.0) -> float:
        """An attribute that is a float32; so is its default."""
        found = self._attribute(name, 1)
        return float(np.float32(default) if found is None else found.f)

    def integer(self, name: str, default: int = 0) -> int:
        """An attribute that is an integer."""
        found = self._attribute(name, 2)
        return int(default if found is None else found.i)

    def string(self, name: str, default: str = "") -> str:
        """An attribute that is a text."""
        found = self._attribute(name, 3)
        return default if found is None else self._decoded(found.s)

    def reals(self, name: str) -> list[float] | None:
        """An attribute of several float32, None where it is left out."""
        found = self._attribute(name, 6)
        return None if found is None else [float(each) for each in found.floats]

    def integers(self, name: str) -> list[int] | None:
        """An attribute of several integers, None where it is left out."""
        found = self._attribute(name, 7)
        return None if found is None else [int(each) for each in found.ints]

    def strings(self, name: str) -> list[str] | None:
        """An attribute of several texts, None where it is left out."""
        found = self._attribute(name, 8)
        return None if found is None else [self._decoded(each) for each in found.strings]

    def array(self, name: str) -> Array | None:
        """An attribute that is a tensor, None where it is left out."""
        found = self._attribute(name, 4)
        if found is None:
            return None
        return read_tensor(found.t, f"its attribute {name!r}", self.walk.folder)

    def graph(self, name: str) -> Any:
        """An attribute that is a graph."""
        found = self._attribute(name, 5)
        if found is None:
            raise self.damaged(f"its attribute {name!r} is missing")
        return found.g

    def ignore(self, *names: str) -> None:
        """Attributes that change nothing here."""
        self.used.update(names)

    def _decoded(self, data: bytes) -> str:
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.damaged("it holds a text that is not UTF-8") from error

    # Inputs.

    def given(self, position: int) -> bool:
        """Whether an optional input is there."""
        return position < len(self.inputs) and self.inputs[position] is not None

    def value(self, position: int) -> Value:
        """An input as it is."""
        found = self.inputs[position] if position < len(self.inputs) else None
        if found is None:
            raise self.damaged(f"its input {position} is missing")
        return found

    def tensor(self, position: int) -> Tensor:
        """An input in blocks; a constant becomes one."""
        return as_tensor(self.value(position))

    def number(self, position: int) -> Tensor:
        """An input in blocks that holds numbers."""
        found = self.tensor(position)
        if found.is_text:
            raise self.damaged(f"its input {position} holds texts, needed numbers")
        return found

    def constant(self, position: int) -> Array:
        """An input that is a constant."""
        found = self.value(position)
        if not isinstance(found, Constant):
            raise self.refused(f"its input {position} is computed from the row, needed a constant")
        return found.array

    def indices(self, position: int) -> list[int]:
        """An input that is a constant list of integers (one of rank 0 is a list of one)."""
        array = self.constant(position)
        if array.dtype.kind not in "iu" or array.ndim > 1:
            raise self.damaged(f"its input {position} holds {array.dtype} of rank {array.ndim}, needed integers")
        return [int(each) for each in array.ravel().tolist()]

    def sizes(self, position: int) -> tuple[Array, ...]:
        """An input that is known for each of SAMPLES: a constant, or what depends on the size of the batch."""
        found = self.value(position)
        if isinstance(found, Tensor):
            raise self.refused(f"its input {position} is computed from the row, needed sizes")
        return found.arrays if isinstance(found, Sizes) else (found.array, found.array)

    def axis(self, value: int, rank: int) -> int:
        """An axis counted from the front."""
        if not -rank <= value < rank:
            raise self.damaged(f"its axis is {value}, needed one of {rank}")
        return value % rank

    # Results.

    def require(self, condition: Block) -> None:
        """Refuse rows for which a lane of the condition is not true: every output is missing for them."""
        self.walk.conditions.append(condition)

    def spend(self, what: str, amount: int, limit: int) -> None:
        """Take from what one file may make. Raises: Refused."""
        self.walk.budget.spend(what, amount, limit)

    def lanes(self, block: Block) -> list[Block]:
        """Every lane of a block, of which blocks are to be made. Raises: Refused for too many."""
        self.spend("lanes that are taken apart", block.width, MAX_APART)
        return build.lanes(block)

    def refused(self, why: str) -> Refused:
        """The error for what blocks cannot say; ONNX Runtime then runs the model."""
        return Refused(why)

    def damaged(self, why: str) -> ModelFileError:
        """The error for what the operator does not allow."""
        return ModelFileError(why)

    def check_attributes(self) -> None:
        """Raises: Refused for an attribute that nobody asked for."""
        left = [each.name for each in self.proto.attribute if each.name not in self.used]
        if left:
            raise self.refused(f"its attribute {left[0]!r} is not read")


def float32(node_dtype: Any) -> bool:
    """Whether arithmetic of this type of elements rounds to float32."""
    return bool(np.dtype(node_dtype) == np.float32)
