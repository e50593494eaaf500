"""Lowering, staging and rendering, run on the engines wherever a number comes out."""

import math
import re

import numpy as np
import pytest

import indb
from indb import build, emit
from indb.emit import Binding, OutputLane, SqlColumn, SqlKind, Strategy, body, output_lanes, select
from indb.emit.dialects import DUCKDB, POSTGRES
from indb.errors import EmitError
from indb.evaluate import evaluate
from indb.ir import Apply, Column, Const, Lookup, Model, Op, Reduce, ReduceOp, Target, TreeEnsemble, Type

ENGINES = (pytest.param("duckdb"), pytest.param("postgres", marks=pytest.mark.postgres))
X, Y, CITY = Column("x"), Column("y"), Column("city", Type.TEXT)
NUMBERS: dict[str, tuple[float | None, ...]] = {
    "duckdb": (None, math.nan, math.inf, -math.inf, 0.0, -1.0, 0.5, 2.0, 3.0, 1e300),
    "postgres": (None, math.nan, 0.0, -1.0, 0.5, 2.0, 3.0, 1e30),  # how it is at the borders: test_guards.py
}


@pytest.fixture
def run(request, dialect):
    """A function that runs a query on the engine and gives its first column."""
    connection = request.getfixturevalue(f"{dialect}_connection")
    return lambda sql, values=None: [row[0] for row in connection.execute(sql, values).fetchall()]


def binding(x=SqlKind.FLOAT64, y=SqlKind.FLOAT64) -> Binding:
    return {
        "x": SqlColumn("r.x", x), "y": SqlColumn("r.y", y), "city": SqlColumn("r.city", SqlKind.TEXT),
    }  # fmt: skip


def model(block, labels=None) -> Model:
    return Model((X, Y, CITY), (Target("", {"predict": block}, labels),))


def text(block, dialect, labels=None, strategy=Strategy.EXPRESSION, columns=None) -> str:
    """The SQL of a block."""
    made = model(block, labels)
    return body(made, output_lanes(made)[0], dialect, columns or binding(), strategy).text


def numbers(run, dialect, block, type_="double precision", columns=None):
    """What the engine gives for a block on all pairs of awkward numbers, beside `evaluate`, NaN for NULL."""
    known = NUMBERS[dialect] if type_ == "double precision" else (None, -3, -1, 0, 1, 2, 3, 10**9)
    pairs = [(x, y) for x in known for y in known]
    values = ", ".join(f"({number}, {spell(x, type_)}, {spell(y, type_)})" for number, (x, y) in enumerate(pairs))
    source = f"(VALUES {values}) AS r(n, x, y)"
    got = run(f"SELECT {text(block, dialect, columns=columns)} FROM {source} ORDER BY n")
    table = {"x": [x for x, _ in pairs], "y": [y for _, y in pairs], "city": [None] * len(pairs)}
    wanted = evaluate(model(block), table)[""]["predict"][:, 0]
    return np.array([math.nan if value is None else value for value in got]), wanted, pairs


def spell(value, type_):
    return f"CAST({'NULL' if value is None else repr(str(value))} AS {type_})"


def assert_same(run, dialect, block, **options):
    got, wanted, pairs = numbers(run, dialect, block, **options)
    for one, other, pair in zip(got, wanted, pairs, strict=True):
        assert one == other or (one != one and other != other), f"{pair}: {one}, wanted {other}"


# Precedence


def op(name, *args):
    return Apply(Op(name), args)


TERMS = [
    op("-", X, op("-", Y, X)),
    op("-", op("-", X, Y), X),
    op("/", X, op("/", Y, build.number(4.0))),
    op("/", op("/", X, build.number(4.0)), build.number(2.0)),
    op("*", op("+", X, Y), op("-", X, build.number(3.0))),
    op("-", X, op("+", Y, build.number(-2.0))),
    op("-", X, build.number(-2.0)),
    op("+", build.number(-1.5), op("+", X, build.number(-2.5))),
    build.negate(op("-", X, Y)),
    build.negate(build.negate(X)),
    build.negate(build.number(-2.0)),
    op("*", build.number(-2.0), build.negate(X)),
    op("/", build.number(1.0), op("+", op("*", X, build.number(-2.0)), build.number(7.0))),
    op("-", op("*", X, build.number(2.0)), op("*", build.number(-1.0), Y)),
    op("*", op("<", X, Y), build.number(3.0)),
    op("+", op("<=", X, Y), op("=", X, Y)),
    build.where(op("<", X, Y), op("+", X, build.number(1.0)), build.where(op("=", X, Y), Y, build.number(7.0))),
    build.where(op("or", op("<", X, Y), op("and", op("<", Y, X), op("is missing", X))), X, Y),
    op("and", op("or", op("<", X, Y), op("is missing", Y)), op("<=", X, build.number(2.0))),
    op("=", op("<", X, Y), op("<", Y, X)),
]


