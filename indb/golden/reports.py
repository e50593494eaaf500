"""What came out of a database against what was expected: rows of values, and a report of where they differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from indb.engines.deployment import Deployment, Lane

LIBRARY_TOLERANCE = 1e-9
"""The largest difference from the library: its sums may run in another order."""

Row: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One value that differs: the row's columns, the lane, what was expected and found."""

    row: dict[str, Any]
    lane: str
    expected: Any
    found: Any

    def __str__(self) -> str:
        columns = ", ".join(f"{name} = {value!r}" for name, value in self.row.items())
        return f"{self.lane}: expected {self.expected!r}, found {self.found!r} for {columns}"


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a comparison: rows and values compared, labels that differ, the largest difference of numbers."""

    name: str
    rows: int
    values: int
    label_flips: int
    largest_difference: float
    mismatches: int
    first: Mismatch | None

    @property
    def ok(self) -> bool:
        """Whether every value is as expected."""
        return self.mismatches == 0

    def __str__(self) -> str:
        verdict = "equal" if self.ok else f"{self.mismatches} values differ"
        line = (
            f"{self.name}: {verdict}; {self.rows} rows, {self.values} values, {self.label_flips} label flips, "
            f"largest difference {self.largest_difference:.3g}"
        )
        return line if self.first is None else f"{line}\n  first: {self.first}"


class _NotCompared:
    """Stands where the library has no such output."""

    def __repr__(self) -> str:
        return "not compared"


NOT_COMPARED = _NotCompared()


def plain(value: Any) -> Any:
    """A value without its library's type; None for a missing one."""
    if isinstance(value, np.generic):
        value = value.item()
    try:
        return None if value is None or value != value else value
    except TypeError:  # pandas.NA has no truth value
        return None


def compare_rows(
    deployment: Deployment,
    rows: Sequence[Row],
    found: Sequence[Row],
    expected: Sequence[Sequence[Any]],
    tolerance: float = LIBRARY_TOLERANCE,
) -> Report:
    """Compare what a database gave (a tuple of lanes for each row) with what was expected (a list for each lane)."""
    values = flips = mismatches = 0
    largest = 0.0
    first: Mismatch | None = None
    for position, lane in enumerate(deployment.lanes):
        classes = lane.output in ("predict", "predict_label") and _target_labels(deployment, lane) is not None
        for number, row in enumerate(found):
            wanted, got = expected[position][number], row[position]
            if wanted is NOT_COMPARED:
                continue
            values += 1
            gap = difference(wanted, got)
            if not classes and math.isfinite(gap):
                largest = max(largest, gap)
            if gap <= (0.0 if classes else tolerance):
                continue
            mismatches += 1
            flips += classes
            if first is None:
                names = [column.model for column in deployment.columns]
                first = Mismatch(dict(zip(names, rows[number], strict=True)), _title(deployment, lane), wanted, got)
    return Report(deployment.pinned, len(found), values, flips, largest, mismatches, first)


def _target_labels(deployment: Deployment, lane: Lane) -> tuple[str, ...] | None:
    return next(target.labels for target in deployment.targets if target.name == lane.target)


def _title(deployment: Deployment, lane: Lane) -> str:
    parts = [lane.output, *([lane.target] if lane.target else []), *([repr(lane.label)] if lane.label else [])]
    return " ".join(parts)


def difference(expected: Any, found: Any) -> float:
    """How far two values are apart: relative to the larger one where that is above 1; inf when they do not compare."""
    expected, found = plain(expected), plain(found)
    if expected is None or found is None:
        return 0.0 if expected is found else math.inf
    if isinstance(expected, str) or isinstance(found, str):
        return 0.0 if expected == found else math.inf
    if expected == found:
        return 0.0
    gap = abs(float(expected) - float(found)) / max(1.0, abs(float(expected)), abs(float(found)))
    return gap if not math.isnan(gap) else math.inf
