"""Which rows a library accepts: the others have no values, whatever they stand beside in a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indb.evaluate import Values, missing
from indb.ir import Block, Type

ROWS = 1 << 13
"""How many rows a library is given at a time: some make a matrix of rows by training rows (kernels, neighbours)."""

JUDGED = 64
"""How many distinct texts of a column are tried one by one when a batch is refused."""

Rows: TypeAlias = NDArray[np.intp]
Parts: TypeAlias = list[NDArray[Any]]
"""What a method gives: an array of (n_rows, width) for each target, or one for all."""


Ask: TypeAlias = Callable[[str], Parts]
"""What a method, or an output, gives for some rows; it raises ValueError when the library refuses one of them."""


class Loaded(Protocol):
    """A loaded object."""

    def rows(self, inputs: list[Values]) -> Ask:
        """What to ask of some rows: what one method has computed others need not.

        Raises: ValueError when the library refuses one of them.
        """


Asked: TypeAlias = dict[bytes, Ask]
"""The rows of a batch by their numbers, as bytes, on their way through the object."""


class Runner:
    """A loaded object, and what it is known to refuse.

    Libraries look at each column on its own before they compute anything: a value that makes an accepted row a refused
    one is refused in every row. So one call tells what a missing value in a column does, and a batch with many of them
    is not tried row by row.
    """

    def __init__(self, loaded: Loaded, example: Sequence[Any], inputs: Sequence[Block]) -> None:
        self.loaded = loaded
        self._refused: dict[tuple[str, int, int, Any], bool] = {}
        self._example: list[Values] | None = None
        if example:
            self._example = example_row(example, inputs)

    def run(self, method: str, inputs: list[Values], asked: Asked) -> tuple[Rows, Parts]:
        """(the rows that are accepted, what the method gives for them); `asked` is kept for the other methods."""
        rows = np.arange(len(inputs[0]))
        found: list[tuple[Rows, Parts]] = []
        for start in range(0, len(rows), ROWS):
            found += self._try(method, inputs, rows[start : start + ROWS], asked)
        if not found:
            return rows[:0], []
        parts = [np.concatenate(each) for each in zip(*(parts for _, parts in found), strict=True)]
        return np.concatenate([taken for taken, _ in found]), parts

    def _try(self, method: str, inputs: list[Values], rows: Rows, asked: Asked) -> list[tuple[Rows, Parts]]:
        """The accepted rows in pieces: all at once, else without known refusals, else by halves."""
        if len(rows) == 0:
            return []
        try:
            key = rows.tobytes()
            if key not in asked:
                is_all = len(rows) == len(inputs[0])
                asked[key] = self.loaded.rows(inputs if is_all else [part[rows] for part in inputs])
            parts = asked[key](method)
        except ValueError:
            if len(rows) == 1:
                return []
        else:
            if self._example is None:
                self._example = [part[rows[:1]] for part in inputs]
            return [(rows, parts)]
        kept = self._without_refusals(method, inputs, rows)
        if len(kept) < len(rows):
            return self._try(method, inputs, kept, asked)
        half = len(rows) // 2
        return [*self._try(method, inputs, rows[:half], asked), *self._try(method, inputs, rows[half:], asked)]

    def _without_refusals(self, method: str, inputs: list[Values], rows: Rows) -> Rows:
        """The rows that hold no value that is refused wherever it stands."""
        if self._example is None or not self._accepts(method, self._example):
            return rows
        kept = np.ones(len(rows), dtype=bool)
        for position, part in enumerate(inputs):
            for lane in range(part.shape[1]):
                values = part[rows, lane]
                for value, holds in _suspects(values):
                    if self._refuses(method, position, lane, value):
                        kept &= ~holds(values)
        return rows[kept]

    def _refuses(self, method: str, position: int, lane: int, value: Any) -> bool:
        """Whether the example is refused with this value in one lane of an input."""
        assert self._example is not None
        key = (method, position, lane, None if value != value else value)
        if key not in self._refused:
            row = list(self._example)
            row[position] = row[position].copy()
            row[position][0, lane] = value
            self._refused[key] = not self._accepts(method, row)
        return self._refused[key]

    def _accepts(self, method: str, row: list[Values]) -> bool:
        try:
            self.loaded.rows(row)(method)
        except ValueError:
            return False
        return True


def example_row(example: Sequence[Any], inputs: Sequence[Block]) -> list[Values]:
    """One row as the values of inputs, (1, width) each."""
    values = iter(example)
    return [
        np.array([list(islice(values, part.width))], dtype=object if part.type is Type.TEXT else np.float64)
        for part in inputs
    ]


def _suspects(values: NDArray[Any]) -> list[tuple[Any, Callable[[NDArray[Any]], NDArray[np.bool_]]]]:
    """(a value that may be refused, what finds it) for values of one column: missing, infinite, a rare text."""
    found: list[tuple[Any, Callable[[NDArray[Any]], NDArray[np.bool_]]]] = []
    if values.dtype != object:
        if np.isnan(values).any():
            found.append((np.nan, np.isnan))
        found += [(value, _equals(value)) for value in (np.inf, -np.inf) if (values == value).any()]
        return found
    distinct = set(values.tolist())
    if None in distinct:
        found.append((None, lambda each: missing(each.reshape(-1, 1))[:, 0]))
    if len(distinct) <= JUDGED:
        found += [(text, _equals(text)) for text in distinct if text is not None]
    return found


def _equals(value: Any) -> Callable[[NDArray[Any]], NDArray[np.bool_]]:
    return lambda values: np.asarray(values == value, dtype=bool)
