"""What graphs of tensors have in common, whatever library runs them: columns go in, lanes come out.

A tensor of shape [n, k] takes k columns, one of shape [n] takes one; where a graph wants [n, a, b], its a * b columns
are in the order of memory. Numbers are rounded to the precision of the tensor, as every caller of such a library does.
A float tensor takes a missing value as NaN; a row with a number that an integer tensor does not hold is refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indb.errors import ModelFileError
from indb.evaluate import Values, missing
from indb.runtime.refusals import Ask, Parts

Arrays: TypeAlias = list[NDArray[Any]]

DTYPES: dict[str, Any] = {
    "float64": np.float64,
    "float32": np.float32,
    "float16": np.float16,
    "int64": np.int64,
    "int32": np.int32,
    "int16": np.int16,
    "int8": np.int8,
    "uint8": np.uint8,
    "bool": np.bool_,
    "text": object,
}
"""What the elements of a tensor may be -> numpy's type."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor that a graph takes or gives: `shape` is that of one row, None where the file leaves a size open.

    Integers of a quantised tensor stand for (integer - zero) * scale; scale 0.0: they stand for themselves. Where a
    number is `needed`, a row in which it is missing is refused.
    """

    name: str
    kind: str
    shape: tuple[int | None, ...]
    scale: float = 0.0
    zero: int = 0
    needed: bool = False

    @property
    def width(self) -> int | None:
        """How many columns it takes, or lanes it gives."""
        sizes = [size for size in self.shape if size is not None]
        return math.prod(sizes) if len(sizes) == len(self.shape) else None

    def rows(self, lanes: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """The tensor of some columns, (n_rows, *shape).

        Raises: ValueError for a value that has no form in it.
        """
        stacked = np.stack([self._lane(values) for values in lanes], axis=1)
        shape = (len(lanes),) if self.width is None else tuple(size or 0 for size in self.shape)
        return stacked.reshape(len(stacked), *shape)

    def _lane(self, values: NDArray[Any]) -> NDArray[Any]:
        if self.needed and np.isnan(values).any():
            raise ValueError("a number is missing")
        return quantised(values, self) if self.scale else tensor_lane(values, DTYPES[self.kind])

    def lanes(self, found: NDArray[Any]) -> NDArray[Any]:
        """What came out for some rows, (n_rows, width)."""
        flat = found.reshape(len(found), -1)
        return ((flat.astype(np.float64) - self.zero) * self.scale).astype(np.float32) if self.scale else flat


def tensor_lane(values: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """One column as a tensor takes it.

    Raises: ValueError for a missing text, or a number that is no such integer.
    """
    if dtype is object:
        if missing(values.reshape(-1, 1)).any():
            raise ValueError("a text is missing")
        return values
    found: NDArray[Any] = values.astype(dtype)
    if np.dtype(dtype).kind in "iub":
        if not np.array_equal(found.astype(np.float64), values):
            raise ValueError("a number is no integer")
        if (np.abs(values) >= 2.0**53).any():  # it may stand for the integer beside it
            raise ValueError("an integer is too large for a float64")
    return found


def quantised(values: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    """Numbers as the integers of a quantised tensor: the nearest ones, those half way away from 0, held in its range.

    None of them may be missing.
    Source: tensorflow/lite/kernels/internal/reference/quantize.h, AffineQuantize, in float32 as there.
    """
    limits = np.iinfo(DTYPES[tensor.kind])
    scaled = (values.astype(np.float32) / np.float32(tensor.scale)).astype(np.float64)
    whole = np.copysign(np.floor(np.abs(scaled) + 0.5), scaled) + tensor.zero
    found: NDArray[Any] = np.clip(whole, limits.min, limits.max).astype(DTYPES[tensor.kind])
    return found


class Graph:
    """A loaded graph: a library's own class derives from it and says `inputs`, `outputs` and how to `run` it.

    `at_most`: how many rows a run takes; None: any number. `fills`: it takes neither more nor less. Several threads may
    run it: a class whose library writes into memory that the graph owns has to lock.
    """

    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]
    at_most: int | None = None
    fills: bool = False

    def run(self, feed: Arrays) -> Arrays:
        """The tensors of all outputs for those of all inputs, the rows first. Raises: ValueError when it refuses."""
        raise NotImplementedError

    def rows(self, inputs: list[Values]) -> Ask:
        with np.errstate(all="ignore"):
            feed = self._feed([part[:, 0] for part in inputs])
        found: dict[str, Parts] = {}

        def ask(output: str) -> Parts:
            if not found:
                results = self._results(feed, len(inputs[0]))
                for tensor, result in zip(self.outputs, results, strict=True):
                    found[tensor.name] = [tensor.lanes(result)]
            return found[output]

        return ask

    def _feed(self, lanes: list[NDArray[Any]]) -> Arrays:
        found = []
        for tensor in self.inputs:
            width = tensor.width
            count = len(lanes) if width is None else width
            taken, lanes = lanes[:count], lanes[count:]
            found.append(tensor.rows(taken))
        return found

    def _results(self, feed: Arrays, n_rows: int) -> Arrays:
        """What each output is for all rows, in as many runs as it takes; a short last one is filled with its last row.

        Raises: ModelFileError when an output has another number of rows than the inputs.
        """
        size = n_rows if self.at_most is None else self.at_most
        pieces = []
        for start in range(0, n_rows, size):
            part = [values[start : start + size] for values in feed]
            gap = size - len(part[0]) if self.fills else 0
            if gap:
                part = [np.concatenate([values, np.repeat(values[-1:], gap, axis=0)]) for values in part]
            results = self.run(part)
            for tensor, values in zip(self.outputs, results, strict=True):
                if values.ndim == 0 or len(values) != len(part[0]):
                    raise ModelFileError(
                        f"cannot score with the graph: its output {tensor.name!r} has the shape {values.shape} for "
                        f"{len(part[0])} rows",
                        "Export it with a dynamic first axis, and one row of outputs for each row of inputs.",
                    )
            pieces.append([values[: len(values) - gap] for values in results])
        return [np.concatenate(each) for each in zip(*pieces, strict=True)]


def absent(package: str, what: str, install: str = "") -> ModelFileError:
    """The error for a library that is missing. what: what cannot be done, such as "cannot load m.tflite"."""
    return ModelFileError(
        f"{what}: the package {package} is missing",
        f"Install it where the model runs: pip install {install or package}",
    )
