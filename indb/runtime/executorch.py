"""ExecuTorch programs (.pte) in ExecuTorch's own runtime.

A program says for how many rows its memory is planned: exactly so many, or up to so many where it was exported with a
dynamic first axis. More rows are run in pieces.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from threading import Lock
from typing import Any

import numpy as np

from indb.errors import ModelFileError
from indb.runtime import pytorch, tensors
from indb.runtime.flatbuffer import Buffer
from indb.runtime.tensors import Arrays, Tensor, absent

KINDS = {
    0: "uint8",
    1: "int8",
    2: "int16",
    3: "int32",
    4: "int64",
    5: "float16",
    6: "float32",
    7: "float64",
    11: "bool",
}
"""c10::ScalarType -> the kind of a tensor."""

METHOD = "forward"
BACKENDS = {"XnnpackBackend"}
"""What may compute a part of a program besides ExecuTorch's own kernels: backends that the processor alone needs."""


class Graph(tensors.Graph):
    """The method `forward` of a program.

    Raises: ModelFileError when the package is missing here, the bytes are damaged, or need an accelerator.
    """

    def __init__(self, data: bytes, what: str) -> None:
        self._torch = pytorch.load(what)
        library = _library(what)
        try:
            _check(data)
            self._data = data  # the library reads it as long as the program lives, without holding it
            self._program = library._load_program_from_buffer(
                data,
                enable_etdump=False,
                debug_buffer_size=0,
                program_verification=library.Verification.InternalConsistency,
            )
            methods = [self._program.get_method_name(place) for place in range(self._program.num_methods())]
            if METHOD not in methods:
                raise ValueError(f"it has the methods {methods}, needed {METHOD!r}")
            self._method = self._program.load_method(METHOD)
            meta = self._method.method_meta()
            self.inputs = [_tensor(meta.input_tensor_meta(place), f"x{place}") for place in range(meta.num_inputs())]
            self.outputs = [_tensor(meta.output_tensor_meta(place), f"y{place}") for place in range(meta.num_outputs())]
            sizes = {meta.input_tensor_meta(place).sizes()[0] for place in range(meta.num_inputs())}
        except (ValueError, RuntimeError, IndexError, TypeError) as error:
            raise ModelFileError(f"{what}: {str(error).strip() or 'it is damaged'}") from error
        self._lock = Lock()
        if len(sizes) != 1:
            raise ModelFileError(f"{what}: its inputs are of {sorted(sizes)} rows, needed the same number")
        self.at_most = sizes.pop()
        self.fills = not self._resizes()

    def run(self, feed: Arrays) -> Arrays:
        given = [self._torch.from_numpy(np.ascontiguousarray(values)) for values in feed]
        with self._lock:
            try:
                return [pytorch.array(found).copy() for found in self._method(given)]
            except pytorch.REFUSALS as error:
                raise ValueError(str(error)) from error

    def _resizes(self) -> bool:
        """Whether it takes fewer rows than its memory is planned for."""
        n_rows = max(1, (self.at_most or 1) - 1)
        feed = [
            np.zeros((n_rows, *(size or 1 for size in each.shape)), tensors.DTYPES[each.kind]) for each in self.inputs
        ]
        try:
            return all(len(values) == n_rows for values in self.run(feed))
        except (ValueError, TypeError):
            return False


def _library(what: str) -> Any:
    """The extension module of ExecuTorch alone: the package around it loads all that exports, for ten seconds.

    Raises: ModelFileError when it is missing here.
    """
    for name in ("_C", "_portable_lib"):  # the second one before version 1.5
        with suppress(ModuleNotFoundError):
            return import_module(f"executorch.extension.pybindings.{name}")
    raise absent("executorch", what)


def _tensor(meta: Any, name: str) -> Tensor:
    kind, sizes = KINDS.get(int(meta.dtype())), tuple(meta.sizes())
    if kind is None or not sizes or sizes[0] < 1:
        raise ValueError(
            f"its tensor {name} is of type {meta.dtype()} and shape {sizes}, needed numbers of shape [n, k]"
        )
    return Tensor(name, kind, sizes[1:])


def _check(data: bytes) -> None:
    """Refuse a program whose parts do not lie in its bytes, or that another backend than the processor's runs.

    Raises: ValueError.
    Source: executorch/schema/program.fbs (field numbers).
    """
    program = Buffer(data).root(data[4:8])
    if data[4:6] != b"ET":
        raise ValueError("it does not begin as an ExecuTorch program does")
    for plan in program.tables(1):
        for delegate in plan.tables(7):
            if delegate.text(0) not in BACKENDS:
                raise ValueError(f"its part for {delegate.text(0)!r} needs hardware of its own")
