"""Models that run in Python in DuckDB: the bits of `evaluate`, and functions that live as long as they should."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from deployed import binary, regression, rows, run, several
from sklearn.neighbors import KNeighborsClassifier
from tables import KEY, TABLE, create
from test_matrix import CHANGED, SAMPLED, Expected, expect, expected, narrow, public_calls

import indb
from indb import build
from indb.database import Database
from indb.emit import output_lanes, quote
from indb.emit.outputs import OutputLane, label_text
from indb.engines.duckdb_arrow import PythonModel
from indb.errors import DatabaseError
from indb.evaluate import decode
from indb.ir import Column, Model, Target

OUTPUTS = ("predict", "predict_proba", "decision_function", "transform")
LABELS = {"double": float, "bigint": int, "boolean": bool, "text": str}
NO_PYTHON = "cannot predict with '{}': it runs in Python, which this connection does not know"


class Exact(Expected):
    """What `evaluate` gives, to the last bit, on every row."""

    def check(self, lane: OutputLane, found: Sequence[Any], what: str) -> None:
        target = self.target(lane)
        values = self.values[target.name][lane.output]
        if lane.output == "predict" and target.labels is not None:
            self.check_labels(decode(target.labels, values), found, what)
            return
        assert not any(value is not None and value != value for value in found), f"{what}: NaN for NULL"
        got = np.array([np.nan if value is None else value for value in found])
        wanted = values[:, lane.lane]
        self.report(np.flatnonzero((got != wanted) & ~(np.isnan(got) & np.isnan(wanted))), got, wanted, what)

    def check_typed(self, lane: OutputLane, found: Sequence[Any], what: str) -> None:
        """Hold values to `check`, and labels to their type."""
        labels = self.target(lane).labels
        if lane.output == "predict" and labels is not None:
            assert {type(value) for value in found if value is not None} <= {LABELS[lane.type]}
            if lane.type == "text":
                texts = decode(labels, self.values[self.target(lane).name]["predict"])
                self.check_labels([None if label is None else label_text(label) for label in texts], found, what)
                return
        self.check(lane, found, what)


def exact(case: Expected) -> Exact:
    return Exact(case.model, case.optimised, case.rows, case.values, case.slack, np.zeros_like(case.open))


@pytest.mark.parametrize("name", SAMPLED)
def test_every_call_gives_the_bits_of_evaluate(duckdb_connection: duckdb.DuckDBPyConnection, name: str) -> None:
    check_calls(duckdb_connection, exact(expected(name)))


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGED)
def test_columns_of_other_types(duckdb_connection: duckdb.DuckDBPyConnection, name: str) -> None:
    check_calls(duckdb_connection, exact(expect(name, narrow)))


def check_calls(duckdb_connection: duckdb.DuckDBPyConnection, case: Exact) -> None:
    """Every call of the public surface, and score."""
    create(duckdb_connection.execute, "duckdb", case.rows)
    with indb.connect(duckdb_connection) as database:
        made = database.deploy("zoo's", case.model, TABLE, strategy="udf")
        assert made.strategy == "udf"
        checks = list(public_calls(case, "duckdb", [column.column for column in made.columns]))
        if checks:
            query = f'SELECT {", ".join(call for call, _ in checks)} FROM {TABLE} AS r ORDER BY r."{KEY}"'
            found = zip(*database.sql(query).fetchall(), strict=True)
            for (call, check), values in zip(checks, found, strict=True):
                check(values, call)
        assert database.score("zoo's", into="scores", outputs=OUTPUTS) == len(case.rows)
        scores = list(zip(*rows(database, f'SELECT * FROM scores ORDER BY "{KEY}"'), strict=True))
        assert scores[0] == tuple(range(len(case.rows)))
        for lane, values in zip(output_lanes(case.optimised), scores[1:], strict=True):
            case.check_typed(lane, values, f"{lane.name} of score")
        assert database.verify("zoo's").ok


FLIGHTS = "CREATE TABLE flights (id integer PRIMARY KEY, age integer, city varchar, dist double)"
VALUES = (
    "INSERT INTO flights VALUES (1, 10, 'Paris', 0.5), (2, NULL, 'Rome', 1.5), (3, 30, NULL, 'nan'), (4, -4, '', NULL)"
)
ASK = "SELECT predict('double', f) FROM flights AS f ORDER BY id"
DOUBLED = [(1.0,), (3.0,), (None,), (None,)]


def filled(database: Database) -> Database:
    run(database, FLIGHTS)
    run(database, VALUES)
    return database


@pytest.fixture
def db():
    with indb.connect("duckdb://") as database:
        yield filled(database)


def python_functions(database: Database) -> list[str]:
    query = "SELECT function_name FROM duckdb_functions() WHERE starts_with(function_name, 'python:')"
    return [name for (name,) in database.engine.rows(query)]


def constant() -> Model:
    return Model((), (Target("", {"predict": build.number(0.75)}),))


def unread() -> Model:
    """A model that has columns which no output needs, of both types."""
    model = binary()
    return Model((*model.columns, Column("gone")), model.targets)


def test_a_row_is_scored_once(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB calls a function once for all lanes that a query asks for."""
    db.deploy("late", binary(), "flights", strategy="udf")
    sizes: list[int] = []
    score = PythonModel.score

    def counted(self: PythonModel, columns: Sequence[Any]) -> Any:
        sizes.append(len(columns[0]))
        return score(self, columns)

    monkeypatch.setattr(PythonModel, "score", counted)
    calls = "predict_label('late', f), predict_proba('late', f), predict_score('late@1', f), late(f)"
    assert len(rows(db, f"SELECT {calls} FROM flights AS f")) == 4
    assert sizes == [4]
    db.score("late", outputs=OUTPUTS)
    assert sizes == [4, 4]


