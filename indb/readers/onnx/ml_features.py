"""Operators of ai.onnx.ml that prepare features: scaled, normalised, imputed, chosen, joined, one-hot.

Float32 inputs are computed in float32, and most results are float32 whatever the input is.

Source: onnx/docs/Operators-ml.md; onnxruntime/core/providers/cpu/ml, a file for each operator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from indb import build
from indb.build import single
from indb.ir import Apply, Block, Lookup, Op, Type
from indb.readers.onnx.ml_rows import divided, rows_of
from indb.readers.onnx.ml_scores import ONE, ZERO
from indb.readers.onnx.operators import ML, Node, operator
from indb.readers.onnx.picking import picked
from indb.readers.onnx.values import WHOLE, Constant, Tensor, Value, rearranged

FLOAT32 = np.dtype(np.float32)

LOWEST = build.number(-build.FLOAT32_MAX)


def require_type(node: Node, *dtypes: Any) -> Tensor:
    """The first input. Raises: Refused for elements that ONNX Runtime has no kernel for."""
    x = node.tensor(0)
    if x.dtype not in [np.dtype(dtype) for dtype in dtypes]:
        raise node.refused(f"its input holds {'texts' if x.is_text else x.dtype}, which ONNX Runtime does not take")
    return x


@operator("ArrayFeatureExtractor", domain=ML)
def array_feature_extractor(node: Node) -> Value:
    """Elements of the last axis by their numbers; from a constant also by numbers of the row."""
    x, index = node.value(0), node.value(1)
    if isinstance(index, Tensor):
        if not isinstance(x, Constant) or x.array.size != x.array.shape[-1]:
            raise node.refused("it chooses by the row from what is no constant list")
        line = rearranged([index], lambda arrays, n: [arrays[0].ravel()])[0]
        found = picked(node, x.array.ravel(), line, 0)
        return rearranged([found], lambda arrays, n: [arrays[0][None]])[0]
    places = node.constant(1).ravel()
    tensor = node.tensor(0)
    if tensor.rank == 0 or tensor.batch == tensor.rank - 1:
        raise node.refused(f"it takes features from a tensor of rank {tensor.rank} with the batch at its end")
    size = tensor.shape[-1]
    if not len(places) or (places < 0).any() or (places >= size).any():
        raise node.damaged(f"it takes features {str(places.tolist())[:60]} of {size}")

    def take(arrays: list[Any], n: int) -> list[Any]:
        chosen = arrays[0][..., places]
        return [chosen[None] if chosen.ndim == 1 else chosen]

    return rearranged([tensor], take)[0]


@operator("Binarizer", domain=ML)
def binarizer(node: Node) -> Value:
    """1 where x is above the threshold, else 0. A row with NaN is refused, as ONNX Runtime does."""
    x = require_type(node, np.float32)
    node.require(build.where(build.is_missing(x.block), ZERO, ONE))
    threshold = node.real("threshold")
    if math.isnan(threshold):
        raise node.refused("its threshold is NaN")
    return Tensor(build.less(build.number(threshold), x.block), x.shape, FLOAT32, x.batch)


@operator("Scaler", domain=ML)
def scaler(node: Node) -> Value:
    """(x - offset) * scale, in float32, or for doubles in double and then rounded."""
    x = require_type(node, np.float32, np.float64, np.int32, np.int64)
    offset, scale = node.reals("offset") or [], node.reals("scale") or []
    size = x.shape[0] if x.rank == 1 else x.shape[1] if x.rank > 1 else 0
    if not scale or len(scale) != len(offset) or len(scale) not in (1, size) or x.rank > 2 or x.batch == 1:
        raise node.damaged(f"it has {len(offset)} offsets and {len(scale)} scales for {size} features")
    if x.rank == 1 and x.batch == 0 and len(scale) > 1:
        raise node.refused("it scales the rows of a batch by their number")
    repeats = x.block.width // len(scale)
    if len(scale) == 1:
        repeats = 1
    offsets, scales = build.number(*offset * repeats), build.number(*scale * repeats)
    if x.dtype == np.float64:
        return replace(
            x, block=single(build.multiply(build.subtract(x.block, offsets), scales)), dtype=FLOAT32, codes=None
        )
    moved = single(build.subtract(single(x.block), offsets))
    return Tensor(single(build.multiply(moved, scales)), x.shape, FLOAT32, x.batch)


def _max_norm(x: Block, lanes: Sequence[Block]) -> Block:
    """The largest number, where NaN is none: it may be negative."""
    top: Block = LOWEST
    for lane in lanes:
        top = Apply(Op.MAX, (top, Apply(Op.COALESCE, (lane, LOWEST))))
    return top


def _summed(lanes: Sequence[Block]) -> Block:
    """The sum of lanes, in float32, one after the other."""
    total = lanes[0]
    for lane in lanes[1:]:
        total = single(build.add(total, lane))
    return total


def _over(x: Block, norm: Block) -> Block:
    """x / norm, or x where that is 0."""
    return build.where(Apply(Op.EQ, (norm, ZERO)), x, single(build.divide(x, norm)))


def _l2(x: Block) -> Block:
    """The square roots of the shares of squares, with the signs of x."""
    squares = single(build.multiply(x, x))
    norm = _summed(build.lanes(squares))
    size = single(Apply(Op.SQRT, (single(build.divide(squares, norm)),)))
    signed = build.where(build.less(x, ZERO), build.negate(size), size)
    return build.where(Apply(Op.EQ, (norm, ZERO)), single(x), signed)


NORMS: dict[str, Callable[[Block], Block]] = {
    "MAX": lambda x: _over(single(x), _max_norm(x, build.lanes(single(x)))),
    "L1": lambda x: _over(single(x), _summed(build.lanes(single(Apply(Op.ABS, (x,)))))),
    "L2": _l2,
}

SQUARED = {np.dtype(np.int32): 46340.0, np.dtype(np.int64): 2.0**26}
"""Up to where integers have squares that are exact in their own type and in doubles."""


@operator("Normalizer", domain=ML)
def normalizer(node: Node) -> Value:
    """Each row divided by its largest number (not size), the sum of sizes, or the root of the sum of squares."""
    x = require_type(node, np.float32, np.float64, np.int32, np.int64)
    norm = node.string("norm", "MAX")
    if norm not in NORMS:
        raise node.damaged(f"its norm is {norm[:40]!r}, needed one of {', '.join(NORMS)}")
    if not x.is_float and norm == "L2":
        node.require(build.between(x.block, -SQUARED[x.dtype], SQUARED[x.dtype]))
    rows = divided(node, x)
    found = rows.numbers([NORMS[norm](row) for row in rows.blocks])
    return replace(found, shape=x.shape)


@operator("Imputer", domain=ML)
def imputer(node: Node) -> Value:
    """Numbers of a feature in the place of one that stands for a gap, NaN for instance."""
    x = require_type(node, np.float32, np.int64)
    floats, integers = node.reals("imputed_value_floats") or [], node.integers("imputed_value_int64s") or []
    gap = node.real("replaced_value_float") if x.is_float else float(node.integer("replaced_value_int64"))
    values = floats if x.is_float else [float(each) for each in integers]
    if bool(floats) == bool(integers) or not values:
        raise node.damaged("it has values of both types, or none of its input's")
    node.ignore("replaced_value_float", "replaced_value_int64", "imputed_value_floats", "imputed_value_int64s")
    size = x.shape[0] if x.rank == 1 else x.shape[1] if x.rank == 2 else 0
    if size == 0 or x.batch == 1 or any(abs(each) > WHOLE for each in values if not x.is_float):
        raise node.refused(f"it fills a tensor of rank {x.rank}, or with integers from 2**53 on")
    if len(values) != size:  # ONNX Runtime then takes the first
        values = values[:1] * size
    if x.rank == 1 and x.batch == 0:
        values = values[:1]
    filled = build.number(*values * (x.block.width // len(values)))
    is_gap = build.is_missing(x.block) if math.isnan(gap) else Apply(Op.EQ, (x.block, build.number(gap)))
    found = replace(x, block=build.where(is_gap, filled, x.block), codes=None)
    return found if x.is_float else replace(found, low=min(x.low, *values), high=max(x.high, *values))


@operator("FeatureVectorizer", domain=ML)
def feature_vectorizer(node: Node) -> Value:
    """All inputs side by side as float32, each cut or filled with 0 to its size."""
    sizes = node.integers("inputdimensions") or []
    if len(sizes) != len(node.inputs) or any(size < 0 for size in sizes):
        raise node.damaged(f"it has {len(node.inputs)} inputs and the sizes {str(sizes)[:60]}")
    inputs = [rows_of(node, position) for position in range(len(sizes))]
    if len({(len(rows.blocks), rows.batch) for rows in inputs}) > 1:
        raise node.refused("its inputs have different numbers of rows")
    found = []
    for parts in zip(*(rows.blocks for rows in inputs), strict=True):
        lanes = []
        for part, size in zip(parts, sizes, strict=True):
            lanes += [*build.lanes(single(part))[:size], *[ZERO] * max(0, size - part.width)]
        if not lanes:
            raise node.refused("it gives no features")
        found.append(build.concat(lanes))
    return inputs[0].numbers(found)


@operator("OneHotEncoder", domain=ML)
def one_hot_encoder(node: Node) -> Value:
    """1 at the place of a category on a new last axis; numbers are cut to integers first.

    An unknown category is all 0, or with zeros=0 a row that is refused.
    """
    x = require_type(node, np.int64, np.float32, np.float64, object)
    texts, numbers = node.strings("cats_strings") or [], node.integers("cats_int64s") or []
    if bool(texts) == bool(numbers) or bool(texts) != x.is_text:
        raise node.refused(f"it has {len(texts)} texts and {len(numbers)} integers as categories of its input")
    if x.rank > 2 or any(abs(number) > WHOLE for number in numbers):
        raise node.refused(f"it encodes a tensor of rank {x.rank}, or integers from 2**53 on")
    categories: list[str | float] = [*(texts or map(float, numbers))]
    places = {key: at for at, key in enumerate(categories)}  # of those that repeat the last counts
    width = len(categories)
    keys, unknown = tuple(places), (0.0,) * width
    rows = tuple(build.indicator(width, at) for at in places.values())
    block = build.truncate(x.block) if x.is_float else x.block
    if not node.integer("zeros", 1):
        known = [Lookup(lane, keys, ((1.0,),) * len(keys), (0.0,), (0.0,)) for lane in node.lanes(block)]
        node.require(build.concat(known))
    lanes = [Lookup(lane, keys, rows, unknown, unknown, Type.NUMBER) for lane in node.lanes(block)]
    return Tensor(build.concat(lanes), (*x.shape, width), FLOAT32, x.batch)


@operator("ZipMap", domain=ML)
def zip_map(node: Node) -> Value:
    """A map from labels to probabilities for each row: here the probabilities, in the order of the labels."""
    x = node.number(0)
    labels = node.strings("classlabels_strings") or node.integers("classlabels_int64s") or []
    node.ignore("classlabels_strings", "classlabels_int64s")
    if x.rank not in (1, 2) or len(labels) != x.shape[-1] or x.batch == 1:
        raise node.damaged(f"it has {len(labels)} labels for a tensor of the shape {list(x.shape)}")
    return x