@pytest.mark.parametrize("dialect", ENGINES)
@pytest.mark.parametrize("block", TERMS, ids=range(len(TERMS)))
def test_precedence(run, dialect, block):
    assert_same(run, dialect, block)


@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
def test_parentheses_stand_only_where_they_must(dialect):
    block = op("-", op("+", op("*", X, Y), X), op("+", X, Y))
    assert "(r.x * r.y + r.x - (r.x + r.y)," in text(block, "duckdb")
    assert "((r.x + r.y) * r.x," in text(op("*", op("+", X, Y), X), "duckdb")
    assert "((" not in text(build.where(op("<", X, Y), X, Y), dialect)


# Missing values


CONDITIONS = [
    op("<=", X, Y), op("<", X, Y), op("=", X, Y), op("<=", X, build.number(2.0)), op("<", build.number(0.5), X),
    op("<=", build.number(0.5), X), op("=", X, build.number(2.0)),
    op("between", X, build.number(0.0), build.number(3.0)),
    op("between", X, Y, build.number(3.0)), op("between", X, build.number(-math.inf), build.number(math.inf)),
    op("is missing", op("-", X, Y)), op("is missing", X), op("<=", X, build.number(math.inf)),
    op("<", X, build.number(-math.inf)), op("<", op("-", X, Y), build.number(0.5)),
    op("<", build.number(0.5), op("-", X, Y)),
]  # fmt: skip
CHOICES = [
    op("min", X, Y), op("max", X, Y), op("min", X, build.number(1.0)), op("max", build.number(1.0), X),
    op("coalesce", X, build.number(5.0)), op("coalesce", op("-", X, Y), build.number(5.0)),
    build.clip(op("-", X, Y), build.number(-1.0), build.number(1.0)), op("floor", X), op("abs", op("-", X, Y)),
    Reduce(ReduceOp.ARGMAX, build.concat([X, Y, build.number(1.0)])),
    Reduce(ReduceOp.ARGMIN, build.concat([X, Y, build.number(1.0)])),
    Reduce(ReduceOp.MAX, build.concat([X, Y])), Reduce(ReduceOp.MIN, build.concat([Y, X])),
    Reduce(ReduceOp.SUM, build.concat([X, Y])), Reduce(ReduceOp.ALL, build.concat([op("<", X, Y), op("<", Y, X)])),
]  # fmt: skip


@pytest.mark.parametrize("dialect", ENGINES)
@pytest.mark.parametrize("block", CONDITIONS + CHOICES, ids=range(len(CONDITIONS + CHOICES)))
def test_missing_values_and_nan(run, dialect, block):
    """A comparison with NULL or NaN is false, though SQL takes NaN for the largest number."""
    assert_same(run, dialect, block)


WHOLE = [
    *(build.where(op(name, X, build.number(c)), Y, X) for name in ("<=", "<", "=") for c in (0.5, 2.0, -1.5, 1e30)),
    *(build.where(op(name, build.number(c), X), Y, X) for name in ("<=", "<") for c in (0.5, 2.0)),
    op("between", X, build.number(-0.5), build.number(2.5)),
    Lookup(X, (0.5, 2.0, 3.0), ((1.0,), (2.0,), (3.0,)), (4.0,), (5.0,)),
    op("-", X, op("*", Y, build.number(0.5))),
    op("is missing", X),
]


@pytest.mark.parametrize("dialect", ENGINES)
@pytest.mark.parametrize("block", WHOLE, ids=range(len(WHOLE)))
def test_columns_of_integers(run, dialect, block):
    whole = binding(SqlKind.INTEGER, SqlKind.INTEGER)
    assert_same(run, dialect, block, type_="bigint", columns=whole)


@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
def test_an_integer_column_is_compared_without_a_cast(dialect):
    whole = binding(SqlKind.INTEGER)
    block = build.where(op("<=", X, build.number(2.5)), build.number(1.0), build.number(0.0))
    found = text(block, dialect, columns=whole)
    assert "r.x <= 2 " in found
    assert "r.x::" not in found


# Texts and names


ODD = (
    *("it's", "back\\slash", "\\", "\\'", "line\nbreak", "\n", "", " ", "a\r\nb", "tab\t", "naïve ☃ 𝄞"),
    *("$$", "%s", "--", "E'x'"),
)


