"""The ways to score the table that are timed against each other. Each writes id, label and probability into a table."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

import indb
from bench import orbital_sql
from bench.databases import SCORES, Database
from bench.transports import Transport
from bench.workload import COLUMNS, NUMBERS, TABLE, TEXTS, Workload, predicted
from indb.database import Database as Indb
from indb.emit import SQL_STRATEGIES, Strategy, output_lanes

SLICE = "customers_slice"
"""A copy of the first rows, for queries that cannot be given a condition."""

PREDICT, SCORE, EXPORT = "indb: predict() in a query", "indb: score", "export, scikit-learn, write back"
ORBITAL, SCAN, COPY = "orbital 0.6.0", "scan: aggregate the columns", "copy: write id and two columns"


@dataclass
class Way:
    """One way: `run(rows)` does it for the rows with an id up to `rows` and is timed; `prepare(rows)` comes before.

    `result` names the table, label and probability column of the outcome; None: there is nothing to compare.
    `refused`: why the way cannot be gone. `parts`: seconds of the steps of each run.
    """

    name: str
    run: Callable[[int], None]
    prepare: Callable[[int], None] = lambda rows: None
    result: tuple[str, str, str] | None = None
    refused: str = ""
    parts: list[dict[str, float]] = field(default_factory=list)
    notes: dict[str, float | str] = field(default_factory=dict)


def ways(database: Database, workload: Workload, transport: Transport, total: int, orbital_limit: float) -> list[Way]:
    """All ways for a pipeline; indb's are deployed by this."""
    db = indb.connect(database.url)
    return [
        *_indb(database, db, workload, total),
        _export(database, workload, transport),
        _orbital(database, workload, total, orbital_limit),
    ]


def floors(database: Database, total: int) -> list[Way]:
    """What a model cannot be faster than: reading what it reads, writing what it writes."""

    def drop(_: int) -> None:
        database.drop(SCORES)

    read = ", ".join([f"sum({name})" for name in NUMBERS] + [f"max({name})" for name in TEXTS])
    return [
        Way(SCAN, lambda rows: database.execute(f"SELECT {read} FROM {TABLE}{_where(rows, total)}")),
        Way(
            COPY,
            lambda rows: database.execute(
                f"CREATE TABLE {SCORES} AS SELECT id, tickets, margin FROM {TABLE}{_where(rows, total)}"
            ),
            drop,
        ),
    ]


def _where(rows: int, total: int) -> str:
    return "" if rows >= total else f" WHERE id <= {rows}"


def _indb(database: Database, db: Indb, workload: Workload, total: int) -> list[Way]:
    name = workload.name
    started = time.perf_counter()
    model = indb.read(workload.pipeline)
    read = time.perf_counter()
    plan = db.plan(model, TABLE)
    usable = [option.strategy for option in plan.options if not option.refused and option.strategy in SQL_STRATEGIES]
    as_sql = Strategy.EXPRESSION if database.dialect == "duckdb" else usable[0]
    made = db.deploy(name, model, TABLE, strategy=as_sql)  # Python functions are compared by bench.planner
    notes: dict[str, float | str] = {
        "strategy": made.strategy, "read_seconds": read - started, "deploy_seconds": time.perf_counter() - read
    }  # fmt: skip

    def drop(_: int) -> None:
        database.drop(SCORES)

    def predict(rows: int) -> None:
        database.execute(
            f"CREATE TABLE {SCORES} AS SELECT t.id, predict('{name}', t) AS label, predict_proba('{name}', t) AS "
            f"probability FROM {TABLE} AS t{_where(rows, total)}"
        )

    def score(rows: int) -> None:
        db.score(name, TABLE, "id", SCORES, None if rows >= total else f"id <= {rows}", replace=True)

    probability = [lane.name for lane in output_lanes(model) if lane.output == "predict_proba"][-1]
    return [
        Way(PREDICT, predict, drop, (SCORES, "label", "probability"), notes=notes),
        Way(SCORE, score, drop, (SCORES, "predict", probability), notes=notes),
    ]


def _export(database: Database, workload: Workload, transport: Transport) -> Way:
    way = Way(EXPORT, lambda rows: None, lambda rows: database.drop(SCORES), (SCORES, "label", "probability"))
    way.notes = {"transport": transport.chosen}

    def run(rows: int) -> None:
        started = time.perf_counter()
        frame = transport.export(rows)
        exported = time.perf_counter()
        labels, probabilities = predicted(workload.pipeline, frame[list(COLUMNS)])
        done = time.perf_counter()
        transport.write(frame["id"].to_numpy(), labels.astype(np.int64), probabilities)
        way.parts.append({"out": exported - started, "predict": done - exported, "back": time.perf_counter() - done})

    way.run = run
    return way


def _orbital(database: Database, workload: Workload, total: int, limit_seconds: float) -> Way:
    made = orbital_sql.query(workload.pipeline, database.dialect, limit_seconds)
    notes: dict[str, float | str] = {"sql_bytes": len(made.sql), "sql_seconds": made.seconds}

    def prepare(rows: int) -> None:
        database.drop(SCORES)
        if rows < total:
            database.drop(SLICE)
            database.execute(f"CREATE TABLE {SLICE} AS SELECT * FROM {TABLE} WHERE id <= {rows}")

    def run(rows: int) -> None:
        sql = made.sql if rows >= total else made.sql.replace(f'"{TABLE}"', f'"{SLICE}"')
        database.execute(
            f'CREATE TABLE {SCORES} AS SELECT id, "output_label" AS label, "output_probability.1" AS probability '
            f"FROM ({sql}) AS scored"
        )

    return Way(ORBITAL, run, prepare, (SCORES, "label", "probability"), made.reason, notes=notes)
