"""What a DBA runs: the files of `indb script`, with psql and with DuckDB alone, and what they leave."""

import os
import re
import shutil
import subprocess

import duckdb
import numpy as np
import pytest
from deployed import ENGINES, binary, opened, regression, rows, run, several
from test_versions import means

import indb
from indb.engines.base import Engine
from indb.errors import DeployError
from indb.evaluate import decode, evaluate


@pytest.fixture(params=ENGINES)
def db(request):
    yield from opened(request)


def psql_environment(db):
    """What tells psql where the database is."""
    info = db.engine.connection.info
    place = {"PGHOST": info.host, "PGPORT": str(info.port), "PGUSER": info.user, "PGDATABASE": info.dbname}
    return {**os.environ, **place, "PGPASSWORD": info.password}


def execute(db, script, code=0):
    """Run a script as a DBA does; what the shell says."""
    if db.engine.dialect == "duckdb":
        assert ".bail on" in script
        db.engine.connection.execute(script.replace(".bail on", ""))
        return ""
    psql = shutil.which("psql")
    assert psql, "the server's packages bring psql"
    command = [psql, "--no-psqlrc", "--quiet"]
    done = subprocess.run(
        command, input=script, capture_output=True, text=True, check=False, env=psql_environment(db)
    )  # fmt: skip
    assert (done.returncode != 0) == bool(code), done.stderr
    return done.stderr


CATALOG = """
SELECT 'class', c.oid::regclass::text, c.relkind::text, c.relacl::text, c.relowner::regrole::text FROM pg_class AS c
WHERE c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace, 'information_schema'::regnamespace)
UNION ALL SELECT 'proc', p.oid::regprocedure::text, p.prosrc, p.proacl::text, p.proowner::regrole::text
FROM pg_proc AS p WHERE p.oid >= 16384
UNION ALL SELECT 'schema', n.nspname, '', n.nspacl::text, n.nspowner::regrole::text FROM pg_namespace AS n
WHERE n.nspname !~ '^pg_'
UNION ALL SELECT 'type', t.oid::regtype::text, t.typtype::text, t.typacl::text, t.typowner::regrole::text
FROM pg_type AS t WHERE t.oid >= 16384
UNION ALL SELECT 'depend', d.classid::text, d.deptype::text, d.refclassid::text, count(*)::text FROM pg_depend AS d
WHERE d.objid >= 16384 GROUP BY 1, 2, 3, 4
UNION ALL SELECT 'description', d.classoid::text, d.description, '', '' FROM pg_description AS d WHERE d.objoid >= 16384
UNION ALL SELECT 'extension', e.extname, '', '', '' FROM pg_extension AS e
ORDER BY 1, 2, 3, 4, 5
"""


def catalog(db):
    """Everything that is in the database but its rows."""
    if db.engine.dialect == "postgres":
        return db.engine.rows(CATALOG)
    return db.engine.rows(
        "SELECT 'macro', schema_name, function_name, coalesce(macro_definition, '') FROM duckdb_functions() "
        "WHERE NOT internal UNION ALL SELECT 'table', schema_name, table_name, sql FROM duckdb_tables() UNION ALL "
        "SELECT 'schema', schema_name, '', '' FROM duckdb_schemas() WHERE NOT internal UNION ALL "
        "SELECT 'sequence', schema_name, sequence_name, '' FROM duckdb_sequences() ORDER BY ALL"
    )


MODELS = {"binary": (binary(), "late"), "several": (several(), "it's"), "regression": (regression(), 'odd "name')}


@pytest.mark.parametrize("strategy", ["expression", "staged"])
@pytest.mark.parametrize("case", MODELS)
def test_a_script_deploys_and_its_uninstall_leaves_nothing(db, case, strategy):
    model, name = MODELS[case]
    before = catalog(db)
    found = db.script(name, model, "flights", strategy=strategy)
    assert catalog(db) == before, "writing a script changes nothing"
    assert not db.models()
    execute(db, found.install)
    (there,) = db.models()
    assert (there.pinned, there.state, there.strategy) == (f"{name}@1", "production", strategy)
    assert db.verify(name).ok
    after = catalog(db)
    execute(db, found.install)  # again
    assert catalog(db) == after
    assert [each.action for each in db.history(name)] in (["deploy", "promote"], ["promote", "deploy", "promote"])
    execute(db, found.uninstall)
    assert catalog(db) == before


