"""What a model's table may be, and what becomes of a model when it changes."""

import re

import psycopg
import pytest
from click.testing import CliRunner
from deployed import ENGINES, binary, opened, regression, rows, run

from indb.cli import main
from indb.errors import DatabaseError, VerifyError


@pytest.fixture(params=ENGINES)
def db(request):
    yield from opened(request)


only_postgres = pytest.mark.parametrize("db", ["postgres"], indirect=True)
only_duckdb = pytest.mark.parametrize("db", ["duckdb"], indirect=True)
STRATEGIES = pytest.mark.parametrize("strategy", ["expression", "staged"])


@STRATEGIES
def test_a_view(db, strategy):
    run(db, "CREATE VIEW grown AS SELECT id, age + 1 AS age, upper(city) AS city, dist FROM flights")
    db.deploy("late", binary(), "grown", strategy=strategy)
    assert rows(db, "SELECT id, late(g) FROM grown AS g ORDER BY id") == rows(
        db, "SELECT id, predict_label('late', g) FROM grown AS g ORDER BY id"
    )
    assert db.verify("late").ok
    assert db.score("late", key="id", into="scores") == 5


@only_postgres
@STRATEGIES
def test_a_partitioned_table(db, strategy):
    run(
        db,
        "CREATE TABLE parted (id integer, age integer, city text, dist float8) PARTITION BY RANGE (id);"
        "CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (3);"
        "CREATE TABLE parted_high (dist float8, city text, age integer, id integer);"  # columns in another order
        "ALTER TABLE parted ATTACH PARTITION parted_high FOR VALUES FROM (3) TO (100);"
        "INSERT INTO parted SELECT id, age, city, dist FROM flights",
    )
    db.deploy("late", binary(), "parted", strategy=strategy)
    db.deploy("late_row", binary(), "flights", strategy=strategy)
    assert rows(db, "SELECT id, predict_label('late', p) FROM parted AS p ORDER BY id") == rows(
        db, "SELECT id, predict_label('late_row', f) FROM flights AS f ORDER BY id"
    )
    assert db.verify("late").ok
    assert db.score("late", key="id", into="scores") == 5


@only_postgres
@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE flights DROP COLUMN age",
        "ALTER TABLE flights ALTER COLUMN age TYPE text",
        "DROP TABLE flights",
    ],
)
def test_the_server_refuses_to_change_what_an_inlined_model_reads(db, change):
    db.deploy("late", binary(), "flights", strategy="expression")
    with pytest.raises(psycopg.errors.DatabaseError, match=r"function|depend"):
        run(db, change)
    run(db, "ALTER TABLE flights DROP COLUMN dist")  # nobody reads it
    run(db, "ALTER TABLE flights RENAME TO journeys")
    assert db.verify("late").ok
    assert rows(db, "SELECT predict_label('late', j) FROM journeys AS j WHERE id = 1") == [("yes",)]


@only_postgres
@pytest.mark.parametrize("change", ["DROP COLUMN age", "RENAME COLUMN age TO years"])
def test_verify_reports_what_the_server_let_pass(db, change):
    db.deploy("late", binary(), "flights", strategy="staged")
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="uses its row type"):
        run(db, "ALTER TABLE flights ALTER COLUMN age TYPE text")
    run(db, f"ALTER TABLE flights {change}")
    with pytest.raises(VerifyError, match=r"has changed:\n  - column 'age': found nothing, needed integer"):
        db.verify("late")


@only_duckdb
def test_verify_reports_a_column_that_is_gone(db):
    db.deploy("late", binary(), "flights")
    run(db, "ALTER TABLE flights DROP COLUMN age")
    with pytest.raises(VerifyError, match=r"has changed:\n  - column 'age': found nothing, needed INTEGER"):
        db.verify("late")


def test_a_table_that_is_gone(db):
    db.deploy("late", binary(), "flights", strategy="staged")
    if db.engine.dialect == "postgres":
        run(db, "DROP TABLE flights CASCADE")
        assert [each.relation for each in db.models()] == ["(dropped)"]
    else:
        run(db, "DROP TABLE flights")
    with pytest.raises(DatabaseError, match="cannot find table"):
        db.verify("late")
    db.drop("late")
    assert db.models() == []


@pytest.mark.parametrize("db", ["duckdb"], indirect=True)
def test_a_dry_run_prints_the_columns_the_plan_and_the_script(db, tmp_path):
    path = tmp_path / "shop.duckdb"
    run(db, f"ATTACH '{path}' AS shop; CREATE TABLE shop.flights AS SELECT * EXCLUDE (age), age AS years FROM flights")
    run(db, "DETACH shop")
    binary().save(tmp_path / "late.indb")
    arguments = ["--db", f"duckdb:///{path}", "--table", "flights", "--rename", "age=years"]
    done = CliRunner().invoke(main, ["deploy", "late", str(tmp_path / "late.indb"), *arguments, "--dry-run"])
    assert done.exit_code == 0, done.output
    assert "strategy: expression" in done.output
    assert "  age from years (INTEGER)\n  city (VARCHAR)\n" in done.output
    assert done.output.index("BEGIN;") < done.output.index("CREATE OR REPLACE MACRO") < done.output.index("COMMIT;")
    assert CliRunner().invoke(main, ["models", "--db", f"duckdb:///{path}"]).output == "no models\n"
    done = CliRunner().invoke(
        main, ["script", "it's", str(tmp_path / "late.indb"), *arguments, "--out", str(tmp_path / "out")]
    )
    assert done.exit_code == 0, done.output
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == [
        "it_s-1-install.sql", "it_s-1-rollback.sql", "it_s-1-uninstall.sql",
    ]  # fmt: skip


@only_postgres
def test_the_server_log_shows_which_model_scores(db):
    """Through the statement that pg_stat_activity and the log show."""
    seen = []
    made = db.deploy("a */ b", regression(), "flights")
    execute = db.engine.execute
    db.engine.execute = lambda statement, values=None: (seen.append(statement), execute(statement, values))[1]
    db.score("a */ b", into="scores")
    tagged = [statement for statement in seen if statement.startswith("/* indb: ")]
    assert len(tagged) == 1
    assert re.match(rf"/\* indb: a \* / b@1, sha256 {made.digest[:12]} \*/ CREATE TABLE", tagged[0])
