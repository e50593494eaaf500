"""Kernel expansions on many rows, with the bits of `indb.evaluate`: distances, the steps after them, and their sum.

There are thousands of points, so what is computed of all of them is never whole in memory: some points and some rows at
a time go through every step while they are in the processor's cache. Rows lie side by side there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from indb.evaluate import OPS, Values
from indb.ir import Apply, Block, Concat, Const, Distance, Floats, Linear, Metric, Type
from indb.runtime import blocks
from indb.runtime.blocks import Compute, Parts, in_order, spread
from indb.runtime.regroup import ROWS as ROW_BY_ROW
from indb.runtime.regroup import Groups
from indb.runtime.words import Coded

KEPT = 1 << 22
"""Up to how many terms of texts are kept for the next batch."""

TILE = 1 << 15
"""How many values of one step are computed at a time."""

ROWS = 1_024
"""How many rows go through the steps at a time: a call for fewer costs as much as its arithmetic."""

MANY = 256
"""From how many lanes on a linear map is worth it that is made of another one; of distances any is."""

Tile: TypeAlias = Floats
"""Values of some points and some rows, (n_points, n_rows)."""

Fill: TypeAlias = Callable[[slice, Tile, Tile], None]
"""(rows, where to write, other memory of that size) -> nothing; the values of some points for these rows."""


def reading(block: Block) -> tuple[Block, ...]:
    """The blocks whose values `computing` wants."""
    if isinstance(block, Distance):
        return _side_by_side(block.x)
    found = _Steps.of(block)
    return blocks.reading(block) if found is None else found.inputs


def computing(block: Block) -> Compute:
    """What computes a block of rows: any but columns, trees and those of libraries."""
    if isinstance(block, Distance):
        return _Distances(block).rows
    found = _Steps.of(block)
    return blocks.computing(block) if found is None or not isinstance(block, Linear) else _Expansion(block, found).rows


def n_values(block: Block) -> int:
    """How many lanes are computed for a row, as the planner counts them: a third of one for each term of a distance."""
    groups = Groups()

    def terms(leaf: Block) -> int:
        parts = _side_by_side(leaf.children[0])
        return sum(part.width if groups.of(part) == ROW_BY_ROW else 1 for part in parts)

    if isinstance(block, Distance):
        return block.width * (1 + terms(block) // 3)
    if not isinstance(block, Linear):
        return block.width
    found = _Steps.of(block)
    if found is None:
        return block.x.width * block.width
    each = [1 + terms(leaf) // 3 if isinstance(leaf, Distance) else terms(leaf) for leaf in found.leaves]
    return block.x.width * (block.width + len(found.steps) + sum(each))


def _side_by_side(x: Block) -> tuple[Block, ...]:
    return x.parts if isinstance(x, Concat) else (x,)


@dataclass(frozen=True)
class _Steps:
    """What a sum over many lanes is made of: distances or linear maps, the steps on their lanes, and single values."""

    leaves: tuple[Distance | Linear, ...]
    singles: tuple[Block, ...]
    steps: tuple[Apply, ...]

    @staticmethod
    def of(block: Block) -> _Steps | None:
        """The steps below a linear map; None where they are none that can be done lane by lane."""
        if not isinstance(block, Linear) or block.x.width == 1:
            return None
        leaves: dict[int, Distance | Linear] = {}
        singles: dict[int, Block] = {}
        steps: dict[int, Apply] = {}

        def visit(part: Block) -> bool:
            if id(part) in steps:
                return True
            match part:
                case Const(_, kind):
                    return kind is Type.NUMBER
                case _ if part.width == 1:
                    singles[id(part)] = part
                case Distance() | Linear():
                    leaves[id(part)] = part
                case Apply(_, args):
                    if not all(arg.type is Type.NUMBER and visit(arg) for arg in args):
                        return False
                    steps[id(part)] = part
                case _:
                    return False
            return True

        if not visit(block.x) or not leaves:
            return None
        if block.x.width < MANY and not any(isinstance(leaf, Distance) for leaf in leaves.values()):
            return None
        return _Steps(tuple(leaves.values()), tuple(singles.values()), tuple(steps.values()))

    @property
    def inputs(self) -> tuple[Block, ...]:
        """The blocks that are computed before: what the leaves read, and the single values."""
        return (*(part for leaf in self.leaves for part in _side_by_side(leaf.x)), *self.singles)


class _Expansion:
    """A linear map over the lanes of steps, (n_rows, width), its terms added in the order of the lanes."""

    def __init__(self, block: Linear, found: _Steps) -> None:
        self.weight = block.weight[:, :, None]
        self.bias = block.bias
        self.result = id(block.x)
        self.leaves: list[Any] = [
            _Distances(leaf) if isinstance(leaf, Distance) else _Maps(leaf) for leaf in found.leaves
        ]
        self.keys = [id(leaf) for leaf in found.leaves]
        self.counts = [len(_side_by_side(leaf.x)) for leaf in found.leaves]
        self.singles = [id(single) for single in found.singles]
        self.constants = {
            id(arg): np.array(arg.values, dtype=np.float64)[:, None]
            for step in found.steps for arg in step.args if isinstance(arg, Const)
        }  # fmt: skip
        self.held = found  # its blocks are known by their ids
        self.steps = self._in_place(found.steps)

    def _in_place(self, steps: Sequence[Apply]) -> list[tuple[int, Callable[..., Any], list[int], int | None]]:
        """Each step with the argument in whose place it can write: one that nothing reads later."""
        last = {id(arg): number for number, step in enumerate(steps) for arg in step.args}
        wide = {*self.keys, *(id(step) for step in steps)}
        found: list[tuple[int, Callable[..., Any], list[int], int | None]] = []
        for number, step in enumerate(steps):
            function = OPS[step.op]
            args = [id(arg) for arg in step.args]
            free = [arg for arg in args if arg in wide and last[arg] == number and arg != self.result]
            can = isinstance(function, np.ufunc) and bool(free)
            found.append((id(step), function, args, free[0] if can else None))
        return found

    def rows(self, parts: Parts, n_rows: int) -> Values:
        given, start = [], 0
        for leaf, count in zip(self.leaves, self.counts, strict=True):
            given.append(leaf.prepared(parts[start : start + count], n_rows))
            start += count
        singles = {key: spread(part)[:, 0] for key, part in zip(self.singles, parts[start:], strict=True)}
        n_points = self.weight.shape[1]
        piece = max(1, min(n_rows, ROWS))
        step = max(1, TILE // piece)
        total = np.zeros((len(self.bias), n_rows))
        memory = np.empty((len(self.leaves) + 1, min(step, n_points) * piece))
        for low in range(0, n_points, step):
            points = slice(low, min(low + step, n_points))
            fills = [leaf.filling(each, points) for leaf, each in zip(self.leaves, given, strict=True)]
            for first in range(0, n_rows, piece):
                rows = slice(first, min(first + piece, n_rows))
                shape = (points.stop - low, rows.stop - first)
                tiles = [each[: shape[0] * shape[1]].reshape(shape) for each in memory]
                self._add(points, rows, fills, tiles, singles, total[:, rows])
        return total.T + self.bias

    def _add(
        self, points: slice, rows: slice, fills: Sequence[Fill], tiles: Sequence[Tile], singles: dict[int, Floats],
        total: Floats,
    ) -> None:  # fmt: skip
        """Add the terms of some points and rows."""
        spare = tiles[-1]
        memo: dict[int, Any] = {key: of_rows(single, rows) for key, single in singles.items()}
        for key, fill, tile in zip(self.keys, fills, tiles, strict=False):
            fill(rows, tile, spare)
            memo[key] = tile
        for key, values in self.constants.items():
            memo[key] = values[points] if len(values) > 1 else values
        for key, function, args, place in self.steps:
            given = [memo[arg] for arg in args]
            memo[key] = function(*given) if place is None else function(*given, out=memo[place])
        lanes = memo[self.result]
        for weight, sums in zip(self.weight, total, strict=True):
            np.multiply(lanes, weight[points], out=spare)
            np.add(sums, spare[0], out=spare[0])
            sums[...] = in_order(spare)


def of_rows(x: Floats, rows: slice) -> Floats:
    """Some rows of a lane, which may be the same in all rows."""
    return x if len(x) == 1 else x[rows]


class _Maps:
    """The lanes of a linear map."""

    def __init__(self, block: Linear) -> None:
        self.block = block
        self.pieces: dict[tuple[int, int], Any] = {}

    def prepared(self, parts: Parts, n_rows: int) -> Parts:
        """The parts, each with a value for every row."""
        return [
            part if isinstance(part, Coded) or len(part) == n_rows else np.broadcast_to(part, (n_rows, part.shape[1]))
            for part in parts
        ]

    def filling(self, parts: Parts, points: slice) -> Fill:
        """What computes some lanes."""
        key = (points.start, points.stop)
        if key not in self.pieces:
            piece = Linear(self.block.x, self.block.weight[points], self.block.bias[points])
            self.pieces[key] = blocks.Sums(piece)
        sums = self.pieces[key]
        return partial(_summed, sums.fills(parts), sums.bias[:, None])


def _summed(fills: Sequence[Callable[[slice, Tile], Any]], bias: Floats, rows: slice, total: Tile, term: Tile) -> None:
    total[...] = 0.0
    for fill in fills:
        fill(rows, term)
        np.add(total, term, out=total)
    np.add(total, bias, out=total)


Term: TypeAlias = tuple[Any, Any]
"""A lane of rows and its number; or texts, and the numbers of the lanes that they have."""


class _Distances:
    """How far rows are from points.

    Terms of whole numbers are whole numbers, and the same in any order: those of a text are one term then.
    """

    def __init__(self, block: Distance) -> None:
        self.points = np.ascontiguousarray(block.points.T)  # (n_lanes, n_points)
        self.metric = block.metric
        self.order, self.n_whole = block.order, block.n_whole

    def rows(self, parts: Parts, n_rows: int) -> Values:
        """The distances, (n_rows, n_points)."""
        n_points = self.points.shape[1]
        terms = self.prepared(parts, n_rows)
        found = np.empty((n_points, n_rows))
        piece = max(1, min(n_rows, ROWS))
        step = max(1, TILE // piece)
        memory = np.empty((2, step * piece))
        for low in range(0, n_points, step):
            points = slice(low, min(low + step, n_points))
            fill = self.filling(terms, points)
            for first in range(0, n_rows, piece):
                rows = slice(first, min(first + piece, n_rows))
                shape = (points.stop - low, rows.stop - first)
                total, term = (each[: shape[0] * shape[1]].reshape(shape) for each in memory)
                fill(rows, total, term)
                found[points, rows] = total
        return found.T

    def prepared(self, parts: Parts, n_rows: int) -> list[Term]:
        """The terms in the order in which they are added."""
        lanes = [(part, lane) for part in parts for lane in range(blocks.width_of(part))]
        whole = [lanes[place] for place in self.order[: self.n_whole]]
        if self.metric is Metric.CHEBYSHEV or all(_is_whole(part, lane) for part, lane in whole):
            first = self._texts(parts)
            done = {place for _, places in first for place in places}
        else:
            first, done = [], set()
        return [*first, *((lanes[place], place) for place in self.order if place not in done)]

    def _texts(self, parts: Parts) -> list[Term]:
        """The texts among the parts, each with those of its lanes whose points are whole numbers."""
        found: list[Term] = []
        whole, start = set(self.order[: self.n_whole]), 0
        for part in parts:
            stop = start + blocks.width_of(part)
            places = [place for place in range(start, stop) if place in whole]
            if isinstance(part, Coded) and places:
                found.append(((part, [place - start for place in places]), places))
            start = stop
        return found

    def filling(self, terms: Sequence[Term], points: slice) -> Fill:
        """What computes the distances from some points."""
        return partial(_measured, [self._term(term, points) for term in terms], self.metric is Metric.CHEBYSHEV)

    def _term(self, term: Term, points: slice) -> Callable[[slice, Tile], Any]:
        (part, lanes), places = term
        if not isinstance(part, Coded):
            return partial(_SIZES[self.metric], part[:, lanes], self.points[places, points, None])
        key = (id(self), points.start, points.stop, places if isinstance(places, int) else tuple(places))
        table = part.cache.get(key)
        if table is None:
            table = self._table(part.values, lanes, places, points)
            if len(part.values) * self.points.shape[1] <= KEPT:
                part.cache[key] = table
        return partial(_of_texts, table, part.numbers)

    def _table(self, values: Values, lanes: Any, places: Any, points: slice) -> Floats:
        """The term of each text, (n_points, n_texts)."""
        found = np.zeros((points.stop - points.start, len(values)))
        term = np.empty_like(found)
        size = _SIZES[self.metric]
        one = isinstance(places, int)
        for lane, place in zip([lanes] if one else lanes, [places] if one else places, strict=True):
            size(values[:, lane], self.points[place, points, None], slice(None), term)
            (np.maximum if self.metric is Metric.CHEBYSHEV else np.add)(found, term, out=found)
        return found


def _is_whole(part: Values | Coded, lane: int) -> bool:
    """Whether a lane holds whole numbers only, so small that sums of their squares are exact, or missing values."""
    x = (part.values if isinstance(part, Coded) else part)[:, lane]
    return bool((((np.floor(x) == x) & (np.abs(x) <= Distance.WHOLE)) | np.isnan(x)).all())


def _measured(
    terms: Sequence[Callable[[slice, Tile], Any]], largest: bool, rows: slice, total: Tile, term: Tile
) -> None:
    """Add the terms, or take the largest."""
    for number, fill in enumerate(terms):
        fill(rows, term if number else total)
        if number:
            (np.maximum if largest else np.add)(total, term, out=total)


def _squares(x: Floats, point: Floats, rows: slice, term: Tile) -> None:
    np.subtract(of_rows(x, rows), point, out=term)
    np.multiply(term, term, out=term)


def _magnitudes(x: Floats, point: Floats, rows: slice, term: Tile) -> None:
    np.subtract(of_rows(x, rows), point, out=term)
    np.abs(term, out=term)


_SIZES = {Metric.SQUARED: _squares, Metric.MANHATTAN: _magnitudes, Metric.CHEBYSHEV: _magnitudes}


def _of_texts(table: Floats, numbers: Any, rows: slice, term: Tile) -> None:
    table.take(numbers[rows], axis=1, out=term, mode="clip")  # "raise" would copy
