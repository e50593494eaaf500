"""Where a model turns: the values of each column next to which it may give something else.

They are found in the optimised model, most of whose splits and conditions are over raw columns. What still compares a
computed lane is led back to the column by bisection.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from indb import build
from indb.evaluate import evaluate
from indb.golden.ways import Point, split_points
from indb.ir import (
    Apply,
    Block,
    Bools,
    Column,
    Concat,
    Const,
    Floats,
    Lookup,
    Model,
    Op,
    Take,
    Target,
    TreeEnsemble,
    Type,
    walk,
)

COMPARISONS = frozenset({Op.LE, Op.LT, Op.EQ, Op.BETWEEN, Op.MIN, Op.MAX})
"""Ops that do something else on the other side of a constant."""

FREE = frozenset({Op.EXP, Op.LN, Op.SIN, Op.COS, Op.TANH})
"""Ops whose last bit differs from one mathematical library to the next."""

APART = 1e-9
"""How far from a border, relative to it, two libraries that round differently are on the same side."""

Places: TypeAlias = NDArray[np.intp]

MAX_ROWS = 256
"""How many constants lanes are compared with at most when they are computed together."""

MAX_BITS = np.array(np.finfo(np.float64).max).view(np.int64)


def turning_points(model: Model) -> dict[str, list[Point]]:
    """Column -> the texts and finite numbers at which an optimised model may turn, in order.

    A number is the last one on its side of a border, or a key: its neighbours belong to it. The same value may be a
    threshold of several splits, each with its own way.
    """
    found: defaultdict[str, list[Point]] = defaultdict(list)
    for block in walk(model.roots()):
        if isinstance(block, TreeEnsemble):
            for column, point in split_points(block, _lanes(block)):
                found[column.name].append(point)
    alone: defaultdict[str, set[float | str]] = defaultdict(set)
    computed: defaultdict[Column, dict[Block, set[float]]] = defaultdict(lambda: defaultdict(set))
    for lane, values in _compared(model):
        only = _only_column(lane)
        if only is None or only.kind is not lane.type:
            continue
        if lane is only or lane.type is Type.TEXT:
            alone[only.name].update(values)
        elif _has_borders(lane):
            computed[only][lane].update(map(float, values))
    for column, lanes in computed.items():
        for group in _groups(lanes):
            alone[column.name].update(_borders(group, column))
    for name, others in alone.items():
        known = {point.value for point in found[name]}
        found[name] += [Point(value) for value in others - known]
    return {name: sorted(filter(_is_finite, points), key=attrgetter("value")) for name, points in found.items()}


def usual_values(model: Model) -> dict[str, float | str]:
    """Column -> the value that a step puts in place of a missing one, or the mean that it takes off, where one does.

    In the model as it was read: passes put such steps into what follows them.
    """
    found: dict[str, float | str] = {}
    for block in walk(model.roots()):
        if isinstance(block, Apply) and block.op in (Op.COALESCE, Op.SUB):
            for lane in build.lanes(block):
                match lane:
                    case Apply(_, (Column() as x, Const((value,)))) | Apply(
                        _, (Apply(Op.COALESCE, (Column() as x, _)), Const((value,)))
                    ) if value is not None and value == value:
                        found.setdefault(x.name, value)
    return found


def _is_finite(point: Point) -> bool:
    return isinstance(point.value, str) or math.isfinite(point.value)


def _compared(model: Model) -> Iterator[tuple[Block, Sequence[float | str]]]:
    """Every lane that the model compares with constants, and these."""
    for block in walk(model.roots()):
        match block:
            case TreeEnsemble():
                yield from _splits(block)
            case Lookup(x, keys):
                yield x, keys
            case Apply(op) if op in COMPARISONS:
                for lane in build.lanes(block):
                    constants = [arg.values[0] for arg in lane.children if isinstance(arg, Const)]
                    known = [value for value in constants if value is not None and value == value]
                    yield from ((arg, known) for arg in lane.children if known and not isinstance(arg, Const))


def _splits(block: TreeEnsemble) -> Iterator[tuple[Block, Sequence[float | str]]]:
    """The lanes that trees split, each with its thresholds and the members of its category sets."""
    lanes = _lanes(block)
    for feature in np.unique(block.feature[block.feature >= 0]).tolist():
        nodes = block.feature == feature
        yield lanes[feature], np.unique(block.threshold[nodes & (block.category_set < 0)]).tolist()
        sets = np.unique(block.category_set[nodes & (block.category_set >= 0)]).tolist()
        yield lanes[feature], [key for number in sets for key in block.category_sets[number]]


def _lanes(block: TreeEnsemble) -> list[Block]:
    """The features of trees."""
    return [lane for part in block.inputs for lane in build.lanes(part)]


def _only_column(lane: Block) -> Column | None:
    """The column that a lane is made of, if it is one."""
    columns = [block for block in walk([lane]) if isinstance(block, Column)]
    return columns[0] if len(columns) == 1 else None


def _has_borders(lane: Block) -> bool:
    """Whether bisection makes sense for a lane of numbers: tables and trees jump to and fro."""
    return all(isinstance(block, Column | Const | Apply | Concat | Take) for block in walk([lane]))


def _groups(lanes: Mapping[Block, Collection[float]]) -> Iterator[dict[Block, Floats]]:
    """Lanes with the constants that each is compared with, few enough at a time that all lanes take all rows."""
    group: dict[Block, Floats] = {}
    for lane, constants in lanes.items():
        if group and sum(map(len, group.values())) + len(constants) > MAX_ROWS:
            yield group
            group = {}
        group[lane] = np.array(sorted(constants), dtype=np.float64)
    if group:
        yield group


def _borders(lanes: Mapping[Block, Floats], column: Column) -> Iterator[float]:
    """The values of the column at which lanes pass the constants of each.

    Bisection over the bits of doubles, on either side of zero, so that it ends at the exact border of a lane that is
    monotone there. All lanes are computed together, as they often share most of their blocks. Where libraries round
    differently it is no border to all of them, and two values beside it are given, far enough from it.
    """
    probe = Model((column,), tuple(Target(str(place), {"transform": lane}) for place, lane in enumerate(lanes)))
    constants: Floats = np.concatenate(list(lanes.values()))
    owner = np.repeat(np.arange(len(lanes)), [len(each) for each in lanes.values()])

    def below(x: Floats, asked: Places) -> Bools:
        outputs = evaluate(probe, {column.name: x})
        values = np.concatenate([outputs[str(place)]["transform"] for place in range(len(lanes))], axis=1)
        return np.asarray(values[np.arange(len(x)), owner[asked]] <= constants[asked], dtype=bool)

    sides = [_last_alike(below, sign, len(constants)) for sign in (1.0, -1.0)]
    found = np.concatenate([values for values, _ in sides])
    owners = owner[np.concatenate([asked for _, asked in sides])]
    for place, lane in enumerate(lanes):
        own = found[owners == place]
        if any(isinstance(block, Apply) and block.op in FREE for block in walk([lane])):
            own = np.concatenate([own * (1.0 - APART), own * (1.0 + APART)])
        yield from own.tolist()


def _last_alike(below: Callable[[Floats, Places], Bools], sign: float, count: int) -> tuple[Floats, Places]:
    """From zero to the largest double of a sign, the last one for which `below` says what it says of zero.

    Of the `count` that are sought at once only those are given for which it says something else at the end, with their
    places; `below` is asked of numbers and the places that they are for.
    """
    asked = np.arange(count)
    first = below(np.full(count, sign * 0.0), asked)
    asked = np.flatnonzero(below(np.full(count, sign * np.finfo(np.float64).max), asked) != first)
    low, high = np.zeros(len(asked), dtype=np.int64), np.full(len(asked), MAX_BITS)
    while (high - low > 1).any():
        middle = low + (high - low) // 2
        same = below(sign * middle.view(np.float64), asked) == first[asked]
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    found: Floats = sign * low.view(np.float64)
    return found, asked
