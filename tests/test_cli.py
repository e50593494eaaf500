"""The command line: each command on a small model, its messages, its exit codes."""

import json

import duckdb
import joblib
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression

import indb
from indb.cli import main


@pytest.fixture
def files(tmp_path):
    """A fitted estimator as .joblib and .indb, and a database with a table for it."""
    frame = pd.DataFrame({"age": [1.0, 5.0, 20.0, 30.0], "dist": [0.0, 1.0, 0.0, 1.0]})
    fitted = LogisticRegression().fit(frame, ["no", "no", "yes", "yes"])
    joblib.dump(fitted, tmp_path / "late.joblib")
    indb.read(fitted).save(tmp_path / "late.indb")
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE flights (id integer PRIMARY KEY, age integer, dist double)")
        connection.execute("INSERT INTO flights SELECT i, i, i * 0.5 FROM range(10) AS t(i)")
    return {"db": f"duckdb:///{path}", "indb": str(tmp_path / "late.indb"), "joblib": str(tmp_path / "late.joblib")}


def run(*arguments, code=0):
    result = CliRunner().invoke(main, list(arguments), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def test_a_model_from_file_to_scores_and_out_again(files):
    db = files["db"]
    assert "strategy: expression" in run("plan", files["indb"], "--db", db, "--table", "flights")
    plan = json.loads(run("plan", files["indb"], "--db", db, "--table", "flights", "--json"))
    assert plan["columns"]["age"] == {"column": "age", "type": "INTEGER"}
    assert run("models", "--db", db) == "no models\n"
    output = run("deploy", "late", files["joblib"], "--trust", "--db", db, "--table", "flights")
    assert output.startswith("late@1 for main.flights, expression, ")
    assert "SELECT predict_label('late', r)" in output
    assert run("score", "late", "--db", db, "--into", "scores", "--chunk-rows", "3").endswith("10 rows scored\n")
    assert "late@1: equal; 10 rows" in run("verify", "late", "--db", db)
    assert run("verify", "late", "--db", db, "--model", files["joblib"], "--trust").count("equal") == 2
    swapped = ("--rename", "dist=age", "--rename", "age=dist")
    run("deploy", "late", files["indb"], "--db", db, "--table", "flights", *swapped)
    (listed,) = json.loads(run("models", "--db", db, "--json"))
    assert (listed["name"], listed["version"], listed["table"]) == ("late", 2, "main.flights")
    assert run("models", "--db", db).splitlines()[1].split()[:4] == ["late", "2", "production", "main.flights"]
    assert run("drop", "late", "--db", db) == "dropped late\n"


def test_show_and_sql(files):
    assert "Model(class LogisticRegression" in run("show", files["indb"])
    for dialect in ("duckdb", "postgres"):
        text = run("sql", files["indb"], "--dialect", dialect, "--table", "flights", "--key", "id")
        assert text.startswith("-- ")
        assert '"predict_proba_yes"' in text
    with duckdb.connect(files["db"].removeprefix("duckdb:///")) as connection:
        text = run("sql", files["indb"], "--table", "flights", "--key", "id", "--output", "predict")
        assert len(connection.execute(text).fetchall()) == 10


def test_errors_are_one_line_and_the_next_step(files):
    db = files["db"]
    assert "Error: " in (output := run("show", files["joblib"], code=1))
    assert "trust" in output
    assert "Traceback" not in output
    output = run("deploy", "late", files["indb"], "--db", db, "--table", "flight", code=1)
    assert output.startswith("Error: cannot find table 'flight'")
    assert output.endswith("Did you mean 'flights'?\n")
    output = run("sql", files["indb"], "--table", "t", "--dialect", "posgres", code=1)
    assert "Did you mean 'postgres'" in output
    assert "cannot find model 'late'" in run("score", "late", "--db", db, code=1)
    assert "cannot find model 'late'" in run("verify", "late", "--db", db, code=1)
    assert "cannot find model 'late'" in run("drop", "late", "--db", db, code=1)
    assert "scheme 'mysql'" in run("models", "--db", "mysql://x", code=1)
    assert "write MODEL=TABLE" in run("plan", files["indb"], "--db", db, "--table", "flights", "--rename", "x", code=2)
    run("deploy", "late", files["indb"], "--db", db, "--table", "flights")
    assert "it holds no fitted estimator" in run("verify", "late", "--db", db, "--model", files["indb"], code=1)


def test_verify_fails_with_exit_code_1(files, tmp_path):
    run("deploy", "late", files["indb"], "--db", files["db"], "--table", "flights")
    frame = pd.DataFrame({"age": [1.0, 5.0, 20.0, 30.0], "dist": [0.0, 1.0, 0.0, 1.0]})
    joblib.dump(LogisticRegression(C=0.001).fit(frame, ["yes", "no", "no", "yes"]), tmp_path / "other.joblib")
    output = run("verify", "late", "--db", files["db"], "--model", str(tmp_path / "other.joblib"), "--trust", code=1)
    assert "first: predict" in output


def test_every_command_has_help_with_an_example():
    for name, command in main.commands.items():
        output = run(name, "--help")
        assert f"indb {name}" in output.split("Options:")[0].split("\n", 1)[1], name
        assert command.short_help is None


def test_version():
    assert indb.__version__ in run("--version")
