"""What a Python function in DuckDB costs for each row beside the model itself: `python -m bench.duckdb_udf`.

The sum of 20 double columns is deployed as a UDF. Its time less that of a query that adds them up, and that of the same
model on the same arrays in memory, is what DuckDB, Arrow and indb take. Beside it: a function that calls scikit-learn's
linear regression for each row, as one would write it by hand.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import reduce

import duckdb
import numpy as np
from sklearn.linear_model import LinearRegression

import indb
from indb import build, codec
from indb.ir import Column, Model, Target
from indb.runtime.scorer import Scorer

COLUMNS = 20
VECTOR = 2048
"""How many rows DuckDB hands to a function at a time."""


def microseconds(rows: int, runs: int, run: Callable[[], object]) -> float:
    """The median time of some runs for one row, after one that warms up."""
    run()
    times: list[float] = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times) / rows * 1e6


def kernel(scorer: Scorer, values: np.ndarray) -> None:
    """The model alone, vector by vector, on arrays as a function gets them."""
    columns = [np.ascontiguousarray(values[:, number]) for number in range(COLUMNS)]
    for start in range(0, len(values), VECTOR):
        part = {f"x{number}": x[start : start + VECTOR].reshape(-1, 1) for number, x in enumerate(columns)}
        scorer.outputs(part, len(part["x0"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    rows, runs = arguments.rows, arguments.runs
    values = np.random.default_rng(0).normal(size=(rows, COLUMNS))
    fitted = LinearRegression().fit(values[:1000], values[:1000].sum(axis=1))
    columns = tuple(Column(f"x{number}") for number in range(COLUMNS))
    model = Model(columns, (Target("", {"predict": reduce(build.add, columns)}),))
    with indb.connect(duckdb.connect(config={"threads": arguments.threads})) as database:
        connection = database.engine.connection
        fields = ", ".join(f"x{number}" for number in range(COLUMNS))
        named = {f"x{number}": values[:, number] for number in range(COLUMNS)}
        connection.register("named", named)
        connection.execute(f"CREATE TABLE t AS SELECT {fields} FROM named")
        database.deploy("model", model, "t", strategy="udf")
        connection.create_function("naive", lambda row: float(fitted.predict([row])[0]), ["DOUBLE[]"], "DOUBLE")

        def ask(expression: str, source: str = "t") -> Callable[[], object]:
            query = f"CREATE OR REPLACE TEMP TABLE scores AS SELECT {expression} AS score FROM {source}"
            return lambda: database.sql(query)

        scan = microseconds(rows, runs, ask(fields.replace(", ", " + ")))
        udf = microseconds(rows, runs, ask("predict('model', t)"))
        scorer = Scorer.load(codec.encode(model))
        alone = microseconds(rows, runs, lambda: kernel(scorer, values))
        few = min(rows, 5_000)
        naive = microseconds(few, 1, ask(f"naive([{fields}])", f"(SELECT * FROM t LIMIT {few})"))
    print(f"us a row, {rows:,} rows, {COLUMNS} double columns, {arguments.threads} threads, median of {runs}")
    print(f"the sum in SQL, into a table                  {scan:8.3f}")
    print(f"the sum as a UDF, into a table                {udf:8.3f}")
    print(f"the sum in numpy alone, one thread            {alone:8.3f}")
    print(f"overhead: UDF - SQL - numpy                   {udf - scan - alone:8.3f}")
    print(f"scikit-learn called for each row ({few:,} rows) {naive:8.3f}")


if __name__ == "__main__":
    main()
