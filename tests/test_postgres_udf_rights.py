"""What a plain user cannot do to models that run as PL/Python: run code of theirs in them, or change what they give."""

import psycopg
import pytest
from deployed import binary, regression
from psycopg import sql

import indb
from indb import codec
from indb.errors import DatabaseError

QUERY = (
    "SELECT id, indb.predict_proba('late', f, 'yes'), indb.predict_label('late', f), indb.far(f), "
    "indb.far(dist => f.dist) FROM public.flights AS f ORDER BY id"
)
SCORES = "SELECT s.key, s.predict, s.predict_proba FROM indb.score('far', 'SELECT id, dist FROM public.flights') AS s"


@pytest.fixture(scope="module")
def shop(plpython, postgres_database):
    """A database with two models that run as PL/Python, and what they give."""
    with indb.connect(postgres_database()) as db:
        db.engine.execute("CREATE TABLE flights (id integer PRIMARY KEY, age integer, city text, dist float8)")
        db.engine.execute("INSERT INTO flights VALUES (1, 10, 'Paris', 0.5), (2, NULL, 'Rome', 'NaN'), (3, 3, NULL, 4)")
        db.engine.execute("GRANT SELECT ON flights TO PUBLIC")
        db.deploy("late", binary(), "flights", strategy="udf")
        db.deploy("far", regression(), "flights", strategy="udf")
        db.grant("late", "public")
        db.grant("far", "public")
        yield db, db.sql(QUERY).fetchall(), sorted(db.sql(SCORES).fetchall())


@pytest.fixture
def plain(shop, role):
    """A new session of a plain user with a schema of their own."""
    db = shop[0]
    db.engine.execute(f"CREATE SCHEMA {role} AUTHORIZATION {role}")
    info = db.engine.connection.info
    with psycopg.connect(info.dsn, password=info.password, autocommit=True) as connection:
        connection.execute(f"SET SESSION AUTHORIZATION {role}")
        yield connection
    db.engine.execute(f"DROP SCHEMA {role} CASCADE")


def assert_unchanged(shop, plain):
    assert plain.execute(QUERY).fetchall() == shop[1]
    assert sorted(plain.execute(SCORES).fetchall()) == shop[2]


