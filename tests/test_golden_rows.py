"""Adversarial golden rows: what they hold, the budget, and that libraries agree with `evaluate` on them."""

from __future__ import annotations

import itertools
import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from zoo import ZOO
from zoo.foreign import FOREIGN

import indb
from indb import build
from indb.engines.deployment import BoundColumn
from indb.errors import BindError, VerifyError
from indb.evaluate import decode, evaluate
from indb.golden import awkward_rows
from indb.golden.ways import spread
from indb.ir import Apply, Block, Column, Lookup, Model, Op, Target, TreeEnsemble, Type, rewrite, walk
from indb.passes import optimise
from indb.readers import read

SMALL_TREES = (
    *("tree_three_classes", "tree_gaps", "tree_ties", "tree_integers", "scale_StandardScaler_tree", "hist_regressor"),
    *("boosting_two_classes", "one_hot_tree", "ordinal_hist", "scale_clipped_forest"),
)
VARIED = (
    *(
        "tree_three_classes",
        "forest_gaps",
        "linear_integers",
        "logistic_texts3",
        "everything_boosting",
        "one_hot_error",
    ),
    *("hist_dtype_categories", "function_log1p", "one_hot_odd", "scale_only", "linear_two_targets", "array_tree"),
)


def bound(model: Model) -> list[BoundColumn]:
    """The columns that a model reads, of types that hold every value."""
    columns = [block for block in walk(model.roots()) if isinstance(block, Column)]
    kinds = {Type.TEXT: ("text", "text"), Type.NUMBER: ("double precision", "float64")}
    return [BoundColumn(each.name, each.name, *kinds[each.kind]) for each in columns]


def outputs(model: Model, rows: list[dict[str, Any]]) -> list[Any]:
    """Every output of the rows."""
    values = {column.name: [row.get(column.name) for row in rows] for column in model.columns}
    found = evaluate(model, values)
    return [values for target in found.values() for values in target.values()]


def keys(rows: list[dict[str, Any]]) -> list[str]:
    return [repr(row) for row in rows]


def trees(model: Model) -> list[TreeEnsemble]:
    return [block for block in walk(model.roots()) if isinstance(block, TreeEnsemble)]


# What the rows hold --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL_TREES)
def test_every_threshold_and_key_of_small_trees_occurs(name):
    model = read(ZOO[name]()[0])
    rows = awkward_rows(model, bound(model), 3000)
    seen = {each: {row[each] for row in rows} for each in rows[0]}
    checked = 0
    for block in trees(optimise(model)):
        for node in np.flatnonzero(block.feature >= 0).tolist():
            lane = block.inputs[block.feature[node]]
            if not isinstance(lane, Column):
                continue
            threshold, number = float(block.threshold[node]), int(block.category_set[node])
            wanted = {threshold, math.nextafter(threshold, math.inf), math.nextafter(threshold, -math.inf)}
            wanted = wanted if number < 0 else set(block.category_sets[number])
            assert wanted <= seen[lane.name] or not math.isfinite(threshold)
            checked += 1
    assert checked
    assert all(None in values for values in seen.values())


@pytest.mark.parametrize("name", ["one_hot_error", "impute_text_constant", "everything_logistic", "one_hot_odd"])
def test_every_key_of_a_lookup_occurs_and_texts_that_no_lookup_knows(name):
    model = read(ZOO[name]()[0])
    rows = awkward_rows(model, bound(model), 1000)
    for block in walk(optimise(model).roots()):
        if isinstance(block, Lookup) and isinstance(block.x, Column):
            values = [row[block.x.name] for row in rows]
            assert set(block.keys) <= set(values)
            assert None in values
            assert set(values) - {None, *block.keys}
            if block.x.kind is Type.TEXT:
                assert {"", "it's", "naïve ☃ 𝄞"} <= set(values)


