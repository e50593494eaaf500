"""GaussianProcessModel: the mean of a Gaussian process at a row, given training rows.

What the training rows weigh does not depend on the row that is scored, so it is worked out here once.
Source: PMML 4.4, "Gaussian Process Models": k' (K + noise I)^-1 y.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from indb import build
from indb.ir import Apply, Block, Const, Floats, Op
from indb.readers.pmml import arrays, functions, models
from indb.readers.pmml.document import Element
from indb.readers.pmml.models import Prediction, reads_model
from indb.readers.pmml.nearest import training_rows
from indb.readers.pmml.scope import Scope

MAX_ROWS = 2_000
"""How many training rows there are at most: their covariances are solved for."""


@reads_model("GaussianProcessModel", functions=("regression",))
def read_process(element: Element, scope: Scope) -> Prediction:
    """The weighted sum of the covariances of the row and each training row."""
    element.get("optimizer")
    kernel = element.one(*KERNELS)
    kernel.get("description")
    gamma, noise = kernel.number("gamma", 1.0), kernel.number("noiseVariance", 1.0)
    if not (0.0 < gamma < math.inf and 0.0 <= noise < math.inf):
        raise kernel.damaged(f"it has gamma={gamma} and noiseVariance={noise}")
    rows = training_rows(element.one("TrainingInstances"))
    if len(rows.cells) > MAX_ROWS:
        raise rows.element.refused(f"it has {len(rows.cells):,} rows, up to {MAX_ROWS:,} are read")
    names = [name for name in rows.columns if name != scope.target.name]
    if not names:
        raise rows.element.damaged("it has no field but the target")
    inputs = [arrays.number_of(name, scope, rows.element) for name in names]
    points = np.array([rows.column(name, scope.field(name, rows.element)) for name in names], dtype=np.float64).T
    target = np.array(rows.target(scope), dtype=np.float64)
    scales, degree = KERNELS[kernel.name](kernel, len(names))
    with np.errstate(all="ignore"):  # what overflows is refused
        own = gamma * np.exp(-_distances(points, scales, degree))
        weights = _solved(own + noise * np.eye(len(points)), target, element)
    return models.number(build.linear(_covariances(inputs, points, scales, degree, gamma), weights, 0.0))


def _solved(covariances: Floats, target: Floats, element: Element) -> Floats:
    """(K + noise I)^-1 y. Raises: ModelFileError where that is not positive definite."""
    try:
        lower = np.linalg.cholesky(covariances)
    except np.linalg.LinAlgError:
        raise element.damaged("the covariances of its training rows have no inverse") from None
    weights: Floats = np.linalg.solve(lower.T, np.linalg.solve(lower, target))
    if not np.isfinite(weights).all():
        raise element.damaged("its training rows are not finite numbers")
    return weights


def _distances(points: Floats, scales: Floats, degree: float) -> Floats:
    """sum((|x - z| / scale) ^ degree) of every two points, (n_points, n_points)."""
    total = np.zeros((len(points), len(points)))
    for place, scale in enumerate(scales.tolist()):
        total += np.abs((points[:, place : place + 1] - points[:, place]) / scale) ** degree
    return total


def _covariances(inputs: Sequence[Block], points: Floats, scales: Floats, degree: float, gamma: float) -> Block:
    """gamma exp(-sum((|x - z| / scale) ^ degree)), a lane for each point."""
    terms = []
    for place, x in enumerate(inputs):
        difference = build.subtract(x, Const(tuple(points[:, place].tolist())))
        size: Block = Apply(Op.ABS, (build.divide(difference, build.number(float(scales[place]))),))
        terms.append(size if degree == 1.0 else functions.power(size, build.number(degree)))
    power = Apply(Op.EXP, (build.negate(arrays.total(terms)),))
    return build.multiply(power, build.number(gamma))


def _scales(kernel: Element, count: int) -> Floats:
    """The Lambda of a kernel: one number for each field, or one for all."""
    parent = kernel.one("Lambda")
    found = arrays.array_in(parent)
    if len(found) not in (1, count) or not all(each > 0.0 for each in found):
        raise parent.damaged(f"it holds {len(found)} numbers, needed {count} above 0")
    return np.array(found if len(found) == count else found * count, dtype=np.float64)


def _radial(kernel: Element, count: int) -> tuple[Floats, float]:
    """exp(-|x - z|^2 / (2 lambda^2))."""
    scale = kernel.number("lambda", 1.0)
    if not 0.0 < scale < math.inf:
        raise kernel.damaged(f"its lambda is {scale}, needed a number above 0")
    return np.full(count, scale * math.sqrt(2.0)), 2.0


def _squared(kernel: Element, count: int) -> tuple[Floats, float]:
    """exp(-sum(((x - z) / lambda)^2) / 2)."""
    return _scales(kernel, count) * math.sqrt(2.0), 2.0


def _absolute(kernel: Element, count: int) -> tuple[Floats, float]:
    """exp(-sum(|x - z| / lambda))."""
    return _scales(kernel, count), 1.0


def _generalized(kernel: Element, count: int) -> tuple[Floats, float]:
    """exp(-sum((|x - z| / lambda)^degree))."""
    degree = kernel.number("degree", 1.0)
    if not 0.0 < degree < math.inf:
        raise kernel.damaged(f"its degree is {degree}, needed a number above 0")
    return _scales(kernel, count), degree


KERNELS: dict[str, Callable[[Element, int], tuple[Floats, float]]] = {
    "RadialBasisKernel": _radial,
    "ARDSquaredExponentialKernel": _squared,
    "AbsoluteExponentialKernel": _absolute,
    "GeneralizedExponentialKernel": _generalized,
}
"""Name of a kernel -> the scales of differences, and the power to which they are summed."""
