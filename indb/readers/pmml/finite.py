"""Which rows have numbers that a model can compute with.

An infinite number is a value like others where it is compared: trees and intervals take it. Where it is added or
multiplied, databases raise errors or hold it at the largest double, so such a row has no score.
"""

from __future__ import annotations

from collections.abc import Sequence

from indb import build
from indb.ir import Apply, Block, Column, Concat, Distance, Linear, Lookup, Op, Reduce, ReduceOp, Take, Type, walk
from indb.readers.pmml import values

ARITHMETIC = frozenset(
    {Op.ADD, Op.SUB, Op.MUL, Op.DIV, Op.EXP, Op.LN, Op.SQRT, Op.SIN, Op.COS, Op.TANH, Op.FLOOR}
)  # fmt: skip
PASSED = {Op.WHERE: (1, 2), Op.COALESCE: (0, 1), Op.MIN: (0, 1), Op.MAX: (0, 1), Op.ABS: (0,), Op.SINGLE: (0,)}
"""Op -> the arguments of which its result is one."""


def finite(roots: Sequence[Block]) -> list[Block]:
    """The conditions that numbers of columns are finite, or missing, where blocks below the roots compute with them."""
    given: dict[int, bool] = {}
    for block in walk(roots):
        given[id(block)] = any(given[id(part)] for part in _passed(block)) or _is_number(block)
    found: dict[int, Block] = {}
    for block in walk(roots):
        for part in _computed(block):
            for lane in build.lanes(part) if given[id(part)] else ():
                source = _column_of(lane) or lane
                if given.get(id(source), True):
                    found.setdefault(id(source), source)
    return [_condition(block) for block in found.values()]


def _is_number(block: Block) -> bool:
    return isinstance(block, Column) and block.kind is Type.NUMBER


def _column_of(block: Block) -> Column | None:
    """The column whose value a block is for every row that has one."""
    while isinstance(block, Apply) and block.op is Op.COALESCE:
        block = block.args[0]
    return block if isinstance(block, Column) else None


def _passed(block: Block) -> tuple[Block, ...]:
    """The children whose values a block hands on as they are."""
    match block:
        case Apply(op, args) if op in PASSED:
            return tuple(args[place] for place in PASSED[op])
        case Concat() | Take():
            return block.children
    return ()


def _computed(block: Block) -> tuple[Block, ...]:
    """The children with whose values a block computes."""
    match block:
        case Apply(op, args) if op in ARITHMETIC:
            return args
        case Linear() | Distance():
            return block.children
        case Reduce(ReduceOp.SUM, x):
            return (x,)
        case Lookup():
            return ()
    return ()


def _condition(x: Block) -> Block:
    inside = build.between(x, -build.FLOAT64_MAX, build.FLOAT64_MAX)
    return values.either(build.is_missing(x), inside)
