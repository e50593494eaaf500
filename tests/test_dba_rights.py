"""Who may call a model, and what a plain user tries in vain. Roles are in test_dba_roles.py."""

import json

import psycopg
import pytest
from deployed import binary, opened, regression, rows, run
from psycopg import sql

import indb
from indb.errors import DatabaseError


@pytest.fixture(params=["postgres"])
def db(request):
    yield from opened(request)


@pytest.fixture
def session(db, role):
    """A session of a plain role with a schema of its own."""
    run(db, f"CREATE SCHEMA {role} AUTHORIZATION {role}; GRANT SELECT ON flights TO {role}")
    info = db.engine.connection.info
    with psycopg.connect(info.dsn, password=info.password or None, autocommit=True) as connection:
        connection.execute(f"SET SESSION AUTHORIZATION {role}")
        yield connection


CALL = (
    "SELECT indb.predict('double', f), indb.\"double\"(f), indb.predict('double@1', f) FROM flights AS f WHERE id = 1"
)


def test_nothing_is_for_everybody(db, session):
    db.deploy("double", regression(), "flights")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="schema indb"):
        session.execute(CALL)
    granted = (
        "SELECT p.oid::regprocedure::text FROM pg_proc AS p, "
        "aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a "
        "WHERE p.pronamespace = 'indb'::regnamespace AND a.grantee = 0"
    )
    assert db.engine.rows(granted) == []


def test_a_grant_covers_all_versions_and_only_its_model(db, session, role):
    db.deploy("double", regression(), "flights")
    db.deploy("late", binary(), "flights")
    db.grant("double", role)
    assert session.execute(CALL).fetchall() == [(1.0, 1.0, 1.0)]
    for call in ("indb.predict_label('late', f)", "indb.late(f)", 'indb."late@1"(f)', "indb.late(f.age, f.city)"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied for function late"):
            session.execute(f"SELECT {call} FROM flights AS f")
    db.deploy("double", regression(factor=5.0), "flights")
    assert session.execute(CALL).fetchall() == [(2.5, 2.5, 1.0)]
    db.rollback("double")
    assert session.execute(CALL).fetchall() == [(1.0, 1.0, 1.0)]
    db.promote("double@2")
    assert session.execute(CALL).fetchall() == [(2.5, 2.5, 1.0)]
    db.revoke("double", role)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute(CALL)
    events = [(each.action, each.details) for each in db.history("double")]
    assert {("grant", f"to {role}"), ("revoke", f"from {role}")} <= set(events)


def test_a_revoked_model_does_not_take_the_others_along(db, session, role):
    db.deploy("double", regression(), "flights")
    db.deploy("late", binary(), "flights")
    db.grant("double", role)
    db.grant("late", role)
    db.revoke("late", role)
    assert session.execute(CALL).fetchall() == [(1.0, 1.0, 1.0)]
    db.drop("double")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="schema indb"):
        session.execute("SELECT indb.refuse('a', 'b', 'c')")


def test_everybody(db, session):
    db.deploy("double", regression(), "flights")
    db.grant("double", "public")
    assert session.execute(CALL).fetchall() == [(1.0, 1.0, 1.0)]
    db.deploy("double", regression(factor=4.0), "flights")
    assert session.execute(CALL).fetchall() == [(2.0, 2.0, 1.0)]


def test_what_cannot_be_granted(db, role):
    with pytest.raises(indb.errors.NotDeployed):
        db.grant("double", role)
    db.deploy("double", regression(), "flights")
    with pytest.raises(DatabaseError, match="^cannot grant 'double' to .*: there is no such role\n  CREATE ROLE first"):
        db.grant("double", "nobody'; DROP TABLE flights; --")
    with pytest.raises(DatabaseError, match="it was not granted"):
        db.revoke("double", role)


