"""`indb calibrate`: synthetic models, three for each strategy, deployed and timed; the costs follow from the seconds.

Everything is done in one transaction that is rolled back; only the costs are kept, in the table indb.costs.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from statistics import median

import numpy as np

from indb import build
from indb.emit import Strategy
from indb.engines.base import SOURCE, Engine, binding, quoted
from indb.engines.capabilities import udf_problem
from indb.engines.deployment import Deployment
from indb.ir import Block, Column, Model, Target, TreeEnsemble
from indb.passes import optimise
from indb.planner.costs import NANO, costs_of
from indb.planner.estimate import Estimate, estimate

ROWS = {"postgres": 20_000, "duckdb": 100_000}
"""Rows of the table that is scored: some tenths of a second for each model, and one thread in DuckDB, too."""

COLUMNS = tuple(f"x{number}" for number in range(20))
RUNS, MANY_RUNS, SHORT = 3, 30, 0.1
"""Runs of a query; more of one that takes so few seconds that a single busy moment would count."""

TABLE = "indb_calibration"

Deploy = Callable[[str, Model, str, Strategy], Deployment]
"""(name, model, table, strategy) -> the deployment, in the transaction that is open."""


class _Done(Exception):
    """Raised to roll everything back."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of one model in one strategy: a query over no row, over one row, over all, and `score` of all.

    Not over all by a UDF: where it is called for each row that takes minutes, and no cost follows from it.
    """

    counts: Estimate
    no_row: float
    one_row: float
    all_rows: float
    score: float


def calibrate(engine: Engine, deploy: Deploy) -> dict[str, float]:
    """The costs of this server, measured; nothing is left in the database.

    Raises: DatabaseError when this role may not create a table.
    """
    found: dict[str, float] = {}
    with suppress(_Done), engine.transaction():
        rows = ROWS[engine.dialect]
        _create_table(engine, rows)
        scan = _seconds(lambda: engine.rows(f"SELECT sum(x0), sum(x19) FROM {TABLE}"))
        timings = {
            strategy: [
                _timing(engine, deploy(f"{TABLE}_{strategy.value}_{number}", model, TABLE, strategy), model)
                for number, model in enumerate(models(strategy))
            ]
            for strategy in _strategies(engine)
        }
        found = fitted(engine.dialect, rows, scan, timings)
        raise _Done
    return found


def models(strategy: Strategy) -> list[Model]:
    """A linear model of 20 columns, and two ensembles over them.

    As SQL 5 and 20 trees of depth 5. Python is as fast with 100 of depth 6: fewer would not be seen.
    """
    small, large = ((5, 5), (20, 5)) if strategy is not Strategy.UDF else ((20, 5), (100, 6))
    inputs = tuple(Column(name) for name in COLUMNS)
    linear = build.linear(build.concat(inputs), np.linspace(-1.0, 1.0, len(inputs)).reshape(1, -1), 0.5)
    outputs: list[Block] = [linear, _ensemble(inputs, *small), _ensemble(inputs, *large)]
    return [Model(inputs, (Target("", {"predict": output}),)) for output in outputs]


def _ensemble(inputs: Sequence[Block], trees: int, depth: int) -> TreeEnsemble:
    """Complete trees on random columns and thresholds in (0, 1)."""
    random = np.random.default_rng(trees)
    inner, size = 2**depth - 1, 2 ** (depth + 1) - 1
    local = np.arange(size)
    is_inner = np.tile(local < inner, trees)
    start = np.repeat(np.arange(trees) * size, size)
    child = np.tile(2 * local + 1, trees) + start
    leaves = int((~is_inner).sum())
    leaf = np.full(len(is_inner), -1)
    leaf[~is_inner] = np.arange(leaves)
    return TreeEnsemble(
        tuple(inputs), (np.arange(trees) * size).astype(np.int32),
        np.where(is_inner, random.integers(0, len(inputs), len(is_inner)), -1).astype(np.int32),
        np.where(is_inner, random.random(len(is_inner)), 0.0), np.full(len(is_inner), -1, np.int32),
        np.where(is_inner, child, -1).astype(np.int32), np.where(is_inner, child + 1, -1).astype(np.int32),
        np.zeros(len(is_inner), bool), leaf.astype(np.int32), random.standard_normal((leaves, 1)), np.zeros(1),
    )  # fmt: skip


def _create_table(engine: Engine, rows: int) -> None:
    fields = ", ".join(f"random() AS {name}" for name in COLUMNS)
    series = f"generate_series(1, {rows})" if engine.dialect == "postgres" else f"range(1, {rows + 1})"
    engine.execute(f"CREATE TABLE {TABLE} AS SELECT g.id, {fields} FROM {series} AS g(id)")
    if engine.dialect == "postgres":  # a query for one row is to take no longer than the row
        engine.execute(f"ALTER TABLE {TABLE} ADD PRIMARY KEY (id)")


def _strategies(engine: Engine) -> list[Strategy]:
    return [Strategy.EXPRESSION, Strategy.STAGED, *([] if udf_problem(engine) else [Strategy.UDF])]


def _timing(engine: Engine, deployment: Deployment, model: Model) -> Timing:
    ready = optimise(model)
    call = f"{quoted(deployment.function(deployment.lanes[0]))}({SOURCE})"
    schema = "indb" if engine.dialect == "postgres" else "main"
    query = f"SELECT sum({schema}.{call}) FROM {TABLE} AS {SOURCE}"
    ids = itertools.count(1)  # psycopg prepares a query that comes again: it would not be planned anew
    whole = engine.select(deployment, ready, TABLE, ["id"], ["predict"])
    return Timing(
        estimate(model, ready, engine.dialect, binding(deployment.columns, "r")),
        _seconds(lambda: engine.rows(f"{query} WHERE false")),
        _seconds(lambda: engine.rows(f"{query} WHERE {SOURCE}.id = {next(ids)}")),
        math.nan if deployment.strategy == Strategy.UDF.value else _seconds(lambda: engine.rows(query)),
        _seconds(lambda: engine.rows(f"SELECT sum(predict) FROM ({whole}) AS scored")),
    )


def _seconds(run: Callable[[], object]) -> float:
    """The median of some runs, after one that warms up."""
    run()
    times: list[float] = []
    while len(times) < RUNS or (sum(times) < SHORT and len(times) < MANY_RUNS):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return median(times)


def fitted(
    dialect: str, rows: int, scan: float, timings: Mapping[Strategy, Sequence[Timing]]
) -> dict[str, float]:  # fmt: skip
    """The costs, in nanoseconds, that explain the seconds best; below a tenth of its default one would be noise."""
    default = costs_of(dialect, {})
    linear, small, _ = timings[Strategy.EXPRESSION]
    staged = timings[Strategy.STAGED]
    found = {
        "bind": _of_one_row(timings[Strategy.EXPRESSION]),
        "operation": (small.all_rows - small.no_row - scan) / rows / small.counts.operations,
        "staged_operation": _slope(staged, rows),
    }
    found["staged_call"] = (staged[0].all_rows - staged[0].no_row - scan) / rows - (
        found["staged_operation"] * staged[0].counts.shared_operations
    )
    if dialect != "postgres":  # PL/pgSQL prepares an expression once in each transaction, and this is a single one
        found["staged_bind"] = _of_one_row(staged)
    if Strategy.UDF in timings:
        query = max(linear.no_row - found["bind"] * linear.counts.inlined, 0.0)  # what any query takes
        found |= _udf_costs(timings[Strategy.UDF], rows, scan, query)
    defaults = {name: getattr(default, name) for name in found}
    return {name: max(value / NANO, defaults[name] / 10) for name, value in found.items()}


def _of_one_row(timings: Sequence[Timing]) -> float:
    """Seconds that a query over one row takes for a node, from the difference of two ensembles."""
    _, small, large = timings
    return (large.one_row - small.one_row) / (large.counts.inlined - small.counts.inlined)


def _slope(timings: Sequence[Timing], rows: int) -> float:
    """Seconds for an operation, from the difference of two ensembles."""
    _, small, large = timings
    seconds = (large.all_rows - large.no_row) - (small.all_rows - small.no_row)
    return seconds / rows / (large.counts.shared_operations - small.counts.shared_operations)


def _udf_costs(timings: Sequence[Timing], rows: int, scan: float, query: float) -> dict[str, float]:
    linear, small, large = timings
    split = (large.score - small.score) / rows / (large.counts.splits - small.counts.splits)
    row = (linear.score - scan) / rows
    number = row / 2 / linear.counts.numbers
    return {"split": split, "row": row / 2, "number": number, "udf_call": linear.one_row - query}


def stored_costs(engine: Engine) -> dict[str, float]:
    """The costs that were measured in this database; empty when none were, or this role may not read them."""
    there = "SELECT 1 FROM information_schema.tables WHERE table_schema = 'indb' AND table_name = 'costs'"
    if not engine.rows(there):
        return {}
    return {str(name): float(value) for name, value in engine.rows("SELECT name, value FROM indb.costs")}


_CREATE = (
    "CREATE TABLE IF NOT EXISTS indb.costs (name varchar PRIMARY KEY, value double precision NOT NULL, "
    "measured_at timestamp NOT NULL)"
)


def store_costs(engine: Engine, costs: Mapping[str, float]) -> None:
    """Keep measured costs in the registry, in place of earlier ones."""
    mark = engine.placeholder
    with engine.transaction():
        engine.prepare()
        engine.execute(_CREATE)
        engine.execute("DELETE FROM indb.costs")
        for name, value in costs.items():
            engine.execute(f"INSERT INTO indb.costs VALUES ({mark}, {mark}, now())", (name, value))
