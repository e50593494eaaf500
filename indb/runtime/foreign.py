"""What only a library can compute: a fitted scikit-learn estimator, or an ONNX graph, run on batches of rows.

An object is loaded once for all blocks that hold it. A row that the library refuses has no values: the other rows are
scored all the same, whatever they stand beside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indb.errors import ModelFileError
from indb.evaluate import Values
from indb.ir import Floats, Foreign
from indb.runtime import executorch, keras_network, pt2, tflite, torchscript, trust
from indb.runtime.alone import ALONE
from indb.runtime.catboost import CatBoostModel
from indb.runtime.forms import Form, form_of
from indb.runtime.onnx_session import TENSORS as TENSORS
from indb.runtime.onnx_session import Graph as Graph
from indb.runtime.refusals import Ask, Asked, Loaded, Parts, Rows, Runner
from indb.runtime.steps import Steps, last_step
from indb.runtime.svm import labels_of

GRAPHS: dict[str, Callable[[bytes, str], Loaded]] = {
    "onnx": Graph,
    "tflite": tflite.Graph,
    "pt2": pt2.Graph,
    "torchscript": torchscript.Graph,
    "pte": executorch.Graph,
    "keras": keras_network.Graph,
}
"""Format -> what loads a graph of tensors of it: its bytes, and what cannot be done when they are refused."""

PIECE = 256
"""The fewest rows that are worth a thread of their own."""


def load(block: Foreign, threads: int = 1) -> Loaded:
    """The object that a block holds, loaded. threads: how many of the database may wait for it at once.

    Raises: ModelFileError when a package is missing here, or the payload is damaged or not trusted.
    """
    data = block.payload.tobytes()
    what = f"cannot load the {block.name} of the model"
    if block.format == "onnx":
        return Graph(data, what, block.providers)
    if block.format in GRAPHS:
        return GRAPHS[block.format](data, what)
    if block.format == "cbm":
        return CatBoostModel(data, block.name)
    if block.format == "pickle":
        import pickle

        fitted = pickle.loads(data)
    else:
        fitted = trust.load(data, block.name)
    return Estimator(fitted, form_of(block, fitted), threads)


class Estimator:
    """A fitted scikit-learn estimator. Rows are divided while some of the `threads` that the database has are idle."""

    def __init__(self, fitted: Any, form: Form, threads: int) -> None:
        self.fitted = fitted
        self.threads = threads
        self._form = form
        for found, _ in trust.objects(fitted):
            if "n_jobs" in getattr(found, "__dict__", {}):
                found.n_jobs = 1  # the database has processes or threads of its own
        ALONE.look()
        self._labels = ALONE.each([partial(labels_of, last_step(fitted))])[0]

    def rows(self, inputs: list[Values]) -> Ask:
        given, n_rows = self._form(inputs), len(inputs[0])
        parts = [Steps(self.fitted, part, self._labels) for part in self._divided(given, n_rows)]

        def ask(method: str) -> Parts:
            try:
                found = ALONE.each([partial(steps.ask, method) for steps in parts])
            except IndexError as error:  # a code beyond those of the training, which scikit-learn does not look for
                raise ValueError(str(error)) from error
            targets = [result if isinstance(result, list) else [result] for result in found]
            return [
                np.concatenate([_two_dimensional(part, n_rows) for part in each]) for each in zip(*targets, strict=True)
            ]

        return ask

    def _divided(self, given: Any, n_rows: int) -> list[Any]:
        """The rows in as many pieces as there are idle threads."""
        count = max(1, min(self.threads - ALONE.within, n_rows // PIECE))
        if count == 1:
            return [given]
        rows = getattr(given, "iloc", given)
        cuts = [n_rows * number // count for number in range(count + 1)]
        return [rows[start:stop] for start, stop in pairwise(cuts)]


def _two_dimensional(result: Any, n_rows: int) -> NDArray[Any]:
    """(rows, width); of a single row some methods of scikit-learn give its lanes, in one dimension."""
    if hasattr(result, "toarray"):
        result = result.toarray()
    array = np.asarray(result)
    return array.reshape(1 if n_rows == 1 else len(array), -1)


Batch: TypeAlias = Callable[[Foreign, Callable[[], list[Values]]], Floats]
"""(a block, what gives its inputs) -> its values, for the rows of one batch."""


class Libraries:
    """The loaded objects of a model, each once."""

    def __init__(self, blocks: Sequence[Foreign], threads: int) -> None:
        self._runners: dict[tuple[int, ...], Runner] = {}
        for block in blocks:
            if _object(block) not in self._runners:
                self._runners[_object(block)] = Runner(load(block, threads), block.example, block.inputs)

    def __bool__(self) -> bool:
        return bool(self._runners)

    def batch(self) -> Batch:
        """What computes the blocks for one batch of rows: each method of an object runs once."""
        done: dict[tuple[tuple[int, ...], str], tuple[Rows, Parts]] = {}
        asked: dict[tuple[int, ...], tuple[list[Values], Asked]] = {}

        def values(block: Foreign, inputs: Callable[[], list[Values]]) -> Floats:
            key = _object(block), block.method
            if key[0] not in asked:
                asked[key[0]] = inputs(), {}
            given, rows = asked[key[0]]
            if key not in done:
                done[key] = self._runners[key[0]].run(block.method, given, rows)
            return _lanes(block, *done[key], len(given[0]))

        return values


def _object(block: Foreign) -> tuple[int, ...]:
    """What blocks of one object share: its payload and what it reads."""
    return id(block.payload), *(id(part) for part in block.inputs)


def _numbered(block: Foreign, labels: NDArray[Any]) -> Floats:
    """The number of each label, (n_rows, 1)."""
    number = {label: index for index, label in enumerate(block.classes)}
    try:
        if labels.dtype.kind not in "biuf":
            return np.array([[number[label]] for label in labels.tolist()], dtype=np.float64)
        found, places = np.unique(labels, return_inverse=True)
        return np.array([number[label] for label in found.tolist()], dtype=np.float64)[places].reshape(-1, 1)
    except KeyError as error:
        raise ModelFileError(
            f"cannot score with the {block.name}: its {block.method} gives the label {error}, known are {block.classes}"
        ) from None


def _lanes(block: Foreign, rows: Rows, parts: Parts, n_rows: int) -> Floats:
    """The lanes of a block, (n_rows, width), missing in rows that were refused."""
    found = np.full((n_rows, block.lanes), np.nan)
    if len(rows) == 0:
        return found
    part = parts[block.part] if len(parts) > 1 else parts[0]
    if len(parts) == 1 and block.part >= 0:
        part = part[:, block.part : block.part + 1]
    if block.classes:
        part = _numbered(block, part[:, 0])
    if part.shape != (len(rows), block.lanes):
        raise ModelFileError(
            f"cannot score with the {block.name}: its {block.method} gives {part.shape[1]} values for a row, needed "
            f"{block.lanes}",
            "Use the versions of packages that it was trained with.",
        )
    found[rows] = part
    return found
