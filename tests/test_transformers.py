"""What the readers of scikit-learn's transformers do beyond the zoo: rows and fits that are refused, and formulas."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import feature_selection
from sklearn.decomposition import NMF, PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.kernel_approximation import RBFSampler
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    KBinsDiscretizer,
    OneHotEncoder,
    PowerTransformer,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
)
from zoo import frames

from indb.errors import UnsupportedModel
from indb.evaluate import evaluate
from indb.ir import Model
from indb.readers import read


def transformed(model: Model, values: Any) -> Any:
    """What a model gives for a matrix of rows."""
    table = np.asarray(values, dtype=float)
    return evaluate(model, {column.name: table[:, number] for number, column in enumerate(model.columns)})[""][
        "transform"
    ]


def test_periodic_splines_lead_values_back_exactly_and_refuse_what_is_too_far_away() -> None:
    rng = np.random.default_rng(0)
    for low, high in ((0.0, 24.0), (-1.1, 0.37), (3.3e5, 3.3e5 + 7e-3)):
        knots = np.linspace(low, high, 5).reshape(-1, 1)
        spline = SplineTransformer(knots=knots, extrapolation="periodic").fit([[low], [high]])
        period = spline.bsplines_[0].t[-4] - spline.bsplines_[0].t[3]
        near = low + period * rng.normal(size=300) * 10.0 ** rng.integers(-3, 7, 300)
        whole = low + period * rng.integers(-100, 100, 100)
        x = np.concatenate([near, whole, np.nextafter(whole, -np.inf), [low, high]]).reshape(-1, 1)
        np.testing.assert_array_equal(transformed(read(spline), x), spline.transform(x))
        far = np.array([[low + period * 2.0**26], [1e300], [-1e300], [np.nan], [np.inf]])
        assert np.isnan(transformed(read(spline), far)).all()


def test_random_features_refuse_rows_of_which_rounding_decides() -> None:
    sampler = RBFSampler(random_state=0).fit(frames.numbers())
    found = transformed(read(sampler), [[1.0, 1.0, 1e5, 1.0], [1.0, 1.0, 1e12, 1.0], [1.0, 1.0, np.nan, 1.0]])
    assert np.isnan(found).all(axis=1).tolist() == [False, True, True]


def test_what_is_whitened_must_have_variance() -> None:
    x = frames.numbers().to_numpy()
    twice = np.hstack([x, 2.0 * x])
    model = read(PCA(whiten=True, svd_solver="full").fit(StandardScaler().fit_transform(twice)))
    assert model.is_foreign
    assert "it whitens component 7, whose variance" in model.source["reason"]
    assert not read(PCA(4, whiten=True).fit(StandardScaler().fit_transform(twice))).is_foreign


def test_a_sparse_spline_of_missing_values_depends_on_the_other_rows() -> None:
    frame = frames.gaps()
    for extrapolation in ("error", "continue", "periodic"):
        spline = SplineTransformer(handle_missing="zeros", sparse_output=True, extrapolation=extrapolation).fit(frame)
        with pytest.raises(UnsupportedModel, match="forgets to make zeros .* computes a row from the rows beside it"):
            read(spline)
    one = SplineTransformer(handle_missing="zeros", sparse_output=True, extrapolation="continue").fit(frame[["age"]])
    np.testing.assert_array_equal(transformed(read(one), frame[["age"]]), one.transform(frame[["age"]]).toarray())


@pytest.mark.parametrize("knots", ["uniform", "quantile"])
@pytest.mark.parametrize("degree", [0, 1, 2, 5])
@pytest.mark.parametrize("extrapolation", ["error", "constant", "linear", "continue"])
def test_splines_have_the_bits_of_scikit_learn(extrapolation: str, degree: int, knots: str) -> None:
    """Also between knots that are alike, as quantiles often are."""
    rng = np.random.default_rng(degree)
    x = np.stack([rng.integers(0, 4, 60) * 1.1, rng.normal(size=60), rng.poisson(0.5, 60) * 1.0], axis=1)
    spline = SplineTransformer(6, degree=degree, knots=knots, extrapolation=extrapolation).fit(x)
    rows = np.concatenate([x, np.nextafter(x, np.inf)])
    if extrapolation != "error":
        rows = np.concatenate([rows, rng.normal(size=(60, 3)) * 5.0])
    found = transformed(read(spline), rows)
    for row, got in zip(rows, found, strict=True):
        try:
            wanted = spline.transform(row.reshape(1, -1))[0]
        except ValueError:
            wanted = np.full(len(got), np.nan)
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_quantiles_of_values_that_repeat(distribution: str) -> None:
    rng = np.random.default_rng(1)
    x = rng.integers(0, 5, (200, 2)) * 0.7
    transformer = QuantileTransformer(n_quantiles=40, output_distribution=distribution).fit(x)
    rows = np.concatenate([x, x + 1e-9, x - 1e-7, np.nextafter(x, 9.0), rng.random((100, 2)) * 4.0 - 0.5])
    found, wanted = transformed(read(transformer), rows), transformer.transform(rows)
    np.testing.assert_allclose(found, wanted, rtol=0.0 if distribution == "uniform" else 2e-15, atol=0.0)


@pytest.mark.parametrize("method", ["yeo-johnson", "box-cox"])
def test_powers_near_the_borders_of_the_formula(method: str) -> None:
    x = np.concatenate([np.logspace(-300, 300, 601), [1.0, 1e-17, 0.5, 2.0]]).reshape(-1, 1)
    x = x if method == "box-cox" else np.concatenate([x, -x, [[0.0]]])
    transformer = PowerTransformer(method, standardize=False).fit(np.array([[1.0], [2.0], [3.5]]))
    for power in (0.0, 1e-20, -1e-18, 1e-17, 1e-9, 1.0, 1.02, 2.0, 2.0 - 1e-16, 2.0 + 1e-9, -3.0, 0.3):
        transformer.lambdas_ = np.array([power])
        with np.errstate(all="ignore"):
            wanted = transformer.transform(x)
        np.testing.assert_allclose(transformed(read(transformer), x), wanted, rtol=1e-12, atol=0.0)


def test_bins_in_single_precision_round_a_value_before_they_compare_it() -> None:
    rng = np.random.default_rng(2)
    x = (0.1 + rng.integers(0, 40, (200, 1)) * 2.0**-27).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bins = KBinsDiscretizer(20, encode="ordinal", strategy="uniform", dtype=np.float32).fit(x)
    edges = bins.bin_edges_[0].astype(np.float64)
    near = np.concatenate([edges + step * 2.0**-30 for step in range(-20, 21)]).reshape(-1, 1)
    np.testing.assert_array_equal(transformed(read(bins), near), bins.transform(near))


def test_a_factorisation_that_all_rows_stop_together_is_refused() -> None:
    x = frames.numbers().abs()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = make_pipeline(StandardScaler(with_mean=False), NMF(2, max_iter=20)).fit(x)
    with pytest.raises(UnsupportedModel, match="its NMF computes a row from the rows beside it"):
        read(fitted)


def test_a_binarizer_refuses_a_sparse_array_below_zero() -> None:
    frame = frames.mixed()[["plan"]]
    pipeline = make_pipeline(OneHotEncoder(), Binarizer(threshold=0.5)).fit(frame)
    pipeline[-1].threshold = -1.0
    with pytest.raises(UnsupportedModel, match="its input sparse, which scikit-learn refuses"):
        read(pipeline)


def test_a_selector_that_keeps_nothing_gives_no_columns() -> None:
    frame, target = frames.numbers(), frames.TARGETS["texts2"]()
    fitted = feature_selection.SelectFpr(alpha=0.0).fit(frame, target)
    with pytest.raises(UnsupportedModel, match="it gives no columns"):
        read(fitted)


def test_a_selector_of_data_frames_checks_nothing() -> None:
    """With set_output it hands a frame on as it is, so that what follows decides about missing values."""
    frame, target = frames.numbers(), frames.TARGETS["texts2"]()
    selector = feature_selection.SelectKBest(k=2)
    hist = HistGradientBoostingClassifier(max_iter=2)
    frames_given = make_pipeline(selector, hist).set_output(transform="pandas").fit(frame, target)
    rows = pd.concat([frame.head(3), frame.head(3).assign(age=np.nan, income=np.nan, score=np.nan, visits=np.nan)])
    model = read(frames_given)
    found = evaluate(model, {name: rows[name].to_numpy() for name in rows})[""]["predict_proba"]
    np.testing.assert_allclose(found, frames_given.predict_proba(rows), rtol=1e-12)
