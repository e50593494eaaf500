"""What a name means, and how that changes: promotion, rollback, aliases, states, and the log of who did what."""

import re

import pytest
from deployed import ENGINES, binary, objects, opened, regression, rows, run

from indb.engines.sqlfiles import sql_file
from indb.errors import DatabaseError, DeployError, NotDeployed


@pytest.fixture(params=ENGINES)
def db(request):
    yield from opened(request)


@pytest.fixture
def three(db):
    """Versions that multiply by 1, 2 and 3; the third is a candidate."""
    for factor in (1.0, 2.0, 3.0):
        db.deploy("times", regression(factor=factor), "flights", promote=factor < 3)
    return db


def means(db, name="times"):
    """What a name multiplies by."""
    return rows(db, f"SELECT predict('{name}', f) FROM flights AS f WHERE id = 2")[0][0] / 1.5


def states(db):
    return [(each.version, each.state, each.aliases) for each in db.versions("times")]


def test_deploy_promotes_unless_told_otherwise(three):
    assert means(three) == 2.0
    assert means(three, "times@champion") == 2.0
    assert means(three, "times@3") == 3.0
    assert rows(three, 'SELECT "times"(f) FROM flights AS f WHERE id = 2') == [(3.0,)]
    assert states(three) == [(1, "archived", ()), (2, "production", ()), (3, "candidate", ())]
    assert [each.pinned for each in three.models()] == ["times@2"]


def test_a_model_of_candidates_only(db):
    made = db.deploy("new", regression(), "flights", promote=False)
    assert "a candidate" in str(made)
    assert rows(db, "SELECT predict('new@1', f) FROM flights AS f WHERE id = 2") == [(3.0,)]
    with pytest.raises((DatabaseError, NotDeployed), match="new"):
        rows(db, "SELECT predict('new', f) FROM flights AS f")
    assert db.score("new") == 5
    assert db.promote("new@1").state == "production"
    assert rows(db, "SELECT predict('new', f), \"new\"(f) FROM flights AS f WHERE id = 2") == [(3.0, 3.0)]


def test_promote_and_roll_back(three):
    assert three.promote("times@3").is_champion
    assert means(three) == 3.0
    assert three.promote("times@3").is_champion  # which changes nothing
    assert three.rollback("times").pinned == "times@2"
    assert means(three) == 2.0
    assert rows(three, 'SELECT "times"(f) FROM flights AS f WHERE id = 2') == [(3.0,)]
    assert three.rollback("times").pinned == "times@1"
    assert means(three) == 1.0
    with pytest.raises(DatabaseError, match=r"found times@1 without one, needed .*\n  Promote"):
        three.rollback("times")
    assert means(three) == 1.0
    assert [state for _, state, _ in states(three)] == ["production", "archived", "archived"]


def test_rollback_goes_past_a_version_that_was_dropped_only_by_name(three):
    three.drop("times@1")
    with pytest.raises(DatabaseError, match="found times@2 without one"):
        three.rollback("times")
    assert means(three) == 2.0


def test_aliases(three):
    assert three.alias("times@3", "challenger").aliases == ("challenger",)
    assert means(three, "times@challenger") == 3.0
    three.alias("times@1", "challenger")
    assert means(three, "times@challenger") == 1.0
    three.alias("times@1", "shadow-2")
    assert states(three)[0] == (1, "archived", ("challenger", "shadow-2"))
    assert three.promote("times@challenger").version == 1
    assert means(three) == 1.0
    assert three.score("times@challenger", into="scores") == 5
    assert three.verify("times@challenger").ok
    three.unalias("times", "challenger")
    with pytest.raises((DatabaseError, NotDeployed), match="times@challenger"):
        means(three, "times@challenger")
    with pytest.raises(DatabaseError, match="cannot remove alias 'challenger' of 'times': it is unknown"):
        three.unalias("times", "challenger")


@pytest.mark.parametrize("alias", ["champion", "été", "2", "a b", "", "x'y", "-", "a@b"])
def test_what_cannot_be_an_alias(three, alias):
    with pytest.raises(DatabaseError, match="cannot set alias"):
        three.alias("times@1", alias)
    assert states(three)[0] == (1, "archived", ())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda db: db.promote("times"), "found no version.*\n  Name one: times@2"),
        (lambda db: db.promote("times@9"), "cannot find model 'times@9'"),
        (lambda db: db.alias("times", "x"), "found no version"),
        (lambda db: db.alias("times@9", "x"), "cannot find model 'times@9'"),
        (lambda db: db.rollback("time"), "cannot find model 'time'.*\n.*times"),
        (lambda db: db.drop("times@2"), "it is in production.*\n  Promote another version"),
        (lambda db: db.drop("times@9"), "cannot find model 'times@9'"),
        (lambda db: db.history("time"), "cannot find model 'time'"),
    ],
)
def test_what_is_refused(three, call, message):
    before = states(three)
    with pytest.raises((NotDeployed, DeployError), match=message):
        call(three)
    assert states(three) == before


