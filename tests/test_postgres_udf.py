"""Models as PL/Python in PostgreSQL: the bits of `evaluate` through every call, in batches and in parallel workers."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import psycopg
import pytest
from deployed import binary, objects, regression, rows
from tables import KEY, TABLE, create
from test_matrix import CHANGED, SAMPLED, Expected, expect, narrow, public_calls
from zoo import ZOO

import indb
from indb import build
from indb.deploy import Proof
from indb.emit import Strategy, output_lanes, quote
from indb.engines import postgres_udf
from indb.engines.postgres import Postgres
from indb.errors import DatabaseError, DeployError
from indb.ir import Column, Concat, Linear, Model, Target

OUTPUTS = ("predict", "predict_proba", "decision_function", "transform")


class Exact(Expected):
    """What a model gives, to the last bit, on every row."""

    def check(self, lane, found, what):
        target = self.target(lane)
        values = self.values[target.name][lane.output]
        if lane.output == "predict" and target.labels is not None:
            super().check(lane, found, what)
            return
        wanted = values[:, lane.lane]
        assert not any(value is not None and value != value for value in found), f"{what}: NaN for NULL"
        got = np.array([np.nan if value is None else value for value in found])
        self.report(np.flatnonzero((got != wanted) & ~(np.isnan(got) & np.isnan(wanted))), got, wanted, what)


@pytest.fixture(scope="module")
def server_python(postgres_dsn):
    """The folder of this numpy; None where the server cannot read it: its own numpy may round exp() otherwise."""
    folder = str(Path(np.__file__).resolve().parents[1])
    probe = f"import sys\nsys.path.insert(0, {folder!r})\nimport numpy\nassert numpy.__version__ == {np.__version__!r}"
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS plpython3u")
        try:
            connection.execute(f"DO $$\n{probe}\n$$ LANGUAGE plpython3u")
        except psycopg.Error:
            folder = None
        connection.rollback()
    return folder


def case_of(name, server_python, kinds=None):
    """A case of the zoo; without this very numpy on the server it is held to the matrix's own tolerance."""
    case = expect(name, kinds)
    if server_python is None:
        return case
    values = {field.name: getattr(case, field.name) for field in dataclasses.fields(case)}
    return Exact(**{**values, "open": np.zeros(len(case.rows), dtype=bool)})


@pytest.mark.parametrize("name", SAMPLED)
def test_every_call_gives_the_bits_of_evaluate(plpython, postgres_connection, server_python, name):
    case = case_of(name, server_python)
    create(postgres_connection.execute, "postgres", case.rows)
    postgres_connection.execute("SET LOCAL jit = off")
    with indb.connect(postgres_connection) as db:
        made = db.deploy("zoo's", case.model, TABLE, strategy="udf", server_python=server_python)
        check_tables(db, case)
        if any("transform" in target.outputs for target in case.model.targets):
            assert db.verify("zoo's", tolerance=None if server_python is None else 1e-300).ok
            return
        checks = list(public_calls(case, "postgres", [column.column for column in made.columns]))
        calls = ", ".join(call for call, _ in checks)
        found = list(zip(*rows(db, f'SELECT {calls} FROM {TABLE} AS r ORDER BY r."{KEY}"'), strict=True))
    for (call, check), values in zip(checks, found, strict=True):
        check(values, call)


def check_tables(db, case):
    """A table of scores in several chunks, and in one."""
    lanes = output_lanes(case.optimised)
    for chunk_rows in (50, None):
        assert db.score("zoo's", into="scores", outputs=OUTPUTS, chunk_rows=chunk_rows) == len(case.rows)
        cursor = db.sql("SELECT * FROM scores ORDER BY 1")
        names = [column[0] for column in cursor.description]
        found = list(zip(*cursor.fetchall(), strict=True))
        assert names[0] == KEY
        assert found[0] == tuple(range(len(case.rows)))
        for lane, name, values in zip(lanes, names[1:], found[1:], strict=True):
            assert lane.name.encode().startswith(name.encode())
            case.check(lane, values, f"{lane.name} of score")


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGED)
def test_columns_of_other_types(plpython, postgres_connection, server_python, name):
    case = case_of(name, server_python, narrow)
    create(postgres_connection.execute, "postgres", case.rows)
    with indb.connect(postgres_connection) as db:
        made = db.deploy("zoo's", case.model, TABLE, strategy="udf", server_python=server_python)
        check_tables(db, case)
        lanes = {(lane.target, lane.output, lane.lane): made.function(lane) for lane in made.lanes}
        for lane in output_lanes(case.optimised):
            function = quote("postgres", lanes[lane.target, lane.output, lane.lane])
            found = rows(db, f'SELECT indb.{function}(r) FROM {TABLE} AS r ORDER BY r."{KEY}"')
            case.check(lane, [value for (value,) in found], lane.name)


