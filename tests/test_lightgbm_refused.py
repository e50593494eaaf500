"""What of LightGBM is refused, by name."""

from __future__ import annotations

from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from test_lightgbm import booster_of, scores
from zoo import frames
from zoo.lightgbm import classifier, fit, regressor

from indb.errors import UnsupportedModel
from indb.readers import read


def test_what_is_not_fitted_is_refused() -> None:
    with pytest.raises(UnsupportedModel, match="this LGBMClassifier is not fitted"):
        read(lgb.LGBMClassifier())


def test_early_stopping_of_predictions_is_refused() -> None:
    model = fit(classifier(pred_early_stop=True), frames.numbers(), frames.TARGETS["ints2"]())
    with pytest.raises(UnsupportedModel, match="pred_early_stop"):
        read(model.set_params(pred_early_stop=True))


def test_an_unknown_objective_is_refused(tmp_path: Path) -> None:
    whole = booster_of("lightgbm_two_classes").model_to_string()
    for objective in ("binary", "binary sigmoid:x", "binary sigmoid:1 beta:2", "cox", "multiclass"):
        (tmp_path / "model.txt").write_text(whole.replace("objective=binary sigmoid:1", f"objective={objective}"))
        with pytest.raises(UnsupportedModel, match="its objective is"):
            read(tmp_path / "model.txt")


def test_a_sigmoid_that_the_text_does_not_keep_is_refused() -> None:
    given = {"objective": "binary", "sigmoid": 1.23456789, "verbose": -1}
    table = lgb.Dataset(frames.numbers(), frames.TARGETS["ints2"]())
    kept = lgb.train(given, table, 2, keep_training_booster=True)
    with pytest.raises(UnsupportedModel, match="sigmoid parameter is 1.23456789"):
        read(kept)
    loaded = lgb.Booster(model_str=kept.model_to_string())
    np.testing.assert_allclose(
        scores(read(loaded), frames.numbers())["predict"][:, 0], loaded.predict(frames.numbers()), rtol=1e-12
    )


def test_pandas_categories_whose_columns_are_not_told_are_refused() -> None:
    frame = frames.categories()[["level", "member", "score"]].assign(
        other=frames.categories()["level"].cat.as_ordered()
    )
    frame["third"] = frame["other"]
    model = fit(regressor(), frame.drop(columns="level"), frames.signal())
    read(model)  # one column of codes 0 to 4 for each list of five
    model = fit(regressor(), frame.drop(columns="level").assign(few=np.arange(120) % 3), frames.signal())
    with pytest.raises(UnsupportedModel, match="which of its columns are the 3 columns of pandas categories"):
        read(model)


def test_categories_of_numbers_that_might_be_another_column_s_are_refused() -> None:
    frame = pd.DataFrame({"a": np.arange(120) % 3, "b": pd.Categorical(np.arange(120) // 3 % 3 * 10, ordered=True)})
    model = fit(regressor(), frame, frames.signal(), categorical_feature=["a"])
    with pytest.raises(UnsupportedModel, match="which of 'a', 'b' is the column of the pandas categories"):
        read(model)


def test_categories_that_no_table_holds_are_refused() -> None:
    for values, why in (([2**60, 2**60 + 1], "too large"), ([1, "one"], "texts and numbers")):
        column = pd.Categorical([values[number % 2] for number in range(120)], categories=values)
        model = fit(regressor(), pd.DataFrame({"a": column, "b": frames.signal()}), frames.signal())
        with pytest.raises(UnsupportedModel, match=why):
            read(model)


def test_too_many_linear_terms_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from indb.readers.lightgbm import linear

    monkeypatch.setattr(linear, "MOST_TERMS", 3)
    with pytest.raises(UnsupportedModel, match="at most 3 are read"):
        read(booster_of("lightgbm_linear"))
