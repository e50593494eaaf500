"""A block taken apart into its lanes, so that each reads no more than it needs."""

from __future__ import annotations

from indb.ir import Apply, Block, Concat, Const, Take


def lane(block: Block, index: int, memo: dict[tuple[int, int], Block] | None = None) -> Block:
    """One lane of a block, looked for through Concat, Take, Const and Apply so that only what it needs remains.

    `memo` holds the lanes that were found on the way: what several blocks share stays shared.
    """
    if block.width == 1:
        return block
    memo = {} if memo is None else memo
    if (id(block), index) not in memo:
        memo[id(block), index] = _lane(block, index, memo)
    return memo[id(block), index]


def _lane(block: Block, index: int, memo: dict[tuple[int, int], Block]) -> Block:
    match block:
        case Const(values, kind):
            return Const((values[index],), kind)
        case Concat(parts):
            for part in parts:
                if index < part.width:
                    return lane(part, index, memo)
                index -= part.width
        case Take(x, lanes):
            return lane(x, lanes[index], memo)
        case Apply(op, args):
            return Apply(op, tuple(lane(arg, index, memo) if arg.width > 1 else arg for arg in args))
    return Take(block, (index,))


def lanes(block: Block) -> list[Block]:
    """Every lane of a block, as `lane` finds it."""
    return _lanes(block, {})


def _lanes(block: Block, memo: dict[int, list[Block]]) -> list[Block]:
    if id(block) not in memo:
        memo[id(block)] = _split(block, memo)
    return memo[id(block)]


def _split(block: Block, memo: dict[int, list[Block]]) -> list[Block]:
    if block.width == 1:
        return [block]
    match block:
        case Const(values, kind):
            return [Const((value,), kind) for value in values]
        case Concat(parts):
            return [each for part in parts for each in _lanes(part, memo)]
        case Take(x, places) if 4 * len(places) < x.width:
            return [lane(x, place) for place in places]
        case Take(x, places):
            whole = _lanes(x, memo)
            return [whole[place] for place in places]
        case Apply(op, args):
            each_arg = [_lanes(arg, memo) if arg.width > 1 else [arg] * block.width for arg in args]
            return [Apply(op, row) for row in zip(*each_arg, strict=True)]
    return [Take(block, (index,)) for index in range(block.width)]
