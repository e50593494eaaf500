"""The matrix: every model of the zoo on every engine, in every strategy and through every way in, against `evaluate`.

What is expected is `evaluate` of the model as it was read, before any pass. Labels are equal on every row. Numbers have
the same bits where trees alone compute them, else they agree to 1e-12, where a linear map is held to the size of its
terms (agreement.py). A value is NULL exactly where it is missing.

One thing is left open: rows of finite inputs beyond 1e290 whose arithmetic overflows in the library itself, so that
`evaluate` gives an infinity, or NaN for a row that no condition refuses, or a partial sum that depends on the order of
the terms. PostgreSQL cannot compute with infinities without an error; it gives the limit (the largest double, a
probability of 0 or 1). There it is tested that no error is raised, and nothing more.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
from agreement import is_exact, linear_slack, room
from numpy.typing import NDArray
from picks import SAMPLE, marked
from rows import awkward_rows
from tables import KEY, TABLE, Rows, create, rows_of
from zoo import ZOO

import indb
from indb import build
from indb.emit import SQL_STRATEGIES, OutputLane, SqlKind, Strategy, body, largest_lane, output_lanes, quote
from indb.emit.outputs import label_text
from indb.evaluate import Values, decode, evaluate
from indb.ir import Apply, Block, Const, Distance, Linear, Model, Op, Reduce, ReduceOp, Target, walk
from indb.passes import optimise
from indb.readers import read

LARGE = {
    "duckdb": frozenset(
        ("statsmodels_glm_binomial_cauchy", "forest_deep", "forest_large", "hist_large", "everything_boosting")
    ),
    "postgres": frozenset(
        ("statsmodels_glm_binomial_cauchy", "lightgbm_linear_classes", "logistic_odd_labels", "xgb_linear_three")
    ),
}
"""Cases that take an engine many seconds to bind: written once, and called in two ways only."""

WRITTEN_OUT = {"duckdb": 3_000, "postgres": 8_000}
"""The most operations, with shared values written out, that are tried as one expression. The planner chooses far
smaller ones only; of larger ones engines take minutes to bind each."""

VANISHED = 1e-270
"""What may be 0 in PostgreSQL: its guards keep products away from the smallest doubles, where it raises an error."""

N_ROWS = 120
BIG = 1e290

TYPES = {"double": "float8", "text": "text", "bigint": "bigint", "boolean": "boolean"}

ENGINES = (pytest.param("duckdb"), pytest.param("postgres", marks=pytest.mark.postgres))
CASES = marked()
SAMPLED = marked(SAMPLE)
CHANGED = ("xgb_integers", "xgb_categories_sets", "xgb_two_classes",
           "linear_integers", "tree_integers", "hist_named_categories", "hist_dtype_categories", "one_hot_ignore",
           "one_hot_tree", "one_hot_infrequent", "ordinal_forest", "everything_logistic", "hist_gaps",
           "forest_gaps", "impute_mean", "scale_clipped_forest", "impute_text_constant", "logistic_raw", "scale_only",
           "function_log1p", "tree_float32_ties", "hist_many_categories")  # fmt: skip
"""Cases that are also tried on tables of narrower types."""


@dataclass(frozen=True)
class Expected:
    """A model with its rows, and what it must give for them."""

    model: Model
    optimised: Model
    rows: Rows
    values: dict[str, dict[str, Values]]
    slack: NDArray[np.float64]
    open: NDArray[np.bool_]
    """Rows whose arithmetic overflows."""

    def target(self, lane: OutputLane) -> Target:
        """The target of a lane, whose name is left out where there is one only."""
        return next(target for target in self.model.targets if lane.target in ("", target.name))

    def check(self, lane: OutputLane, found: Sequence[Any], what: str) -> None:
        """Hold the values of a lane to what is expected."""
        target = self.target(lane)
        values = self.values[target.name][lane.output]
        if lane.output == "predict" and target.labels is not None:
            self.check_labels(decode(target.labels, values), found, what)
            return
        wanted = values[:, lane.lane]
        got = np.array([np.nan if value is None else value for value in found])
        assert not any(value is not None and value != value for value in found), f"{what}: NaN for NULL"
        if is_exact(target.outputs[lane.output]):
            agree = got == wanted
        else:
            with np.errstate(invalid="ignore", over="ignore"):
                agree = (got == wanted) | (np.abs(got - wanted) <= room(lane.output, wanted, self.slack))
        agree |= (np.abs(got) <= VANISHED) & (np.abs(wanted) <= VANISHED)
        agree |= np.isnan(got) & np.isnan(wanted) | self.open
        self.report(np.flatnonzero(~agree), got, wanted, what)

    def check_labels(self, wanted: Sequence[Any], found: Sequence[Any], what: str) -> None:
        """Labels are equal."""
        bad = [
            number
            for number, (label, value) in enumerate(zip(wanted, found, strict=True))
            if label != value and not self.open[number]
        ]
        self.report(bad, found, wanted, what)

    def report(self, bad: Sequence[int] | NDArray[Any], found: Any, wanted: Any, what: str) -> None:
        """Fail with the first row that differs."""
        if len(bad):
            first = int(bad[0])
            raise AssertionError(
                f"{what}: {len(bad)} of {len(self.rows)} rows differ, the first is {first}: found {found[first]!r}, "
                f"wanted {wanted[first]!r} for {self.rows.row(first)}"
            )


def expect(name: str, kinds: Callable[[Any], dict[str, SqlKind]] | None = None) -> Expected:
    """A case of the zoo on its awkward rows; `kinds` gives the columns other types, by the training frame."""
    estimator, frame = ZOO[name]()
    model = read(estimator).in_sql
    picked = awkward_rows(model, frame, np.random.default_rng(zlib.crc32(name.encode())), limit=N_ROWS)
    rows = rows_of(model, picked, kinds(frame) if kinds else None)
    columns = rows.columns()
    values = evaluate(model, columns)
    slack = linear_slack(model, columns)
    return Expected(model, optimise(model), rows, values, slack, overflowing(model, columns, values, slack))


expected = cache(expect)


def overflowing(
    model: Model, columns: dict[str, list[Any]], values: dict[str, dict[str, Values]], slack: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Rows of finite inputs beyond 1e290 that no condition refuses, with a sum that overflows, (n_rows,)."""
    numbers = [v for v in columns.values() if not any(isinstance(value, str) for value in v)]
    table = np.array([[np.nan if value is None else value for value in column] for column in numbers], dtype=float)
    table = table.reshape(len(numbers), len(slack))
    big = (np.abs(table) > BIG).any(axis=0) & ~np.isinf(table).any(axis=0)
    conditions = {str(number): condition for number, condition in enumerate(map(_condition, model.roots()))}
    passed = evaluate(Model(model.columns, (Target("", conditions),)), columns)[""]
    scored = np.concatenate(list(passed.values()), axis=1).all(axis=1)
    everything = np.concatenate([array for outputs in values.values() for array in outputs.values()], axis=1)
    found: NDArray[np.bool_] = big & scored & (np.isinf(slack) | ~np.isfinite(everything).all(axis=1))
    return found


