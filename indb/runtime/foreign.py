"""What only a library can compute: a fitted scikit-learn estimator, or an ONNX graph, run on batches of rows.

An object is loaded once for all blocks that hold it. A row that the library refuses has no values: the other rows are
scored all the same, whatever they stand beside.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indb.errors import ModelFileError
from indb.evaluate import Values, missing
from indb.ir import Column, Floats, Foreign, Type
from indb.runtime import trust
from indb.runtime.refusals import Ask, Asked, Loaded, Parts, Rows, Runner
from indb.runtime.steps import Steps


def load(block: Foreign) -> Loaded:
    """The object that a block holds, loaded.

    Raises: ModelFileError when a package is missing here, or the payload is damaged or not trusted.
    """
    data = block.payload.tobytes()
    columns = [part for part in block.inputs if isinstance(part, Column)]
    if block.format == "onnx":
        return Graph(data, f"cannot load the {block.name} of the model")
    if block.format == "pickle":
        import pickle

        return Estimator(pickle.loads(data), columns, block.none)
    return Estimator(trust.load(data, block.name), columns, block.none)


class Estimator:
    """A fitted scikit-learn estimator and the form in which it takes rows.

    That is the form that it was fitted on: a DataFrame where a part of it picks columns by name or takes texts, else an
    array in the order of memory that scikit-learn makes of a DataFrame, so that its sums have the same bits.
    """

    def __init__(self, fitted: Any, columns: Sequence[Column], none: Sequence[str]) -> None:
        self.fitted = fitted
        self.columns = columns
        self.none = frozenset(none)
        texts = any(column.kind is Type.TEXT for column in columns)
        named = by_name = False
        for found, _ in trust.objects(fitted):
            state = getattr(found, "__dict__", {})
            if "n_jobs" in state:
                found.n_jobs = 1  # the database has processes or threads of its own
            names = state.get("feature_names_in_")
            if names is not None and set(names) <= {column.name for column in columns}:
                named = True
                by_name = by_name or picks_columns(found)
        self.raw_text = takes_raw_text(fitted)
        self.framed = named and (texts or by_name) and not self.raw_text
        self.order: Any = "F" if named else "C"
        if self.framed:
            _need_pandas(type(fitted).__name__)
        _ALONE.look()

    def rows(self, inputs: list[Values]) -> Ask:
        steps = Steps(self.fitted, self._given(inputs))

        def ask(method: str) -> Parts:
            with _ALONE.run():
                result = steps.ask(method)
            if isinstance(result, list):
                return [_two_dimensional(part) for part in result]
            return [_two_dimensional(result)]

        return ask

    def _given(self, inputs: list[Values]) -> Any:
        """The rows as the estimator takes them."""
        values = [self._gaps(column, part[:, 0]) for column, part in zip(self.columns, inputs, strict=True)]
        if self.raw_text:
            return values[0]
        if self.framed:
            import pandas as pd

            return pd.DataFrame({column.name: part for column, part in zip(self.columns, values, strict=True)})
        kind: Any = object if any(part.dtype == object for part in values) else np.float64
        given = np.empty((len(values[0]), len(values)), dtype=kind, order=self.order)
        for number, part in enumerate(values):
            given[:, number] = part
        return given

    def _gaps(self, column: Column, values: NDArray[Any]) -> NDArray[Any]:
        """Values with the missing text that the estimator knows."""
        if column.kind is Type.NUMBER or column.name in self.none:
            return values
        gaps = missing(values.reshape(-1, 1))[:, 0]
        if not gaps.any():
            return values
        filled = values.copy()
        filled[gaps] = np.nan
        return filled


def picks_columns(found: Any) -> bool:
    """Whether a part of an estimator may take columns by their names."""
    return hasattr(found, "transformers_") or getattr(found, "func", None) is not None


def takes_raw_text(fitted: Any) -> bool:
    """Whether an estimator begins with a vectoriser, which takes a list of texts instead of a table."""
    while hasattr(fitted, "steps"):
        fitted = fitted.steps[0][1]
    return hasattr(fitted, "build_analyzer")


def _need_pandas(name: str) -> None:
    try:
        import pandas  # noqa: F401
    except ImportError:
        raise ModelFileError(
            f"cannot load the {name} of the model: it takes columns by name, and the package pandas is missing",
            "Install pandas where the model runs.",
        ) from None


def _two_dimensional(result: Any) -> NDArray[Any]:
    if hasattr(result, "toarray"):
        result = result.toarray()
    array = np.asarray(result)
    return array.reshape(len(array), -1)


class Graph:
    """An ONNX graph in ONNX Runtime, on one thread: the database's own threads share the rows."""

    def __init__(self, data: bytes, what: str) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise ModelFileError(
                f"{what}: the package onnxruntime is missing",
                "Install onnxruntime where the model runs.",
            ) from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong with a row is no news for the server's log
        try:
            self.session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # each kind of damage has an exception of its own
            raise ModelFileError(f"{what}: ONNX Runtime says {error}") from error
        state = onnxruntime.capi.onnxruntime_pybind11_state
        self.refusals = (state.Fail, state.InvalidArgument, state.RuntimeException)

    def rows(self, inputs: list[Values]) -> Ask:
        with np.errstate(all="ignore"):
            feed = self._feed([part[:, 0] for part in inputs])

        def ask(output: str) -> Parts:
            try:
                return [_two_dimensional(self.session.run([output], feed)[0])]
            except self.refusals as error:
                raise ValueError(str(error)) from error

        return ask

    def _feed(self, lanes: list[NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The tensors of the graph's inputs, each from as many columns as it is wide."""
        found = {}
        for entry in self.session.get_inputs():
            width = entry.shape[1] if len(entry.shape) > 1 else 1
            count = width if isinstance(width, int) else len(lanes)
            taken, lanes = lanes[:count], lanes[count:]
            values = np.stack([tensor_lane(lane, entry.type) for lane in taken], axis=1)
            found[entry.name] = values if len(entry.shape) > 1 else values[:, 0]
        return found


TENSORS: dict[str, Any] = {
    "tensor(double)": np.float64,
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
    "tensor(string)": object,
}
"""ONNX's name of a tensor's type -> numpy's."""


def tensor_lane(values: NDArray[Any], kind: str) -> NDArray[Any]:
    """One column as ONNX takes it. A float tensor rounds to single precision, as that runtime's callers do.

    Raises: ValueError for a value that has no form in it: a missing text, or a number that is no such integer.
    """
    dtype = TENSORS[kind]
    if dtype is object:
        if missing(values.reshape(-1, 1)).any():
            raise ValueError("a text is missing")
        return values
    found: NDArray[Any] = values.astype(dtype)
    if np.dtype(dtype).kind in "ib" and not np.array_equal(found.astype(np.float64), values):
        raise ValueError("a number is no integer")
    return found


class _Alone:
    """While any thread is within: no warnings, and one thread for each call into a library.

    The database's own threads or processes share the rows already; more of them wait for one another. Python's filters
    of warnings and the threads of BLAS belong to the whole process: the last one out puts them back. Those of OpenMP
    belong to each thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._within = 0
        self._filters = warnings.catch_warnings()
        self._pools: Any = None
        self._blas: Any = None

    def look(self) -> None:
        """Find the thread pools of the libraries that are loaded by now."""
        from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

        self._pools = ThreadpoolController()

    @contextmanager
    def run(self) -> Iterator[None]:
        """Run a call into a library."""
        pools = self._pools
        with self._lock:
            self._within += 1
            if self._within == 1:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.simplefilter("ignore")
                self._blas = pools.limit(limits=1, user_api="blas")
        try:
            with pools.limit(limits=1, user_api="openmp"), np.errstate(all="ignore"):
                yield
        finally:
            with self._lock:
                self._within -= 1
                if self._within == 0:
                    self._blas.restore_original_limits()
                    self._filters.__exit__(None, None, None)


_ALONE = _Alone()


class Libraries:
    """The loaded objects of a model, each once."""

    def __init__(self, blocks: Sequence[Foreign]) -> None:
        self._runners: dict[tuple[int, ...], Runner] = {}
        for block in blocks:
            if _object(block) not in self._runners:
                kinds = [part.type for part in block.inputs]
                self._runners[_object(block)] = Runner(load(block), block.example, kinds)

    def __bool__(self) -> bool:
        return bool(self._runners)

    def batch(self) -> Callable[[Foreign, list[Values]], Floats]:
        """What computes the blocks for one batch of rows: each method of an object runs once."""
        done: dict[tuple[tuple[int, ...], str], tuple[Rows, Parts]] = {}
        asked: dict[tuple[int, ...], Asked] = {}

        def values(block: Foreign, inputs: list[Values]) -> Floats:
            key = _object(block), block.method
            if key not in done:
                done[key] = self._runners[key[0]].run(block.method, inputs, asked.setdefault(key[0], {}))
            return _lanes(block, *done[key], len(inputs[0]))

        return values


def _object(block: Foreign) -> tuple[int, ...]:
    """What blocks of one object share: its payload and the columns that it reads."""
    return id(block.payload), *(id(part) for part in block.inputs)


def _numbered(block: Foreign, labels: list[Any]) -> Floats:
    """The number of each label, (n_rows, 1)."""
    number = {label: index for index, label in enumerate(block.classes)}
    try:
        return np.array([[number[label]] for label in labels], dtype=np.float64)
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
        part = _numbered(block, part[:, 0].tolist())
    if part.shape != (len(rows), block.lanes):
        raise ModelFileError(
            f"cannot score with the {block.name}: its {block.method} gives {part.shape[1]} values for a row, needed "
            f"{block.lanes}",
            "Use the versions of packages that it was trained with.",
        )
    found[rows] = part
    return found
