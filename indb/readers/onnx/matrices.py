"""Matrix products. With a constant they are Linear blocks; float32 products are added in float64 and rounded once.

ONNX Runtime adds in float32 in an order of its own, so the last digits of such a sum are nobody's.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from indb import build
from indb.ir import Apply, Block, Const, Linear, Op, Reduce, ReduceOp
from indb.readers.onnx.elementwise import check_alike, combined, exact_sum, rounded, whole
from indb.readers.onnx.limits import MAX_TERMS
from indb.readers.onnx.operators import Node, operator
from indb.readers.onnx.values import WHOLE, Array, Constant, Refused, Tensor, Value, broadcast, take


@operator("MatMul")
def matmul(node: Node) -> Value:
    """a @ b as numpy does. A batch axis may be any that is not added up."""
    return product(node, node.value(0), node.value(1))


@operator("Gemm")
def gemm(node: Node) -> Value:
    """alpha * a' @ b' + beta * c, where ' is a transposition if asked for. It is rounded once, at its end."""
    node.ignore("broadcast")
    alpha, beta = node.real("alpha", 1.0), node.real("beta", 1.0)
    a, b = node.value(0), node.value(1)
    if node.integer("transA"):
        a = transposed(a)
    if node.integer("transB"):
        b = transposed(b)
    found = product(node, a, b)
    if not found.is_float and (alpha != 1.0 or beta != 1.0):
        raise node.refused("it scales integers")
    block = _unrounded(found)
    if alpha != 1.0:
        block = build.multiply(block, build.number(alpha))
    total = replace(found, block=block)
    if node.given(2) and beta != 0.0:
        c = node.number(2)
        check_alike(node, (found, c))
        if not found.is_float:
            return combined(node, Op.ADD, found, c)
        scaled = c if beta == 1.0 else replace(c, block=build.multiply(c.block, build.number(beta)))
        (left, right), shape, batch = broadcast((total, scaled))
        total = Tensor(_with_bias(left, right), shape, found.dtype, batch)
    return replace(total, block=rounded(total.block, total.dtype))


def _unrounded(tensor: Tensor) -> Block:
    """The sum of products before it was rounded to its type."""
    match tensor.block:
        case Apply(Op.SINGLE, (x,)) if tensor.dtype == np.float32:
            return x
    return tensor.block


def _with_bias(x: Block, bias: Block) -> Block:
    """x + bias, within the linear map where both are constant."""
    match x, bias:
        case Linear(inner, weight, zero), Const(values) if len(values) == x.width and not zero.any():
            return Linear(inner, weight, np.array(values, dtype=np.float64))
    return build.add(x, bias)


def transposed(value: Value) -> Value:
    """A matrix with its axes swapped."""
    if isinstance(value, Constant) and value.array.ndim == 2:
        return Constant(value.array.T)
    if not isinstance(value, Tensor) or value.rank != 2:
        raise Refused("it transposes what is no matrix")
    order = np.arange(value.block.width).reshape(value.shape).T.ravel()
    batch = None if value.batch is None else 1 - value.batch
    return replace(value, block=take(value.block, order), shape=value.shape[::-1], batch=batch, codes=None)


def product(node: Node, a: Value, b: Value) -> Tensor:
    """a @ b, of which at least one is computed from the row."""
    left, right = _shape(a), _shape(b)
    if not left or not right:
        raise node.damaged("it multiplies a number, needed tensors")
    if len(left) == 1:
        return _without(product(node, _with(a, 0), b), -2)
    if len(right) == 1:
        return _without(product(node, a, _with(b, 1)), -1)
    if left[-1] != right[-2] or -1 in (left[-1], right[-2]):
        raise node.refused(f"it multiplies {list(left)} by {list(right)} (-1 is the batch)")
    if isinstance(b, Constant) and b.array.ndim == 2 and isinstance(a, Tensor):
        return _linear(node, a, b.array)
    if isinstance(a, Constant) and a.array.ndim == 2 and isinstance(b, Tensor) and b.rank == 2:
        turned = transposed(b)
        assert isinstance(turned, Tensor)
        found = transposed(_linear(node, turned, a.array.T))
        assert isinstance(found, Tensor)
        return found
    return _general(node, node_tensor(a), node_tensor(b))


def node_tensor(value: Value) -> Tensor:
    """The value in blocks."""
    from indb.readers.onnx.values import as_tensor

    return as_tensor(value)