def _condition(block: Block) -> Block:
    """The condition under which an output is given, without what it says of sums, which their overflow breaks."""
    match block:
        case Apply(Op.WHERE, (condition, _, Const((float(value),)))) if value != value:
            lanes = build.lanes(condition.x) if isinstance(condition, Reduce) else [condition]
            kept = [lane for lane in lanes if not any(isinstance(each, Linear | Distance) for each in walk([lane]))]
            return Reduce(ReduceOp.ALL, build.concat([build.number(1.0), *kept]))
    return build.number(1.0)


class Engine:
    """One engine with a fresh database, of which nothing is kept."""

    def __init__(self, dialect: str, connection: Any) -> None:
        self.dialect = dialect
        self.connection = connection

    def run(self, sql: str, values: Sequence[Any] | None = None) -> Any:
        return self.connection.execute(sql, values)

    def lanes(self, expressions: Sequence[str], source: str = f"{TABLE} AS r") -> list[tuple[Any, ...]]:
        """The values of some expressions for every row, in order: a tuple for each expression."""
        key = f"r.{quote(self.dialect, KEY)}"
        found = self.run(f"SELECT {', '.join(expressions)} FROM {source} ORDER BY {key}").fetchall()
        return list(zip(*found, strict=True))


@pytest.fixture
def engine(request: pytest.FixtureRequest, dialect: str) -> Engine:
    """The engine of the parameter `dialect`."""
    connection = request.getfixturevalue(f"{dialect}_connection")
    if dialect == "postgres":
        connection.execute("SET LOCAL jit = off")  # compiling takes seconds, and is not what is tested
    return Engine(dialect, connection)


