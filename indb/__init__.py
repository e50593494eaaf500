"""indb puts a trained model where the data is: a fitted pipeline becomes SELECT predict(…) in your database.

    model = indb.read(pipeline)
    db = indb.connect("duckdb:///shop.duckdb")
    db.deploy("churn", model, table="customers")
    db.sql("SELECT id, predict('churn', c) FROM customers AS c")

Each part is imported when it is first used: reading a model needs no database driver, and the other way round.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from indb import errors
    from indb.api import load, to_sql
    from indb.database import Database, connect
    from indb.errors import IndbError
    from indb.ir import ForeignModel, Model
    from indb.planner import Plan
    from indb.readers import read
    from indb.verify import golden_rows

__version__ = "0.1.0"

__all__ = [
    "Database",
    "ForeignModel",
    "IndbError",
    "Model",
    "Plan",
    "__version__",
    "connect",
    "errors",
    "golden_rows",
    "load",
    "read",
    "to_sql",
]

_HOMES = {
    "Database": "indb.database",
    "ForeignModel": "indb.ir",
    "IndbError": "indb.errors",
    "Model": "indb.ir",
    "Plan": "indb.planner",
    "connect": "indb.database",
    "golden_rows": "indb.verify",
    "load": "indb.api",
    "read": "indb.readers",
    "to_sql": "indb.api",
}


def __getattr__(name: str) -> Any:
    if name == "errors":
        return import_module("indb.errors")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'indb' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
