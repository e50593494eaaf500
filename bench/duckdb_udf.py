"""What a Python function in DuckDB costs for each row beside the model itself: `python -m bench.duckdb_udf`.

The sum of 20 double columns is deployed as a UDF. Its processor time less that of a query that adds them up, and less
that of the model on its arrays, is what DuckDB, Arrow and indb take; the time to bind the query is shown apart.
Beside it: a function that calls scikit-learn's linear regression for each row, as one would write it by hand.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import duckdb
import numpy as np
from sklearn.linear_model import LinearRegression

import indb
from indb import build
from indb.ir import Column, Model, Target
from indb.runtime.scorer import Scorer

COLUMNS = 20
FEW = 5_000
"""How many rows the function is timed on that calls scikit-learn for each."""


@dataclass(frozen=True)
class Cost:
    """Microseconds a row: elapsed, of all processors, and of these in the model."""

    elapsed: float
    processor: float
    model: float = 0.0


class Stopwatch:
    """The processor time that all threads spend in `Scorer.outputs`."""

    def __init__(self) -> None:
        self.seconds = 0.0
        outputs = Scorer.outputs

        def timed(scorer: Scorer, *arguments: Any) -> Any:
            start = time.thread_time()
            found = outputs(scorer, *arguments)
            self.seconds += time.thread_time() - start
            return found

        Scorer.outputs = timed  # type: ignore[method-assign]


def cost(rows: int, runs: int, run: Callable[[], object], model: Stopwatch) -> Cost:
    """The cheapest of some runs, after one that warms up: on a busy machine the others say how busy it is."""
    run()
    found: list[Cost] = []
    for _ in range(runs):
        model.seconds = 0.0
        elapsed, processor = time.perf_counter(), time.process_time()
        run()
        times = (time.perf_counter() - elapsed, time.process_time() - processor, model.seconds)
        found.append(Cost(*(seconds / rows * 1e6 for seconds in times)))
    return min(found, key=lambda each: each.processor)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    rows, runs, model = arguments.rows, arguments.runs, Stopwatch()
    values = np.random.default_rng(0).normal(size=(rows, COLUMNS))
    fitted = LinearRegression().fit(values[:1000], values[:1000].sum(axis=1))
    columns = tuple(Column(f"x{number}") for number in range(COLUMNS))
    names = [column.name for column in columns]
    with duckdb.connect(config={"threads": arguments.threads}) as connection:
        connection.register("named", dict(zip(names, values.T.copy(), strict=True)))
        connection.execute(f"CREATE TABLE t AS SELECT {', '.join(names)} FROM named")
        database = indb.connect(connection)
        database.deploy(
            "model", Model(columns, (Target("", {"predict": reduce(build.add, columns)}),)), "t", strategy="udf"
        )
        connection.create_function("naive", lambda row: float(fitted.predict([row])[0]), ["DOUBLE[]"], "DOUBLE")

        def ask(expression: str, source: str = "t") -> Callable[[], object]:
            query = f"CREATE OR REPLACE TEMP TABLE scores AS SELECT {expression} AS score FROM {source}"
            return lambda: database.sql(query)

        written = cost(rows, runs, ask(" + ".join(names)), model)
        udf = cost(rows, runs, ask("predict('model', t)"), model)
        bound = cost(rows, runs, ask("predict('model', t)", "t WHERE x0 > 1e9"), model)
        few = min(rows, FEW)
        naive = cost(few, 1, ask(f"naive([{', '.join(names)}])", f"(SELECT * FROM t LIMIT {few})"), model)
    overhead = udf.processor - written.processor - udf.model - bound.processor
    print(f"{rows:,} rows, {COLUMNS} double columns, {arguments.threads} threads, the cheapest of {runs} runs")
    print("us a row                                  elapsed  processors")
    print(f"the sum in SQL, into a table             {written.elapsed:8.3f}    {written.processor:8.3f}")
    print(f"the sum as a UDF, into a table           {udf.elapsed:8.3f}    {udf.processor:8.3f}")
    print(f"  of these to bind the query, once       {bound.elapsed:8.3f}    {bound.processor:8.3f}")
    print(f"  of these in the model                              {udf.model:8.3f}")
    print(f"  overhead: without model, query and SQL             {overhead:8.3f}")
    print(f"scikit-learn for each row ({few:,} rows)    {naive.elapsed:8.3f}    {naive.processor:8.3f}")


if __name__ == "__main__":
    main()
