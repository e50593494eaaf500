"""The times of every strategy as a chart: a panel for each engine, a line for each model, seconds on a log scale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import matplotlib

MARKS = {"expression": "o", "staged": "s", "udf": "^", "export": "|"}
"""Name -> the mark of matplotlib."""

COLOURS = {"expression": "#0072b2", "staged": "#009e73", "udf": "#d55e00", "export": "#000000"}
"""Colours that are told apart by everyone: M. Okabe and K. Ito, Color Universal Design, 2008."""

TITLES = {"export": "export, scikit-learn, write back"}


class Timed(Protocol):
    """One strategy for one model, engine and number of rows."""

    engine: str
    model: str
    rows: int
    strategy: str
    seconds: float | None
    picked: bool


def draw(cells: Sequence[Timed], rows: int, path: Path) -> None:
    """Write the chart for one number of rows as SVG. What the planner picked is filled."""
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "indb"  # the same file from the same cells
    from matplotlib import pyplot
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    shown = [cell for cell in cells if cell.rows == rows and cell.seconds is not None]
    engines = list(dict.fromkeys(cell.engine for cell in shown))
    models = list(dict.fromkeys(cell.model for cell in shown))
    figure, panels = pyplot.subplots(1, len(engines), figsize=(5.0 * len(engines), 0.42 * len(models) + 1.6),
                                     sharex=True, sharey=True, squeeze=False)  # fmt: skip
    for engine, panel in zip(engines, panels[0], strict=True):
        for name, mark in MARKS.items():
            found = [cell for cell in shown if cell.engine == engine and cell.strategy == name]
            colour = COLOURS[name]
            panel.scatter(
                [cell.seconds for cell in found], [models.index(cell.model) for cell in found], s=70, marker=mark,
                edgecolors=colour if mark != "|" else None, label=TITLES.get(name, name),
                facecolors=[colour if cell.picked or mark == "|" else "none" for cell in found] or None,
            )  # fmt: skip
        panel.set_xscale("log")
        panel.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        panel.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds:g}"))
        panel.xaxis.set_minor_locator(NullLocator())
        panel.set_title(engine)
        panel.set_xlabel(f"seconds for {rows:,} rows")
        panel.grid(axis="x", alpha=0.3)
    panels[0][0].set_yticks(range(len(models)), models)
    panels[0][0].invert_yaxis()
    handles, names = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, names, loc="lower center", ncols=len(names), frameon=False)
    figure.tight_layout(rect=(0.0, 0.08, 1.0, 1.0))
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
