"""TensorFlow Lite graphs in LiteRT, on one thread: the database's own threads share the rows.

A file is checked by indb before the interpreter sees it, see tflite_file.py. Inputs and outputs that are quantised take
and give the real numbers that their integers stand for.
"""

from __future__ import annotations

import math
from threading import Lock
from typing import Any

import numpy as np

from indb.errors import ModelFileError
from indb.runtime import tensors, tflite_file
from indb.runtime.tensors import DTYPES, Arrays, Tensor, absent
from indb.runtime.tflite_file import TensorEntry, TFLiteFile

QUANTIZE = 114
"""The number of the operator that makes integers of numbers."""


MAX_WIDTH = 1 << 20


class Graph(tensors.Graph):
    """A graph of any number of rows, or of as many as the file says where it cannot be resized.

    Raises: ModelFileError when the package is missing here, the bytes are damaged, or use what is not run here.
    """

    def __init__(self, data: bytes, what: str) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError:
            raise absent("ai-edge-litert", what) from None
        self.file, self.inputs, self.outputs = check(data, what)
        self._lock = Lock()
        self._rows = 0
        try:
            self._interpreter = Interpreter(model_content=data, num_threads=1)
            self._interpreter.allocate_tensors()
            self._places = [
                [each["index"] for each in details]
                for details in (self._interpreter.get_input_details(), self._interpreter.get_output_details())
            ]
        except (ValueError, RuntimeError) as error:
            raise ModelFileError(f"{what}: LiteRT says {str(error).strip()}") from error
        self.fills = not self._resizes()
        self.at_most = _stored_rows(self.file) if self.fills else None

    def run(self, feed: Arrays) -> Arrays:
        with self._lock:
            try:
                return self._run(feed, not self.fills)
            except RuntimeError as error:
                raise ValueError(str(error)) from error

    def _run(self, feed: Arrays, resize: bool) -> Arrays:
        given, gives = self._places
        if resize and self._rows != len(feed[0]):
            self._rows = 0
            for place, values in zip(given, feed, strict=True):
                self._interpreter.resize_tensor_input(place, values.shape)
            self._interpreter.allocate_tensors()
            self._rows = len(feed[0])
        for place, values in zip(given, feed, strict=True):
            self._interpreter.set_tensor(place, values)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(place) for place in gives]

    def _resizes(self) -> bool:
        """Whether it takes other numbers of rows, and gives as many."""
        for n_rows in (3, 2):
            feed = [np.zeros((n_rows, *_sizes(tensor)), dtype=DTYPES[tensor.kind]) for tensor in self.inputs]
            try:
                results = self._run(feed, True)
            except (RuntimeError, ValueError):
                results = []
            if not results or any(values.ndim == 0 or len(values) != n_rows for values in results):
                self._restore()
                return False
        return True

    def _restore(self) -> None:
        """Give the inputs the shapes that the file says."""
        for place, number in zip(self._places[0], self.file.inputs, strict=True):
            self._interpreter.resize_tensor_input(place, self.file.tensors[number].shape)
        self._interpreter.allocate_tensors()


def check(data: bytes, what: str) -> tuple[TFLiteFile, list[Tensor], list[Tensor]]:
    """The content of a file, what it takes and gives, without LiteRT.

    Raises: ModelFileError when it is damaged, or uses what is not run here.
    """
    try:
        file = tflite_file.parse(data)
        inputs, outputs = ([_tensor(file, place) for place in places] for places in (file.inputs, file.outputs))
        return file, inputs, outputs
    except ValueError as error:
        raise ModelFileError(f"{what}: {error}") from error


def _sizes(tensor: Tensor) -> tuple[int, ...]:
    return tuple(size or 1 for size in tensor.shape)


def _stored_rows(file: TFLiteFile) -> int:
    return next((entry.shape[0] for entry in _entries(file) if entry.shape), 1)


def _entries(file: TFLiteFile) -> list[TensorEntry]:
    return [file.tensors[place] for place in file.inputs]


def _tensor(file: TFLiteFile, place: int) -> Tensor:
    """An input or output. Raises: ValueError for one that no table has."""
    entry = file.tensors[place]
    name = file.names.get(place) or entry.name or f"tensor_{place}"
    if entry.kind not in DTYPES or entry.kind == "text":
        raise ValueError(f"its tensor {name!r} holds {entry.kind}, needed numbers")
    shape: tuple[Any, ...] = tuple(None if size < 0 else size for size in entry.signature[1:])
    if math.prod(size or 1 for size in shape) > MAX_WIDTH:
        raise ValueError(f"its tensor {name!r} has {shape} values for a row, needed at most {MAX_WIDTH}")
    if entry.quantization is None:
        # An integer of a missing number is whatever a processor makes of it.
        needed = any(step.code == QUANTIZE and place in step.inputs for step in file.operators)
        return Tensor(name, entry.kind, shape, needed=needed)
    if len(entry.quantization.scales) > 1:
        raise ValueError(f"its tensor {name!r} has {len(entry.quantization.scales)} scales, needed one")
    scale, zero = float(entry.quantization.scales[0]), int(entry.quantization.zeros[0])
    return Tensor(name, entry.kind, shape, scale, zero, needed=True)
