"""Deployed models on both engines: every function, name, label and type gives what the model gives."""

import numpy as np
import pytest
from deployed import ENGINES, binary, objects, opened, regression, rows, run, several

import indb
from indb import build
from indb.errors import DatabaseError, NotDeployed, VerifyError
from indb.evaluate import evaluate
from indb.ir import Column, Lookup, Model, Target, Type
from indb.verify import GoldenRows

ODD = 'we"ird; é.X'
LONG = "a column whose name is so long that PostgreSQL cuts it after sixty-three bytes"


@pytest.fixture(params=ENGINES)
def db(request):
    yield from opened(request)


def test_every_function_gives_what_the_model_gives(db):
    made = db.deploy("late", binary(), "flights")
    assert (made.name, made.version, made.strategy) == ("late", 1, "expression")
    assert "predict_proba('late'" in made.usage
    columns = {"age": [10, None, 30, -4, 50], "city": ["Paris", "Rome", None, "O'Hare", ""]}
    expected = evaluate(binary(), columns)[""]
    found = rows(
        db,
        "SELECT predict_label('late', f), predict_proba('late', f), predict_proba('late@1', f, 'no'), "
        "predict_score('late', f), late(f), predict_score('late', f, 'yes') FROM flights AS f ORDER BY id",
    )
    for number, (label, yes, no, score, own, score_yes) in enumerate(found):
        gone = columns["age"][number] is None
        assert label == own == (None if gone else ("no", "yes")[int(expected["predict"][number, 0])])
        assert score_yes == score
        wanted = (*expected["predict_proba"][number, ::-1], expected["decision_function"][number, 0])
        assert (yes, no, score) == ((None,) * 3 if gone else pytest.approx(wanted, rel=1e-12))
    assert db.verify("late").ok
    by_column = rows(db, "SELECT late(age => 10, city => 'Paris'), late(city => 'x', age => -30)")
    assert by_column == [("yes", "no")]


@pytest.mark.parametrize("labels", [("no", "yes"), (3, 7), (0.5, 1.5), (False, True)])
def test_labels_keep_their_type(db, labels):
    db.deploy("late", binary(labels=labels), "flights")
    assert rows(db, "SELECT late(f) FROM flights AS f WHERE id IN (1, 4) ORDER BY id") == [(labels[1],), (labels[0],)]
    text = {False: "false", True: "true"} if isinstance(labels[0], bool) else {each: str(each) for each in labels}
    assert rows(db, "SELECT predict_label('late', f) FROM flights AS f WHERE id = 1") == [(text[labels[1]],)]
    name = text[labels[1]]
    assert rows(db, f"SELECT predict_proba('late', f, '{name}') > 0.5 FROM flights AS f WHERE id = 1") == [(True,)]
    if isinstance(labels[0], str):
        with pytest.raises(DatabaseError, match="its labels are texts.*\n  Use predict_label"):
            rows(db, "SELECT predict('late', f) FROM flights AS f")
    else:
        assert rows(db, "SELECT predict('late', f) FROM flights AS f WHERE id = 1") == [(float(labels[1]),)]
    assert db.verify("late").ok


@pytest.mark.parametrize("strategy", ["expression", "staged"])
def test_odd_names(db, strategy):
    cut = LONG.encode()[:63].decode() if db.engine.dialect == "postgres" else LONG
    odd = ODD.replace('"', '""')
    run(db, f'CREATE SCHEMA "{odd}"')
    table = f'"{odd}"."T {odd}"'
    run(db, f'CREATE TABLE {table} (id integer, "{odd}" double precision, "{cut}" text, r integer)')
    run(db, f"""INSERT INTO {table} (id, "{odd}", "{cut}") VALUES (1, 10, 'Paris'), (2, -4, 'O''Hare')""")
    labels = ('n\'o; "é" $$', "100%")
    model = binary(age=ODD, city=LONG, labels=labels)
    proof = GoldenRows({ODD: [10.0], LONG: ["Paris"]}, {"predict": [["100%"]]})
    name = "5% 'off'; é.X$body0$"
    db.deploy(name, model, f"{ODD}.T {ODD}", strategy=strategy, proof=proof)
    db.deploy(name, model, f"{ODD}.T {ODD}", strategy=strategy, proof=proof)
    quoted = name.replace("'", "''")
    query = f"SELECT predict_label('{quoted}', x), predict_proba('{quoted}@1', x, 'n''o; \"é\" $$') < 0.5 FROM "
    assert rows(db, f"{query}{table} AS x ORDER BY id") == [("100%", True), (labels[0], False)]
    assert db.verify(name).ok
    assert db.score(name, key="id", into='into "x"; é', chunk_rows=1) == 2
    assert len(rows(db, f'SELECT * FROM "{odd}"."into ""x""; é"')) == 2
    db.drop(name)
    assert db.models() == []