@pytest.mark.parametrize("dialect", ENGINES)
@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("standard", ["on", "off"])
def test_texts(request, run, dialect, strategy, standard):
    """Each text is found and only it, in IN lists and alone; also with PostgreSQL's old reading of backslashes."""
    if dialect == "postgres":
        connection = request.getfixturevalue("postgres_connection")
        connection.execute(f"SET LOCAL standard_conforming_strings = {standard}")
        connection.execute("SET LOCAL escape_string_warning = off")
    codes = Lookup(CITY, ODD, tuple((float(number),) for number in range(len(ODD))), (-1.0,), (-2.0,))
    some = Lookup(CITY, ODD[::2], tuple((1.0,) for _ in ODD[::2]), (0.0,), (0.0,))
    block = op("+", op("*", codes, build.number(10.0)), some)
    values = [*ODD, None, "other", "BACK\\SLASH", "line\n  break", "\n  "]
    connection = request.getfixturevalue(f"{dialect}_connection")
    mark = "?" if dialect == "duckdb" else "%s"
    connection.execute("CREATE TEMP TABLE t (n int, city text, x double precision, y double precision)")
    connection.execute(
        f"INSERT INTO t SELECT unnest({mark}::int[]), unnest({mark}::text[]), 0.5, 0.5",
        [list(range(len(values))), values],
    )
    made = body(model(block), output_lanes(model(block))[0], dialect, binding(), strategy)
    call = made.text
    if made.kind == "plpgsql":
        connection.execute(f"CREATE FUNCTION pg_temp.f(r t) RETURNS float8 LANGUAGE plpgsql AS $b${made.text}$b$")
        call = "pg_temp.f(r)"
    wanted = evaluate(model(block), {"x": [0.5] * len(values), "y": [0.5] * len(values), "city": values})[""]["predict"]
    assert run(f"SELECT {call} FROM t AS r ORDER BY n") == wanted[:, 0].tolist()
    whole = select(model(block), dialect, "t", ["n"], binding(), alias="r")
    assert run(f"SELECT predict FROM ({whole}) AS q ORDER BY n") == wanted[:, 0].tolist()


def test_a_zero_byte_in_a_text(duckdb_connection):
    codes = Lookup(CITY, ("a\0b", "a"), ((1.0,), (2.0,)), (0.0,), (0.0,))
    source = "(VALUES ('a' || chr(0) || 'b'), ('a'), ('ab')) AS r(city)"
    found = duckdb_connection.execute(f"SELECT {text(codes, 'duckdb')} FROM {source}").fetchall()
    assert found == [(1.0,), (2.0,), (0.0,)]
    assert "\0" not in text(codes, "postgres")  # a text of PostgreSQL is never equal to one that holds a zero byte
    assert "'a'" in text(codes, "postgres")


NAMES = ('say "so"', "new\nline", "it's", "two words", "naïve ☃", "SELECT", "back\\slash", "a.b", "stage_1")


@pytest.mark.parametrize("dialect", ENGINES)
@pytest.mark.parametrize("name", NAMES)
def test_names(request, run, dialect, name):
    """Names of columns, keys and tables go through stages and through to_sql."""
    column = Column(name)
    sigmoid = build.sigmoid(build.divide(build.subtract(column, build.number(1.0)), build.number(3.0)))
    outputs = {"predict": op("<", build.number(0.5), sigmoid), "predict_proba": build.binary_probabilities(sigmoid)}
    made = Model((column,), (Target("", outputs, ("n", "y\n")),))
    quoted, table, key = (emit.quote(dialect, text_) for text_ in (name, f"T {name}", f"k {name}"))
    connection = request.getfixturevalue(f"{dialect}_connection")
    connection.execute(f"CREATE TEMP TABLE {table} ({key} int, {quoted} double precision)")
    connection.execute(f"INSERT INTO {table} VALUES (7, 2.5)")
    bound = {name: SqlColumn(f"r.{quoted}", SqlKind.FLOAT64)}
    for source in (table, f"(SELECT {key}, {quoted} FROM {table})"):
        query = select(made, dialect, source, [f"k {name}"], bound, alias="r")
        assert run(f"SELECT predict FROM ({query}) AS q") == ["y\n"]
        assert run(f"SELECT {key} FROM ({query}) AS q") == [7]
    query = indb.to_sql(made, dialect, table, f"k {name}")
    assert run(f"SELECT predict FROM (\n{query}\n) AS q") == ["y\n"]


# Sums


