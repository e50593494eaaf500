"""What only DuckDB has: rows of other shapes, files that are opened again; and targets that cannot be opened."""

import subprocess
import sys

import duckdb
import numpy as np
import pandas as pd
import pytest
from deployed import binary, regression, run
from sklearn.tree import DecisionTreeClassifier

import indb
from indb.errors import DatabaseError, DeployError


def test_duckdb_rows_of_other_shapes():
    with indb.connect("duckdb://") as db:
        run(db, "CREATE TABLE flights (id integer, age integer, city varchar, dist double)")
        run(db, "CREATE TABLE trains (id integer, city date, speed double)")
        run(db, "INSERT INTO flights VALUES (1, 10, 'Paris', 2.0)")
        run(db, "INSERT INTO trains VALUES (1, NULL, 3.0)")
        db.deploy("late", binary(), "flights")
        db.deploy("fast", regression("speed"), "trains")
        plain = db.engine.connection  # a client that knows nothing of indb
        ask = "SELECT predict_label('late', g) FROM ({}) AS g"
        assert plain.execute(ask.format("SELECT City, 10::SMALLINT AS AGE FROM flights")).fetchall() == [("yes",)]
        assert plain.execute(ask.format("SELECT *, 1 AS more FROM flights")).fetchall() == [("yes",)]
        assert plain.execute("SELECT predict('fast', t) FROM trains AS t").fetchall() == [(6.0,)]
        for source, lacks in (
            ("SELECT age FROM flights", r"the row lacks city \(text\)"),
            ("SELECT 1 AS other", r"the row lacks age \(an integer\), city \(text\)"),
            ("SELECT 'x' AS age, 'y' AS city", r"the row lacks age \(an integer\)"),
            ("SELECT 10.3 AS age, 'y' AS city", r"the row lacks age \(an integer\)"),  # a cast would round it
            ("SELECT * FROM trains", "the row lacks age"),
        ):
            with pytest.raises(duckdb.Error, match=lacks):
                plain.execute(ask.format(source)).fetchall()
            with pytest.raises(DatabaseError, match=f'{lacks}|Could not find key "(age|city)"'):  # DuckDB's own words
                db.sql(ask.format(source)).fetchall()
        with pytest.raises(duckdb.Error, match="model 'lat' is unknown\n  Known: fast, fast@1, late, late@1"):
            plain.execute("SELECT predict('lat', f) FROM flights AS f").fetchall()


def test_duckdb_fractions_are_not_rounded_to_the_types_of_the_table():
    frame = pd.DataFrame({"a": np.arange(40), "b": np.arange(40) % 7 * 0.5})
    tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(frame, frame["a"] + frame["b"] > 14.2)
    rows = pd.DataFrame({"a": [11.0, 12.0, 12.0, 13.0], "b": [3.0 - 2**-40, 1.2499999, 2.2500001, 1.7500001]})
    expected = [bool(label) for label in tree.predict(rows)]
    with indb.connect("duckdb://") as db:
        run(db, "CREATE TABLE t (a integer, b decimal(6, 1))")
        db.deploy("m", indb.read(tree), "t")
        plain = db.engine.connection
        for (a, b), label in zip(rows.itertuples(index=False), expected, strict=True):
            other = f"SELECT {a:.0f} AS a, {b!r}::DOUBLE AS b"
            assert plain.execute(f"SELECT predict_label('m', r) FROM ({other}) AS r").fetchone() == (
                str(label).lower(),
            )
            assert plain.execute(f"SELECT m(a => {a!r}, b => {b!r}::DOUBLE)").fetchone() == (label,)
        border = float(tree.tree_.threshold[tree.tree_.feature == 0][0])
        found = [plain.execute(f"SELECT m(a => {border + step!r}, b => 0)").fetchone()[0] for step in (-0.25, 0.25)]
        assert found == [
            bool(label) for label in tree.predict(pd.DataFrame({"a": [border - 0.25, border + 0.25], "b": 0.0}))
        ]


def test_duckdb_macros_work_in_a_file_that_is_opened_again(tmp_path):
    path = tmp_path / "a b.duckdb"
    with indb.connect(f"duckdb:///{path}") as db:
        run(db, "CREATE TABLE flights (id integer, dist double)")
        run(db, "INSERT INTO flights VALUES (1, 2)")
        db.deploy("double", regression(), "flights")
    with duckdb.connect(str(path), read_only=True) as plain:
        assert plain.execute("SELECT predict('double', f) FROM flights AS f").fetchall() == [(4.0,)]
        with indb.connect(plain) as db:
            assert db.verify("double").ok
            with pytest.raises(DeployError, match="read-only"):
                db.deploy("double", regression(), "flights")
        assert plain.execute("SELECT 1").fetchall() == [(1,)]


def test_duckdb_reserved_names_and_open_transactions(duckdb_connection):
    duckdb_connection.execute("CREATE TABLE flights (id integer, dist double)")
    with indb.connect(duckdb_connection) as db:
        with pytest.raises(DeployError, match="function 'sum' is part of DuckDB"):
            db.deploy("sum", regression(), "flights")
        db.deploy("Double", regression(), "flights")
        with pytest.raises(DeployError, match="does not tell it from the deployed 'Double'"):
            db.deploy("double", regression(), "flights")
        duckdb_connection.begin()
        with pytest.raises(DatabaseError, match="open transaction"):
            db.drop("Double")
        duckdb_connection.rollback()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("mysql://x/y", "scheme 'mysql' is unknown. Known: duckdb, postgres, postgresql"),
        ("postgresq://x/y", "Did you mean 'postgresql'"),
        ("flights.duckdb", "the target is no URL"),
        ("postgresql://nobody:secret@127.0.0.1:1/none", "cannot connect to PostgreSQL at 127.0.0.1 port 1.*\n  Check"),
        ("duckdb:////no/such/folder/x.duckdb", "cannot open the DuckDB file"),
        (3, "cannot connect to a int"),
    ],
)
def test_targets_that_cannot_be_opened(target, message):
    with pytest.raises(DatabaseError, match=message) as caught:
        indb.connect(target)
    assert "secret" not in str(caught.value)


def test_import_is_light():
    heavy = ("numpy", "duckdb", "sklearn", "psycopg")
    code = f"import sys, indb; indb.errors; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
