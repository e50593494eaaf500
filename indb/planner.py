"""Which SQL strategy a model gets on a database, and why."""

from __future__ import annotations

from indb.emit import Binding, Size, Strategy, largest_lane
from indb.ir import Model

INLINE_LIMIT = {"postgres": 1_000, "duckdb": 2_000}
"""The most scalar nodes that one expression may have, by dialect.

In PostgreSQL an inlined function is part of the analyst's query: it is planned with it, and the server's JIT compiles
it, for seconds when it is large. In DuckDB there is no such cost; the limit is where writing shared values out again
costs more than handing them on does.

Measured on PostgreSQL 15 with 300,000 rows: a tree of 1,016 operations took 0.5 s inlined and 1.6 s wrapped, one of
2,828 took 5.1 s inlined (0.7 s without JIT) and 1.8 s wrapped.
"""

SHARING_LIMIT = 3.0
"""How many times larger than its distinct values an expression may get by writing shared ones out, in DuckDB."""


def choose(model: Model, dialect: str, binding: Binding) -> tuple[Strategy, str]:
    """The strategy for a model whose columns are bound, and the reason in one sentence.

    Raises: EmitError when the dialect is unknown.
    """
    size = largest_lane(model, dialect, binding)
    limit = INLINE_LIMIT[dialect]
    counted = f"its largest output is {size.inlined:,} operations"
    if size.inlined <= limit:
        return Strategy.EXPRESSION, f"{counted}, which are inlined into the query (up to {limit:,})"
    if dialect == "duckdb":
        return _choose_shared(size, counted)
    return (
        Strategy.STAGED,
        f"{counted}; over {limit:,} are wrapped in a function, so that queries stay small and are not compiled by JIT",
    )


def _choose_shared(size: Size, counted: str) -> tuple[Strategy, str]:
    grown = size.inlined / size.nodes
    if grown <= SHARING_LIMIT:
        return Strategy.EXPRESSION, f"{counted}, {grown:.1f} times its distinct values, too few to be worth sharing"
    return Strategy.STAGED, f"{counted}, {grown:.1f} times its distinct values, so shared ones are computed first"
