"""Which cases of the zoo a test is run for.

What a model means and what SQL computes is tested for every case; the ways in (a deployed function, a text that stands
by itself, a Python function) for a sample, as what differs there is not the estimator.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

import pytest
from zoo import ZOO

REPRESENTATIVE = frozenset(
    ("logistic_texts3", "hist_two_classes", "tree_two_targets", "one_hot_forest", "scale_only", "names_linear")
)
"""The cases of `make quick`; the others are marked slow."""

ONE_IN = 5


def is_sampled(name: str) -> bool:
    """Whether a case is in the sample: the same ones in each run."""
    return name in REPRESENTATIVE or zlib.crc32(f"sample of {name}".encode()) % ONE_IN == 0


SAMPLE = tuple(name for name in ZOO if is_sampled(name))


def marked(names: Iterable[str] = tuple(ZOO), quick: Iterable[str] = REPRESENTATIVE) -> tuple[Any, ...]:
    """Cases as parameters of a test, those that are not `quick` marked slow."""
    fast = frozenset(quick)
    return tuple(pytest.param(name, marks=() if name in fast else pytest.mark.slow) for name in names)
