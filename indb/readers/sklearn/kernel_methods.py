"""scikit-learn's kernel methods besides support vector machines: what each makes of the kernel values is linear."""

from __future__ import annotations

from typing import Any

import numpy as np

from indb import build
from indb.ir import Block, Floats, Target
from indb.readers.base import Frame, Reading, frame_of, reads
from indb.readers.sklearn import covariances, kernels
from indb.readers.sklearn.labels import regressors

UNBOUNDED = ("linear", "poly", "polynomial", "additive_chi2")
"""The kernels whose values can overflow, which the step that takes their means refuses."""

LIMIT = build.FLOAT64_MAX * (1.0 - 1e-9)
"""What counts as finite: some databases hold at the largest number what overflows."""


@reads("sklearn", "GaussianProcessRegressor")
def gaussian_process(process: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The mean. Source: sklearn.gaussian_process.GaussianProcessRegressor.predict (Rasmussen and Williams, 2.25)."""
    x = frame.numbers(reading)
    reading.require_finite(x)
    kernel = covariances.covariance(process.kernel_, x, kernels.dense(process.X_train_), reading)
    mean = build.linear(kernel, _by_output(process.alpha_), 0.0)
    scale, shift = (np.atleast_1d(np.asarray(each, float)) for each in (process._y_train_std, process._y_train_mean))
    return regressors(build.add(build.multiply(build.number(*scale), mean), build.number(*shift)))


@reads("sklearn", "KernelRidge")
def kernel_ridge(ridge: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The kernel values, weighted. Source: sklearn.kernel_ridge.KernelRidge.predict."""
    params = {"gamma": ridge.gamma, "degree": ridge.degree, "coef0": ridge.coef0}
    kernel = _kernel(ridge, frame, ridge.X_fit_, params, reading)
    return regressors(build.linear(kernel, _by_output(ridge.dual_coef_), 0.0))


@reads("sklearn", "KernelPCA")
def kernel_pca(pca: Any, frame: Frame, reading: Reading) -> Frame:
    """The kernel values less their means over row and training data, along the components.

    All of that is linear, and one map here. Source: sklearn.decomposition.KernelPCA.transform, KernelCenterer.
    """
    params = {"gamma": pca.gamma_, "degree": pca.degree, "coef0": pca.coef0}
    kernel = _kernel(pca, frame, pca.X_fit_, params, reading)
    if pca.kernel in UNBOUNDED:
        reading.require_finite(kernel, limit=LIMIT)
    used = np.flatnonzero(pca.eigenvalues_)
    axes = np.zeros_like(pca.eigenvectors_, dtype=np.float64)
    axes[:, used] = pca.eigenvectors_[:, used] / np.sqrt(pca.eigenvalues_[used])
    total = axes.sum(axis=0)
    weight = (axes - total / len(axes)).T
    bias = float(pca._centerer.K_fit_all_) * total - np.asarray(pca._centerer.K_fit_rows_) @ axes
    return _components(pca, build.linear(kernel, weight, bias))


@reads("sklearn", "Nystroem")
def nystroem(features: Any, frame: Frame, reading: Reading) -> Frame:
    """The kernel values of the points that stand for all, normalised. Source: sklearn.kernel_approximation.Nystroem."""
    given = {name: getattr(features, name) for name in ("gamma", "coef0", "degree")}
    params = (features.kernel_params or {}) | {name: value for name, value in given.items() if value is not None}
    kernel = _kernel(features, frame, features.components_, params, reading)
    return _components(features, build.linear(kernel, np.asarray(features.normalization_), 0.0))


def _kernel(estimator: Any, frame: Frame, points: Any, params: kernels.Params, reading: Reading) -> Block:
    """The kernel values of finite rows: by name, or by a kernel of Gaussian processes."""
    x = frame.numbers(reading)
    reading.require_finite(x)
    if type(estimator.kernel).__module__ == covariances.MODULE and not estimator.kernel_params:
        return covariances.covariance(estimator.kernel, x, kernels.dense(points), reading)
    return kernels.named(estimator.kernel, x, kernels.dense(points), params, reading)


def _by_output(weights: Any) -> Floats:
    """Weights of the points, (n_points,) or (n_points, n_outputs), with a row for each output."""
    return np.atleast_2d(np.asarray(weights, dtype=np.float64).T)


def _components(estimator: Any, values: Block) -> Frame:
    prefix = type(estimator).__name__.lower()
    return frame_of(values, [f"{prefix}{number}" for number in range(values.width)])