@pytest.mark.parametrize("dialect", ENGINES)
@pytest.mark.parametrize("width", [2, 29, 31, 95, pytest.param(700, marks=pytest.mark.slow)])
@pytest.mark.parametrize("gaps", [False, True])
def test_wide_sums_are_added_in_order(run, dialect, width, gaps):
    """To the last bit; DuckDB's list_sum skips NULL, so there terms that can be missing are added in groups."""
    rng = np.random.default_rng(width)
    cuts = rng.normal(size=width)
    heights = rng.normal(size=width) * 10.0 ** rng.integers(-8, 9, width)
    terms = [
        build.where(op("<", X, build.number(cut)), build.number(height), build.number(0.1))
        for cut, height in zip(cuts, heights, strict=True)
    ]
    terms[1] = Y if gaps else terms[1]
    block = Reduce(ReduceOp.SUM, build.concat(terms))
    xs = [-3.0, -0.5, 0.0, 0.1, 0.7, 3.0]
    values = ", ".join(f"({n}, CAST({x} AS double precision), CAST(0.1 AS double precision))" for n, x in enumerate(xs))
    got = run(f"SELECT {text(block, dialect)} FROM (VALUES {values}) AS r(n, x, y) ORDER BY n")
    wanted = evaluate(model(block), {"x": xs, "y": [0.1] * 6, "city": [None] * 6})[""]["predict"][:, 0]
    assert got == pytest.approx(wanted, rel=0.0, abs=1e-15 * width * 1e9 if gaps and dialect == "duckdb" else 0.0)


def test_long_sums_of_duckdb_are_lists():
    known = [build.where(op("<", X, build.number(c)), build.number(c), build.number(-c)) for c in np.arange(1.0, 40.0)]
    assert "list_sum" in text(Reduce(ReduceOp.SUM, build.concat(known)), "duckdb")
    assert "list_sum" not in text(Reduce(ReduceOp.SUM, build.concat(known[:20])), "duckdb")
    assert "list_sum" not in text(Reduce(ReduceOp.SUM, build.concat(known)), "postgres")


# Labels


@pytest.mark.parametrize("dialect", ENGINES)
@pytest.mark.parametrize("labels", [("a", "b", "it's"), (3, 5, 2**60), (0.5, 1.5, -2.0), (10, 2.5, 3), (2**70, 1, 2)])
def test_labels(run, dialect, labels):
    number = Reduce(ReduceOp.ARGMAX, build.concat([X, Y, build.number(1.0)]))
    made = model(number, labels)
    lane = output_lanes(made)[0]
    source = "(VALUES (2.0, 0.0), (0.0, 3.0), (0.0, 0.0), (NULL, 1.0)) AS v(x, y)"
    source = f"(SELECT CAST(x AS double precision) AS x, CAST(y AS double precision) AS y FROM {source}) AS r"
    found = run(f"SELECT {body(made, lane, dialect, binding(), Strategy.EXPRESSION).text} FROM {source}")
    wanted = [str(label) for label in labels] if lane.type == "text" else list(labels)
    assert found == [*wanted, None]
    as_text = emit.label_text_body(made, lane, dialect, binding(), Strategy.EXPRESSION).text
    assert run(f"SELECT {as_text} FROM {source}") == [*(emit.outputs.label_text(label) for label in labels), None]


@pytest.mark.parametrize("dialect", ENGINES)
def test_boolean_labels(run, dialect):
    made = text(op("<", build.number(0.5), X), dialect, labels=(False, True))
    source = "(VALUES (CAST(1.0 AS double precision)), (0.0)) AS r(x)"
    assert run(f"SELECT {made} FROM {source}") == [True, False]


def test_output_lanes_have_names_of_their_own():
    outputs = {"predict": X, "predict_proba": build.concat([X, Y])}
    made = Model((X, Y), (Target("", outputs, ("a", "A")),))
    assert [lane.name for lane in output_lanes(made)] == ["predict", "predict_proba_a", "predict_proba_A_2"]
    assert output_lanes(made)[1] == OutputLane("", "predict_proba", "a", "predict_proba_a", "double", 0)


# Stages