def test_kinds_of_columns(db):
    if db.engine.dialect == "postgres":
        run(db, "CREATE DOMAIN percent AS numeric(5, 2)")
        run(db, "CREATE DOMAIN town AS char(8)")
        types = ("percent", "boolean", "real", "smallint", "town", "mood")
    else:
        types = ("decimal(5, 2)", "boolean", "real", "utinyint", "varchar", "mood")
    run(db, "CREATE TYPE mood AS ENUM ('Paris', 'sad')")
    names = ["a", "b", "c", "d", "e", "g"]
    fields = ", ".join(f"{name} {type}" for name, type in zip(names, types, strict=True))
    run(db, f"CREATE TABLE kinds (id integer, {fields})")
    run(db, "INSERT INTO kinds VALUES (1, 1.25, true, 0.1, 7, 'Paris', 'Paris')")
    run(db, "INSERT INTO kinds (id) VALUES (2)")
    numbers = [Column(name) for name in names[:4]]
    texts = [Column(name, Type.TEXT) for name in names[4:]]
    looked = [Lookup(text, ("Paris",), ((100.0,),), (-1.0,), (0.0,)) for text in texts]
    total = build.linear(build.concat([*numbers, *looked]), np.ones((1, 6)), 0.0)
    db.deploy("total", Model((*numbers, *texts), (Target("", {"predict": total}),)), "kinds")
    wanted = 1.25 + 1 + float(np.float32(0.1)) + 7 + 200
    found = rows(db, "SELECT predict('total', k) FROM kinds AS k ORDER BY id")
    assert found == [(pytest.approx(wanted, rel=1e-12),), (None,)]
    assert db.verify("total").ok


def test_several_targets(db):
    db.deploy("both", several(), "flights")
    assert rows(
        db,
        "SELECT predict('both', f, 'up'), predict('both', f, 'it''s'), predict_label('both', f, 'it''s'), "
        "predict_proba('both', f, 'true', 'it''s') FROM flights AS f WHERE id = 1",
    ) == [(11.0, 1.0, "true", pytest.approx(1 / (1 + np.exp(-0.5)), rel=1e-12))]
    with pytest.raises(DatabaseError, match="it has several targets .*\n  Give the target"):
        rows(db, "SELECT predict('both', f) FROM flights AS f")
    with pytest.raises(DatabaseError, match="target of both 'down' is unknown"):
        rows(db, "SELECT predict('both', f, 'down') FROM flights AS f")
    assert db.verify("both").ok


def test_versions(db):
    run(db, "CREATE TABLE other (id integer, dist integer, note varchar)")
    run(db, "INSERT INTO other VALUES (1, 4, 'x')")
    db.deploy("double", regression(), "flights")
    db.deploy("double", regression(factor=3.0), "flights")
    assert rows(db, "SELECT predict('double', f), predict('double@1', f), double(f) FROM flights AS f WHERE id = 1"
                .replace("double(f)", '"double"(f)')) == [(1.5, 1.0, 1.5)]  # fmt: skip
    made = db.deploy("double", regression(factor=10.0), "other")
    assert made.version == 3
    assert [each.version for each in db.versions("double")] == [1, 2, 3]
    assert [(each.name, each.version) for each in db.models()] == [("double", 3)]
    assert rows(db, "SELECT predict('double', o), predict('double@3', o) FROM other AS o") == [(40.0, 40.0)]
    assert rows(db, "SELECT predict('double@2', f) FROM flights AS f WHERE id = 1") == [(1.5,)]
    db.drop("double")
    with pytest.raises(NotDeployed):
        db.versions("double")


def test_drop_leaves_nothing_but_the_registry(db):
    db.deploy("keep", regression(), "flights")
    before = objects(db)
    db.deploy("late", binary(), "flights")
    db.deploy("late", regression(), "flights")
    with pytest.raises(NotDeployed, match="Did you mean 'late'"):
        db.drop("lat")
    db.drop("late")
    assert objects(db) == before
    with pytest.raises(NotDeployed):
        rows(db, "SELECT predict('late', f) FROM flights AS f")
    db.drop("keep")
    assert not [each for each in objects(db) if "predict" in each[1]]


