"""A call of a built-in function that is being read: of what, with what, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indb.ir import Block
from indb.readers.pmml.document import Element
from indb.readers.pmml.values import Value

if TYPE_CHECKING:
    from indb.readers.pmml.scope import Scope


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is being read: of what, with what, and where."""

    name: str
    args: Sequence[Value]
    element: Element
    scope: Scope

    def numbers(self, least: int, most: int | None = None) -> list[Block]:
        """The arguments, which must be numbers (or booleans) and as many as are due."""
        self.count(least, most)
        for arg in self.args:
            if arg.is_text:
                raise self.element.refused(f"{self.name} was given a string, needed numbers")
        return [arg.block for arg in self.args]

    def count(self, least: int, most: int | None = None) -> None:
        """Check how many arguments there are; `most` None is as many as `least`, -1 any number."""
        most = least if most is None else most
        if len(self.args) < least or (most >= 0 and len(self.args) > most):
            needed = str(least) if least == most else f"{least} or more"
            raise self.element.damaged(f"{self.name} was given {len(self.args)} arguments, needed {needed}")

    @property
    def number_type(self) -> str:
        """The type of a result of arithmetic: the widest of the arguments' types."""
        found = {arg.data_type for arg in self.args}
        return "double" if "double" in found else "float" if "float" in found else "integer"
