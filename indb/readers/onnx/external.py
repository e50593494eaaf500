"""Tensors in files beside a model, put into it: ONNX Runtime, and a database, are given the bytes of one file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from indb.errors import UnsupportedModel
from indb.readers.base import File
from indb.readers.onnx.arrays import DTYPES, EXTERNAL, read_tensor
from indb.readers.onnx.limits import MAX_BESIDE


def joined(file: File, model: Any) -> File:
    """The file with the data of all its tensors in it; `model` is its checked ModelProto, which stays as it is.

    Raises: UnsupportedModel for more than MAX_BESIDE bytes, or a type whose size is not known; ModelFileError as
    read_tensor does.
    """
    if not any(True for _ in _outside(model)):
        return file
    whole = type(model)()
    whole.CopyFrom(model)
    left = MAX_BESIDE
    for tensor in list(_outside(whole)):
        what = f"cannot read {file.name}: its tensor {tensor.name!r} in another file"
        if tensor.data_type not in DTYPES:
            raise UnsupportedModel(
                f"{what} has elements of the type {tensor.data_type}", "Save the model with its data in one file."
            )
        dtype = DTYPES[tensor.data_type]
        left -= math.prod(tensor.dims) * dtype().itemsize
        if left < 0:
            raise UnsupportedModel(
                f"cannot read {file.name}: its tensors in other files have more than {MAX_BESIDE:,} bytes",
                "A database stores a model as one value: quantise its weights.",
            )
        data = read_tensor(tensor, f"the constant {tensor.name!r}", file.folder)
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")
        tensor.raw_data = data.astype(data.dtype.newbyteorder("<")).tobytes()
    return replace(file, data=whole.SerializeToString())


def _outside(message: Any) -> Iterator[Any]:
    """Every tensor below a message whose data is in another file."""
    if message.DESCRIPTOR.name == "TensorProto":
        if message.data_location == EXTERNAL:
            yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in [value] if hasattr(value, "DESCRIPTOR") else value:
                yield from _outside(inner)
