"""The ensemble as SQL and as a Python function, beside LightGBM's own kernel: `python -m bench.boosting`.

The pipeline `boosting` of the benchmark scores the same rows in every way. LightGBM is fitted to the same columns,
encoded, with as many trees and leaves, and predicts from an array in memory: no database, no preprocessing, no result
written.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from statistics import median

import click
import numpy as np
from sklearn.pipeline import Pipeline

import indb
from bench.__main__ import databases
from bench.databases import SCORES, Database
from bench.workload import COLUMNS, SEED, TABLE, TRAINING_ROWS, churned, customers, workloads


def seconds(run: Callable[[], object], runs: int) -> float:
    """The median of some runs, after one that warms up."""
    run()
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return median(times)


def lightgbm(pipeline: Pipeline, rows: int, runs: int, threads: int) -> float:
    """Seconds of LightGBM's predict for the rows."""
    import lightgbm

    encode = pipeline[:-1].transform
    training = customers(TRAINING_ROWS, SEED + 2)
    model = lightgbm.LGBMClassifier(n_estimators=100, num_leaves=31, min_child_samples=20, verbose=-1, n_jobs=threads)
    model.fit(encode(training[list(COLUMNS)]), churned(training, SEED + 2))
    array = np.ascontiguousarray(encode(customers(rows)[list(COLUMNS)]))
    return seconds(lambda: model.booster_.predict(array, num_threads=threads), runs)


def ways(database: Database, pipeline: Pipeline, runs: int) -> dict[str, float]:
    """Seconds of each strategy: of `score`, and of predict_proba() in a query or of `score` with several jobs."""
    db = indb.connect(database.url)
    model = indb.read(pipeline)
    cores = os.cpu_count() or 1
    query = f"CREATE OR REPLACE TABLE {SCORES} AS SELECT id, predict_proba('m', t) AS p FROM {TABLE} AS t"

    def score(jobs: int = 1) -> None:
        db.score("m", TABLE, "id", SCORES, replace=True, jobs=jobs)

    found: dict[str, float] = {}
    for strategy in ("udf", "expression" if database.dialect == "duckdb" else "staged"):
        db.deploy("m", model, TABLE, strategy=strategy)
        found[f"{strategy}: score"] = seconds(score, runs)
        if database.dialect == "duckdb":
            found[f"{strategy}: predict_proba() in a query"] = seconds(lambda: database.execute(query), runs)
        else:
            found[f"{strategy}: score with {cores} jobs"] = seconds(lambda: score(cores), runs)
        db.drop("m")
        database.drop(SCORES)
    return found


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rows", default=300_000, show_default=True)
@click.option("--runs", default=3, show_default=True)
@click.option("--postgres", "dsn", help="DSN of a server whose role may create databases. [default: as the tests]")
def main(rows: int, runs: int, dsn: str | None) -> None:
    """Time gradient boosting of 100 trees with 31 leaves."""
    warnings.simplefilter("ignore")
    threads = os.cpu_count() or 1
    click.echo(f"{rows:,} rows, medians of {runs} runs; {threads} cores; load before: {os.getloadavg()[0]:.2f}")
    pipeline = next(each for each in workloads() if each.name == "boosting").pipeline
    click.echo(f"{'LightGBM, predict of an array':<55}{lightgbm(pipeline, rows, runs, threads):8.2f} s")
    with ExitStack() as stack:
        for database, _ in databases(stack, (), dsn, 600.0):
            database.load(customers(rows), TABLE)
            for name, taken in ways(database, pipeline, runs).items():
                click.echo(f"{f'{database.name}, {name}':<55}{taken:8.2f} s")


if __name__ == "__main__":
    main()
