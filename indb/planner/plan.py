"""What `db.plan` and `indb plan` answer: the chosen strategy, what each costs, why the others were not chosen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from indb.emit import Strategy
from indb.engines.base import Engine
from indb.engines.capabilities import udf_problem
from indb.engines.deployment import BoundColumn
from indb.engines.tables import binding
from indb.errors import EmitError
from indb.ir import Model
from indb.planner.calibration import stored_costs
from indb.planner.choose import Option, options, pick
from indb.planner.costs import costs_of
from indb.planner.estimate import Estimate, estimate
from indb.planner.providers import Choice

TITLES = {
    Strategy.EXPRESSION: "one SQL expression in the query",
    Strategy.STAGED: "SQL with shared values first",
    Strategy.UDF: "a Python function in the database",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How a model would be installed for a table, and why.

    `rows` is how many a query is planned for; `options` holds every strategy, the chosen one first; `estimate` is None
    for a model that SQL cannot express; `measured` says whether the costs are those of this server. `in_queries`: what
    predict() in a query runs as, where that is not the strategy itself. `providers`: what becomes of each execution
    provider that was asked for.
    """

    database: str
    table: str
    columns: tuple[BoundColumn, ...]
    strategy: Strategy
    reason: str
    rows: int
    options: tuple[Option, ...]
    estimate: Estimate | None
    measured: bool
    in_queries: Strategy | None = None
    providers: tuple[Choice, ...] = ()

    def __str__(self) -> str:
        columns = ", ".join(str(column) for column in self.columns)
        lines = [
            f"database: {self.database}",
            f"table: {self.table}",
            f"columns read: {columns or 'none'}",
            f"strategy: {self.strategy.value}",
            f"reason: {self.reason}",
            *([f"in queries: {self.in_queries.value}; Python is called for whole tables"] if self.in_queries else []),
            *(f"execution provider: {choice}" for choice in self.providers),
            f"estimated for {self.rows:,} rows{'' if self.measured else ' (costs not measured here: indb calibrate)'}:",
        ]
        return "\n".join([*lines, *(f"  {_line(option)}" for option in self.options)])

    def as_json(self) -> dict[str, Any]:
        """The plan for machines."""
        return {
            "database": self.database,
            "table": self.table,
            "columns": {
                each.model: {"type": each.type, "expression" if each.parts else "column": each.source}
                for each in self.columns
            },
            "strategy": self.strategy.value,
            "reason": self.reason,
            "in_queries": (self.in_queries or self.strategy).value,
            "providers": {choice.name: choice.refused or None for choice in self.providers},
            "rows": self.rows,
            "measured": self.measured,
            "options": [
                {
                    "strategy": option.strategy.value,
                    "seconds": None if option.refused or math.isnan(option.seconds) else option.seconds,
                    "one_row": None if option.refused or math.isnan(option.one_row) else option.one_row,
                    "refused": option.refused or None,
                }
                for option in self.options
            ],
        }


def make_plan(
    engine: Engine, model: Model, ready: Model, table: str, columns: tuple[BoundColumn, ...], forced: Strategy | None,
    rows: int,
) -> Plan:  # fmt: skip
    """The plan for a model (`ready`: optimised) whose columns are bound.

    Raises: DeployError when the strategy that is asked for cannot be used, or none can.
    """
    measured = stored_costs(engine)
    try:
        found = estimate(model, ready, engine.dialect, binding(columns, "r"))
    except EmitError as error:
        found, refused = None, error.message
    else:
        refused = ""
    costs = costs_of(engine.dialect, measured)
    problem = "" if forced is Strategy.UDF else udf_problem(engine)
    made = options(engine.dialect, found, costs, rows, forced, problem, refused, model.is_foreign)
    chosen = pick(made, forced)
    others = tuple(option for option in made if option is not chosen)
    return Plan(
        engine.version, table, columns, chosen.strategy, _reason(chosen, made, found, forced, model.is_foreign), rows,
        (chosen, *others), found, bool(measured), _in_queries(engine, chosen, made, rows) if forced is None else None,
    )  # fmt: skip


def _in_queries(engine: Engine, chosen: Option, made: Sequence[Option], rows: int) -> Strategy | None:
    """SQL in place of a function that is called for each row, where that takes longer."""
    sql = [option for option in made if option.strategy is not Strategy.UDF and not option.refused]
    if chosen.strategy is not Strategy.UDF or not engine.calls_by_row or not sql:
        return None
    best = min(sql, key=lambda option: option.seconds)
    return best.strategy if best.seconds < rows * chosen.one_row else None


def _reason(
    chosen: Option, made: Sequence[Option], found: Estimate | None, forced: Strategy | None, is_foreign: bool
) -> str:
    if forced is not None:
        return "it was asked for"
    if found is None:
        return "the model cannot be written as SQL"
    if is_foreign:
        library = "its library runs it: SQL is slower, or leaves rows open that no number decides"
        return library if chosen.strategy is Strategy.UDF else "there is no Python here to run its library"
    counted = f"its largest output is {found.inlined:,} operations"
    usable = [option for option in made if not option.refused and option is not chosen]
    if not usable:
        return f"{counted}; nothing else can be used here"
    least = chosen.seconds <= min(option.seconds for option in usable)
    why = "takes least time" if least else "is simplest and takes hardly more time than the fastest"
    return f"{counted}; {TITLES[chosen.strategy]} {why}"


def _line(option: Option) -> str:
    name = f"{option.strategy.value:<10}"
    if option.refused:
        return f"{name} {'not possible':>12}  {option.refused}"
    if math.isnan(option.seconds):
        return f"{name} {'not known':>12}  {TITLES[option.strategy]}"
    return f"{name} {_seconds(option.seconds):>12}  {TITLES[option.strategy]}; one row {_seconds(option.one_row)}"


def _seconds(value: float) -> str:
    """A duration in the unit that people use for it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-6:.3g} us"
