"""`python -m bench.planner`: every strategy for models x engines x rows, and what the planner's pick costs.

Each cell is timed as users would run it: one row through `predict` in a query, another one each time; more through
`score` into a table, on all cores. The regret is the time of the picked strategy over that of the fastest. Beside them,
for the most rows: the fastest export, scikit-learn on all cores, and writing back.
"""

from __future__ import annotations

import itertools
import json
import os
import shlex
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import click
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

import indb
from bench.__main__ import databases
from bench.databases import SCORES, Database, Postgres, TooSlow
from bench.transports import Transport, fastest
from bench.workload import (
    COLUMNS,
    SEED,
    TABLE,
    TRAINING_ROWS,
    Workload,
    churned,
    customers,
    predicted,
    raw_columns,
    scaled,
    workloads,
)
from indb.emit import Strategy
from indb.errors import IndbError

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "planner.md"
CHART = ROOT / "docs" / "planner.svg"
START, END = "<!-- planner:start -->", "<!-- planner:end -->"
ROWS = (1, 1_000, 300_000)
EXPORT = "export"
SMALL_TRAINING = 2_000
"""Rows for the models whose size is that of the training set."""


@dataclass(frozen=True)
class Cell:
    """One strategy for one model, engine and number of rows: seconds (None: not possible, `reason` says why)."""

    engine: str
    model: str
    rows: int
    strategy: str
    seconds: float | None
    estimated: float | None
    picked: bool
    reason: str = ""


def models() -> list[Workload]:
    """The four pipelines of the benchmark, a larger boosting, and three that SQL cannot express."""
    frame = customers(TRAINING_ROWS, SEED + 2)
    labels = churned(frame, SEED + 2)
    boosting = HistGradientBoostingClassifier(
        max_iter=500, max_leaf_nodes=31, early_stopping=False, random_state=SEED, learning_rate=0.02
    )
    made = [Workload("boosting500", "HistGradientBoosting: 500 trees of 31 leaves", make_pipeline(
        raw_columns(), boosting).fit(frame[list(COLUMNS)], labels))]  # fmt: skip
    for name, title, estimator in (
        ("mlp", "MLP 64-32", MLPClassifier((64, 32), max_iter=30, random_state=SEED)),
        ("neighbours", "5 nearest of 2,000 neighbours", KNeighborsClassifier(5)),
        ("svm", "RBF SVM", SVC(random_state=SEED)),
    ):
        fitted = make_pipeline(scaled(), estimator).fit(frame[list(COLUMNS)][:SMALL_TRAINING], labels[:SMALL_TRAINING])
        made.append(Workload(name, title, fitted))
    return [*workloads(), *made]


def cells(database: Database, workload: Workload, rows: Sequence[int], runs: int, limit: float) -> list[Cell]:
    """Every strategy of one model on one engine."""
    db = indb.connect(database.url)
    model = indb.read(workload.pipeline)
    found: list[Cell] = []
    for strategy in Strategy:
        name = f"{workload.name}_{strategy.value}"
        try:
            db.deploy(name, model, TABLE, strategy=strategy)
        except IndbError as error:
            found += [_cell(database, db, workload, model, n, strategy, None, str(error).split("\n")[0]) for n in rows]
            continue
        for n in rows:
            seconds, reason = _timed(database, db, name, n, runs, limit)
            found.append(_cell(database, db, workload, model, n, strategy, seconds, reason))
        db.drop(name)  # in DuckDB a query binds every model that is deployed
    return found


def _use_packages(database: Postgres) -> str:
    """Let the server's Python find the packages of this one: outside, scikit-learn has them too."""
    folder = database.server_python()
    if folder is not None:
        model = indb.read(LinearRegression().fit(np.eye(2), np.arange(2.0)), columns=["age", "tenure"])
        indb.connect(database.url).deploy("packages", model, TABLE, strategy="udf", server_python=folder)
    return "the server's Python finds " + ("its own packages only" if folder is None else "this client's packages")


def _cell(
    database: Database, db: indb.Database, workload: Workload, model: indb.Model, rows: int, strategy: Strategy,
    seconds: float | None, reason: str,
) -> Cell:  # fmt: skip
    plan = db.plan(model, TABLE, rows=rows)
    option = next(option for option in plan.options if option.strategy is strategy)
    estimated = None if option.refused else option.seconds
    picked = plan.strategy is strategy
    return Cell(database.name, workload.name, rows, strategy.value, seconds, estimated, picked, reason)


def exported(
    database: Database, workload: Workload, transport: Transport, rows: int, runs: int, limit: float
) -> Cell:  # fmt: skip
    """The same outside: read the table, predict, write id, label and probability."""

    def run() -> None:
        frame = transport.export(rows)
        labels, probabilities = predicted(workload.pipeline, frame[list(COLUMNS)])
        database.drop(SCORES)
        transport.write(frame["id"].to_numpy(), labels.astype(np.int64), probabilities)

    seconds, reason = _median(run, runs, limit)
    return Cell(database.name, workload.name, rows, EXPORT, seconds, None, False, reason)


def _timed(
    database: Database, db: indb.Database, name: str, rows: int, runs: int, limit: float
) -> tuple[float | None, str]:
    ids = itertools.count(1)  # a session remembers the values of the last row
    jobs = (os.cpu_count() or 1) if database.dialect == "postgres" else 1

    def one_row() -> None:
        database.execute(f"SELECT predict('{name}', t) FROM {TABLE} AS t WHERE id = {next(ids)}")

    def many() -> None:
        with database.limited():
            db.score(name, TABLE, "id", SCORES, f"id <= {rows}", replace=True, jobs=jobs)

    return _median(one_row if rows == 1 else many, runs, limit)


