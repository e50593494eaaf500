"""The conditions under which a row is scored, simplified: on raw columns, each column once. Exact.

A reader states at every step what that step would refuse. Most of it says the same thing again: a scaled column is
finite when the raw one lies between two borders.
"""

from __future__ import annotations

import math

import numpy as np

from indb import build
from indb.ir import Apply, Block, Column, Concat, Const, Lookup, Model, Op, Reduce, ReduceOp, Take, rewrite
from indb.passes.monotone import Monotone, monotone

TRUE = build.number(1.0)


def fold_conditions(model: Model) -> Model:
    """The model with simpler conditions."""
    return rewrite(model, _rule)


def _rule(block: Block) -> Block:
    match block:
        case Apply(Op.IS_MISSING, (x,)) if not isinstance(x, Column):
            return _is_missing(x) or block
        case Apply(Op.BETWEEN, (x, Const((float(low),)), Const((float(high),)))) if not isinstance(x, Column):
            return _between(x, low, high) or block
        case Apply(Op.OR, (a, b)):
            return _either(a, b) or block
        case Reduce(ReduceOp.ALL, Concat(parts)):
            return _all(parts)
        case Apply(Op.WHERE, (Const((1.0,)), then, _)):
            return then if then.width == block.width else Take(then, (0,) * block.width)
    return block


def _is_missing(x: Block) -> Block | None:
    found = monotone(x)
    if found is not None:
        return build.is_missing(found.column) if math.isnan(found.at_missing) else build.number(0.0)
    return build.number(0.0) if _is_comparison(x) else None


def _is_comparison(x: Block) -> bool:
    """Whether a block is 0.0 or 1.0 for every row."""
    return isinstance(x, Apply) and x.op in (Op.IS_MISSING, Op.BETWEEN, Op.LE, Op.LT, Op.EQ)


def _between(x: Block, low: float, high: float) -> Block | None:
    if _is_comparison(x) and low <= 0.0 and high >= 1.0:
        return TRUE
    found = monotone(x)
    return None if found is None else _column_between(found, low, high)


def _column_between(lane: Monotone, low: float, high: float) -> Block:
    """low <= f(x) <= high as borders on x: f(x) <= high, and f(x) > the double below low."""
    edges = np.array([high, math.nextafter(low, -math.inf)])
    last = lane.last_at_most(edges)
    found = lane.holds_at(last, edges)
    if low == -math.inf:  # below which there is no double: every value passes that border
        last[1], found[1] = (-math.inf, False) if lane.rising else (math.inf, True)
    at_most, above = (last[0], last[1]) if lane.rising else (last[1], last[0])
    has_most, has_above = (found[0], found[1]) if lane.rising else (found[1], found[0])
    first = math.nextafter(above, math.inf) if has_above else -math.inf
    if (has_above and above == math.inf) or not has_most or first > at_most:
        inside: Block = build.number(0.0)
    else:
        inside = build.between(lane.column, float(first), float(at_most))
    if low <= lane.at_missing <= high:
        return Apply(Op.OR, (build.is_missing(lane.column), inside))
    return inside


def _either(a: Block, b: Block) -> Block | None:
    for one, two in ((a, b), (b, a)):
        if isinstance(one, Const):
            return one if one.values[0] == 1.0 else two
        match one, two:
            case Apply(Op.IS_MISSING, (x,)), Apply(Op.OR, (Apply(Op.IS_MISSING, (y,)), _)) if x is y:
                return two
    return None


def _all(parts: tuple[Block, ...]) -> Block:
    """The conjunction with the intervals of each column met into one; what is always true is left out."""
    required: dict[int, tuple[Block, float, float]] = {}
    optional: dict[int, tuple[Block, float, float]] = {}
    others: list[Block] = []
    for part in parts:
        interval, missing_passes = _interval(part)
        if interval is None:
            if _always(part):
                continue
            others.append(part)
            continue
        x, low, high = interval
        table = optional if missing_passes else required
        _, old_low, old_high = table.get(id(x), (x, -math.inf, math.inf))
        table[id(x)] = (x, max(low, old_low), min(high, old_high))
    conditions: list[Block] = []
    for key, (x, low, high) in required.items():
        _, other_low, other_high = optional.pop(key, (x, -math.inf, math.inf))
        conditions.append(build.between(x, max(low, other_low), min(high, other_high)))
    for x, low, high in optional.values():
        conditions.append(Apply(Op.OR, (build.is_missing(x), build.between(x, low, high))))
    conditions += dict.fromkeys(others)
    return Reduce(ReduceOp.ALL, build.concat(conditions)) if conditions else TRUE


def _always(part: Block) -> bool:
    match part:
        case Const(values, _):
            return all(value == 1.0 for value in values)
        case Lookup():
            return all(row[0] == 1.0 for row in (*part.values, part.unknown, part.missing))
    return False


def _interval(part: Block) -> tuple[tuple[Block, float, float] | None, bool]:
    """(x, low, high) when a condition is `x between low and high`, and whether a missing x passes as well."""
    match part:
        case Apply(Op.BETWEEN, (x, Const((float(low),)), Const((float(high),)))):
            return (x, low, high), False
        case Apply(Op.OR, (Apply(Op.IS_MISSING, (x,)), Apply(Op.BETWEEN, (y, _, _)) as inside)) if x is y:
            return _interval(inside)[0], True
    return None, False
