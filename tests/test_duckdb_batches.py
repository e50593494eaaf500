"""Whole tables through Python in DuckDB: large pieces of rows give what single calls give, with keys of any type."""

import pytest
from deployed import binary, opened, rows, run, several

from indb.engines import duckdb_batches
from indb.errors import DatabaseError, IndbError


@pytest.fixture
def db(request):
    request.param = "duckdb"
    yield from opened(request)


def calls(db, key, table):
    return rows(
        db,
        f"SELECT {key}, predict_label('late', t), predict_proba('late', t, 'no'), predict_proba('late', t, 'yes') "
        f"FROM {table} AS t ORDER BY {key}",
    )


@pytest.mark.parametrize("piece", [1, 2, 1 << 13])
def test_the_scores_are_those_of_the_calls(db, monkeypatch, piece):
    monkeypatch.setattr(duckdb_batches, "PIECE", piece)
    db.deploy("late", binary(), "flights", strategy="udf")
    assert db.score("late") == 5
    assert rows(db, "SELECT * FROM flights_late ORDER BY id") == calls(db, "id", "flights")
    assert db.score("late", into="none", where="id > 99") == 0
    assert rows(db, "SELECT count(*) FROM none") == [(0,)]
    assert db.score("late", into="chunks", chunk_rows=2) == 5
    assert rows(db, "SELECT * FROM chunks ORDER BY id") == calls(db, "id", "flights")


@pytest.mark.parametrize(
    ("type", "value", "is_plain"),
    [
        ("BIGINT", "i + 9007199254740993", True),
        ("UBIGINT", "18446744073709551615 - i", True),
        ("VARCHAR", "'it''s ' || i", True),
        ("DATE", "DATE '2026-01-01' + i", True),
        ("TIMESTAMP", "TIMESTAMP '1500-01-01 00:00:00.000001' + to_days(i)", True),
        ("DOUBLE", "i * 1e300", True),
        ("HUGEINT", "170141183460469231731687303715884105727 - i", False),
        ("UUID", "CAST('00000000-0000-0000-0000-00000000000' || i AS UUID)", False),
        ("DECIMAL(38,2)", "i + 0.25", False),
        ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_days(i)", False),
        ("BIT", "CAST(i AS BIT)", False),
    ],
)
def test_a_key_keeps_its_type_and_value(db, type, value, is_plain):
    run(
        db,
        f"""CREATE TABLE "odd ""t" AS SELECT CAST({value} AS {type}) AS "the key", id AS age, city, dist
                FROM (SELECT CAST(id AS INTEGER) AS i, * FROM flights)""",
    )
    made = db.deploy("late", binary(), 'odd "t', strategy="udf")
    assert duckdb_batches.can_score(db.engine, made, '"odd ""t"', ["the key"]) is is_plain
    assert db.score("late", key="the key", into="scores") == 5
    assert rows(db, "SELECT data_type FROM duckdb_columns() WHERE table_name = 'scores' AND column_index = 1") == [
        (type,)
    ]
    assert rows(db, 'SELECT * FROM scores ORDER BY "the key"') == calls(db, '"the key"', '"odd ""t"')


def test_outputs_named_like_the_key_and_several_targets(db):
    run(db, "CREATE TABLE named AS SELECT id AS predict, age, city, dist FROM flights")
    db.deploy("late", binary(), "named", strategy="udf")
    db.score("late", key="predict", into="scores", outputs=("predict",))
    found = rows(db, "SELECT * FROM scores ORDER BY predict")
    assert found == rows(db, "SELECT predict, predict_label('late', t) FROM named AS t ORDER BY predict")
    db.deploy("both", several(), "flights", strategy="udf")
    db.score("both", into="both_scores", outputs=("predict_proba",))
    assert rows(db, "SELECT * FROM both_scores ORDER BY id") == rows(
        db,
        "SELECT id, predict_proba('both', f, 'false', 'it''s'), predict_proba('both', f, 'true', 'it''s') "
        "FROM flights AS f ORDER BY id",
    )


def test_one_thread_and_an_open_transaction(db):
    db.deploy("late", binary(), "flights", strategy="udf")
    run(db, "SET threads = 1")
    assert db.score("late") == 5
    run(db, "BEGIN")
    with pytest.raises(DatabaseError, match="open transaction"):
        db.score("late", replace=True)
    run(db, "ROLLBACK")


def test_an_error_of_the_model_leaves_no_table_and_no_view(db, monkeypatch):
    made = db.deploy("late", binary(), "flights", strategy="udf")

    def fail(columns):
        raise IndbError("cannot score: the library is broken")

    monkeypatch.setattr(db.engine.functions.model(made), "_score", fail)
    with pytest.raises(IndbError, match="the library is broken"):
        db.score("late")
    assert not rows(db, "SELECT view_name FROM duckdb_views() WHERE starts_with(view_name, 'indb_scores')")
    assert not rows(db, "SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'flights_late%'")


def test_pieces_that_begin_in_one_chunk_of_rows_and_end_in_another(db):
    """DuckDB hands out chunks of any size; a filter makes them odd."""
    run(db, "CREATE TABLE many AS SELECT i AS id, CAST(i % 97 - 40 AS INTEGER) AS age, CASE i % 5 WHEN 0 THEN 'Paris' "
            "WHEN 1 THEN 'O''Hare' WHEN 3 THEN 'x' || (i % 1000) END AS city FROM range(200000) AS t(i)")  # fmt: skip
    where = "id % 3 <> 0 AND hash(id) % 7 <> 0"
    chunks = db.engine.connection.sql(f"SELECT id FROM many WHERE {where}").to_arrow_table().column(0).chunks
    assert any(len(chunk) % duckdb_batches.PIECE for chunk in chunks[:-1])
    db.deploy("late", binary(), "many", strategy="udf")
    count = db.score("late", key="id", where=where, into="scores")
    assert rows(
        db,
        "SELECT count(*), count(*) FILTER (WHERE s.predict IS DISTINCT FROM predict_label('late', m) "
        "OR s.predict_proba_yes IS DISTINCT FROM predict_proba('late', m)) FROM scores AS s JOIN many AS m USING (id)",
    ) == [(count, 0)]
    assert count > 100_000
