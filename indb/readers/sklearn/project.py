"""Projections: linear maps of the centred columns (sklearn.decomposition, random_projection), and feature maps of them.

Every one of them refuses what is not finite.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from indb import build
from indb.ir import Apply, Block, Floats, Op
from indb.readers.base import Frame, Reading, frame_of, reads
from indb.readers.sklearn.values import finite_numbers

FLAT = 1e-14
"""A component whose variance is not above this part of the largest one lies in the noise of float64."""

STEEP = 1e8
"""How large a term of an angle may be: beyond, the last bits of its product decide about its cosine."""


def _framed(x: Block, estimator: Any, sparse: bool = False) -> Frame:
    """The lanes of a projection, as a dense array unless `sparse`."""
    name = type(estimator).__name__.lower()
    frame = frame_of(x, [f"{name}{number}" for number in range(x.width)])
    return Frame(frame.names, frame.lanes, sparse=sparse)


@reads("sklearn", "PCA", "IncrementalPCA")
def read_pca(pca: Any, frame: Frame, reading: Reading) -> Frame:
    """(x @ components_.T - mean_ @ components_.T) / scale. Source: sklearn.decomposition._base._BasePCA._transform.

    The product of the means is computed in the precision of the fitted arrays, as scikit-learn does.

    Raises: UnsupportedModel for a component without variance: whitening makes large numbers of its rounding errors.
    """
    x = finite_numbers(frame, reading)
    centre = (np.reshape(pca.mean_, (1, -1)) @ pca.components_.T).astype(np.float64)
    scale = np.ones(len(pca.components_))
    if pca.whiten:
        variance = pca.explained_variance_
        if variance.min() <= FLAT * variance.max():
            flat = int(np.argmin(variance))
            raise reading.unsupported(
                f"it whitens component {flat}, whose variance {variance[flat]:.3g} is nothing but rounding",
                f"Fit it with n_components={max(1, int((variance > FLAT * variance.max()).sum()))}.",
            )
        scale = np.sqrt(variance).astype(np.float64)
    return _framed(build.linear(x, pca.components_ / scale[:, None], -centre / scale), pca)


@reads("sklearn", "SparsePCA", "MiniBatchSparsePCA")
def read_sparse_pca(pca: Any, frame: Frame, reading: Reading) -> Frame:
    """The ridge regression of the centred row on the components, which is linear in the row.

    Its matrix is what the same solver gives for the unit rows. Source: sklearn.decomposition.SparsePCA.transform.
    """
    from sklearn.linear_model import ridge_regression

    components = pca.components_
    units = ridge_regression(components.T, np.eye(components.shape[1]), pca.ridge_alpha, solver="cholesky")
    x = build.standardise(finite_numbers(frame, reading), pca.mean_, None)
    return _framed(build.linear(x, units.T, 0.0), pca)


@reads("sklearn", "TruncatedSVD", "GaussianRandomProjection", "SparseRandomProjection")
def read_projection(estimator: Any, frame: Frame, reading: Reading) -> Frame:
    """x @ components_.T. Source: sklearn.decomposition.TruncatedSVD.transform."""
    components = estimator.components_
    kept = hasattr(components, "toarray")  # a sparse row times a sparse matrix stays sparse where asked
    matrix = components.toarray() if kept else components
    sparse = kept and frame.sparse and not estimator.dense_output
    return _framed(build.linear(finite_numbers(frame, reading), matrix, 0.0), estimator, sparse)


@reads("sklearn", "FactorAnalysis")
def read_factor_analysis(analysis: Any, frame: Frame, reading: Reading) -> Frame:
    """The expected latent values of the centred row. Source: sklearn.decomposition.FactorAnalysis.transform."""
    from scipy import linalg

    weighted = analysis.components_ / analysis.noise_variance_
    covariance = linalg.inv(np.eye(len(analysis.components_)) + np.dot(weighted, analysis.components_.T))
    x = build.standardise(finite_numbers(frame, reading), analysis.mean_, None)
    return _framed(build.linear(build.linear(x, weighted, 0.0), covariance.T, 0.0), analysis)


@reads("sklearn", "FastICA")
def read_fast_ica(ica: Any, frame: Frame, reading: Reading) -> Frame:
    """The centred row (not centred without whitening) @ components_.T. Source: sklearn.decomposition.FastICA."""
    x = build.standardise(finite_numbers(frame, reading), ica.mean_ if ica.whiten else None, None)
    return _framed(build.linear(x, ica.components_, 0.0), ica)


@reads("sklearn", "KernelCenterer")
def read_kernel_centerer(centerer: Any, frame: Frame, reading: Reading) -> Frame:
    """x - K_fit_rows_ - mean(x) + K_fit_all_. Source: sklearn.preprocessing.KernelCenterer.transform."""
    x = finite_numbers(frame, reading)
    rows = np.asarray(centerer.K_fit_rows_, dtype=np.float64)
    total = build.linear(x, np.ones((1, len(rows))), 0.0)
    centred = build.subtract(build.subtract(x, build.number(*rows)), build.divide(total, build.number(len(rows))))
    return _framed(build.add(centred, build.number(float(centerer.K_fit_all_))), centerer)


def _cosines(x: Block, sampler: Any, factor: float, reading: Reading) -> Frame:
    """cos(x @ random_weights_ + random_offset_) * factor. A row is refused where a term of an angle is too large."""
    weight: Floats = np.asarray(sampler.random_weights_, dtype=np.float64).T
    for lane, limit in zip(build.lanes(x), STEEP / np.maximum(np.abs(weight).max(axis=0), 1.0 / STEEP), strict=True):
        reading.require_finite(lane, limit=float(limit))
    angles = build.linear(x, weight, np.asarray(sampler.random_offset_, dtype=np.float64))
    return _framed(build.multiply(Apply(Op.COS, (angles,)), build.number(factor)), sampler)


@reads("sklearn", "RBFSampler")
def read_rbf_sampler(sampler: Any, frame: Frame, reading: Reading) -> Frame:
    """Random Fourier features. Source: sklearn.kernel_approximation.RBFSampler.transform."""
    return _cosines(frame.numbers(reading), sampler, (2.0 / sampler.n_components) ** 0.5, reading)


@reads("sklearn", "SkewedChi2Sampler")
def read_skewed_chi2_sampler(sampler: Any, frame: Frame, reading: Reading) -> Frame:
    """Random Fourier features of ln(x + skewedness), refused where that is not above 0.

    Source: sklearn.kernel_approximation.SkewedChi2Sampler.transform.
    """
    x = finite_numbers(frame, reading)
    reading.require(build.less(build.number(-float(sampler.skewedness)), x))
    logs = Apply(Op.LN, (build.add(x, build.number(float(sampler.skewedness))),))
    return _cosines(logs, sampler, float(np.sqrt(2.0) / np.sqrt(sampler.n_components)), reading)


INTERVALS = {1: 0.8, 2: 0.5, 3: 0.4}
"""AdditiveChi2Sampler's own sample_interval for its sample_steps."""


