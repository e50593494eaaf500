"""A deployment that is cut off: at every statement the database is as it was before, and the next one works."""

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psycopg
import pytest
from deployed import binary, opened, regression, rows, run
from engines import NoPostgres, absent, private_cluster, with_database
from sklearn.ensemble import RandomForestRegressor
from test_script import catalog

import indb
from indb.engines.base import Engine
from indb.errors import DatabaseError, DeployError, IndbError


@pytest.fixture(params=["postgres"])
def db(request):
    yield from opened(request)


def another(db):
    info = db.engine.connection.info
    return psycopg.connect(info.dsn, password=info.password or None, autocommit=True)


class Cut(Exception):
    """Stops a deployment in front of one of its statements."""


@pytest.fixture
def cut(monkeypatch):
    """A function: (how many statements are let through, what happens before the next one)."""
    write = Engine.write

    def at(number, happens):
        count = 0

        def counted(engine, sql):
            nonlocal count
            count += 1
            if count == number:
                happens(engine)
            write(engine, sql)

        monkeypatch.setattr(Engine, "write", counted)
        return lambda: count

    yield at
    monkeypatch.setattr(Engine, "write", write)


CHANGES = {
    "first deployment": (None, lambda db: db.deploy("late", binary(), "flights", strategy="expression")),
    "second version": ("late", lambda db: db.deploy("late", regression(), "flights", strategy="staged")),
    "promotion": ("late", lambda db: db.promote("late@1")),
    "rollback": ("late", lambda db: db.rollback("late")),
    "alias": ("late", lambda db: db.alias("late@1", "challenger")),
    "drop": ("late", lambda db: db.drop("late")),
    "grant": ("late", lambda db: db.grant("late", "pg_monitor")),
}


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_a_session_that_is_ended_at_each_step(db, cut, change):
    there, act = CHANGES[change]
    if there:
        db.deploy(there, binary(), "flights")
        db.deploy(there, binary(), "flights")
    with another(db) as observer, indb.connect(observer) as other:
        before, state = catalog(other), [(each.pinned, each.state) for each in _versions(other, there)]

        def kill(engine):
            observer.execute("SELECT pg_terminate_backend(%s)", (engine.connection.info.backend_pid,))

        number, steps = 1, 0
        while steps >= number - 1:
            with another(db) as victim, indb.connect(victim) as own:
                passed = cut(number, kill)
                try:
                    act(own)
                except (IndbError, psycopg.Error) as error:
                    said = str(error)
                else:
                    break
                finally:
                    steps = passed()
                    cut(0, kill)
            assert any(word in said for word in ("terminat", "closed", "lost")), said
            assert catalog(other) == before, f"{change} left something after {number} statements"
            assert [(each.pinned, each.state) for each in _versions(other, there)] == state
            number += 1
        assert number > (1 if there else 10)
    assert catalog(db) != before or change in ("promotion", "rollback", "alias")


def _versions(db, name):
    return db.versions(name) if name else []


def test_an_error_at_the_last_step(db, cut, monkeypatch):
    before = catalog(db)

    def fail(*_):
        raise Cut

    monkeypatch.setattr("indb.deploy.Proof.prove", fail)
    with pytest.raises(Cut):
        db.deploy("late", binary(), "flights")
    assert catalog(db) == before


def test_names_that_are_taken(db):
    db.deploy("other", regression(), "flights")
    for statement in (
        "CREATE FUNCTION indb.late(public.flights) RETURNS text LANGUAGE sql AS $$ SELECT 'mine' $$",
        "CREATE TABLE indb.late (x integer)",
    ):
        run(db, statement)
    before = catalog(db)
    with pytest.raises(
        DeployError, match=r"function .*late\(flights\) exists and was not made by indb\n  Drop or rename"
    ):
        db.deploy("late", binary(), "flights")
    assert catalog(db) == before
    run(db, "DROP FUNCTION indb.late(public.flights)")
    db.deploy("late", binary(), "flights")
    assert rows(db, "SELECT late(f) FROM flights AS f WHERE id = 1") == [("yes",)]


@pytest.fixture
def own_server():
    """A private server that a test may stop, as there is one with binaries here."""
    try:
        with private_cluster() as server:
            yield server
    except NoPostgres as problem:
        absent(problem)


