"""Files of PyTorch: programs of torch.export (.pt2), TorchScript (.pt, .ts), ExecuTorch (.pte)."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Sequence
from io import BytesIO

from indb.errors import DeprecatedFormat, ModelFileError, UnsupportedModel
from indb.ir import Model
from indb.readers.base import File, reads_files
from indb.readers.graphs import foreign_model
from indb.runtime import executorch, pt2, torchscript

EXPORT = "Save it with torch.export.save(torch.export.export(model, inputs), 'model.pt2')."


@reads_files(".pt2")
def read_pt2(file: File, columns: Sequence[str] | None) -> Model:
    """The model of a program of torch.export: its graph and tensors; the pickles that such a file has are left out.

    Raises: ModelFileError when torch is missing here, the file is damaged, or holds what is not plain arithmetic on
    tensors; UnsupportedModel for inputs and outputs that a table does not have.
    """
    graph = pt2.Graph(file.data, f"cannot load {file.name}")
    reason = f"{file.name} is a program of torch.export, which PyTorch runs"
    source = {"class": "PyTorch program", "library": "PyTorch", "version": graph.program.version, "reason": reason}
    return foreign_model(graph, file, columns, "pt2", source, graph.payload)


@reads_files(".pt", ".ts")
def read_torchscript(file: File, columns: Sequence[str] | None) -> Model:
    """The model of a TorchScript module that takes one float tensor. columns: its columns, which the file does not say.

    Warns: DeprecatedFormat. Raises: ModelFileError as `read_pt2`, and for what torch.save wrote, a pickle.
    """
    if not _has_code(file.data):
        raise ModelFileError(
            f"cannot load {file.name}: it holds no TorchScript, but maybe a pickle of torch.save", EXPORT
        )
    graph = torchscript.Graph(file.data, f"cannot load {file.name}")
    warnings.warn(f"{file.name} is TorchScript, which PyTorch deprecates. {EXPORT}", DeprecatedFormat, stacklevel=4)
    if columns is None:
        raise UnsupportedModel(
            f"cannot read {file.name}: TorchScript does not say how many columns it takes",
            "Give the names with columns=[…].",
        )
    reason = f"{file.name} is TorchScript, which PyTorch runs"
    source = {"class": "TorchScript module", "library": "PyTorch", "version": "", "reason": reason}
    return foreign_model(graph, file, columns, "torchscript", source, graph.payload)


def _has_code(data: bytes) -> bool:
    try:
        return any("/code/" in name for name in zipfile.ZipFile(BytesIO(data)).namelist())
    except zipfile.BadZipFile:
        return False


@reads_files(".pte")
def read_pte(file: File, columns: Sequence[str] | None) -> Model:
    """The model of an ExecuTorch program's method `forward`.

    Raises: ModelFileError when ExecuTorch is missing here, or the file is damaged or for other hardware.
    """
    graph = executorch.Graph(file.data, f"cannot load {file.name}")
    reason = f"{file.name} is an ExecuTorch program, which ExecuTorch runs as it is"
    source = {"class": "ExecuTorch program", "library": "ExecuTorch", "version": "", "reason": reason}
    return foreign_model(graph, file, columns, "pte", source)
