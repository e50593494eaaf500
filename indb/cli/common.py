"""What the commands share: the group, their common options, and how results are printed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from indb import __version__
from indb.errors import IndbError
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


def database_option(function: F) -> F:
    """The option for the database."""
    return click.option(
        "--db", "database", required=True, envvar="INDB_DATABASE", metavar="URL",
        help="duckdb:///path or postgresql://user@host/database; INDB_DATABASE where it is left out.",
    )(function)  # fmt: skip


def model_argument(function: F) -> F:
    """The argument for a model file, and whether it is trusted."""
    function = click.option("--trust", is_flag=True, help="Allow a pickle (.joblib, .pkl) to run its code.")(function)
    return click.argument("model", type=click.Path())(function)


def rename_option(function: F) -> F:
    """The option for columns of other names."""
    return click.option(
        "--rename", multiple=True, metavar="MODEL=TABLE", help="The table column for a model column; may be repeated."
    )(function)


def map_option(function: F) -> F:
    """The option for columns that follow from others."""
    return click.option(
        "--map", "mapping", multiple=True, metavar="MODEL=SQL",
        help="An SQL expression over a row of the table for a model column; may be repeated.",
    )(function)  # fmt: skip


def mapping_of(pairs: Sequence[str]) -> dict[str, str]:
    """The expression for each model column that was named."""
    found: dict[str, str] = {}
    for pair in pairs:
        model, sign, expression = pair.partition("=")
        if not sign or not model or not expression.strip():
            raise click.BadParameter(f"{pair!r}: write MODEL=SQL", param_hint="--map")
        found[model] = expression
    return found


strategy_option = click.option(
    "--strategy", metavar="NAME", help="expression, staged or udf; default: the planner decides."
)
provider_option = click.option(
    "--provider", multiple=True, metavar="NAME",
    help="An execution provider of ONNX Runtime for the model's graphs, CUDAExecutionProvider say; first one first.",
)  # fmt: skip
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def read_model(path: str, trust: bool) -> Model:
    """The model of a file."""
    from indb.readers import read

    return read(path, trust=trust)


def renames(pairs: Sequence[str]) -> dict[str, str]:
    """The table column for each model column that was named."""
    found: dict[str, str] = {}
    for pair in pairs:
        model, sign, table = pair.rpartition("=")
        if not sign or not model or not table:
            raise click.BadParameter(f"{pair!r}: write MODEL=TABLE", param_hint="--rename")
        found[model] = table
    return found


@contextmanager
def opened(url: str) -> Iterator[Any]:
    """An open database."""
    from indb.database import connect

    with connect(url) as database:
        yield database


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    """Print rows as columns; digests are cut."""
    texts = [{key: str(value)[:12] if key == "digest" else str(value) for key, value in row.items()} for row in rows]
    widths = {key: max(len(key), *(len(row[key]) for row in texts)) for key in texts[0]}
    for line in ({key: key for key in widths}, *texts):
        click.echo("  ".join(line[key].ljust(width) for key, width in widths.items()).rstrip())


def as_text(value: Any) -> str:
    """JSON for machines."""
    return json.dumps(value, indent=2, ensure_ascii=False)
