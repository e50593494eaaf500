"""The DBA's side on PostgreSQL 15 to 18: scripts by a plain role, the extension, dump and restore."""

import os
import subprocess
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd
import psycopg
import pytest
from engines import PACKAGES, NoPostgres, absent, copied_cluster, database
from psycopg import sql
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from test_script import catalog, execute

import indb
from indb.engines.postgres_extension import files
from indb.errors import DatabaseError

OWNER = "shop_dba"
SERVERS = ("debian", *PACKAGES)


class Server:
    """A server: the DSN of a superuser, and the folder of its programs, a copy that may be changed."""

    def __init__(self, dsn, programs):
        self.dsn, self.programs = dsn, programs

    def ask(self, program, *options):
        """What a program of the server prints."""
        done = subprocess.run([str(self.programs / program), *options], capture_output=True, text=True, check=False)
        assert not done.returncode, done.stderr
        return done.stdout


@pytest.fixture(scope="module", params=SERVERS)
def server(request):
    with ExitStack() as stack:
        try:
            found, programs = stack.enter_context(copied_cluster(request.param))
        except NoPostgres as problem:
            absent(problem)
        yield Server(found.dsn, programs)


@pytest.fixture(scope="module")
def owner(server):
    """A role without superuser that owns the database of a test."""
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (OWNER,)).fetchone():
            connection.execute(f"CREATE ROLE {OWNER} LOGIN NOSUPERUSER NOCREATEROLE")
    yield OWNER
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(f"DROP ROLE {OWNER}")


@pytest.fixture
def shop(server, owner, request):
    """A new database of a plain role, with a table; opened by that role."""
    name = f"shop_{os.getpid()}"
    with database(server.dsn, name) as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(*map(sql.Identifier, (name, owner))))
            connection.execute("CREATE TABLE customers (id integer PRIMARY KEY, age integer, city text, spend float8)")
            connection.execute(f"ALTER TABLE customers OWNER TO {owner}")
            with connection.cursor().copy("COPY customers FROM STDIN") as copy:
                for row in FRAME.itertuples():
                    copy.write_row((row.Index, row.age, row.city, None if np.isnan(row.spend) else row.spend))
        with psycopg.connect(dsn, autocommit=True) as session:
            session.execute(f"SET SESSION AUTHORIZATION {owner}")
            with indb.connect(session) as db:
                yield db


def _frame():
    rng = np.random.default_rng(3)
    size = 400
    spend = np.where(rng.random(size) < 0.2, np.nan, rng.normal(50.0, 30.0, size).round(2))
    cities = rng.choice(["Paris", "O'Hare", "Zürich", ""], size)
    return pd.DataFrame({"age": rng.integers(18, 90, size), "city": cities, "spend": spend})


FRAME = _frame()
LABELS = np.where((FRAME["age"] > 50) ^ (FRAME["city"] == "Paris"), "yes", "no")


def pipeline(estimator):
    return make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(), StandardScaler()), ["age", "spend"]),
            (OneHotEncoder(handle_unknown="ignore"), ["city"]),
        ),
        estimator,
    ).fit(FRAME, LABELS)