def _shape(value: Value) -> tuple[int, ...]:
    """The shape, -1 for the batch."""
    if isinstance(value, Constant):
        return value.array.shape
    if isinstance(value, Tensor):
        return tuple(-1 if axis == value.batch else size for axis, size in enumerate(value.shape))
    raise Refused("it multiplies by the size of the batch")


def _with(value: Value, axis: int) -> Value:
    """A vector as a matrix, with a new axis of size 1."""
    if isinstance(value, Constant):
        return Constant(np.expand_dims(value.array, axis))
    assert isinstance(value, Tensor)
    batch = None if value.batch is None else value.batch + (1 if axis == 0 else 0)
    return replace(value, shape=(1, *value.shape) if axis == 0 else (*value.shape, 1), batch=batch, codes=None)


def _without(value: Tensor, axis: int) -> Tensor:
    """The axis of `_with` taken away again."""
    at = value.rank + axis
    batch = value.batch - 1 if value.batch is not None and value.batch > at else value.batch
    return replace(value, shape=value.shape[:at] + value.shape[at + 1 :], batch=batch)


def _linear(node: Node, x: Tensor, weight: Array) -> Tensor:
    """x @ weight for a constant weight (k, m): a Linear block for each row of k lanes."""
    if x.dtype != weight.dtype or x.is_text:
        raise node.damaged(f"it multiplies {x.dtype} by {weight.dtype}")
    constant_range(weight)
    k, m = weight.shape
    groups = np.arange(x.block.width).reshape(-1, k)
    node.spend("products", weight.size * len(groups), MAX_TERMS)
    values = weight.astype(np.float64)
    if not np.isfinite(values).all():
        raise node.refused("it multiplies by numbers that are not finite")
    parts = [build.linear(take(x.block, group), values.T, 0.0) for group in groups]
    block = build.concat(parts)
    limit = k * max(abs(x.low), abs(x.high)) * float(np.abs(values).max())
    if not x.is_float:
        sizes = [build.linear(Apply(Op.ABS, (take(x.block, group),)), np.abs(values).T, 0.0) for group in groups]
        exact_sum(node, build.concat(sizes), limit)
    return _result(node, block, (*x.shape[:-1], m), x, x.batch, limit)


def constant_range(weight: Array) -> None:
    """Raises: Refused for weights that float64 does not hold exactly."""
    if weight.size == 0 or (weight.dtype.kind in "iu" and (np.abs(weight.astype(np.float64)) > WHOLE).any()):
        raise Refused("it multiplies by no weights, or by integers from 2**53 on")
    if weight.dtype.kind not in "fiu" or weight.dtype == np.float16:
        raise Refused(f"it multiplies by elements of {weight.dtype}")


def _result(
    node: Node, block: Block, shape: tuple[int, ...], x: Tensor, batch: int | None, limit: float
) -> Tensor:  # fmt: skip
    """The tensor of sums of products in the type of `x`; integers, which are at most `limit`, stay in their range."""
    if x.is_float:
        return Tensor(rounded(block, x.dtype), shape, x.dtype, batch)
    low, high = whole(node, block, x.dtype, -limit, limit)
    return Tensor(block, shape, x.dtype, batch, low, high)


def _general(node: Node, a: Tensor, b: Tensor) -> Tensor:
    """a @ b of two tensors: a sum of products for each element."""
    check_alike(node, (a, b))
    from indb.readers.onnx.values import places

    k = a.shape[-1]

    def pairs(arrays: list[Array], n: int) -> list[Array]:
        left, right = np.expand_dims(arrays[0], -2), np.expand_dims(np.swapaxes(arrays[1], -1, -2), -3)
        return list(np.broadcast_arrays(left, right))

    node.spend("products", a.block.width * b.block.width, MAX_TERMS)
    try:
        left, right = places((a, b), pairs)
    except ValueError as error:
        raise node.damaged(f"its shapes do not fit ({error})") from error
    parts: list[Block] = []
    sizes: list[Block] = []
    for row, column in zip(left.lanes.reshape(-1, k), right.lanes.reshape(-1, k) - a.block.width, strict=True):
        terms = build.multiply(take(a.block, row), take(b.block, column))
        parts.append(Reduce(ReduceOp.SUM, terms))
        sizes.append(Reduce(ReduceOp.SUM, Apply(Op.ABS, (terms,))))
    batch = left.batch
    if batch == len(left.shape) - 1:
        raise node.refused("it adds up the batch")
    limit = k * max(abs(a.low), abs(a.high)) * max(abs(b.low), abs(b.high))
    if not a.is_float:
        exact_sum(node, build.concat(sizes), limit)
    return _result(node, build.concat(parts), left.shape[:-1], a, batch, limit)
