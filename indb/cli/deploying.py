"""What a database holds: deploy, promote, rollback, alias, grant, revoke, drop, upgrade."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from indb.cli.common import (
    database_option,
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


@main.command()
@click.argument("name")
@model_argument
@database_option
@click.option("--table", required=True, help="The table whose rows the model scores.")
@rename_option
@map_option
@strategy_option
@click.option("--server-python", metavar="FOLDER", help="Where the server's Python finds packages, for a UDF.")
@provider_option
@click.option("--candidate", is_flag=True, help="Do not promote it: the bare name goes on meaning what it means.")
@click.option("--dry-run", is_flag=True, help="Print the plan and the script, and change nothing.")
def deploy(
    name: str, model: str, trust: bool, database: str, table: str, rename: tuple[str, ...], mapping: tuple[str, ...],
    strategy: str | None,
    server_python: str | None, provider: tuple[str, ...], candidate: bool, dry_run: bool,
) -> None:  # fmt: skip
    """Install a model as the next version of NAME.

    \b
    Examples:
      indb deploy late late.indb --db duckdb:///flights.duckdb --table flights
      indb deploy churn churn.skops --db postgresql://me@host/shop --table customers --rename Age=age_years
    """
    options: dict[str, Any] = {
        "rename": renames(rename), "mapping": mapping_of(mapping), "strategy": strategy,
        "server_python": server_python, "promote": not candidate, "providers": provider,
    }  # fmt: skip
    with opened(database) as db:
        if dry_run:
            written = db.script(name, read_model(model, trust), table, **options)
            made = written.deployed
            click.echo(f"{made.plan}\ncolumns:")
            for column in made.deployment.columns:
                click.echo(f"  {column} ({column.type})")
            click.echo(f"\n{written.install}")
        else:
            click.echo(str(db.deploy(name, read_model(model, trust), table, **options)))


@main.command()
@click.argument("name")
@model_argument
@database_option
@click.option("--table", required=True, help="The table whose rows the model scores.")
@rename_option
@map_option
@strategy_option
@click.option("--server-python", metavar="FOLDER", help="Where the server's Python finds packages, for a UDF.")
@provider_option
@click.option("--candidate", is_flag=True, help="Do not promote it: the bare name goes on meaning what it means.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=".",
    show_default=True,
    help="The folder for NAME-VERSION-install.sql and the other two.",
)
@click.option("--roles", is_flag=True, help="Begin with the roles indb_admin and indb_scorer (needs CREATEROLE).")
def script(
    name: str, model: str, trust: bool, database: str, table: str, rename: tuple[str, ...], mapping: tuple[str, ...],
    strategy: str | None,
    server_python: str | None, provider: tuple[str, ...], candidate: bool, out: Path, roles: bool,
) -> None:  # fmt: skip
    """Write what `indb deploy` would run as files for a DBA: install, rollback, uninstall. Nothing is changed.

    \b
    Example:
      indb script churn churn.indb --db postgresql://me@host/shop --table customers --out release
    """
    with opened(database) as db:
        found = db.script(
            name, read_model(model, trust), table, rename=renames(rename), mapping=mapping_of(mapping),
            strategy=strategy, server_python=server_python, promote=not candidate, roles=roles, providers=provider,
        )  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    stem = re.sub(r"[^\w.-]", "_", f"{name}-{found.deployed.deployment.version}")
    for kind, content in (("install", found.install), ("rollback", found.rollback), ("uninstall", found.uninstall)):
        path = out / f"{stem}-{kind}.sql"
        path.write_text(content, encoding="utf-8")
        click.echo(str(path))


@main.command()
@click.argument("name")
@database_option
def promote(name: str, database: str) -> None:
    """Let the bare name of a model mean a version; open sessions see it at their next statement.

    \b
    Examples:
      indb promote churn@3 --db postgresql://me@host/shop
      indb promote churn@challenger --db duckdb:///shop.duckdb
    """
    with opened(database) as db:
        found = db.promote(name)
    click.echo(f"{found.name} is {found.pinned}")


@main.command()
@click.argument("name")
@database_option
def rollback(name: str, database: str) -> None:
    """Go back to the version that was in production before.

    \b
    Example:
      indb rollback churn --db postgresql://me@host/shop
    """
    with opened(database) as db:
        found = db.rollback(name)
    click.echo(f"{found.name} is {found.pinned}")


@main.command()
@click.argument("name")
@click.argument("alias")
@click.option("--remove", is_flag=True, help="Take the alias away; NAME is the model's.")
@database_option
def alias(name: str, alias: str, remove: bool, database: str) -> None:
    """Give a version another name: predict('churn@challenger', c).

    \b
    Examples:
      indb alias churn@4 challenger --db postgresql://me@host/shop
      indb alias churn challenger --remove --db postgresql://me@host/shop
    """
    with opened(database) as db:
        if remove:
            db.unalias(name, alias)
            click.echo(f"removed {name}@{alias}")
        else:
            found = db.alias(name, alias)
            click.echo(f"{found.name}@{alias} is {found.pinned}")


@main.command()
@click.argument("name")
@click.option("--to", "role", required=True, help="A role of the server; public: everybody.")
@database_option
def grant(name: str, role: str, database: str) -> None:
    """Let a role call a model in PostgreSQL, all its versions.

    \b
    Example:
      indb grant churn --to analysts --db postgresql://me@host/shop
    """
    with opened(database) as db:
        db.grant(name, role)
    click.echo(f"{role} may call {name}")


@main.command()
@click.argument("name")
@click.option("--from", "role", required=True, help="A role of the server; public: everybody.")
@database_option
def revoke(name: str, role: str, database: str) -> None:
    """No longer let a role call a model.

    \b
    Example:
      indb revoke churn --from analysts --db postgresql://me@host/shop
    """
    with opened(database) as db:
        db.revoke(name, role)
    click.echo(f"{role} may no longer call {name}")


@main.command()
@click.argument("name")
@database_option
def drop(name: str, database: str) -> None:
    """Take all versions of a model out of a database, or one that is not in production.

    \b
    Examples:
      indb drop late --db duckdb:///flights.duckdb
      indb drop churn@2 --db postgresql://me@host/shop
    """
    with opened(database) as db:
        db.drop(name)
    click.echo(f"dropped {name}")


@main.command()
@database_option
def upgrade(database: str) -> None:
    """Bring the registry of an older indb up to date, as any deployment does.

    \b
    Example:
      indb upgrade --db postgresql://me@host/shop
    """
    with opened(database) as db:
        db.upgrade()
    click.echo("the registry is up to date")


@main.command()
@database_option
def roles(database: str) -> None:
    """Create the roles indb_admin and indb_scorer in PostgreSQL, for a DBA; see docs/dba.md.

    \b
    Example:
      indb roles --db postgresql://dba@host/shop
    """
    with opened(database) as db:
        db.create_roles()
    click.echo("roles: indb_admin, indb_scorer")


@main.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=".",
    show_default=True,
    help="The server's folder of extensions: $(pg_config --sharedir)/extension.",
)
def extension(out: Path) -> None:
    """Write the files that CREATE EXTENSION indb reads in PostgreSQL.

    \b
    Example:
      indb extension --out "$(pg_config --sharedir)/extension"
    """
    from indb.engines.postgres_extension import files

    out.mkdir(parents=True, exist_ok=True)
    for name, content in files().items():
        (out / name).write_text(content, encoding="utf-8")
        click.echo(str(out / name))
