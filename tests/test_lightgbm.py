"""LightGBM beyond the zoo: files and damaged ones, names of columns, borders of labels, and what is refused."""

from __future__ import annotations

import contextlib
import json
import warnings
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline
from zoo import ZOO, frames
from zoo.lightgbm import CODES, SMALL, as_categories, classifier, coded, fit, regressor

from indb.errors import ModelFileError, UnsupportedModel
from indb.evaluate import Values, decode, evaluate
from indb.ir import Model, TreeEnsemble, Type, walk
from indb.readers import read
from indb.readers.lightgbm import dumped, text
from indb.readers.lightgbm.forest import Damaged
from indb.verify import golden_rows

FILED = ("lightgbm_three_classes", "lightgbm_categories", "lightgbm_codes", "lightgbm_linear", "lightgbm_rf_classes",
         "lightgbm_zero_as_missing", "lightgbm_one_leaf", "lightgbm_sqrt", "lightgbm_array")  # fmt: skip


def scores(model: Model, frame: pd.DataFrame) -> dict[str, Values]:
    return evaluate(model, {name: frame[name].tolist() for name in frame.columns})[""]


def booster_of(name: str) -> Any:
    model, _ = ZOO[name]()
    return model.booster_


def filed(booster: Any, path: Path) -> Path:
    """The model as a file of its ending."""
    if path.suffix == ".txt":
        booster.save_model(path)
    else:
        path.write_text(json.dumps(booster.dump_model()))
    return path


# Files ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".txt", ".json"])
@pytest.mark.parametrize("name", FILED)
def test_a_file_gives_what_its_booster_does(tmp_path: Path, name: str, suffix: str) -> None:
    booster = booster_of(name)
    frame = ZOO[name]()[1]
    model = read(filed(booster, tmp_path / f"model{suffix}"))
    assert model.source["library"] == "LightGBM"
    assert model.origin is None
    wanted = np.asarray(booster.predict(as_categories(frame)), dtype=float).reshape(len(frame), -1)
    found = scores(model, frame)
    np.testing.assert_allclose(found["predict_proba" if wanted.shape[1] > 1 else "predict"], wanted, rtol=1e-12)


def test_a_file_holds_the_trees_up_to_the_best_iteration(tmp_path: Path) -> None:
    booster, frame = ZOO["lightgbm_booster_best"]()
    assert booster.best_iteration == 4
    assert booster.num_trees() == 6
    for path in (tmp_path / "best.txt", tmp_path / "best.json"):
        np.testing.assert_array_equal(
            scores(read(filed(booster, path)), frame)["predict"][:, 0], booster.predict(frame)
        )
    booster.save_model(tmp_path / "all.txt", num_iteration=-1)
    whole = scores(read(tmp_path / "all.txt"), frame)["predict"][:, 0]
    np.testing.assert_array_equal(whole, booster.predict(frame, num_iteration=-1))
    booster.save_model(tmp_path / "later.txt", start_iteration=2, num_iteration=2)
    later = scores(read(tmp_path / "later.txt"), frame)["predict"][:, 0]
    np.testing.assert_allclose(later, booster.predict(frame, start_iteration=2, num_iteration=2), rtol=1e-14)


def test_a_file_with_other_line_ends_is_read(tmp_path: Path) -> None:
    booster = booster_of("lightgbm_three_classes")
    path = tmp_path / "windows.txt"
    path.write_bytes(booster.model_to_string().replace("\n", "\r\n").encode())
    assert str(read(path)).splitlines()[1:] == str(read(booster)).splitlines()[1:]