def test_a_file_that_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "shop.duckdb"
    with indb.connect(f"duckdb:///{path}") as db:
        filled(db).deploy("double", regression(), "flights", strategy="udf")
        db.deploy("late", binary(), "flights", strategy="udf")
        db.deploy("plain", regression(), "flights", strategy="expression")
        assert rows(db, ASK) == DOUBLED
    with indb.connect(f"duckdb:///{path}") as db:
        assert rows(db, ASK) == DOUBLED
        assert db.verify("late").ok
        db.deploy("triple", regression(factor=3.0), "flights", strategy="udf")
    with duckdb.connect(str(path), read_only=True) as plain:
        with indb.connect(plain) as db, indb.connect(plain):
            assert rows(db, ASK) == DOUBLED
            assert db.verify("triple").ok
        assert plain.execute(ASK).fetchall() == DOUBLED  # it was handed in: it stays as it is


PLAIN = """
import duckdb, sys
with duckdb.connect(sys.argv[1]) as plain:
    print(plain.execute("SELECT predict('plain', f) FROM flights AS f ORDER BY id").fetchall())
    for query in ("SELECT predict('double', f) FROM flights AS f", "SELECT double(f) FROM flights AS f",
                  "SELECT label FROM labels", "SELECT late(10, 'Paris')"):
        try:
            plain.execute(query).fetchall()
        except duckdb.Error as error:
            print(error)
"""


def test_a_file_that_is_opened_without_indb(tmp_path: Path) -> None:
    """Models that are SQL work; the others say how to run them, and do so to the same program afterwards."""
    path = tmp_path / "shop.duckdb"
    with indb.connect(f"duckdb:///{path}") as db:
        filled(db).deploy("double", regression(), "flights", strategy="udf")
        db.deploy("plain", regression(), "flights", strategy="expression")
        db.deploy("late", binary(), "flights", strategy="udf")
        run(db, "CREATE VIEW labels AS SELECT predict_label('late', f) AS label FROM flights AS f")
    found = subprocess.run([sys.executable, "-c", PLAIN, str(path)], capture_output=True, text=True, check=True)
    first, *errors = found.stdout.splitlines()
    assert first == str(DOUBLED)
    for model, error, hint in zip(("double@1", "double@1", "late@1", "late@1"), errors[::2], errors[1::2], strict=True):
        assert error == "Invalid Input Error: " + NO_PYTHON.format(model)
        assert hint == "  Open the database with indb.connect, or hand it this connection."
    with duckdb.connect(str(path)) as plain:
        with pytest.raises(duckdb.Error, match="it runs in Python"):
            plain.execute(ASK).fetchall()
        indb.connect(plain)
        assert plain.execute(ASK).fetchall() == DOUBLED
        assert plain.execute("SELECT label FROM labels").fetchall() == [("yes",), (None,), ("yes",), ("no",)]


def test_several_models_and_tables(db: Database) -> None:
    run(db, "CREATE TABLE trains (id integer, age decimal(6, 1), speed float, town varchar)")
    run(db, "INSERT INTO trains VALUES (1, 1.5, 0.25, 'x'), (2, NULL, NULL, NULL)")
    db.deploy("double", regression(), "flights", strategy="udf")
    db.deploy("fast", regression("speed"), "trains", strategy="udf")
    db.deploy("plain", regression("speed", 3.0), "trains", strategy="expression")
    db.deploy("two", several(), "flights", strategy="udf")
    assert rows(db, ASK) == DOUBLED
    assert rows(db, "SELECT predict('fast', t), predict('plain', t) FROM trains AS t") == [(0.5, 0.75), (None, None)]
    query = "SELECT predict('two', f, 'up'), predict_label('two', f, 'it''s') FROM flights AS f ORDER BY id LIMIT 2"
    assert rows(db, query) == [(11.0, "true"), (None, "true")]
    with pytest.raises(DatabaseError, match="the row lacks speed|Could not find key .speed."):
        rows(db, "SELECT predict('fast', f) FROM flights AS f")
    assert rows(db, "SELECT predict('fast', t) FROM (SELECT 4 AS speed) AS t") == [(8.0,)]
    assert [db.verify(name).ok for name in ("double", "fast", "two")] == [True] * 3


