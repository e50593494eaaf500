"""Estimators that are made of estimators, beyond the zoo: ties, sums of members, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import ensemble
from sklearn.compose import TransformedTargetRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, QuantileTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from zoo import ZOO, frames

from indb import build
from indb.errors import UnsupportedModel
from indb.evaluate import Values, decode, evaluate
from indb.ir import Column, Model, Reduce, ReduceOp, Target, TreeEnsemble, walk
from indb.readers import read
from indb.readers.base import Frame, Reading, read_step
from indb.readers.sklearn.decide import holds
from indb.readers.sklearn.members import renumbered, summed

TREE = DecisionTreeClassifier(max_depth=2, random_state=0)


def outputs(estimator: Any, frame: pd.DataFrame) -> dict[str, Values]:
    return evaluate(read(estimator), {name: frame[name].to_numpy() for name in frame.columns})[""]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("share", [1 / 119 * 5, 1 / 119 * 30, 0.5])
def test_rows_with_the_score_of_the_offset_are_inliers_as_in_the_library(seed: int, share: float) -> None:
    frame = frames.integers()[["a", "c", "d"]].astype(float)
    model = ensemble.IsolationForest(n_estimators=5, contamination=share, random_state=seed).fit(frame)
    assert (model.decision_function(frame) == 0.0).any()
    found = outputs(model, frame)
    np.testing.assert_array_equal(decode((-1, 1), found["predict"]), model.predict(frame))
    np.testing.assert_allclose(found["decision_function"][:, 0], model.decision_function(frame), atol=1e-15)


@pytest.mark.parametrize("weights", [[1.0] * 6, [0.5, 0.25, 0.25, 0.5, 1.0, 0.5], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]])
def test_the_weighted_median_of_an_even_number_is_the_lower_one(weights: list[float]) -> None:
    frame = frames.numbers()
    model = ensemble.AdaBoostRegressor(DecisionTreeRegressor(max_depth=2), n_estimators=6, random_state=0)
    model.fit(frame, frames.signal())
    model.estimator_weights_ = np.array(weights)
    np.testing.assert_array_equal(outputs(model, frame)["predict"][:, 0], model.predict(frame))


@pytest.mark.parametrize("name", ["bagging_trees", "ada_trees", "voting_soft_trees", "isolation_features"])
def test_single_trees_become_one_ensemble(name: str) -> None:
    model = read(ZOO[name]()[0])
    trees = [block for block in walk(model.roots()) if isinstance(block, TreeEnsemble) and len(block.roots) > 1]
    assert len(trees) == 1


def test_a_joined_ensemble_gives_what_its_trees_add_up_to() -> None:
    model = read(ZOO["voting_categories"]()[0])  # hist boosting, whose trees hold categories
    several = [block for block in walk(model.roots()) if isinstance(block, TreeEnsemble)]
    assert len({tuple(block.values.shape) for block in several}) == 1
    x, y = Column("x"), Column("y")
    trees = [build.pieces(each, np.array([0.3, 0.6]), np.array([[0.1], [0.2], [rest]])) for each, rest in
             [(x, 0.7), (y, 0.3), (x, 1e17), (y, -1e17)]]  # fmt: skip
    joined = summed(trees)
    assert isinstance(joined, TreeEnsemble)
    assert joined.inputs == (x, y)
    apart = Reduce(ReduceOp.SUM, build.concat(trees))
    rows = {name: np.random.default_rng(seed).random(200) for seed, name in enumerate("xy")}
    rows["x"][:3] = np.nan
    found = evaluate(Model((x, y), (Target("", {"joined": joined, "apart": apart}),)), rows)[""]
    np.testing.assert_array_equal(found["joined"], found["apart"])


def test_a_class_number_is_led_through_a_table_or_kept() -> None:
    x = Column("x")
    assert renumbered(x, np.array([[0.0], [1.0]])) is x
    model = Model((x,), (Target("", {"moved": renumbered(x, np.array([[4.0, 5.0], [6.0, 7.0]]))}),))
    found = evaluate(model, {"x": [1.0, 0.0, None]})[""]["moved"]
    np.testing.assert_array_equal(found, [[6.0, 7.0], [4.0, 5.0], [np.nan, np.nan]])


def unsearched() -> Any:
    search = GridSearchCV(TREE, {"max_depth": [1]}, cv=2, refit=False).fit(frames.numbers(), frames.TARGETS["texts2"]())
    return make_pipeline(StandardScaler().fit(frames.numbers()), search)


def of_classes(estimator: Any, target: str = "texts3") -> Any:
    return estimator.fit(frames.numbers(), frames.TARGETS[target]())


def aged() -> Any:
    model = of_classes(ensemble.AdaBoostClassifier(TREE, n_estimators=2))
    model.algorithm = "SAMME.R"
    return model


def squared(y: Any) -> Any:
    return y * y


_target = TransformedTargetRegressor
_cube = ensemble.VotingClassifier([("a", TREE)], voting="soft", flatten_transform=False)
REFUSED = {
    "a search that kept no estimator": (unsearched, "it has no best_estimator_"),
    "SAMME.R": (aged, "the algorithm SAMME.R of an older release"),
    "a member": (
        lambda: of_classes(ensemble.VotingClassifier([("a", TREE), ("b", GaussianProcessClassifier())])),
        "there is no reader for sklearn.gaussian_process",
    ),
    "a cube": (lambda: of_classes(make_pipeline(_cube, FunctionTransformer())), "three dimensions"),
    "several labels": (
        lambda: of_classes(ensemble.StackingClassifier([("a", TREE)], TREE, cv=2), "several_labels"),
        "several labels in one row",
    ),
    "a function": (
        lambda: of_classes(_target(func=np.sqrt, inverse_func=squared), "positive"),
        "its target is led back by 'squared'",
    ),
    "a normal distribution": (
        lambda: of_classes(
            _target(transformer=QuantileTransformer(n_quantiles=9, output_distribution="normal")), "amount"
        ),
        "to a normal distribution",
    ),
}


@pytest.mark.parametrize(("fitted", "why"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_read_is_named(fitted: Any, why: str) -> None:
    names = tuple(frames.numbers().columns)
    frame, reading = Frame(names, tuple(Column(name) for name in names)), Reading(names)
    model = fitted()
    with pytest.raises(UnsupportedModel, match=why):
        read_step(model, frame, reading)


def test_a_threshold_that_is_reached_is_passed() -> None:
    frame = frames.ties()
    model = FixedThresholdClassifier(TREE, threshold=0.5).fit(frame, frames.TARGETS["ties_bools"]())
    assert (model.predict_proba(frame)[:, 1] == 0.5).any()
    np.testing.assert_array_equal(decode((False, True), outputs(model, frame)["predict"]), model.predict(frame))


@pytest.mark.parametrize("kind", [OneVsRestClassifier, OneVsOneClassifier])
def test_ties_go_to_the_class_that_the_library_takes(kind: Any) -> None:
    frame = pd.DataFrame({"x": np.repeat([0.0, 1.0, 2.0], 40)})
    labels = np.tile(["c", "a", "b", "a", "c"], 24).astype(object)
    model = kind(TREE).fit(frame, labels)
    found = outputs(model, frame)["predict"]
    np.testing.assert_array_equal(decode(("a", "b", "c"), found), model.predict(frame))


def test_a_chain_gives_numbers_as_the_library_does() -> None:
    model = of_classes(ClassifierChain(TREE), "several_labels")
    found = read(model)
    assert [target.labels for target in found.targets] == [(0.0, 1.0)] * 3
    assert model.predict(frames.numbers()).dtype == np.float64


@pytest.mark.parametrize("positive", [None, False])
@pytest.mark.parametrize("row", range(0, 120, 7))
def test_a_threshold_that_is_a_row_s_score_is_reached_by_that_row(row: int, positive: bool | None) -> None:
    boosting, frame = ZOO["hist_two_classes"]()
    threshold = boosting.predict_proba(frame)[row, 1 if positive is None else 0]
    model = FixedThresholdClassifier(FrozenEstimator(boosting), threshold=threshold, pos_label=positive)
    model.fit(frame, frames.TARGETS["bools"]())
    np.testing.assert_array_equal(decode((False, True), outputs(model, frame)["predict"]), model.predict(frame))


def test_what_holds_from_some_number_on_is_a_comparison() -> None:
    x = Column("x")
    borders = [0.0, 5e-324, -1.5, 1e300, -1e-320]
    for border in borders:
        found = holds(x, lambda values, border=border: values >= border)
        rows = [border, np.nextafter(border, -np.inf), np.nextafter(border, np.inf), None]
        values = evaluate(Model((x,), (Target("", {"held": found}),)), {"x": rows})[""]["held"][:, 0]
        np.testing.assert_array_equal(values, [1.0, 0.0, 1.0, np.nan])
    for always in (True, False):
        found = holds(x, lambda values, always=always: np.full(len(values), always))
        values = evaluate(Model((x,), (Target("", {"held": found}),)), {"x": [-1e308, 0.0, 1e308]})[""]["held"][:, 0]
        np.testing.assert_array_equal(values, [float(always)] * 3)