def wide(n_columns):
    """The sum of many columns, times their numbers."""
    columns = tuple(Column(f"x{number}") for number in range(n_columns))
    linear = Linear(Concat(columns), np.arange(1.0, n_columns + 1).reshape(1, -1), np.array([0.5]))
    return Model(columns, (Target("", {"predict": linear}),))


def test_more_columns_than_a_function_has_arguments(plpython, postgres_connection):
    fields = ", ".join(f"x{number} double precision DEFAULT 1" for number in range(130))
    postgres_connection.execute(f"CREATE TABLE many (id integer PRIMARY KEY, {fields})")
    postgres_connection.execute("INSERT INTO many (id, x129) VALUES (1, 2), (2, NULL)")
    with indb.connect(postgres_connection) as db:
        db.deploy("many", wide(130), "many", strategy="udf")
        wanted = [(sum(range(1, 131)) + 130 + 0.5,), (None,)]
        assert rows(db, "SELECT predict('many', m) FROM many AS m ORDER BY id") == wanted
        db.score("many")
        assert rows(db, "SELECT predict FROM many_many ORDER BY id") == wanted


def test_a_model_without_columns(plpython, postgres_connection):
    postgres_connection.execute("CREATE TABLE t AS SELECT 1 AS id")
    with indb.connect(postgres_connection) as db:
        db.deploy("one", Model((), (Target("", {"predict": build.number(1.5)}),)), "t", strategy="udf")
        assert rows(db, "SELECT predict('one', t), indb.one(t) FROM t") == [(1.5, 1.5)]
        db.score("one", key="id")
        assert rows(db, "SELECT * FROM t_one") == [(1, 1.5)]


@pytest.fixture
def flights(plpython, postgres_database):
    """A new database with 10,000 flights and two models that run as PL/Python."""
    with indb.connect(postgres_database()) as db:
        fill(db.engine.execute)
        db.deploy("late", binary(), "flights", strategy="udf")
        db.deploy("far", regression(), "flights", strategy="udf")
        yield db


def fill(run):
    run("CREATE TABLE flights (id integer PRIMARY KEY, age integer, city text, dist double precision)")
    run(
        "INSERT INTO flights SELECT i, i % 90, (ARRAY['Paris', 'Rome', NULL])[1 + i % 3], i / 8.0 "
        "FROM generate_series(1, 10000) AS i"
    )


def session(db):
    """Another connection to the same database, with nothing loaded."""
    info = db.engine.connection.info
    connection = psycopg.connect(info.dsn, password=info.password, autocommit=True)
    connection.execute("SET search_path = public, indb")
    return connection


def test_parallel_workers_score(flights):
    query = "SELECT id, predict_proba('late', f), predict('far', f), predict_label('late', f) FROM flights AS f"
    with session(flights) as connection:
        alone = sorted(connection.execute(query).fetchall())
    with session(flights) as connection:
        version = connection.info.server_version
        connection.execute(f"SET {'debug_parallel_query' if version >= 160000 else 'force_parallel_mode'} = on")
        connection.execute("SET parallel_setup_cost = 0")
        connection.execute("SET parallel_tuple_cost = 0")
        connection.execute("SET min_parallel_table_scan_size = 0")
        plan = "\n".join(row[0] for row in connection.execute(f"EXPLAIN (ANALYZE, VERBOSE) {query}"))
        assert "Workers Launched: " in plan
        assert "Workers Launched: 0" not in plan
        assert plan.index("Gather") < plan.index(".udf")
        assert sorted(connection.execute(query).fetchall()) == alone
    assert alone[0][2] == 0.25


