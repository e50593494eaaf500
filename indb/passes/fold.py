"""Fold what is known: constants are computed, and a lookup takes in the constant steps around it. Exact.

Everything is computed by `evaluate`'s own ops, so that a folded value has the bits that it would have had for each row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from indb.evaluate import OPS, Values, apply_op
from indb.ir import Apply, Block, Concat, Const, Lookup, Model, Op, Scalar, Take, Type, rewrite


def fold(model: Model) -> Model:
    """The model with constant parts computed."""
    return rewrite(model, fold_block)


def fold_block(block: Block) -> Block:
    """One block, its children being folded already."""
    match block:
        case Apply(op, args) if op in OPS:
            return _fold_apply(op, args) or block
        case Take(x, lanes):
            return _fold_take(x, lanes) or block
        case Concat(parts) if all(isinstance(part, Const) for part in parts):
            return Const(tuple(value for part in parts for value in _values(part)), block.type)
        case Lookup(Apply(Op.COALESCE, (x, Const(values, _)))):
            # the value that stands in for a missing one is looked up once, here
            row = dict(zip(block.keys, block.values, strict=True)).get(_key(values[0]), block.unknown)
            missing = block.missing if _is_missing(values[0]) else row
            return Lookup(x, block.keys, block.values, block.unknown, missing, block.kind)
    return block


def _values(part: Block) -> tuple[Scalar, ...]:
    return part.values if isinstance(part, Const) else ()


def _key(value: Scalar) -> float | str:
    return math.nan if value is None else value


def _is_missing(value: Scalar) -> bool:
    return value is None or value != value


def _fold_apply(op: Op, args: tuple[Block, ...]) -> Block | None:
    if all(isinstance(arg, Const) for arg in args):
        result = apply_op(op, *(_array([arg.values], arg.type) for arg in args if isinstance(arg, Const)))
        kind = args[-1].type if op in (Op.WHERE, Op.COALESCE) else Type.NUMBER
        return Const(_row(result[0], kind), kind)
    if not all(isinstance(arg, Const | Lookup) for arg in args):
        return None
    lookups = [arg for arg in args if isinstance(arg, Lookup)]
    if any(lookup.x is not lookups[0].x for lookup in lookups):
        return None
    if max(arg.width for arg in args) > max(lookup.width for lookup in lookups):
        return None  # its table would hold every lane once for each key
    return _map_lookups(op, args, lookups)


def _map_lookups(op: Op, args: tuple[Block, ...], lookups: Sequence[Lookup]) -> Lookup:
    """An op over lookups of one value and constants as one lookup: the rows of their tables go through the op."""
    keys = tuple(dict.fromkeys(key for lookup in lookups for key in lookup.keys))
    tables = {id(lookup): _array(_rows(lookup, keys), lookup.kind) for lookup in lookups}
    arrays = [_array([arg.values], arg.type) if isinstance(arg, Const) else tables[id(arg)] for arg in args]
    result = np.broadcast_to(apply_op(op, *arrays), (len(keys) + 2, max(arg.width for arg in args)))
    kind = args[-1].type if op in (Op.WHERE, Op.COALESCE) else Type.NUMBER
    rows = [_row(row, kind) for row in result]
    return Lookup(lookups[0].x, keys, tuple(rows[:-2]), rows[-2], rows[-1], kind)


def _rows(lookup: Lookup, keys: Sequence[float | str]) -> list[tuple[Scalar, ...]]:
    """The row of each key, then those of an unknown and of a missing value."""
    table = dict(zip(lookup.keys, lookup.values, strict=True))
    return [*(table.get(key, lookup.unknown) for key in keys), lookup.unknown, lookup.missing]


def _array(rows: list[tuple[Scalar, ...]], kind: Type) -> Values:
    array = np.empty((len(rows), len(rows[0])), dtype=object if kind is Type.TEXT else np.float64)
    for number, row in enumerate(rows):
        array[number] = row
    return array


def _row(values: Values, kind: Type) -> tuple[Scalar, ...]:
    return tuple(values.tolist()) if kind is Type.TEXT else tuple(float(value) for value in values)


def _fold_take(x: Block, lanes: tuple[int, ...]) -> Block | None:
    match x:
        case Take(inner, chosen):
            return Take(inner, tuple(chosen[lane] for lane in lanes))
        case Const(values, kind):
            return Const(tuple(values[lane] for lane in lanes), kind)
        case Lookup():

            def pick(row: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
                return tuple(row[lane] for lane in lanes)

            rows = tuple(pick(row) for row in x.values)
            return Lookup(x.x, x.keys, rows, pick(x.unknown), pick(x.missing), x.kind)
    return x if lanes == tuple(range(x.width)) else None
