"""PostgreSQL's arithmetic at its borders: the server ends a query on overflow, and here it must not.

Every expression is run on a table of all pairs of awkward numbers, as an output that no condition guards. What comes
out is what numpy computes by IEEE 754, save for what guards.py says: a result beyond the borders may be the largest
double in place of infinity, one closer to 0 than the smallest may be 0 or the smallest, and a sum that is scaled
because it could overflow loses the last bits of denormal terms.
"""

import itertools
import math

import numpy as np
import pytest

from indb import build
from indb.emit import SqlColumn, SqlKind, Strategy, body, output_lanes
from indb.emit.guards import RaisingGraph
from indb.emit.scalar import Graph
from indb.evaluate import evaluate
from indb.ir import Apply, Block, Column, Distance, Metric, Model, Op, Reduce, ReduceOp, Target, walk

MAX = 1.7976931348623157e308
NUMBERS = (
    *(math.nan, math.inf, -math.inf, 0.0, 5e-324, -5e-324, 1e-320, 2.2250738585072014e-308, -1e-300, 1e-160, 1e-154),
    *(-1e-16, 0.1, 1.0, -1.0, 3.0, -708.5, 709.5, 710.0, -746.0, 1e16, 1.3e154, 1.4e154, -1.5e154, 1e200, -1e300),
    *(1e308, -1e308, MAX, -MAX, 8.9e307, 1.5e308),
)
CONSTANTS = (0.0, 5e-324, -1e-310, 1e-308, -1e-200, 1e-16, 0.3, 0.5, -1.0, 2.0, -7.0, 1e16, 1e155, -1e300, 1e308, MAX)
X, Y = Column("x"), Column("y")
PAIRS = list(itertools.product(NUMBERS, NUMBERS))
INPUT = {"x": np.array([x for x, _ in PAIRS]), "y": np.array([y for _, y in PAIRS])}

pytestmark = pytest.mark.postgres


@pytest.fixture
def database(postgres_connection):
    """A table of all pairs; half of the NaN are NULL."""
    postgres_connection.execute("SET LOCAL jit = off")
    postgres_connection.execute("CREATE TABLE pairs (number int, x float8, y float8)")
    rows = [
        [None if value != value and number % 2 else float(value) for number, value in enumerate(INPUT[name])]
        for name in "xy"
    ]
    postgres_connection.execute(
        "INSERT INTO pairs SELECT unnest(%s::int[]), unnest(%s::float8[]), unnest(%s::float8[])",
        [list(range(len(PAIRS))), *rows],
    )
    return postgres_connection


def computed(database, blocks, kind=SqlKind.FLOAT64, strategy=Strategy.EXPRESSION):
    """(what PostgreSQL gives, what numpy gives) for each block, NaN for NULL."""
    binding = {name: SqlColumn(f"r.{name}", kind) for name in "xy"}
    model = Model((X, Y), (Target("", {f"o{number}": block for number, block in enumerate(blocks)}),))
    found = [[] for _ in blocks]
    for number, lane in enumerate(output_lanes(model)):
        made = body(model, lane, "postgres", binding, strategy)
        text = f"({made.text})"
        if made.kind == "plpgsql":
            head = "CREATE OR REPLACE FUNCTION f(r pairs) RETURNS float8 LANGUAGE plpgsql"
            database.execute(f"{head} AS $${made.text}$$")
            text = "f(r)"
        rows = database.execute(f"SELECT {text} FROM pairs AS r ORDER BY number").fetchall()
        assert not any(value is not None and value != value for (value,) in rows), "NaN for NULL"
        found[number] = np.array([math.nan if value is None else value for (value,) in rows])
    wanted = evaluate(model, INPUT)[""]
    return [(got, wanted[f"o{number}"][:, 0]) for number, got in enumerate(found)]


def distance(got, wanted):
    """|got - wanted|, 0 where both are the same infinity or missing."""
    with np.errstate(all="ignore"):
        same = (got == wanted) | (np.isnan(got) & np.isnan(wanted))
        return np.where(same, 0.0, np.abs(got - wanted))


def usual(values, edge=1e290):
    """Values far from the borders: 0, or of a size between 1/edge and edge."""
    return (values == 0.0) | ((np.abs(values) > 1.0 / edge) & (np.abs(values) < edge))


def assert_ieee(got, wanted, what, exact=False, low=3e-323, high=1.6e308):
    """Equal, or both beyond the same border; `exact` without room for the last bits."""
    near = distance(got, wanted) <= (0.0 if exact else 1e-14) * np.where(np.isfinite(wanted), np.abs(wanted), 0.0)
    same = (got == wanted) | near | (np.isnan(got) & np.isnan(wanted))
    same |= (np.abs(wanted) >= high) & (np.abs(got) >= high) & (np.sign(got) == np.sign(wanted))
    same |= (np.abs(wanted) <= low) & (np.abs(got) <= low)
    for number in np.flatnonzero(~same).tolist():
        raise AssertionError(f"{what} of {PAIRS[number]}: {got[number]!r}, IEEE {wanted[number]!r}")


