"""Lanes that follow from one text are put together: they are then computed together, once for each text. Exact.

A wide step over the lanes of several columns (a check that all are finite, say) is divided among the columns, and what
is computed twice is computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TypeAlias

from indb.ir import Apply, Block, Column, Concat, Const, Model, Reduce, ReduceOp, Take, TreeEnsemble, Type, rewrite

Group: TypeAlias = frozenset[Column]
"""The columns that lanes read, where that is none or one text; else ROWS."""

ROWS: Group = frozenset({Column("")})


def regroup(model: Model) -> Model:
    """The model with lanes that read the same text side by side in blocks of their own."""
    return rewrite(model, _Rule())


class Groups:
    """What blocks read."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[Block, Group]] = {}  # holds the block too: its id is not used again meanwhile

    def of(self, block: Block) -> Group:
        """The group of a block."""
        if id(block) not in self._found:
            if isinstance(block, Column):
                found = frozenset({block}) if block.kind is Type.TEXT else ROWS
            else:
                found = frozenset[Column]().union(*(self.of(part) for part in block.children))
            self._found[id(block)] = (block, found if len(found) < 2 else ROWS)
        return self._found[id(block)][1]


class _Rule:
    """What `rewrite` does to each block; it remembers what the blocks read and which it has seen."""

    def __init__(self) -> None:
        self._group = Groups().of
        self._first: dict[tuple[object, ...], Block] = {}

    def __call__(self, block: Block) -> Block:
        match block:
            case Concat(parts):
                block = self._side_by_side(_flat(parts))
            case TreeEnsemble(inputs):
                block = block.with_children(_flat([self._side_by_side(_flat(inputs))]))
            case Apply() if block.width > 1:
                block = self._divided(block)
            case Reduce(ReduceOp.ALL, Concat(parts)):
                block = Reduce(ReduceOp.ALL, self._conditions(parts))
        return self._shared(block)

    def _shared(self, block: Block) -> Block:
        """The first block that does the same to the same inputs."""
        children = tuple(id(part) for part in block.children)
        key: tuple[object, ...]
        match block:
            case Apply(op, _) | Reduce(op, _):
                key = (op, *children)
            case Const(values, kind):
                key = (kind, *(repr(value) for value in values))
            case Take(_, lanes):
                key = (Take, lanes, *children)
            case Concat(_):
                key = (Concat, *children)
            case _:
                return block
        found = self._first.setdefault(key, block)
        self._group(found)
        return found

    def _side_by_side(self, parts: Sequence[Block]) -> Block:
        """A block of all lanes, those of one text that follow one another in a block of their own."""
        found: list[Block] = []
        for group, run in groupby(parts, self._group):
            members = tuple(run)
            found += members if group == ROWS else (self._shared(_concat(members)),)
        return self._shared(_concat(tuple(found)))

    def _conditions(self, parts: Sequence[Block]) -> Block:
        """That all hold, which may be asked in any order: of each text first."""
        groups: dict[Group, list[Block]] = {}
        for part in _flat(parts):
            groups.setdefault(self._group(part), []).append(part)
        rows = groups.pop(ROWS, [])
        alone = [self._shared(Reduce(ReduceOp.ALL, self._side_by_side(members))) for members in groups.values()]
        return self._side_by_side([*rows, *alone])

    def _divided(self, block: Apply) -> Block:
        """A wide step for each group of lanes, where the arguments are divided alike."""
        cuts = {self._cuts(part) for part in block.args if isinstance(part, Concat)}
        if len(cuts) != 1 or len(next(iter(cuts))) == 1:
            return block
        start, found = 0, []
        for stop in next(iter(cuts)):
            args = [self._lanes(part, start, stop) for part in block.args]
            if None in args:
                return block
            found.append(self._shared(Apply(block.op, tuple(part for part in args if part))))
            start = stop
        return self._side_by_side(_flat(found))

    def _cuts(self, block: Concat) -> tuple[int, ...]:
        """The lanes at which groups end."""
        found, width = [], 0
        for _, members in groupby(block.parts, self._group):
            width += sum(part.width for part in members)
            found.append(width)
        return tuple(found)

    def _lanes(self, block: Block, start: int, stop: int) -> Block | None:
        """Some lanes of an argument, or its single lane; None where they cannot be had for nothing."""
        match block:
            case _ if block.width == 1:
                return block
            case Const(values, kind):
                return self._shared(Const(values[start:stop], kind))
            case Concat(parts):
                found, lane = [], 0
                for part in parts:
                    if start <= lane and lane + part.width <= stop:
                        found.append(part)
                    lane += part.width
                return self._side_by_side(found)
        return None


def _flat(parts: Sequence[Block]) -> tuple[Block, ...]:
    """The parts, and those of parts that are side by side themselves."""
    return tuple(each for part in parts for each in (part.parts if isinstance(part, Concat) else (part,)))


def _concat(parts: tuple[Block, ...]) -> Block:
    return parts[0] if len(parts) == 1 else Concat(parts)
