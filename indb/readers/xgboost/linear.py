"""XGBoost's linear booster: products and sums in float32, in the order of the columns, missing ones left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from indb import build
from indb.ir import Apply, Block, Floats, Op, Reduce, ReduceOp
from indb.readers.base import Reading
from indb.readers.xgboost.features import Features
from indb.readers.xgboost.saved import IDENTITY, Saved, Singles

SURE = 2.0**120
"""Sums whose terms are all together below it are computed as XGBoost does, in float32 that cannot overflow."""


def margins(saved: Saved, features: Features, reading: Reading) -> Block:
    """The weighted sum of the columns, a lane for each output.

    The intercept is that of the first output, for all. Where a term is larger than the 1e36 or so that are sure not to
    overflow, the sum is rounded once, at its end. Source: src/gbm/gblinear.cc, GBLinear::Pred.
    """
    if any(features.is_set):
        raise reading.unsupported("its linear booster reads categories")
    weights = np.asarray(saved.model["weights"], dtype=np.float32).reshape(saved.n_features + 1, saved.width)
    starts = (weights[-1] + saved.intercept[0]).astype(np.float64)
    scale = np.abs(weights[:-1]).max(axis=1, initial=1.0)
    if not np.isfinite(weights).all() or max(np.abs(starts).max(), scale.max()) >= 2.0**60:
        raise reading.unsupported("its weights are larger than single precision can add up")
    edges = (np.float32(SURE / (len(scale) + 1)) / scale).astype(np.float64)
    present = [Apply(Op.COALESCE, (lane, build.number(0.0))) for lane in features.lanes]
    usual = Reduce(ReduceOp.ALL, build.concat([build.between(x, -e, e) for x, e in zip(present, edges, strict=True)]))
    lanes = [build.single(_held(x, edge)) for x, edge in zip(present, edges.tolist(), strict=True)]
    outputs = [
        build.where(usual, _sum(lanes, weights[:-1, group].tolist(), starts[group]), whole)
        for group, whole in enumerate(build.lanes(_whole(saved, present, weights[:-1].T, starts)))
    ]
    return build.concat(outputs)


def _held(x: Block, edge: float) -> Block:
    return build.clip(x, build.number(-edge), build.number(edge))


def _sum(lanes: Sequence[Block], weights: list[float], start: float) -> Block:
    """start + x * weight for each x, each step rounded to float32."""
    total: Block = build.number(start)
    for x, weight in zip(lanes, weights, strict=True):
        total = build.single(build.add(total, build.single(build.multiply(x, build.number(weight)))))
    return total


def _whole(saved: Saved, present: Sequence[Block], weights: Singles, starts: Floats) -> Block:
    """The same rounded once. An exponential needs no more of so large a sum than that it is large."""
    held = build.concat([_held(x, build.FLOAT32_MAX) for x in present])
    total = build.linear(held, weights.astype(np.float64), starts)
    return build.single(total if saved.link == IDENTITY else _held(total, 2.0**126))
