"""Tables of constants: models with too many of them for the text of a query, on both engines, from deploy to drop."""

import math

import numpy as np
import psycopg
import pytest
from deployed import ENGINES, objects, opened, regression, rows, run
from numpy.testing import assert_allclose

import indb
from indb import build
from indb.emit import parameter_tables
from indb.evaluate import evaluate
from indb.expansions import LITERALS, expansion_below, is_large
from indb.ir import (
    Apply,
    Column,
    Concat,
    Distance,
    Linear,
    Lookup,
    Metric,
    Model,
    Nearest,
    Op,
    Reduce,
    ReduceOp,
    Target,
    Type,
    walk,
)
from indb.passes import optimise

AGE, DIST, CITY = Column("age"), Column("dist"), Column("city", Type.TEXT)
BOTH = build.standardise(Concat((AGE, DIST)), np.array([10.0, 1.0]), np.array([20.0, 2.0]))
FINITE = [build.between(column, -build.FLOAT64_MAX, build.FLOAT64_MAX) for column in (AGE, DIST)]
RNG = np.random.default_rng(5)
POINTS = RNG.normal(size=(2_600, 2))
WEIGHTS = RNG.normal(size=(3, 2_600))


def distances(metric=Metric.SQUARED):
    return Distance(BOTH, POINTS, metric)


def rbf():
    return Apply(Op.EXP, (build.multiply(distances(), build.number(-0.3)),))


def polynomial():
    inner = build.linear(BOTH, POINTS, RNG.normal(size=2_600))
    return build.multiply(inner, build.multiply(inner, inner))


def classifier():
    margins = build.linear(rbf(), WEIGHTS, np.array([0.1, 0.2, -0.3]))
    outputs = {"predict": build.argmax(margins), "decision_function": margins}
    return target(outputs, ("a", "b's", "c"))


def target(outputs, labels=None):
    return build.guarded(Target("", outputs, labels), FINITE)


def neighbours(power=0.0, k=5, slack=0.0):
    return Nearest((distances(Metric.MANHATTAN), build.number(slack)), WEIGHTS.T.copy(), k, power)


def reduced(op):
    return target({"predict": Reduce(op, distances())})


MODELS = {
    "classifier": classifier(),
    "polynomial": target({"predict": build.linear(polynomial(), WEIGHTS[:1], 0.5)}),
    "manhattan": target({"predict": build.linear(Apply(Op.SQRT, (distances(Metric.MANHATTAN),)), WEIGHTS[:1], 0.0)}),
    "nearest": target({"transform": neighbours()}),
    "nearest_weighted": target({"transform": neighbours(1.0)}),
    "nearest_rooted": target({"transform": neighbours(0.5, 3)}),
    "nearest_slack": target({"transform": neighbours(0.0, 3, 1e-3)}),
    "nearest_of_all": target({"transform": neighbours(0.0, 2_600)}),
    **{op.value: reduced(op) for op in ReduceOp if op is not ReduceOp.ALL},
}
"""Models of `age` and `dist`, all of them over 2,600 points."""


def model_of(made):
    return Model((AGE, DIST), (made,), {"class": "Test"})


@pytest.fixture(params=ENGINES)
def db(request):
    for database in opened(request):
        run(database, "DELETE FROM flights WHERE id = 4")  # of which no sum of cubes is told
        values = ", ".join(f"({10 + i}, {i * 7 % 40}, 'x', {math.sin(i) * 3})" for i in range(25))
        run(database, f"INSERT INTO flights (id, age, city, dist) VALUES {values}")
        on_points = ", ".join(f"({100 + i}, 10, 'x', {float(POINTS[i, 1]) * 2.0 + 1.0!r})" for i in range(5))
        run(database, f"INSERT INTO flights (id, age, city, dist) VALUES {on_points}")
        yield database


def expected(db, model):
    columns = [column.name for column in model.columns]
    found = rows(db, f"SELECT {', '.join(columns)} FROM flights ORDER BY id")
    return evaluate(model, dict(zip(columns, map(list, zip(*found, strict=True)), strict=True)))[""]


def test_every_model_here_reads_a_table():
    for name, made in MODELS.items():
        ready = optimise(model_of(made))
        assert len(parameter_tables(ready)) == 1, name
        assert any(is_large(block) for block in walk(ready.roots())), name


@pytest.mark.parametrize("strategy", ["expression", "staged"])
@pytest.mark.parametrize("name", MODELS)
def test_what_they_compute(db, name, strategy):
    model = model_of(MODELS[name])
    made = db.deploy("many", model, "flights", strategy=strategy)
    assert made.tables
    assert db.verify("many", tolerance=1e-9).ok
    wanted = expected(db, model)
    if "predict" in wanted and model.targets[0].labels is None:
        found = rows(db, "SELECT predict('many', f), predict('many@1', f), many(f) FROM flights AS f ORDER BY id")
        for values in zip(*found, strict=True):
            got = np.array([math.nan if value is None else value for value in values])
            assert_allclose(got, wanted["predict"][:, 0], rtol=1e-9, atol=1e-9)
    outputs = tuple(model.targets[0].outputs)
    assert db.score("many", into="scores", outputs=outputs, replace=True) == len(wanted[outputs[0]])


