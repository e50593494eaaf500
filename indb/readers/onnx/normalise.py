"""Operators that centre and scale: by numbers of the training (BatchNormalization), or by the row's own mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from indb import build
from indb.ir import Block, Op, Reduce, ReduceOp
from indb.readers.onnx.elementwise import combined, mapped, rounded
from indb.readers.onnx.functions import floats, sqrt
from indb.readers.onnx.operators import Node, operator
from indb.readers.onnx.reductions import each_group, groups, reduced_shape
from indb.readers.onnx.values import Tensor, Value, take


def _along(node: Node, values: Tensor, rank: int, axis: int) -> Tensor:
    """A vector along one axis of a tensor of some rank."""
    if values.rank != 1 or values.batch is not None:
        raise node.refused("its scale and bias are no constants for each channel")
    shape = [1] * rank
    shape[axis] = values.block.width
    return Tensor(values.block, tuple(shape), values.dtype, None)


@operator("BatchNormalization")
def batch_normalization(node: Node) -> Value:
    """(x - mean) / sqrt(variance + epsilon) * scale + bias, with the numbers of the training.

    ONNX Runtime computes scale / sqrt(variance + epsilon) first, as is done here.
    """
    node.ignore("momentum", "consumed_inputs")
    x = floats(node, 0)
    training = node.integer("training_mode") if node.version >= 14 else node.version < 7 and not node.integer("is_test")
    if training or not node.integer("spatial", 1) or node.n_outputs > 1:
        raise node.refused("it is in training mode, or not spatial")
    scale, bias, mean, variance = (node.constant(position) for position in range(1, 5))
    epsilon = node.real("epsilon", 1e-5)
    if x.rank < 2 or x.batch == 1:
        raise node.refused(f"it has the rank {x.rank}, needed channels at axis 1")
    if len({array.shape for array in (scale, bias, mean, variance)}) != 1 or scale.shape != (x.shape[1],):
        raise node.damaged(f"its scales do not fit {x.shape[1]} channels")
    factor = scale.astype(np.float64) / np.sqrt(variance.astype(np.float64) + epsilon)
    offset = bias.astype(np.float64) - mean.astype(np.float64) * factor
    if not (np.isfinite(factor).all() and np.isfinite(offset).all()):
        raise node.refused("its scales are not finite")
    channels = np.broadcast_to(
        np.arange(x.shape[1]).reshape([-1 if axis == 1 else 1 for axis in range(x.rank)]), x.shape
    )
    line = build.multiply(x.block, build.number(*factor[channels.ravel()].tolist()))
    return mapped(x, lambda _: build.add(line, build.number(*offset[channels.ravel()].tolist())))


def standardised(x: Block, epsilon: float) -> Block:
    """(x - mean) / sqrt(variance + epsilon) of the lanes of one group."""
    count = build.number(float(x.width))
    centred = build.subtract(x, build.divide(Reduce(ReduceOp.SUM, x), count))
    variance = build.divide(build.squared(centred), count)
    return build.divide(centred, sqrt(build.add(variance, build.number(epsilon))))


def _scaled(node: Node, x: Tensor, block: Block, scale: Tensor | None, bias: Tensor | None) -> Tensor:
    """The block in the place of x, times scale, plus bias."""
    found = Tensor(rounded(block, x.dtype), x.shape, x.dtype, x.batch)
    if scale is not None:
        found = combined(node, Op.MUL, found, scale)
    return found if bias is None else combined(node, Op.ADD, found, bias)


@operator("LayerNormalization", "RMSNormalization")
def layer_normalization(node: Node) -> Sequence[Value]:
    """Centred and scaled along the last axes, from `axis` on; RMSNormalization is not centred.

    LayerNormalization also gives the means and the inverse deviations, where it is asked for them.
    """
    x = floats(node, 0)
    if node.integer("stash_type", 1) != 1:
        raise node.refused("it computes in another type than float32")
    first = node.axis(node.integer("axis", -1), x.rank)
    epsilon = node.real("epsilon", 1e-5)
    axes = range(first, x.rank)

    def inverse(lanes: Block) -> Block:
        mean = build.divide(build.squared(lanes), build.number(float(lanes.width)))
        return build.divide(build.number(1.0), sqrt(build.add(mean, build.number(epsilon))))

    def centred(lanes: Block) -> Block:
        mean = build.divide(Reduce(ReduceOp.SUM, lanes), build.number(float(lanes.width)))
        return build.subtract(lanes, mean)

    def function(lanes: Block) -> Block:
        if node.kind == "RMSNormalization":
            return build.multiply(lanes, inverse(lanes))
        return standardised(lanes, epsilon)

    block = each_group(node, x, axes, function)
    found = _scaled(node, x, block, floats(node, 1), floats(node, 2) if node.given(2) else None)
    if node.n_outputs == 1:
        return [found]
    shape, batch = reduced_shape(x, axes, True)
    means, scales = [], []
    for group in groups(node, x, axes):
        lanes = take(x.block, group)
        means.append(build.divide(Reduce(ReduceOp.SUM, lanes), build.number(float(lanes.width))))
        scales.append(inverse(centred(lanes)))
    return [found, *(Tensor(rounded(build.concat(each), x.dtype), shape, x.dtype, batch) for each in (means, scales))]


@operator("InstanceNormalization", "GroupNormalization")
def group_normalization(node: Node) -> Value:
    """Centred and scaled over all axes behind the channels, for each channel or group of channels."""
    node.ignore("consumed_inputs")
    x = floats(node, 0)
    if x.batch not in (None, 0) or x.rank < 3 or node.integer("stash_type", 1) != 1:
        raise node.refused("it has no rows of channels")
    epsilon, channels = node.real("epsilon", 1e-5), x.shape[1]
    scale, bias = floats(node, 1), floats(node, 2)
    count = node.integer("num_groups", channels) if node.kind == "GroupNormalization" else channels
    if count < 1 or channels % count:
        raise node.damaged(f"it has {count} groups of {channels} channels")
    lanes = np.arange(x.block.width).reshape(x.shape[0] * count, -1)
    block = build.concat([standardised(take(x.block, group), epsilon) for group in lanes])
    if node.kind == "GroupNormalization" and node.version < 21:
        scale, bias = (_repeated(each, channels // count) for each in (scale, bias))
    return _scaled(node, x, block, _along(node, scale, x.rank, 1), _along(node, bias, x.rank, 1))


def _repeated(values: Tensor, times: int) -> Tensor:
    """Each element of a vector some times, one after the other."""
    lanes = np.repeat(np.arange(values.block.width), times)
    return Tensor(take(values.block, lanes), (len(lanes),), values.dtype, values.batch)


@operator("MeanVarianceNormalization")
def mean_variance_normalization(node: Node) -> Value:
    """(x - mean) / (deviation + 1e-9) over axes, 0, 2 and 3 by default. Source: its function in Operators.md."""
    x = floats(node, 0)
    axes = [node.axis(axis, x.rank) for axis in _default_axes(node)]

    def function(lanes: Block) -> Block:
        count = build.number(float(lanes.width))
        centred = build.subtract(lanes, build.divide(Reduce(ReduceOp.SUM, lanes), count))
        deviation = sqrt(build.divide(build.squared(centred), count))
        return build.divide(centred, build.add(deviation, build.number(1e-9)))

    return mapped(x, lambda _: each_group(node, x, axes, function))


def _default_axes(node: Node) -> Sequence[int]:
    found = node.integers("axes")
    return [0, 2, 3] if found is None else found
