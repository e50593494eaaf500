"""Whole tables of scores on both engines: chunks, interruptions, keys, and names that are taken."""

import pytest
from deployed import ENGINES, binary, objects, opened, regression, rows, run

from indb.errors import DatabaseError, NotDeployed


@pytest.fixture(params=ENGINES)
def db(request):
    yield from opened(request)


def test_score_in_chunks(db):
    db.deploy("late", binary(), "flights")
    seen = []
    assert db.score("late", chunk_rows=2, progress=lambda *args: seen.append(args)) == 5
    assert seen == [(0, 5), (2, 5), (4, 5), (5, 5)]
    assert rows(db, "SELECT * FROM flights_late ORDER BY id") == rows(
        db,
        "SELECT id, predict_label('late', f), predict_proba('late', f, 'no'), predict_proba('late', f, 'yes') "
        "FROM flights AS f ORDER BY id",
    )
    assert db.score("late", where="age > 0 -- only", into="flights_late", outputs=("decision_function",)) == 3
    assert rows(db, "SELECT count(*), count(decision_function) FROM flights_late") == [(3, 3)]


def test_an_interrupted_score_goes_on(db):
    db.deploy("late", binary(), "flights")
    db.score("late", into="scores")

    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        db.score("late", into="scores", chunk_rows=1, progress=stop, replace=True)
    assert rows(db, "SELECT count(*) FROM scores") == [(5,)]
    run(db, "UPDATE scores__indb_partial SET predict = 'kept' WHERE id = 1")
    seen = []
    assert db.score("late", into="scores", chunk_rows=2, progress=lambda *args: seen.append(args)) == 5
    assert seen[0] == (2, 5)
    assert rows(db, "SELECT predict FROM scores WHERE id = 1") == [("kept",)]
    assert rows(db, "SELECT count(DISTINCT id) FROM scores") == [(5,)]
    with pytest.raises(KeyboardInterrupt):
        db.score("late", into="scores", chunk_rows=1, progress=stop)
    db.deploy("late", binary(), "flights")
    assert db.score("late", into="scores") == 5
    assert rows(db, "SELECT count(*) FROM scores WHERE predict = 'kept'") == [(0,)]


def test_score_by_several_columns(db):
    run(db, "CREATE TABLE legs (a varchar, b double precision, dist integer)")
    names = "CASE WHEN i % 3 = 0 THEN 'x''y' ELSE 'z' END"
    run(db, f"INSERT INTO legs SELECT {names}, i * 0.1, i FROM generate_series(1, 20) AS t(i)")
    db.deploy("double", regression(), "legs")
    assert db.score("double", key=["a", "b"], into="legs_scored", chunk_rows=3) == 20
    assert rows(db, "SELECT count(*), sum(predict) FROM legs_scored") == [(20, 420.0)]


def test_score_refuses(db):
    run(db, "CREATE TABLE mine (id integer)")
    run(db, "CREATE TABLE min__indb_partial (id integer)")
    run(db, "CREATE TABLE doubled (id integer, k integer, age integer, city varchar, dist double precision)")
    run(db, "INSERT INTO doubled VALUES (1, 1, 1, 'a', 1), (1, NULL, 1, 'a', 1)")
    db.deploy("late", binary(), "flights")
    before = objects(db)
    for arguments, message in (
        ({"into": "mine"}, "the name is taken by a table that indb did not write"),
        ({"into": "flights"}, "that is the table to score"),
        ({"into": "min"}, "'min__indb_partial': the name is taken"),
        ({"key": "idd"}, "key column 'idd' is missing\n  Did you mean 'id'"),
        ({"table": "doubled"}, "no primary key"),
        ({"table": "doubled", "key": "id"}, "found a value twice"),
        ({"table": "doubled", "key": "k"}, "found NULL"),
        ({"table": "mine"}, "column 'age': found nothing"),
        ({"outputs": ("predictt",)}, "cannot score output 'predictt'.*\n  Did you mean 'predict'"),
        ({"outputs": ("transform",)}, "it has no transform"),
        ({"where": "nothing > 1"}, "nothing"),
        ({"chunk_rows": -1}, "chunks of -1"),
    ):
        with pytest.raises(DatabaseError, match=message):
            db.score("late", **arguments)
        assert objects(db) == before
    with pytest.raises(NotDeployed):
        db.score("lat")
    assert db.score("late", into="mine", replace=True) == 5
