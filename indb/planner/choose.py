"""The choice: what each strategy would cost for so many rows, what rules it out, and the cheapest of the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from indb.emit import SQL_STRATEGIES, Strategy
from indb.errors import DeployError
from indb.planner.costs import NANO, Costs
from indb.planner.estimate import Estimate

MAX_INLINED = {"postgres": 1_000}
"""The most operations that one expression may have, by database.

In PostgreSQL an inlined function is part of the analyst's query: it is planned with it, and the server's JIT compiles
it, for seconds when it is large. Measured on PostgreSQL 15 with 300,000 rows: a tree of 1,016 operations took 0.5 s
inlined and 1.6 s wrapped, one of 2,828 took 5.1 s inlined (0.7 s without JIT) and 1.8 s wrapped. In DuckDB there is
no limit: a macro with shared values is bound in the query like any other.
"""

CLOSE = 1.2
"""How many times dearer a simpler strategy may be: an expression is simpler than stages, SQL than Python."""


@dataclass(frozen=True, slots=True)
class Option:
    """A strategy with the seconds that it takes for the rows of the plan and for one row, or why it cannot be used.

    NaN: nobody knows, as the model is that of a library.
    """

    strategy: Strategy
    seconds: float
    one_row: float
    refused: str = ""


def options(
    dialect: str,
    found: Estimate | None,
    costs: Costs,
    rows: int,
    forced: Strategy | None = None,
    udf_refused: str = "",
    sql_refused: str = "",
    is_foreign: bool = False,
) -> list[Option]:
    """Every strategy, the best first: the cheapest, or a simpler one that costs hardly more. Refused ones come last.

    found: None for a model that cannot be written as SQL, and `sql_refused` says why. udf_refused: why the database
    cannot run Python, "" when it can. is_foreign: SQL is slower than the model's library, or leaves some rows open, so
    that it comes last, and what the library takes is not known. What is advised against is still possible for a
    strategy that is asked for.
    """
    limit = MAX_INLINED.get(dialect, math.inf) if forced is None else math.inf
    made = [
        _sql(strategy, limit, found, costs, rows) if found else Option(strategy, 0.0, 0.0, sql_refused)
        for strategy in SQL_STRATEGIES
    ]
    made.append(_udf(None if is_foreign else found, costs, rows, udf_refused))
    if is_foreign:
        return sorted(made, key=lambda option: (bool(option.refused), option.strategy is not Strategy.UDF))
    best = min((option.seconds for option in made if not option.refused), default=0.0)
    near = [option.strategy for option in made if not (option.refused or option.seconds > CLOSE * best)]
    return sorted(made, key=lambda option: (bool(option.refused), option.strategy not in near[:1], option.seconds))


def _sql(strategy: Strategy, limit: float, found: Estimate, costs: Costs, rows: int) -> Option:
    if strategy is Strategy.STAGED:
        setup, row = costs.staged_bind * found.inlined, costs.staged_operation * found.shared_operations
        row += costs.staged_call
    elif found.inlined <= limit:
        setup, row = costs.bind * found.inlined, costs.operation * found.operations
    else:
        why = f"its largest output is {found.inlined:,} operations, up to {limit:,} are inlined into a query"
        return Option(strategy, 0.0, 0.0, why)
    return Option(strategy, NANO * (setup + rows * row / costs.threads), NANO * (setup + row))


def _udf(found: Estimate | None, costs: Costs, rows: int, refused: str) -> Option:
    if refused:
        return Option(Strategy.UDF, 0.0, 0.0, refused)
    if found is None:
        return Option(Strategy.UDF, math.nan, math.nan)
    kernel = costs.split * found.splits + costs.value * found.values
    crossing = costs.row + costs.number * found.numbers + costs.text * found.texts
    batches = math.ceil(rows / costs.batch_rows)
    one = costs.udf_call + costs.block * found.blocks + kernel
    whole = costs.udf_call + batches * costs.block * found.blocks + rows * (crossing + kernel)
    return Option(Strategy.UDF, NANO * whole / costs.udf_threads, NANO * one)


def pick(made: Sequence[Option], forced: Strategy | None) -> Option:
    """The strategy that was asked for, else the cheapest.

    Raises: DeployError when it cannot be used, or none can.
    """
    for option in made:
        if forced is None or option.strategy is forced:
            if option.refused:
                what = "strategy " + option.strategy.value if forced else "any strategy"
                raise DeployError(f"cannot use {what}: {option.refused}", _next_step(option, made))
            return option
    raise DeployError(f"cannot use strategy {forced}: it is unknown")


def _next_step(refused: Option, made: Sequence[Option]) -> str:
    usable = [option.strategy.value for option in made if not option.refused]
    if usable:
        return f"Leave the choice to the planner, or use {' or '.join(usable)}."
    return "`indb doctor` lists what this database lacks for Python functions."
