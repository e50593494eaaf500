"""Blocks whose lanes all compute the same, each with its own constants: the points of a kernel, the units of a layer.

Such lanes can be rows of a table in place of text: the constants become its columns, and a sum over the lanes becomes a
query. Passes leave large ones whole, and `indb.emit` writes them so. This module knows only the representation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from indb.ir import Apply, Block, Const, Distance, Linear, Lookup, Nearest, Reduce, ReduceOp, Type

LITERALS = 5_000
"""The most constants of one expansion, or values of one lookup, that are written into the text of a query."""

GATHERED = frozenset({ReduceOp.SUM, ReduceOp.MIN, ReduceOp.MAX, ReduceOp.ARGMIN, ReduceOp.ARGMAX})
"""The reductions that are aggregates of a query."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """The lanes of `x`, how many constants each has, and how many more each has in what gathers them."""

    x: Block
    inner: int
    outer: int

    @property
    def size(self) -> int:
        """The constants of all lanes."""
        return (self.inner + self.outer) * self.x.width


def expansion_below(block: Block) -> Expansion | None:
    """The lanes that a block adds up or chooses from, where they all compute the same; else None."""
    match block:
        case Linear(x, weight, _):
            outer = len(weight)
        case Nearest((x, _), values):
            outer = values.shape[1]
        case Reduce(op, x) if op in GATHERED:
            outer = 0
        case _:
            return None
    inner = _constants(x, {}) if x.width > 1 else None
    return Expansion(x, inner, outer) if inner else None


def is_large(block: Block) -> bool:
    """Whether a block has more constants than a text should, or can only be a query: it then reads a table."""
    if isinstance(block, Lookup):
        return block.width * len(block.keys) > LITERALS and _tells_unknown(block)
    found = expansion_below(block)
    return found is not None and (found.size > LITERALS or isinstance(block, Nearest))


def _constants(x: Block, memo: dict[int, int | None]) -> int | None:
    """How many constants each lane of a block has; None where its lanes do not all compute the same.

    A width of 1 is the same value for all lanes, and has none.
    """
    if x.width == 1:
        return 0
    if id(x) not in memo:
        memo[id(x)] = _own_constants(x, memo)
    return memo[id(x)]


def _own_constants(x: Block, memo: dict[int, int | None]) -> int | None:
    match x:
        case _ if x.type is Type.TEXT:
            return None
        case Const(values):
            return None if any(value is None or value != value for value in values) else 1
        case Distance(inner):
            return inner.width
        case Linear(inner, _, bias):
            return None if is_large(x) else inner.width + int(bool(np.any(bias)))
        case Apply(_, args):
            found = [_constants(arg, memo) for arg in args]
            return None if None in found else sum(number for number in found if number)
    return None


def _tells_unknown(block: Lookup) -> bool:
    """Whether no key has a missing value, as a query gives one where it finds no key."""
    return not any(value is None or value != value for row in block.values for value in row)
