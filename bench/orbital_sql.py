"""Writes the SQL that orbital makes of a pipeline: `python -m bench.orbital_sql pipeline.joblib duckdb out.sql`.

A program of its own, so that it can be given a time limit: for large ensembles it may take minutes and gigabytes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import joblib
from sklearn.pipeline import Pipeline

from bench.workload import NUMBERS, TABLE, TEXTS


@dataclass(frozen=True)
class OrbitalSql:
    """A query, or why there is none, and how long it took to get it."""

    sql: str
    reason: str
    seconds: float


def query(pipeline: Pipeline, dialect: str, limit_seconds: float) -> OrbitalSql:
    """The query of orbital for a pipeline, made by another process."""
    with tempfile.TemporaryDirectory() as folder:
        model, out = Path(folder, "pipeline.joblib"), Path(folder, "out.sql")
        joblib.dump(pipeline, model)
        started = time.perf_counter()
        command = [sys.executable, "-m", "bench.orbital_sql", str(model), dialect, str(out)]
        try:
            root = Path(__file__).parents[1]
            done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=limit_seconds, check=False)
        except subprocess.TimeoutExpired:
            return OrbitalSql("", f"its SQL is not written within {limit_seconds:.0f} s", limit_seconds)
        seconds = time.perf_counter() - started
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
            return OrbitalSql("", lines[-1][:200], seconds)
        return OrbitalSql(out.read_text(), "", seconds)


def main() -> None:
    warnings.simplefilter("ignore")
    import orbital
    from orbital import types

    path, dialect, out = sys.argv[1:]
    sys.setrecursionlimit(20_000)
    features = {"id": types.Int64ColumnType()}  # a column that no step reads is carried into the result
    # One imputer for integers and doubles is refused unless all are declared as doubles, which the SQL adds up as well.
    features |= {name: types.DoubleColumnType() for name in NUMBERS}
    features |= {name: types.StringColumnType() for name in TEXTS}
    parsed = orbital.parse_pipeline(joblib.load(path), features)
    Path(out).write_text(orbital.export_sql(TABLE, parsed, dialect=dialect))


if __name__ == "__main__":
    main()