@pytest.mark.parametrize("strategy", ["expression", "staged"])
def test_labels_and_calls_by_column(db, strategy):
    model = model_of(MODELS["classifier"])
    db.deploy("many", model, "flights", strategy=strategy)
    labels = [
        None if math.isnan(number) else ("a", "b's", "c")[int(number)]
        for number in expected(db, model)["predict"][:, 0]
    ]
    query = "SELECT predict_label('many', f), many(f), many(age => age, dist => dist) FROM flights AS f ORDER BY id"
    assert rows(db, query) == [(label, label, label) for label in labels]
    assert None in labels
    assert len(set(labels)) > 2


def test_the_tables_belong_to_the_version(db):
    before = objects(db)
    db.deploy("many", model_of(MODELS["polynomial"]), "flights", strategy="staged")
    first = db.versions("many")[0].tables
    db.deploy("many", model_of(MODELS["classifier"]), "flights", strategy="expression")
    second = db.versions("many")[1].tables
    names = "\n".join(str(name) for _, name, *_ in objects(db))
    assert f"many@1.p.{first[0]}" in names
    assert f"many@2.p.{second[0]}" in names
    db.rollback("many")
    assert rows(
        db, "SELECT count(*) FROM flights AS f WHERE predict('many@2', f) IS NULL" if False else "SELECT 1"
    ) == [(1,)]
    db.drop("many")
    left = [each for each in objects(db) if each not in before and ".p." in str(each)]
    assert left == []


def test_a_script_makes_them(db):
    text = db.script("many", model_of(MODELS["classifier"]), "flights", strategy="expression").install
    assert text.count('INSERT INTO indb."many@1.p.') == 3
    db.engine.connection.execute(text.replace(".bail on", "").replace("\\set ON_ERROR_STOP on", ""))
    assert db.verify("many").ok
    assert len(db.versions("many")[0].tables) == 1


@pytest.mark.parametrize("db", ["postgres"], indirect=True)
def test_a_caller_may_read_them_and_no_other(db, role):
    run(db, f"GRANT SELECT ON flights TO {role}")
    db.deploy("many", model_of(MODELS["classifier"]), "flights", strategy="staged")
    db.deploy("other", model_of(MODELS["nearest"]), "flights", strategy="staged")
    db.grant("many", role)
    info = db.engine.connection.info
    with psycopg.connect(info.dsn, password=info.password or None, autocommit=True) as session:
        session.execute(f"SET SESSION AUTHORIZATION {role}")
        assert session.execute("SELECT indb.predict_label('many', f) FROM flights AS f WHERE id = 10").fetchall()
        name = f'indb."other@1.p.{db.versions("other")[0].tables[0]}"'
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied for table other@1"):
            session.execute(f"SELECT * FROM {name}")
        own = f'indb."many@1.p.{db.versions("many")[0].tables[0]}"'
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(f"DELETE FROM {own}")
        db.revoke("many", role)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(f"SELECT * FROM {own}")


def large_lookup(values):
    keys = tuple(f"city {number}" for number in range(len(values)))
    return Lookup(CITY, keys, tuple((value,) for value in values), (-1.0,), (-2.0,))


def test_a_lookup_of_many_keys(db):
    run(db, "INSERT INTO flights (id, city) VALUES (6, 'city 17'), (7, 'City 17'), (8, 'city 6000'), (9, 'city 6001')")
    lookup = large_lookup([float(number) / 7.0 for number in range(6_001)])
    model = Model((CITY,), (Target("", {"predict": build.add(lookup, build.number(1.0))}),), {})
    made = db.deploy("places", model, "flights", strategy="expression")
    assert len(made.tables) == 1
    found = rows(db, "SELECT predict('places', f) FROM flights AS f WHERE id BETWEEN 3 AND 9 ORDER BY id")
    assert [value for (value,) in found] == [-1.0, 0.0, 17.0 / 7.0 + 1.0, 0.0, 6000.0 / 7.0 + 1.0, 0.0]


def test_a_lookup_of_numbers_and_of_missing_values(db):
    keys = tuple(float(number) for number in range(LITERALS + 1))
    values = tuple((float(number) * 0.5,) for number in range(LITERALS + 1))
    lookup = Lookup(AGE, keys, values, (math.nan,), (7.5,))
    assert is_large(lookup)
    model = Model((AGE,), (Target("", {"predict": lookup}),), {})
    run(db, "UPDATE flights SET age = -3 WHERE id = 5")
    run(db, "INSERT INTO flights (id, age) VALUES (4, 50)")
    db.deploy("ages", model, "flights", strategy="staged")
    found = rows(db, "SELECT predict('ages', f) FROM flights AS f WHERE id < 6 ORDER BY id")
    assert found == [(5.0,), (7.5,), (15.0,), (25.0,), (None,)]
    with_a_gap = Lookup(AGE, keys, ((math.nan,), *values[1:]), (1.0,), (7.5,))
    assert not is_large(with_a_gap)


def test_literals_stand_in_a_text_of_its_own():
    """Of a SELECT that stands by itself the tables are part."""
    model = model_of(MODELS["nearest"])
    for dialect in ("duckdb", "postgres"):
        text = indb.to_sql(model, dialect, "flights", ["id"])
        assert text.count("(VALUES") >= 1
        assert "indb." not in text


def test_small_models_and_others_read_none():
    assert parameter_tables(optimise(regression())) == []
    assert expansion_below(Linear(Concat((AGE, DIST)), np.ones((9, 2)), np.zeros(9))) is None
    small = build.linear(Distance(BOTH, POINTS[:20], Metric.SQUARED), WEIGHTS[:, :20], 0.0)
    assert expansion_below(small).size == 100
    assert not is_large(small)