def test_a_plain_user_scores(shop, plain):
    assert shop[1][0][3:] == (1.0, 1.0)
    assert shop[1][1][1:] == (None, None, None, None)
    assert_unchanged(shop, plain)
    with indb.connect(plain) as db:
        assert db.sql("SELECT predict('far', f) FROM public.flights AS f WHERE id = 3").fetchall() == [(8.0,)]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM indb.models",
        "SELECT indb.runtime()",
        "SELECT indb.accept_model('x', 'y', NULL)",
        "CREATE FUNCTION indb.far() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "CREATE OR REPLACE FUNCTION {0}.f() RETURNS integer LANGUAGE plpython3u AS 'return 1'",
    ],
)
def test_what_is_not_for_plain_users(plain, role, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        plain.execute(statement.format(role))


def test_load_model_loads_what_is_deployed_and_nothing_else(shop, plain):
    digest = shop[0].models()[0].digest
    assert plain.execute("SELECT indb.load_model(%s, 0)", (digest,)).fetchall() == [(-1,)]
    assert plain.execute("SELECT indb.load_model(NULL, 0)").fetchall() == [(None,)]
    with pytest.raises(psycopg.Error, match="the registry does not hold it"):
        plain.execute("SELECT indb.load_model(%s, 0)", ("0" * 64,))


def test_a_search_path_of_their_own(shop, plain, role):
    """Functions, operators, types and tables that stand before the server's own, on a path that says so."""
    refuse = "LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'theirs ran as %', current_user; END$$"
    for schema in (role, "pg_temp"):
        functions = {
            "load_model(text, integer)": "integer", "runtime()": "void",
            "doubles(double precision[], integer)": "bytea", "accept_model(text, bytea, text[])": "boolean",
            "record_send(record)": "bytea", "unnest(anyarray)": "anyelement", "count()": "bigint",
            "strpos(text, text)": "integer", "length(text)": "integer", "format(text, text)": "text",
            "concat(text, text, text)": "text", "left(text, integer)": "text", "sha256(bytea)": "bytea",
        }  # fmt: skip
        for function, returns in functions.items():
            plain.execute(f"CREATE FUNCTION {schema}.{function} RETURNS {returns} {refuse}")
        pairs = {"=": "double precision", "<>": "text", "+": "integer", "-": "integer", "||": "text", "/": "bigint"}
        for operator, type_ in pairs.items():
            returns = "boolean" if operator in ("=", "<>") else type_
            name = f"{schema}.op_{ord(operator[0])}"
            plain.execute(f"CREATE FUNCTION {name}({type_}, {type_}) RETURNS {returns} {refuse}")
            plain.execute(
                f"CREATE OPERATOR {schema}.{operator} (FUNCTION = {name}, LEFTARG = {type_}, RIGHTARG = {type_})"
            )
        plain.execute(f"CREATE DOMAIN {schema}.text AS integer CHECK (VALUE < 0)")
        plain.execute(f"CREATE DOMAIN {schema}.float8 AS integer CHECK (VALUE < 0)")
        plain.execute(f"CREATE TABLE {schema}.models (digest pg_catalog.text, model bytea, name pg_catalog.text)")
        plain.execute(f"CREATE TABLE {schema}.pg_proc (proname pg_catalog.text, pronamespace oid)")
    for path in (f"{role}, pg_catalog", "pg_temp, pg_catalog", f"{role}, pg_temp, indb, public, pg_catalog"):
        plain.execute(sql.SQL("SET search_path = " + path))
        assert_unchanged(shop, plain)


def test_settings_of_their_own(shop, plain, role):
    for name in ("indb.server_python", "indb.python_path", "plpython.path", "plpython3u.server_python"):
        plain.execute("SELECT set_config(%s, '/tmp', false)", (name,))
    plain.execute("SET standard_conforming_strings = off")
    plain.execute("SET bytea_output = 'escape'")
    assert_unchanged(shop, plain)


def test_a_row_type_of_their_own(shop, plain, role):
    """A table with a cast of theirs does not fit the functions, whose argument is the row of the deployed table."""
    plain.execute(f"CREATE TABLE {role}.flights (id integer, dist double precision)")
    with pytest.raises(psycopg.errors.UndefinedFunction):
        plain.execute(f"SELECT indb.far(f) FROM {role}.flights AS f")


def change(shop, file=None, digest=None):
    """Write a registry row as a thief with the right to do so would."""
    far = shop[0].versions("far")[0]
    if file is not None:
        shop[0].engine.execute("UPDATE indb.models SET model = %s WHERE name = 'far'", (file,))
    if digest is not None:
        shop[0].engine.execute("UPDATE indb.models SET digest = %s WHERE name = 'far'", (digest,))
    return far


@pytest.mark.parametrize("query", [QUERY, SCORES])
def test_another_model_in_the_registry_is_refused(shop, plain, query):
    good, bad = codec.encode(regression()), codec.encode(regression(factor=-1.0))
    for file in (bad, good[:-1] + bytes([good[-1] ^ 1]), b""):
        far = change(shop, file=file)
        try:
            with pytest.raises(psycopg.Error, match=f"cannot load model {far.digest[:12]}: its file was changed"):
                plain.execute(query)
        finally:
            change(shop, file=good)
    far = change(shop, file=bad, digest=codec.digest(regression(factor=-1.0)))
    try:
        with pytest.raises(psycopg.Error, match=f"cannot load model {far.digest[:12]}: the registry does not hold it"):
            plain.execute(query)
    finally:
        change(shop, file=good, digest=far.digest)
    assert_unchanged(shop, plain)


def test_the_functions_that_ask_have_a_path_of_their_own(shop):
    found = shop[0].engine.rows(
        "SELECT proname::text, prosecdef, proconfig FROM pg_proc "
        "WHERE pronamespace = 'indb'::regnamespace AND (prosecdef OR proconfig IS NOT NULL) ORDER BY 1"
    )
    path = "search_path=pg_catalog, pg_temp"
    assert all(path in settings for _, _, settings in found)
    definers = {name for name, is_definer, _ in found if is_definer}
    assert definers == {"load_model", "promote", "rollback", "set_alias", "grant_model", "revoke_model"}


def test_shared_functions_that_a_plain_user_made_first(plpython, postgres_database, role):
    """Whoever may create in the schema could otherwise name the folder of packages, or own what runs as a superuser."""
    with indb.connect(postgres_database()) as db:
        db.engine.execute("CREATE TABLE flights (id integer, dist double precision)")
        db.deploy("far", regression(), "flights", strategy="expression")
        db.engine.execute(f"GRANT CREATE ON SCHEMA indb TO {role}")
        db.engine.execute(f"SET SESSION AUTHORIZATION {role}")
        body = "SELECT /*\nSERVER_PYTHON = '/tmp'\n*/"
        db.engine.execute(f"CREATE FUNCTION indb.runtime() RETURNS void LANGUAGE sql AS $${body}$$")
        db.engine.execute("RESET SESSION AUTHORIZATION")
        with pytest.raises(DatabaseError, match=rf"FUNCTION indb.runtime\(\) belongs to '{role}', needed a superuser"):
            db.deploy("far", regression(), "flights", strategy="udf")