TEXT = "lightgbm_codes"
DAMAGED = [
    ("another format", lambda s: "booster" + s, "begins with 'boostertree'"),
    ("cut off", lambda s: s[: len(s) // 3], "ends before its last tree"),
    ("cut off in parameters", lambda s: s[: s.index("[seed:")], "ends inside its parameters"),
    ("no version", lambda s: s.replace("version=v4\n", ""), "version is None"),
    ("a new version", lambda s: s.replace("version=v4", "version=v9"), "version is 'v9'"),
    ("a tree lost", lambda s: s[: s.index("Tree=5")] + s[s.index("end of trees") :], "has 5 trees, needed 6"),
    ("trees out of order", lambda s: s.replace("Tree=1", "Tree=3", 1), "has 'Tree=3' where tree 1 is due"),
    ("a value lost", lambda s: _changed(s, "leaf_value", lambda v: v[1:]), "its leaf_value holds 5 values, needed 6"),
    ("a word", lambda s: _changed(s, "leaf_value", lambda v: ["one", *v[1:]]), "something else than numbers"),
    ("not finite", lambda s: _changed(s, "leaf_value", lambda v: ["inf", *v[1:]]), "no number"),
    ("NaN", lambda s: _changed(s, "leaf_value", lambda v: ["nan", *v[1:]]), "no number"),
    ("a feature beyond", lambda s: _changed(s, "split_feature", lambda v: ["9", *v[1:]]), "splits on feature 9 of 3"),
    ("a circle", lambda s: _changed(s, "left_child", lambda v: ["0", *v[1:]]), "do not form a tree"),
    ("a huge child", lambda s: _changed(s, "left_child", lambda v: ["99999999999", *v[1:]]), "too large"),
    ("huge trees", lambda s: s.replace("num_leaves=6", "num_leaves=999999999"), "needed 999999999"),
    ("no leaves", lambda s: s.replace("num_leaves=6", "num_leaves=0"), "needed 0"),
    ("kind of split", lambda s: _changed(s, "decision_type", lambda v: ["77", *v[1:]]), "decision_type 77"),
    ("kind of missing", lambda s: _changed(s, "decision_type", lambda v: ["12", *v[1:]]), "unknown kind of missing"),
    ("a set beyond", lambda s: _changed(s, "num_cat", lambda v: ["0"]), "uses the set of categories"),
    ("sets", lambda s: _changed(s, "cat_boundaries", lambda v: [*v[:-1], "1"]), "cat_threshold holds"),
    ("names lost", lambda s: s.replace("feature_names=code whole", "feature_names=code"), "2 feature names, needed 3"),
    ("a line twice", lambda s: s.replace("label_index=0", "label_index=0\nlabel_index=0"), "two lines 'label_index'"),
    ("no infos", lambda s: s.replace("feature_infos=", "infos="), "has no feature_infos"),
    ("pandas", lambda s: s.replace("pandas_categorical:[]", "pandas_categorical:[{]"), "is no JSON"),
    ("pandas of another kind", lambda s: s.replace("pandas_categorical:[]", 'pandas_categorical:"x"'), "list of lists"),
    ("iterations", lambda s: s.replace("num_tree_per_iteration=1", "num_tree_per_iteration=4"), "make an iteration"),
]  # fmt: skip


def _changed(text: str, name: str, change: Any) -> str:
    """The text with other values in the first field of a name."""
    start = text.index(f"\n{name}=") + len(name) + 2
    stop = text.index("\n", start)
    return text[:start] + " ".join(change(text[start:stop].split())) + text[stop:]


@pytest.mark.parametrize(("damage", "why"), [row[1:] for row in DAMAGED], ids=[row[0] for row in DAMAGED])
def test_a_damaged_text_is_refused(tmp_path: Path, damage: Any, why: str) -> None:
    whole = booster_of(TEXT).model_to_string()
    broken = damage(whole)
    assert broken != whole
    (tmp_path / "model.txt").write_text(broken)
    with pytest.raises(ModelFileError, match="is damaged, or not what its ending says") as caught:
        read(tmp_path / "model.txt")
    assert why in str(caught.value)


def test_a_text_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.txt").write_bytes(b"tree\n\xff\xfe")
    with pytest.raises(ModelFileError, match="is damaged"):
        read(tmp_path / "model.txt")


@pytest.mark.parametrize("name", [TEXT, "lightgbm_linear", "lightgbm_categories"])
def test_no_change_of_a_text_goes_unnoticed_as_an_error_of_another_kind(name: str) -> None:
    whole = booster_of(name).model_to_string()
    rng = np.random.default_rng(0)
    for _ in range(150):
        place = int(rng.integers(0, whole.index("feature_importances")))
        letter = rng.choice(list("0123456789-=. \nx"))
        broken = whole[:place] + (letter if rng.random() < 0.7 else "") + whole[place + 1 :]
        with contextlib.suppress(Damaged):
            text.parse(broken)


@pytest.mark.parametrize("name", [TEXT, "lightgbm_linear"])
def test_damaged_json_is_refused(name: str) -> None:
    whole = json.dumps(booster_of(name).dump_model())
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(150):
        data = json.loads(whole)
        part: Any = data
        while isinstance(part, dict | list) and part:
            keys = list(part) if isinstance(part, dict) else list(range(len(part)))
            key = keys[int(rng.integers(len(keys)))]
            if rng.random() < 0.2 or not isinstance(part[key], dict | list) or not part[key]:
                part[key] = (None, "x", -5, 10**20, [], {}, True)[int(rng.integers(7))]
                break
            part = part[key]
        try:
            dumped.parse(data)
        except Damaged:
            refused += 1
    assert refused > 20


def test_json_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text('{"tree_info": [], "feature_names": ["a"], "max_feature_idx": 0}')
    with pytest.raises(ModelFileError, match="has no 'version'"):
        read(tmp_path / "model.json")


# Names ---------------------------------------------------------------------------------------------------------------


def test_spaces_in_names_come_back_with_columns() -> None:
    frame = frames.numbers().set_axis(["my age", "in_come", "naïve ☃", "it's"], axis=1)
    model = fit(regressor(), frame, frames.signal())
    assert [column.name for column in read(model).columns] == ["my_age", "in_come", "naïve_☃", "it's"]
    named = read(model, columns=list(frame.columns))
    assert [column.name for column in named.columns] == list(frame.columns)
    np.testing.assert_array_equal(scores(named, frame)["predict"][:, 0], model.predict(frame))
    pipeline = Pipeline([("model", model)])
    assert [column.name for column in read(pipeline, columns=list(frame.columns)).columns] == list(frame.columns)
    with pytest.raises(UnsupportedModel, match="it was fitted with"):
        read(model, columns=["my age", "income", "naïve ☃", "it's"])


def test_columns_of_an_array() -> None:
    values = frames.numbers().to_numpy()
    booster = lgb.train({"verbose": -1}, lgb.Dataset(values, frames.signal()), 2)
    for model in (booster, fit(regressor(), values, frames.signal())):
        assert [column.name for column in read(model).columns] == ["x0", "x1", "x2", "x3"]
        assert [column.name for column in read(model, columns=list("abcd")).columns] == list("abcd")


# Labels and borders --------------------------------------------------------------------------------------------------


def test_a_binary_label_turns_where_the_library_s_does() -> None:
    frame = frames.numbers()
    model = fit(classifier(n_estimators=1), frame, frames.TARGETS["texts2"]())
    row = frame.iloc[:1]
    leaf = int(model.predict(row, pred_leaf=True)[0][0])
    border = 1.5 * 2.0**-53
    for value in (0.0, -1e-300, border / 2, *(np.nextafter(border, side) for side in (0.0, 1.0)), border, 2 * border):
        model.booster_.set_leaf_output(0, leaf, value)
        found = read(model)
        assert decode(found.targets[0].labels or (), scores(found, row)["predict"]) == model.predict(row).tolist()


def test_labels_of_a_softmax_that_ties() -> None:
    """Shares that rounding makes equal go to the first class, though its score is smaller."""
    booster, frame = ZOO["lightgbm_booster_classes"]()
    booster = lgb.Booster(model_str=booster.model_to_string(num_iteration=1))
    row = frame.iloc[:1]
    leaves = booster.predict(row, pred_leaf=True)[0]
    unit = 2.0**-53
    rng = np.random.default_rng(2)
    for _ in range(60):
        for tree, leaf in enumerate(leaves):
            booster.set_leaf_output(tree, int(leaf), 0.7 + int(rng.integers(-3, 4)) * unit)
        assert scores(read(booster), row)["predict"][0, 0] == np.argmax(booster.predict(row)[0])


def test_a_classifier_of_one_class() -> None:
    frame = frames.numbers()
    model = fit(classifier(), frame, np.array(["only"] * len(frame), dtype=object))
    found = read(model)
    assert decode(found.targets[0].labels or (), scores(found, frame)["predict"]) == ["only"] * len(frame)
    assert "predict_proba" not in found.targets[0].outputs


def test_negative_and_broken_codes_go_where_the_library_sends_them() -> None:
    model, _ = ZOO["lightgbm_codes"]()
    codes = [
        -0.5,
        -1.0,
        -0.999999,
        0.5,
        1.9999,
        7.5,
        64.99,
        65.01,
        1e10,
        -1e10,
        2.0**31,
        2.0**32 + 1,
        np.inf,
        -np.inf,
        np.nan,
    ]
    rows = pd.DataFrame({"code": codes, "whole": 2.0, "age": 40.0})
    np.testing.assert_array_equal(scores(read(model), rows)["predict"][:, 0], model.predict(rows))


def test_every_set_of_categories_is_of_the_table_s_values() -> None:
    model, _ = ZOO["lightgbm_categories"]()
    found = read(model)
    assert {column.name: column.kind for column in found.columns}["city"] is Type.TEXT
    ensemble = next(block for block in walk(found.roots()) if isinstance(block, TreeEnsemble))
    assert {"Paris", "Rome"} & {key for keys in ensemble.category_sets for key in keys}


# Objectives of the user ----------------------------------------------------------------------------------------------


def squares(y: Any, found: Any) -> tuple[Any, Any]:
    """Gradients of the squared error."""
    return found - y, np.ones_like(found)


def test_an_objective_of_the_user_s_gives_raw_scores() -> None:
    frame = frames.gaps()
    for model, y in (
        (regressor(objective=squares), frames.signal()),
        (classifier(objective=squares), frames.TARGETS["ints2"]()),
    ):
        fit(model, frame, y)
        found = read(model)
        assert list(found.targets[0].outputs) == ["predict"]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Cannot compute class probabilities", UserWarning)
            np.testing.assert_array_equal(scores(found, frame)["predict"][:, 0], model.predict(frame))


def test_several_raw_scores_are_refused() -> None:
    def one_for_all(y: Any, found: Any) -> tuple[Any, Any]:
        return found - np.eye(3)[y.astype(int)], np.ones_like(found)

    model = fit(classifier(objective=one_for_all), frames.numbers(), frames.TARGETS["texts3"]())
    with pytest.raises(UnsupportedModel, match="predict gives 3 raw scores"):
        read(model.booster_)


def test_a_search_over_settings_is_read() -> None:
    from sklearn.model_selection import GridSearchCV

    search = GridSearchCV(lgb.LGBMRegressor(**SMALL), {"num_leaves": [3, 5]}, cv=2)
    frame = coded()[["whole", "age"]]
    fit(search, frame, frames.signal())
    np.testing.assert_array_equal(scores(read(search), frame)["predict"][:, 0], search.predict(frame))


# Golden rows ---------------------------------------------------------------------------------------------------------


def test_awkward_rows_keep_categories_and_booleans_as_lightgbm_takes_them() -> None:
    frame = frames.categories().drop(columns="member").assign(flag=np.arange(120) % 3 == 0)
    y = frames.signal() + 9.0 * frame["city"].isin(["Rome", "Oslo"]) + 9.0 * frame["flag"] > 15.0
    model = fit(classifier(**CODES), frame, y)
    found = read(model)
    proof = golden_rows(model, frame[:20], found, budget=80)
    assert len(proof) > 80
    assert None not in proof.outputs["predict"][0]
    assert set(proof.columns["city"][20:]) - set(frame["city"].cat.categories)
    assert None in proof.columns["flag"]
    values = evaluate(found, proof.columns)[""]
    labels = decode(found.targets[0].labels or (), values["predict"])
    assert labels == list(proof.outputs["predict"][0])
    np.testing.assert_array_equal(values["decision_function"], proof.outputs["decision_function"][0])
