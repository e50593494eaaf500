"""TensorProto to numpy: the sizes are checked against the data before anything is made of them.

Source: onnx/onnx.proto (TensorProto), onnx/docs/ExternalData.md.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indb.errors import ModelFileError, UnsupportedModel
from indb.readers.onnx.limits import MAX_ELEMENTS, MAX_RANK

DTYPES: dict[int, Any] = {
    1: np.float32,
    2: np.uint8,
    3: np.int8,
    4: np.uint16,
    5: np.int16,
    6: np.int32,
    7: np.int64,
    8: object,
    9: np.bool_,
    10: np.float16,
    11: np.float64,
    12: np.uint32,
    13: np.uint64,
}
"""TensorProto.DataType -> numpy's type; what is not here (bfloat16, complex numbers, float8, …) is not read."""

FIELDS: dict[int, str] = {
    1: "float_data",
    7: "int64_data",
    8: "string_data",
    11: "double_data",
    12: "uint64_data",
    13: "uint64_data",
}
"""TensorProto.DataType -> the field of its numbers, int32_data for all others."""

EXTERNAL = 1


def dtype_of(code: int, what: str) -> np.dtype[Any]:
    """numpy's type for a DataType. Raises: UnsupportedModel for one that is not read."""
    if code not in DTYPES:
        raise UnsupportedModel(f"{what} has elements of the type {code}, which is not read")
    found: np.dtype[Any] = np.dtype(DTYPES[code])
    return found


def shape_of(tensor: Any, what: str) -> tuple[int, ...]:
    """The shape of a tensor. Raises: ModelFileError where it cannot be one."""
    shape = tuple(int(size) for size in tensor.dims)
    if len(shape) > MAX_RANK or any(size < 0 for size in shape) or math.prod(shape) > MAX_ELEMENTS:
        raise ModelFileError(f"{what} has the shape {_short(shape)}, needed at most {MAX_ELEMENTS} elements")
    return shape


def check_tensor(tensor: Any, what: str, folder: Path) -> None:
    """Compare the shape of a tensor with its data, which is not read.

    Raises: ModelFileError where they differ, and for data in files that are elsewhere or too short.
    """
    shape = shape_of(tensor, what)
    if tensor.HasField("segment"):
        raise ModelFileError(f"{what} is a segment of a tensor, needed a whole one")
    count = math.prod(shape)
    dtype = DTYPES.get(tensor.data_type)
    if dtype is None:
        return
    size = None if dtype is object else count * np.dtype(dtype).itemsize
    if tensor.data_location == EXTERNAL:
        if size is None:
            raise ModelFileError(f"{what} has texts in another file, needed them in the model")
        _external(tensor, what, folder, size)
    elif tensor.HasField("raw_data"):
        if len(tensor.raw_data) != size:
            raise ModelFileError(
                f"{what} has {len(tensor.raw_data)} bytes, needed {size} for its shape {_short(shape)}"
            )
    else:
        found = len(getattr(tensor, FIELDS.get(tensor.data_type, "int32_data")))
        if found != count:
            raise ModelFileError(f"{what} has {found} elements, needed {count} for its shape {_short(shape)}")


def read_tensor(tensor: Any, what: str, folder: Path) -> NDArray[Any]:
    """The array of a tensor that was checked; texts are str.

    Raises: UnsupportedModel for a type that is not read, ModelFileError for texts that are not UTF-8.
    """
    dtype = dtype_of(tensor.data_type, what)
    shape = shape_of(tensor, what)
    if dtype.kind == "O":
        texts = np.empty(math.prod(shape), dtype=object)
        try:
            texts[:] = [text.decode("utf-8") for text in tensor.string_data]
        except UnicodeDecodeError as error:
            raise ModelFileError(f"{what} holds a text that is not UTF-8 ({error.reason})") from error
        return texts.reshape(shape)
    raw = dtype.newbyteorder("<")
    if tensor.data_location == EXTERNAL:
        path, offset = _external(tensor, what, folder, math.prod(shape) * dtype.itemsize)
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(math.prod(shape) * dtype.itemsize)
        return np.frombuffer(data, dtype=raw).astype(dtype).reshape(shape)
    if tensor.HasField("raw_data"):
        return np.frombuffer(tensor.raw_data, dtype=raw).astype(dtype).reshape(shape)
    numbers = getattr(tensor, FIELDS.get(tensor.data_type, "int32_data"))
    if dtype == np.float16:
        return np.array(numbers, dtype=np.int64).astype(np.uint16).view(np.float16).reshape(shape)
    return np.array(numbers).astype(dtype).reshape(shape)


def _external(tensor: Any, what: str, folder: Path, size: int) -> tuple[Path, int]:
    """(the file of a tensor's data, where it begins there), inside the folder of the model only.

    Raises: ModelFileError.
    """
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    try:
        path = (folder / location).resolve()
        offset, length = int(entries.get("offset", "0")), int(entries.get("length", str(size)))
        inside = path.is_relative_to(folder.resolve()) and not Path(location).is_absolute() and ".." not in location
        if not location or not inside:
            raise ModelFileError(f"{what} names the file {location[:80]!r}, needed one in the model's own folder")
        if not path.is_file():
            raise ModelFileError(f"{what} is in the file {location[:80]!r}, which is not beside the model")
        held = path.stat().st_size
    except (ValueError, OSError, RuntimeError) as error:
        raise ModelFileError(f"{what} cannot be found in the file {location[:80]!r} ({error})") from error
    if length != size or offset < 0 or offset + size > held:
        raise ModelFileError(
            f"{what} says {length} bytes from {offset} on, needed {size} within the {held} of the file"
        )
    return path, offset


def _short(shape: tuple[int, ...]) -> str:
    return str(list(shape))[:80]
