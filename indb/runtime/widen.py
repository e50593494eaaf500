"""Steps that do the same to several columns become one wide step: a call costs more than the arithmetic of a lane.

Exact: each lane goes through the same operations. Functions like exp are left alone: their last bits may depend on how
values lie in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from indb.ir import Apply, Block, Concat, Const, Model, Op, Take, Type, walk
from indb.runtime.regroup import ROWS, Groups

OPS = frozenset(Op) - {Op.EXP, Op.LN, Op.SIN, Op.COS, Op.TANH}


def widen(model: Model) -> Model:
    """The model with lanes that go through the same operation at the same depth side by side."""
    levels: dict[int, list[Block]] = {}
    level: dict[int, int] = {}
    for block in walk(model.roots()):
        level[id(block)] = 1 + max((level[id(part)] for part in block.children), default=0)
        levels.setdefault(level[id(block)], []).append(block)
    wider = _Wider(model)
    for number in sorted(levels):
        wider.take_in(levels[number])
    targets = tuple(
        replace(target, outputs={name: wider.done[id(block)] for name, block in target.outputs.items()})
        for target in model.targets
    )
    return replace(model, targets=targets)


class _Wider:
    """What stands for each block so far. Outputs stay apart: who asks for one need not compute the others."""

    def __init__(self, model: Model) -> None:
        self.done: dict[int, Block] = {}
        self._outputs = {id(block) for block in model.roots()}
        self._groups = Groups()
        self._joined: dict[tuple[int, ...], Block] = {}

    def take_in(self, blocks: Sequence[Block]) -> None:
        """The blocks of one depth."""
        alike: dict[tuple[object, ...], list[Apply]] = {}
        for block in blocks:
            is_inner = id(block) not in self._outputs and self._groups.of(block) == ROWS
            key = _key(block) if is_inner else None
            if isinstance(block, Apply) and key:
                alike.setdefault(key, []).append(block)
            else:
                self.done[id(block)] = self._rebuilt(block)
        for members in alike.values():
            if len(members) == 1:
                self.done[id(members[0])] = self._rebuilt(members[0])
            else:
                wide = Apply(members[0].op, self._arguments(members))
                self.done.update((id(block), Take(wide, (lane,))) for lane, block in enumerate(members))

    def _rebuilt(self, block: Block) -> Block:
        children = tuple(self.done[id(part)] for part in block.children)
        if isinstance(block, Concat):
            return self._side_by_side(children)
        same = all(new is old for new, old in zip(children, block.children, strict=True))
        return block if same else block.with_children(children)

    def _arguments(self, members: Sequence[Apply]) -> tuple[Block, ...]:
        columns = zip(*(each.args for each in members), strict=True)
        return tuple(self._argument([self.done[id(part)] for part in column]) for column in columns)

    def _argument(self, parts: Sequence[Block]) -> Block:
        """One argument of several steps, side by side; a single lane where it is the same for all."""
        if all(part is parts[0] for part in parts):
            return parts[0]
        if all(isinstance(part, Const) for part in parts):
            values = tuple(value for part in parts if isinstance(part, Const) for value in part.values)
            return parts[0] if len({repr(value) for value in values}) == 1 else Const(values)
        return self._side_by_side(parts)

    def _side_by_side(self, parts: Sequence[Block]) -> Block:
        """Parts as one block, each such block once; lanes of a wide step that follow one another stay together."""
        found: list[Block] = []
        for part in parts:
            match found[-1] if found else None, part:
                case Take(x, before), Take(y, lanes) if x is y and before[-1] + 1 == lanes[0]:
                    found[-1] = Take(x, (*before, *lanes))
                case _:
                    found.append(part)
        whole = tuple(_whole(part) for part in found)
        if len(whole) == 1:
            return whole[0]
        return self._joined.setdefault(tuple(id(part) for part in whole), Concat(whole))


def _key(block: Block) -> tuple[object, ...] | None:
    """What steps that can be one have in common."""
    if not isinstance(block, Apply) or block.op not in OPS or block.width > 1 or block.type is Type.TEXT:
        return None
    if any(part.type is Type.TEXT for part in block.args) or all(isinstance(part, Const) for part in block.args):
        return None
    return block.op, *(isinstance(part, Const) for part in block.args)


def _whole(part: Block) -> Block:
    """A block in place of all its lanes."""
    if isinstance(part, Take) and part.lanes == tuple(range(part.x.width)):
        return part.x
    return part