@pytest.mark.parametrize("dialect", ENGINES)
def test_shared_values_are_computed_once(run, dialect):
    weight = np.array([[1.5, -2.0, 0.3, 2.5], [0.5, 0.25, 4.0, -1.5], [-1.0, 2.0, 3.5, 0.125]])
    inputs = build.concat([X, Y, op("*", X, Y), op("+", X, Y)])
    margin = build.linear(inputs, weight, np.array([0.5, 0.0, 1.0]))
    made = Model((X, Y), (Target("", {"predict_proba": build.softmax(margin)}),))
    columns = {name: binding()[name] for name in "xy"}
    staged = select(made, dialect, "(SELECT 1 AS k, 0.5e0 AS x, 2e0 AS y)", ["k"], columns, alias="r")
    named = set(re.findall(r"(?<![.\w])[a-z]+_\d+", staged))
    assert len([name for name in named if name.startswith(("linear_", "exp_"))]) >= 3
    assert "sum_1" in named
    assert staged.lower().count("exp(") <= 6  # a short value is written again for its second use
    found = run(staged.replace("SELECT\n", 'SELECT "predict_proba_0" FROM (SELECT\n', 1) + ") AS q")
    wanted = evaluate(made, {"x": [0.5], "y": [2.0]})[""]["predict_proba"][0, 0]
    assert found == [pytest.approx(wanted, rel=1e-14)]


@pytest.mark.parametrize("dialect", ENGINES)
def test_a_shared_sine_of_a_refused_infinity(run, dialect):
    """Stages are computed for each row, also for those that the condition refuses."""
    wave = op("+", op("sin", op("*", X, build.number(3.0))), build.number(1.0))
    block = build.only_if([build.between(X, -1e300, 1e300)], op("*", wave, op("abs", wave)))
    made = Model((X,), (Target("", {"predict": block}),))
    source = "(SELECT 1 AS k, CAST('Infinity' AS double precision) AS x UNION ALL SELECT 2, 0.5)"
    found = run(f"SELECT predict FROM ({select(made, dialect, source, ['k'], binding(), alias='r')}) AS q ORDER BY k")
    assert found[0] is None
    assert found[1] is not None


# What cannot be written


def deep(depth):
    """A tree that is a chain to the left."""
    count = 2 * depth + 1
    feature = np.array([0, -1] * depth + [-1], dtype=np.int32)
    left = np.array([value for n in range(depth) for value in (2 * n + 2, -1)] + [-1], dtype=np.int32)
    right = np.array([value for n in range(depth) for value in (2 * n + 1, -1)] + [-1], dtype=np.int32)
    leaf = np.array([value for n in range(depth) for value in (-1, n)] + [depth], dtype=np.int32)
    threshold = np.array([float(depth - n // 2) for n in range(count)])
    return TreeEnsemble(
        (X,), np.zeros(1, np.int32), feature, threshold, np.full(count, -1, np.int32), left, right,
        np.zeros(count, bool), leaf, np.arange(depth + 1.0).reshape(-1, 1), np.zeros(1),
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ENGINES)
def test_deep_trees(run, dialect):
    """What is not refused works."""
    limit = {"duckdb": DUCKDB, "postgres": POSTGRES}[dialect].max_depth
    block = deep(limit - 2)
    source = "(VALUES (CAST(0.5 AS double precision)), (1e6), (NULL)) AS r(x)"
    wanted = evaluate(model(block), {"x": [0.5, 1e6, None], "y": [0] * 3, "city": [None] * 3})[""]["predict"][:, 0]
    assert run(f"SELECT {text(block, dialect)} FROM {source}") == wanted.tolist()
    with pytest.raises(EmitError, match=f"nest {limit + 101} deep, the database takes {limit}\n  Train the trees"):
        text(deep(limit + 100), dialect)


def test_what_cannot_be_written():
    with pytest.raises(EmitError, match="unknown dialect 'posgres'\n  Did you mean 'postgres'"):
        text(X, "posgres")
    with pytest.raises(EmitError, match="unknown dialect"):
        indb.to_sql(model(X), "oracle", "t")
    with pytest.raises(EmitError, match="column 'x' is not bound"):
        body(model(X), output_lanes(model(X))[0], "duckdb", {}, Strategy.EXPRESSION)


@pytest.mark.parametrize("dialect", ENGINES)
@pytest.mark.parametrize("value", [0.1, 1e-320, 5e-324, -5e-324, 1.7976931348623157e308, 1 / 3, 1e15, -0.5, 1e22])
def test_numbers_keep_every_bit(run, dialect, value):
    assert run(f"SELECT {emit.literal(dialect, value)}") == [value]
    assert run(f"SELECT {text(Const((value,)), dialect)}") == [value]


@pytest.mark.parametrize("dialect", ENGINES)
def test_special_numbers(run, dialect):
    values = [emit.literal(dialect, value) for value in (math.inf, -math.inf)]
    assert run(f"SELECT {values[0]} UNION ALL SELECT {values[1]}") == [math.inf, -math.inf]
    assert run(f"SELECT {text(build.MISSING, dialect)}") == [None]