@pytest.mark.parametrize("op", [Op.ADD, Op.SUB, Op.MUL, Op.DIV, Op.MIN, Op.MAX])
def test_two_columns(database, op):
    ((got, wanted),) = computed(database, [Apply(op, (X, Y))])
    assert_ieee(got, wanted, op.value, exact=True, low=1e-307 if op in (Op.ADD, Op.SUB) else 3e-323)


@pytest.mark.parametrize("op", [Op.ADD, Op.SUB, Op.MUL, Op.DIV])
def test_a_column_and_a_constant(database, op):
    pairs = [(op, args) for c in CONSTANTS for args in ((X, build.number(c)), (build.number(c), X))]
    for (_, args), (got, wanted) in zip(pairs, computed(database, [Apply(*pair) for pair in pairs]), strict=True):
        assert_ieee(got, wanted, f"{args[0]} {op.value} {args[1]}", exact=True)


@pytest.mark.parametrize("op", [Op.EXP, Op.LN, Op.SQRT, Op.SIN, Op.COS, Op.TANH, Op.FLOOR, Op.ABS])
def test_functions(database, op):
    inner = [X, build.multiply(X, Y), build.add(X, Y), build.divide(X, build.number(1e-5))]
    results = computed(database, [*(Apply(op, (x,)) for x in inner), *inner])
    assert_ieee(*results[0], op.value)
    for (got, wanted), (_, argument) in zip(results[1:4], results[5:], strict=True):
        fine = usual(argument) & usual(wanted)
        assert (distance(got, wanted)[fine] <= 1e-14 * np.abs(wanted[fine]) + 1e-300).all(), op


def test_a_column_of_integers_needs_no_guard(database):
    whole = {name: SqlColumn(f"r.{name}", SqlKind.INTEGER) for name in "xy"}
    model = Model((X, Y), (Target("", {"predict": build.multiply(X, Y)}),))
    text = body(model, output_lanes(model)[0], "postgres", whole, Strategy.EXPRESSION).text
    assert text == "r.x::float8 * r.y::float8"
    database.execute(f"SELECT {text} FROM (SELECT 9223372036854775807 AS x, -9223372036854775808 AS y) AS r").fetchall()


def weighted_sums(rng, sizes):
    """Some sums of x, y and x / 2 with random weights and a bias."""
    lanes = build.concat([X, Y, build.multiply(X, build.number(0.5))])
    for _ in range(8):
        weight = rng.choice(sizes, size=(1, 3)) * rng.choice([1.0, -1.0], size=(1, 3))
        yield build.linear(lanes, weight, float(rng.choice(sizes)))


@pytest.mark.parametrize("seed", range(3))
def test_weighted_sums(database, seed):
    """Weights of sizes that models have. The scale that keeps 1e308 * 1e60 in bounds costs sums below 1e-180 bits."""
    blocks = list(weighted_sums(np.random.default_rng(seed), (0.0, 1e-60, 1e-9, 0.25, 0.3, 1.0, 7.0, 1e6, 1e60)))
    for block, (got, wanted) in zip(blocks, computed(database, blocks), strict=True):
        terms = np.stack([INPUT["x"], INPUT["y"], INPUT["x"] * 0.5, np.ones(len(PAIRS))])
        with np.errstate(all="ignore"):
            size = np.abs(terms * np.append(block.weight[0], block.bias[0])[:, None]).sum(axis=0)
        fine = np.isfinite(size) & ((size == 0.0) | (size > 1e-180))
        assert (distance(got, wanted)[fine] <= 1e-15 * size[fine]).all(), block.weight


@pytest.mark.parametrize("seed", range(3))
def test_weighted_sums_of_any_weights(database, seed):
    blocks = list(weighted_sums(np.random.default_rng(seed), CONSTANTS))
    gone = np.isnan(INPUT["x"]) | np.isnan(INPUT["y"])
    finite = np.isfinite(INPUT["x"]) & np.isfinite(INPUT["y"])
    for got, _ in computed(database, blocks):
        assert np.isnan(got[gone]).all()
        assert not np.isnan(got[finite]).any(), "a sum of finite numbers is a number"


def test_sums_of_many_huge_numbers(database):
    """Partial sums overflow though the whole does not: PostgreSQL gives the sum all the same."""
    terms = [X, X, build.negate(X), build.negate(X), Y]
    ((got, wanted),) = computed(database, [Reduce(ReduceOp.SUM, build.concat(terms))])
    x, y = np.abs(INPUT["x"]), np.abs(INPUT["y"])
    huge = np.isfinite(x) & (x > 1e308) & np.isfinite(y) & (y > 1e300)
    assert huge.any()
    assert np.isinf(wanted[huge]).any() or np.isnan(wanted[huge]).any()
    assert (got[huge] == INPUT["y"][huge]).all()