def test_awkward_numbers_occur_in_every_column():
    model = read(ZOO["hist_regressor"]()[0])
    rows = awkward_rows(model, bound(model), 500)
    for name in rows[0]:
        values = {repr(row[name]) for row in rows}
        wanted = (None, math.inf, -math.inf, 1.7e308, -1.7e308, 5e-324, 0.0, -0.0, float(np.finfo(np.float32).max))
        assert set(map(repr, wanted)) <= values


@pytest.mark.parametrize(("name", "share"), [("tree_three_classes", 0.9), ("hist_three_classes", 0.9)])
def test_rows_come_to_the_splits_whose_thresholds_they_hold(name, share):
    """A threshold that is off by one bit is noticed."""
    model = optimise(read(ZOO[name]()[0]))
    rows = awkward_rows(model, bound(model), 200)
    before = outputs(model, rows)
    noticed = []
    for block in trees(model):
        for node in np.flatnonzero(block.feature >= 0):
            threshold = block.threshold.copy()
            threshold[node] = np.nextafter(threshold[node], np.inf)
            other = replace(block, threshold=threshold)

            def rule(each: Block, block: Block = block, other: Block = other) -> Block:
                return other if each is block else each

            after = outputs(rewrite(model, rule), rows)
            pairs = zip(before, after, strict=True)
            noticed.append(not all(np.array_equal(one, two, equal_nan=True) for one, two in pairs))
    assert len(noticed) > 20
    assert np.mean(noticed) >= share


def test_borders_of_computed_lanes_are_led_back_to_the_column():
    x = Column("x")
    root = Apply(Op.LE, (Apply(Op.SQRT, (x,)), build.number(1.5)))
    log = Apply(Op.LE, (Apply(Op.LN, (x,)), build.number(1.5)))
    values = {}
    for name, block in (("root", root), ("log", log)):
        model = Model((x,), (Target("", {"transform": block}),))
        values[name] = {row["x"] for row in awkward_rows(model, bound(model))} - {None}
    assert {2.25, math.nextafter(2.25, 3.0)} <= values["root"]
    border = math.exp(1.5)  # where libraries differ in the last bit, which no row may depend on
    near = [value for value in values["log"] if math.isclose(value, border, rel_tol=1e-8)]
    assert min(near) < border < max(near)
    assert all(abs(value - border) > 1e-10 for value in near)


def test_a_row_on_which_the_order_of_adding_decides_is_left_out():
    columns = tuple(Column(name) for name in "abc")
    total = build.linear(build.concat(columns), np.array([[1.0, 1.0, -1.0]]), 0.0)
    finite = build.guarded(Target("", {"predict": total}), [build.between(each, -1e308, 1e308) for each in columns])
    model = Model(columns, (finite,))
    rows = awkward_rows(model, bound(model), 400)
    backwards = outputs(model, [{name: row[new] for name, new in zip("abc", "bac", strict=True)} for row in rows])
    np.testing.assert_allclose(outputs(model, rows)[0], backwards[0], rtol=1e-9)
    values = [tuple(row.values()) for row in rows]
    assert any(math.inf in row for row in values)  # refused in whatever order
    assert any(5e-324 in row for row in values)
    assert not any(row.count(1e308) == 2 for row in values)


def test_a_model_of_a_library_gets_rows_around_its_example():
    model = read(FOREIGN["gaussian_nb_never"]()[0])
    (example,) = {block.example for block in walk(model.roots()) if not isinstance(block, Column)}
    rows = awkward_rows(model, bound(model))
    base = {each.name: value for each, value in zip(model.columns, example, strict=True)}
    assert rows[0] == base
    assert {math.inf, None, 0.0} <= {row["age"] for row in rows}
    assert len([row for row in rows if sum(row[name] != base[name] for name in base) == 1]) > 50


# The budget ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [0, 1, 3, 40, 200])
@pytest.mark.parametrize("name", [*VARIED, "knn_texts3", "texts_knn", "forest_large"])
def test_there_are_at_most_as_many_rows_as_the_budget_and_the_same_each_time(name, budget):
    model = read((ZOO | FOREIGN)[name]()[0])
    rows = awkward_rows(model, bound(model), budget)
    assert len(rows) <= budget
    assert len(rows) >= budget / 3 or name == "one_hot_odd"
    assert len(set(keys(rows))) == len(rows)
    assert keys(rows) == keys(awkward_rows(read((ZOO | FOREIGN)[name]()[0]), bound(model), budget))