def test_the_row_function_is_inlined_down_to_the_columns(flights):
    (plan,) = ["\n".join(row[0] for row in rows(flights, "EXPLAIN (VERBOSE) SELECT predict('far', f) FROM flights f"))]
    assert "f.*" not in plan
    assert '"far@1.udf"(0, doubles(ARRAY[COALESCE(dist,' in plan


def test_indb_score_in_plain_sql(flights):
    with session(flights) as connection:
        found = connection.execute(
            "SELECT s.*, predict_proba('late', f, 'yes'), predict_score('late', f), predict_label('late', f) "
            "FROM indb.score('late', 'SELECT id, * FROM flights WHERE id < 100 -- these;\n;  ') AS s "
            "JOIN flights AS f ON f.id::text = s.key"
        ).fetchall()
        assert len(found) == 99
        for _, target, number, label, proba, score, *row in found:
            assert (target, number) == (None, None)
            assert [proba[1], score[0], label] == row
        (far,) = connection.execute("SELECT * FROM indb.score('far@1', 'SELECT 7 AS id, 2::int2 AS dist')").fetchall()
        assert far == ("7", None, 4.0, None, None, None)
        with pytest.raises(psycopg.Error, match=r"model 'lat' is unknown\nHINT:  Known: far@1, late@1\."):
            connection.execute("SELECT indb.score('lat', 'SELECT 1')")
        with pytest.raises(psycopg.Error, match="the query is NULL"):
            connection.execute("SELECT indb.score('late', NULL)")
        with pytest.raises(psycopg.Error, match="column t.dist does not exist"):
            connection.execute("SELECT indb.score('far', 'SELECT 1')")
    flights.deploy("far", regression(), "flights", strategy="expression")
    with session(flights) as connection, pytest.raises(psycopg.Error, match="far@2: it does not run as PL/Python"):
        connection.execute("SELECT indb.score('far', 'SELECT id, dist FROM flights')")


def test_indb_score_of_several_targets(plpython, postgres_connection):
    x = Column("x")
    targets = (
        Target("low", {"predict": build.less(x, build.number(1.0))}, (False, True)),
        Target("it's", {"predict": build.less(x, build.number(2.0))}, (7, 8)),
    )
    postgres_connection.execute("CREATE TABLE t AS SELECT 1 AS id, 1.5 AS x")
    with indb.connect(postgres_connection) as db:
        db.deploy("two", Model((x,), targets), "t", strategy="udf")
        found = rows(db, "SELECT target, predict, predict_label FROM indb.score('two', 'TABLE t')")
        assert found == [("low", 0.0, "false"), ("it's", 8.0, "8")]


def test_an_open_session_sees_a_deployment_and_lets_go_of_what_was_dropped(flights):
    loaded = (
        "CREATE FUNCTION pg_temp.loaded() RETURNS text LANGUAGE plpython3u AS $$\n"
        "return ','.join(sorted(key[5:11] for key in GD if len(key) == 69))\n$$"
    )
    query = "SELECT predict('far', f) FROM flights AS f WHERE id = 8"
    with session(flights) as connection:
        connection.execute(loaded)
        assert connection.execute(query).fetchall() == [(2.0,)]
        made = flights.deploy("far", regression(factor=5.0), "flights", strategy="udf")
        assert connection.execute(query).fetchall() == [(5.0,)]
        assert connection.execute("SELECT predict('far@1', f) FROM flights AS f WHERE id = 8").fetchall() == [(2.0,)]
        digests = [each.digest[:6] for each in flights.versions("far")]
        assert connection.execute("SELECT pg_temp.loaded()").fetchone()[0] == ",".join(sorted(digests))
        assert made.digest[:6] in digests
        flights.drop("far")
        assert not [each for each in objects(flights) if "far" in each[1]]
        connection.execute("SELECT predict_label('late', f) FROM flights AS f LIMIT 1")
        assert connection.execute("SELECT pg_temp.loaded()").fetchone()[0] == flights.models()[0].digest[:6]


