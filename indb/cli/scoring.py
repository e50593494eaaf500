"""Whole tables: score, verify."""

from __future__ import annotations

from typing import Any

import click

from indb.cli.common import database_option, main, opened
from indb.errors import ModelFileError
from indb.ir import Model


@main.command()
@click.argument("name")
@database_option
@click.option("--table", help="Another table with the same columns; the model's own where it is left out.")
@click.option("--key", multiple=True, help="A column of a unique key; may be repeated. Default: the primary key.")
@click.option("--into", help="The table to write. Default: <table>_<name>.")
@click.option("--where", help="An SQL condition on the table's columns.")
@click.option("--output", "outputs", multiple=True, default=("predict", "predict_proba"), show_default=True)
@click.option("--chunk-rows", type=click.IntRange(min=1), help="Rows between two commits.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, help="Connections that score at once (PostgreSQL).")
@click.option("--replace", is_flag=True, help="Replace a table that indb did not write.")
def score(
    name: str, database: str, table: str | None, key: tuple[str, ...], into: str | None, where: str | None,
    outputs: tuple[str, ...], chunk_rows: int | None, jobs: int, replace: bool,
) -> None:  # fmt: skip
    """Score a whole table into another one. Interrupted, the same command goes on where it was.

    \b
    Examples:
      indb score late --db duckdb:///flights.duckdb --key id --into late_scores
      indb score churn@2 --db postgresql://me@host/shop --where "country = 'NO'" --replace
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with opened(database) as db, Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"scoring {name}", total=None)
        rows = db.score(
            name, table=table, key=key or None, into=into, where=where, chunk_rows=chunk_rows, outputs=outputs,
            replace=replace, jobs=jobs, progress=lambda done, total: bar.update(task, completed=done, total=total),
        )  # fmt: skip
    click.echo(f"{rows} rows scored")


@main.command()
@click.argument("name")
@database_option
@click.option("--model", "path", type=click.Path(), help="A file with the fitted estimator, to compare with it too.")
@click.option("--trust", is_flag=True, help="Allow a pickle (.joblib, .pkl) to run its code.")
@click.option("--limit", type=click.IntRange(min=1), default=100_000, show_default=True, help="Rows to look at.")
def verify(name: str, database: str, path: str | None, trust: bool, limit: int) -> None:
    """Compare what the database computes with the model; exit code 1 when they differ.

    \b
    Examples:
      indb verify late --db duckdb:///flights.duckdb
      indb verify late --db duckdb:///flights.duckdb --model late.joblib --trust
    """
    estimator = None if path is None else _estimator(path, trust)
    with opened(database) as db:
        reports = [db.verify(name, limit=limit)]
        if estimator is not None:
            reports.append(db.verify(name, model_object=estimator, limit=limit))
    for report in reports:
        click.echo(str(report))
    if not all(report.ok for report in reports):
        raise SystemExit(1)


def _estimator(path: str, trust: bool) -> Any:
    from indb.readers import model_files

    found = model_files.load(path, trust)
    if isinstance(found, Model):
        raise ModelFileError(
            f"cannot compare with {path}: it holds no fitted estimator", "Give the .joblib or .skops file."
        )
    return found
