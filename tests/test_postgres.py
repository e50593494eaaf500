"""What only PostgreSQL has: inlining, views and renamed tables, rights, borrowed connections."""

import psycopg
import pytest
from deployed import binary, objects, regression, rows, run

import indb
from indb.errors import DatabaseError, DeployError


def test_postgres_inlines_a_small_model(postgres_database):
    with indb.connect(postgres_database()) as db:
        run(db, "CREATE TABLE flights (id integer, age integer, city text)")
        db.deploy("late", binary(), "flights")
        db.deploy("late", binary(), "flights")
        calls = ("predict_proba('late', f)", "predict_label('late@1', f)", "late(f)", "predict_score('late', f, 'yes')")
        for call in calls:
            plan = "\n".join(row[0] for row in rows(db, f"EXPLAIN (VERBOSE) SELECT {call} FROM flights AS f"))
            assert "late" not in plan.replace("SELECT", "")
            assert "predict" not in plan
            assert "f.*" not in plan


def test_postgres_views_over_predict_outlive_a_deployment(postgres_database):
    with indb.connect(postgres_database()) as db:
        run(db, "CREATE TABLE flights (id integer, dist double precision)")
        run(db, "INSERT INTO flights VALUES (1, 2)")
        db.deploy("double", regression(), "flights")
        run(db, "CREATE VIEW scored AS SELECT predict('double', f) AS p, indb.\"double\"(f) AS q FROM flights AS f")
        db.deploy("double", regression(factor=5.0), "flights")
        assert rows(db, "SELECT * FROM scored") == [(10.0, 10.0)]
        with pytest.raises(DatabaseError, match="depend"):
            db.drop("double")
        assert rows(db, "SELECT * FROM scored") == [(10.0, 10.0)]


def test_postgres_tables_that_are_renamed_or_dropped(postgres_database):
    with indb.connect(postgres_database()) as db:
        run(db, "CREATE TABLE a (id integer PRIMARY KEY, dist double precision)")
        db.deploy("double", regression(), "a")
        run(db, "ALTER TABLE a RENAME TO b")
        assert db.models()[0].table == "b"
        assert db.verify("double").ok
        run(db, "DROP TABLE b CASCADE")
        assert str(db.models()[0]).startswith("double@1 for (dropped)")
        run(db, "CREATE TABLE a (id integer PRIMARY KEY, dist double precision)")
        assert db.deploy("double", regression(), "a").version == 2
        db.drop("double")


def test_postgres_a_borrowed_connection(postgres_database):
    with psycopg.connect(postgres_database()) as connection:
        connection.execute("CREATE TABLE flights (id integer, dist double precision)")
        connection.commit()
        with indb.connect(connection) as db:
            db.deploy("double", regression(), "flights")
            assert rows(db, "SELECT predict('double', f) FROM flights AS f") == []
            connection.rollback()
            assert [each.name for each in db.models()] == ["double"]
        assert "indb" not in connection.execute("SHOW search_path").fetchone()[0]


def test_postgres_without_rights(postgres_database):
    dsn = postgres_database()
    with indb.connect(dsn) as db:
        run(db, "CREATE TABLE flights (id integer, dist double precision)")
        run(db, "INSERT INTO flights VALUES (1, 2)")
        run(db, "GRANT SELECT ON flights TO PUBLIC")
        db.deploy("double", regression(), "flights")
        before = objects(db)
        run(db, "SET ROLE pg_monitor")
        with pytest.raises(DeployError, match="cannot deploy 'other': permission denied.*\n  Ask"):
            db.deploy("other", regression(), "flights")
        with pytest.raises(DatabaseError, match="does not exist\n.*indb grant"):
            rows(db, "SELECT predict('double', f) FROM flights AS f")
        run(db, "RESET ROLE")
        db.grant("double", "pg_monitor")
        run(db, "SET ROLE pg_monitor")
        assert rows(db, "SELECT predict('double', f) FROM flights AS f") == [(4.0,)]
        run(db, "RESET ROLE")
        assert objects(db) == before
