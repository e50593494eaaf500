"""Kernels: how alike a row is to each of a set of points, a lane for each point.

Every kernel is one `Linear` or `Distance` over all points, then the same steps for all of them; what is made of its
lanes is one more `Linear`. The order of the steps is that of the libraries.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from indb import build
from indb.ir import Apply, Block, Distance, Floats, Metric, Op
from indb.readers.base import Reading

ALIKE_ZERO = 10.0 * float(np.finfo(np.float64).eps)
"""A norm below this is taken for 1. Source: sklearn.preprocessing._data._handle_zeros_in_scale."""

ROOT_OF_MAX = math.sqrt(build.FLOAT64_MAX)
"""The largest number whose square is finite."""

Params: TypeAlias = Mapping[str, Any]


def dense(matrix: Any) -> Floats:
    """A matrix, which may be a sparse one, as an array of float64."""
    return np.asarray(matrix.toarray() if hasattr(matrix, "toarray") else matrix, dtype=np.float64)


def linear(x: Block, points: Floats, offset: float = 0.0) -> Block:
    """x . p + offset."""
    return build.linear(x, points, offset)


def polynomial(x: Block, points: Floats, gamma: float, coef0: float, degree: int) -> Block:
    """(gamma x . p + coef0) ** degree."""
    scaled = build.multiply(linear(x, points), build.number(gamma))
    return build.power(build.add(scaled, build.number(coef0)), degree)


def sigmoid(x: Block, points: Floats, gamma: float, coef0: float) -> Block:
    """tanh(gamma x . p + coef0)."""
    scaled = build.multiply(linear(x, points), build.number(gamma))
    return Apply(Op.TANH, (build.add(scaled, build.number(coef0)),))


def rbf(x: Block, points: Floats, gamma: float) -> Block:
    """exp(-gamma |x - p|^2)."""
    return _exponential(Distance(x, points, Metric.SQUARED), -gamma)


def laplacian(x: Block, points: Floats, gamma: float) -> Block:
    """exp(-gamma |x - p|), the sum of the sizes of the differences."""
    return _exponential(Distance(x, points, Metric.MANHATTAN), -gamma)


def _exponential(x: Block, factor: float) -> Block:
    return Apply(Op.EXP, (build.multiply(x, build.number(factor)),))


def cosine(x: Block, points: Floats) -> Block:
    """x . p / (|x| |p|), where both are scaled first. Source: sklearn.preprocessing.normalize."""
    sizes = np.sqrt(np.einsum("ij,ij->i", points, points))
    sizes[sizes < ALIKE_ZERO] = 1.0
    origin = np.zeros((1, x.width))
    norm: Block = Apply(Op.SQRT, (Distance(x, origin, Metric.SQUARED),))
    # Said of the lanes, as some databases hold a square that overflows at the largest number.
    overflows = build.less(build.number(ROOT_OF_MAX), Distance(x, origin, Metric.CHEBYSHEV))
    norm = build.where(overflows, build.number(math.inf), norm)
    norm = build.where(build.less(norm, build.number(ALIKE_ZERO)), build.number(1.0), norm)
    return linear(build.divide(x, norm), points / sizes[:, None])


def additive_chi2(x: Block, points: Floats) -> Block:
    """-sum((x - p)^2 / (x + p)), a term being 0 where x + p is; neither is negative.

    Source: sklearn.metrics._pairwise_fast._chi2_kernel_fast.
    """
    total: Block | None = None
    for lane, place in zip(build.lanes(x), points.T, strict=True):
        point = build.number(*place)
        difference, both = build.subtract(lane, point), build.add(lane, point)
        nothing = Apply(Op.EQ, (both, build.number(0.0)))
        term = build.multiply(build.divide(difference, both), difference)  # the square alone could overflow
        term = build.where(nothing, build.number(0.0), term)
        total = term if total is None else build.add(total, term)
    assert total is not None
    return build.negate(total)


def named(metric: Any, x: Block, points: Floats, params: Params, reading: Reading) -> Block:
    """A kernel by the name that scikit-learn has for it; `params` are its gamma, degree and coef0 where they are given.

    Raises: UnsupportedModel for a function, a matrix that was computed elsewhere, and a degree with a fraction.
    Source: sklearn.metrics.pairwise.pairwise_kernels.
    """
    made = NAMED.get(metric) if isinstance(metric, str) else None
    if made is None:
        found = repr(metric) if isinstance(metric, str) else f"a {type(metric).__name__}"
        raise reading.unsupported(f"its kernel is {found}, needed one of {', '.join(NAMED)}")
    if metric in ("chi2", "additive_chi2"):
        reading.require(build.less_equal(build.number(0.0), x))
    return made(x, points, params, reading)


def gamma_of(params: Params, x: Block) -> float:
    """The gamma that was given, else one over the number of columns."""
    gamma = params.get("gamma")
    return 1.0 / x.width if gamma is None else float(gamma)


def degree_of(degree: Any, reading: Reading, what: str = "the degree") -> int:
    """The degree of a polynomial, or another exponent.

    Raises: UnsupportedModel for one that is no whole number from 0 on.
    """
    if not float(degree).is_integer() or degree < 0:
        raise reading.unsupported(f"{what} of its kernel is {degree}, needed a whole number from 0 on")
    return int(degree)


def _named_polynomial(x: Block, points: Floats, params: Params, reading: Reading) -> Block:
    degree = degree_of(params.get("degree", 3), reading)
    return polynomial(x, points, gamma_of(params, x), float(params.get("coef0", 1.0)), degree)


def _named_chi2(x: Block, points: Floats, params: Params, reading: Reading) -> Block:
    return _exponential(additive_chi2(x, points), float(params.get("gamma", 1.0)))


NAMED: dict[str, Callable[[Block, Floats, Params, Reading], Block]] = {
    "linear": lambda x, points, params, reading: linear(x, points),
    "poly": _named_polynomial,
    "polynomial": _named_polynomial,
    "rbf": lambda x, points, params, reading: rbf(x, points, gamma_of(params, x)),
    "laplacian": lambda x, points, params, reading: laplacian(x, points, gamma_of(params, x)),
    "sigmoid": lambda x, points, params, reading: sigmoid(
        x, points, gamma_of(params, x), float(params.get("coef0", 1.0))
    ),
    "cosine": lambda x, points, params, reading: cosine(x, points),
    "additive_chi2": lambda x, points, params, reading: additive_chi2(x, points),
    "chi2": _named_chi2,
}
"""The kernels of sklearn.metrics.pairwise by name."""