@reads("sklearn", "AdditiveChi2Sampler")
def read_additive_chi2_sampler(sampler: Any, frame: Frame, reading: Reading) -> Frame:
    """sqrt(x) times cosines and sines of ln x; 0 stays 0, and what is below is refused.

    Source: sklearn.kernel_approximation.AdditiveChi2Sampler.transform.
    """
    x = finite_numbers(frame, reading)
    reading.require(build.less_equal(build.number(0.0), x))
    steps, interval = sampler.sample_steps, sampler.sample_interval
    if interval is None:
        interval = INTERVALS.get(steps)
        if interval is None:
            raise reading.unsupported(f"it has no sample_interval, needed with sample_steps={steps}")
    positive = build.less(build.number(0.0), x)
    scaled = build.multiply(x, build.number(interval))
    logs = build.multiply(build.number(interval), Apply(Op.LN, (build.where(positive, x, build.number(1.0)),)))
    twice = build.multiply(build.multiply(build.number(2.0), x), build.number(interval))
    found: list[Block] = [Apply(Op.SQRT, (scaled,))]
    for step in range(1, steps):
        factor = Apply(Op.SQRT, (build.divide(twice, build.number(math.cosh(np.pi * step * interval))),))
        angles = build.multiply(build.number(step), logs)
        found += [build.multiply(factor, Apply(op, (angles,))) for op in (Op.COS, Op.SIN)]
    kept = [build.where(positive, part, build.number(0.0)) for part in found]
    return _framed(build.concat(kept), sampler, frame.sparse)