def test_a_transaction_that_began_before_the_deployment(flights):
    with session(flights) as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT count(*) FROM flights")
        flights.deploy("far", regression(factor=5.0), "flights", strategy="udf")
        with pytest.raises(psycopg.Error, match="registry does not hold it\nHINT:  If it was deployed since this"):
            connection.execute("SELECT predict('far', f) FROM flights AS f")


def test_what_the_planner_makes_a_udf_is_sql_in_queries(plpython, postgres_connection, server_python, monkeypatch):
    """A call for each row is slow: unless the UDF was asked for, predict() is SQL, and Python scores whole tables."""
    case = case_of("hist_two_classes", server_python)
    create(postgres_connection.execute, "postgres", case.rows)
    with indb.connect(postgres_connection) as db:
        db.engine.prepare()
        db.engine.execute("CREATE EXTENSION IF NOT EXISTS plpython3u")
        db.engine.execute("CREATE TABLE indb.costs (name varchar, value float8, measured_at timestamp)")
        for name, cost in {"row": 1, "number": 1, "text": 1, "operation": 500, "staged_operation": 300}.items():
            db.engine.execute("INSERT INTO indb.costs VALUES (%s, %s, now())", (name, cost))
        plan = db.plan(case.model, TABLE)
        assert (plan.strategy, plan.in_queries) == (Strategy.UDF, Strategy.STAGED)
        assert "in queries: staged; Python is called for whole tables" in str(plan)
        assert db.plan(case.model, TABLE, strategy="udf").in_queries is None
        languages = (
            "SELECT DISTINCT l.lanname FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang WHERE proname = %s"
        )
        proven = []
        prove = Proof.prove
        monkeypatch.setattr(
            Proof, "prove", lambda *each: (proven.append(db.engine.rows(languages, ("m@1",))), prove(*each))
        )
        estimator, frame = ZOO["hist_two_classes"]()
        proof = indb.golden_rows(estimator, frame[:20])
        made = db.deploy("m", case.model, TABLE, server_python=server_python, proof=proof)
        assert proven == [[("sql",)], [("plpgsql",)]]  # the call of Python, then what takes its place
        assert made.strategy == "udf"
        assert "predict() in queries is staged" in made.usage
        assert db.engine.rows(languages, ("m@1",)) == [("plpgsql",)]
        assert db.engine.rows(languages, ("m@1.batch",)) == [("plpython3u",)]
        assert db.verify("m").ok
        lanes = [lane for lane in output_lanes(case.optimised) if lane.output in ("predict", "predict_proba")]
        db.score("m", into="scores")
        found = zip(*db.engine.rows(f"SELECT * FROM scores ORDER BY {quote('postgres', KEY)}"), strict=True)
        for lane, values in zip(lanes, list(found)[1:], strict=True):
            case.check(lane, values, f"{lane.name} of score")
        db.drop("m")
        left = "SELECT proname FROM pg_proc WHERE starts_with(proname, 'm') AND pronamespace = 'indb'::regnamespace"
        assert db.engine.rows(left) == []


def test_what_python_raises_names_the_model(flights):
    with pytest.raises(DatabaseError, match=r"^cannot predict with 'far@1': ValueError\('cannot reshape array"):
        rows(flights, """SELECT indb."far@1.batch"(0, ARRAY[0], 5, decode('0000000000000000', 'hex'), NULL)""")


# What is missing


def refused(db, match, **options):
    """A deployment that is refused and leaves nothing behind."""
    before = objects(db)
    with pytest.raises(DeployError, match=match) as caught:
        db.deploy("far", regression(), "flights", strategy="udf", **options)
    assert objects(db) == before
    return caught.value


def test_without_the_language(plpython, postgres_database, monkeypatch):
    plain = Postgres.rows
    monkeypatch.setattr(Postgres, "rows", lambda *args: [] if "plpython3u'" in args[1] else plain(*args))
    with indb.connect(postgres_database()) as db:
        fill(db.engine.execute)
        error = refused(db, "as a UDF: language plpython3u is missing, and the server has no package of it")
        assert "apt-get install postgresql-plpython3-" in error.hint