def test_golden_rows_of_scikit_learn(db):
    pd = pytest.importorskip("pandas")
    from sklearn.linear_model import LogisticRegression

    frame = pd.DataFrame({"age": [1.0, 5.0, 20.0, 30.0], "dist": [0.0, 1.0, 0.0, 1.0]})
    fitted = LogisticRegression().fit(frame, ["a", "a", "b", "b"])
    awkward = pd.DataFrame({"age": [1.0, np.nan, 30.0], "dist": [np.inf, 1.0, 0.5]})
    proof = indb.golden_rows(fitted, awkward)
    assert proof.outputs["predict"][0] == [None, None, "b"]
    db.deploy("fitted", indb.read(fitted), "flights", proof=proof)
    assert db.verify("fitted", model_object=fitted).ok
    other = LogisticRegression(C=0.01).fit(frame, ["b", "a", "b", "b"])
    report = db.verify("fitted", model_object=other)
    assert not report.ok
    assert report.first is not None
    assert "first: predict" in str(report)


def test_golden_rows_for_columns_of_whole_numbers(db):
    """Those that are made up hold 0.5 and 1e300, which such columns do not."""
    import pandas as pd
    from sklearn.linear_model import LinearRegression

    frame = pd.DataFrame({"age": [1, 5, 20, 30], "id": [4, 3, 2, 2]})
    fitted = LinearRegression().fit(frame, [1.0, 2.0, 3.0, 3.5])
    model = indb.read(fitted)
    proof = indb.golden_rows(fitted, frame, model=model)
    assert 0.5 in proof.columns["age"]
    db.deploy("whole", model, "flights", proof=proof)
    assert db.verify("whole").ok


def test_verify_computes_the_golden_rows_again(db):
    """Rows that are not in the table: what became of the functions since is noticed all the same."""
    made = db.deploy("late", binary(), "flights")
    assert len(db.engine.golden_rows(made)) > 10
    assert db.verify("late").ok
    run(db, "DELETE FROM flights")
    assert db.verify("late").ok
    if db.engine.dialect == "postgres":
        run(db, 'CREATE OR REPLACE FUNCTION indb."late@1.proba.1"(r flights) RETURNS float8 LANGUAGE sql IMMUTABLE '
                "PARALLEL SAFE RETURN 0.5")  # fmt: skip
    else:
        run(db, 'CREATE OR REPLACE MACRO main."late@1.proba.1"(r) AS 0.5')
    report = db.verify("late")
    assert not report.ok
    assert "first: predict_proba 'yes': expected" in str(report)


def test_a_deployment_is_compared_with_the_fitted_object_that_is_at_hand(db, tmp_path):
    """Not with what indb read from it: a reader that is wrong is noticed."""
    from dataclasses import replace

    from sklearn.tree import DecisionTreeClassifier

    data, labels = [[1.0, 0.0], [5.0, 1.0], [20.0, 0.0], [30.0, 1.0]], ["a", "a", "b", "b"]
    fitted = DecisionTreeClassifier(random_state=0).fit(data, labels)
    other = DecisionTreeClassifier(random_state=0).fit(data, ["a", "b", "b", "b"])
    model = indb.read(fitted, columns=["age", "dist"])
    assert db.verify(db.deploy("fitted", model, "flights").name).ok
    flipped = r"it does not give what the library gives.\n.*label flips(.|\n)*expected 'b', found 'a'"
    with pytest.raises(VerifyError, match=flipped):
        db.deploy("wrong", replace(model, origin=(other, ("age", "dist"))), "flights")
    assert [each.name for each in db.models()] == ["fitted"]
    model.save(tmp_path / "fitted.indb")
    assert indb.load(tmp_path / "fitted.indb").origin is None


@pytest.mark.parametrize("db", ["postgres"], indirect=True)
def test_a_domain_with_constraints_gets_no_rows_that_it_refuses(db):
    run(db, "CREATE DOMAIN large AS integer NOT NULL CHECK (VALUE > 1000)")
    run(db, "CREATE DOMAIN town AS text CHECK (VALUE ~ '^P')")
    run(db, "CREATE TABLE firm (id integer PRIMARY KEY, age large, city town)")
    run(db, "INSERT INTO firm VALUES (1, 2000, 'Paris'), (2, 1001, NULL)")
    made = db.deploy("late", binary(), "firm")
    for row in db.engine.golden_rows(made):
        assert row.input["age"] > 1000
        assert row.input["city"] is None or row.input["city"].startswith("P")
    assert db.verify("late").ok
    assert rows(db, "SELECT late(f) FROM firm AS f ORDER BY id") == [("yes",), ("yes",)]
