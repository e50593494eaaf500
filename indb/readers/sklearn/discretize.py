"""Binarizer, KBinsDiscretizer and Normalizer: thresholds, bins and lengths."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from indb import build
from indb.ir import Apply, Block, Floats, Op, Reduce, ReduceOp
from indb.readers.base import Frame, Reading, reads
from indb.readers.sklearn.values import finite_numbers


@reads("sklearn", "Binarizer")
def read_binarizer(binarizer: Any, frame: Frame, reading: Reading) -> Frame:
    """1.0 where x is above the threshold, else 0.0. Source: sklearn.preprocessing.Binarizer.transform.

    A threshold is rounded to the precision of what it is compared with.
    """
    threshold = float(binarizer.threshold)
    if frame.sparse and threshold < 0:
        raise reading.unsupported(f"its threshold is {threshold} and its input sparse, which scikit-learn refuses")
    if frame.dtype in ("float16", "float32"):
        threshold = float(np.dtype(frame.dtype).type(threshold))
    above = build.less(build.number(threshold), finite_numbers(frame, reading))
    return frame.replaced(frame.names, build.lanes(above))


@reads("sklearn", "KBinsDiscretizer")
def read_k_bins_discretizer(binner: Any, frame: Frame, reading: Reading) -> Frame:
    """The number of the bin of each column, or a lane for each bin. A border belongs to the bin above it.

    Source: sklearn.preprocessing.KBinsDiscretizer.transform.
    """
    rounds = binner.dtype is not None and np.dtype(binner.dtype) == np.float32
    x = frame.numbers(reading)
    reading.require_finite(x, limit=build.FLOAT32_LIMIT if rounds else build.FLOAT64_MAX)
    one_hot = "onehot" in binner.encode
    names: list[str] = []
    lanes: list[Block] = []
    for position, lane in enumerate(build.lanes(x)):
        count = int(binner.n_bins_[position])
        rows = np.eye(count) if one_hot else np.arange(count, dtype=np.float64).reshape(-1, 1)
        borders = np.asarray(binner.bin_edges_[position][1:-1], dtype=np.float64)
        if rounds:
            borders = _double_borders(borders)
        found = build.lanes(build.pieces(lane, borders, rows))
        names.extend(f"{frame.names[position]}_{number}" for number in range(len(found)))
        lanes.extend(found)
    kept = binner.dtype is None and frame.dtype == "float32"
    return Frame(tuple(names), tuple(lanes), "float32" if rounds or kept else "float64", binner.encode == "onehot")


def _double_borders(borders: Floats) -> Floats:
    """The smallest doubles that reach each border when they are rounded to float32."""
    return np.nextafter(build.split_thresholds(np.nextafter(borders, -np.inf)), np.inf)


@reads("sklearn", "Normalizer")
def read_normalizer(normalizer: Any, frame: Frame, reading: Reading) -> Frame:
    """Each row divided by its length. Source: sklearn.preprocessing.Normalizer.transform."""
    x = finite_numbers(frame, reading)
    return Frame(frame.names, tuple(build.lanes(normalised(x, normalizer.norm, frame.sparse))), sparse=frame.sparse)


def normalised(x: Block, norm: str, sparse: bool) -> Block:
    """x divided by its norm (l1, l2 or max): by 1 where that is 0, in a dense array also where it is below 10 eps.

    A norm that overflows makes zeros of all lanes. Source: sklearn.preprocessing.normalize.
    """
    sizes = Apply(Op.ABS, (x,))
    match norm:
        case "max":
            length: Block = Reduce(ReduceOp.MAX, sizes)
        case "l1":
            length = Reduce(ReduceOp.SUM, sizes)
        case _:
            length = Apply(Op.SQRT, (Reduce(ReduceOp.SUM, build.multiply(x, x)),))
    tiny: Block = Apply(Op.EQ, (length, build.number(0.0)))
    if not sparse:
        tiny = build.less(length, build.number(10.0 * float(np.finfo(np.float64).eps)))
    scaled = build.divide(x, build.where(tiny, build.number(1.0), length))
    if norm == "max":
        return scaled
    return build.where(_overflows(sizes, norm), build.number(0.0), scaled)


def _overflows(sizes: Block, norm: str) -> Block:
    """Whether the sum of sizes, or of their squares, is infinite: found without reaching infinity."""
    power = -600 if norm == "l2" else -sizes.width.bit_length()
    scaled = build.multiply(sizes, build.number(math.ldexp(1.0, power)))
    if norm == "l2":
        scaled, power = build.multiply(scaled, scaled), 2 * power
    return build.less(build.number(math.ldexp(build.FLOAT64_MAX, power)), Reduce(ReduceOp.SUM, scaled))


@reads("sklearn", "TfidfTransformer")
def read_tfidf_transformer(transformer: Any, frame: Frame, reading: Reading) -> Frame:
    """Counts, or 1 + ln of them, times their weights, divided by the length of the row; a count of 0 stays 0.

    Source: sklearn.feature_extraction.text.TfidfTransformer.transform.
    """
    x = found = finite_numbers(frame, reading)
    if transformer.sublinear_tf:
        found = build.add(Apply(Op.LN, (x,)), build.number(1.0))
    if hasattr(transformer, "idf_"):
        found = build.multiply(found, build.number(*transformer.idf_))
    found = build.where(Apply(Op.EQ, (x, build.number(0.0))), build.number(0.0), found)
    if transformer.norm is not None:
        reading.require_finite(found)
        found = normalised(found, transformer.norm, sparse=True)
    return Frame(frame.names, tuple(build.lanes(found)), sparse=True)
