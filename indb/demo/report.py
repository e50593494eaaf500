"""What the demo prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from indb.demo.models import LATE_MINUTES, Trained
from indb.planner import Plan

TOLERANCE = 1e-9
"""The largest difference of a probability: the library may add up in another order."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found out about one model."""

    trained: Trained
    plan: Plan
    sql_bytes: int
    rows: int
    label_flips: int
    largest_difference: float
    seconds_database: float
    seconds_client: float

    @property
    def ok(self) -> bool:
        """Whether the database gives what scikit-learn gives."""
        return self.label_flips == 0 and self.largest_difference <= TOLERANCE


@dataclass(frozen=True, slots=True)
class Query:
    """A query to try, and the question that it answers."""

    question: str
    sql: str


def queries(table: str) -> list[Query]:
    """Queries that run on any client of the database."""
    return [
        Query(
            "Which flights of Christmas Eve left on time, and are the likeliest to arrive late all the same?",
            "SELECT carrier, flight, origin, dest, dep_delay, predict_proba('late', f) AS probability\n"
            f"FROM {table} AS f WHERE month = 12 AND day = 24 AND dep_delay <= 0\n"
            "ORDER BY probability DESC LIMIT 10;",
        ),
        Query(
            "How often is each airline late, and how often was that foreseen?",
            "SELECT carrier, count(*) AS flights, avg(predict('late', f)) AS foreseen,\n"
            f"    avg(CASE WHEN arr_delay > {LATE_MINUTES} THEN 1.0 ELSE 0.0 END) AS was_late\n"
            f"FROM {table} AS f WHERE arr_delay IS NOT NULL GROUP BY carrier ORDER BY flights DESC;",
        ),
        Query(
            "What did each of the two models say of a day in July, and which flights were late?",
            f"SELECT late(f) AS logistic, late_boost(f) AS boosting, arr_delay > {LATE_MINUTES} AS was_late, count(*)\n"
            f"FROM {table} AS f WHERE month = 7 AND day = 10 AND arr_delay IS NOT NULL\n"
            "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;",
        ),
    ]


def print_outcomes(console: Console, outcomes: Sequence[Outcome], export: str) -> None:
    """The models side by side."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("")
    for each in outcomes:
        table.add_column(each.trained.name, justify="right", style="bold")
    for title, texts in _lines(outcomes):
        table.add_row(title, *texts)
    console.print(table)
    console.print()
    console.print(Text(f"Exported and written back {export}. Seconds: the median of three runs, or one of over 2."))
    for each in outcomes:
        console.print(Text(f"{each.trained.name} is installed as {each.plan.strategy.value}: {each.plan.reason}."))


def _lines(outcomes: Sequence[Outcome]) -> list[tuple[str, list[str]]]:
    return [
        ("model", [each.trained.what for each in outcomes]),
        ("installed as", [each.plan.strategy.value for each in outcomes]),
        ("its SQL, as one SELECT", [_size(each.sql_bytes) for each in outcomes]),
        ("flights compared with scikit-learn", [f"{each.rows:,}" for each in outcomes]),
        ("  labels that differ", [f"{each.label_flips:,}" for each in outcomes]),
        ("  largest difference of a probability", [f"{each.largest_difference:.2g}" for each in outcomes]),
        ("seconds to score all into a table", [""] * len(outcomes)),
        ("  in the database", [f"{each.seconds_database:.2f}" for each in outcomes]),
        ("  export, predict, write back", [f"{each.seconds_client:.2f}" for each in outcomes]),
    ]


def _size(count: int) -> str:
    return f"{count / 1000:,.0f} kB"


def print_queries(console: Console, client: str, asked: Sequence[Query], python: Sequence[str]) -> None:
    """The queries, so that they can be copied; `python` names the models that are Python functions of DuckDB."""
    console.print(Text(f"Three queries to try. {client}"), soft_wrap=True)
    if python:
        note = f"{', '.join(python)} runs in Python: there, open the database with indb.connect and use its sql(…)."
        console.print(Text(note), soft_wrap=True)
    for query in asked:
        console.print()
        console.print(Text(f"-- {query.question}", style="dim"), soft_wrap=True)
        console.print(Text(query.sql), soft_wrap=True)
