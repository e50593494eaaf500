"""`python -m bench`: times indb on DuckDB and PostgreSQL beside the other ways to score a table."""

from __future__ import annotations

import json
import os
import shlex
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path

import click
import numpy as np
import pandas as pd
from rich.console import Console

from bench import report as reports
from bench.databases import Database, Duck, Postgres, postgres_database, postgres_server
from bench.measure import MILLION, Cell, Limits, measure
from bench.transports import fastest
from bench.ways import floors, ways
from bench.workload import COLUMNS, PREDICT_ROWS, TABLE, Workload, customers, predicted, workloads

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = (ROOT / "docs" / "bench.md", ROOT / "README.md")
MODELS = ("logistic", "tree", "forest", "boosting")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rows", default=MILLION, show_default=True, help="Rows of the table.")
@click.option("--runs", default=5, show_default=True, help="Runs of each way; the median counts.")
@click.option("--run-seconds", default=60.0, show_default=True, help="A way that takes longer is timed on fewer rows.")
@click.option("--limit", default=300.0, show_default=True, help="Seconds until a statement is given up.")
@click.option("--orbital-limit", default=600.0, show_default=True, help="Seconds that orbital has to write its SQL.")
@click.option("--model", "names", multiple=True, type=click.Choice(MODELS), help="Only these models; may be repeated.")
@click.option("--engine", "engines", multiple=True, type=click.Choice(["duckdb", "postgres"]), help="Only these.")
@click.option("--postgres", "dsn", help="DSN of a server whose role may create databases. [default: as the tests]")
@click.option("--write", is_flag=True, help="Write the tables into docs/bench.md and README.md, between their marks.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Write all figures there.")
def main(
    rows: int, runs: int, run_seconds: float, limit: float, orbital_limit: float, names: Sequence[str],
    engines: Sequence[str], dsn: str | None, write: bool, json_path: Path | None,
) -> None:  # fmt: skip
    """Time scoring in the database beside export + scikit-learn + write back, orbital's SQL, and a bare scan.

    \b
    Examples:
      python -m bench --rows 20000 --runs 1       a quick look: the figures mean little
      python -m bench --write --json bench.json   the figures of docs/bench.md
    """
    warnings.simplefilter("ignore")
    console = Console()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = ", ".join(f"{each:.2f}" for each in os.getloadavg())
    click.echo(f"load before (1, 5, 15 minutes): {load}; {cores} cores", err=True)
    chosen = [each for each in workloads() if not names or each.name in names]
    frame = customers(rows)
    judged = {each.name: _expected(each, frame) for each in chosen}
    conditions = [
        f"{rows:,} rows, {len(COLUMNS)} columns read, {runs} runs, medians; {cores} cores; load before: {load}",
        f"Python {sys.version.split()[0]}, scikit-learn {version('scikit-learn')} with all cores, "
        f"orbital {version('orbital')}",
    ]
    cells: list[Cell] = []
    with ExitStack() as stack:
        for database, place in databases(stack, engines, dsn, limit):
            database.load(frame, TABLE)
            found, transport = _engine(database, chosen, judged, Limits(rows, runs, run_seconds), orbital_limit)
            cells += found
            conditions += [f"{database.settings}; {place}", f"{database.name}, client: {transport}"]
    command = shlex.join(["python", "-m", "bench", *sys.argv[1:]])
    report = reports.Report(cells, [(each.name, each.title) for each in chosen], conditions, command)
    reports.show(report, console)
    if json_path:
        json_path.write_text(json.dumps(report.as_json(), indent=1) + "\n")
    if write:
        for path in reports.write(report, DOCUMENTS):
            click.echo(f"wrote {path.relative_to(ROOT)}", err=True)


def _expected(workload: Workload, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """(label, probability) of scikit-learn's own predict and predict_proba for all rows."""
    rows = frame[list(COLUMNS)]
    starts = range(0, len(rows), PREDICT_ROWS)
    labels = [workload.pipeline.predict(rows.iloc[start : start + PREDICT_ROWS]) for start in starts]
    return np.concatenate(labels), predicted(workload.pipeline, rows)[1]


def databases(
    stack: ExitStack, engines: Sequence[str], dsn: str | None, limit: float
) -> Iterator[tuple[Database, str]]:
    """Each database that is asked for, with where it is from."""
    if not engines or "duckdb" in engines:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="indb-bench-"))
        yield Duck(Path(folder), limit), "a temporary file"
    if not engines or "postgres" in engines:
        try:
            server, place = stack.enter_context(postgres_server(dsn))
        except LookupError as error:
            click.echo(f"PostgreSQL is left out: {error}", err=True)
            return
        yield stack.enter_context(_opened(server, limit)), place


@contextmanager
def _opened(server: str, limit: float) -> Iterator[Database]:
    with postgres_database(server) as made:
        yield Postgres(made, limit)


def _engine(
    database: Database,
    chosen: Sequence[Workload],
    judged: dict[str, tuple[np.ndarray, np.ndarray]],
    limits: Limits,
    orbital_limit: float,
) -> tuple[list[Cell], str]:
    """The cells of one engine, and a sentence on the client's ways that were tried."""
    transport = fastest(database, limits.rows)
    cells = measure(database, reports.FLOORS, floors(database, limits.rows), (np.empty(0), np.empty(0)), limits)
    for workload in chosen:
        click.echo(f"{database.name} {workload.name}: deployment, and the SQL of orbital", err=True)
        every = ways(database, workload, transport, limits.rows, orbital_limit)
        cells += measure(database, workload.name, every, judged[workload.name], limits)
    tried = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in transport.tried.items())
    return cells, f"{transport.chosen} (tried: {tried})"


if __name__ == "__main__":
    main()
