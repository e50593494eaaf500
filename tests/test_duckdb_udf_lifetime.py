"""The Python functions of models in DuckDB live no longer and no shorter than they should."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deployed import binary, objects, regression, rows, run
from test_duckdb_udf import ASK, DOUBLED, filled, python_functions
from zoo import ZOO

import indb
from indb.database import Database
from indb.engines.duckdb_arrow import SCORERS
from indb.errors import DatabaseError, DeployError, VerifyError
from indb.runtime.scorer import Scorer
from indb.verify import GoldenRows


@pytest.fixture
def db():
    with indb.connect("duckdb://") as database:
        yield filled(database)


def test_drop_lets_go_of_the_function_and_the_model(db: Database) -> None:
    before = objects(db)
    db.deploy("double", regression(), "flights", strategy="udf")
    db.deploy("double", regression(factor=4.0), "flights", strategy="udf")
    assert rows(db, ASK) == [(2.0,), (6.0,), (None,), (None,)]
    assert rows(db, "SELECT predict('double@1', f) FROM flights AS f WHERE id = 1") == [(1.0,)]
    scorers = [weakref.ref(each) for each in SCORERS.values()]
    assert (len(python_functions(db)), len(scorers)) == (2, 2)
    db.drop("double")
    gc.collect()
    assert [scorer() for scorer in scorers] == [None, None]
    assert [each for each in objects(db) if each not in before and ".indb" not in each[1]] == [
        each for each in objects(db) if each[1].startswith("indb.") or each == ("s", "indb", "")
        or each[1] in ("refuse", "unknown")
    ]  # fmt: skip
    assert python_functions(db) == []
    db.deploy("double", regression(), "flights", strategy="udf")
    assert rows(db, ASK) == DOUBLED


def test_a_dropped_name_that_means_another_model_in_another_connection(db: Database) -> None:
    db.deploy("double", regression(), "flights", strategy="udf")
    plain = db.engine.connection
    with indb.connect(plain.cursor()) as other:
        other.drop("double")
        other.deploy("double", regression(factor=5.0), "flights", strategy="udf")
        assert rows(other, ASK)[0] == (2.5,)
        with pytest.raises(duckdb.Error, match="it runs in Python, which this connection does not know"):
            plain.execute(ASK).fetchall()  # and not the model that was dropped
        assert rows(db, ASK)[0] == (2.5,)
        assert plain.execute(ASK).fetchall()[0] == (2.5,)
        other.drop("double")
        db.models()
    assert python_functions(db) == []


def test_a_failed_proof_leaves_nothing(db: Database) -> None:
    db.deploy("double", regression(), "flights", strategy="udf")
    before = (objects(db), python_functions(db))
    wrong = GoldenRows({"age": [10.0], "city": ["Paris"]}, {"predict": [["no"]]})
    for name in ("double", "late"):
        with pytest.raises(VerifyError):
            db.deploy(name, binary(), "flights", strategy="udf", proof=wrong)
    gc.collect()
    assert (objects(db), python_functions(db)) == before
    assert len(SCORERS) == 1
    assert rows(db, ASK) == DOUBLED
    right = GoldenRows({"age": [10.0], "city": ["Paris"]}, {"predict": [["yes"]]})
    assert db.deploy("late", binary(), "flights", strategy="udf", proof=right).version == 1
    assert rows(db, "SELECT late(10, 'Paris')") == [("yes",)]


def test_a_drop_that_is_rolled_back_keeps_the_function(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    db.deploy("double", regression(), "flights", strategy="udf")

    def fail(name: str, versions: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(db.engine, "remove", fail)
    with pytest.raises(KeyboardInterrupt):
        db.drop("double")
    gc.collect()
    assert db.engine.connection.execute(ASK).fetchall() == DOUBLED


def test_functions_of_a_transaction_that_the_user_rolls_back(tmp_path: Path) -> None:
    path = str(tmp_path / "shop.duckdb")
    with indb.connect(f"duckdb:///{path}") as db:
        filled(db).deploy("double", regression(), "flights", strategy="udf")
    with duckdb.connect(path) as plain:
        plain.begin()
        db = indb.connect(plain)
        assert plain.execute(ASK).fetchall() == DOUBLED
        plain.rollback()
        with pytest.raises(duckdb.Error, match="it runs in Python"):
            plain.execute(ASK).fetchall()
        assert rows(db, ASK) == DOUBLED
        assert rows(db, ASK) == DOUBLED
        assert len(python_functions(db)) == 1


def test_threads_load_the_model_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "shop.duckdb"
    estimator, frame = ZOO["one_hot_forest"]()
    model = indb.read(estimator)
    with indb.connect(f"duckdb:///{path}") as db:
        db.engine.connection.register("frame", frame)
        run(db, "CREATE TABLE t AS SELECT frame.* FROM frame, range(40000 // (SELECT count(*) FROM frame))")
        db.deploy("forest", model, "t", strategy="udf")
        db.engine.connection.unregister("frame")
        query = "SELECT sum(hash(predict_proba('forest', t, 'red'))) FROM t"
        wanted = rows(db, query)
    gc.collect()
    loads: list[int] = []
    load = Scorer.load

    def counted(data: bytes, threads: int) -> Scorer:
        loads.append(len(data))
        return load(data, threads)

    monkeypatch.setattr(Scorer, "load", counted)
    with duckdb.connect(str(path), config={"threads": 4}) as plain:
        connections = [plain.cursor() for _ in range(4)]
        for each in connections:
            indb.connect(each)
        found: list[Any] = [None] * 4

        def ask(number: int) -> None:
            found[number] = connections[number].execute(query).fetchall()

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [wanted] * 4
        assert len(loads) == 1


def test_a_connection_is_let_go_of(tmp_path: Path) -> None:
    path = tmp_path / "shop.duckdb"
    with indb.connect(f"duckdb:///{path}") as db:
        filled(db).deploy("double", regression(), "flights", strategy="udf")
    plain = duckdb.connect(str(path))
    indb.connect(plain)
    assert plain.execute(ASK).fetchall() == DOUBLED
    gone = weakref.ref(plain)
    del plain
    gc.collect()
    assert gone() is None
    assert not SCORERS
    duckdb.connect(str(path), config={"threads": 1}).close()  # refused while the file is open with other settings


def test_a_model_that_is_not_the_one_that_was_deployed(tmp_path: Path) -> None:
    path = tmp_path / "shop.duckdb"
    with indb.connect(f"duckdb:///{path}") as db:
        filled(db).deploy("double", regression(), "flights", strategy="udf")
        db.deploy("other", regression(factor=3.0), "flights", strategy="expression")
        run(db, "UPDATE indb.models SET model = (SELECT model FROM indb.models WHERE name = 'other')")
    with indb.connect(f"duckdb:///{path}") as db:
        message = "^cannot predict with 'double@1': the registry holds another model than was deployed\\n  Deploy"
        with pytest.raises(DatabaseError, match=message):
            rows(db, ASK)
        run(db, "DELETE FROM indb.models")
        with pytest.raises(duckdb.Error, match="cannot predict with 'double@1': it was dropped"):
            db.engine.connection.execute(ASK).fetchall()


def test_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "shop.duckdb"
    with indb.connect(f"duckdb:///{path}") as db:
        filled(db).deploy("double", regression(), "flights", strategy="udf")
        before = objects(db)
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(DeployError, match="pyarrow is missing"):
            db.deploy("late", binary(), "flights", strategy="udf")
        assert objects(db) == before
    with indb.connect(f"duckdb:///{path}") as db:
        db.deploy("plain", regression(), "flights", strategy="expression")
        assert rows(db, ASK.replace("double", "plain")) == DOUBLED
        with pytest.raises(
            DatabaseError, match="it runs in Python, where pyarrow is missing\n  pip install .indb.udf."
        ):
            rows(db, ASK)
        db.drop("double")


def test_server_python_is_refused(db: Database) -> None:
    with pytest.raises(DeployError, match="with server_python: DuckDB runs in this process"):
        db.deploy("double", regression(), "flights", strategy="udf", server_python="/usr/lib/python3/dist-packages")
    assert db.models() == []


def test_a_connection_that_was_closed(duckdb_connection: duckdb.DuckDBPyConnection) -> None:
    closed = duckdb_connection.cursor()
    closed.close()
    with pytest.raises(DatabaseError, match="cannot connect to DuckDB: .*already closed"):
        indb.connect(closed)


@pytest.mark.parametrize("opened", ["indb.connect('duckdb:///{}')", "indb.connect(duckdb.connect('{}'))"])
def test_no_notice_of_leaks_when_a_program_ends_with_an_open_database(tmp_path: Path, opened: str) -> None:
    path = tmp_path / "shop.duckdb"
    with indb.connect(f"duckdb:///{path}") as db:
        filled(db).deploy("double", regression(), "flights", strategy="udf")
    code = f'import duckdb, indb; db = {opened.format(path)}; print(db.sql("{ASK}").fetchall())'
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (found.stdout.strip(), found.stderr) == (str(DOUBLED), "")
