"""Times ways side by side: each round has one run of every way, so that a busy moment hits them alike."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import duckdb
import numpy as np
import psycopg

from bench.databases import Database, TooSlow
from bench.ways import Way

MILLION = 1_000_000
PROBE_ROWS = 20_000


@dataclass(frozen=True)
class Limits:
    """`rows` of the table, `runs` of each way, and how many seconds a single run should take at most.

    A way that would take longer is timed on the first rows, as many as fit.
    """

    rows: int
    runs: int
    run_seconds: float


@dataclass
class Cell:
    """What was measured of one way for one model on one engine.

    per_million: seconds per million rows, the median. one_row: seconds of the same statement for a single row, which is
    what it costs before the first row. `rows` were scored in each of the `runs` (seconds). flips: labels that differ
    from scikit-learn's predict; difference: the largest of the probabilities. reason: why there is no time.
    """

    engine: str
    model: str
    way: str
    per_million: float | None = None
    one_row: float | None = None
    rows: int = 0
    runs: list[float] = field(default_factory=list)
    flips: int | None = None
    difference: float | None = None
    reason: str = ""
    parts: dict[str, float] = field(default_factory=dict)
    notes: dict[str, float | str] = field(default_factory=dict)


def measure(
    database: Database, model: str, ways: Sequence[Way], expected: tuple[np.ndarray, np.ndarray], limits: Limits
) -> list[Cell]:
    """Probe each way, which warms it up too, then time all of them in rounds; compare the last result of each."""
    cells = [Cell(database.name, model, way.name, reason=way.refused, notes=way.notes) for way in ways]
    for way, cell in zip(ways, cells, strict=True):
        if not cell.reason:
            _say(f"{database.name} {model}, one row and {min(PROBE_ROWS, limits.rows):,} rows: {way.name}")
            _probe(way, cell, limits)
    for number in range(limits.runs):
        for way, cell in zip(ways, cells, strict=True):
            if cell.reason:
                continue
            _say(f"{database.name} {model}, run {number + 1} of {limits.runs}: {way.name}, {cell.rows:,} rows")
            try:
                cell.runs.append(_timed(way, cell.rows))
            except TooSlow:
                cell.reason = f"ran into the time limit at {cell.rows:,} rows"
                continue
            if number == limits.runs - 1 and way.result:
                _compare(database, way.result, cell, expected)
    for way, cell in zip(ways, cells, strict=True):
        if not cell.reason:
            _summarise(way, cell)
    return cells


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _timed(way: Way, rows: int) -> float:
    way.prepare(rows)
    started = time.perf_counter()
    way.run(rows)
    return time.perf_counter() - started


def _probe(way: Way, cell: Cell, limits: Limits) -> None:
    """Time one row and the first 20,000, and choose how many rows a run has."""
    probed = min(PROBE_ROWS, limits.rows)
    try:
        cell.one_row = min(_timed(way, 1) for _ in range(2))
        seconds = _timed(way, probed)
    except TooSlow:
        cell.reason = f"ran into the time limit at {probed:,} rows"
        return
    except (duckdb.Error, psycopg.Error) as error:
        cell.reason = f"the database refuses it: {str(error).splitlines()[0][:160]}"
        return
    each = max(seconds - cell.one_row, 1e-9) / probed
    fitting = int((limits.run_seconds - cell.one_row) / each)
    cell.rows = max(min(limits.rows, fitting), probed)
    if cell.rows < limits.rows:
        cell.rows = max(cell.rows // PROBE_ROWS * PROBE_ROWS, probed)


def _summarise(way: Way, cell: Cell) -> None:
    """Fill in the medians. What is spent once a statement is not multiplied when fewer rows stand for a million."""
    taken = statistics.median(cell.runs)
    once = min(cell.one_row or 0.0, taken)
    cell.per_million = taken + (taken - once) / cell.rows * (MILLION - cell.rows)
    if way.parts:
        last = way.parts[-len(cell.runs) :]
        cell.parts = {name: statistics.median(part[name] for part in last) for name in last[0]}


def _compare(
    database: Database, result: tuple[str, str, str], cell: Cell, expected: tuple[np.ndarray, np.ndarray]
) -> None:
    labels, probabilities = database.scores(*result)
    wanted, wanted_probabilities = (each[: cell.rows] for each in expected)
    if len(labels) != cell.rows:
        raise AssertionError(f"{cell.way} wrote {len(labels):,} rows, needed {cell.rows:,}")
    cell.flips = int(np.count_nonzero(labels != wanted))
    missing = np.isnan(probabilities)
    cell.difference = float("inf") if missing.any() else float(np.abs(probabilities - wanted_probabilities).max())