CHILD = """
import os, sys
sys.path[:0] = sys.argv[3:]
from deployed import binary
import indb
from indb.engines.base import Engine

write, count = Engine.write, 0

def counted(engine, sql):
    global count
    count += 1
    if count == int(sys.argv[2]):
        print("here", flush=True)
        sys.stdin.readline()
    write(engine, sql)

Engine.write = counted
with indb.connect(sys.argv[1]) as db:
    db.deploy("late", binary(), "flights")
print("done", flush=True)
"""


def _child(dsn, step):
    """A process that deploys and waits in front of a statement."""
    command = [sys.executable, "-c", CHILD, dsn, str(step), *sys.path]
    found = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return found, found.stdout.readline().strip()


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 5, 8, 12, 16, 20])
def test_a_client_that_is_killed(db, step):
    before = catalog(db)
    child, said = _child(_url(db), step)
    assert said == "here", "the deployment has so many statements"
    child.kill()
    child.wait(30)
    for stream in (child.stdin, child.stdout):
        stream.close()
    deadline = time.monotonic() + 30
    while db.engine.rows("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()") != [(1,)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert catalog(db) == before
    db.deploy("late", binary(), "flights")


def _url(db):
    info = db.engine.connection.info
    return with_database(info.dsn + (f" password={info.password}" if info.password else ""), info.dbname)


@pytest.mark.slow
def test_a_server_that_crashes(own_server, tmp_path):
    """Stopped at once, without a checkpoint, in the middle; it recovers by itself, and nothing is there."""
    with psycopg.connect(own_server.dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE shop")
    dsn = with_database(own_server.dsn, "shop")
    with indb.connect(dsn) as db:
        run(db, "CREATE TABLE flights (id integer PRIMARY KEY, age integer, city text, dist double precision)")
        run(db, "INSERT INTO flights VALUES (1, 10, 'Paris', 0.5)")
        run(db, "CHECKPOINT")
        before = catalog(db)
    for step in itertools.count(1):
        child, said = _child(dsn, step)
        if said == "done":  # there are no more statements
            child.communicate(timeout=60)
            break
        assert said == "here"
        with psycopg.connect(own_server.dsn, autocommit=True) as connection:
            (pid,) = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = 'shop' AND application_name = 'indb'"
            ).fetchone()
        subprocess.run([shutil.which("kill") or "kill", "-9", str(pid)], check=True)  # the server restarts all sessions
        output, _ = child.communicate("\n", timeout=60)
        assert "done" not in output
        assert child.returncode != 0
        deadline = time.monotonic() + 60
        while True:
            try:
                with indb.connect(dsn) as db:
                    assert catalog(db) == before
                break
            except IndbError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
    assert step > 10
    with indb.connect(dsn) as db:
        assert rows(db, "SELECT late(f) FROM flights AS f") == [("yes",)]


@pytest.fixture
def small_disk(monkeypatch):
    """A disk of 160 MB, on which the tests' temporary folders lie meanwhile."""
    folder = Path(tempfile.mkdtemp(prefix="indb-disk-", dir="/tmp"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=160m,mode=755", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        folder.rmdir()
        absent("the right to mount a small disk")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()


@pytest.mark.slow
def test_a_full_disk(small_disk):
    """The statement that finds no room ends the deployment; with room again it works."""
    rng = np.random.default_rng(0)
    data = rng.normal(size=(4000, 2))
    forest = RandomForestRegressor(60, random_state=0).fit(data, rng.normal(size=4000))
    model = indb.read(forest, columns=["age", "dist"])
    try:
        with private_cluster() as server, indb.connect(server.dsn) as db:
            run(db, "CREATE TABLE flights (id integer PRIMARY KEY, age double precision, dist double precision)")
            db.deploy("double", regression(), "flights")
            run(db, "CHECKPOINT")
            before = catalog(db)
            filler = small_disk / "filler"
            with filler.open("wb") as file:
                file.write(bytes(shutil.disk_usage(small_disk).free - (1 << 20)))
            with pytest.raises((DeployError, DatabaseError), match="No space left on device"):
                db.deploy("forest", model, "flights", strategy="staged")
            filler.unlink()
            assert catalog(db) == before
            assert [each.name for each in db.models()] == ["double"]
            db.deploy("late", regression(), "flights")
            assert db.verify("late").ok
    except NoPostgres as problem:
        absent(problem)
