"""One file or two per database: its connection, its tables, the functions of models. Only this package connects."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from indb.errors import DatabaseError, did_you_mean

if TYPE_CHECKING:
    from indb.engines.base import Engine

SCHEMES = ("duckdb", "postgresql", "postgres")


def open_engine(target: Any) -> Engine:
    """The engine of a URL, or of an open connection, which stays open when the engine is closed.

    Raises: DatabaseError for an unknown kind of target, or a database that cannot be opened.
    """
    if isinstance(target, str):
        return _open(target)
    module = type(target).__module__.split(".")[0]
    if module in ("duckdb", "_duckdb"):
        from indb.engines.duckdb import DuckDB

        return DuckDB(target, owned=False)
    if module == "psycopg":
        from indb.engines.postgres import Postgres

        return Postgres(target, owned=False)
    raise DatabaseError(
        f"cannot connect to a {type(target).__name__}: needed a URL, a duckdb connection or a psycopg connection"
    )


def _open(target: str) -> Engine:
    scheme, found, rest = target.partition("://")
    if found and scheme == "duckdb":
        from indb.engines.duckdb import DuckDB

        return DuckDB.open(re.sub("^/", "", rest))
    if found and scheme in ("postgresql", "postgres"):
        from indb.engines.postgres import Postgres

        return Postgres.open(target)
    known = "duckdb:///shop.duckdb, duckdb:// (in memory), postgresql://user@host/database"
    if found:
        raise DatabaseError(f"cannot connect: scheme {scheme!r} is unknown. {did_you_mean(scheme, SCHEMES)}", known)
    raise DatabaseError("cannot connect: the target is no URL", f"Write {known}.")
