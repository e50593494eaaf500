"""Keras models (.keras), run by Keras with the backend that is installed."""

from __future__ import annotations

import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from indb.errors import ModelFileError
from indb.runtime import keras_file, pytorch, tensors
from indb.runtime.tensors import DTYPES, Arrays, Tensor, absent

BACKENDS = ("tensorflow", "torch", "jax")
"""What Keras computes with, where KERAS_BACKEND does not say which."""


class Graph(tensors.Graph):
    """A model of layers, asked for rows as `predict` is.

    Raises: ModelFileError when Keras or its backend is missing here, the bytes are damaged, or hold other layers.
    """

    def __init__(self, data: bytes, what: str) -> None:
        keras = _keras(what)
        try:
            self.payload = keras_file.parse(data)
            self._model = _loaded(keras, self.payload)
            self._numpy = keras.ops.convert_to_numpy
            self.inputs = [_tensor(found, found.name) for found in self._model.inputs]
            self.outputs = [_tensor(found, name) for found, name in _named(self._model.outputs)]
            rows = {found.shape[0] for found in self._model.inputs}
        except Exception as error:  # a layer raises whatever it likes
            raise ModelFileError(f"{what}: {str(error).strip()}") from error
        self.at_most = next(iter(rows - {None}), None)
        self.fills = self.at_most is not None

    def run(self, feed: Arrays) -> Arrays:
        try:
            found = self._model(feed if len(feed) > 1 else feed[0], training=False)
        except pytorch.REFUSALS as error:
            raise ValueError(str(error)) from error
        results: list[Any] = list(found) if isinstance(found, (list, tuple)) else [found]
        return [self._array(each) for each in results]

    def _array(self, found: Any) -> Any:
        # Keras's own way from torch to numpy warns with numpy 2.
        return pytorch.array(found.detach()) if hasattr(found, "detach") else np.asarray(self._numpy(found))


def _keras(what: str) -> Any:
    """The package, with a backend that is installed."""
    if find_spec("keras") is None:
        raise absent("keras", what)
    backend = next((name for name in BACKENDS if find_spec(name) is not None), None)
    if backend is None and "keras" not in sys.modules:
        raise ModelFileError(
            f"{what}: Keras has no backend here", f"Install one of {', '.join(BACKENDS)} where the model runs."
        )
    if "keras" not in sys.modules and backend is not None:
        os.environ.setdefault("KERAS_BACKEND", backend)  # its own default is one that may not be installed
    if os.environ.get("KERAS_BACKEND") == "torch":
        pytorch.load(what)
    try:
        import keras
    except ImportError as error:
        raise ModelFileError(f"{what}: Keras does not load ({error})") from error
    return keras


def _loaded(keras: Any, data: bytes) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        path.write_bytes(data)
        return keras.saving.load_model(str(path), compile=False, safe_mode=True)


def _tensor(found: Any, name: str) -> Tensor:
    if found.dtype not in DTYPES or not found.shape:
        raise ValueError(f"its tensor {name!r} holds {found.dtype} of shape {found.shape}, needed numbers")
    return Tensor(name, found.dtype, tuple(found.shape[1:]))


def _named(outputs: Any) -> list[tuple[Any, str]]:
    """Each output, and the name of the layer that gives it."""
    return [(found, str(found._keras_history.operation.name)) for found in outputs]
