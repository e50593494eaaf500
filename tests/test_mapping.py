"""SQL expressions in place of a model's columns: in queries, whole tables and scripts, on both engines."""

import pytest
from click.testing import CliRunner
from deployed import ENGINES, binary, opened, regression, rows, run
from test_script import catalog, execute, golden

import indb
from indb.cli import main
from indb.engines.deployment import BoundColumn
from indb.engines.mapping import parts_of
from indb.engines.tables import Table, TableColumn
from indb.errors import BindError, DatabaseError, DeployError, VerifyError

CUSTOMERS = """
CREATE TABLE customers (id integer PRIMARY KEY, born integer, "Home town" varchar, note varchar);
INSERT INTO customers VALUES (1, 2016, 'PARIS', 'a'), (2, NULL, 'ROME', 'b'), (3, 1996, NULL, 'c'),
    (4, 2030, 'O''HARE', 'd'), (5, 1976, '', 'e')
"""
MAPPING = {
    "age": "2026 - born  -- in years",
    "city": """CASE "Home town" WHEN 'PARIS' THEN 'Paris' WHEN 'O''HARE' THEN 'O''Hare' ELSE lower("Home town") END""",
}
PLAIN = "SELECT id, predict_label('plain', f), predict_proba('plain', f) FROM flights AS f ORDER BY id"
CALLS = "SELECT id, predict_label('late', c), predict_proba('late', c) FROM customers AS c ORDER BY id"


@pytest.fixture(params=ENGINES)
def db(request):
    yield from opened(request)


@pytest.fixture
def shop(db):
    """A table of which the columns of the model follow, and what it gives for them where they are columns."""
    run(db, CUSTOMERS)
    run(db, "UPDATE flights SET city = lower(city) WHERE city = 'Rome'")
    db.deploy("plain", binary(), "flights")
    return db


def assert_equal(found, wanted):
    """Labels to the letter, probabilities to the last digits, which Python may round otherwise."""
    assert [row[:2] for row in found] == [row[:2] for row in wanted]
    assert [row[2] for row in found] == [None if row[2] is None else pytest.approx(row[2], rel=1e-13) for row in wanted]


@pytest.mark.parametrize("strategy", ["expression", "staged", "udf"])
def test_a_mapped_model_gives_what_the_columns_would(request, shop, strategy):
    if strategy == "udf" and shop.engine.dialect == "postgres":
        request.getfixturevalue("plpython")
    wanted = rows(shop, PLAIN)
    made = shop.deploy("late", binary(), "customers", mapping=MAPPING, strategy=strategy)
    assert_equal(rows(shop, CALLS), wanted)
    assert str(made.columns[0]) == "age = 2026 - born"
    assert rows(shop, "SELECT late(c) FROM customers AS c ORDER BY id") == [(label,) for _, label, _ in wanted]
    assert rows(shop, "SELECT late(age => 10, city => 'Paris')") == [(wanted[0][1],)]
    assert shop.verify("late").ok
    assert shop.score("late") == 5
    assert_equal(rows(shop, "SELECT id, predict, predict_proba_yes FROM customers_late ORDER BY id"), wanted)
    assert "age = 2026 - born" in str(shop.plan(binary(), "customers", mapping=MAPPING))
    shop.drop("late")


@pytest.mark.parametrize("strategy", ["expression", "staged"])
def test_a_script(shop, strategy):
    wanted, before = rows(shop, PLAIN), catalog(shop)
    script = shop.script("late", binary(), "customers", mapping=MAPPING, strategy=strategy)
    assert "it reads age = 2026 - born (" in script.install
    execute(shop, script.install)
    assert rows(shop, CALLS) == wanted
    if shop.engine.dialect == "postgres":
        assert shop.engine.rows("SELECT indb.prove('late', 1)")[0][0] > 10
    execute(shop, script.uninstall)
    assert catalog(shop) == before


def test_a_changed_constant_of_a_mapped_model_is_caught(shop):
    script = shop.script("late", binary(), "customers", mapping=MAPPING, proof=golden()).install
    start = script.index('"late@1.columns"' if shop.engine.dialect == "duckdb" else '"late@1"("age"')
    place = script.index("/ 10", start) + 2
    wrong = script[:place] + "9" + script[place + 1 :]
    if shop.engine.dialect == "postgres":
        assert "cannot prove late@1" in execute(shop, wrong, code=3)
    else:
        with pytest.raises(Exception, match="cannot prove late@1"):
            execute(shop, wrong)
        run(shop, "ROLLBACK")


def test_a_mapping_that_gives_something_else_is_not_deployed(shop, monkeypatch):
    """The rows of the table are compared through the very expression."""
    before = catalog(shop)
    evaluated = indb.verify.evaluated

    def other(model, made, rows):
        return [[None if value is None else "other" for value in lane] for lane in evaluated(model, made, rows)]

    monkeypatch.setattr("indb.verify.evaluated", other)
    with pytest.raises(VerifyError, match="expected 'other', found 'yes' for age = 10.0, city = 'Paris'"):
        shop.deploy("late", binary(), "customers", mapping=MAPPING)
    assert catalog(shop) == before


