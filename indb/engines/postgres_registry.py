"""The registry in PostgreSQL: versions, what names mean, golden rows, rights, who did what. See sql/postgres.

What changes the meaning of a name is a function of the database, so that psql does the same as indb.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from indb.engines.deployment import REGISTRY, Deployment, from_row
from indb.engines.registry import Event, GoldenRow
from indb.engines.sqlfiles import sql_file
from indb.engines.tables import quoted, text
from indb.errors import DatabaseError

if TYPE_CHECKING:
    from indb.engines.postgres import Postgres

VERSION = "0.2"
"""That of the registry; sql/postgres/schema.sql writes it into the comment of the schema, extensions carry it."""

FILES = ("schema.sql", "functions.sql", "versions.sql", "proof.sql", "rights.sql")
"""What makes the registry, in this order."""

_STATE = """
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = to_regclass('indb.models') AND a.attname = 'state' AND NOT a.attisdropped
) AND to_regclass('indb.golden_rows') IS NOT NULL
"""

_VERSIONS = """
SELECT obj_description(to_regnamespace('indb')::oid, 'pg_namespace'),
    (SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'indb')
"""

_MEMBER = """
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_roles AS admin, pg_catalog.pg_roles AS me
    WHERE admin.rolname = 'indb_admin' AND me.rolname = current_user AND me.rolname <> admin.rolname AND NOT me.rolsuper
        AND pg_has_role(me.oid, admin.oid, 'MEMBER')
        AND coalesce(
            (SELECT nspowner FROM pg_catalog.pg_namespace WHERE nspname = 'indb') = admin.oid,
            has_database_privilege(admin.oid, current_database(), 'CREATE')
        )
)
"""

_OWNERS = """
SELECT o.kind, o.name, r.rolname, current_user::text
FROM (
    SELECT 'SCHEMA' AS kind, n.nspname::text AS name, n.nspowner AS owner
    FROM pg_catalog.pg_namespace AS n WHERE n.nspname = 'indb'
    UNION ALL
    SELECT 'TABLE', 'indb.' || quote_ident(c.relname), c.relowner
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'indb' AND c.relkind NOT IN ('i', 'S')
    UNION ALL
    SELECT 'FUNCTION', format('indb.%I(%s)', p.proname, oidvectortypes(p.proargtypes)), p.proowner
    FROM pg_catalog.pg_proc AS p WHERE p.pronamespace = to_regnamespace('indb')::oid
) AS o
JOIN pg_catalog.pg_roles AS r ON r.oid = o.owner
WHERE NOT r.rolsuper AND EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = current_user AND rolsuper)
"""


def prepare(database: Postgres) -> None:
    """Make the schema and what it holds where that is missing, or bring it up to this version of indb."""
    check_owner(database)
    _become_admin(database)
    comment, extension = database.rows(_VERSIONS)[0]
    found = re.match(r"indb (\d+(?:\.\d+)*): ", comment or "")
    version = extension or (found[1] if found else "0.1")
    if _number(version) > _number(VERSION):
        raise DatabaseError(
            f"cannot change schema indb: found its version {version}, of a newer indb, needed at most {VERSION}",
            "Upgrade this indb: pip install --upgrade indb.",
        )
    if extension is not None:
        if version != VERSION:
            database.write(f"ALTER EXTENSION indb UPDATE TO {text(VERSION)}")
        return
    if database.is_prepared() and not database.rows(_STATE)[0][0]:
        database.write(sql_file("postgres", "upgrade-0.1.sql"))
    for name in FILES:
        database.write(sql_file("postgres", name))


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _become_admin(database: Postgres) -> None:
    """Whoever is a member of indb_admin deploys as that role, so that all of them own what each made."""
    if database.rows(_MEMBER)[0][0]:
        database.become("indb_admin")


def check_owner(database: Postgres) -> None:
    """A superuser writes only into a schema of superusers: another owner's triggers would run with his rights."""
    found = database.rows(_OWNERS)
    if found:
        kind, owned, owner, role = found[0]
        step = (
            f"Look at it, then DROP FUNCTION {owned}." if kind == "FUNCTION" else
            f"Connect as {owner!r}. Or look for triggers and functions that are not indb's, then run ALTER {kind} "
            f"{owned} OWNER TO {quoted(role)}."
        )  # fmt: skip
        raise DatabaseError(
            f"cannot change schema indb as superuser {role!r}: {kind} {owned} belongs to {owner!r}, needed a superuser",
            step,
        )


