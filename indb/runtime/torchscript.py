"""TorchScript files (torch.jit.save), run by PyTorch.

torch.jit.load compiles the TorchScript that a file holds and reads its tensors with an unpickler of its own in C++,
which knows tensors and the file's classes and calls nothing of Python: a pickle that names os.system is refused with
"Unknown type name". But TorchScript can write and read files (torch.save, torch.from_file). So its code is searched for
what is not arithmetic, and only the parts that were searched are handed on.
"""

from __future__ import annotations

import io
import re
import warnings
from typing import Any

import numpy as np

from indb.errors import ModelFileError
from indb.runtime import pytorch, tensors
from indb.runtime.archives import Archive, packed
from indb.runtime.tensors import Arrays, Tensor

FILES = re.compile(r"\b(save|load|from_file|load_tensor)\b")
"""Words of operators that open files."""

SPACES = re.compile(r"\bops\s*\.\s*(?!(?:prim|aten|quantized)\b)(\w+)")
"""Operators of other kinds than arithmetic."""


class Graph(tensors.Graph):
    """A module whose `forward` takes one tensor: of what kind and how wide, such a file does not say.

    Raises: ModelFileError when torch is missing here, or the bytes are damaged, no TorchScript, or may open files.
    """

    def __init__(self, data: bytes, what: str) -> None:
        self._torch = pytorch.load(what)
        try:
            archive = Archive(data)
            if not any(name.startswith("code/") for name in archive):
                raise ValueError("it holds no TorchScript")
            _check(archive)
            self.payload = packed({name: part for name, part in archive.items() if not name.endswith(".debug_pkl")})
        except ValueError as error:
            raise ModelFileError(f"{what}: {error}") from error
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # indb has its own
                self._module = self._torch.jit.load(io.BytesIO(self.payload), map_location="cpu").eval()
            arguments = self._module.forward.schema.arguments[1:]
        except (RuntimeError, ValueError, AttributeError) as error:
            raise ModelFileError(f"{what}: PyTorch says {str(error).strip()}") from error
        if len(arguments) != 1 or str(arguments[0].type) != "Tensor":
            given = ", ".join(f"{each.name}: {each.type}" for each in arguments)
            raise ModelFileError(f"{what}: its forward takes ({given}), needed one tensor")
        self.inputs = [Tensor(arguments[0].name, "float32", (None,))]
        returns = self._module.forward.schema.returns[0].type
        elements = returns.elements() if returns.kind() == "TupleType" else [returns]
        self.outputs = [Tensor(f"y{number}", "", (None,)) for number in range(len(elements))]

    def run(self, feed: Arrays) -> Arrays:
        torch = self._torch
        try:
            with torch.inference_mode():
                found = self._module(torch.from_numpy(np.ascontiguousarray(feed[0])))
        except pytorch.REFUSALS as error:
            raise ValueError(str(error)) from error
        results: list[Any] = list(found) if isinstance(found, (tuple, list)) else [found]
        if len(results) != len(self.outputs) or not all(isinstance(each, torch.Tensor) for each in results):
            raise ModelFileError(f"cannot score with the graph: it gives {type(found).__name__}, needed tensors")
        return [pytorch.array(each) for each in results]


def _check(archive: Archive) -> None:
    """Refuse code that may open files, or calls what is not torch's. Raises: ValueError."""
    for name, part in archive.items():
        if not name.startswith("code/") or not name.endswith(".py"):
            continue
        text = part.decode("utf-8", "replace")
        found = FILES.search(text) or SPACES.search(text)
        if found:
            raise ValueError(f"its code in {name} says {found[0]!r}, needed arithmetic on tensors alone")