def test_the_script_and_the_deployment_are_the_same_statements(db, monkeypatch):
    db.deploy("other", regression(), "flights")
    written = []
    write = Engine.write

    def noted(engine, sql):
        if not engine.is_written_down:
            written.append(sql)
        write(engine, sql)

    proof = indb.verify.GoldenRows({"age": [10, None], "city": ["Paris", None]}, {"predict": [["yes", None]]})
    script = db.script("late", binary(), "flights", proof=proof)
    monkeypatch.setattr(Engine, "write", noted)
    db.deploy("late", binary(), "flights", proof=proof)
    body = script.install
    for sql in written:
        head, found, body = body.partition(sql.rstrip().removesuffix(";") + ";\n")
        assert found, f"the script lacks, or has in another place: {sql[:200]}"
        assert not head.split("BEGIN;\n")[-1].strip() or "indb_proof" in head


def test_rollback_and_uninstall_of_a_second_version(db):
    db.deploy("times", regression(factor=1.0), "flights")
    before, made = catalog(db), db.versions("times")
    found = db.script("times", regression(factor=2.0), "flights")
    execute(db, found.install)
    assert means(db) == 2.0
    execute(db, found.rollback)
    assert means(db) == 1.0
    assert [each.state for each in db.versions("times")] == ["production", "archived"]
    execute(db, found.uninstall)
    assert catalog(db) == before
    assert db.versions("times") == made
    assert "nothing to do" in db.script("new", regression(), "flights").rollback


def test_uninstall_of_the_version_in_production(db):
    """The version before is in production again, as it was."""
    db.deploy("times", regression(factor=1.0), "flights")
    before, made = catalog(db), db.versions("times")
    found = db.script("times", regression(factor=2.0), "flights")
    execute(db, found.install)
    execute(db, found.uninstall)
    assert means(db) == 1.0
    assert catalog(db) == before
    assert db.versions("times") == made


def test_uninstall_after_another_promotion(db):
    db.deploy("times", regression(factor=1.0), "flights")
    found = db.script("times", regression(factor=2.0), "flights")
    execute(db, found.install)
    db.deploy("times", regression(factor=3.0), "flights")
    if db.engine.dialect == "duckdb":
        with pytest.raises(duckdb.Error, match="found other versions or names .*times@3"):
            execute(db, found.uninstall)
        run(db, "ROLLBACK")
    else:
        assert "other versions than when this was written: times@3" in execute(db, found.uninstall, code=3)
    assert means(db) == 3.0


def test_a_script_that_is_run_when_another_model_is_there(db):
    """What predict() means is written in it: the other model would be gone from it."""
    found = db.script("times", regression(factor=2.0), "flights")
    db.deploy("other", regression(factor=5.0), "flights")
    if db.engine.dialect == "duckdb":
        with pytest.raises(duckdb.Error, match="found other versions or names .*other@1"):
            execute(db, found.install)
        run(db, "ROLLBACK")
    else:
        assert "other versions than when this was written: other@1" in execute(db, found.install, code=3)
    assert means(db, "other") == 5.0
    execute(db, db.script("times", regression(factor=2.0), "flights").install)
    assert (means(db), means(db, "other")) == (2.0, 5.0)


def test_another_name_since(db):
    """In PostgreSQL what names mean is no part of a script; in DuckDB it is in the macros."""
    db.deploy("times", regression(factor=1.0), "flights")
    found = db.script("times", regression(factor=2.0), "flights")
    db.alias("times@1", "first")
    if db.engine.dialect == "duckdb":
        with pytest.raises(duckdb.Error, match="found other versions or names .*times@first for version 1"):
            execute(db, found.install)
        run(db, "ROLLBACK")
    else:
        execute(db, found.install)
    assert means(db, "times@first") == 1.0


def test_the_version_in_production_changed_since(db):
    db.deploy("times", regression(factor=1.0), "flights")
    db.deploy("times", regression(factor=2.0), "flights")
    found = db.script("times", regression(factor=3.0), "flights")
    execute(db, found.install)
    db.promote("times@1")
    if db.engine.dialect == "duckdb":
        with pytest.raises(duckdb.Error, match="found other versions or names .*times@1"):
            execute(db, found.uninstall)
        run(db, "ROLLBACK")
    else:
        execute(db, found.uninstall)
    assert means(db) == 1.0