@pytest.mark.parametrize("strategy", Strategy)
def test_probabilities(database, strategy):
    weight = np.array([[1.5, -2.0], [1e3, 0.5], [-0.25, 1e-3]])
    margin = build.linear(build.concat([X, Y]), weight, np.array([0.1, -7.0, 0.0]))
    softmax = build.softmax(margin)
    blocks = [build.sigmoid(X), build.sigmoid(build.add(X, Y)), *build.lanes(softmax)]
    results = computed(database, blocks, strategy=strategy)
    for number, (got, wanted) in enumerate(results):
        finite = np.isfinite(INPUT["x"]) & np.isfinite(INPUT["y"])
        assert not np.isnan(got[finite]).any()
        assert ((got[finite] >= 0.0) & (got[finite] <= 1.0)).all()
        fine = np.isfinite(wanted) & (np.abs(INPUT["x"]) < 1e290) & (np.abs(INPUT["y"]) < 1e290)
        assert (distance(got, wanted)[fine] <= 1e-12 * wanted[fine] + 1e-300).all(), number
    assert_ieee(*results[0], "sigmoid", low=1e-300)


@pytest.mark.parametrize("function", [build.log1p, build.expm1])
def test_accurate_logarithms_and_exponentials(database, function):
    for got, wanted in computed(database, [function(X), function(build.add(X, Y))]):
        fine = np.isfinite(wanted) & (np.abs(INPUT["x"]) < 1e300) & (np.abs(INPUT["y"]) < 1e300)
        assert (distance(got, wanted)[fine] <= 1e-13 * np.abs(wanted[fine]) + 1e-307).all()
        assert np.isnan(got[np.isnan(INPUT["x"])]).all()


OPS = (Op.ADD, Op.SUB, Op.MUL, Op.DIV, Op.MIN, Op.MAX, Op.ABS, Op.FLOOR, Op.SQRT)


def expression(rng, depth) -> Block:
    if depth == 0 or rng.random() < 0.1:
        return (X, Y, build.number(float(rng.choice(CONSTANTS))))[rng.integers(3)]
    op = OPS[rng.integers(len(OPS))]
    count = 1 if op in (Op.ABS, Op.FLOOR, Op.SQRT) else 2
    return Apply(op, tuple(expression(rng, depth - 1) for _ in range(count)))


@pytest.mark.parametrize("seed", range(12))
def test_random_expressions(database, seed):
    """Never an error; and bit for bit what numpy gives where no step comes near a border."""
    rng = np.random.default_rng(seed)
    blocks = [expression(rng, 3) for _ in range(12)]
    compared = 0
    strategy = tuple(Strategy)[seed % 2]
    for block, (got, wanted) in zip(blocks, computed(database, blocks, strategy=strategy), strict=True):
        fine = np.ones(len(PAIRS), dtype=bool)
        steps = {f"s{number}": step for number, step in enumerate(walk([block]))}
        for values in evaluate(Model((X, Y), (Target("", steps),)), INPUT)[""].values():
            fine &= usual(values[:, 0])
        compared += int(fine.sum())
        assert (got[fine] == wanted[fine]).all(), block
    assert compared > 100


def test_guards_are_left_out_where_nothing_can_overflow():
    graph, plain = RaisingGraph(), Graph()
    for one in (graph, plain):
        one.made = one.op(Op.MUL, one.column("x", SqlKind.INTEGER), one.number(2.5))
    assert graph.made.size == plain.made.size


@pytest.mark.parametrize("op", [None, Op.ADD, Op.SUB])
def test_squares(database, op):
    """A square is held at its border, and written without logarithms."""
    inner = [X] if op is None else [Apply(op, (X, build.number(c))) for c in (0.0, 1.0, -35.5, 1e-200, 1e200)]
    blocks = [build.multiply(x, x) for x in inner]
    for x, (got, wanted) in zip(inner, computed(database, blocks), strict=True):
        assert_ieee(got, wanted, f"square of {x}")
    text = body_of(blocks[0])
    assert "ln(" not in text
    assert len(text) < 400


def body_of(block):
    """The text of a block for a table of doubles."""
    binding = {name: SqlColumn(f"r.{name}", SqlKind.FLOAT64) for name in "xy"}
    model = Model((X, Y), (Target("", {"predict": block}),))
    return body(model, output_lanes(model)[0], "postgres", binding, Strategy.EXPRESSION).text


@pytest.mark.parametrize("metric", list(Metric))
def test_distances(database, metric):
    points = np.array([[0.0, 0.0], [1.0, -2.5], [1e16, 1e-160], [-1e300, 1e300]])
    blocks = build.lanes(Distance(build.concat([X, Y]), points, metric))
    for number, (got, wanted) in enumerate(computed(database, blocks)):
        assert_ieee(got, wanted, f"{metric.value} from {points[number]}", low=1e-307, high=1e305)


@pytest.mark.parametrize("exponent", [2, 3, 4, 5, 9])
def test_powers(database, exponent):
    """A power is held at its border, and written without logarithms."""
    block = build.power(X, exponent)
    ((got, wanted),) = computed(database, [block])
    assert_ieee(got, wanted, f"x to {exponent}", low=1e-321)
    assert "ln(" not in body_of(block)
    assert len(body_of(block)) < 300 + 150 * exponent
