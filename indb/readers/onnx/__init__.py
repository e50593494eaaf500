"""ONNX files: a graph becomes blocks where blocks can say it, else a foreign model that ONNX Runtime runs.

files.py checks the bytes, written.py reads what indb wrote, walk.py goes from node to node, operators.py is the
registry; the other modules hold the operators, those of ai.onnx.ml begin with ml_.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from indb.errors import InvalidModel, ModelFileError, UnsupportedModel
from indb.ir import ForeignModel, Model
from indb.readers.base import File, reads_files
from indb.readers.onnx import blocks, external, files, foreign, survey, written
from indb.readers.onnx import control as _control  # noqa: F401  registers its operators, as the next ones do
from indb.readers.onnx import elementwise as _elementwise  # noqa: F401
from indb.readers.onnx import functions as _functions  # noqa: F401
from indb.readers.onnx import matrices as _matrices  # noqa: F401
from indb.readers.onnx import ml as _ml  # noqa: F401
from indb.readers.onnx import normalise as _normalise  # noqa: F401
from indb.readers.onnx import reductions as _reductions  # noqa: F401
from indb.readers.onnx import shapes as _shapes  # noqa: F401
from indb.readers.onnx import structure as _structure  # noqa: F401


@reads_files(".onnx")
def read(file: File, columns: Sequence[str] | None) -> Model:
    """The model of an ONNX file.

    Raises: ModelFileError for a file that is damaged, or that needs a package which is missing; UnsupportedModel for
    inputs or outputs that a table does not have.
    """
    try:
        proto = files.load(file)
    except files.PackageMissing:
        why = "the package onnx, which reads its graph, is missing (pip install onnx)"
        return foreign.read(file, columns, f"{file.name} runs in ONNX Runtime as it is: {why}")
    own = written.read(file, proto, columns) if written.is_written(proto) else None
    if own is not None:
        return own
    try:
        model = blocks.read(file, proto, columns)
    except ModelFileError as error:
        raise ModelFileError(f"cannot load {file.name}: {error.message}", error.hint) from None
    except (UnsupportedModel, InvalidModel) as error:
        return _foreign(file, proto, columns, error.message)
    except RecursionError:
        return _foreign(file, proto, columns, "its blocks are nested too deep")
    count = blocks.n_weights(model)
    if count > blocks.MANY_WEIGHTS and find_spec("onnxruntime"):
        why = f"ONNX Runtime multiplies the {count:,} weights of {file.name} faster; blocks are for SQL"
        return _with_twin(file, proto, columns, model, why)
    return model


def _foreign(file: File, proto: Any, columns: Sequence[str] | None, reason: str) -> Model:
    """What ONNX Runtime makes of a file that blocks cannot say. Raises: UnsupportedModel with both reasons."""
    survey.check(proto, file)
    why = reason.removeprefix(f"cannot read {file.name}: ")
    try:
        return foreign.read(external.joined(file, proto), columns, f"{file.name} runs in ONNX Runtime as it is: {why}")
    except UnsupportedModel as error:
        raise UnsupportedModel(f"{error.message}; blocks cannot say it either: {why}", error.hint) from error


def _with_twin(file: File, proto: Any, columns: Sequence[str] | None, model: Model, why: str) -> Model:
    """The foreign model that has the blocks for SQL, or the blocks where the two do not look alike."""
    try:
        found = foreign.read(external.joined(file, proto), columns, why)
        assert isinstance(found, ForeignModel)
        return replace(found, written=model)
    except (UnsupportedModel, ModelFileError, InvalidModel):
        return model
