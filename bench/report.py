"""The measurements as a table: on the terminal, in Markdown between the marks of a document, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.measure import MILLION, Cell
from bench.ways import COPY, EXPORT, ORBITAL, PREDICT, SCAN, SCORE

START, END = "<!-- bench:start -->", "<!-- bench:end -->"
FLOORS = "any"
"""The model of a cell that is the same for all models."""


@dataclass
class Report:
    """All cells of a run, the models as (name, title), and the lines that say under which conditions it ran."""

    cells: list[Cell]
    models: list[tuple[str, str]]
    conditions: list[str]
    command: str

    def as_json(self) -> dict[str, Any]:
        return {
            "command": self.command,
            "conditions": self.conditions,
            "models": dict(self.models),
            "cells": [asdict(cell) for cell in self.cells],
        }

    @property
    def engines(self) -> list[str]:
        return list(dict.fromkeys(cell.engine for cell in self.cells))

    def cell(self, engine: str, model: str, way: str) -> Cell | None:
        found = (c for c in self.cells if (c.engine, c.way) == (engine, way) and c.model in (model, FLOORS))
        return next(found, None)

    def lines(self, engine: str) -> list[list[str]]:
        """The table of an engine: a header, then a line for each way and for what follows from them."""
        names = [name for name, _ in self.models]
        lines = [[f"{engine}: seconds per million rows", *names]]
        for way in (PREDICT, SCORE, EXPORT):
            lines.append([way, *(_seconds(self.cell(engine, name, way)) for name in names)])
            if way == EXPORT:
                lines.append(["… of which scikit-learn", *(_part(self.cell(engine, name, way)) for name in names)])
        for way in (ORBITAL, SCAN, COPY):
            lines.append([way, *(_seconds(self.cell(engine, name, way)) for name in names)])
        for title, way in (("export", EXPORT), ("orbital", ORBITAL)):
            ratios = [_ratio(self.cell(engine, name, way), self._best(engine, name)) for name in names]
            lines.append([f"the faster of indb's against {title}", *ratios])
        for way in (PREDICT, SCORE, EXPORT, ORBITAL):
            flips = [_flips(self.cell(engine, name, way)) for name in names]
            lines.append([f"labels unlike scikit-learn's: {way}", *flips])
        return lines

    def _best(self, engine: str, model: str) -> Cell | None:
        found = [self.cell(engine, model, way) for way in (PREDICT, SCORE)]
        return min((c for c in found if c and c.per_million), key=lambda c: c.per_million or 0.0, default=None)

    def remarks(self) -> list[str]:
        """What the cells have to say: refusals, and times that come from fewer rows."""
        scaled: dict[int, list[str]] = {}
        found = []
        for cell in self.cells:
            place = f"{cell.engine}, {cell.model}, {cell.way}"
            if cell.reason:
                found.append(f"{place}: not supported: {cell.reason}.")
            elif cell.rows != MILLION:
                scaled.setdefault(cell.rows, []).append(place)
        for rows, places in scaled.items():
            every = len(places) == sum(not cell.reason for cell in self.cells)
            found.append(f"≈ timed on {rows:,} rows, scaled to a million: {'all' if every else '; '.join(places)}.")
        return found


def _seconds(cell: Cell | None) -> str:
    if cell is None or cell.per_million is None:
        return "not supported" if cell else "–"
    return f"{'' if cell.rows == MILLION else '≈ '}{cell.per_million:,.2f}"


def _part(cell: Cell | None) -> str:
    if cell is None or cell.per_million is None:
        return "–"
    return f"{cell.parts['predict'] / cell.rows * MILLION:,.2f}"


def _ratio(other: Cell | None, own: Cell | None) -> str:
    if not other or not own or not other.per_million or not own.per_million:
        return "–"
    return f"{other.per_million / own.per_million:.1f} times"


def _flips(cell: Cell | None) -> str:
    if cell is None or cell.flips is None:
        return "–"
    return f"{cell.flips:,} of {cell.rows:,}"


def show(report: Report, console: Console) -> None:
    """Print the tables."""
    for engine in report.engines:
        header, *lines = report.lines(engine)
        table = Table(title=None)
        for number, name in enumerate(header):
            table.add_column(name, justify="right" if number else "left")
        for line in lines:
            table.add_row(*line)
        console.print(table)
    for text in [*report.remarks(), *report.conditions]:
        console.print(text, highlight=False)


def markdown(report: Report) -> str:
    """The tables as Markdown, with the conditions above and the remarks below."""
    parts = [f"Measured with `{report.command}`:\n"]
    parts += ["\n".join(f"* {line}" for line in report.conditions) + "\n"]
    parts += ["\n".join(f"* {name}: {title}" for name, title in report.models) + "\n"]
    for engine in report.engines:
        header, *lines = report.lines(engine)
        rule = ["---", *["---:"] * (len(header) - 1)]
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in [header, rule, *lines]) + "\n")
    parts += ["\n".join(f"* {line}" for line in report.remarks())]
    return "\n".join(parts).rstrip() + "\n"


def write(report: Report, paths: Sequence[Path]) -> list[Path]:
    """Put the Markdown between the marks of each document that has them; the documents that were changed."""
    changed = []
    for path in paths:
        text = path.read_text() if path.exists() else ""
        head, start, rest = text.partition(START)
        _, end, tail = rest.partition(END)
        if start and end:
            path.write_text(f"{head}{START}\n{markdown(report)}{END}{tail}")
            changed.append(path)
    return changed
