"""The tables and views of a PostgreSQL database, and what their columns mean to a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indb.emit.binding import SqlKind
from indb.engines.tables import Table, TableColumn, quoted

if TYPE_CHECKING:
    from indb.engines.postgres import Postgres

_KINDS: dict[str, tuple[SqlKind, str]] = {
    "int2": (SqlKind.INTEGER, ""),
    "int4": (SqlKind.INTEGER, ""),
    "int8": (SqlKind.INTEGER, ""),
    "numeric": (SqlKind.DECIMAL, ""),
    "float4": (SqlKind.FLOAT32, ""),
    "float8": (SqlKind.FLOAT64, ""),
    "bool": (SqlKind.BOOLEAN, ""),
    "text": (SqlKind.TEXT, ""),
    "varchar": (SqlKind.TEXT, ""),
    "bpchar": (SqlKind.TEXT, "::text"),
    "char": (SqlKind.TEXT, "::text"),
    "name": (SqlKind.TEXT, "::text"),
    "citext": (SqlKind.TEXT, "::text"),
}
"""Type name -> what it is to a model, and the cast that makes it behave like one: padding and case must count."""

_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), b.typname, b.typtype, t.typtype = 'd', NOT a.attnotnull
FROM {attributes} AS a
JOIN pg_type AS t ON t.oid = a.atttypid
CROSS JOIN LATERAL (
    WITH RECURSIVE base AS (
        SELECT p.typname, p.typtype, p.typbasetype FROM pg_type AS p WHERE p.oid = a.atttypid
        UNION ALL
        SELECT p.typname, p.typtype, p.typbasetype FROM pg_type AS p JOIN base ON p.oid = base.typbasetype
        WHERE base.typtype = 'd'
    )
    SELECT typname::text, typtype::text FROM base WHERE typtype <> 'd'
) AS b
WHERE {condition}
ORDER BY a.attnum
"""

_OF_TABLE = _COLUMNS.format(
    attributes="pg_attribute", condition="a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped"
)

_OF_EXPRESSION = _COLUMNS.format(
    attributes="(SELECT '' AS attname, %s::oid AS atttypid, -1 AS atttypmod, false AS attnotnull, 1 AS attnum)",
    condition="true",
)

_KEY = """
SELECT a.attname FROM pg_index AS i
JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
WHERE i.indrelid = %s::regclass AND i.indisprimary
ORDER BY array_position(i.indkey::smallint[], a.attnum)
"""

_TABLES = """
SELECT n.nspname, c.relname, pg_table_is_visible(c.oid)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
AND n.nspname NOT IN ('indb', 'information_schema', 'pg_catalog', 'pg_toast')
"""


def names(database: Postgres) -> list[tuple[str, str, bool]]:
    """(schema, name, found without its schema) of every table and view."""
    with database.transaction():
        return [(row[0], row[1], row[2]) for row in database.rows(_TABLES)]


def table(database: Postgres, schema: str, name: str) -> Table:
    """One table, by its very names."""
    sql = f"{quoted(schema)}.{quoted(name)}"
    with database.transaction():
        path = database.rows("SELECT current_setting('search_path')")[0][0]
        database.execute("SELECT set_config('search_path', '', true)")  # so that types come with their schemas
        columns = tuple(_column(*row) for row in database.rows(_OF_TABLE, (sql,)))
        database.execute("SELECT set_config('search_path', %s, true)", (path,))
        key = tuple(row[0] for row in database.rows(_KEY, (sql,)))
    return Table(schema, name, columns, key)


def expression(database: Postgres, table: Table, sql: str) -> TableColumn:
    """The type of an expression over the rows `r` of a table."""
    described = database.execute(f"SELECT {sql} FROM {table.sql} AS r LIMIT 0").description
    with database.transaction():
        path = database.rows("SELECT current_setting('search_path')")[0][0]
        database.execute("SELECT set_config('search_path', '', true)")
        (row,) = database.rows(_OF_EXPRESSION, (described[0].type_code,))
        database.execute("SELECT set_config('search_path', %s, true)", (path,))
    return _column(*row)


def enums(database: Postgres, types: list[str]) -> dict[str, list[str]]:
    """The members of enums, by the names of the types; of a domain over one those of the enum."""
    if not types:
        return {}
    found = database.rows(
        "SELECT n.name, array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM unnest(%s::text[]) AS n(name) "
        "JOIN pg_type AS t ON t.oid = to_regtype(n.name) "
        "JOIN pg_enum AS e ON e.enumtypid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END GROUP BY n.name",
        (types,),
    )
    return {name: list(labels) for name, labels in found}


def _column(name: str, type: str, base: str, base_type: str, is_domain: bool, nullable: bool) -> TableColumn:
    if base_type == "e":
        return TableColumn(name, type, SqlKind.ENUM, "", nullable)
    kind, cast = _KINDS.get(base, (None, ""))
    if kind is not None and is_domain and not cast:
        cast = f"::{base}"
    return TableColumn(name, type, kind, cast, nullable)
