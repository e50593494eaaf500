"""What needs no database, or changes none: demo, show, sql, convert, plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from indb.cli.common import (
    as_text,
    database_option,
    json_option,
    main,
    map_option,
    mapping_of,
    model_argument,
    opened,
    provider_option,
    read_model,
    rename_option,
    renames,
    strategy_option,
)
from indb.ir import Model


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
@model_argument
def show(model: str, trust: bool) -> None:
    """Print a model as text, a line for each block.

    \b
    Examples:
      indb show late.indb
      indb show late.joblib --trust
    """
    click.echo(str(read_model(model, trust)))


@main.command()
@model_argument
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

    click.echo(to_sql(read_model(model, trust), dialect, table, key, outputs))


@main.command()
@model_argument
@click.option("--to", "target", required=True, type=click.Path(dir_okay=False), help="The file: .onnx, .pmml or .indb.")
def convert(model: str, trust: bool, target: str) -> None:
    """Write a model as a file of another format, by the ending of its name.

    \b
    Examples:
      indb convert late.joblib --trust --to late.onnx
      indb convert late.onnx --to late.pmml
    """
    writers: dict[str, Callable[[Model, str], object]] = {
        ".onnx": Model.to_onnx,
        ".pmml": Model.to_pmml,
        ".indb": Model.save,
    }
    write = writers.get(Path(target).suffix.lower())
    if write is None:
        raise click.BadParameter(f"{target!r}: found none of the endings {', '.join(writers)}", param_hint="--to")
    write(read_model(model, trust), target)
    click.echo(f"{target}: {Path(target).stat().st_size:,} bytes")


@main.command()
@model_argument
@database_option
@click.option("--table", required=True, help="The table that the model would read.")
@rename_option
@map_option
@strategy_option
@click.option("--rows", type=click.IntRange(min=1), help="Rows that a query scores. [default: the table's, or 100,000]")
@provider_option
@json_option
def plan(
    model: str, trust: bool, database: str, table: str, rename: tuple[str, ...], mapping: tuple[str, ...],
    strategy: str | None,
    rows: int | None, provider: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Say how a model would be installed, what each strategy costs, and why; nothing is changed.

    \b
    Examples:
      indb plan late.indb --db duckdb:///flights.duckdb --table flights
      indb plan late.indb --db postgresql://me@host/shop --table flights --rows 1 --json
    """
    with opened(database) as db:
        found = db.plan(
            read_model(model, trust),
            table,
            rows=rows,
            strategy=strategy,
            rename=renames(rename),
            mapping=mapping_of(mapping),
            providers=provider,
        )
    click.echo(as_text(found.as_json()) if as_json else str(found))