def written(engine: Engine, case: Expected, lane: OutputLane, strategy: Strategy, number: int) -> str:
    """A lane as an expression over the table; a PL/pgSQL block becomes a function."""
    made = body(case.optimised, lane, engine.dialect, case.rows.binding(engine.dialect, "r"), strategy)
    if made.kind == "expression":
        return f"({made.text})"
    head = f"CREATE FUNCTION lane_{number}(r {TABLE}) RETURNS {TYPES[lane.type]} LANGUAGE plpgsql"
    engine.run(f"{head} AS $body${made.text}$body$")
    return f"lane_{number}(r)"


def check_bodies(engine: Engine, case: Expected, strategies: Sequence[Strategy]) -> None:
    """Every lane in each strategy, all in one query."""
    pairs = [(lane, strategy) for strategy in strategies for lane in output_lanes(case.optimised)]
    texts = [written(engine, case, lane, strategy, number) for number, (lane, strategy) in enumerate(pairs)]
    for (lane, strategy), found in zip(pairs, engine.lanes(texts), strict=True):
        case.check(lane, found, f"{lane.name} as {strategy.value}")


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dialect", ENGINES)
def test_every_strategy(engine: Engine, dialect: str, name: str) -> None:
    case = expected(name)
    create(engine.run, dialect, case.rows)
    strategies = SQL_STRATEGIES
    if name in LARGE[dialect]:
        strategies = (Strategy.EXPRESSION if dialect == "duckdb" else Strategy.STAGED,)
    elif largest_lane(case.optimised, dialect, case.rows.binding(dialect, "r")).inlined > WRITTEN_OUT[dialect]:
        strategies = (Strategy.STAGED,)
    check_bodies(engine, case, strategies)


@pytest.mark.parametrize("name", SAMPLED)
@pytest.mark.parametrize("dialect", ENGINES)
def test_to_sql(engine: Engine, dialect: str, name: str) -> None:
    """The text is written for a table that nobody looked at. PostgreSQL casts no boolean to a double: here all are."""
    case = expected(name)
    kinds = {name: kind if kind is SqlKind.TEXT else SqlKind.FLOAT64 for name, kind in case.rows.kinds.items()}
    create(engine.run, dialect, Rows(kinds, case.rows.columns()))
    query = indb.to_sql(case.model, dialect, TABLE, KEY)
    lanes = output_lanes(case.optimised)
    lanes = [lane for lane in lanes if lane.output in ("predict", "predict_proba")] or lanes
    cursor = engine.run(query)
    names = [column[0] for column in cursor.description]
    assert names[0] == KEY
    found = list(zip(*sorted(cursor.fetchall()), strict=True))
    assert found[0] == tuple(range(len(case.rows)))
    for lane, column, values in zip(lanes, names[1:], found[1:], strict=True):
        assert lane.name.encode().startswith(column.encode())  # PostgreSQL cuts names
        case.check(lane, values, f"{lane.name} of to_sql")


@pytest.mark.parametrize("name", SAMPLED)
@pytest.mark.parametrize("dialect", ENGINES)
def test_deployed(engine: Engine, dialect: str, name: str) -> None:
    """Every call of the public surface, in one query, of the model as SQL; test_*_udf does it for Python functions."""
    case = expected(name)
    create(engine.run, dialect, case.rows)
    with indb.connect(engine.connection) as database:
        made = database.deploy("zoo's", case.model, TABLE, strategy=fastest_sql(database, case.model))
        if any("transform" in target.outputs for target in case.model.targets):
            engine.run(f"DELETE FROM {TABLE} WHERE {quote(dialect, KEY)} IN ({numbers_of(case.open)})")
            assert database.verify("zoo's").ok  # a transformer has no function to call by a user
            return
        checks = list(public_calls(case, dialect, [column.column for column in made.columns]))
        checks = checks[:2] if name in LARGE[dialect] else checks
        key = f"r.{quote(dialect, KEY)}"
        query = f"SELECT {', '.join(call for call, _ in checks)} FROM {TABLE} AS r ORDER BY {key}"
        found = list(zip(*database.sql(query).fetchall(), strict=True))
    for (call, check), values in zip(checks, found, strict=True):
        check(values, call)


