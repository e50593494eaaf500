"""Each block on many rows, with the bits of `indb.evaluate`: what can be prepared is, and lanes are columns in memory.

Values are as in `indb.evaluate`, or one row (1, width) that stands for all rows. A lane is read and written as a whole,
so each lies in one piece. Wide intermediate arrays are avoided: fresh memory costs more than the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import repeat
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indb.evaluate import OPS, Values, evaluate_block, missing, reduce_lanes
from indb.ir import Apply, Block, Bools, Concat, Floats, Foreign, Linear, Lookup, Reduce, ReduceOp, Take
from indb.runtime.words import Coded, Numbers

FEW = 32
"""Up to how many sums numpy goes through term by term: it takes 10 ns for each, and 500 ns for each row of terms."""

TERMS = 1 << 15
"""Up to how many terms of sums are computed before they are added."""

AT_ONCE = 1 << 14
"""How many sums of a linear map are computed at once where there are more."""

Parts: TypeAlias = Sequence[Values | Coded]

Compute: TypeAlias = Callable[[Parts, int], Values]
"""(the values of what a block reads, the number of rows) -> the values of the block."""


def reading(block: Block) -> tuple[Block, ...]:
    """The blocks whose values `computing` wants: mostly the children, or what lies side by side in the only child."""
    match block:
        case Linear(Concat(parts)) | Reduce(ReduceOp.ALL, Concat(parts)) | Foreign((Concat(parts),)):
            return parts
    return block.children


def computing(block: Block) -> Compute:
    """What computes a block of rows: any but columns, trees and those of libraries."""
    match block:
        case Apply(op):
            function = OPS[op]
            return lambda parts, n_rows: function(*map(spread, parts))
        case Concat():
            return _side_by_side
        case Take(_, lanes):
            return lambda parts, n_rows: _taken(spread(parts[0]), lanes)
        case Reduce(ReduceOp.ALL):
            return _all
        case Reduce(op):
            return lambda parts, n_rows: reduce_lanes(op, spread(parts[0]))
        case Linear():
            return Sums(block).rows
        case Lookup():
            return _Table(block).rows
    return lambda parts, n_rows: evaluate_block(block, [spread(part) for part in parts], n_rows)


def spread(part: Values | Coded) -> Values:
    """Values by row."""
    return part.rows() if isinstance(part, Coded) else part


def _side_by_side(parts: Parts, n_rows: int) -> Values:
    given = [spread(part) for part in parts]
    found = np.empty((sum(part.shape[1] for part in given), n_rows), dtype=given[0].dtype)
    lane = 0
    for part in given:
        width = part.shape[1]
        found[lane : lane + width] = part.T
        lane += width
    return found.T


def by_row(parts: Parts, n_rows: int) -> Floats:
    """Numbers side by side, each row in one piece, as libraries take them."""
    found = np.empty((n_rows, sum(map(width_of, parts))))
    lane = 0
    for part in parts:
        values = part.values.take(part.numbers, axis=0) if isinstance(part, Coded) else part
        found[:, lane : lane + values.shape[1]] = values
        lane += values.shape[1]
    return found


def _taken(x: Values, lanes: tuple[int, ...]) -> Values:
    """Some lanes: a view where they follow one another."""
    first = lanes[0] if lanes else 0
    if lanes == tuple(range(first, first + len(lanes))):
        return x[:, first : first + len(lanes)]
    found: Values = x.T.take(lanes, axis=0).T
    return found


def _all(parts: Parts, n_rows: int) -> Values:
    """1.0 where all lanes of all parts are."""
    found = np.ones(n_rows, dtype=bool)
    for part in parts:
        passed: Bools = spread(part) == 1.0
        found &= passed[:, 0] if passed.shape[1] == 1 else passed.all(axis=1)
    return found.astype(np.float64).reshape(-1, 1)


def in_order(terms: NDArray[Any]) -> NDArray[Any]:
    """The sum over the first axis of what lies in one piece, one term after the other.

    numpy adds in pairs along the axis that is fastest in memory only; accumulate never does.
    """
    if terms[0].size < FEW:
        total: NDArray[Any] = np.add.accumulate(terms, axis=0)[-1]
        return total
    total = np.add.reduce(terms, axis=0)
    return total


class Sums:
    """A linear map, (n_rows, width), its terms added in the order of the lanes."""

    def __init__(self, block: Linear) -> None:
        self.weight = np.ascontiguousarray(block.weight.T)[:, :, None]  # (n_lanes, width, 1)
        self.bias = block.bias
        self.is_finite = bool(np.isfinite(block.weight).all())

    def rows(self, parts: Parts, n_rows: int) -> Values:
        n_lanes, width, _ = self.weight.shape
        if width * n_rows > AT_ONCE:
            return self._in_pieces(parts, n_rows)
        at_once = max(1, min(n_lanes, TERMS // max(1, width * n_rows)))
        terms = np.zeros((at_once + 1, width, n_rows))
        filled, lane = 1, 0
        for part in parts:
            stop = lane + width_of(part)
            first = lane
            while lane < stop:
                count = min(stop - lane, at_once + 1 - filled)
                self._terms(part, first, lane, terms[filled : filled + count])
                lane, filled = lane + count, filled + count
                if filled > at_once:
                    terms[0], filled = in_order(terms), 1
        return in_order(terms[:filled]).T + self.bias

    def _in_pieces(self, parts: Parts, n_rows: int) -> Values:
        """The same for so many rows at a time that sums and terms stay in the processor's cache."""
        width = self.weight.shape[1]
        fills = self.fills(parts)
        found = np.empty((width, n_rows))
        step = max(AT_ONCE // width, 1)
        for start in range(0, n_rows, step):
            rows = slice(start, min(start + step, n_rows))
            total, term = np.zeros((2, width, rows.stop - start))
            for fill in fills:
                fill(rows, term)
                np.add(total, term, out=total)
            np.add(total, self.bias[:, None], out=found[:, rows])
        return found.T

    def fills(self, parts: Parts) -> list[Callable[[slice, Floats], Any]]:
        """What computes each term for some rows. Texts of which each has one lane that is not 0 make one term.

        What is left out are products with 0, which change no sum.
        """
        fills: list[Callable[[slice, Floats], Any]] = []
        lane = 0
        for part in parts:
            stop = lane + width_of(part)
            if not isinstance(part, Coded):
                fills += [partial(_multiplied, part.T[place - lane], self.weight[place]) for place in range(lane, stop)]
            elif self.is_finite and (part.values != 0.0).sum(axis=1).max(initial=0) <= 1:
                fills.append(partial(_of_texts, (part.values @ self.weight[lane:stop, :, 0]).T, part.numbers))
            else:
                fills += [
                    partial(_of_texts, part.values.T[place - lane] * self.weight[place], part.numbers)
                    for place in range(lane, stop)
                ]
            lane = stop
        return fills

    def _terms(self, part: Values | Coded, first: int, lane: int, found: Floats) -> None:
        """Fill in the terms of some lanes of a part, whose first lane is `first`; of texts, once for each text."""
        lanes, weight = slice(lane - first, lane - first + len(found)), self.weight[lane : lane + len(found)]
        if isinstance(part, Coded):
            products = part.values.T[lanes, None, :] * weight
            products.take(part.numbers, axis=2, out=found, mode="clip")  # "raise" would copy
        else:
            np.multiply(part.T[lanes, None, :], weight, out=found)


def _multiplied(x: Floats, weight: Floats, rows: slice, term: Floats) -> None:
    np.multiply(x[rows], weight, out=term)


def _of_texts(products: Floats, numbers: Numbers, rows: slice, term: Floats) -> None:
    products.take(numbers[rows], axis=1, out=term, mode="clip")  # "raise" would copy


def width_of(part: Values | Coded) -> int:
    """The number of lanes."""
    width: int = (part.values if isinstance(part, Coded) else part).shape[1]
    return width


class _Table:
    """A lookup. Its last two rows are for an unknown and for a missing value."""

    def __init__(self, block: Lookup) -> None:
        rows = (*block.values, block.unknown, block.missing)
        self.columns = np.empty((block.width, len(rows)), dtype=object if block.kind.value == "text" else np.float64)
        for number, row in enumerate(rows):
            self.columns[:, number] = row
        self.row = {key: number for number, key in enumerate(block.keys)}

    def rows(self, parts: Parts, n_rows: int) -> Values:
        x: Any = spread(parts[0])[:, 0]
        unknown = len(self.row)
        rows = np.fromiter(map(self.row.get, x.tolist(), repeat(unknown)), dtype=np.intp, count=len(x))
        rows[missing(x)] = unknown + 1
        return self.columns.take(rows, axis=1).T