def test_columns_share_the_budget():
    model = read(ZOO["forest_large"]()[0])
    rows = awkward_rows(model, bound(model), 120)
    distinct = [len({row[name] for row in rows}) for name in rows[0]]
    assert len(distinct) == 12
    assert min(distinct) >= 8
    few = awkward_rows(model, bound(model), 10)
    assert any(None not in row.values() for row in few[1:])
    assert any(list(row.values()).count(None) == 1 for row in few[1:])


def test_what_is_taken_of_many_values_is_spread():
    assert spread([]) == []
    for count in (1, 2, 3, 7, 8, 100, 129):
        order = spread(range(count))
        assert sorted(order) == list(range(count))
        for taken in range(2, count):
            gaps = np.diff([*sorted(order[:taken]), count])
            assert gaps.max() <= 4 * count / taken + 1


# With what the library gives -----------------------------------------------------------------------------------------


def given_to(name: str) -> tuple[Any, Any]:
    """A fitted estimator of the zoo, and what it was fitted on."""
    estimator, frame = ZOO[name]()
    return estimator, frame.to_numpy() if name.startswith("array") else frame


@pytest.mark.parametrize("name", VARIED)
def test_evaluate_gives_what_the_library_gives(name):
    estimator, frame = given_to(name)
    model = read(estimator)
    plain = indb.golden_rows(estimator, frame)
    rows = indb.golden_rows(estimator, frame, model=model, budget=120)
    assert 20 < len(rows) - len(plain) <= 120 or name == "one_hot_odd"
    ours = evaluate(model, {each.name: rows.columns[each.name] for each in model.columns if each.name in rows.columns})
    refused = 0
    for number, target in enumerate(model.targets):
        for method, values in ours[target.name].items():
            theirs = rows.outputs[method][number]
            if method == "predict" and target.labels is not None:
                assert decode(target.labels, values) == theirs
                continue
            refused += sum(row is None for row in theirs)
            gap = [np.nan] * values.shape[1]
            wanted = [gap if row is None else np.atleast_1d(row) for row in theirs]
            np.testing.assert_allclose(values, np.array(wanted, dtype=float), rtol=1e-9, atol=1e-9)
    assert refused or name in ("hist_dtype_categories", "one_hot_odd")


@pytest.mark.parametrize("name", ["everything_boosting", "linear_integers", "hist_dtype_categories", "array_tree"])
def test_the_rows_of_the_frame_stay_as_they_are(name):
    estimator, frame = given_to(name)
    plain = indb.golden_rows(estimator, frame)
    rows = indb.golden_rows(estimator, frame, model=read(estimator), budget=30)
    assert list(rows.columns) == list(plain.columns)
    count = len(plain)
    assert len(rows) > count
    for column_name, values in plain.columns.items():
        assert rows.columns[column_name][:count] == values
    for method, targets in plain.outputs.items():
        for before, after in zip(targets, rows.outputs[method], strict=True):
            assert len(after) == len(rows)
            for one, two in itertools.islice(zip(before, after, strict=False), count):
                assert np.array_equal(one, two)


def test_columns_of_integers_and_booleans_take_what_they_cannot_hold():
    estimator, frame = given_to("linear_integers")
    rows = indb.golden_rows(estimator, frame, model=read(estimator)).columns
    assert {None, 0.5, math.inf} <= set(rows["a"][len(frame) :])
    assert set(rows["c"][len(frame) :]) == {None, False, True}
    assert all(value is None or isinstance(value, bool) for value in rows["c"])


def test_a_column_that_the_model_does_not_read_holds_the_first_value():
    estimator, frame = given_to("logistic_texts2")
    wide = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=len(frame)), **frame})

    class Narrow:
        """What reads some columns of a frame only."""

        def predict(self, given: Any) -> Any:
            assert given["day"].dtype == wide["day"].dtype
            return estimator.predict(given[list(frame)])

    rows = indb.golden_rows(Narrow(), wide, model=read(estimator), budget=20)
    assert len(rows) > len(wide)
    assert set(rows.columns["day"][len(wide) :]) == {wide["day"][0]}


