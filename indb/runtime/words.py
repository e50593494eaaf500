"""What follows from a text alone is computed once for each text, not once for each row.

A text column of a large table holds few different texts. They are numbered here, the blocks that read nothing but that
column are computed for the texts, and rows take their values by number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indb.evaluate import Values

FEW = 64
"""How many texts are kept where rows come one by one."""

Numbers: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True)
class Coded:
    """Values that follow from a text: those of each text, (n_texts, width), and the text's number in each row.

    `cache` lives as long as these texts are known; a kernel keeps in it what it made of them, under a key of its own.
    """

    values: Values
    numbers: Numbers
    cache: dict[Any, Any]
    spread: list[Values] = field(default_factory=list)

    def rows(self) -> Values:
        """The values of the rows, (n_rows, width)."""
        if not self.spread:
            self.spread.append(self._rows())
        return self.spread[0]

    def _rows(self) -> Values:
        if len(self.numbers) < FEW:
            few: Values = self.values.take(self.numbers, axis=0)
            return few
        found = np.empty((self.values.shape[1], len(self.numbers)), dtype=self.values.dtype)
        for lane, values in enumerate(self.values.T):
            values.take(self.numbers, out=found[lane], mode="clip")  # "raise" would copy
        return found.T


class Texts:
    """A text column of a batch as numbers of distinct texts; `texts` holds str or None."""

    def __init__(self, texts: Sequence[str | None], numbers: Numbers) -> None:
        self.texts = texts
        self.numbers = numbers

    def __getitem__(self, rows: slice) -> Texts:
        return Texts(self.texts, self.numbers[rows])

    def rows(self) -> Values:
        """The column, (n_rows, 1)."""
        return _column(self.texts).take(self.numbers, axis=0)


class _Known:
    """Some texts, their numbers and what follows from them."""

    def __init__(self, texts: Sequence[str | None], compute: Callable[[Values], dict[int, Values]]) -> None:
        self.texts = texts
        self.number = {text: number for number, text in enumerate(texts)}
        self.values = compute(_column(texts))
        self.caches: dict[int, dict[Any, Any]] = {key: {} for key in self.values}


class Vocabulary:
    """The texts of one column that were seen.

    compute: what gives the values of the blocks that read this column alone, by their ids, for a column of texts.
    Threads may come at once: what is known is replaced as a whole.
    """

    def __init__(self, compute: Callable[[Values], dict[int, Values]]) -> None:
        self._compute = compute
        self._known = _Known((None,), compute)

    def coded(self, column: Values | Texts) -> dict[int, Coded]:
        """The values of the blocks for a column of rows."""
        texts = column.texts if isinstance(column, Texts) else column.ravel().tolist()
        known = self._known
        numbers = _numbers(known, texts)
        if len(numbers) and numbers.min() < 0:
            known = self._learn(known, texts)
            numbers = _numbers(known, texts)
        if isinstance(column, Texts):
            numbers = numbers.take(column.numbers)
        return {key: Coded(values, numbers, known.caches[key]) for key, values in known.values.items()}

    def _learn(self, known: _Known, texts: Sequence[str | None]) -> _Known:
        """All of these texts, with those known before unless that would be more work than the rows themselves."""
        together = list(dict.fromkeys([*known.texts, *texts]))
        limit = max(FEW, len(texts))
        if len(together) <= limit:
            self._known = _Known(together, self._compute)
            return self._known
        alone = _Known(list(dict.fromkeys([None, *texts])), self._compute)
        if len(texts) > FEW:
            self._known = alone
        return alone


def _numbers(known: _Known, texts: Sequence[str | None]) -> Numbers:
    """The number of each text; -1 where it is not known."""
    if len(texts) == 1:
        return np.array([known.number.get(texts[0], -1)])
    return np.fromiter(map(known.number.get, texts, repeat(-1)), dtype=np.intp, count=len(texts))


def _column(texts: Sequence[str | None]) -> Values:
    found = np.empty((len(texts), 1), dtype=object)
    found[:, 0] = texts
    return found
