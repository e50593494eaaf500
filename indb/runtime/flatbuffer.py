"""FlatBuffers read within their bounds: a library's own reader follows whatever offsets a file holds.

A table is a signed offset to its vtable, which says where each of its fields lies; a vector is its length and then its
elements; what is not stored in place is an unsigned offset forward. Each element that is read counts against a budget
in proportion to the file, so that a small file cannot stand for an endless one. Everything is little-endian.

Source: flatbuffers.dev, "FlatBuffer internals".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Damaged(ValueError):
    """Bytes that are no FlatBuffer of the kind that was expected."""


class Buffer:
    """The bytes of a file, and how many elements may still be read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.left = 4 * len(data) + 64

    def number(self, at: int, code: str) -> Any:
        """One number, by its code in `struct`."""
        size = struct.calcsize(code)
        if at < 0 or at + size > len(self.data):
            raise Damaged(f"it points to byte {at} of {len(self.data)}")
        return struct.unpack_from("<" + code, self.data, at)[0]

    def spend(self, count: int) -> None:
        """Count elements that are read."""
        self.left -= count
        if self.left < 0:
            raise Damaged("it refers to its parts more often than it is long")

    def root(self, identifier: bytes) -> Table:
        """The outermost table. Raises: Damaged when the file does not say that it is of that kind."""
        if self.data[4:8] != identifier:
            raise Damaged(f"it does not begin as a file of the kind {identifier.decode()} does")
        return Table(self, self.number(0, "I"))


@dataclass(frozen=True, slots=True)
class Table:
    """A table; its fields are numbered from 0 in the order of the schema."""

    buffer: Buffer
    at: int

    def _place(self, field: int) -> int:
        """Where a field is stored; 0: it is left out, and has its default."""
        vtable = self.at - self.buffer.number(self.at, "i")
        entry = 4 + 2 * field
        if entry + 2 > self.buffer.number(vtable, "H"):
            return 0
        offset = self.buffer.number(vtable + entry, "H")
        return self.at + offset if offset else 0

    def number(self, field: int, code: str, default: Any = 0) -> Any:
        """A number, by its code in `struct`."""
        place = self._place(field)
        return self.buffer.number(place, code) if place else default

    def _indirect(self, field: int) -> int:
        place = self._place(field)
        if not place:
            return 0
        self.buffer.spend(1)
        offset: int = self.buffer.number(place, "I")
        if offset == 0:
            raise Damaged(f"field {field} of the table at byte {self.at} points to itself")
        return place + offset

    def table(self, field: int) -> Table | None:
        """A table, None where there is none."""
        at = self._indirect(field)
        return Table(self.buffer, at) if at else None

    def _vector(self, field: int, size: int) -> tuple[int, int]:
        """(where its first element is, how many there are)."""
        at = self._indirect(field)
        if not at:
            return 0, 0
        count: int = self.buffer.number(at, "I")
        if at + 4 + count * size > len(self.buffer.data):
            raise Damaged(f"it holds {count} elements at byte {at} of {len(self.buffer.data)}")
        self.buffer.spend(count)
        return at + 4, count

    def tables(self, field: int) -> Iterator[Table]:
        """The tables of a vector."""
        first, count = self._vector(field, 4)
        for place in range(first, first + 4 * count, 4):
            yield Table(self.buffer, place + self.buffer.number(place, "I"))

    def numbers(self, field: int, dtype: str) -> NDArray[Any]:
        """A vector of numbers."""
        first, count = self._vector(field, np.dtype(dtype).itemsize)
        return np.frombuffer(self.buffer.data, np.dtype(dtype).newbyteorder("<"), count, first)

    def integers(self, field: int) -> tuple[int, ...]:
        """A vector of int32."""
        return tuple(self.numbers(field, "i4").tolist())

    def has(self, field: int) -> bool:
        """Whether a field is stored."""
        return bool(self._place(field))

    def text(self, field: int) -> str:
        """A string, "" where there is none."""
        return self.numbers(field, "u1").tobytes().decode("utf-8", "replace")
