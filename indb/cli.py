"""The command line: thin over `indb.database` and `indb.api`, with the same words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from indb import __version__
from indb.errors import IndbError, ModelFileError
from indb.ir import Model

F = TypeVar("F", bound=Callable[..., Any])


class _Group(click.Group):
    """Turns our errors into one line and the next step, with exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except IndbError as error:
            click.echo(f"Error: {error.message}", err=True)
            if error.hint:
                click.echo(f"  {error.hint}", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(130)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="indb")
def main() -> None:
    """Put a trained model where the data is.

    A fitted scikit-learn pipeline becomes SELECT predict('late', f) FROM flights AS f, in DuckDB and in PostgreSQL.

    \b
    Examples:
      indb demo
      indb deploy late late.joblib --trust --db duckdb:///flights.duckdb --table flights
      indb models --db duckdb:///flights.duckdb
    """


def _database(function: F) -> F:
    return click.option(
        "--db", "database", required=True, envvar="INDB_DATABASE", metavar="URL",
        help="duckdb:///path or postgresql://user@host/database; INDB_DATABASE where it is left out.",
    )(function)  # fmt: skip


def _model(function: F) -> F:
    function = click.option("--trust", is_flag=True, help="Allow a pickle (.joblib, .pkl) to run its code.")(function)
    return click.argument("model", type=click.Path())(function)


def _rename(function: F) -> F:
    return click.option(
        "--rename", multiple=True, metavar="MODEL=TABLE", help="The table column for a model column; may be repeated."
    )(function)


_strategy = click.option("--strategy", metavar="NAME", help="expression, staged or udf; default: the planner decides.")
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _read(path: str, trust: bool) -> Model:
    from indb.readers import read

    return read(path, trust=trust)


