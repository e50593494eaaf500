"""`indb calibrate`: synthetic models, three for each strategy, deployed and timed; the costs follow from the seconds.

The shipped costs were fitted to real models on one machine. Synthetic ones cost other seconds, but they tell how many
times faster or slower this server is than that machine was with the same ones (`MEASURED`).

Everything is done in one transaction that is rolled back; only the costs are kept, in the table indb.costs.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from indb import build
from indb.emit import Strategy
from indb.engines.base import Engine
from indb.engines.capabilities import udf_problem
from indb.engines.deployment import Deployment
from indb.engines.tables import SOURCE, quoted
from indb.ir import Block, Column, Model, Target, TreeEnsemble
from indb.passes import optimise
from indb.planner.costs import NANO, costs_of

ROWS = {"postgres": 20_000, "duckdb": 150_000}
"""Rows of the table that is scored: some tenths of a second for each model."""

COLUMNS = tuple(f"x{number}" for number in range(20))
RUNS, MANY_RUNS, SHORT = 3, 30, 0.1
"""Runs of a query; more of one that takes so few seconds that a single busy moment would count."""

MEASURED: Mapping[str, Mapping[str, float]] = {
    "postgres": {
        "bind": 7.9e6, "expression": 855.0, "staged": 7_370.0, "crossing": 3_075.0, "kernel": 4_950.0, "call": 730e3,
    },
    "duckdb": {
        "bind": 168e6, "expression": 307.0, "staged": 1_446.0, "crossing": 555.0, "kernel": 3_030.0, "call": 16.9e6,
    },
}  # fmt: skip
"""What the synthetic models cost, in nanoseconds, on the machine of the shipped costs: medians of seven."""

MOST = 10.0
"""How many times faster or slower than that machine a server may be: more would be noise."""

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

    no_row: float
    one_row: float
    all_rows: float
    score: float


LINEAR, SMALL, LARGE = range(3)
"""The places of the models of a strategy."""


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
        found = scaled(engine.dialect, measured(rows, scan, timings))
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
    if engine.dialect == "postgres":  # a query for one row is to take no longer than the row, one for all a thread
        engine.execute(f"ALTER TABLE {TABLE} ADD PRIMARY KEY (id)")
        engine.execute("SET LOCAL max_parallel_workers_per_gather = 0")
        engine.execute("SET LOCAL jit = off")


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
        _seconds(lambda: engine.rows(f"{query} WHERE false")),
        _seconds(lambda: engine.rows(f"{query} WHERE {SOURCE}.id = {next(ids)}")),
        math.nan if deployment.strategy == Strategy.UDF.value else _seconds(lambda: engine.rows(query)),
        _seconds(lambda: engine.rows(f"SELECT sum(predict) FROM ({whole}) AS scored")),
    )


def _seconds(run: Callable[[], object]) -> float:
    """The fastest of some runs, after one that warms up: others say how busy the server was."""
    run()
    times: list[float] = []
    while len(times) < RUNS or (sum(times) < SHORT and len(times) < MANY_RUNS):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


@dataclass(frozen=True, slots=True)
class Probe:
    """What is timed for some costs: seconds for a row or a query, of the three models of a strategy."""

    strategy: Strategy
    costs: tuple[str, ...]
    seconds: Callable[[Sequence[Timing], int, float], float]


PROBES: Mapping[str, Probe] = {
    "bind": Probe(
        Strategy.EXPRESSION, ("bind", "staged_bind"), lambda t, rows, scan: t[LARGE].one_row - t[SMALL].one_row
    ),
    "expression": Probe(
        Strategy.EXPRESSION, ("operation",), lambda t, rows, scan: (t[SMALL].all_rows - t[SMALL].no_row - scan) / rows
    ),
    "staged": Probe(
        Strategy.STAGED, ("staged_operation", "staged_call"),
        lambda t, rows, scan: (t[LARGE].all_rows - t[LARGE].no_row - scan) / rows,
    ),
    "crossing": Probe(
        Strategy.UDF, ("row", "number", "text"), lambda t, rows, scan: (t[LINEAR].score - scan) / rows
    ),
    "kernel": Probe(
        Strategy.UDF, ("split", "value", "block"), lambda t, rows, scan: (t[LARGE].score - t[SMALL].score) / rows
    ),
    "call": Probe(Strategy.UDF, ("udf_call",), lambda t, rows, scan: t[LINEAR].one_row),
}  # fmt: skip
"""Name -> what is timed. `scan` is what it takes to read the table."""


def measured(
    rows: int, scan: float, timings: Mapping[Strategy, Sequence[Timing]]
) -> dict[str, float]:  # fmt: skip
    """What each probe took, in nanoseconds; those of Python where the database can run it."""
    return {
        name: probe.seconds(timings[probe.strategy], rows, scan) / NANO
        for name, probe in PROBES.items() if probe.strategy in timings
    }  # fmt: skip


def scaled(dialect: str, found: Mapping[str, float]) -> dict[str, float]:
    """The shipped costs times what their probe took here over what it took on their machine."""
    costs, usual = costs_of(dialect, {}), MEASURED[dialect]
    return {
        name: getattr(costs, name) * min(max(value / usual[probe], 1.0 / MOST), MOST)
        for probe, value in found.items() for name in PROBES[probe].costs
    }  # fmt: skip


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
