"""What the classifiers and regressors of ai.onnx.ml do with scores: post_transform, in float32 step by step.

ONNX Runtime computes every transform in float32, also of scores that are doubles. So each step is rounded here too: at
the ends of a sigmoid, and for a probit near 0.5, the roundings are the result.

Source: onnxruntime/core/providers/cpu/ml/ml_common.h.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from indb import build
from indb.build import single
from indb.ir import Apply, Block, Op, Reduce, ReduceOp
from indb.readers.onnx.operators import Node

TRANSFORMS = ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT")
"""The values of post_transform, by the numbers that ONNX Runtime gives them in version 5 of TreeEnsemble.

The specification numbers SOFTMAX 1 and LOGISTIC 2 there; what users compare with is the runtime.
"""

ONE = build.number(1.0)
ZERO = build.number(0.0)


def transform_of(node: Node) -> str:
    """The post_transform of a node. Raises: ModelFileError for one that does not exist."""
    found = node.string("post_transform", "NONE")
    if found not in TRANSFORMS:
        raise node.damaged(f"its post_transform is {found[:40]!r}, needed one of {', '.join(TRANSFORMS)}")
    return found


def logistic(x: Block) -> Block:
    """1 / (1 + exp(-x)) of float32 numbers, computed for |x| and mirrored."""
    power = single(Apply(Op.EXP, (build.negate(Apply(Op.ABS, (x,))),)))
    above = single(build.divide(ONE, single(build.add(ONE, power))))
    return build.where(build.less(x, ZERO), single(build.subtract(ONE, above)), above)


def probit(x: Block) -> Block:
    """The quantile of the normal distribution, as ONNX Runtime approximates it; missing outside of 0 to 1.

    Source: Winitzki 2008, A handy approximation for the error function and its inverse, with a = 0.147.
    """
    a = float(np.float32(0.147))
    centred = single(build.subtract(build.multiply(build.number(2.0), x), ONE))
    product = single(build.multiply(single(build.subtract(ONE, centred)), single(build.add(ONE, centred))))
    log = single(Apply(Op.LN, (product,)))
    first = float(np.float32(2.0) / (np.float32(math.pi) * np.float32(a)))
    v = single(build.add(build.number(first), single(build.multiply(build.number(0.5), log))))
    v2 = single(build.multiply(build.number(float(np.float32(1.0) / np.float32(a))), log))
    root = single(Apply(Op.SQRT, (single(build.subtract(single(build.multiply(v, v)), v2)),)))
    size = single(Apply(Op.SQRT, (single(build.subtract(root, v)),)))
    signed = build.where(build.less(centred, ZERO), build.negate(size), size)
    return single(build.multiply(build.number(float(np.float32(math.sqrt(2.0)))), signed))


def _shifted(lanes: Sequence[Block]) -> tuple[Block, Block]:
    """(the lanes less the largest, rounded; the largest)."""
    x = build.concat(list(lanes))
    top = Reduce(ReduceOp.MAX, x)
    return single(build.subtract(x, top)), top


def _shares(powers: Sequence[Block], summed: Sequence[Block]) -> list[Block]:
    """Each lane divided by the sum of others, in float32."""
    total = summed[0]
    for power in summed[1:]:
        total = single(build.add(total, power))
    return [single(build.divide(power, total)) for power in powers]


def softmax(lanes: Sequence[Block]) -> list[Block]:
    """The softmax of float32 lanes."""
    shifted, _ = _shifted(lanes)
    powers = build.lanes(single(Apply(Op.EXP, (shifted,))))
    return _shares(powers, powers)


def softmax_zero(lanes: Sequence[Block]) -> list[Block]:
    """The softmax of the lanes that are not 0 (up to 1e-7); the others stay 0. Missing where all are 0."""
    tiny = build.number(float(np.float32(1e-7)))
    shifted, top = _shifted(lanes)
    scale = single(Apply(Op.EXP, (build.negate(top),)))
    powers, summed = [], []
    for lane, moved in zip(lanes, build.lanes(shifted), strict=True):
        counts = build.less(tiny, Apply(Op.ABS, (lane,)))
        power = single(Apply(Op.EXP, (moved,)))
        powers.append(build.where(counts, power, single(build.multiply(lane, scale))))
        summed.append(build.where(counts, power, ZERO))
    return _shares(powers, summed)


Transform: TypeAlias = Callable[[Sequence[Block]], list[Block]]

FUNCTIONS: dict[str, Transform] = {
    "LOGISTIC": lambda lanes: [logistic(lane) for lane in lanes],
    "SOFTMAX": softmax,
    "SOFTMAX_ZERO": softmax_zero,
    "PROBIT": lambda lanes: [probit(lane) for lane in lanes],
}


def transformed(lanes: Sequence[Block], transform: str) -> list[Block]:
    """The post_transform of at least two scores, which are rounded to float32 first; NONE leaves them as they are."""
    if transform == "NONE":
        return list(lanes)
    return FUNCTIONS[transform]([rounded(lane) for lane in lanes])


def rounded(lane: Block) -> Block:
    """The lane as float32; what is rounded already is kept as it is."""
    match lane:
        case Apply(Op.SINGLE, _):
            return lane
    return single(lane)