def _renames(pairs: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        model, sign, table = pair.rpartition("=")
        if not sign or not model or not table:
            raise click.BadParameter(f"{pair!r}: write MODEL=TABLE", param_hint="--rename")
        found[model] = table
    return found


@contextmanager
def _open(url: str) -> Iterator[Any]:
    from indb.database import connect

    with connect(url) as database:
        yield database


@main.command()
@click.option("--db", "database", default="duckdb:///demo.duckdb", show_default=True, metavar="URL")
def demo(database: str) -> None:
    """Train on real flights, deploy, score and compare.

    \b
    Examples:
      indb demo
      indb demo --db postgresql://postgres@localhost/demo
    """
    from indb.demo import run_demo

    run_demo(database)


@main.command()
@_model
def show(model: str, trust: bool) -> None:
    """Print a model as text, a line for each block.

    \b
    Examples:
      indb show late.indb
      indb show late.joblib --trust
    """
    click.echo(str(_read(model, trust)))


@main.command()
@_model
@click.option("--dialect", default="duckdb", show_default=True, help="The SQL to write.")
@click.option("--table", required=True, help="The table to score, as SQL writes it.")
@click.option("--key", multiple=True, help="A column to carry along; may be repeated.")
@click.option("--output", "outputs", multiple=True, default=("predict", "predict_proba"), show_default=True)
def sql(model: str, trust: bool, dialect: str, table: str, key: tuple[str, ...], outputs: tuple[str, ...]) -> None:
    """Print one SELECT that scores a table; no database is opened.

    \b
    Examples:
      indb sql late.indb --table flights --key id
      indb sql late.indb --dialect postgres --table public.flights --key id --output predict
    """
    from indb.api import to_sql

    click.echo(to_sql(_read(model, trust), dialect, table, key, outputs))


@main.command()
@_model
@_database
@click.option("--table", required=True, help="The table that the model would read.")
@_rename
@_strategy
@click.option("--rows", type=click.IntRange(min=1), help="Rows that a query scores. [default: the table's, or 100,000]")
@_as_json
def plan(
    model: str, trust: bool, database: str, table: str, rename: tuple[str, ...], strategy: str | None,
    rows: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Say how a model would be installed, what each strategy costs, and why; nothing is changed.

    \b
    Examples:
      indb plan late.indb --db duckdb:///flights.duckdb --table flights
      indb plan late.indb --db postgresql://me@host/shop --table flights --rows 1 --json
    """
    with _open(database) as db:
        found = db.plan(_read(model, trust), table, rows=rows, strategy=strategy, rename=_renames(rename))
    click.echo(_json(found.as_json()) if as_json else str(found))


@main.command()
@click.argument("name")
@_model
@_database
@click.option("--table", required=True, help="The table whose rows the model scores.")
@_rename
@_strategy
@click.option("--server-python", metavar="FOLDER", help="Where the server's Python finds packages, for a UDF.")
def deploy(
    name: str, model: str, trust: bool, database: str, table: str, rename: tuple[str, ...], strategy: str | None,
    server_python: str | None,
) -> None:  # fmt: skip
    """Install a model as the next version of NAME.

    \b
    Examples:
      indb deploy late late.indb --db duckdb:///flights.duckdb --table flights
      indb deploy churn churn.skops --db postgresql://me@host/shop --table customers --rename Age=age_years
    """
    with _open(database) as db:
        found = db.deploy(
            name, _read(model, trust), table, rename=_renames(rename), strategy=strategy, server_python=server_python
        )
    click.echo(str(found))


@main.command()
@click.argument("name")
@_database
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
    with _open(database) as db, Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"scoring {name}", total=None)
        rows = db.score(
            name, table=table, key=key or None, into=into, where=where, chunk_rows=chunk_rows, outputs=outputs,
            replace=replace, jobs=jobs, progress=lambda done, total: bar.update(task, completed=done, total=total),
        )  # fmt: skip
    click.echo(f"{rows} rows scored")


@main.command()
@click.argument("name")
@_database
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
    with _open(database) as db:
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


@main.command()
@_database
@_as_json
def models(database: str, as_json: bool) -> None:
    """List the models of a database.

    \b
    Examples:
      indb models --db duckdb:///flights.duckdb
      indb models --db duckdb:///flights.duckdb --json
    """
    with _open(database) as db:
        found = db.models()
    rows = [
        {
            "name": each.name, "version": each.version, "table": each.relation, "strategy": each.strategy,
            "digest": each.digest, "created": str(each.created_at or "")[:19],
        }
        for each in found
    ]  # fmt: skip
    if as_json:
        click.echo(_json(rows))
    elif not rows:
        click.echo("no models")
    else:
        _print_table(rows)


def _print_table(rows: Sequence[dict[str, Any]]) -> None:
    texts = [{key: str(value)[:12] if key == "digest" else str(value) for key, value in row.items()} for row in rows]
    widths = {key: max(len(key), *(len(row[key]) for row in texts)) for key in texts[0]}
    for line in ({key: key for key in widths}, *texts):
        click.echo("  ".join(line[key].ljust(width) for key, width in widths.items()).rstrip())


@main.command()
@_database
@_as_json
def doctor(database: str, as_json: bool) -> None:
    """List what a database can do for indb, with the next step for what is missing.

    \b
    Example:
      indb doctor --db postgresql://me@host/shop
    """
    with _open(database) as db:
        found = db.capabilities()
    rows = [
        {
            "capability": each.name, "found": each.found or "missing", "needed for": each.needed_for,
            "next step": "" if each.is_there else each.next_step,
        }
        for each in found
    ]  # fmt: skip
    if as_json:
        click.echo(_json(rows))
    else:
        _print_table(rows)


@main.command()
@_database
@_as_json
def calibrate(database: str, as_json: bool) -> None:
    """Measure what each strategy costs on a server, for `plan` and `deploy`; it takes some seconds.

    \b
    Example:
      indb calibrate --db duckdb:///flights.duckdb
    """
    with _open(database) as db:
        found = db.calibrate()
    if as_json:
        click.echo(_json(found))
    else:
        _print_table([{"cost": name, "nanoseconds": f"{value:,.4g}"} for name, value in found.items()])


@main.command()
@click.argument("name")
@_database
def drop(name: str, database: str) -> None:
    """Take all versions of a model out of a database.

    \b
    Example:
      indb drop late --db duckdb:///flights.duckdb
    """
    with _open(database) as db:
        db.drop(name)
    click.echo(f"dropped {name}")


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


if __name__ == "__main__":
    main()
