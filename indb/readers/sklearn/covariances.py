"""The kernels of scikit-learn's Gaussian processes, which are put together from smaller ones.

What they give for rows that are none of the training data, even where a row has the same values: noise is none there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from indb import build
from indb.ir import Apply, Block, Distance, Floats, Metric, Op, Take
from indb.readers.base import Reading
from indb.readers.sklearn import kernels

MODULE = "sklearn.gaussian_process.kernels"

Covariance = Callable[[Any, Block, Floats, Reading], Block]


def covariance(kernel: Any, x: Block, points: Floats, reading: Reading) -> Block:
    """A kernel between a row and each of the points, a lane for each.

    Raises: UnsupportedModel for a kernel, or an exponent or smoothness of one, that has no formula here.
    """
    found = _covariance(kernel, x, points, reading)
    return Take(found, (0,) * len(points)) if found.width < len(points) else found


def _covariance(kernel: Any, x: Block, points: Floats, reading: Reading) -> Block:
    """The same, where a constant kernel is one lane."""
    cls = type(kernel)
    made = KERNELS.get(cls.__name__) if cls.__module__ == MODULE else None
    if made is None:
        raise reading.unsupported(f"its kernel has a {cls.__name__}, needed one of {', '.join(KERNELS)}")
    return made(kernel, x, points, reading)


def _sum(kernel: Any, x: Block, points: Floats, reading: Reading) -> Block:
    parts = [part for part in (kernel.k1, kernel.k2) if type(part).__name__ != "WhiteKernel"] or [kernel.k1]
    found = [_covariance(part, x, points, reading) for part in parts]
    return found[0] if len(found) == 1 else build.add(found[0], found[1])


def _product(kernel: Any, x: Block, points: Floats, reading: Reading) -> Block:
    first, second = (_covariance(part, x, points, reading) for part in (kernel.k1, kernel.k2))
    return build.multiply(first, second)


def _exponentiation(kernel: Any, x: Block, points: Floats, reading: Reading) -> Block:
    inner = _covariance(kernel.kernel, x, points, reading)
    exponent = float(kernel.exponent)
    if exponent == 0.5:
        return Apply(Op.SQRT, (inner,))
    return build.power(inner, kernels.degree_of(exponent, reading, "the exponent"))


def _scales(kernel: Any, x: Block, points: Floats) -> tuple[Block, Floats]:
    """Row and points over the length scale, one for all columns or one for each."""
    scale = np.squeeze(kernel.length_scale).astype(np.float64)
    return build.divide(x, build.number(*np.atleast_1d(scale))), points / scale


def _rbf(kernel: Any, x: Block, points: Floats, reading: Reading) -> Block:
    return kernels.rbf(*_scales(kernel, x, points), 0.5)


def _euclidean(x: Block, points: Floats) -> Block:
    return Apply(Op.SQRT, (Distance(x, points, Metric.SQUARED),))


def _matern(kernel: Any, x: Block, points: Floats, reading: Reading) -> Block:
    """Source: sklearn.gaussian_process.kernels.Matern, in closed form for the smoothness 1/2, 3/2, 5/2 and infinity."""
    distance = _euclidean(*_scales(kernel, x, points))
    one = build.number(1.0)
    if kernel.nu == 0.5:
        return _decay(distance)
    if kernel.nu == 1.5:
        reach = build.multiply(distance, build.number(math.sqrt(3.0)))
        return build.multiply(build.add(one, reach), _decay(reach))
    if kernel.nu == 2.5:
        reach = build.multiply(distance, build.number(math.sqrt(5.0)))
        square = build.divide(build.multiply(reach, reach), build.number(3.0))
        return build.multiply(build.add(build.add(one, reach), square), _decay(reach))
    if kernel.nu == math.inf:
        return _decay(build.divide(build.multiply(distance, distance), build.number(2.0)))
    raise reading.unsupported(
        f"the smoothness nu of its Matern kernel is {kernel.nu}, needed 0.5, 1.5, 2.5 or infinity"
    )


def _decay(x: Block) -> Block:
    return Apply(Op.EXP, (build.negate(x),))


def _rational_quadratic(kernel: Any, x: Block, points: Floats, reading: Reading) -> Block:
    alpha = float(kernel.alpha)
    scale = float(2.0 * alpha * kernel.length_scale**2)
    base = build.add(build.number(1.0), build.divide(Distance(x, points, Metric.SQUARED), build.number(scale)))
    if alpha.is_integer() and alpha <= 4.0:
        return build.divide(build.number(1.0), build.power(base, int(alpha)))
    return Apply(Op.EXP, (build.multiply(Apply(Op.LN, (base,)), build.number(-alpha)),))


def _exp_sine_squared(kernel: Any, x: Block, points: Floats, reading: Reading) -> Block:
    angle = build.multiply(_euclidean(x, points), build.number(math.pi / float(kernel.periodicity)))
    sine = build.divide(Apply(Op.SIN, (angle,)), build.number(float(kernel.length_scale)))
    return Apply(Op.EXP, (build.multiply(build.multiply(sine, sine), build.number(-2.0)),))


def _pairwise(kernel: Any, x: Block, points: Floats, reading: Reading) -> Block:
    params = {**(kernel.pairwise_kernels_kwargs or {}), "gamma": kernel.gamma}
    return kernels.named(kernel.metric, x, points, params, reading)


KERNELS: dict[str, Covariance] = {
    "Sum": _sum,
    "Product": _product,
    "Exponentiation": _exponentiation,
    "ConstantKernel": lambda kernel, x, points, reading: build.number(float(kernel.constant_value)),
    "WhiteKernel": lambda kernel, x, points, reading: build.number(0.0),
    "RBF": _rbf,
    "Matern": _matern,
    "RationalQuadratic": _rational_quadratic,
    "ExpSineSquared": _exp_sine_squared,
    "DotProduct": lambda kernel, x, points, reading: kernels.linear(x, points, float(kernel.sigma_0) ** 2),
    "PairwiseKernel": _pairwise,
}
"""The kernels by the name of their class. Source: sklearn.gaussian_process.kernels."""
