"""The fields of a PMML file in the making: columns, derived fields, and outputs of models that later ones read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from indb.export.xml import element
from indb.ir import Scalar

MAX_INLINE = 6
"""How deep expressions nest before their value becomes a field of its own."""

MAX_DEPTH = 30
"""How many derived fields may rest on one another: readers go from one to the next by recursion."""

NUMBER, BOOLEAN, TEXT = "double", "boolean", "string"


@dataclass(frozen=True)
class Value:
    """A scalar of each row: its expression, its type, the fields that it reads, and how deep it nests (0: atomic)."""

    xml: str
    kind: str
    reads: frozenset[str] = frozenset()
    depth: int = 0
    constant: Scalar | bool = None
    """The value where it is the same for all rows and known."""


@dataclass(frozen=True)
class Field:
    """A named value. `xml` defines a derived field; `late`: it rests on the output of a model; `depth`: on how many."""

    name: str
    kind: str
    xml: str = ""
    reads: frozenset[str] = frozenset()
    late: bool = False
    depth: int = 0


class Fields:
    """All fields by name, in an order in which each comes after those that it reads."""

    def __init__(self, taken: Iterable[str]) -> None:
        self.known: dict[str, Field] = {}
        self.used: set[str] = set()
        """The fields that models read, and what these rest on."""
        self._taken = set(taken)
        self._count = 0

    def column(self, name: str, kind: str) -> Value:
        """A field of the DataDictionary."""
        self.known[name] = Field(name, kind)
        return reference(name, kind)

    def output(self, kind: str = NUMBER) -> str:
        """The name of a model's output that models after it read."""
        name = self.free("m")
        self.known[name] = Field(name, kind, late=True)
        return name

    def derived(self, value: Value, data_type: str = "") -> Value:
        """A derived field of a value."""
        read = [self.known[name] for name in value.reads]
        name = self.free("d")
        kind = data_type or value.kind
        optype = "continuous" if kind in (NUMBER, "float") else "categorical"
        xml = element("DerivedField", {"name": name, "optype": optype, "dataType": kind}, [value.xml])
        depth = 1 + max((each.depth for each in read), default=0)
        self.known[name] = Field(name, kind, xml, value.reads, any(each.late for each in read), depth)
        return reference(name, kind)

    def depth(self, value: Value) -> int:
        """How many derived fields the value rests on."""
        return max((self.known[name].depth for name in value.reads), default=0)

    def free(self, prefix: str) -> str:
        """A name that no field has."""
        while True:
            self._count += 1
            name = f"{prefix}{self._count}"
            if name not in self._taken:
                self._taken.add(name)
                return name

    def below(self, names: Iterable[str]) -> list[Field]:
        """These fields and all that they rest on, in order."""
        found: set[str] = set()
        stack = list(names)
        while stack:
            name = stack.pop()
            if name not in found:
                found.add(name)
                stack += self.known[name].reads
        self.used |= found
        return [field for name, field in self.known.items() if name in found]

    def early(self) -> list[str]:
        """The definitions of what is read and rests on columns only, for the TransformationDictionary."""
        return [field.xml for name, field in self.known.items() if field.xml and not field.late and name in self.used]


def reference(name: str, kind: str) -> Value:
    """The value of a field."""
    return Value(element("FieldRef", {"field": name}), kind, frozenset((name,)))