def test_a_candidate(db):
    db.deploy("times", regression(factor=1.0), "flights")
    execute(db, db.script("times", regression(factor=2.0), "flights", promote=False).install)
    assert means(db) == 1.0
    assert means(db, "times@2") == 2.0


def test_what_is_refused_writes_nothing(db):
    with pytest.raises(DeployError, match="the name is empty"):
        db.script(" ", regression(), "flights")
    assert not db.engine.is_written_down
    db.deploy("double", regression(), "flights")
    assert means(db, "double") == 2.0


def golden():
    columns = {"age": [10, None, -4, 50, -15], "city": ["Paris", "Rome", "O'Hare", "", "Paris"]}
    outputs = evaluate(binary(), columns)[""]
    labels = decode(("no", "yes"), outputs["predict"])
    others = {
        name: [[None if np.isnan(row).any() else row.tolist() for row in outputs[name]]]
        for name in ("predict_proba", "decision_function")
    }
    return indb.verify.GoldenRows(columns, {"predict": [labels], **others})


@pytest.mark.parametrize("strategy", ["expression", "staged"])
def test_any_changed_constant_is_caught_by_the_proof_in_the_script(db, strategy):
    before = catalog(db)
    script = db.script("late", binary(), "flights", strategy=strategy, proof=golden())
    execute(db, script.install)
    if db.engine.dialect == "postgres":
        assert db.engine.rows("SELECT indb.prove('late', 1)")[0][0] > 5
    execute(db, script.uninstall)
    assert catalog(db) == before
    constants = [match.start() for match in re.finditer(r"\b10(e0|::float8)", script.install)]
    assert len(constants) > 5
    for place in constants:
        wrong = script.install[:place] + "9" + script.install[place + 1 :]
        if db.engine.dialect == "postgres":
            assert "cannot prove late@1" in execute(db, wrong, code=3)
        else:
            with pytest.raises(duckdb.Error, match="cannot prove late@1"):
                execute(db, wrong)
            run(db, "ROLLBACK")
        assert catalog(db) == before


@pytest.mark.parametrize("db", ["postgres"], indirect=True)  # a DuckDB file has one writer
def test_somebody_else_was_faster(db):
    """A script for version 1, run when another model is version 1."""
    script = db.script("times", regression(factor=2.0), "flights").install
    db.deploy("times", regression(factor=1.0), "flights")
    said = execute(db, script, code=3)
    assert "this version is there with the digest" in said
    assert means(db) == 1.0


@pytest.mark.parametrize("db", ["postgres"], indirect=True)
def test_a_script_of_a_python_function(db, plpython):
    """By a superuser; the language stays."""
    run(db, "CREATE EXTENSION plpython3u")
    before = catalog(db)
    script = db.script("late", binary(), "flights", strategy="udf", proof=golden())
    assert "run it as a superuser" in script.install
    assert catalog(db) == before
    execute(db, script.install)
    execute(db, script.install)
    assert db.models()[0].strategy == "udf"
    assert db.verify("late").ok
    execute(db, script.uninstall)
    assert catalog(db) == before
    db.deploy("other", binary(), "flights", strategy="udf")
    before = catalog(db)
    script = db.script("late", regression(), "flights", strategy="udf")
    execute(db, script.install)
    assert db.verify("late").ok
    execute(db, script.uninstall)
    assert catalog(db) == before


@pytest.mark.parametrize("db", ["postgres"], indirect=True)
def test_a_damaged_model_file(db):
    script = db.script("times", regression(), "flights").install
    place = script.index("decode('\n") + 40
    wrong = script[:place] + ("A" if script[place] != "A" else "B") + script[place + 1 :]
    assert "has another digest" in execute(db, wrong, code=3)
    assert not db.models()


def test_what_the_preamble_says(db):
    script = db.script("late", binary(), "flights").install
    head = script[: script.index("BEGIN;")]
    for part in ("late, version 1, SHA-256", "age (", "city (", "Strategy expression", "No superuser", "run again"):
        assert part in head
    assert all(line.startswith("--") or not line or line[0] in ".\\" for line in head.splitlines())


def test_the_name_of_a_model_cannot_leave_the_comments(db):
    model = regression()
    script = db.script("x\u2028y'); DROP TABLE flights; --", model, "flights")
    execute(db, script.install)
    assert rows(db, "SELECT count(*) FROM flights") == [(5,)]
    execute(db, script.uninstall)
