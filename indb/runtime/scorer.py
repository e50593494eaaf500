"""A model ready to score many rows: `indb.evaluate` with fast kernels for trees, and libraries for foreign models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from indb import codec
from indb.evaluate import Kernels, Values, evaluate_values
from indb.ir import Floats, Foreign, Model, TreeEnsemble, walk
from indb.runtime.foreign import Libraries
from indb.runtime.onnx import Session
from indb.runtime.trees import Numeric, Walk

PROBES = 64
"""How many rows a kernel has to give the right bits for before it is used."""


class Kernel(Protocol):
    """What computes a tree ensemble."""

    def run(self, matrix: Floats) -> Floats:
        """The value of each row of `Numeric.matrix`, (n_rows, width)."""


class Scorer:
    """A model, the kernels of its tree ensembles, and the objects that libraries run.

    Raises: ModelFileError when a library is missing here that a foreign model needs, or cannot load it.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._kernels: dict[int, tuple[Numeric, Kernel]] = {}
        self._order = tuple(walk(model.roots()))
        self._libraries = Libraries([block for block in self._order if isinstance(block, Foreign)])
        for block in self._order:
            if isinstance(block, TreeEnsemble):
                numeric = Numeric(block)
                self._kernels[id(block)] = numeric, kernel(numeric)

    @classmethod
    def load(cls, data: bytes) -> Scorer:
        """The scorer of a model file's bytes.

        Raises: ModelFileError when they are no model, or need a library that is missing here.
        """
        return cls(codec.decode(data))

    def outputs(self, columns: Mapping[str, Values], n_rows: int) -> dict[str, dict[str, Values]]:
        """What `indb.evaluate` gives, for columns as `evaluate_values` takes them.

        Of a foreign model: what its library gives, and missing outputs for a row that the library refuses.
        """
        kernels: Kernels = {TreeEnsemble: self._trees, Foreign: self._libraries.batch()}
        return evaluate_values(self.model, columns, n_rows, kernels, self._order)

    def _trees(self, block: TreeEnsemble, inputs: list[Values]) -> Floats:
        numeric, found = self._kernels[id(block)]
        return found.run(numeric.matrix(inputs))


def kernel(numeric: Numeric) -> Kernel:
    """ONNX Runtime's kernel where it is installed and gives the same bits, else numpy's."""
    walked = Walk(numeric)
    try:
        session = Session(numeric)
        probes = _probes(numeric)
        same = np.array_equal(session.run(probes), walked.run(probes), equal_nan=True)
    except Exception:  # not installed, too old for the op, or broken: each raises something else
        return walked
    return session if same else walked


def _probes(numeric: Numeric) -> Floats:
    """Rows of values on and beside the thresholds of each column, and of those that are special."""
    random = np.random.default_rng(0)
    n_columns = len(numeric.is_text) + len(numeric.sets)
    found = np.empty((PROBES, n_columns))
    for column in range(n_columns):
        borders = numeric.threshold[numeric.feature == column]
        beside = [np.nextafter(borders, -np.inf), np.nextafter(borders, np.inf)]
        values = np.concatenate([borders, *beside, [np.nan, np.inf, -np.inf, 0.0]])
        found[:, column] = random.choice(values, PROBES)
    return found
