"""Asks the Python of a PostgreSQL server which execution providers of ONNX Runtime start with a graph.

A function is created for that in the session's own temporary schema, in a transaction that is taken back.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING

import psycopg

from indb.engines import postgres_functions as functions
from indb.engines import postgres_udf as udf
from indb.errors import DeployError

if TYPE_CHECKING:
    from indb.engines.postgres import Postgres


def refused(database: Postgres, graph: bytes, names: Sequence[str], server_python: str | None) -> dict[str, str]:
    """Why execution providers do not run a graph in the server's Python, "" where they do.

    Raises: DeployError when the server lets nobody ask: PL/Python is missing, or this role is no superuser.
    """
    place = server_python if server_python is not None else udf.known_server_python(database)
    try:
        with database.connection.transaction(force_rollback=True):
            database.execute("CREATE EXTENSION IF NOT EXISTS plpython3u")
            database.execute(_function(place))
            found = database.rows("SELECT pg_temp.indb_refused_providers(%s, %s)", (graph, json.dumps(list(names))))
    except psycopg.Error as error:
        raise DeployError(
            f"cannot find out which execution providers the server has: {error}".strip(),
            "Connect as a superuser of a server with PL/Python, or leave providers= out.",
        ) from error
    return {str(name): str(why) for name, why in json.loads(found[0][0]).items()}


def _function(server_python: str | None) -> str:
    """The function; its first lines are those of the module, below which it is called."""
    source = files("indb").joinpath("runtime", "probe.py").read_text(encoding="utf-8")
    body = (
        f"import json\nimport sys\nif {server_python!r} is not None and {server_python!r} not in sys.path:\n"
        f"    sys.path.insert(0, {server_python!r})\n"
        f"probe = {{}}\nexec(compile({source!a}, 'indb.runtime.probe', 'exec'), probe)\n"
        "return json.dumps(probe['refused'](bytes(args[0]), json.loads(args[1])))\n"
    )
    return (
        "CREATE FUNCTION pg_temp.indb_refused_providers(bytea, text) RETURNS text LANGUAGE plpython3u AS "
        + functions.dollar_quoted("\n" + body)
    )