ATTACKS = [
    "SELECT indb.promote('double', 1)",
    "SELECT indb.rollback('double')",
    "SELECT indb.set_alias('double', 'x', 1)",
    "SELECT indb.grant_model('double', current_user)",
    "SELECT indb.revoke_model('double', current_user)",
    "SELECT indb.apply_grants()",
    "SELECT indb.withdraw('public')",
    "SELECT indb.rebuild_names()",
    "SELECT indb.drop_unused()",
    "SELECT indb.register('x', 1, 'd', 'flights', 's', '{}', '{}', '', 'x')",
    "SELECT indb.prove('double', 1)",
    "SELECT indb.lock()",
    "SELECT model FROM indb.models",
    "SELECT * FROM indb.golden_rows",
    "INSERT INTO indb.aliases VALUES ('double', 'x', 1)",
    "UPDATE indb.models SET state = 'archived'",
    "DELETE FROM indb.events",
    "CREATE OR REPLACE FUNCTION indb.version_of(model text) RETURNS text LANGUAGE sql RETURN 'double@1'",
    "CREATE FUNCTION indb.mine() RETURNS integer LANGUAGE sql RETURN 1",
    "CREATE TABLE indb.mine (x integer)",
    "ALTER FUNCTION indb.version_of(text) OWNER TO CURRENT_USER",
    "DROP FUNCTION indb.version_of(text) CASCADE",
    "COMMENT ON FUNCTION indb.version_of(text) IS 'mine'",
    "ALTER SCHEMA indb RENAME TO mine",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_a_caller_may_not_do(db, session, role, attack):
    db.deploy("double", regression(), "flights")
    db.deploy("double", regression(factor=3.0), "flights")
    db.grant("double", role)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute(attack)
    assert session.execute(CALL).fetchall() == [(1.5, 1.5, 1.0)]


SHADOWS = """
CREATE FUNCTION {0}.version_of(text) RETURNS text LANGUAGE sql AS $$ SELECT 'double@1' $$;
CREATE FUNCTION {0}.lower(text) RETURNS text LANGUAGE sql AS $$ SELECT 'mine' $$;
CREATE FUNCTION {0}.eq(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
CREATE OPERATOR {0}.= (FUNCTION = {0}.eq, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION {0}.times(float8, float8) RETURNS float8 LANGUAGE sql AS $$ SELECT 666.0::float8 $$;
CREATE OPERATOR {0}.* (FUNCTION = {0}.times, LEFTARG = float8, RIGHTARG = float8);
CREATE DOMAIN {0}.float8 AS integer;
CREATE TABLE {0}.models (name text);
CREATE FUNCTION {0}.quote_literal(text) RETURNS text LANGUAGE sql AS $$ SELECT 'mine' $$;
"""


def test_a_search_path_of_their_own(db, session, role):
    """What the database computes and changes does not depend on the path of whoever asks for it."""
    db.deploy("double", regression(), "flights")
    db.deploy("double", regression(factor=3.0), "flights")
    db.grant("double", role)
    session.execute(SHADOWS.format(role))
    for path in (f"{role}, pg_catalog, public", f"{role}, indb, public", f"{role}, pg_temp, pg_catalog"):
        session.execute(f"SET search_path = {path}")
        assert session.execute(CALL.replace("FROM flights", "FROM public.flights").replace(
            "id = 1", "id OPERATOR(pg_catalog.=) 1")).fetchall() == [(1.5, 1.5, 1.0)]  # fmt: skip
    run(db, f"SET search_path = {role}, pg_catalog, public, indb")
    try:
        db.rollback("double")
        db.promote("double@2")
        db.alias("double@1", "before")
        db.grant("double", "pg_monitor")
        assert db.engine.rows("SELECT indb.prove('double', 2)")[0][0] > 5
    finally:
        run(db, "SET search_path = public, indb")
    assert session.execute("SELECT indb.predict('double@before', f) FROM public.flights AS f "
                           "WHERE id OPERATOR(pg_catalog.=) 1").fetchall() == [(1.0,)]  # fmt: skip


NASTY = [
    "x'); DROP TABLE flights; --",
    'x"; DROP TABLE flights; --',
    "$body$",
    "%s %(a)s {0} \\",
    "x\\'; --",
    "ünï 'q' \"d\"",
]


@pytest.mark.parametrize("text", NASTY)
def test_names_and_values_that_try_to_be_statements(db, text, role):
    """Through the name of a model, of a table, of a column, a label, a key, an alias, a role."""
    table, column = f"t {text}", f"c {text}"[:60]
    create = sql.SQL("CREATE TABLE {} ({} float8, city text, id integer PRIMARY KEY)")
    db.engine.connection.execute(create.format(sql.Identifier(table), sql.Identifier(column)))
    insert = sql.SQL("INSERT INTO {} VALUES (10, {}, 1), (-50, NULL, 2)")
    db.engine.connection.execute(insert.format(sql.Identifier(table), sql.Literal(text)))
    model = binary(age=column, labels=("no", text))
    name = text[:30]
    made = db.deploy(name, model, table)
    query = sql.SQL("SELECT predict_label({0}, t), predict_proba({0}, t, {1}) > 0.5 FROM {2} AS t WHERE id = 1").format(
        sql.Literal(name), sql.Literal(text), sql.Identifier(table)
    )
    assert db.sql(query.as_string(db.engine.connection)).fetchall() == [(text, True)]
    db.deploy(name, model, table)
    db.rollback(name)
    with pytest.raises(DatabaseError):
        db.alias(made.pinned, text)
    with pytest.raises(DatabaseError):
        db.grant(name, text)
    db.grant(name, role)
    assert db.verify(name).ok
    assert db.score(name, into=f"s {text}") == 2
    assert db.versions(name)[0].source == {"class": "Test"}
    db.drop(name)
    assert rows(db, "SELECT count(*) FROM flights") == [(5,)]


def test_a_log_that_tells_who(db):
    run(db, "SET application_name = 'a ''client'' of mine'")
    db.deploy("double", regression(), "flights")
    (first, *_) = db.history("double")
    assert (first.action, first.application) == ("deploy", "a 'client' of mine")
    assert first.login == db.engine.rows("SELECT session_user::text")[0][0]
    assert first.address
    plan = json.loads(db.engine.rows("SELECT plan FROM indb.models")[0][0])
    assert plan["strategy"] == "expression"
    assert plan["reason"]
