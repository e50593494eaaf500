"""statsmodels and category_encoders: what is refused, how results are asked, and the functions that they need."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import category_encoders as ce
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from scipy import special as scipy_special
from scipy import stats
from sklearn.cluster import DBSCAN, SpectralCoclustering
from sklearn.decomposition import NMF
from sklearn.manifold import TSNE
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.preprocessing import LabelEncoder
from zoo import ZOO

import indb
from indb import build, special
from indb.errors import UnsupportedModel
from indb.evaluate import evaluate
from indb.ir import Block, Column, Model, Target
from indb.runtime.asked import asked

SIZES = 10.0 ** np.arange(-300, 300, 7)
POINTS = np.concatenate([np.linspace(-38, 38, 20001), SIZES, -SIZES, [0.0, -0.0, np.inf, -np.inf, np.nan]])

X = Column("x")
FUNCTIONS: dict[str, tuple[Block, Any]] = {
    "normal": (special.normal_cdf(X), scipy_special.ndtr),
    "cauchy": (special.cauchy_cdf(X), stats.cauchy.cdf),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_distributions_keep_the_digits_of_their_tails(name: str) -> None:
    block, library = FUNCTIONS[name]
    found = evaluate(Model((X,), (Target("", {"transform": block}),)), {"x": POINTS})[""]["transform"][:, 0]
    np.testing.assert_allclose(found, library(POINTS), rtol=1e-14, atol=0.0)


def test_the_normal_quantile_is_that_of_scipy_up_to_both_ends() -> None:
    tails = 10.0 ** -np.arange(1.0, 324.0, 0.5)
    p = np.concatenate([tails, np.linspace(0.0, 1.0, 4001), 1.0 - tails, [5e-324, -0.1, 1.5, -np.inf, np.inf, np.nan]])
    model = Model((X,), (Target("", {"transform": special.normal_quantile(X)}),))
    found = evaluate(model, {"x": p})[""]["transform"][:, 0]
    np.testing.assert_allclose(found, scipy_special.ndtri(p), rtol=2e-15, atol=0.0)


def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=60), "b": rng.random(60) + 1.0, "c": rng.choice(["u", "v"], 60)})
    return frame.assign(y=frame["a"] + rng.normal(size=60), n=rng.poisson(2, 60))


scale = 2.0


@pytest.mark.parametrize(
    ("formula", "why"),
    [
        ("y ~ center(a)", r"center\(a\) in its formula holds center\(a\)"),
        ("y ~ bs(a, df=4)", "gives 4 columns"),
        ("y ~ I(a**5)", "has the exponent 5"),
        ("y ~ I(b**a)", "has the exponent a"),
        ("y ~ I(a > 0)", "is a category, and not simply a column"),
        ("y ~ np.clip(a, 0, 1)", "holds np.clip"),
        ("y ~ I(a % 2)", "holds a % 2"),
    ],
)
def test_a_formula_that_is_not_read_says_which_part(formula: str, why: str) -> None:
    with pytest.raises(UnsupportedModel, match=f"cannot read RegressionResultsWrapper: .*{why}"):
        indb.read(smf.ols(formula, table()).fit())


def test_a_number_of_the_program_is_a_constant_of_the_formula() -> None:
    frame = table()
    results = smf.ols("y ~ I(a * scale)", frame).fit()
    found = evaluate(indb.read(results), {"a": frame["a"].to_numpy()})[""]["predict"][:, 0]
    np.testing.assert_allclose(found, results.predict(frame), rtol=1e-12)


def test_offsets_and_other_models_are_refused() -> None:
    frame = table()
    for options in ({"offset": frame["b"]}, {"exposure": frame["b"]}):
        family = sm.families.Poisson()
        with pytest.raises(UnsupportedModel, match=f"fitted with {next(iter(options))}"):
            indb.read(sm.GLM(frame["n"], frame[["a"]], family=family, **options).fit())
        with pytest.raises(UnsupportedModel, match=f"fitted with {next(iter(options))}"):
            indb.read(sm.Poisson(frame["n"], frame[["a"]], **options).fit(disp=0))
    with pytest.raises(UnsupportedModel, match=r"there is no reader for statsmodels.*OLS"):
        indb.read(sm.OLS(frame["y"], frame[["a"]]))
    with pytest.raises(UnsupportedModel, match="no column but the constant one"):
        indb.read(sm.OLS(frame["y"], sm.add_constant(frame[[]])).fit())


def test_results_are_asked_by_the_columns_of_a_table() -> None:
    results, frame = ZOO["statsmodels_ols"]()
    ready = asked(results)
    assert list(ready.feature_names_in_) == list(frame.columns)
    wanted = results.predict(sm.add_constant(frame))
    np.testing.assert_array_equal(ready.predict(frame), wanted)
    np.testing.assert_array_equal(ready.predict(frame.to_numpy()), wanted)
    np.testing.assert_array_equal(ready.predict(sm.add_constant(frame).to_numpy()), wanted)
    with pytest.raises(ValueError, match="a value beyond"):
        ready.predict(frame.assign(age=np.inf))
    formula, frame = ZOO["statsmodels_formula_categories"]()
    with pytest.raises(ValueError, match="does not match any of the expected levels"):
        asked(formula).predict(frame.assign(plan="gold"))


@pytest.mark.parametrize("name", ["statsmodels_ols", "statsmodels_mnlogit", "statsmodels_formula_interactions"])
def test_results_prove_a_deployment(name: str, tmp_path: Any) -> None:
    results, frame = ZOO[name]()
    model = indb.read(results)
    frame = frame.dropna().reset_index(drop=True)
    proof = indb.golden_rows(results, frame, model)
    with indb.connect(f"duckdb:///{tmp_path / 'shop.duckdb'}") as database:
        database.engine.connection.register("given", frame)
        database.engine.connection.execute("CREATE TABLE customers AS SELECT * FROM given")
        database.deploy("m", model, table="customers", proof=proof)
        assert database.verify("m", model_object=results).ok


@pytest.mark.parametrize(
    ("encoder", "why"),
    [
        (ce.HashingEncoder(cols=["c"], max_process=1), "there is no reader for category_encoders"),
        (ce.CountEncoder(cols=["c"], min_group_size=5), "it has min_group_size"),
        (ce.TargetEncoder(cols=["c"], hierarchy={"c": {"all": ("u", "v")}}), "it has hierarchy"),
        (ce.OrdinalEncoder(), "is not fitted"),
    ],
)
def test_an_encoder_that_is_not_read_is_named(encoder: Any, why: str) -> None:
    frame = table()
    if why != "is not fitted":
        encoder = encoder.fit(frame[["a", "c"]], frame["y"])
    with pytest.raises(UnsupportedModel, match=f"cannot read {type(encoder).__name__}: .*{why}"):
        indb.read(encoder)


@pytest.mark.parametrize(
    ("estimator", "why"),
    [
        (DBSCAN(), "no predict or transform for new rows\n  It labels only"),
        (TSNE(perplexity=3.0), "no predict or transform for new rows\n  It places only"),
        (SpectralCoclustering(2), "no predict or transform for new rows\n  It groups only"),
        (NearestNeighbors(), "no predict or transform for new rows\n  It finds rows"),
        (LocalOutlierFactor(), "no predict or transform for new rows\n  Fit it with novelty=True"),
        (NMF(2, init="random", random_state=0, max_iter=2000), "the rows beside it"),
    ],
)
def test_what_has_nothing_for_new_rows_says_what_to_do(estimator: Any, why: str) -> None:
    rows = np.abs(np.random.default_rng(0).normal(size=(40, 3)))
    with pytest.raises(UnsupportedModel, match=f"cannot read {type(estimator).__name__}: .*{why}"):
        indb.read(estimator.fit(rows))
    with pytest.raises(UnsupportedModel, match="it encodes the labels of the training"):
        indb.read(LabelEncoder().fit(["a", "b"]))


def test_other_libraries_are_not_imported_to_read_a_pipeline() -> None:
    script = """
import sys
import numpy as np
from sklearn.linear_model import LinearRegression
import indb
indb.read(LinearRegression().fit(np.eye(3), [1.0, 2.0, 3.0]))
packages = {"statsmodels", "patsy", "interpret", "imblearn", "category_encoders"}
assert not packages & set(sys.modules), packages & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_special_function_needs_no_guard_in_postgresql() -> None:
    model = Model((X,), (Target("", {"predict": special.normal_cdf(build.add(X, build.number(1.0)))}),))
    text = indb.to_sql(model, "postgres", "t")
    assert len(text) < 20_000
    assert "ln(" not in text
