"""TensorFlow Lite files (.tflite), which LiteRT runs."""

from __future__ import annotations

from collections.abc import Sequence

from indb.ir import Model
from indb.readers.base import File, reads_files
from indb.readers.graphs import foreign_model
from indb.runtime.tflite import Graph

NAME = "TFLite graph"


@reads_files(".tflite")
def read(file: File, columns: Sequence[str] | None) -> Model:
    """The model of a file: a foreign one.

    Raises: ModelFileError when LiteRT is missing here, or the file is damaged or needs operators that are not built in;
    UnsupportedModel for inputs and outputs that a table does not have.
    """
    graph = Graph(file.data, f"cannot load {file.name}")
    reason = f"{file.name} is a TensorFlow Lite file, which LiteRT runs as it is"
    source = {"class": NAME, "library": "LiteRT", "version": graph.file.description, "reason": reason}
    return foreign_model(graph, file, columns, "tflite", source)
