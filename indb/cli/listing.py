"""What is there: models, history, doctor, calibrate."""

from __future__ import annotations

import click

from indb.cli.common import as_text, database_option, json_option, main, opened, print_table


@main.command()
@database_option
@json_option
def models(database: str, as_json: bool) -> None:
    """List the models of a database.

    \b
    Examples:
      indb models --db duckdb:///flights.duckdb
      indb models --db duckdb:///flights.duckdb --json
    """
    with opened(database) as db:
        found = db.models()
    rows = [
        {
            "name": each.name, "version": each.version, "state": each.state, "table": each.relation,
            "strategy": each.strategy, "digest": each.digest, "created": str(each.created_at or "")[:19],
        }
        for each in found
    ]  # fmt: skip
    if as_json:
        click.echo(as_text(rows))
    elif not rows:
        click.echo("no models")
    else:
        print_table(rows)


@main.command()
@click.argument("name", required=False)
@database_option
@json_option
def history(name: str | None, database: str, as_json: bool) -> None:
    """List what was done to a model, or to all: when, what, by whom, from which client.

    \b
    Example:
      indb history churn --db postgresql://me@host/shop
    """
    with opened(database) as db:
        found = db.history(name)
    rows = [
        {
            "when": str(each.at)[:19], "action": each.action,
            "model": each.name if each.version is None else f"{each.name}@{each.version}", "details": each.details,
            "login": each.login, "role": each.role, "client": f"{each.application} at {each.address}",
        }
        for each in found
    ]  # fmt: skip
    if as_json:
        click.echo(as_text(rows))
    elif not rows:
        click.echo("nothing was done yet")
    else:
        print_table(rows)


@main.command()
@database_option
@json_option
def doctor(database: str, as_json: bool) -> None:
    """List what a database can do for indb, with the next step for what is missing.

    \b
    Example:
      indb doctor --db postgresql://me@host/shop
    """
    with opened(database) as db:
        found = db.capabilities()
    rows = [
        {
            "capability": each.name, "found": each.found or "missing", "needed for": each.needed_for,
            "next step": "" if each.is_there else each.next_step,
        }
        for each in found
    ]  # fmt: skip
    if as_json:
        click.echo(as_text(rows))
    else:
        print_table(rows)


@main.command()
@database_option
@json_option
def calibrate(database: str, as_json: bool) -> None:
    """Measure what each strategy costs on a server, for `plan` and `deploy`; it takes some seconds.

    \b
    Example:
      indb calibrate --db duckdb:///flights.duckdb
    """
    with opened(database) as db:
        found = db.calibrate()
    if as_json:
        click.echo(as_text(found))
    else:
        print_table([{"cost": name, "nanoseconds": f"{value:,.4g}"} for name, value in found.items()])
