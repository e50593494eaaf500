"""A library's model that is written in SQL beside it: the k nearest neighbours, a large network."""

import re
import warnings

import duckdb
import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, RadiusNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import indb
from indb.emit import Strategy
from indb.errors import EmitError, InvalidModel
from indb.ir import ForeignModel, Nearest, walk
from indb.readers import read

RNG = np.random.default_rng(3)
FRAME = pd.DataFrame({"x": RNG.normal(size=300), "y": RNG.integers(0, 4, 300).astype(float)})
LABELS = np.where(FRAME["x"] + FRAME["y"] > 1.5, "yes", "no")


@pytest.fixture(scope="module")
def fitted():
    return make_pipeline(StandardScaler(), KNeighborsClassifier(4)).fit(FRAME, LABELS)


@pytest.fixture
def db():
    with duckdb.connect() as connection:
        more = pd.concat([FRAME, pd.DataFrame({"x": [None, np.inf, 1e200], "y": [0.0, 1.0, 2.0]})], ignore_index=True)
        more.insert(0, "id", range(len(more)))
        connection.execute("CREATE TABLE points AS SELECT id::INTEGER AS id, x, y FROM more")
        with indb.connect(connection) as database:
            yield database


def test_its_twin_has_the_same_outputs_and_is_saved_with_it(fitted, tmp_path):
    model = read(fitted)
    assert isinstance(model, ForeignModel)
    assert not model.in_sql.is_foreign
    assert any(isinstance(block, Nearest) for block in walk(model.in_sql.roots()))
    model.save(tmp_path / "nearest.indb")
    again = indb.load(tmp_path / "nearest.indb")
    assert again.is_foreign
    assert str(again.in_sql) == str(model.in_sql)


def test_the_library_is_preferred_and_sql_is_possible(db, fitted):
    plan = db.plan(read(fitted), "points")
    assert plan.strategy is Strategy.UDF
    assert "its library runs it" in plan.reason
    assert {option.strategy for option in plan.options if not option.refused} == set(Strategy)


@pytest.mark.parametrize("strategy", ["udf", "expression", "staged"])
def test_labels_are_those_of_the_library(db, fitted, strategy):
    db.deploy("near", read(fitted), "points", strategy=strategy)
    found = dict(db.sql("SELECT id, predict_label('near', p) FROM points AS p").fetchall())
    wanted = fitted.predict(FRAME)
    given = [found[number] for number in range(len(FRAME))]
    open_rows = [label is None for label in given]
    assert [label for label in given if label] == [w for w, gap in zip(wanted, open_rows, strict=True) if not gap]
    assert sum(open_rows) == 0 if strategy == "udf" else sum(open_rows) < 5
    assert found[300] is None
    assert found[301] is None
    assert (found[302] is None) == (strategy != "udf"), "all training rows are equally far from 1e200"
    assert db.verify("near").ok


def test_a_tie_has_no_score_in_sql(db):
    points = pd.DataFrame({"x": [0.0, 2.0, 9.0], "y": [0.0, 0.0, 0.0]})
    model = read(KNeighborsRegressor(1).fit(points, [1.0, 5.0, 7.0]))
    db.sql("CREATE TABLE between (id integer, x double, y double); INSERT INTO between VALUES (0, 1, 0), (1, 1.1, 0)")
    db.deploy("one", model, "between", strategy="staged")
    assert sorted(db.sql("SELECT id, predict('one', b) FROM between AS b").fetchall()) == [(0, None), (1, 5.0)]


def test_what_has_no_twin():
    many = KNeighborsClassifier().fit(RNG.normal(size=(60_000, 3)), np.arange(60_000) % 2)
    model = read(many)
    assert model.in_sql is model
    with pytest.raises(EmitError, match="only the library that fitted it can run its KNeighborsClassifier"):
        indb.to_sql(model, "duckdb", "points", ["id"])
    other = read(KNeighborsClassifier(metric="cosine").fit(FRAME, LABELS))
    assert other.in_sql is other


def test_a_large_network_is_left_to_its_library(db):
    large = make_pipeline(StandardScaler(), MLPClassifier((100, 60), max_iter=3, random_state=0))
    small = make_pipeline(StandardScaler(), MLPClassifier((10, 6), max_iter=3, random_state=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model, other = read(large.fit(FRAME, LABELS)), read(small.fit(FRAME, LABELS))
    assert not other.is_foreign
    assert model.is_foreign
    assert not model.in_sql.is_foreign
    for strategy in ("udf", "staged"):
        db.deploy("net", model, "points", strategy=strategy)
        found = db.sql("SELECT predict_label('net', p) FROM points AS p WHERE id < 300 ORDER BY id").fetchall()
        assert [label for (label,) in found] == large.predict(FRAME).tolist()


def test_what_a_radius_reads():
    near = read(RadiusNeighborsClassifier(3.0, algorithm="kd_tree").fit(FRAME, LABELS))
    assert not near.is_foreign
    brute = read(RadiusNeighborsClassifier(3.0, algorithm="brute").fit(FRAME, LABELS))
    assert brute.is_foreign
    assert "by brute force" in brute.source["reason"]


def test_a_twin_with_other_outputs_is_refused(fitted):
    model = read(fitted)
    other = read(KNeighborsRegressor().fit(FRAME, FRAME["x"]))
    with pytest.raises(InvalidModel, match=re.escape("what is written in its place has other outputs")):
        ForeignModel(model.columns, model.targets, written=other.in_sql)
    with pytest.raises(InvalidModel, match="what is written in its place cannot be written"):
        ForeignModel(model.columns, model.targets, written=other)
