"""Labels that a library decides by a function of a number: at the very double where its own function turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indb import build
from indb.ir import Block, Bools, Floats

NEAR = 64
"""How many doubles on each side of a border are tried one by one: so near to it a rising function may step back."""

_LARGEST = int(np.array([build.FLOAT64_MAX]).view(np.int64)[0])


def holds(x: Block, test: Callable[[Floats], Bools]) -> Block:
    """1.0 where `test` is true of x, which it is from some number on (width 1). A missing x is missing.

    An engine's own exp or power differs from the library's in the last bit; a comparison of x with a constant does not.
    """
    low, high = -_LARGEST, _LARGEST
    with np.errstate(all="ignore"):
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if test(_doubles(np.array([middle])))[0] else (middle, high)
        ranks = np.arange(max(low - NEAR, -_LARGEST), min(low + NEAR, _LARGEST) + 1)
        near = _doubles(ranks)
        found = test(near)
    turns = np.flatnonzero(np.diff(found)) + 1
    rows = found[np.concatenate([[0], turns])].astype(np.float64).reshape(-1, 1)
    return build.pieces(x, near[turns], rows)


def _doubles(ranks: NDArray[Any]) -> Floats:
    """The doubles at some places in the order of all of them; 0.0 is at 0."""
    sizes = np.abs(ranks).astype(np.int64).view(np.float64)
    found: Floats = np.where(ranks < 0, -sizes, sizes)
    return found
