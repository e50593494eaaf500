"""Which rows have numbers that a model can compute with in float64.

An infinite number is a value like others where it is compared: trees and intervals take it. Where it is added or
multiplied, databases raise errors or hold it at the largest double, so such a row has no score.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from indb import build
from indb.ir import Apply, Block, Concat, Const, Distance, Linear, Op, Reduce, ReduceOp, Take, walk

ARITHMETIC = frozenset({Op.ADD, Op.SUB, Op.MUL, Op.DIV, Op.EXP, Op.LN, Op.SQRT, Op.SIN, Op.COS, Op.TANH})
PASSED = {
    **dict.fromkeys((Op.COALESCE, Op.MIN, Op.MAX), (0, 1)),
    **dict.fromkeys((Op.ABS, Op.FLOOR, Op.SINGLE), (0,)),
    Op.WHERE: (1, 2),
}
"""Op -> the arguments of which its result is one, or as large as one where that is infinite."""


def finite(roots: Sequence[Block], numbers: Sequence[Block], in_float32: bool = False) -> list[Block]:
    """The conditions that numbers are finite, or missing, where blocks below the roots compute with them.

    numbers: columns, and other blocks whose lanes may be infinite. in_float32: whether what SINGLE rounds is computed
    with in float32, where the largest double is infinite again, so that nothing is asked of it.
    """
    marked = {id(block) for block in numbers}
    given: dict[int, bool] = {}
    for block in walk(roots):
        given[id(block)] = id(block) in marked or any(given[id(part)] for part in _passed(block, in_float32))
    found: dict[int, Block] = {}
    for block in walk(roots):
        for part in _computed(block):
            for source in _sources(part) if given[id(part)] else ():
                if given.get(id(source), True):
                    found.setdefault(id(source), source)
    return [_condition(build.concat(list(found.values())))] if found else []


def _passed(block: Block, in_float32: bool) -> tuple[Block, ...]:
    """The children whose values a block hands on as they are."""
    match block:
        case Apply(Op.SINGLE) if in_float32:
            return ()
        case Apply(Op.MUL, (x, other)) if _is_sign(other):
            return (x,)
        case Apply(op, args) if op in PASSED:
            return tuple(args[place] for place in PASSED[op])
        case Concat() | Take() | Reduce(ReduceOp.MIN | ReduceOp.MAX):
            return block.children
    return ()


def _is_sign(block: Block) -> bool:
    return isinstance(block, Const) and set(block.values) <= {1.0, -1.0}


def _computed(block: Block) -> tuple[Block, ...]:
    """The children with whose values a block computes."""
    match block:
        case Apply(Op.MUL, (_, other)) if _is_sign(other):
            return ()
        case Apply(op, args) if op in ARITHMETIC:
            return args
        case Linear() | Distance() | Reduce(ReduceOp.SUM):
            return block.children
    return ()


def _sources(block: Block) -> Iterator[Block]:
    """The blocks whose lanes a block joins or takes; those in which a constant stands for what is missing."""
    match block:
        case Concat(parts):
            for part in parts:
                yield from _sources(part)
        case Take(Concat(parts), lanes) if all(part.width == 1 for part in parts):
            for lane in lanes:
                yield from _sources(parts[lane])
        case Apply(Op.COALESCE, (x, Const())):
            yield from _sources(x)
        case _:
            yield block


def _condition(x: Block) -> Block:
    inside = build.between(x, -build.FLOAT64_MAX, build.FLOAT64_MAX)
    return Apply(Op.OR, (build.is_missing(x), inside))
