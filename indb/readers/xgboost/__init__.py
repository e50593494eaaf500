"""Readers of XGBoost: its estimators of scikit-learn's kind, its Booster, and the files that it writes.

All are read from the same data, in which XGBoost saves a model as JSON; the library itself is not asked for it.
"""

from __future__ import annotations

from indb.readers.xgboost import estimators

__all__ = ["estimators"]
