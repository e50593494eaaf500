"""Look at lanes one by one: blocks that read many lanes get each lane as a block of its own. Exact.

The passes that follow work on one lane at a time, and a lane that went through a wide step (a scaler of twenty columns,
say) shows that step only as far as it concerns the lane. Large expansions stay whole: their lanes are rows of a table.
"""

from __future__ import annotations

from indb import build
from indb.expansions import is_large
from indb.ir import Apply, Block, Concat, Const, Distance, Linear, Model, Reduce, ReduceOp, Take, TreeEnsemble, rewrite


def split_lanes(model: Model) -> Model:
    """The model with the lanes of trees, linear maps and conjunctions as blocks of width 1, equal ones shared."""
    equal = _Equal()

    def lanes(block: Block) -> list[Block]:
        return [equal.shared(lane) for lane in build.lanes(block)]

    def rule(block: Block) -> Block:
        match block:
            case TreeEnsemble(inputs):
                return block.with_children(tuple(lane for part in inputs for lane in lanes(part)))
            case Linear(x) if x.width > 1 and not is_large(block) and not is_wide(x):
                return block.with_children((Concat(tuple(lanes(x))),))
            case Reduce(ReduceOp.ALL, x) if x.width > 1:
                return block.with_children((Concat(tuple(lanes(x))),))
        return block

    return rewrite(model, rule)


def is_wide(x: Block) -> bool:
    """Whether a block is one step for all its lanes: distances, a linear map, what is done to all of these."""
    match x:
        case Distance() | Linear():
            return x.width > 1
        case Apply(_, args):
            return any(is_wide(arg) for arg in args if arg.width > 1)
    return False


class _Equal:
    """Finds the first block seen that does the same to the same inputs: a lane that two steps read stays one."""

    def __init__(self) -> None:
        self._first: dict[tuple[object, ...], Block] = {}
        self._done: dict[int, tuple[Block, Block]] = {}  # holds the block too: its id is not used again meanwhile

    def shared(self, block: Block) -> Block:
        """The block to use in place of this one."""
        found = self._done.get(id(block))
        if found is not None:
            return found[1]
        children = tuple(self.shared(child) for child in block.children)
        same = all(new is old for new, old in zip(children, block.children, strict=True))
        result = block if same else block.with_children(children)
        key = _key(result)
        result = result if key is None else self._first.setdefault(key, result)
        self._done[id(block)] = (block, result)
        return result


def _key(block: Block) -> tuple[object, ...] | None:
    """What makes two small blocks the same; None for blocks that are compared by identity only."""
    children = tuple(id(child) for child in block.children)
    match block:
        case Apply(op, _):
            return (op, children)
        case Const(values, kind):
            return (kind, tuple(repr(value) for value in values))
        case Take(_, chosen):
            return ("take", chosen, children)
    return None