def numbers_of(rows: NDArray[np.bool_]) -> str:
    """The numbers of chosen rows as a list of SQL, or one that no row has."""
    return ", ".join(map(str, np.flatnonzero(rows).tolist())) or "-1"


def fastest_sql(database: indb.Database, model: Model) -> Strategy:
    """The strategy that the planner would choose among those of SQL."""
    usable = [option.strategy for option in database.plan(model, TABLE).options if not option.refused]
    return next(strategy for strategy in usable if strategy in SQL_STRATEGIES)


Check = Callable[[Sequence[Any], str], None]


def public_calls(case: Expected, dialect: str, columns: Sequence[str]) -> Iterator[tuple[str, Check]]:
    """Each call with the check of what it gives."""
    several = len(case.model.targets) > 1
    for target in case.model.targets:
        last = f", {text(target.name)}" if several else ""
        lanes = [lane for lane in output_lanes(case.optimised) if lane.target in ("", target.name)]
        by_output: dict[str, list[OutputLane]] = {}
        for lane in lanes:
            by_output.setdefault(lane.output, []).append(lane)
        yield from _predict_calls(case, target, by_output.get("predict", []), last)
        for function, output in (("predict_proba", "predict_proba"), ("predict_score", "decision_function")):
            found = by_output.get(output, [])
            if len(found) in (1, 2) and not several:
                yield f"{function}('zoo''s', r{last})", _check(case, found[-1])
            for lane in found:
                if lane.label is not None:
                    label = text(label_text(lane.label))
                    yield f"{function}('zoo''s@1', r, {label}{last})", _check(case, lane)
        if not several and "predict" in by_output:
            yield '"zoo\'s"(r)', _check(case, by_output["predict"][0])
            if len(columns) > 1:
                given = ", ".join(f"{quote(dialect, name)} => r.{quote(dialect, name)}" for name in columns)
                yield f'"zoo\'s"({given})', _check(case, by_output["predict"][0])


def _predict_calls(
    case: Expected, target: Target, lanes: Sequence[OutputLane], last: str
) -> Iterator[tuple[str, Check]]:
    for lane in lanes:
        if lane.type != "text":
            yield f"predict('zoo''s', r{last})", _check(case, lane)
        if target.labels is not None:
            labels = decode(target.labels, case.values[target.name]["predict"])
            texts = [None if label is None else label_text(label) for label in labels]
            yield f"predict_label('zoo''s', r{last})", partial(case.check_labels, texts)


def _check(case: Expected, lane: OutputLane) -> Check:
    return lambda found, what: case.check(lane, found, what)


def text(value: str) -> str:
    """A text literal of both engines."""
    return "'" + value.replace("'", "''") + "'"


def narrow(frame: Any) -> dict[str, SqlKind]:
    """Integer and boolean columns where the training values are such, enums for texts, else real and decimal ones."""
    found: dict[str, SqlKind] = {}
    for number, name in enumerate(frame.columns):
        known = [value for value in frame[name].tolist() if value is not None and value == value]
        if all(isinstance(value, str) for value in known):
            found[name] = SqlKind.ENUM
        elif all(isinstance(value, bool) for value in known):
            found[name] = SqlKind.BOOLEAN
        elif all(float(value).is_integer() for value in known):
            found[name] = SqlKind.INTEGER
        else:
            found[name] = SqlKind.FLOAT32 if number % 2 else SqlKind.DECIMAL
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGED)
@pytest.mark.parametrize("dialect", ENGINES)
def test_columns_of_other_types(engine: Engine, dialect: str, name: str) -> None:
    case = expect(name, narrow)
    assert len(set(case.rows.kinds.values()) - {SqlKind.FLOAT64, SqlKind.TEXT}) >= 1
    create(engine.run, dialect, case.rows)
    check_bodies(engine, case, SQL_STRATEGIES)
    with indb.connect(engine.connection) as database:
        database.deploy("narrow", case.model, TABLE, strategy=fastest_sql(database, case.model))
        assert database.verify("narrow").ok
