"""What a Python function in PostgreSQL costs for each row beside the model itself: `python -m bench.postgres_udf`.

The sum of 20 double columns is deployed as a UDF. A call for each row is timed on a table of equal rows: a session
remembers the values of the last row, so that the model runs once and the rest is PostgreSQL, PL/Python and indb.
Batches are timed on rows that differ, less what the model takes for as many rows here. From both the sum in SQL is
taken off.
Beside them: a PL/Python function that calls scikit-learn for each row, as one would write it by hand.
"""

from __future__ import annotations

import argparse
import pickle
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import reduce

import numpy as np
import psycopg
from sklearn.linear_model import LinearRegression

import indb
from bench.databases import Postgres, postgres_database, postgres_server
from indb import build
from indb.engines.postgres_udf_sql import BATCH_ROWS
from indb.ir import Column, Model, Target
from indb.runtime.scorer import Scorer

COLUMNS = tuple(f"x{number}" for number in range(20))
FEW = 2_000
"""How many rows the function is timed on that calls scikit-learn for each."""

NAIVE = """
CREATE FUNCTION naive(x double precision[]) RETURNS double precision LANGUAGE plpython3u AS $python$
if "fitted" not in GD:
    import sys, pickle
    sys.path.insert(0, {folder!r})
    GD["fitted"] = pickle.loads({data!r})
return float(GD["fitted"].predict([x])[0])
$python$
"""


def fastest(rows: int, runs: int, run: Callable[[], object]) -> float:
    """Microseconds a row of the fastest of some runs, after one that warms up."""
    run()
    found = []
    for _ in range(runs):
        started = time.perf_counter()
        run()
        found.append(time.perf_counter() - started)
    return min(found) / rows * 1e6


def model() -> Model:
    """The sum of the columns."""
    columns = tuple(Column(name) for name in COLUMNS)
    return Model(columns, (Target("", {"predict": reduce(build.add, columns)}),))


def kernel(rows: int, runs: int) -> float:
    """Microseconds a row of the model on arrays, in batches as the server has them."""
    scorer = Scorer(model())
    values = np.random.default_rng(0).normal(size=(BATCH_ROWS, len(COLUMNS)))
    columns = {name: values[:, [number]] for number, name in enumerate(COLUMNS)}
    batches = max(1, rows // BATCH_ROWS)
    return fastest(batches * BATCH_ROWS, runs, lambda: [scorer.outputs(columns, BATCH_ROWS) for _ in range(batches)])


def _create_tables(connection: psycopg.Connection, rows: int) -> None:
    fields = ", ".join(f"random() AS {name}" for name in COLUMNS)
    same = ", ".join(f"0.5::float8 AS {name}" for name in COLUMNS)
    connection.execute("SELECT setseed(0.5)")
    for table, values in (("t", fields), ("same", same)):
        connection.execute(f"CREATE TABLE {table} AS SELECT g.id, {values} FROM generate_series(1, {rows}) AS g(id)")
        connection.execute(f"ALTER TABLE {table} ADD PRIMARY KEY (id)")
        connection.execute(f"VACUUM ANALYZE {table}")


def _create_naive(database: Postgres, folder: str) -> None:
    """Create the function that calls scikit-learn, which the server finds in a folder."""
    fitted = LinearRegression().fit(np.eye(len(COLUMNS)), np.ones(len(COLUMNS)))
    database.execute(NAIVE.format(folder=folder, data=pickle.dumps(fitted)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--postgres", help="DSN of a server whose role may create databases")
    arguments = parser.parse_args()
    rows, runs = arguments.rows, arguments.runs
    with ExitStack() as stack:
        server, place = stack.enter_context(postgres_server(arguments.postgres))
        database = Postgres(stack.enter_context(postgres_database(server)), 600.0)
        connection = database.connection
        connection.execute("CREATE EXTENSION IF NOT EXISTS plpython3u")
        connection.execute("SET max_parallel_workers_per_gather = 0")
        _create_tables(connection, rows)
        db = indb.connect(connection)
        folder = database.server_python()
        if folder is not None:
            _create_naive(database, folder)
        db.deploy("model", model(), "t", strategy="udf", server_python=folder)
        db.deploy("of_same", model(), "same", strategy="udf")
        db.deploy("in_sql", model(), "t", strategy="expression")
        total = " + ".join(COLUMNS)

        def query(expression: str, table: str, count: int = rows) -> float:
            sql = f"SELECT sum({expression}) FROM {table} WHERE id <= {count}"
            return fastest(count, runs, lambda: connection.execute(sql))

        def written(name: str) -> float:
            return fastest(rows, runs, lambda: db.score(name, "t", into="scores", replace=True))

        plain, row = query(total, "same"), query("predict('of_same', same)", "same")
        table, batch = written("in_sql"), written("model")
        own = kernel(rows, runs)
        naive = query(f"naive(ARRAY[{', '.join(COLUMNS)}])", "t", min(rows, FEW)) if folder else float("nan")
    print(f"{rows:,} rows, {len(COLUMNS)} double columns, one process, the fastest of {runs} runs; {place}")
    print("us a row")
    print(f"the sum in SQL                                {plain:8.2f}")
    print(f"the sum as a UDF, called for each row         {row:8.2f}")
    print(f"  overhead: without the sum in SQL            {row - plain:8.2f}")
    print(f"the sum in SQL, into a table                  {table:8.2f}")
    print(f"the sum as a UDF, in batches, into a table    {batch:8.2f}")
    print(f"  of these in the model                       {own:8.2f}")
    print(f"  overhead: without model and SQL             {batch - table - own:8.2f}")
    print(f"scikit-learn for each row ({min(rows, FEW):,} rows)        {naive:8.2f}")


if __name__ == "__main__":
    main()
