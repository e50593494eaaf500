"""The planner: which strategy a model gets on a database, what that costs, and why the others were not chosen."""

from __future__ import annotations

from indb.planner.calibration import calibrate, store_costs
from indb.planner.plan import Plan, make_plan

__all__ = ["Plan", "calibrate", "make_plan", "store_costs"]
