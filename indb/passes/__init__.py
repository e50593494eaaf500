"""Optimisation: small steps from model to model, in one order, each exact or marked as not.

An exact pass changes no bit of any output for any row. A pass is a function in a file of its own; adding one touches
that file, the tuple below, and its tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from indb.ir import Model
from indb.passes.conditions import fold_conditions
from indb.passes.drop import drop_unread
from indb.passes.fold import fold
from indb.passes.fuse import fuse_linear
from indb.passes.lanes import split_lanes
from indb.passes.prune import prune_trees
from indb.passes.splits import fold_splits


@dataclass(frozen=True, slots=True)
class Pass:
    """One step; `exact` when no output of any row changes by a single bit."""

    run: Callable[[Model], Model]
    exact: bool


PASSES: tuple[Pass, ...] = (
    Pass(split_lanes, exact=True),
    Pass(fold, exact=True),
    Pass(fold_conditions, exact=True),
    Pass(fold_splits, exact=True),
    Pass(fuse_linear, exact=False),
    Pass(prune_trees, exact=True),
    Pass(drop_unread, exact=True),
)
"""All passes, in the order in which they run."""


def optimise(model: Model, exact: bool = False) -> Model:
    """The model after all passes; with `exact` only after those that change no bit."""
    for step in PASSES:
        if step.exact or not exact:
            model = step.run(model)
    return model
