"""A model as one .indb file and back: JSON for the graph, raw arrays behind it, no pickle.

Layout: the 8 bytes of MAGIC, the length of the body (uint64, little-endian), the SHA-256 of the body (32 bytes), the
body. The body is the length of the JSON header (uint64), the header in UTF-8, and the arrays, little-endian, one after
the other. The same model gives the same bytes everywhere.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import fields, replace
from enum import Enum
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indb.errors import InvalidModel, ModelFileError
from indb.ir import BLOCKS, Block, Distance, Foreign, Metric, Model, Nearest, Op, ReduceOp, Target, Type, model_of, walk

MAGIC = b"\x89indb\r\n\x1a"
"""The first bytes of a model file. As in PNG, they break when a transfer rewrites line ends or drops the high bit."""

FORMAT = 5
"""The version of the layout and of the blocks; a reader refuses a higher one. See `_format_of`."""

LATER = frozenset({"single", "providers"})
"""Fields that are written where they say something: a model that could do without them keeps its bytes."""

NETWORKS = frozenset({"tflite", "pte", "pt2", "keras", "torchscript"})
"""Formats of foreign payloads that came later."""

StrPath: TypeAlias = str | PathLike[str]

_ENUMS: dict[str, type[Enum]] = {cls.__name__: cls for cls in (Op, ReduceOp, Metric, Type)}
_KINDS: dict[str, type[Block]] = {cls.__name__: cls for cls in BLOCKS}


def encode(model: Model) -> bytes:
    """The bytes of the file.

    Raises: ModelFileError for a model that holds a pickle.
    """
    _refuse_pickle(model, "cannot save the model")
    arrays: list[NDArray[Any]] = []
    numbers: dict[int, int] = {}
    blocks: list[dict[str, Any]] = []
    for block in walk([*model.columns, *model.roots()]):
        row: dict[str, Any] = {"class": type(block).__name__}
        for item in fields(block):  # type: ignore[arg-type]
            value = getattr(block, item.name)
            if item.init and (item.name not in LATER or value != item.default):
                row[item.name] = _pack(value, numbers, arrays)
        numbers[id(block)] = len(blocks)
        blocks.append(row)
    twin = None if model.in_sql is model else _pack(np.frombuffer(encode(model.in_sql), dtype=np.uint8), {}, arrays)
    header = {
        "format": _format_of(model),
        "blocks": blocks,
        "columns": [numbers[id(column)] for column in model.columns],
        "targets": [
            {
                "name": target.name,
                "labels": None if target.labels is None else [_pack_value(label) for label in target.labels],
                "outputs": {name: numbers[id(block)] for name, block in target.outputs.items()},
            }
            for target in model.targets
        ],
        "source": dict(sorted(model.source.items())),
        **({"written": twin} if twin else {}),
        **({"examples": _pack_examples(model)} if model.examples else {}),
        "arrays": [[array.dtype.str, list(array.shape)] for array in arrays],
    }
    words = json.dumps(header, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    text = words.encode("utf-8", "surrogatepass")
    body = len(text).to_bytes(8, "little") + text + b"".join(array.tobytes() for array in arrays)
    return MAGIC + len(body).to_bytes(8, "little") + hashlib.sha256(body).digest() + body


def _pack_examples(model: Model) -> list[dict[str, Any]]:
    """The rows that came with a model; an older indb passes them by."""
    return [{name: _pack_value(value) for name, value in row.items()} for row in model.examples]


def _format_of(model: Model) -> int:
    """The lowest version that can say what a model holds: an older indb reads it where it can."""
    if model.in_sql is not model:
        return max(3, _format_of(model.in_sql), _format_of(replace(model, written=None)))  # type: ignore[call-arg]
    kinds = {type(block) for block in walk(model.roots())}
    for block in walk(model.roots()):
        if isinstance(block, Foreign) and (block.format in NETWORKS or block.providers):
            return 5
    for block in walk(model.roots()):
        if getattr(block, "single", False) or getattr(block, "op", None) is Op.SINGLE:
            return 4
    return 3 if kinds & {Distance, Nearest} else 2 if Foreign in kinds else 1


def digest(model: Model) -> str:
    """The SHA-256 of the model's file, in hex: the model's identity."""
    return hashlib.sha256(encode(model)).hexdigest()


def decode(data: bytes, name: str = "the model") -> Model:
    """The model of a file's bytes.

    Raises: ModelFileError when the bytes are no model file, are damaged, or come from a newer indb.
    """
    if not data.startswith(MAGIC):
        raise ModelFileError(f"cannot load {name}: it does not start as an .indb file does")
    size = int.from_bytes(data[8:16], "little")
    body = data[48:]
    if len(body) != size or hashlib.sha256(body).digest() != data[16:48]:
        raise ModelFileError(
            f"cannot load {name}: it is damaged (found {len(body)} bytes, needed {size} with the stored digest)",
            "Save or copy the file again.",
        )
    try:
        start = 8 + int.from_bytes(body[:8], "little")
        header = json.loads(body[8:start].decode("utf-8", "surrogatepass"))
        if not 1 <= header["format"] <= FORMAT:
            raise ModelFileError(
                f"cannot load {name}: its format is {header['format']}, this indb reads up to {FORMAT}",
                "Upgrade indb, or save the model again with this version.",
            )
        model = _decode_header(header, body[start:])
        _refuse_pickle(model, f"cannot load {name}")
        return model
    except ModelFileError:
        raise
    except InvalidModel as error:
        raise ModelFileError(f"cannot load {name}: {error.message.removeprefix('cannot use the model: ')}") from error
    except Exception as error:  # the digest is no secret: a file made by hand may hold anything
        raise ModelFileError(f"cannot load {name}: its content is not a model ({error!r})") from error


def _decode_header(header: dict[str, Any], tail: bytes) -> Model:
    arrays = _decode_arrays(header["arrays"], tail)
    blocks: list[Block] = []
    for row in header["blocks"]:
        cls = _KINDS[row.pop("class")]
        blocks.append(cls(**{key: _unpack(value, blocks, arrays) for key, value in row.items()}))
    targets = tuple(
        Target(
            row["name"],
            {name: _at(blocks, number) for name, number in row["outputs"].items()},
            None if row["labels"] is None else tuple(_unpack(label, blocks, arrays) for label in row["labels"]),
        )
        for row in header["targets"]
    )
    columns = tuple(_at(blocks, number) for number in header["columns"])
    model = model_of(columns, targets, dict(header["source"]))
    if "examples" in header:
        rows = ({name: _unpack(value, blocks, arrays) for name, value in row.items()} for row in header["examples"])
        model = replace(model, examples=tuple(rows))
    if "written" not in header:
        return model
    twin = decode(_unpack(header["written"], blocks, arrays).tobytes(), "what is written in its place")
    return replace(model, written=twin)  # type: ignore[call-arg]


def _refuse_pickle(model: Model, what: str) -> None:
    """A pickle runs the code that it holds wherever it is loaded, so no file and no registry takes one."""
    for block in walk(model.roots()) if model.is_foreign else ():
        if isinstance(block, Foreign) and block.format == "pickle":
            raise ModelFileError(
                f"{what}: its {block.name} is a pickle, which runs code that it holds when it is loaded",
                "Fit it from classes that skops knows (scikit-learn's own), or convert it to ONNX.",
            )


def _at(items: list[Any], number: Any) -> Any:
    if type(number) is not int or not 0 <= number < len(items):
        raise InvalidModel(f"it refers to number {number!r} of {len(items)}")
    return items[number]


_DTYPES = frozenset({"<f8", "<i4", "|b1", "|u1"})


def _decode_arrays(rows: list[tuple[str, list[int]]], tail: bytes) -> list[NDArray[Any]]:
    arrays: list[NDArray[Any]] = []
    offset = 0
    for dtype, shape in rows:
        if not all(isinstance(size, int) and size >= 0 for size in shape):
            raise InvalidModel(f"it holds an array of shape {shape!r}")
        if dtype not in _DTYPES:
            raise InvalidModel(f"it holds an array of type {dtype!r}")
        array = np.frombuffer(tail, dtype=dtype, count=math.prod(shape), offset=offset)
        arrays.append(array.reshape(shape))
        offset += array.nbytes
    if offset != len(tail):
        raise InvalidModel(f"its arrays are {len(tail)} bytes, needed {offset}")
    return arrays


def save(model: Model, path: StrPath) -> None:
    """Write the model to `path`."""
    Path(path).write_bytes(encode(model))


def load(path: StrPath) -> Model:
    """Read a model that `save` wrote.

    Raises: ModelFileError when the file is missing, damaged, no model, or from a newer indb.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ModelFileError(f"cannot load {path}: {error.strerror}") from error
    return decode(data, str(path))