def test_what_it_reads_is_watched(shop):
    shop.deploy("late", binary(), "customers", mapping=MAPPING, strategy="staged")
    if shop.engine.dialect == "postgres":
        with pytest.raises(Exception, match="row type|depend"):
            run(shop, "ALTER TABLE customers ALTER COLUMN born TYPE bigint")
        run(shop, "ALTER TABLE customers RENAME COLUMN born TO birth")
    else:
        run(shop, "ALTER TABLE customers DROP COLUMN born")
    with pytest.raises((VerifyError, DatabaseError), match="born"):
        shop.verify("late")


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"years": "born"}, "cannot map column 'years': the model has none of that name"),
        ({"age": "avg(born)"}, "found an aggregate"),
        ({"age": "(SELECT 1)"}, "found a subquery"),
        ({"age": "row_number() OVER ()"}, "found a window function"),
        ({"age": "1, 2"}, "more than one expression"),
        ({"age": "1 FROM flights"}, "more than one expression"),
        ({"age": "1) FROM flights; DROP TABLE flights; --"}, "cannot be read|more than one"),
        ({"age": "?"}, "a placeholder|cannot be read"),
        ({"age": "born * random()"}, r"found random\(\), needed what gives the same"),
        ({"age": "note"}, "'age': found type .*, needed a number or boolean"),
        ({"city": "born"}, "'city': found type .*, needed text"),
        ({"age": "CAST('2020-01-01' AS date)"}, "found type .*, needed a number, a boolean or a text"),
    ],
)
def test_what_cannot_be_mapped(shop, mapping, message):
    before = catalog(shop)
    with pytest.raises(BindError, match=message):
        shop.deploy("late", binary(), "customers", mapping={**MAPPING, **mapping})
    assert catalog(shop) == before
    assert rows(shop, "SELECT count(*) FROM flights") == [(5,)]


def test_an_expression_may_ask_for_the_date(shop):
    """What it gives follows the day, so PostgreSQL may not take it for constant, and inlines it all the same."""
    age = "CAST(extract(year FROM current_date) AS integer) - born"
    shop.deploy("late", binary(), "customers", mapping={**MAPPING, "age": age}, strategy="expression")
    assert shop.verify("late").ok
    if shop.engine.dialect == "postgres":
        row = "SELECT provolatile FROM pg_proc WHERE proname LIKE 'late@1%%' GROUP BY 1"
        assert shop.engine.rows(row) in ([("s",)], [(b"s",)])
        plan = shop.engine.rows("EXPLAIN (VERBOSE, COSTS OFF) SELECT indb.predict_label('late', c) FROM customers AS c")
        assert "late@1" not in str(plan)


def test_an_expression_that_the_database_refuses(shop):
    with pytest.raises(DeployError, match="no_function"):
        shop.deploy("late", binary(), "customers", mapping={**MAPPING, "age": "no_function(born)"})
    with pytest.raises(DeployError, match="nothing"):
        shop.deploy("late", binary(), "customers", mapping={**MAPPING, "age": "nothing + 1"})


TABLE = Table(
    "public",
    "t",
    (TableColumn("born", "date", None), TableColumn("Age", "integer", None), TableColumn('a"b', "text", None)),
)


@pytest.mark.parametrize(
    ("expression", "read"),
    [
        ("extract(year from age(born))", '(extract(year from age(r."born")))'),
        ("age + BORN", '(r."Age" + r."born")'),
        ('\'born\' || born || "a""b"', '(\'born\' || r."born" || r."a""b")'),
        ("born -- age\n + 1", '(r."born" + 1)'),
        ("born /* ) */ + 1", '(r."born" + 1)'),
        ("CASE WHEN born IS NULL THEN 1 ELSE age END", '(CASE WHEN r."born" IS NULL THEN 1 ELSE r."Age" END)'),
    ],
)
def test_names_become_those_of_a_row(expression, read):
    parts = parts_of("x", expression, TABLE, "postgres")
    assert BoundColumn("x", "x", "", "", parts=parts).read("r.") == read


@pytest.mark.parametrize(
    ("expression", "read"),
    [("BORN + 1", '(r."born" + 1)'), ('"BORN" + 1', '(r."BORN" + 1)'), ("Born + 1", '(r."born" + 1)')],
)
def test_columns_that_differ_in_their_case_are_those_that_postgresql_takes(expression, read):
    table = Table("public", "t", (TableColumn("BORN", "integer", None), TableColumn("born", "integer", None)))
    parts = parts_of("x", expression, table, "postgres")
    assert BoundColumn("x", "x", "", "", parts=parts).read("r.") == read


def test_the_command_line(shop, tmp_path):
    if shop.engine.dialect == "postgres":
        info = shop.engine.connection.info
        url = f"postgresql:///{info.dbname}?host={info.host}&port={info.port}&user={info.user}&password={info.password}"
    else:
        path = tmp_path / "shop.duckdb"
        run(shop, f"ATTACH '{path}' AS file; CREATE TABLE file.customers AS SELECT * FROM customers; DETACH file")
        url = f"duckdb:///{path}"
    regression("years").save(tmp_path / "double.indb")
    arguments = ["deploy", "twice", str(tmp_path / "double.indb"), "--db", url, "--table", "customers"]
    found = CliRunner().invoke(main, [*arguments, "--map", "years=2026 - born", "--dry-run"])
    assert found.exit_code == 0, found.output
    assert "  years = 2026 - born (" in found.output
    found = CliRunner().invoke(main, [*arguments, "--map", "years=2026 - born"])
    assert found.exit_code == 0, found.output
    assert "--map" in CliRunner().invoke(main, [*arguments, "--map", "years"]).output
