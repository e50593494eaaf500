"""Models through pg_upgrade, from PostgreSQL 16 to 17, as the server's own tool does it."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg
import pytest
from engines import NoPostgres, absent, copy_of_package, server_user
from sklearn.linear_model import LogisticRegression
from test_dba_servers import FRAME, MODELS, PREDICT, pipeline

import indb
from indb.engines.postgres_extension import files


class Cluster:
    """A cluster that is started and stopped by hand."""

    def __init__(self, major, folder):
        self.programs = copy_of_package(major, folder)
        self.data, self.folder, self.user = folder / f"data{major}", folder, server_user()
        self.run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")

    def run(self, program, *arguments):
        command = [str(each) for each in (self.programs / program, *arguments)]
        done = subprocess.run(
            command, cwd=self.folder, user=self.user, text=True, check=False, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
        )  # fmt: skip
        assert not done.returncode, done.stdout

    def __enter__(self):
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder} -c fsync=off"
        self.run("pg_ctl", "-D", self.data, "-w", "-o", options, "-l", self.folder / "log", "start")
        return f"postgresql:///postgres?host={self.folder}&user=postgres"

    def __exit__(self, *_):
        self.run("pg_ctl", "-D", self.data, "-w", "-m", "fast", "stop")


@pytest.fixture
def folder():
    """A folder of the server's user, with a short name: a socket lies in it."""
    made = Path(tempfile.mkdtemp(prefix="indb-up-", dir="/tmp"))
    if server_user():
        shutil.chown(made, server_user())
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["plain", "extension"])
def test_pg_upgrade(folder, form):
    try:
        old, new = Cluster("16", folder), Cluster("17", folder)
    except NoPostgres as problem:
        absent(problem)
    for cluster in (old, new):
        (share,) = {path.parent for path in cluster.programs.parent.rglob("plpgsql.control")}
        for name, content in files().items():
            (share / name).write_text(content, encoding="utf-8")
            (share / name).chmod(0o644)
    with old as dsn, indb.connect(dsn) as db:
        db.engine.execute("CREATE TABLE customers (id integer PRIMARY KEY, age integer, city text, spend float8)")
        with db.engine.connection.cursor().copy("COPY customers FROM STDIN") as copy:
            for row in FRAME.itertuples():
                copy.write_row((row.Index, row.age, row.city, None if row.spend != row.spend else row.spend))
        if form == "extension":
            db.engine.execute("CREATE EXTENSION indb")
        db.deploy("m", indb.read(pipeline(LogisticRegression())), "customers")
        db.deploy("m", indb.read(MODELS["forest"]()), "customers", strategy="staged")
        db.alias("m@1", "challenger")
        db.grant("m", "pg_monitor")
        wanted, history = db.sql(PREDICT).fetchall(), db.history("m")
    new.run(
        "pg_upgrade", "--old-bindir", old.programs, "--new-bindir", new.programs, "--old-datadir", old.data,
        "--new-datadir", new.data, "--username", "postgres", "--socketdir", folder,
    )  # fmt: skip
    with new as dsn, indb.connect(dsn) as db:
        assert db.engine.version.startswith("postgres 17")
        assert db.sql(PREDICT).fetchall() == wanted
        assert db.history("m") == history
        assert db.verify("m").ok
        assert db.engine.rows("SELECT indb.prove('m', 1) > 10, indb.prove('m', 2) > 10") == [(True, True)]
        assert db.rollback("m").version == 1
        assert db.deploy("m", indb.read(pipeline(LogisticRegression(C=9.0))), "customers").version == 3
        with psycopg.connect(dsn, autocommit=True) as plain:
            plain.execute(
                "GRANT SELECT ON customers TO pg_monitor; SET ROLE pg_monitor; SET search_path = public, indb"
            )
            assert len(plain.execute(PREDICT).fetchall()) == len(wanted)
