"""The roles of indb, on a server of their own: roles belong to a whole server. The full list is in pgtap/rights.sql."""

import subprocess
from pathlib import Path

import psycopg
import pytest
from deployed import FLIGHTS, VALUES, binary, regression, rows, run
from engines import NoPostgres, absent, database, private_cluster
from test_dba_rights import CALL
from test_script import execute, psql_environment

import indb

PGTAP = Path(__file__).parent / "pgtap" / "rights.sql"


@pytest.fixture(scope="module")
def server():
    try:
        with private_cluster() as found:
            with psycopg.connect(found.dsn, autocommit=True) as connection:
                connection.execute("CREATE ROLE anna LOGIN; CREATE ROLE boris LOGIN; CREATE ROLE analysts")
            yield found
    except NoPostgres as problem:
        absent(problem)


@pytest.fixture
def db(server):
    """A new database with the roles of indb, opened by the superuser."""
    with database(server.dsn, "shop") as dsn, indb.connect(dsn) as db:
        run(db, FLIGHTS)
        run(db, VALUES)
        run(db, "GRANT SELECT ON flights TO anna, boris")
        db.create_roles()
        yield db
        run(db, "REVOKE indb_admin, indb_scorer FROM anna, boris")


@pytest.fixture
def session(db):
    """A session of anna."""
    with psycopg.connect(db.engine.connection.info.dsn, autocommit=True) as connection:
        connection.execute("SET SESSION AUTHORIZATION anna")
        yield connection


def test_members_of_indb_admin_deploy_for_one_another(db, session):
    run(db, "GRANT indb_admin TO anna, boris")
    with indb.connect(session) as own:
        own.deploy("double", regression(), "flights")
        assert own.history("double")[0].login == "anna"
        session.execute("SET SESSION AUTHORIZATION DEFAULT")
        session.execute("SET SESSION AUTHORIZATION boris")
        assert own.deploy("double", regression(factor=3.0), "flights").version == 2
        own.rollback("double")
        own.grant("double", "pg_monitor")
        assert own.drop("double@2") is None
        assert {each.login for each in own.history("double")} == {"anna", "boris"}
        session.execute("SET SESSION AUTHORIZATION DEFAULT")
        session.execute("SET SESSION AUTHORIZATION anna")
    owners = "SELECT DISTINCT proowner::regrole::text FROM pg_proc WHERE pronamespace = 'indb'::regnamespace"
    assert db.engine.rows(owners) == [("indb_admin",)]


def test_a_script_with_roles(db, session):
    """One file for a DBA: roles first, then what members of indb_admin own."""
    run(db, "REVOKE ALL ON DATABASE shop FROM indb_admin; DROP ROLE indb_admin; DROP ROLE indb_scorer")
    script = db.script("double", regression(), "flights", roles=True).install
    assert "CREATE ROLE indb_admin" not in db.script("double", regression(), "flights").install
    execute(db, script)
    execute(db, script)
    run(db, "GRANT indb_scorer TO anna; GRANT indb_admin TO boris")
    assert session.execute(CALL).fetchall() == [(1.0, 1.0, 1.0)]


def test_the_role_that_scores_everything(db, session):
    db.deploy("double", regression(), "flights")
    run(db, "GRANT indb_scorer TO anna")
    assert session.execute(CALL).fetchall() == [(1.0, 1.0, 1.0)]
    db.deploy("late", binary(), "flights")
    assert session.execute("SELECT indb.late(f) FROM flights AS f WHERE id = 1").fetchall() == [("yes",)]
    for table in ("models", "golden_rows", "events", "grants", "aliases"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(f"SELECT * FROM indb.{table}")


def test_an_admin_promotes_what_a_superuser_deployed(db, session):
    db.deploy("double", regression(), "flights")
    db.deploy("double", regression(factor=3.0), "flights")
    run(db, "GRANT indb_admin TO anna")
    session.execute("SELECT indb.rollback('double')")
    assert rows(db, "SELECT predict('double', f) FROM flights AS f WHERE id = 1") == [(1.0,)]
    session.execute("SELECT indb.promote('double', 2)")
    session.execute("SELECT indb.set_alias('double', 'before', 1)")
    session.execute("SELECT indb.grant_model('double', 'pg_monitor')")
    assert session.execute("SELECT indb.prove('double', 1)").fetchone() is not None
    assert [(each.action, each.login) for each in db.history("double")][-4:] == [
        ("rollback", "anna"), ("promote", "anna"), ("alias", "anna"), ("grant", "anna"),
    ]  # fmt: skip


def test_every_object_and_every_grant(db):
    """pgTAP compares the schema with the list in its file."""
    if not db.engine.rows("SELECT 1 FROM pg_available_extensions WHERE name = 'pgtap'"):
        absent("pgTAP")
    run(db, "CREATE EXTENSION pgtap")
    db.deploy("double", regression(), "flights")
    db.grant("double", "analysts")
    done = subprocess.run(
        ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"],
        input=PGTAP.read_text(), capture_output=True, text=True, check=False, env=psql_environment(db),
    )  # fmt: skip
    assert not done.returncode, done.stderr
    assert "not ok" not in done.stdout, done.stdout
    assert "Looks like" not in done.stdout, done.stdout  # another number of tests than was planned
    assert done.stdout.splitlines()[0].startswith("1..")
