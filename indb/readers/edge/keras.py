"""Keras files (.keras), which Keras runs."""

from __future__ import annotations

from collections.abc import Sequence

from indb.ir import Model
from indb.readers.base import File, reads_files
from indb.readers.graphs import foreign_model
from indb.runtime import keras_network


@reads_files(".keras")
def read(file: File, columns: Sequence[str] | None) -> Model:
    """The model of a file, without how it was trained.

    Raises: ModelFileError when Keras is missing here, or the file is damaged or made of other layers than Keras's own
    for numbers; UnsupportedModel for inputs and outputs that a table does not have.
    """
    graph = keras_network.Graph(file.data, f"cannot load {file.name}")
    reason = f"{file.name} is a Keras model, which Keras runs"
    source = {"class": "Keras model", "library": "Keras", "version": "", "reason": reason}
    return foreign_model(graph, file, columns, "keras", source, graph.payload)
