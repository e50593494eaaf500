"""The registry in a DuckDB file: versions, what names mean, golden rows, who did what. See sql/duckdb/schema.sql."""

from __future__ import annotations

import base64
import getpass
import json
import os
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from indb.engines.deployment import ARCHIVED, CANDIDATE, PRODUCTION, REGISTRY, Deployment, from_row
from indb.engines.registry import Event, GoldenRow
from indb.engines.sqlfiles import sql_file
from indb.engines.tables import text

if TYPE_CHECKING:
    from indb.engines.duckdb import DuckDB

_NOW = "(now() AT TIME ZONE 'UTC')"

_ALIASES = """(
    SELECT list(a.alias ORDER BY a.alias) FROM indb.aliases AS a WHERE a.name = m.name AND a.version = m.version
)"""

_TABLES = """
SELECT bool_or(column_name = 'state') FROM duckdb_columns()
WHERE database_name = current_database() AND schema_name = 'indb' AND table_name = 'models'
"""


def is_prepared(database: DuckDB) -> bool:
    """Whether the registry exists."""
    return database.rows(_TABLES)[0][0] is not None


def prepare(database: DuckDB) -> None:
    """Make the schema and its tables where they are missing."""
    for name in ("schema.sql", "functions.sql"):
        database.write(sql_file("duckdb", name))


def deployments(database: DuckDB) -> list[Deployment]:
    """Every version of every model, oldest first."""
    is_current = database.rows(_TABLES)[0][0]
    if is_current is None:
        return []
    if not is_current:  # of indb 0.1
        with database.transaction():
            prepare(database)
    fields = REGISTRY.format(schema="schema_name", table="table_name", aliases=_ALIASES)
    found = database.rows(f"SELECT {fields} FROM indb.models AS m ORDER BY created_at, name, version")
    return [from_row(row) for row in found]


def expect(database: DuckDB, known: Sequence[Deployment], made: Deployment) -> None:
    """Refuse to go on when others are deployed, or names mean others, than are known: macros say what they mean."""
    there = "SELECT name || '@' || version AS what FROM indb.models"
    _expect(database, there, [each.pinned for each in known], [made.pinned])
    champions = [each for each in known if each.is_champion]
    replaced = [each.pinned for each in champions if each.name == made.name]
    there += " WHERE state = 'production'"
    _expect(database, there, [each.pinned for each in champions], [*replaced, made.pinned])
    there = "SELECT name || '@' || alias || ' for version ' || version AS what FROM indb.aliases"
    aliases = [f"{each.name}@{alias} for version {each.version}" for each in known for alias in each.aliases]
    _expect(database, there, aliases, [])


def _expect(database: DuckDB, there: str, known: Sequence[str], free: Sequence[str]) -> None:
    """Refuse to go on when a query does not give what is known; what is `free` may be there or not."""
    expected = f"SELECT what FROM (SELECT unnest(CAST([{', '.join(map(text, known))}] AS VARCHAR[])) AS what)"
    may_be = ", ".join(map(text, free)) or "''"
    why = text("cannot go on: found other versions or names than when this was written: ")
    database.write(
        f"SELECT error({why} || what || '; write the script again') FROM (\n"
        f"  ({there} EXCEPT {expected}) UNION ALL ({expected} EXCEPT {there})) AS o\nWHERE what NOT IN ({may_be})"
    )


def register(database: DuckDB, deployment: Deployment, model: bytes, plan: str) -> None:
    """Write a version, as a candidate. It is there if it could not become a UDF: there are no savepoints."""
    where = f"WHERE name = {text(deployment.name)} AND version = {deployment.version}"
    database.write(f"DELETE FROM indb.models {where}")
    database.write(f"DELETE FROM indb.events {where} AND action = 'deploy'")
    file = base64.b64encode(model).decode("ascii")
    values = [
        text(deployment.name), str(deployment.version), text(deployment.digest), text(deployment.schema),
        text(deployment.table), text(deployment.strategy), text(deployment.signature()),
        text(json.dumps(deployment.source)), f"from_base64('{file}')", _NOW, text(_user()), text(plan), text(CANDIDATE),
    ]  # fmt: skip
    database.write(
        "INSERT INTO indb.models (name, version, digest, schema_name, table_name, strategy, signature, source, "
        f"model, created_at, created_by, plan, state) VALUES ({', '.join(values)})"
    )
    log(database, "deploy", deployment.name, deployment.version, deployment.summary)


