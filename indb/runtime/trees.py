"""A tree ensemble on many rows: the kernel that suits it, and the sum of the leaves that it finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from indb.evaluate import Values
from indb.ir import Floats, TreeEnsemble
from indb.runtime.bitvectors import BitVectors, TooLarge
from indb.runtime.leaves import Leaves, Places
from indb.runtime.onnx import Session
from indb.runtime.walk import Numeric, Walk
from indb.runtime.words import Coded

PROBES = 64
"""How many rows ONNX Runtime has to find the right leaves for before it is used."""

WORD = 64
"""Up to how many leaves in a tree bit vectors are the fastest. Measured for 100 trees on one core, in us a row: of 31
leaves 2.0, ONNX Runtime 9.1, a walk 25; of up to 203 leaves 13.4, ONNX Runtime 9.8, a walk 14 to 24."""


class Kernel(Protocol):
    """What finds the leaves that rows reach; `step`: how many rows it is best asked for at once."""

    step: int

    def prepare(self, inputs: Sequence[Values | Coded], n_rows: int) -> Any:
        """What `places` needs of the values of the block's inputs."""

    def places(self, prepared: Any, rows: slice) -> Places:
        """The leaves that some rows reach, (n_rows, n_trees)."""


class Trees:
    """A tree ensemble that is ready for rows."""

    def __init__(self, block: TreeEnsemble) -> None:
        self.leaves = Leaves(block)
        self.kernel = pick(self.leaves)

    def values(self, inputs: Sequence[Values | Coded], n_rows: int) -> Floats:
        """What `indb.evaluate.trees` gives, (n_rows, width)."""
        prepared = self.kernel.prepare(inputs, n_rows)
        step = self.kernel.step
        if n_rows <= step:
            return self.leaves.sum(self.kernel.places(prepared, slice(0, n_rows)))
        found = np.empty((len(self.leaves.values), n_rows)).T
        for start in range(0, n_rows, step):
            rows = slice(start, min(start + step, n_rows))
            found[rows] = self.leaves.sum(self.kernel.places(prepared, rows))
        return found


def pick(leaves: Leaves) -> Kernel:
    """The fastest kernel that can be used here."""
    if leaves.most > WORD:
        numeric = Numeric(leaves)
        return _session(numeric) or _bit_vectors(leaves) or Walk(numeric)
    return _bit_vectors(leaves) or Walk(Numeric(leaves))


def _bit_vectors(leaves: Leaves) -> BitVectors | None:
    try:
        return BitVectors(leaves)
    except TooLarge:
        return None


def _session(numeric: Numeric) -> Session | None:
    """ONNX Runtime, where it is installed and finds the right leaves."""
    try:
        session = Session(numeric)
        probes, all_rows = _probes(numeric), slice(0, PROBES)
        same = np.array_equal(session.places(probes, all_rows), Walk(numeric).places(probes, all_rows))
    except Exception:  # not installed, too old for the op, or broken: each raises something else
        return None
    return session if same else None


def _probes(numeric: Numeric) -> Floats:
    """Rows of values on and beside the thresholds of each column, and of those that are special."""
    random = np.random.default_rng(0)
    found = np.empty((PROBES, numeric.n_columns))
    for column in range(numeric.n_columns):
        borders = numeric.threshold[numeric.feature == column]
        beside = [np.nextafter(borders, -np.inf), np.nextafter(borders, np.inf)]
        values = np.concatenate([borders, *beside, [np.nan, np.inf, -np.inf, 0.0]])
        found[:, column] = random.choice(values, PROBES)
    return found
