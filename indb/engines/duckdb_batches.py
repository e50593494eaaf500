"""Whole tables through a model that runs in Python in DuckDB: large pieces of rows, one for each thread at a time.

A function in a query is given 2,048 rows at a time. That is too few for libraries: what a call costs in Python, under
its lock, is a third of the work of a small network, and a second thread then gains next to nothing. So `score` reads
the columns of a chunk as one Arrow table, computes it here, and hands DuckDB the scores as another.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from indb.engines import duckdb_udf as udf
from indb.engines.deployment import Deployment
from indb.engines.tables import SOURCE, quoted
from indb.ir import Model

if TYPE_CHECKING:
    from indb.engines.duckdb import DuckDB

PIECE = 1 << 13
"""How many rows a thread is given at a time."""

PLAIN_TYPES = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
    | {"VARCHAR", "DOUBLE", "FLOAT", "BOOLEAN", "DATE", "TIMESTAMP", "BLOB"}
)
"""Types of keys that are the same type again on their way back from Arrow."""

_NUMBERS = itertools.count(1)
"""What tells the tables of scores apart that are handed to DuckDB."""


@contextmanager
def scored(
    database: DuckDB, deployment: Deployment, model: Model, source: str, key: Sequence[str], outputs: Sequence[str]
) -> Iterator[str]:
    """A query that gives the key and the scores of the rows of `source`, valid within."""
    import pyarrow

    lanes = udf.wanted_lanes(deployment, model, key, outputs)
    fields = [f"{SOURCE}.{quoted(name)} AS key_{number}" for number, name in enumerate(key)]
    given = udf.packed(deployment, lambda column: udf.read(column, SOURCE + "."))
    fields += [f"{each} AS given_{number}" for number, each in enumerate(given)]
    rows = database.connection.sql(f"SELECT {', '.join(fields)} FROM {source} AS {SOURCE}").to_arrow_table()
    parts = _scores(database, deployment, udf.groups_of(deployment, lanes), rows.columns[len(key) :], rows.num_rows)
    scores = pyarrow.chunked_array(parts).combine_chunks()
    found = {quoted(name): (f"key_{number}", rows.column(number)) for number, name in enumerate(key)}
    found |= {quoted(name): (f"lane_{number}", scores.field(number)) for number, name in lanes}
    view = f"indb_scores_{next(_NUMBERS)}"
    database.connection.register(view, pyarrow.table(dict(found.values())))
    try:
        yield f"SELECT {', '.join(f'{each} AS {name}' for name, (each, _) in found.items())} FROM {view}"
    finally:
        database.connection.unregister(view)


def _scores(
    database: DuckDB, deployment: Deployment, groups: int, columns: Sequence[Any], n_rows: int
) -> list[Any]:  # fmt: skip
    """The lanes of all rows, in pieces."""
    import pyarrow

    python_model = database.functions.model(deployment)
    assert python_model is not None
    asked = pyarrow.scalar(groups, pyarrow.int8())

    def piece(start: int) -> Any:
        part = [column.slice(start, PIECE) for column in columns]
        count = min(PIECE, n_rows - start)
        return python_model.score([pyarrow.chunked_array([pyarrow.repeat(asked, count)]), *part])

    with ThreadPoolExecutor(udf.threads_of(database), thread_name_prefix="indb") as threads:
        return list(threads.map(piece, range(0, max(n_rows, 1), PIECE)))


def can_score(database: DuckDB, deployment: Deployment, source: str, key: Sequence[str]) -> bool:
    """Whether Python can run here, and every column of the key has the same type again on its way back from Arrow."""
    if database.functions.model(deployment) is None:
        return False
    fields = ", ".join(quoted(name) for name in key)
    return all(row[1] in PLAIN_TYPES for row in database.rows(f"DESCRIBE SELECT {fields} FROM {source} AS {SOURCE}"))