def test_versions_of_other_types_and_tables(db):
    """A promotion changes the type of the function named after the model, and its arguments."""
    run(db, "CREATE TABLE other (id integer, dist double precision, extra varchar)")
    run(db, "INSERT INTO other VALUES (1, 4, 'x')")
    db.deploy("mixed", regression(), "flights")
    db.deploy("mixed", binary(), "flights")
    db.deploy("mixed", regression(factor=5.0), "other")
    assert rows(db, "SELECT predict('mixed', o), mixed(o) FROM other AS o") == [(20.0, 20.0)]
    db.rollback("mixed")
    assert rows(db, "SELECT mixed(f) FROM flights AS f WHERE id = 1") == [("yes",)]
    db.rollback("mixed")
    assert rows(db, "SELECT mixed(f), predict('mixed', f) FROM flights AS f WHERE id = 1") == [(1.0, 1.0)]
    db.promote("mixed@3")
    db.drop("mixed@2")
    assert [each.version for each in db.versions("mixed")] == [1, 3]
    assert db.deploy("mixed", regression(), "flights").version == 4


def test_drop_of_one_version(three):
    before = objects(three)
    three.deploy("times", regression(factor=4.0), "flights", promote=False)
    three.alias("times@4", "challenger")
    three.drop("times@4")
    assert objects(three) == before
    with pytest.raises((DatabaseError, NotDeployed), match="times@challenger"):
        means(three, "times@challenger")
    assert means(three) == 2.0


def test_the_history(three):
    three.alias("times@3", "challenger")
    three.promote("times@challenger")
    three.rollback("times")
    three.unalias("times", "challenger")
    three.drop("times@3")
    found = three.history("times")
    assert [(each.action, each.version, each.details.split(",")[0]) for each in found] == [
        ("deploy", 1, "expression for " + three.models()[0].relation),
        ("promote", 1, ""),
        ("deploy", 2, "expression for " + three.models()[0].relation),
        ("promote", 2, "from version 1"),
        ("deploy", 3, "expression for " + three.models()[0].relation),
        ("alias", 3, "challenger"),
        ("promote", 3, "from version 2"),
        ("rollback", 2, "from version 3"),
        ("unalias", None, "challenger"),
        ("drop", 3, found[-1].details),
    ]
    assert re.fullmatch("digest [0-9a-f]{12}", found[-1].details)
    assert all(each.login and each.role and each.address for each in found)
    assert {each.application for each in found} == {"indb"}
    assert [each.at for each in found] == sorted(each.at for each in found)
    three.drop("times")
    assert three.history("times")[-1].action == "drop"
    assert three.history() == three.history("times")
    assert three.history("times")[: len(found)] == found


def test_a_version_number_is_never_used_twice(three):
    """Whoever pinned times@3 must not get another model."""
    three.drop("times@3")
    assert three.deploy("times", regression(factor=9.0), "flights").version == 4
    three.drop("times")
    assert three.deploy("times", regression(factor=9.0), "flights").version == 5


OLD_DUCKDB = """
CREATE SCHEMA indb;
CREATE TABLE indb.models (
    name VARCHAR NOT NULL, version INTEGER NOT NULL, digest VARCHAR NOT NULL, schema_name VARCHAR NOT NULL,
    table_name VARCHAR NOT NULL, strategy VARCHAR NOT NULL, signature VARCHAR NOT NULL, source VARCHAR NOT NULL,
    model BLOB NOT NULL, created_at TIMESTAMP NOT NULL, created_by VARCHAR NOT NULL
)
"""
FIELDS = "name, version, digest, strategy, signature, source, model, created_at, created_by"


def test_a_registry_of_indb_0_1(db):
    """Two versions as that indb left them, functions included; what their bare name meant is in production."""
    for factor in (1.0, 2.0):
        db.deploy("times", regression(factor=factor), "flights")
    place = "schema_name, table_name" if db.engine.dialect == "duckdb" else "relation"
    run(db, f"CREATE TABLE kept AS SELECT {FIELDS}, {place} FROM indb.models")
    if db.engine.dialect == "duckdb":
        run(db, "DROP SCHEMA indb CASCADE")
        run(db, OLD_DUCKDB)
    else:
        run(db, "DROP SCHEMA indb CASCADE")
        run(db, sql_file("postgres/extension", "indb--0.1.sql"))
        for version, factor in ((1, 1.0), (2, 2.0)):
            body = f'RETURN (r."dist" * {factor}::float8)'
            run(db, f'CREATE FUNCTION indb."times@{version}"(r flights) RETURNS float8 LANGUAGE sql IMMUTABLE {body}')
            run(db, f"COMMENT ON FUNCTION indb.\"times@{version}\"(flights) IS 'indb: times'")
    run(db, f"INSERT INTO indb.models ({FIELDS}, {place}) SELECT {FIELDS}, {place} FROM kept")
    db.upgrade()
    assert [(each.version, each.state, each.previous) for each in db.versions("times")] == [
        (1, "archived", None), (2, "production", 1),
    ]  # fmt: skip
    assert means(db) == 2.0
    if db.engine.dialect == "postgres":
        assert db.engine.rows("SELECT name, role FROM indb.grants") == [("times", "public")]
    db.rollback("times")
    assert means(db) == 1.0
    assert db.deploy("times", regression(factor=3.0), "flights").version == 3
    assert means(db) == 3.0
