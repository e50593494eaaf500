"""What the readers of scikit-learn's predictors do beyond the zoo: models of older releases, refusals, and labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from zoo import ZOO, frames

from indb import build
from indb.errors import UnsupportedModel
from indb.evaluate import Values, evaluate
from indb.readers import read


def outputs(estimator: Any, frame: pd.DataFrame) -> dict[str, Values]:
    return evaluate(read(estimator), {name: frame[name].to_numpy() for name in frame.columns})[""]


def aged_logistic(target: str, **attributes: str) -> LogisticRegression:
    """A logistic regression with the attributes that a pickle of an older release brings along."""
    model = LogisticRegression().fit(frames.numbers()[["score", "visits"]], frames.TARGETS[target]())
    vars(model).update(attributes)
    return model


@pytest.mark.parametrize(
    "attributes",
    [{"multi_class": "ovr"}, {"multi_class": "auto", "solver": "liblinear"}, {"multi_class": "warn"}],
    ids=lambda attributes: "-".join(attributes.values()),
)
def test_one_vs_rest_of_older_releases(attributes: dict[str, str]) -> None:
    frame = frames.numbers()[["score", "visits"]]
    model = aged_logistic("texts3", **attributes)
    np.testing.assert_allclose(outputs(model, frame)["predict_proba"], model._predict_proba_lr(frame), rtol=1e-12)


def test_one_vs_rest_is_even_where_every_class_has_probability_zero() -> None:
    frame = frames.numbers()[["score", "visits"]].iloc[:1].abs() * 1e6 + 1e6
    model = aged_logistic("texts3", multi_class="ovr")
    model.coef_ = -np.abs(model.coef_) - 1.0
    np.testing.assert_array_equal(outputs(model, frame)["predict_proba"], model._predict_proba_lr(frame))
    np.testing.assert_array_equal(outputs(model, frame)["predict_proba"], [[1 / 3] * 3])


def test_multinomial_with_two_classes_of_older_releases_doubles_the_margin() -> None:
    frame = frames.numbers()[["score", "visits"]]
    model = aged_logistic("texts2", multi_class="multinomial")
    margin = model.decision_function(frame)
    expected = np.stack([1 / (1 + np.exp(2 * margin)), 1 / (1 + np.exp(-2 * margin))], axis=1)
    np.testing.assert_allclose(outputs(model, frame)["predict_proba"], expected, rtol=1e-12, atol=1e-15)


def test_multinomial_of_older_releases_is_softmax() -> None:
    frame = frames.numbers()[["score", "visits"]]
    model = aged_logistic("texts3", multi_class="auto")
    np.testing.assert_allclose(outputs(model, frame)["predict_proba"], model.predict_proba(frame), rtol=1e-12)


def test_an_init_estimator_that_reads_its_input_makes_it_foreign() -> None:
    model = GradientBoostingRegressor(init=LinearRegression(), n_estimators=2)
    model.fit(frames.numbers(), frames.signal())
    found = read(model)
    assert found.is_foreign
    assert found.source["reason"].startswith("cannot read GradientBoostingRegressor: its init estimator is Linear")


def test_a_random_init_estimator_is_refused() -> None:
    model = GradientBoostingClassifier(init=DummyClassifier(strategy="stratified"), n_estimators=2)
    model.fit(frames.numbers(), frames.TARGETS["texts2"]())
    with pytest.raises(UnsupportedModel, match="needed one that gives the same for every row"):
        read(model)


def test_labels_that_no_column_can_hold_are_refused() -> None:
    model = DecisionTreeClassifier().fit(frames.numbers(), frames.TARGETS["texts2"]())
    model.classes_ = np.array([b"no", b"yes"], dtype=object)
    with pytest.raises(UnsupportedModel, match=r"its class label b'no' is a bytes"):
        read(model)


def test_a_hist_boosting_without_its_encoder_is_refused() -> None:
    model, _ = ZOO["hist_dtype_categories"]()
    state = dict(vars(model))
    old = type(model)()
    vars(old).update({name: value for name, value in state.items() if name != "_preprocessor"})
    with pytest.raises(UnsupportedModel, match=r"before 1\.4"):
        read(old)


def test_categories_that_are_missing_twice_are_refused() -> None:
    model, _ = ZOO["hist_none_category"]()
    encoder = model._preprocessor.named_transformers_["encoder"]
    before = encoder.categories_
    try:
        encoder.categories_ = [np.array([*before[0].tolist(), np.nan], dtype=object)]
        with pytest.raises(UnsupportedModel, match="missing twice"):
            read(model)
    finally:
        encoder.categories_ = before


@pytest.mark.parametrize("name", ["tree_two_targets", "linear_two_targets", "forest_two_targets_regressor"])
def test_several_targets_are_named_by_their_number(name: str) -> None:
    model = read(ZOO[name]()[0])
    assert [target.name for target in model.targets] == ["0", "1"]


def test_labels_are_python_values() -> None:
    kinds = {"bools": bool, "ints3": int, "floats2": float, "texts3": str}
    for target, kind in kinds.items():
        model = DecisionTreeClassifier(max_depth=2).fit(frames.numbers(), frames.TARGETS[target]())
        labels = read(model).targets[0].labels
        assert labels is not None
        assert {type(label) for label in labels} == {kind}


def test_split_thresholds_are_those_of_split_threshold() -> None:
    rng = np.random.default_rng(0)
    sizes = 10.0 ** rng.uniform(-320, 308, 2000)
    halves = rng.normal(size=500).astype(np.float32).astype(float) + 2.0**-25
    edges = np.array([0.0, np.inf, 5e-324, build.FLOAT32_MAX, build.FLOAT32_LIMIT, 3.5e38])
    thresholds = np.concatenate([sizes, -sizes, halves, rng.normal(size=500), edges, -edges])
    np.testing.assert_array_equal(
        build.split_thresholds(thresholds), [build.split_threshold(value) for value in thresholds.tolist()]
    )


def test_float32_limit_is_the_last_double_that_float32_holds() -> None:
    with np.errstate(over="ignore"):
        assert np.isfinite(np.float32(build.FLOAT32_LIMIT))
        assert np.isinf(np.float32(np.nextafter(build.FLOAT32_LIMIT, np.inf)))