MODELS = {
    "pipeline": lambda: pipeline(LogisticRegression()),
    "forest": lambda: pipeline(RandomForestClassifier(100, max_depth=8, random_state=0)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_script_of_a_real_model_by_a_plain_role(shop, owner, name):
    fitted = MODELS[name]()
    before = catalog(shop)
    script = shop.script(name, indb.read(fitted), "customers", proof=indb.golden_rows(fitted, FRAME[:60]))
    as_owner = f"SET SESSION AUTHORIZATION {owner};\n"
    execute(shop, as_owner + script.install)
    assert shop.verify(name, model_object=fitted).ok
    assert shop.engine.rows(f"SELECT indb.prove('{name}', 1)")[0][0] > 60
    execute(shop, as_owner + script.install)
    execute(shop, as_owner + script.uninstall)
    assert catalog(shop) == before


@pytest.fixture
def extension(server):
    """The server with the files of the extensions in its folder, which is ours to change."""
    with psycopg.connect(server.dsn) as connection:
        ((share,),) = connection.execute("SELECT setting FROM pg_config WHERE name = 'SHAREDIR'").fetchall()
    folder = Path(share) / "extension"
    assert (folder / "plpgsql.control").exists()
    for name, content in files().items():
        (folder / name).write_text(content, encoding="utf-8")
        (folder / name).chmod(0o644)
    return server


def dumped(server, shop, *options):
    """What pg_dump writes."""
    info = shop.engine.connection.info
    place = ["--host", info.host, "--port", str(info.port), "--username", "postgres"]
    return server.ask("pg_dump", *place, *options, info.dbname)


PREDICT = (
    "SELECT id, predict_label('m', c), m(c), predict_proba('m@challenger', c, 'yes') FROM customers AS c ORDER BY id"
)


def deployed(shop):
    """Two versions with an alias, and what they give."""
    for estimator in (LogisticRegression(), LogisticRegression(C=0.1)):
        fitted = pipeline(estimator)
        shop.deploy("m", indb.read(fitted), "customers", proof=indb.golden_rows(fitted, FRAME[:20]))
    shop.alias("m@1", "challenger")
    shop.grant("m", "pg_monitor")
    return shop.sql(PREDICT).fetchall()


@pytest.mark.slow
@pytest.mark.parametrize("form", ["plain", "extension"])
def test_dump_and_restore(request, server, shop, form):
    if form == "extension":
        request.getfixturevalue("extension")
        shop.engine.execute("CREATE EXTENSION indb")
    wanted = deployed(shop)
    history = shop.history("m")
    dump = dumped(server, shop)
    assert ("CREATE EXTENSION IF NOT EXISTS indb " in dump) is (form == "extension")
    info = shop.engine.connection.info
    name = f"{info.dbname}_again"
    with database(server.dsn, name) as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(*map(sql.Identifier, (name, OWNER))))
        done = subprocess.run(
            ["psql", "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--host", info.host,
             "--port", str(info.port), "--username", "postgres", name],
            input=f"SET SESSION AUTHORIZATION {OWNER};\n{dump}", capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert not done.returncode, done.stderr
        with psycopg.connect(dsn, autocommit=True) as session:
            session.execute(f"SET SESSION AUTHORIZATION {OWNER}")
            with indb.connect(session) as again:
                assert again.sql(PREDICT).fetchall() == wanted
                assert again.history("m") == history
                assert again.verify("m").ok
                assert again.engine.rows("SELECT indb.prove('m', 2)")[0][0] > 20
                assert again.rollback("m").version == 1
                assert again.deploy("m", indb.read(pipeline(LogisticRegression(C=9.0))), "customers").version == 3
                session.execute("RESET SESSION AUTHORIZATION")
                session.execute("SET ROLE pg_monitor")
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match="table customers"):
                    session.execute("SELECT indb.m(c) FROM customers AS c")


@pytest.mark.slow
def test_an_extension_from_the_version_before(extension, shop):
    """What indb 0.1 left: a registry without states, here with a model in it as that version wrote it."""
    shop.engine.execute("CREATE EXTENSION indb VERSION '0.1'")
    model = indb.read(pipeline(LogisticRegression()))
    lane = '{"target": "", "output": "predict", "label": null, "type": "double", "lane": 0, "suffix": ""}'
    signature = f'{{"columns": [], "lanes": [{lane}], "targets": [{{"name": "", "labels": null}}]}}'
    for version in (1, 2, 3):
        function = f'indb."old@{version}"(customers)'
        shop.engine.execute(f"CREATE FUNCTION {function} RETURNS float8 LANGUAGE sql RETURN {version}.0")
        shop.engine.execute(f"COMMENT ON FUNCTION {function} IS 'indb: old@{version}'")
        shop.engine.execute(
            "INSERT INTO indb.models (name, version, digest, relation, strategy, signature, source, model) "
            "VALUES ('old', %s, 'd', 'customers', 'expression', %s, '{}', 'x')",
            (version, signature),
        )
    with pytest.raises(DatabaseError, match="an older indb made it\n.*indb upgrade"):
        shop.models()
    shop.engine.execute("ALTER EXTENSION indb UPDATE")
    assert [(each.version, each.state, each.previous) for each in shop.versions("old")] == [
        (1, "archived", None), (2, "archived", None), (3, "production", 2),
    ]  # fmt: skip
    assert shop.engine.rows("SELECT name, role FROM indb.grants") == [("old", "public")]
    shop.deploy("m", model, "customers")
    assert shop.verify("m").ok
    assert shop.sql("SELECT predict('old', c), predict('old@1', c) FROM customers AS c LIMIT 1").fetchall() == [
        (3.0, 1.0)
    ]
    shop.drop("old")
    new = catalog(shop)
    shop.drop("m")
    shop.engine.execute("DELETE FROM indb.models")
    shop.engine.execute("DROP FUNCTION indb.version_of(text); DROP EXTENSION indb CASCADE")
    shop.engine.execute("CREATE EXTENSION indb")
    shop.deploy("m", model, "customers")
    assert [row for row in catalog(shop) if row[0] in ("class", "proc", "type")] == [
        row for row in new if row[0] in ("class", "proc", "type")
    ]


@pytest.mark.slow
def test_a_registry_of_a_newer_indb_is_left_alone(extension, shop):
    shop.engine.execute("CREATE EXTENSION indb")
    shop.engine.connection.execute("RESET SESSION AUTHORIZATION")
    shop.engine.execute("UPDATE pg_extension SET extversion = '9.1' WHERE extname = 'indb'")
    shop.engine.connection.execute(f"SET SESSION AUTHORIZATION {OWNER}")
    before = catalog(shop)
    with pytest.raises(DatabaseError, match=r"found its version 9.1, of a newer indb, .*\n  Upgrade"):
        shop.deploy("m", indb.read(pipeline(LogisticRegression())), "customers")
    assert catalog(shop) == before


@pytest.mark.slow
@pytest.mark.parametrize("server", ["debian"], indirect=True)  # the others have no PL/Python
def test_the_extension_of_python_functions(extension, shop, owner):
    connection = shop.engine.connection
    connection.execute("RESET SESSION AUTHORIZATION")
    connection.execute("CREATE EXTENSION indb_udf CASCADE")
    functions = "SELECT count(*) FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid AND d.deptype = 'e'"
    assert shop.engine.rows(f"{functions} WHERE e.extname = 'indb_udf'")[0][0] == 7
    fitted = MODELS["forest"]()
    proof = indb.golden_rows(fitted, FRAME[:40])
    shop.deploy("near", indb.read(fitted), "customers", strategy="udf", proof=proof)
    assert shop.verify("near").ok
    shop.grant("near", owner)
    wanted = shop.sql("SELECT id, predict_label('near', c) FROM customers AS c ORDER BY id").fetchall()
    with psycopg.connect(connection.info.dsn, autocommit=True) as plain:
        plain.execute(f"SET SESSION AUTHORIZATION {owner}")
        plain.execute("SET search_path = public, indb")
        assert plain.execute("SELECT id, predict_label('near', c) FROM customers AS c ORDER BY id").fetchall() == wanted
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            plain.execute("DROP EXTENSION indb_udf CASCADE")
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        connection.execute("DROP EXTENSION indb_udf")
    shop.drop("near")
    connection.execute("DROP EXTENSION indb_udf")
    connection.execute(f"SET SESSION AUTHORIZATION {owner}")