@pytest.mark.parametrize(
    "labels", [("no", "yes"), (3, 7), (0.5, 1.5), (False, True), (1, 2**63), (-(2**60) - 1, 2**60)]
)
def test_labels_keep_their_type(db: Database, labels: tuple[Any, Any]) -> None:
    db.deploy("late", binary(labels=labels), "flights", strategy="udf")
    wide = any(abs(label) >= 2**63 for label in labels if not isinstance(label, str))
    wanted = [label_text(label) if wide else label for label in labels]
    found = rows(
        db, "SELECT late(f), late(age => f.age, city => f.city) FROM flights AS f WHERE id IN (1, 4) ORDER BY id"
    )
    assert found == [(wanted[1], wanted[1]), (wanted[0], wanted[0])]
    assert {type(value) for row in found for value in row} == {type(wanted[0])}
    assert rows(db, "SELECT predict_label('late', f) FROM flights AS f WHERE id = 1") == [(label_text(labels[1]),)]
    assert db.verify("late").ok


def test_calls_without_a_table(db: Database) -> None:
    db.deploy("late", binary(), "flights", strategy="udf")
    db.deploy("always", constant(), "flights", strategy="udf")
    db.deploy("wide", unread(), "flights", strategy="udf")
    assert rows(db, "SELECT late(age => 10, city => 'Paris'), late(-30.5, NULL), late(NULL, 'x')") == [
        ("yes", "no", None)
    ]
    assert rows(db, "SELECT predict('always', f) FROM flights AS f") == [(0.75,)] * 4
    assert rows(db, "SELECT predict_label('wide', r) FROM (SELECT 10 AS age, 'Paris' AS city) AS r") == [("yes",)]
    assert rows(db, "SELECT predict_label('late', f) FROM flights AS f WHERE id > 9") == []


def test_a_foreign_model(db: Database) -> None:
    """What only its library can compute; a row that it refuses is NULL."""
    frame = pd.DataFrame({"age": np.arange(40.0), "dist": np.arange(40.0) % 7})
    fitted = KNeighborsClassifier(3).fit(frame, np.where(frame["age"] > 11, "yes", "no"))
    db.deploy("late", indb.read(fitted), "flights", strategy="udf", proof=indb.golden_rows(fitted, frame))
    wanted = fitted.predict(pd.DataFrame({"age": [10.0], "dist": [0.5]})).tolist()
    labels = [*wanted, None, None, None]  # the other rows have NULL or NaN
    assert rows(db, "SELECT predict_label('late', f) FROM flights AS f ORDER BY id") == [(each,) for each in labels]
    assert db.score("late", outputs=("predict",)) == 4
    assert rows(db, "SELECT predict FROM flights_late ORDER BY id") == [(each,) for each in labels]


def test_odd_names(db: Database) -> None:
    column, key = 'we"ird; é.X', "Predict"
    run(db, f'CREATE TABLE "t "" x" ("{key}" integer, {quote("duckdb", column)} double, "{KEY}" varchar)')
    run(db, """INSERT INTO "t "" x" VALUES (1, 2.0, 'a'), (2, NULL, 'b')""")
    name = "5% 'off'; é.X\""
    made = db.deploy(name, regression(column), 't " x', strategy="udf")
    assert db.verify(name).ok
    assert db.score(name, key=[key, KEY], into="scores") == 2
    assert db.sql("SELECT * FROM scores ORDER BY 1").fetchall() == [(1, "a", 4.0), (2, "b", None)]
    assert [column[0] for column in db.sql("SELECT * FROM scores").description] == [key, KEY, "predict_"]
    db.drop(made.name)
    assert python_functions(db) == []


def test_score_in_chunks(db: Database) -> None:
    db.deploy("late", binary(), "flights", strategy="udf")
    assert db.score("late", chunk_rows=1) == 4
    labels = [(1, "yes"), (2, None), (3, "yes"), (4, "no")]
    assert rows(db, "SELECT id, predict FROM flights_late ORDER BY id") == labels
