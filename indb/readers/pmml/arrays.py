"""Arrays of numbers, dense and sparse, and the numbers that fields hold for a row.

Source: PMML 4.4, "General Structure".
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from indb import build
from indb.ir import Block
from indb.readers.pmml import predicates
from indb.readers.pmml.document import Element
from indb.readers.pmml.scope import Scope

MAX_CONSTANTS = 1_000_000
"""How many numbers the points, vectors or training rows of one model come to at most."""

SPARSE = {"REAL-SparseArray": "REAL-Entries", "INT-SparseArray": "INT-Entries"}
"""Name of a sparse array -> that of the element with its entries."""


def numbers(element: Element, count: int | None = None) -> list[float]:
    """The finite numbers of an Array, `count` of them.

    Raises: ModelFileError when there are others, or more or fewer.
    """
    return _counted([_number(item, element) for item in predicates.items(element)], element, count)


def array_in(parent: Element, count: int | None = None) -> list[float]:
    """The numbers of the Array or the sparse array in an element."""
    element = parent.one("Array", *SPARSE)
    return numbers(element, count) if element.name == "Array" else _sparse(element, count)


def _sparse(element: Element, count: int | None) -> list[float]:
    """Zeros (or the default value), and entries at places that are counted from 1."""
    size = element.integer("n")
    if not 0 <= size <= MAX_CONSTANTS:
        raise element.damaged(f"it has n={size}, needed 0 to {MAX_CONSTANTS}")
    result = [element.number("defaultValue", 0.0)] * size
    indices, entries = element.find("Indices"), element.find(SPARSE[element.name])
    places = [element.parse_number(text, "an index") for text in (indices.text if indices else "").split()]
    found = [_number(text, element) for text in (entries.text if entries else "").split()]
    if len(places) != len(found) or len(set(places)) != len(places):
        raise element.damaged(f"it has {len(found)} entries for {len(set(places))} different indices")
    for place, number in zip(places, found, strict=True):
        if not (1 <= place <= size and place == math.floor(place)):
            raise element.damaged(f"it has the index {place:g}, needed 1 to {size}")
        result[int(place) - 1] = number
    return _counted(result, element, count)


def _number(text: str, element: Element) -> float:
    number = element.parse_number(text, "an item")
    if not math.isfinite(number):
        raise element.damaged(f"it has the item {text[:40]!r}, needed a finite number")
    return number


def _counted(found: list[float], element: Element, count: int | None) -> list[float]:
    if count is not None and len(found) != count:
        raise element.damaged(f"it holds {len(found)} numbers, needed {count}")
    return found


def number_of(name: str, scope: Scope, element: Element) -> Block:
    """The number that a field holds. Raises: UnsupportedModel where it is a text."""
    value = scope.field(name, element)
    if value.is_text:
        raise element.refused(f"its field {name!r} is a string, needed a number")
    return value.block


def total(parts: Sequence[Block]) -> Block:
    """The sum of blocks, one after the other; 0 where there are none."""
    result: Block | None = None
    for part in parts:
        result = part if result is None else build.add(result, part)
    return build.number(0.0) if result is None else result


def limited(count: int, element: Element) -> None:
    """Raises: UnsupportedModel where a model holds more numbers than a query should go through."""
    if count > MAX_CONSTANTS:
        raise element.refused(f"it holds {count:,} numbers, up to {MAX_CONSTANTS:,} are read")
