"""XGBoost: what is refused, files, the last bit of sums and of labels, and deployments that prove themselves."""

from __future__ import annotations

import builtins
import copy
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost
from xgboost import XGBClassifier, XGBRegressor
from zoo import ZOO, frames
from zoo.xgboost import NAMES, categorical, places

import indb
from indb import build, codec
from indb.errors import ModelFileError, UnsupportedModel, VerifyError
from indb.evaluate import evaluate
from indb.ir import Column, Model, Target, TreeEnsemble, walk
from indb.readers import read
from indb.readers.base import Content
from indb.readers.xgboost import links
from indb.readers.xgboost.saved import data_of

SMALL: dict[str, Any] = {"n_estimators": 5, "max_depth": 3, "n_jobs": 1}
F32 = np.float32


def fitted(estimator: Any, label: Any = None, frame: pd.DataFrame | None = None) -> Any:
    frame = frames.gaps() if frame is None else frame
    return estimator.fit(frame, frames.TARGETS["codes2"]() if label is None else label)


def outputs(model: Model, frame: pd.DataFrame) -> dict[str, np.ndarray]:
    return evaluate(model, {column.name: frame[column.name].tolist() for column in model.columns})[""]


def german() -> Any:
    frame = frames.mixed()[["city"]].astype("category")
    return XGBRegressor(**SMALL, enable_categorical=True).fit(frame, frames.signal())


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "unfitted": (lambda: XGBClassifier(), "is not fitted"),
    "one class": (lambda: fitted(XGBClassifier(**SMALL), np.zeros(frames.N, dtype=int)), "one class only"),
    "two of softprob": (
        lambda: fitted(XGBClassifier(**SMALL, objective="multi:softprob", num_class=2)),
        "two flags for a row",
    ),
    "classes by a regressor": (
        lambda: fitted(XGBRegressor(**SMALL, objective="multi:softprob", num_class=2)),
        "Use XGBClassifier",
    ),
    "not ASCII": (german, "are not all ASCII"),
    "a category that is missing": (
        lambda: XGBRegressor(**SMALL, enable_categorical=True, missing=2.0).fit(categorical(places()), frames.signal()),
        "is the code of a category",
    ),
    "a subclass": (lambda: fitted(type("Mine", (XGBClassifier,), {"__module__": "xgboost.mine"})(**SMALL)), "Mine"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_named(name: str) -> None:
    make, why = REFUSED[name]
    with pytest.raises(UnsupportedModel, match=why):
        read(make())


def damaged(change: Callable[[dict[str, Any]], Any]) -> Content:
    """A model with three classes as data, with a change to its learner."""
    estimator, _ = ZOO["xgb_three_classes"]()
    data = copy.deepcopy(dict(data_of(estimator)))
    change(data["learner"])
    return Content("xgboost", "Booster", xgboost.__version__, data)


def tree(learner: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = learner["gradient_booster"]["model"]["trees"][0]
    return found


def put(learner: dict[str, Any], field: str, value: Any, place: int = 0) -> None:
    tree(learner)[field][place] = value


DAMAGED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "unknown objective": lambda learner: learner["objective"].update(name="reg:mine"),
    "unknown booster": lambda learner: learner["gradient_booster"].update(name="mine"),
    "no trees": lambda learner: learner["gradient_booster"]["model"].pop("trees"),
    "trees of text": lambda learner: learner["gradient_booster"]["model"].update(trees="abc"),
    "circle": lambda learner: put(learner, "left_children", 0),
    "two parents": lambda learner: put(learner, "left_children", tree(learner)["right_children"][0]),
    "child outside": lambda learner: put(learner, "right_children", 10**6),
    "child before": lambda learner: put(learner, "right_children", -5),
    "feature outside": lambda learner: put(learner, "split_indices", 99),
    "feature below": lambda learner: put(learner, "split_indices", -3),
    "threshold": lambda learner: put(learner, "split_conditions", float("nan")),
    "infinite threshold": lambda learner: put(learner, "split_conditions", float("inf")),
    "leaf": lambda learner: put(learner, "split_conditions", 3e38, -1),
    "leaf of text": lambda learner: put(learner, "split_conditions", "x", -1),
    "short": lambda learner: tree(learner).update(default_left=[]),
    "kind of split": lambda learner: put(learner, "split_type", 1),
    "another kind of split": lambda learner: put(learner, "split_type", 7),
    "group": lambda learner: learner["gradient_booster"]["model"].update(tree_info=[9] * 21),
    "groups": lambda learner: learner["gradient_booster"]["model"].update(tree_info=[0]),
    "base score": lambda learner: learner["learner_model_param"].update(base_score="[1,2]"),
    "base score of text": lambda learner: learner["learner_model_param"].update(base_score="x"),
    "classes": lambda learner: learner["learner_model_param"].update(num_class="1"),
    "vectors": lambda learner: tree(learner)["tree_param"].update(size_leaf_vector="3"),
    "no learner": lambda learner: learner.clear(),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_data_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(UnsupportedModel):
        read(damaged(DAMAGED[name]))


def test_data_without_damage_is_read() -> None:
    assert read(damaged(lambda learner: None)).targets[0].labels == (0, 1, 2)


IDENTITY = [
    name
    for name in NAMES
    if name.removeprefix("xgb_").startswith(
        ("squarederror", "quantile", "two_amounts", "vector_leaves", "dart", "linear", "forest", "base_scores", "exact",
         "approx", "pruned", "many", "large", "stopped", "rank", "array", "categories_one", "booster_dart",
         "booster_linear", "booster_squared", "minus", "zero", "one_hot", "sparse", "ordinal", "codes")
    )
]  # fmt: skip
"""Cases whose output is the sum itself, or of which many are."""


@pytest.mark.parametrize("name", sorted(IDENTITY))
def test_sums_have_the_bits_of_the_library(name: str) -> None:
    from zoo import OUTPUTS

    estimator, frame = ZOO[name]()
    model = read(estimator)
    if model.targets[0].labels is not None:
        return
    given: Any = frame.to_numpy() if name == "xgb_array" else frame
    theirs = OUTPUTS[name](estimator, given)["predict"] if name in OUTPUTS else estimator.predict(given)
    columns = {column.name: frame[column.name].tolist() for column in model.columns}
    ours = evaluate(model, columns)
    found = np.concatenate([ours[target.name]["predict"] for target in model.targets], axis=1)
    np.testing.assert_array_equal(found, np.asarray(theirs, dtype=float).reshape(found.shape))


def untrained(objective: str, margins: np.ndarray, **options: Any) -> np.ndarray:
    """What XGBoost makes of margins."""
    data = xgboost.DMatrix(np.zeros((len(margins), 1)), base_margin=margins)
    found: np.ndarray = xgboost.Booster({"objective": objective, "nthread": 1, **options}, [data]).predict(data)
    return found


def around(value: float, count: int = 2000) -> np.ndarray:
    """The float32 numbers around one."""
    bits = np.array(value, dtype=F32).view(np.int32) + np.arange(-count, count, dtype=np.int32)
    return bits.view(F32)


def test_the_border_of_two_classes_is_the_library_s() -> None:
    margins = np.concatenate([around(links.border(), 200_000), around(2.0**-24), around(-(2.0**-24)), [F32(0.0)]])
    wanted = untrained("binary:logistic", margins) > 0.5
    margin = Column("m")
    model = Model((margin,), (Target("", {"transform": links.is_likely(margin)}),))
    found = evaluate(model, {"m": margins.astype(float)})[""]["transform"][:, 0] == 1.0
    np.testing.assert_array_equal(found, wanted)
    assert 0.0 < links.border() < 1e-7
    assert (found != (margins > 0.0)).any()


def test_classes_that_share_the_largest_probability_are_decided_as_by_the_library() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=(40_000, 1)).astype(F32) * rng.choice([0.1, 0.4, 0.7, 3.0], (40_000, 1)).astype(F32)
    margins = np.repeat(base, 4, axis=1).view(np.int32) + rng.integers(-3, 4, (40_000, 4), dtype=np.int32)
    margins = margins.view(F32)
    margins[:, 3] -= rng.choice([0.0, 1.0, 5.0], 40_000).astype(F32)
    wanted = untrained("multi:softprob", margins, num_class=4)
    lanes = tuple(Column(f"m{number}") for number in range(4))
    probabilities = links.softmax(build.concat(list(lanes)))
    outputs = {"a": build.argmax(probabilities), "p": probabilities, "m": build.argmax(build.concat(list(lanes)))}
    model = Model(lanes, (Target("", outputs),))
    found = evaluate(model, {f"m{number}": margins[:, number].astype(float) for number in range(4)})[""]
    np.testing.assert_array_equal(found["a"][:, 0], wanted.argmax(axis=1))
    np.testing.assert_allclose(found["p"], wanted, rtol=2e-7)
    assert (found["m"] != found["a"]).any(), "the largest margin is not always the first largest probability"


@pytest.mark.parametrize("suffix", ["json", "ubj"])
@pytest.mark.parametrize("name", ["xgb_three_classes", "xgb_dart", "xgb_stopped", "xgb_rank_ndcg", "xgb_linear"])
def test_a_file_is_read_as_what_wrote_it(tmp_path: Any, name: str, suffix: str) -> None:
    estimator, frame = ZOO[name]()
    estimator.save_model(tmp_path / f"m.{suffix}")
    model, at_hand = read(tmp_path / f"m.{suffix}"), read(estimator)
    for output, values in outputs(at_hand, frame).items():
        np.testing.assert_array_equal(outputs(model, frame)[output], values)
    assert model.source["library"] == "XGBoost"
    assert model.origin is None
    booster = estimator.get_booster()
    booster.save_model(tmp_path / f"b.{suffix}")
    assert codec.digest(read(tmp_path / f"b.{suffix}")) == codec.digest(read(booster))


def test_names_of_columns(tmp_path: Any) -> None:
    estimator, _ = ZOO["xgb_array"]()
    estimator.save_model(tmp_path / "m.ubj")
    assert [column.name for column in read(tmp_path / "m.ubj").columns] == ["x0", "x1", "x2", "x3"]
    assert [column.name for column in read(estimator, columns=list("abcd")).columns] == list("abcd")
    with pytest.raises(UnsupportedModel, match="columns= holds 1 names"):
        read(tmp_path / "m.ubj", columns=["a"])
    (tmp_path / "m.ubj").write_bytes((tmp_path / "m.ubj").read_bytes()[:-20])
    with pytest.raises(ModelFileError, match="damaged"):
        read(tmp_path / "m.ubj")


def test_a_file_is_read_without_the_library(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    estimator, frame = ZOO["xgb_two_classes"]()
    estimator.save_model(tmp_path / "m.json")
    wanted, imported = outputs(read(estimator), frame), builtins.__import__

    def without(name: str, *args: Any, **others: Any) -> Any:
        if name == "xgboost":
            raise ImportError(name)
        return imported(name, *args, **others)

    monkeypatch.setattr(builtins, "__import__", without)
    found = outputs(read(tmp_path / "m.json"), frame)
    monkeypatch.undo()
    np.testing.assert_array_equal(found["predict"], wanted["predict"])
    np.testing.assert_allclose(found["predict_proba"], wanted["predict_proba"], rtol=1e-6)


def test_models_of_older_versions_give_one_base_score() -> None:
    content = damaged(lambda learner: learner["learner_model_param"].update(base_score="5E-1"))
    forest = next(block for block in walk(read(content).roots()) if isinstance(block, TreeEnsemble))
    assert forest.base.tolist() == [0.5]


def test_an_estimator_stops_at_the_best_round_and_a_booster_does_not() -> None:
    estimator, frame = ZOO["xgb_stopped"]()
    assert estimator.best_iteration + 1 < estimator.get_booster().num_boosted_rounds()
    data = xgboost.DMatrix(frame)
    for model, wanted in ((estimator, estimator.predict(frame)), (estimator.get_booster(), None)):
        theirs = estimator.get_booster().predict(data) if wanted is None else wanted
        np.testing.assert_array_equal(outputs(read(model), frame)["predict"][:, 0], theirs.astype(float))


def test_infinity_may_stand_for_a_missing_value() -> None:
    frame = frames.gaps().fillna(np.inf)
    estimator = XGBRegressor(**SMALL, missing=np.inf).fit(frame, frames.signal())
    model = read(estimator)
    rows = pd.concat([frame, frame.head(4).assign(age=[np.nan, 1e39, -np.inf, 3.5e38])], ignore_index=True)
    np.testing.assert_array_equal(outputs(model, rows)["predict"][:, 0], estimator.predict(rows).astype(float))


def test_a_booster_gives_nothing_where_a_matrix_takes_no_infinity() -> None:
    estimator, frame = ZOO["xgb_two_classes"]()
    rows = frame.head(3).assign(age=[np.inf, 1e39, 1e38])
    found = outputs(read(estimator.get_booster()), rows)["predict"][:, 0]
    assert np.isnan(found).tolist() == [True, True, False]
    assert not np.isnan(outputs(read(estimator), rows)["predict"]).any()


PROVED = ("xgb_two_classes", "xgb_three_classes", "xgb_categories_classes", "xgb_gamma", "xgb_booster_two_classes",
          "xgb_booster_softmax", "xgb_booster_squarederror", "xgb_pipeline", "xgb_array")  # fmt: skip


@pytest.mark.parametrize("name", [name for name in PROVED if name in ZOO])
def test_a_deployment_proves_itself_with_the_library(name: str, duckdb_connection: Any) -> None:
    estimator, frame = ZOO[name]()
    model = read(estimator)
    frame = frame.astype(dict.fromkeys(frame.select_dtypes("integer"), float))
    duckdb_connection.register("frame", frame)
    duckdb_connection.execute("CREATE TABLE t AS SELECT * FROM frame")
    with indb.connect(duckdb_connection) as database:
        proof = indb.golden_rows(estimator, frame, model)
        given = [row for row in proof.outputs["predict"][0] if row is not None]
        assert len(given) > len(frame), "rows were added, and the library says something of them"
        database.deploy("m", model, "t", proof=proof)
        assert database.verify("m").ok
        assert database.verify("m", model_object=estimator).ok


def test_a_proof_finds_a_wrong_sum(duckdb_connection: Any) -> None:
    estimator, frame = ZOO["xgb_squarederror"]()
    data = copy.deepcopy(dict(data_of(estimator)))
    leaves = data["learner"]["gradient_booster"]["model"]["trees"][3]
    leaves["split_conditions"] = [value + 1e-3 for value in leaves["split_conditions"]]
    wrong = read(Content("xgboost", "XGBRegressor", xgboost.__version__, json.loads(json.dumps(data))))
    duckdb_connection.register("frame", frame)
    duckdb_connection.execute("CREATE TABLE t AS SELECT * FROM frame")
    found = pytest.raises(VerifyError, match="does not give what the library gives")
    with indb.connect(duckdb_connection) as database, found:
        database.deploy("m", wrong, "t", proof=indb.golden_rows(estimator, frame))
