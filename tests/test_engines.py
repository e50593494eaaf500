"""The rig itself: databases come and go, and a server does not outlive the process that started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import engines
import psycopg
import pytest


def test_a_database_is_empty_and_dropped(postgres_server):
    with engines.database(postgres_server.dsn, 'indb "odd" name') as dsn, psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ('indb "odd" name',)
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
        connection.commit()
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(dsn)


def test_new_databases_differ(postgres_database):
    assert postgres_database() != postgres_database()


def test_uncommitted_work_is_rolled_back(postgres_connection):
    postgres_connection.execute("CREATE TABLE left_over (id int)")


def test_uncommitted_work_was_rolled_back(postgres_connection):
    assert postgres_connection.execute("SELECT to_regclass('left_over')").fetchone() == (None,)


def test_dsn_forms():
    assert engines.with_database("host=/tmp/a port=5433 dbname=x password='p w'", "n") == (
        "postgresql:///n?password=p%20w&host=%2Ftmp%2Fa&port=5433"
    )
    url = engines.with_database("postgresql://me@127.0.0.1:5433/shop?connect_timeout=3")
    assert psycopg.conninfo.conninfo_to_dict(url) == {
        "user": "me", "host": "127.0.0.1", "port": "5433", "dbname": "shop", "connect_timeout": "3",
    }  # fmt: skip


def test_a_dsn_that_does_not_answer_is_an_error_not_a_detour(monkeypatch):
    monkeypatch.setenv("INDB_TEST_POSTGRES", "postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(engines.NoPostgres, match="does not answer"), engines.postgres():
        pass


def test_without_any_source_the_reasons_are_listed(monkeypatch):
    monkeypatch.delenv("INDB_TEST_POSTGRES", raising=False)
    monkeypatch.delenv("INDB_TEST_IMAGE", raising=False)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent.sock")
    monkeypatch.setattr(engines, "server_binaries", lambda: (_ for _ in ()).throw(engines.NoPostgres("no binaries")))
    with pytest.raises(engines.NoPostgres, match=r"not set; no Docker engine answers; no binaries"), engines.postgres():
        pass


@pytest.mark.postgres
def test_the_server_stops_when_its_owner_is_killed():
    try:
        engines.server_binaries()
    except engines.NoPostgres as error:
        pytest.skip(f"not installed here: {error}")
    script = "import engines, time\nwith engines.private_cluster() as s:\n print(s.dsn, flush=True)\n time.sleep(60)"
    owner = subprocess.Popen(
        [sys.executable, "-c", script], cwd=Path(engines.__file__).parent, stdout=subprocess.PIPE, text=True
    )
    dsn = owner.stdout.readline().strip()
    owner.stdout.close()
    assert engines.version(dsn)
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    folder = Path(psycopg.conninfo.conninfo_to_dict(dsn)["host"])
    for _ in range(200):
        if not (folder / "data").exists():
            break
        time.sleep(0.05)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dsn)
    (folder / "log").unlink()
    folder.rmdir()