def test_a_role_that_is_no_superuser(plpython, postgres_database, role):
    with indb.connect(postgres_database()) as db:
        fill(db.engine.execute)
        db.engine.execute(f"GRANT ALL ON DATABASE {db.engine.connection.info.dbname} TO {role}")
        db.engine.execute(f"ALTER TABLE flights OWNER TO {role}")
        db.engine.execute(f"SET SESSION AUTHORIZATION {role}")
        error = refused(db, f"found role '{role}', needed a superuser to create functions in plpython3u")
        assert "staged" in error.hint
        db.engine.execute("RESET SESSION AUTHORIZATION")
        db.engine.execute(f"CREATE SCHEMA indb AUTHORIZATION {role}")
        db.engine.execute(f"CREATE TABLE indb.models (x integer); ALTER TABLE indb.models OWNER TO {role}")
        with pytest.raises(DatabaseError, match=f"as superuser '.*': SCHEMA indb belongs to '{role}', needed a super"):
            db.deploy("far", regression(), "flights")


def test_a_server_python_that_is_not_there(plpython, postgres_database):
    with indb.connect(postgres_database()) as db:
        fill(db.engine.execute)
        refused(db, "server_python '/no/such folder' is no folder", server_python="/no/such folder")
        db.deploy("far", regression(), "flights", strategy="udf")
        refused(db, "server_python '/no/such folder' is no folder", server_python="/no/such folder")
        db.deploy("far", regression(), "flights", strategy="udf")


def test_a_numpy_that_cannot_be_imported(plpython, postgres_database):
    make = (
        "CREATE FUNCTION pg_temp.broken() RETURNS text LANGUAGE plpython3u AS $$\n"
        "import os, tempfile\nfolder = tempfile.mkdtemp()\n"
        "with open(os.path.join(folder, 'numpy.py'), 'w') as file:\n    file.write('raise OSError(\"no BLAS\")')\n"
        "return folder\n$$"
    )
    remove = "DO $$\nimport shutil\nshutil.rmtree('{}')\n$$ LANGUAGE plpython3u"
    with indb.connect(postgres_database()) as db:
        fill(db.engine.execute)
        db.engine.execute("CREATE EXTENSION plpython3u")
        db.engine.execute(make)
        ((folder,),) = rows(db, "SELECT pg_temp.broken()")
        try:
            error = refused(
                db,
                f"as a UDF: numpy cannot be .* with server_python '{folder}' .OSError: no BLAS",
                server_python=folder,
            )
            assert "apt-get install python3-numpy" in error.hint
        finally:
            db.engine.execute(remove.format(folder))


def test_a_model_that_is_too_large(flights, monkeypatch):
    monkeypatch.setattr(postgres_udf, "MAX_MODEL_BYTES", 100)
    refused(flights, r"its model file has 0\.0 MiB, needed at most 0 MiB")


def test_names_that_indb_needs(flights):
    for name in ("score", "runtime", "load_model"):
        with pytest.raises(DeployError, match=f"cannot deploy '{name}': indb has a function of that name"):
            flights.deploy(name, regression(), "flights", strategy="udf")


def test_a_key_of_arrays(plpython, postgres_connection):
    postgres_connection.execute("CREATE TABLE t AS SELECT ARRAY[1, 2] AS id, 1.5 AS dist")
    with indb.connect(postgres_connection) as db:
        db.deploy("far", regression(), "t", strategy="udf")
        with pytest.raises(DatabaseError, match="cannot score by key id: found an array"):
            db.score("far", key="id")


def test_the_bodies_are_constants_and_nothing_is_left_of_the_package_name():
    name, modules = postgres_udf.sources()
    assert {"ir", "evaluate", "codec", "runtime", "runtime.scorer", "served"} <= set(modules)
    assert not [key for key, text in modules.items() if "import indb" in text or "from indb" in text]
    assert name in modules["served"]
    assert name not in sys.modules