def _median(run: Callable[[], None], runs: int, limit: float) -> tuple[float | None, str]:
    times: list[float] = []
    try:
        for number in range(runs + 1):
            started = time.perf_counter()
            run()
            taken = time.perf_counter() - started
            if number or taken > limit / runs:  # the first run warms up
                times.append(taken)
            if sum(times) > limit / 2:
                break
    except TooSlow:
        return None, f"over {limit:.0f} s"
    return median(times), ""


def regrets(found: Sequence[Cell]) -> list[tuple[str, str, int, float]]:
    """(engine, model, rows, time of the pick over the fastest) of each cell that was timed."""
    groups: dict[tuple[str, str, int], list[Cell]] = {}
    for cell in found:
        if cell.seconds is not None and cell.strategy != EXPORT:
            groups.setdefault((cell.engine, cell.model, cell.rows), []).append(cell)
    result = []
    for key, group in groups.items():
        picked = next((cell.seconds for cell in group if cell.picked), None)
        best = min(cell.seconds for cell in group if cell.seconds is not None)
        result.append((*key, float("inf") if picked is None else picked / best))
    return result


def table(found: Sequence[Cell]) -> list[str]:
    """The lines of a Markdown table: a row for each model and number of rows, the pick in bold."""
    lines = []
    exports = {(cell.engine, cell.model, cell.rows): cell.seconds for cell in found if cell.strategy == EXPORT}
    for engine in dict.fromkeys(cell.engine for cell in found):
        lines += [
            f"| {engine} | rows | expression | staged | udf | regret | export, scikit-learn, write back |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        for place, model, rows, regret in regrets(found):
            if place != engine:
                continue
            row = [model, f"{rows:,}"]
            for strategy in Strategy:
                cell = next(
                    c for c in found if (c.engine, c.model, c.rows, c.strategy) == (engine, model, rows, strategy.value)
                )
                text = "–" if cell.seconds is None else f"{1_000 * cell.seconds:,.4g} ms"
                row.append(f"**{text}**" if cell.picked else text)
            outside = exports.get((engine, model, rows))
            row += [f"{regret:.2f}", "" if outside is None else f"{1_000 * outside:,.4g} ms"]
            lines.append(f"| {' | '.join(row)} |")
        lines.append("")
    values = sorted(regret for *_, regret in regrets(found))
    close = sum(regret <= 1.25 for regret in values)
    lines.append(
        f"Within 1.25 times of the fastest: {close} of {len(values)} cells; the worst is {values[-1]:.2f} times."
    )
    return lines


def _options(given: Sequence[str]) -> list[str]:
    """The options of a command, but for where it writes the cells to."""
    places = [place for place, each in enumerate(given) if each == "--json"]
    return [each for place, each in enumerate(given) if place not in places and place - 1 not in places]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rows", "rows", multiple=True, type=int, default=ROWS, show_default=True)
@click.option("--runs", default=3, show_default=True, help="Runs of each cell; the median counts.")
@click.option("--limit", default=60.0, show_default=True, help="Seconds until a cell is given up.")
@click.option("--model", "names", multiple=True, help="Only these models.")
@click.option("--engine", "engines", multiple=True, type=click.Choice(["duckdb", "postgres"]), help="Only these.")
@click.option("--postgres", "dsn", help="DSN of a server whose role may create databases. [default: as the tests]")
@click.option("--write", is_flag=True, help="Write the tables into docs/planner.md, between its marks.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Write all cells there.")
def main(
    rows: Sequence[int], runs: int, limit: float, names: Sequence[str], engines: Sequence[str], dsn: str | None,
    write: bool, json_path: Path | None,
) -> None:  # fmt: skip
    """Time every strategy beside the planner's pick, after a calibration."""
    warnings.simplefilter("ignore")
    load = ", ".join(f"{each:.2f}" for each in os.getloadavg())
    found: list[Cell] = []
    conditions = [f"{os.cpu_count()} cores; load before: {load}; {runs} runs, medians"]
    with ExitStack() as stack:
        for database, place in databases(stack, engines, dsn, limit):
            database.load(customers(max(rows)), TABLE)
            if isinstance(database, Postgres):
                conditions.append(_use_packages(database))
            started = time.perf_counter()
            indb.connect(database.url).calibrate()
            conditions.append(f"{database.settings}; {place}; calibrated in {time.perf_counter() - started:.0f} s")
            transport = fastest(database, max(rows))
            conditions.append(f"{database.name}, the client's fastest ways: {transport.chosen}")
            for workload in models():
                if not names or workload.name in names:
                    click.echo(f"{database.name} {workload.name}", err=True)
                    found += cells(database, workload, rows, runs, limit)
                    found.append(exported(database, workload, transport, max(rows), runs, limit))
    command = shlex.join(["python", "-m", "bench.planner", *_options(sys.argv[1:])])
    lines = [f"Measured with `{command}`:", "", *(f"* {each}" for each in conditions), "", *table(found)]
    click.echo("\n".join(lines))
    if json_path:
        json_path.write_text(json.dumps([asdict(cell) for cell in found], indent=1) + "\n")
    if write:
        from bench.chart import draw

        draw(found, max(rows), CHART)
        before, _, rest = DOCUMENT.read_text().partition(START)
        DOCUMENT.write_text(before + START + "\n" + "\n".join(lines) + "\n" + END + rest.partition(END)[2])


if __name__ == "__main__":
    main()
