"""Universal Binary JSON, in which XGBoost writes its models by default, as the values that JSON would give.

Numbers come as Python's, arrays of one type of number as numpy arrays. What is cut off, or of an unknown type, is
refused.
Source: ubjson.org (types, optimised arrays); bjdata is a later dialect that is not read.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

NUMBERS = {"i": "b", "U": "B", "I": ">h", "l": ">i", "L": ">q", "d": ">f", "D": ">d"}
"""Marker of a number -> its form for struct, which is also numpy's."""

CONSTANTS = {"Z": None, "T": True, "F": False}

DEPTH = 64
"""How deep arrays and objects may nest: a model takes five."""


def loads(data: bytes) -> Any:
    """The value of a whole document.

    Raises: ValueError when it is not one.
    """
    reader = _Reader(data)
    try:
        value = reader.value(reader.marker(), 0)
    except (struct.error, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    if reader.place != len(data):
        raise ValueError(f"{len(data) - reader.place} bytes follow its end")
    return value


class _Reader:
    """A place in a document."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def take(self, count: int) -> bytes:
        """The next bytes."""
        if not 0 <= count <= len(self.data) - self.place:
            raise ValueError(f"it ends before the {count} bytes at {self.place}")
        self.place += count
        return self.data[self.place - count : self.place]

    def marker(self) -> str:
        """The next type."""
        return self.take(1).decode("latin-1")

    def value(self, marker: str, depth: int) -> Any:
        """The value that follows a marker."""
        if depth > DEPTH:
            raise ValueError(f"it nests deeper than {DEPTH}")
        if marker in NUMBERS:
            form = NUMBERS[marker]
            return struct.unpack(form, self.take(struct.calcsize(form)))[0]
        if marker in CONSTANTS:
            return CONSTANTS[marker]
        match marker:
            case "S":
                return self.text()
            case "C":
                return self.take(1).decode("latin-1")
            case "[":
                return self.array(depth)
            case "{":
                return self.object(depth)
        raise ValueError(f"it holds the type {marker!r} at {self.place - 1}")

    def count(self) -> int:
        """A length."""
        found = self.value(self.marker(), DEPTH)
        if type(found) is not int or found < 0:
            raise ValueError(f"it holds the length {found!r} at {self.place}")
        return found

    def text(self) -> str:
        """A text after its length."""
        return self.take(self.count()).decode("utf-8")

    def array(self, depth: int) -> Any:
        """An array: up to its end mark, or of a count of values, which may be of one type."""
        kind, count = self._head()
        if kind in NUMBERS and count is not None:
            dtype = np.dtype(NUMBERS[kind])
            return np.frombuffer(self.take(count * dtype.itemsize), dtype=dtype).astype(dtype.newbyteorder("="))
        found: list[Any] = []
        while count is None or len(found) < count:
            marker = kind or self.marker()
            if count is None and marker == "]":
                break
            found.append(self.value(marker, depth + 1))
        return found

    def object(self, depth: int) -> dict[str, Any]:
        """An object: keys and values."""
        kind, count = self._head()
        found: dict[str, Any] = {}
        while count is None or len(found) < count:
            if count is None and self.data[self.place : self.place + 1] == b"}":
                self.place += 1
                break
            key = self.text()
            found[key] = self.value(kind or self.marker(), depth + 1)
        return found

    def _head(self) -> tuple[str, int | None]:
        """(type of all values, their count) where they are given, as $ and # say."""
        kind, count = "", None
        if self.data[self.place : self.place + 1] == b"$":
            self.place += 1
            kind = self.marker()
        if self.data[self.place : self.place + 1] == b"#":
            self.place += 1
            count = self.count()
        if (kind and count is None) or kind in CONSTANTS:  # a count of what takes no bytes could be any
            raise ValueError(f"it gives values at {self.place} the type {kind!r}, but no count or no bytes")
        return kind, count
