"""Linear maps take in what stands before them: scalers become part of the weights, encoders one lookup of weights, and
another linear map is multiplied out where that makes fewer terms (a linear kernel over many support vectors, say).

Not exact to the last bit: sums and products are rounded in another order, some units in the last place of the largest
term. A shift goes into the bias only where it is small against the scale, so that no digits cancel.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from indb import build
from indb.expansions import LITERALS
from indb.ir import Apply, Block, Concat, Const, Floats, Linear, Lookup, Model, Op, Scalar, Take, rewrite

SMALL_SHIFT = 16.0
"""A shift of up to this many scales goes into the bias; it costs at most four bits of a term."""


def fuse_linear(model: Model) -> Model:
    """The model with linear maps over raw values where that is possible."""
    return rewrite(model, lambda block: _fuse(block) if isinstance(block, Linear) else block)


def _fuse(block: Linear) -> Block:
    before = _linear_terms(block.x)
    if before:
        return _multiplied(block, before)
    parts = block.x.parts if isinstance(block.x, Concat) else (block.x,)
    if any(part.width != 1 for part in parts) or block.weight.size > LITERALS:
        return block  # a large map is read from a table, lane by lane
    lookups: dict[int, _Table] = {}
    lanes: list[Block] = []
    columns: list[Floats] = []
    bias = [[float(value)] for value in block.bias]
    for index, part in enumerate(parts):
        weights = block.weight[:, index]
        if isinstance(part, Lookup):
            lookups.setdefault(id(part.x), _Table(part.x)).add(part, weights)
            continue
        x, scale, shift = _affine(part)
        for terms, weight in zip(bias, weights.tolist(), strict=True):
            terms.append(weight * shift)
        lanes.append(x)
        columns.append(_scaled(weights, scale))
    offsets = np.array([math.fsum(terms) for terms in bias])
    if not (all(np.isfinite(column).all() for column in columns) and np.isfinite(offsets).all()):
        return block
    tables = [table.lookup() for table in lookups.values()]
    if not lanes:
        return _sum([*tables, Const(tuple(offsets.tolist()))])
    whole = Linear(build.concat(lanes), np.column_stack(columns), offsets)
    return _sum([whole, *tables])


def _linear_terms(x: Block) -> list[Linear | Lookup]:
    """The linear map and the lookups whose sum a block is; nothing where it is anything else, or a lookup alone."""
    match x:
        case Linear():
            return [x]
        case Take(inner, lanes):
            return [_taken(term, lanes) for term in _linear_terms(inner)]
        case Apply(Op.ADD, (a, Lookup() as b)) if a.width == b.width:
            terms = _linear_terms(a)
            return [*terms, b] if terms else []
    return []


def _taken(term: Linear | Lookup, lanes: tuple[int, ...]) -> Linear | Lookup:
    if isinstance(term, Linear):
        return Linear(term.x, term.weight[list(lanes)], term.bias[list(lanes)])
    return _mapped(term, lambda row: tuple(row[lane] for lane in lanes))


def _mapped(lookup: Lookup, change: Callable[[tuple[Scalar, ...]], tuple[Scalar, ...]]) -> Lookup:
    rows = tuple(map(change, lookup.values))
    return Lookup(lookup.x, lookup.keys, rows, change(lookup.unknown), change(lookup.missing))


def _multiplied(block: Linear, before: list[Linear | Lookup]) -> Block:
    """A linear map of a sum of others as one sum, where that has no more terms."""
    first = before[0]
    if not isinstance(first, Linear) or len(block.bias) > len(first.bias):
        return block
    with np.errstate(over="ignore", invalid="ignore"):
        weight, bias = block.weight @ first.weight, block.weight @ first.bias + block.bias
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        return block

    def weighted(row: tuple[Scalar, ...]) -> tuple[float, ...]:
        return tuple((block.weight @ np.array([_number(value) for value in row])).tolist())

    lookups = [_mapped(term, weighted) for term in before[1:] if isinstance(term, Lookup)]
    return _sum([_fuse(Linear(first.x, weight, bias)), *lookups])


def _sum(parts: list[Block]) -> Block:
    total = parts[0]
    for part in parts[1:]:
        total = build.add(total, part)
    return total


def _scaled(weights: Floats, scale: tuple[bool, float]) -> Floats:
    divided, factor = scale
    with np.errstate(over="ignore"):
        return weights / factor if divided else weights * factor


def _affine(lane: Block) -> tuple[Block, tuple[bool, float], float]:
    """(x, scale, shift) with lane = scale * x + shift; scale is (divide?, by what).

    The shift is in units of the lane. A shift so large that digits would cancel stays a step of x.
    """
    match lane:
        case Apply(Op.DIV, (x, Const((float(c),)))) if c != 0.0 and math.isfinite(c):
            inner, shift = _shifted(x)
            if abs(shift) <= SMALL_SHIFT * abs(c):
                return inner, (True, c), shift / c
            return x, (True, c), 0.0
        case Apply(Op.MUL, (x, Const((float(c),)))) if c != 0.0 and math.isfinite(c):
            inner, shift = _shifted(x)
            if abs(shift * c) <= SMALL_SHIFT:
                return inner, (False, c), shift * c
            return x, (False, c), 0.0
        case Apply(Op.ADD, (Apply(Op.MUL, (x, Const((float(c),)))), Const((float(d),)))):
            if c != 0.0 and math.isfinite(c) and abs(d) <= SMALL_SHIFT:
                return x, (False, c), d
    return lane, (False, 1.0), 0.0


def _shifted(x: Block) -> tuple[Block, float]:
    match x:
        case Apply(Op.SUB, (inner, Const((float(c),)))):
            return inner, -c
        case Apply(Op.ADD, (inner, Const((float(c),)))):
            return inner, c
    return x, 0.0


@dataclass
class _Table:
    """What all lookups of one value add to the outputs: a row of sums for each key."""

    x: Block

    def __post_init__(self) -> None:
        self.parts: list[tuple[Lookup, Floats]] = []

    def add(self, lane: Lookup, weights: Floats) -> None:
        """One more lane of a lookup of x, and its weight for each output."""
        self.parts.append((lane, weights))

    def lookup(self) -> Lookup:
        """All lanes as one lookup with a lane for each output."""
        keys = list(dict.fromkeys(key for lane, _ in self.parts for key in lane.keys))
        tables = [(dict(zip(lane.keys, lane.values, strict=True)), lane, weights) for lane, weights in self.parts]
        rows = [self._row([(table.get(key, lane.unknown), weights) for table, lane, weights in tables]) for key in keys]
        unknown = self._row([(lane.unknown, weights) for _, lane, weights in tables])
        missing = self._row([(lane.missing, weights) for _, lane, weights in tables])
        return Lookup(self.x, tuple(keys), tuple(rows), unknown, missing)

    def _row(self, parts: list[tuple[tuple[Scalar, ...], Floats]]) -> tuple[float, ...]:
        total = np.zeros(len(parts[0][1]))
        for row, weights in parts:
            total = total + _number(row[0]) * weights
        return tuple(float(value) for value in total)


def _number(value: Scalar) -> float:
    assert not isinstance(value, str)
    return math.nan if value is None else value
