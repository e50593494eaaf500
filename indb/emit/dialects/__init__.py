"""The SQL dialects that models are written in, one file each."""

from __future__ import annotations

from indb.emit.dialects.base import Dialect
from indb.emit.dialects.duckdb import DUCKDB
from indb.emit.dialects.postgres import POSTGRES
from indb.errors import EmitError, did_you_mean

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (DUCKDB, POSTGRES)}


def dialect_of(name: str) -> Dialect:
    """The dialect of that name.

    Raises: EmitError when there is none.
    """
    found = DIALECTS.get(name)
    if found is None:
        raise EmitError(f"cannot write SQL: unknown dialect {name!r}", did_you_mean(name, DIALECTS))
    return found
