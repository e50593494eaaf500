"""A model as a function of Arrow arrays, which is what DuckDB gives to Python and takes back.

The function is given the groups of outputs that are asked for, a struct of the columns that are numbers, where there
are any, then the texts. As columns of their own 20 numbers would take 0.04 us a row more: each column becomes a Python
object.
"""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from indb.engines.deployment import BoundColumn, Deployment
from indb.errors import DatabaseError
from indb.evaluate import Values
from indb.ir import Type
from indb.runtime.scorer import Scorer
from indb.runtime.words import Texts

_GAPS = {Type.NUMBER: np.array(np.nan), Type.TEXT: np.array(None, dtype=object)}

SCORERS: weakref.WeakValueDictionary[str, Scorer] = weakref.WeakValueDictionary()
"""Digest -> the model that some function of this process has loaded."""

_LOADING = threading.Lock()


def asked(deployment: Deployment, output: str) -> int:
    """The group of an output, a bit. Calls for the same group are one call: DuckDB finds that they are equal.

    A library computes margins apart, often in as much time as its predictions; other models have them anyway.
    """
    is_foreign = "reason" in deployment.source  # why no reader could read it
    return 2 if is_foreign and output == "decision_function" else 1


def is_text(column: BoundColumn) -> bool:
    """Whether a column holds texts."""
    return column.kind in ("text", "enum")


def by_type(deployment: Deployment) -> tuple[list[BoundColumn], list[BoundColumn]]:
    """The columns that are numbers, and those that are texts."""
    texts = [column for column in deployment.columns if is_text(column)]
    return [column for column in deployment.columns if not is_text(column)], texts


class PythonModel:
    """A version's model, loaded when its first rows come: Arrow columns to an Arrow struct of lanes.

    threads: how many DuckDB has.
    """

    def __init__(self, deployment: Deployment, read: Callable[[], bytes], threads: int) -> None:
        self.deployment = deployment
        self._threads = threads
        self._read: Callable[[], bytes] | None = read
        self._score: Callable[[Sequence[Any]], Any] | None = None

    def score(self, columns: Sequence[Any]) -> Any:
        """The lanes of some rows, a struct array, for what the Python function is given."""
        return (self._score or self.load())(columns)

    def load(self) -> Callable[[Sequence[Any]], Any]:
        """What scores rows with the model, which all functions of this process share; threads may come at once.

        Raises: ModelFileError when the model cannot be loaded; DatabaseError when the registry does not hold it.
        """
        with _LOADING:
            if self._score is None:
                digest = self.deployment.digest
                scorer = SCORERS.get(digest) or SCORERS.setdefault(digest, self._scorer())
                self._score, self._read = _scoring(self.deployment, scorer), None
            return self._score

    def _scorer(self) -> Scorer:
        if self._read is None:
            raise DatabaseError(f"cannot predict with {self.deployment.pinned!r}: it was dropped")
        data = self._read()
        if hashlib.sha256(data).hexdigest() != self.deployment.digest:
            raise DatabaseError(
                f"cannot predict with {self.deployment.pinned!r}: the registry holds another model than was deployed",
                "Deploy the model again.",
            )
        return Scorer.load(data, self._threads)

    def free(self) -> None:
        """Let go of the model."""
        self._score = self._read = None


def _scoring(deployment: Deployment, scorer: Scorer) -> Callable[[Sequence[Any]], Any]:
    """The function of a loaded model. It runs for 2,048 rows at a time: what can be prepared is prepared here."""
    import pyarrow

    numbers, texts = by_type(deployment)
    names, text_names = [column.model for column in numbers], [column.model for column in texts]
    read = {column.model for column in deployment.columns}
    others = [(column.name, _GAPS[column.kind]) for column in scorer.model.columns if column.name not in read]
    lanes = _converters(deployment, scorer)
    fields = [f"lane_{number}" for number in range(len(lanes))]
    nothing = [pyarrow.scalar(None, getattr(pyarrow, _LABELS[lane.type][1])()) for lane in deployment.lanes]
    wanted = {
        groups: frozenset((target, output) for target, output, _ in lanes if asked(deployment, output) & groups)
        for groups in (1, 2, 3)
    }

    def score(columns: Sequence[Any]) -> Any:
        n_rows = len(columns[0])
        groups = _chunk(columns[0])[0].as_py() if n_rows else 3
        given: dict[str, Values | Texts] = {}
        if names:
            given.update(zip(names, _matrix(columns[1]).T[:, :, None], strict=True))
        for name, column in zip(text_names, columns[len(columns) - len(texts) :], strict=True):
            given[name] = _texts(_chunk(column))
        for name, gap in others:  # no output needs these
            given[name] = np.broadcast_to(gap, (n_rows, 1))
        outputs = scorer.outputs(given, n_rows, wanted[groups])
        arrays = [
            convert(outputs[target][output]) if output in outputs[target] else pyarrow.repeat(null, n_rows)
            for (target, output, convert), null in zip(lanes, nothing, strict=True)
        ]
        return pyarrow.StructArray.from_arrays(arrays, names=fields)

    return score


def _chunk(column: Any) -> Any:
    """The only array of what DuckDB gives for a vector."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _matrix(struct: Any) -> Values:
    """A struct of doubles as (n_rows, n_fields), each column in one piece, NaN for null."""
    import pyarrow

    batch = pyarrow.RecordBatch.from_struct_array(_chunk(struct))
    return batch.to_tensor(null_to_nan=True, row_major=False).to_numpy()  # type: ignore[no-any-return]


def _texts(column: Any) -> Texts:
    """A column of texts by number."""
    coded = column.dictionary_encode()
    texts = [*coded.dictionary.to_pylist(), None]
    numbers = coded.indices.fill_null(len(texts) - 1) if coded.null_count else coded.indices
    return Texts(texts, numbers.to_numpy().astype(np.intp))


def _converters(deployment: Deployment, scorer: Scorer) -> list[tuple[str, str, Callable[[Values], Any]]]:
    """For each lane the target and output that it is of, and what makes an Arrow array of that output."""
    import pyarrow

    labels = {target.name: target.labels for target in deployment.targets}
    only = scorer.model.targets[0].name
    found: list[tuple[str, str, Callable[[Values], Any]]] = []
    for lane in deployment.lanes:
        target, classes = lane.target or only, labels[lane.target]
        if lane.output in ("predict", "predict_label") and classes is not None:
            read, type = _LABELS[lane.type]
            table = pyarrow.array([read(label) for label in classes], type=getattr(pyarrow, type)())
            found.append((target, "predict", partial(_labels, table)))
        else:
            found.append((target, lane.output, partial(_numbers, lane.lane)))
    return found


_LABELS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "double": (float, "float64"),
    "bigint": (int, "int64"),
    "boolean": (lambda label: label == "true", "bool_"),
    "text": (str, "string"),
}
"""Type of a lane -> what reads a label's text, and the Arrow type of the label."""


def _numbers(lane: int, values: Values) -> Any:
    """One lane as doubles, null where it is NaN."""
    import pyarrow

    gaps = np.isnan(values[:, lane])
    return pyarrow.array(values[:, lane], mask=gaps if gaps.any() else None)


def _labels(table: Any, values: Values) -> Any:
    """The labels of class numbers, null where the number is NaN."""
    import pyarrow

    gaps = np.isnan(values[:, 0])
    return table.take(pyarrow.array(np.where(gaps, 0.0, values[:, 0]).astype(np.int32), mask=gaps))
