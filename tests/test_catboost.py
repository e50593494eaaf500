"""CatBoost: its files, the names of columns, borders in float32, losses that compute alike, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import catboost
import numpy as np
import pandas as pd
import pytest
from catboost import CatBoostClassifier, CatBoostRanker, CatBoostRegressor
from sklearn.pipeline import make_pipeline
from zoo import frames
from zoo.catboost import GROUPS, SMALL, categories, classes, listed, signal

import indb
from indb.errors import ModelFileError, UnsupportedModel
from indb.evaluate import decode, evaluate
from indb.ir import Type
from indb.readers.base import Content

LOSSES = (
    *("RMSE", "MAE", "Quantile:alpha=0.3", "Huber:delta=1", "LogCosh", "Expectile:alpha=0.3", "MAPE", "Lq:q=3"),
    *("RMSPE", "LogLinQuantile:alpha=0.7", "Poisson", "Tweedie:variance_power=1.2"),
)
RANKS = (
    *("YetiRank", "YetiRankPairwise", "QueryRMSE", "QuerySoftMax", "PairLogit", "PairLogitPairwise", "LambdaMart"),
    *("StochasticRank:metric=NDCG", "StochasticFilter"),
)


def columns(frame: pd.DataFrame) -> dict[str, Any]:
    return {name: frame[name].to_numpy() for name in frame}


def predicted(model: indb.Model, frame: pd.DataFrame) -> Any:
    return evaluate(model, columns(frame))[""]["predict"][:, 0]


@pytest.mark.parametrize("loss", LOSSES)
def test_regressors_give_what_the_library_gives(loss: str) -> None:
    model = CatBoostRegressor(loss_function=loss, **SMALL).fit(frames.gaps(), np.exp(frames.signal() / 5.0))
    np.testing.assert_allclose(predicted(indb.read(model), frames.gaps()), model.predict(frames.gaps()), rtol=1e-14)


@pytest.mark.parametrize("loss", RANKS)
def test_rankers_give_raw_values(loss: str) -> None:
    target = frames.TARGETS["ints2"]()
    model = CatBoostRanker(loss_function=loss, **SMALL).fit(frames.gaps(), target, group_id=GROUPS)
    assert predicted(indb.read(model), frames.gaps()).tolist() == model.predict(frames.gaps()).tolist()


def test_survival_gives_raw_values() -> None:
    target = np.stack([frames.signal(), frames.signal() + 1.0], axis=1)
    model = CatBoostRegressor(loss_function="SurvivalAft", **SMALL).fit(frames.gaps(), target)
    assert predicted(indb.read(model), frames.gaps()).tolist() == model.predict(frames.gaps()).tolist()


@pytest.mark.parametrize("target", ["texts2", "texts3", "bools", "ints2", "ints3", "floats2", "floats3"])
def test_a_file_says_what_its_model_says(target: str, tmp_path: Path) -> None:
    fitted = CatBoostClassifier(**SMALL).fit(frames.gaps(), frames.TARGETS[target]())
    if target == "texts2":
        fitted.set_probability_threshold(0.37)
    wanted = evaluate(indb.read(fitted), columns(frames.gaps()))[""]
    labels = [np.asarray(label).item() for label in fitted.classes_]
    for name, form in (("model.json", "json"), ("model.cbm", "cbm")):
        fitted.save_model(str(tmp_path / name), format=form)
        model = indb.read(tmp_path / name)
        assert (model.source["class"], model.source["library"]) == ("CatBoostClassifier", "CatBoost")
        assert model.source["version"] == catboost.__version__
        assert [(type(label), label) for label in model.targets[0].labels or ()] == [(type(x), x) for x in labels]
        found = evaluate(model, columns(frames.gaps()))[""]
        for output, values in wanted.items():
            assert np.array_equal(found[output], values)


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (CatBoostRegressor(loss_function="Poisson", **SMALL), "CatBoostRegressor"),
        (CatBoostRanker(loss_function="QueryRMSE", **SMALL), "CatBoostRanker"),
        (CatBoostClassifier(loss_function="MultiLogloss", **SMALL), "CatBoostClassifier"),
    ],
)
def test_the_loss_tells_the_class_of_a_file(made: Any, name: str, tmp_path: Path) -> None:
    target: Any = frames.TARGETS["ints2"]()
    if name == "CatBoostClassifier":
        target = np.stack([target, 1 - target], axis=1)
    made.fit(frames.gaps(), target, **({"group_id": GROUPS} if name == "CatBoostRanker" else {}))
    for file, form in (("model.json", "json"), ("model.cbm", "cbm")):
        made.save_model(str(tmp_path / file), format=form)
        model = indb.read(tmp_path / file)
        assert model.source["class"] == name
        found = evaluate(model, columns(frames.gaps()))
        wanted = made.predict(frames.gaps()).reshape(len(frames.gaps()), -1)
        got = np.concatenate([outputs["predict"] for outputs in found.values()], axis=1)
        np.testing.assert_allclose(got, wanted, rtol=1e-14)


def test_a_border_is_held_in_float32() -> None:
    values = np.repeat([0.1, np.nextafter(np.float32(0.1), np.float32(1.0)).item(), 0.5, 0.9], 30)
    frame = pd.DataFrame({"x": values})
    fitted = CatBoostRegressor(**{**SMALL, "depth": 2}).fit(frame, np.arange(120) // 30 % 2)
    borders = [float(border) for border in fitted.get_borders()[0]]
    near = [
        side
        for border in borders
        for low in (np.nextafter(np.float32(border), np.float32(-1.0)).item(), border)
        for half in ((low + np.nextafter(np.float32(low), np.float32(1.0)).item()) / 2.0,)
        for side in (low, half, np.nextafter(half, -1.0), np.nextafter(half, 1.0))
    ]
    rows = pd.DataFrame({"x": [*near, 1e300, -1e300, np.inf, -np.inf, np.nan, 3.4028235677973366e38]})
    assert predicted(indb.read(fitted), rows).tolist() == fitted.predict(rows).tolist()


@pytest.mark.parametrize("probability", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_a_threshold_of_the_probability_is_strict(probability: float) -> None:
    fitted = CatBoostClassifier(**SMALL).fit(frames.gaps(), frames.TARGETS["texts2"]())
    for reached in [probability, *fitted.predict_proba(frames.gaps())[:6, 1].tolist()]:
        fitted.set_probability_threshold(reached)
        model = indb.read(fitted)
        numbers = evaluate(model, columns(frames.gaps()))[""]["predict"]
        assert decode(model.targets[0].labels or (), numbers) == fitted.predict(frames.gaps()).tolist()


def test_names_of_columns() -> None:
    named = CatBoostRegressor(**SMALL).fit(frames.odd_names(), frames.signal())
    assert [column.name for column in indb.read(named).columns] == list(frames.ODD_NAMES)
    with pytest.raises(UnsupportedModel, match="it was fitted with"):
        indb.read(named, columns=["a", "b", "c", "d"])
    plain = CatBoostRegressor(**SMALL).fit(frames.numbers().to_numpy(), frames.signal())
    assert [column.name for column in indb.read(plain).columns] == ["x0", "x1", "x2", "x3"]
    assert [column.name for column in indb.read(plain, columns=list("abcd")).columns] == list("abcd")
    alone = make_pipeline(CatBoostRegressor(**SMALL)).fit(frames.numbers(), frames.signal())
    assert [column.name for column in indb.read(alone).columns] == list(frames.numbers())


def with_categories(**options: Any) -> Any:
    features = ["city", "plan", "level", "member"]
    return CatBoostRegressor(**{**SMALL, **options}).fit(categories(), signal(), cat_features=features)


def test_a_column_of_codes_is_one_of_numbers() -> None:
    model = indb.read(listed(with_categories(one_hot_max_size=10, iterations=20)))
    kinds = {column.name: column.kind for column in model.columns}
    assert (kinds["city"], kinds["plan"]) == (Type.TEXT, Type.TEXT)
    assert (kinds["level"], kinds["member"]) == (Type.NUMBER, Type.NUMBER)


def test_text_columns_says_that_codes_are_texts() -> None:
    content = listed(with_categories(one_hot_max_size=10, iterations=20))
    model = indb.readers._read_estimator(content, None, False, ["level"])
    assert {column.name: column.kind for column in model.columns}["level"] is Type.TEXT
    frame = categories().assign(level=categories()["level"].astype(str))
    fitted = with_categories(one_hot_max_size=10, iterations=20)
    assert predicted(model, frame).tolist() == fitted.predict(categories()).tolist()


def test_a_missing_category_is_refused_as_the_library_does() -> None:
    content = listed(with_categories(one_hot_max_size=10, iterations=20))
    rows = categories().head(4).astype({"level": float, "city": object})
    rows.loc[0, "city"] = None
    rows.loc[1, "level"] = np.nan
    rows.loc[2, "level"] = 1.5
    assert np.isnan(predicted(indb.read(content), rows)).tolist() == [True, True, True, False]


def test_a_file_of_other_data_is_refused(tmp_path: Path) -> None:
    fitted = with_categories(one_hot_max_size=10, iterations=20)
    few = categories().loc[lambda frame: frame["city"] == "Rome"]
    pool = catboost.Pool(few, cat_features=fitted.get_cat_feature_indices())
    fitted.save_model(str(tmp_path / "model.json"), format="json", pool=pool)
    with pytest.raises(UnsupportedModel, match="other data than it was trained on") as caught:
        indb.read(tmp_path / "model.json")
    assert "pool=" in str(caught.value.hint)


def test_a_file_without_categories_is_refused(tmp_path: Path) -> None:
    fitted = with_categories()
    fitted.save_model(str(tmp_path / "model.json"), format="json")
    with pytest.raises(UnsupportedModel, match="keeps hashes only") as caught:
        indb.read(tmp_path / "model.json")
    assert "pool=" in str(caught.value.hint)


def test_classes_that_training_never_saw() -> None:
    fitted = CatBoostClassifier(classes_count=4, **{**SMALL, "logging_level": "Silent", "verbose": None})
    fitted.fit(frames.gaps(), np.arange(frames.N) % 3)
    with pytest.raises(UnsupportedModel, match="4 labels for 3 raw values"):
        indb.readers._read_blocks(fitted, tuple(frames.gaps()), {})


def test_an_unfitted_model() -> None:
    with pytest.raises(UnsupportedModel, match="this CatBoostClassifier is not fitted"):
        indb.read(CatBoostClassifier())


@pytest.mark.parametrize(
    "text",
    ['{"features_info": {}, "model_info": {}}', '{"features_info": {}, "model_info": {}, "oblivious_trees": [1]}'],
)
def test_a_damaged_json_file(text: str, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(text)
    with pytest.raises((ModelFileError, UnsupportedModel)):
        indb.read(tmp_path / "model.json")


def test_a_damaged_cbm_file(tmp_path: Path) -> None:
    (tmp_path / "model.cbm").write_bytes(b"no model")
    with pytest.raises(ModelFileError, match="it is damaged"):
        indb.read(tmp_path / "model.cbm")


def test_every_part_of_a_json_file_may_be_missing(tmp_path: Path) -> None:
    fitted = CatBoostClassifier(**SMALL).fit(frames.gaps(), classes(2))
    fitted.save_model(str(tmp_path / "whole.json"), format="json")
    whole = json.loads((tmp_path / "whole.json").read_text())
    for key in whole:
        (tmp_path / "part.json").write_text(json.dumps({name: whole[name] for name in whole if name != key}))
        with pytest.raises((ModelFileError, UnsupportedModel)):
            indb.read(tmp_path / "part.json")


def test_content_needs_no_library(tmp_path: Path) -> None:
    fitted = CatBoostRegressor(**SMALL).fit(frames.gaps(), frames.signal())
    fitted.save_model(str(tmp_path / "model.json"), format="json")
    assert isinstance(indb.readers.model_files.load(tmp_path / "model.json"), Content)


def test_too_deep_trees_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indb.readers.catboost.trees.MAX_LEAVES", 10)
    fitted = CatBoostRegressor(**SMALL).fit(frames.gaps(), frames.signal())
    with pytest.raises(UnsupportedModel, match="have 56 leaves, at most 10"):
        indb.readers._read_blocks(fitted, tuple(frames.gaps()), {})