def _pack(value: Any, numbers: dict[int, int], arrays: list[NDArray[Any]]) -> Any:
    """A field of a block as JSON; arrays go behind the header."""
    if isinstance(value, Block):
        return {"block": numbers[id(value)]}
    if isinstance(value, Enum):
        return {"enum": type(value).__name__, "name": value.name}
    if isinstance(value, np.ndarray):
        if id(value) in numbers:  # the payload of a foreign object, which its blocks share
            return {"array": numbers[id(value)]}
        data = np.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<"))
        arrays.append(data)
        if value.dtype == np.uint8:
            numbers[id(value)] = len(arrays) - 1
        return {"array": len(arrays) - 1}
    if isinstance(value, tuple):
        return [_pack(item, numbers, arrays) for item in value]
    return _pack_value(value)


def _pack_value(value: Any) -> Any:
    """A label or a constant. JSON has no NaN, no infinities and no numpy scalars."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    return value


def _unpack(value: Any, blocks: list[Block], arrays: list[NDArray[Any]]) -> Any:
    if isinstance(value, list):
        return tuple(_unpack(item, blocks, arrays) for item in value)
    if not isinstance(value, dict):
        return value
    if "block" in value:
        return _at(blocks, value["block"])
    if "enum" in value:
        return _ENUMS[value["enum"]][value["name"]]
    if "float" in value:
        return float(value["float"])
    return _at(arrays, value["array"])
