"""XGBoost's linear booster: products and sums in float32, in the order of the columns, missing ones left out."""

from __future__ import annotations

import numpy as np

from indb import build
from indb.ir import Apply, Block, Op, Reduce, ReduceOp
from indb.readers.base import Reading
from indb.readers.xgboost.features import Features
from indb.readers.xgboost.saved import Saved

SURE = 2.0**120
"""Sums whose terms are all together below it are computed as XGBoost does, in float32 that cannot overflow."""


def margins(saved: Saved, features: Features, reading: Reading) -> Block:
    """The weighted sum of the columns, a lane for each output.

    The intercept is that of the first output, for all. Source: src/gbm/gblinear.cc, GBLinear::Pred.
    """
    if any(features.is_set):
        raise reading.unsupported("its linear booster reads categories")
    weights = np.asarray(saved.model["weights"], dtype=np.float32).reshape(saved.n_features + 1, saved.width)
    if not np.isfinite(weights).all() or np.abs(weights).max() >= SURE:
        raise reading.unsupported("its weights are larger than single precision can add up")
    base = saved.intercept[0]
    lanes = [build.single(lane) for lane in features.lanes]
    return build.concat([_sum(lanes, weights[:-1, group], weights[-1, group] + base) for group in range(saved.width)])


def _sum(lanes: list[Block], weights: np.ndarray, start: np.float32) -> Block:
    """start + x * weight for each x, each step rounded to float32; where a step could overflow, rounded at the end."""
    largest = SURE / (len(lanes) + 1)
    total: Block = build.number(float(start))
    conditions: list[Block] = []
    for x, weight in zip(lanes, weights.tolist(), strict=True):
        edge = min(largest / abs(weight), build.FLOAT32_MAX) if weight else build.FLOAT32_MAX
        edge = float(np.nextafter(np.float32(edge), np.float32(0.0)))
        held = build.clip(x, build.number(-edge), build.number(edge))
        conditions.append(Apply(Op.OR, (build.is_missing(x), build.between(x, -edge, edge))))
        term = build.single(build.multiply(held, build.number(weight)))
        total = build.single(build.add(total, Apply(Op.COALESCE, (term, build.number(0.0)))))
    present = build.concat([Apply(Op.COALESCE, (x, build.number(0.0))) for x in lanes])
    whole = build.single(build.linear(present, weights.reshape(1, -1), float(start)))
    return build.where(Reduce(ReduceOp.ALL, build.concat(conditions)), total, whole)