def deployments(database: Postgres) -> list[Deployment]:
    """Every version of every model, oldest first."""
    with database.transaction():
        if not database.rows(_STATE)[0][0]:
            raise DatabaseError(
                "cannot read the registry: an older indb made it", "Bring it up to date: indb upgrade --db …"
            )
        style = database.rows("SELECT current_setting('datestyle')")[0][0]
        database.execute("SET LOCAL datestyle = 'ISO'")  # psycopg reads times in no other
        aliases = (
            "(SELECT array_agg(a.alias ORDER BY a.alias) FROM indb.aliases AS a "
            "WHERE a.name = m.name AND a.version = m.version)"
        )
        fields = REGISTRY.format(
            schema="coalesce(n.nspname, '')", table="coalesce(c.relname, '')", aliases=aliases
        )  # fmt: skip
        found = database.rows(
            f"SELECT {fields} FROM indb.models AS m LEFT JOIN pg_class AS c ON c.oid = m.relation "
            "LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace ORDER BY created_at, name, version"
        )
        database.execute("SELECT set_config('datestyle', %s, true)", (style,))
    return [from_row(row) for row in found]


def register(database: Postgres, deployment: Deployment, model: bytes, plan: str) -> None:
    """Write a version, as a candidate."""
    relation = f"{quoted(deployment.schema)}.{quoted(deployment.table)}"
    file = base64.encodebytes(model).decode("ascii")
    database.write(
        f"SELECT indb.register({text(deployment.name)}, {deployment.version}, {text(deployment.digest)},\n"
        f"{text(relation)}::regclass, {text(deployment.strategy)},\n{text(deployment.signature())},\n"
        f"{text(json.dumps(deployment.source))}, {text(plan)},\ndecode('\n{file}', 'base64'))"
    )


def unregister(database: Postgres, versions: Sequence[Deployment]) -> None:
    """Take versions out, with all that hangs on them but the events."""
    for each in versions:
        where = f"WHERE name = {text(each.name)} AND version = {each.version}"
        database.write(f"DELETE FROM indb.models {where}")
        database.write(
            "INSERT INTO indb.events (action, name, version, details) VALUES "
            f"('drop', {text(each.name)}, {each.version}, {text('digest ' + each.digest[:12])})"
        )
    database.write("SELECT indb.forget_grants()")


def events(database: Postgres, name: str | None) -> list[Event]:
    """What was done to a model, or to all, oldest first."""
    with database.transaction():
        style = database.rows("SELECT current_setting('datestyle')")[0][0]
        database.execute("SET LOCAL datestyle = 'ISO'")
        found = database.rows(
            "SELECT happened_at, action, name, version, details, login, role, address, application FROM indb.events "
            "WHERE %s::text IS NULL OR name = %s ORDER BY id",
            (name, name),
        )
        database.execute("SELECT set_config('datestyle', %s, true)", (style,))
    return [Event(*row) for row in found]


def keep_golden_rows(database: Postgres, deployment: Deployment, rows: Sequence[GoldenRow]) -> None:
    """Write the golden rows of a version, in place of those that are there."""
    version = f"{text(deployment.name)}, {deployment.version}"
    database.write(f"DELETE FROM indb.golden_rows WHERE (name, version) = ({version})")
    lines = ",\n".join(
        f"({version}, {number}, {', '.join(map(text, row.as_json()))})" for number, row in enumerate(rows)
    )
    if lines:
        database.write(f"INSERT INTO indb.golden_rows (name, version, number, input, expected) VALUES\n{lines}")


def golden_rows(database: Postgres, deployment: Deployment) -> list[GoldenRow]:
    """The golden rows of a version."""
    found = database.rows(
        "SELECT input::text, expected::text FROM indb.golden_rows WHERE name = %s AND version = %s ORDER BY number",
        (deployment.name, deployment.version),
    )
    return [GoldenRow.from_json(*row) for row in found]
