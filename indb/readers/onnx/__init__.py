"""ONNX files."""

from __future__ import annotations

from collections.abc import Sequence

from indb.ir import Model
from indb.readers.base import File, reads_files
from indb.readers.onnx import foreign


@reads_files(".onnx")
def read(file: File, columns: Sequence[str] | None) -> Model:
    """The model of an ONNX file."""
    return foreign.read(file, columns)