def unregister(database: DuckDB, versions: Sequence[Deployment]) -> None:
    """Take versions out, with all that hangs on them but the events."""
    for each in versions:
        for table in ("models", "aliases", "golden_rows"):
            database.write(f"DELETE FROM indb.{table} WHERE name = {text(each.name)} AND version = {each.version}")
        log(database, "drop", each.name, each.version, f"digest {each.digest[:12]}")


def promote(database: DuckDB, wanted: Deployment, before: Deployment | None) -> None:
    """Let the bare name mean a version."""
    previous = "NULL" if before is None else str(before.version)
    _put_in_production(database, before, wanted, f", previous = {previous}")
    details = "" if before is None else f"from version {before.version}"
    log(database, "promote", wanted.name, wanted.version, details)


def rollback(database: DuckDB, now: Deployment, before: Deployment) -> None:
    """Let the bare name mean the version before."""
    _put_in_production(database, now, before)
    log(database, "rollback", now.name, before.version, f"from version {now.version}")


def _put_in_production(database: DuckDB, now: Deployment | None, wanted: Deployment, more: str = "") -> None:
    states = [*([(now, text(ARCHIVED))] if now else []), (wanted, text(PRODUCTION) + more)]
    for each, state in states:
        where = f"name = {text(each.name)} AND version = {each.version}"
        database.write(f"UPDATE indb.models SET state = {state} WHERE {where}")


def set_alias(database: DuckDB, name: str, alias: str, version: int | None) -> None:
    """Let an alias mean a version, or nothing any more."""
    database.write(f"DELETE FROM indb.aliases WHERE name = {text(name)} AND alias = {text(alias)}")
    if version is not None:
        database.write(f"INSERT INTO indb.aliases VALUES ({text(name)}, {text(alias)}, {version})")
    log(database, "alias" if version is not None else "unalias", name, version, alias)


def log(database: DuckDB, action: str, name: str, version: int | None, details: str) -> None:
    """Write down what was done."""
    number = "NULL" if version is None else str(version)
    client = text(f"{socket.gethostname()} process {os.getpid()}")
    who = text(_user())
    database.write(
        "INSERT INTO indb.events (happened_at, action, name, version, details, login, role, address, application) "
        f"VALUES ({_NOW}, {text(action)}, {text(name)}, {number}, {text(details)}, {who}, {who}, {client}, 'indb')"
    )


def events(database: DuckDB, name: str | None) -> list[Event]:
    """What was done to a model, or to all, oldest first."""
    if not is_prepared(database):
        return []
    found = database.rows(
        "SELECT happened_at, action, name, version, details, login, role, address, application FROM indb.events "
        "WHERE ? IS NULL OR name = ? ORDER BY id",
        (name, name),
    )
    return [Event(*row) for row in found]


def keep_golden_rows(database: DuckDB, deployment: Deployment, rows: Sequence[GoldenRow]) -> None:
    """Write the golden rows of a version, in place of those that are there."""
    version = f"{text(deployment.name)}, {deployment.version}"
    database.write(
        f"DELETE FROM indb.golden_rows WHERE name = {text(deployment.name)} AND version = {deployment.version}"
    )
    lines = ",\n".join(
        f"({version}, {number}, {', '.join(map(text, row.as_json()))})" for number, row in enumerate(rows)
    )
    if lines:
        database.write(f"INSERT INTO indb.golden_rows VALUES\n{lines}")


def golden_rows(database: DuckDB, deployment: Deployment) -> list[GoldenRow]:
    """The golden rows of a version."""
    found = database.rows(
        "SELECT input, expected FROM indb.golden_rows WHERE name = ? AND version = ? ORDER BY number",
        (deployment.name, deployment.version),
    )
    return [GoldenRow.from_json(*row) for row in found]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run a user id that has no name
        return ""
