"""What CREATE EXTENSION indb reads: the same statements as a deployment runs, as the files of an extension.

The tables of the registry hold what people deployed: pg_dump is told to dump their rows. What a deployment creates is
no part of the extension, so it is dumped like any other function. That is why indb.version_of() is not made here.
"""

from __future__ import annotations

from indb.engines.postgres_registry import FILES, VERSION
from indb.engines.postgres_udf import shared
from indb.engines.sqlfiles import sql_file

TABLES = ("models", "aliases", "events", "golden_rows", "grants", "score_tables", "score_progress")
"""The tables of the registry."""


def files() -> dict[str, str]:
    """The name and the text of each file that belongs into the server's folder of extensions."""
    registry = "\n".join(sql_file("postgres", name) for name in FILES)
    # In a script of an extension IF NOT EXISTS would accept a schema of somebody else's.
    whole = registry.replace("CREATE SCHEMA IF NOT EXISTS indb;", "CREATE SCHEMA indb;")
    dumped = "\n".join(f"SELECT pg_catalog.pg_extension_config_dump('indb.{name}', '');" for name in TABLES)
    dumped += "\nSELECT pg_catalog.pg_extension_config_dump('indb.events_id_seq', '');"
    upgrade = registry.replace("CREATE SCHEMA IF NOT EXISTS indb;\n", "")
    return {
        "indb.control": sql_file("postgres/extension", "indb.control"),
        "indb--0.1.sql": sql_file("postgres/extension", "indb--0.1.sql"),
        f"indb--{VERSION}.sql": _guarded("indb", f"{whole}\n{dumped}\n"),
        f"indb--0.1--{VERSION}.sql": _guarded(
            "indb", f"{sql_file('postgres', 'upgrade-0.1.sql')}\n{upgrade}\n{dumped}\n", "ALTER EXTENSION indb UPDATE"
        ),
        "indb_udf.control": sql_file("postgres/extension", "indb_udf.control"),
        f"indb_udf--{VERSION}.sql": _guarded("indb_udf", ";\n\n".join(shared(None)) + "\n"),
    }


def _guarded(name: str, text: str, how: str = "") -> str:
    """A script that psql refuses to run by itself."""
    return f'\\echo Use "{how or f"CREATE EXTENSION {name}"}" to load this file. \\quit\n\n{text}'