def test_a_missing_text_is_what_the_frame_has_for_it():
    seen: list[Any] = []

    class Texts:
        """What keeps the texts that it is given."""

        def predict(self, given: Any) -> Any:
            seen.append(given["x"].tolist())
            return np.zeros(len(given))

    x = Column("x", Type.TEXT)
    model = Model((x,), (Target("", {"predict": Lookup(x, ("a",), ((1.0,),), (0.0,), (0.0,))}),))
    for gap in (None, np.nan):
        frame = pd.DataFrame({"x": pd.Series(["a", gap], dtype=object)})
        assert None in indb.golden_rows(Texts(), frame, model=model).columns["x"][2:]
        missing = [value for value in seen.pop() if not isinstance(value, str)]
        assert missing
        assert all((value is None) == (gap is None) for value in missing)


def test_a_frame_that_lacks_rows_or_columns_is_refused():
    estimator, frame = given_to("linear_Ridge")
    model = read(estimator)
    renamed = frame.rename(columns={"age": "Age"})

    class Renamed:
        """Takes the frame under its other name."""

        def predict(self, given: Any) -> Any:
            return estimator.predict(given.rename(columns={"Age": "age"}))

    with pytest.raises(BindError, match=r"cannot add awkward rows: column 'age' is not in the frame\n  .*'Age'"):
        indb.golden_rows(Renamed(), renamed, model=model)
    with pytest.raises(BindError, match="found a frame of no rows, needed one"):
        indb.golden_rows(estimator, frame[:0], model=model)


def test_a_label_of_lost_probabilities_is_no_golden_row():
    class Lost:
        """Its probabilities are NaN where the number is huge, and it has a label all the same."""

        def predict(self, given: Any) -> Any:
            return np.full(len(given), "a")

        def predict_proba(self, given: Any) -> Any:
            return np.where(np.abs(given["x"].to_numpy()) > 1e100, np.nan, 1.0).reshape(-1, 1)

    x = Column("x")
    model = Model((x,), (Target("", {"transform": x}),))
    rows = indb.golden_rows(Lost(), pd.DataFrame({"x": [1.0]}), model=model)
    assert {None, -1.0, 5e-324} <= set(rows.columns["x"])
    assert not any(value is not None and abs(value) > 1e100 for value in rows.columns["x"])


@pytest.mark.parametrize("name", ["everything_logistic", "forest_gaps"])
def test_a_deployed_model_gives_what_the_library_gives_for_the_rows(name, duckdb_connection):
    estimator, frame = given_to(name)
    model = read(estimator)
    table = frame.astype({each: np.float64 for each, dtype in frame.dtypes.items() if dtype.kind == "i"})
    duckdb_connection.register("given", table)
    duckdb_connection.execute("CREATE TABLE t AS SELECT * FROM given")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's, of unknown categories in the frame
        proof = indb.golden_rows(estimator, frame[:5], model=model)
    assert len(proof) > 100
    with indb.connect(duckdb_connection) as database:
        database.deploy("m", model, table="t", proof=proof)


def test_a_library_that_takes_no_rows_of_a_table_is_named(duckdb_connection):
    """It was trained on pandas' categories, which a table has not."""
    estimator, _ = ZOO["hist_dtype_categories"]()
    with indb.connect(duckdb_connection) as db:
        fields = "age double, city varchar, level double, member boolean, score double"
        db.sql(f"CREATE TABLE people ({fields}); INSERT INTO people VALUES (40, 'Rome', 2, true, 0.5)")
        db.deploy("people", read(estimator), "people")
        assert db.verify("people").ok
        with pytest.raises(
            VerifyError, match="cannot compare with the HistGradientBoostingClassifier: it does not take"
        ):
            db.verify("people", model_object=estimator)
