"""What a .pt2 file of torch.export holds: operators on tensors, as JSON, and the tensors beside it.

torch.export.load runs code that a file holds: it unpickles the example inputs and whatever says that it is pickled,
gives expressions of sizes to sympy, which evaluates them as Python, and executes a graph's guards. So it is not used
here. The graph is read as data, and only operators of ATen run it, see pt2.py. What is kept of a file is its graph and
its tensors, without the pickles.

Source: torch/_export/serde/schema.py, torch/export/pt2_archive/constants.py.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from indb.runtime.archives import Archive, packed
from indb.runtime.tensors import Tensor

SCHEMA = 8
"""The major version of the schema that is read."""

SCALARS = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64", 12: "bool",
    13: "bfloat16",
}  # fmt: skip
"""ScalarType -> the name of its type in torch."""

BYTES = {"uint8": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8, "float16": 2, "float32": 4, "float64": 8,
         "bool": 1, "bfloat16": 2}  # fmt: skip

FOLDERS = {"parameter": "weights", "buffer": "weights", "tensor_constant": "constants"}
"""What an input of the graph is -> the folder of its value."""

NAMED = {"parameter": "parameter_name", "buffer": "buffer_name", "tensor_constant": "tensor_constant_name"}


@dataclass(frozen=True, slots=True)
class Constant:
    """A tensor of the file: its bytes, and where its elements lie in them."""

    kind: str
    data: bytes
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Node:
    """A step: "namespace.name.overload", its arguments by name ((name, value, by position)), and what it gives."""

    target: str
    inputs: tuple[tuple[str, Any, bool], ...]
    outputs: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """A graph: constants by the names of tensors, what it takes and gives, for how many rows (None: any)."""

    version: str
    constants: dict[str, Constant]
    inputs: tuple[Tensor, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    n_rows: int | None


def parse(data: bytes) -> tuple[Program, bytes]:
    """The program of a file, and the archive of what is kept of it.

    Raises: ValueError when the bytes are no such file, or it holds what is not run here.
    """
    archive = Archive(data)
    if archive.part("archive_format") != b"pt2":
        raise ValueError("it does not say that it is a .pt2 archive")
    models = [name for name in archive if name.startswith("models/")]
    compiled = [name for name in archive if name.startswith("data/aotinductor/")]
    if compiled or len(models) != 1 or not models[0].endswith(".json"):
        raise ValueError(f"it holds {len(models)} graphs and {len(compiled)} compiled parts, needed one graph")
    name = models[0].removeprefix("models/").removesuffix(".json")
    kept = {"archive_format": b"pt2", models[0]: archive[models[0]]}
    found = archive.document(models[0])
    try:
        stored = {folder: _stored(archive, folder, name, kept) for folder in ("weights", "constants")}
        return _program(found, stored), packed(kept)
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"its graph has another form than that of torch.export ({error!r})") from error


def _stored(archive: Archive, folder: str, name: str, kept: dict[str, bytes]) -> dict[str, Constant]:
    """The tensors of a folder; what is kept of it is added to `kept`."""
    listing = f"data/{folder}/{name}_{folder}_config.json"
    kept[listing] = archive.part(listing)
    found = {}
    for full, entry in archive.document(listing)["config"].items():
        if entry["use_pickle"] or entry["tensor_meta"] is None:
            raise ValueError(f"its tensor {full!r} is a pickle, which would run code that it holds")
        path = f"data/{folder}/{entry['path_name']}"
        kept[path] = archive.part(path)
        found[full] = _constant(full, entry["tensor_meta"], kept[path])
    return found


def _constant(name: str, meta: dict[str, Any], data: bytes) -> Constant:
    kind = SCALARS.get(meta["dtype"])
    shape, strides = (tuple(_integer(size) for size in meta[field]) for field in ("sizes", "strides"))
    offset = _integer(meta["storage_offset"])
    if kind is None or meta["layout"] != 7 or meta["device"]["type"] != "cpu":
        raise ValueError(f"its tensor {name!r} is of type {meta['dtype']}, layout {meta['layout']} on {meta['device']}")
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if math.prod(shape) and (min(*strides, offset, 0) < 0 or (last + 1) * BYTES[kind] > len(data)):
        raise ValueError(f"its tensor {name!r} of the shape {shape} has only {len(data)} bytes")
    return Constant(kind, data, shape, strides, offset)


def _integer(value: dict[str, Any]) -> int:
    found = value["as_int"]
    if type(found) is not int or not 0 <= found < 1 << 62:
        raise ValueError(f"it has the size {found!r}")
    return found


def _program(found: dict[str, Any], stored: dict[str, dict[str, Constant]]) -> Program:
    version = found["schema_version"]
    if version["major"] != SCHEMA:
        raise ValueError(f"its schema has the version {version['major']}, needed {SCHEMA}: export it again")
    graph, signature = found["graph_module"]["graph"], found["graph_module"]["signature"]
    constants, inputs, rows = {}, [], set()
    for spec in signature["input_specs"]:
        ((kind, what),) = spec.items()
        if kind == "user_input" and set(what["arg"]) == {"as_tensor"}:
            tensor, n_rows = _input(what["arg"]["as_tensor"]["name"], graph["tensor_values"])
            inputs.append(tensor)
            rows.add(n_rows)
        elif kind in FOLDERS:
            full = what[NAMED[kind]]
            if full not in stored[FOLDERS[kind]]:
                raise ValueError(f"its tensor {full!r} has no value")
            constants[what["arg"]["name"]] = stored[FOLDERS[kind]][full]
        else:
            raise ValueError(f"its graph takes a {kind} ({', '.join(what['arg'])}), needed tensors")
    outputs = []
    for spec in signature["output_specs"]:
        ((kind, what),) = spec.items()
        if kind != "user_output" or set(what["arg"]) != {"as_tensor"}:
            raise ValueError(f"its graph gives a {kind}, needed tensors that nothing remembers")
        outputs.append(what["arg"]["as_tensor"]["name"])
    if not inputs or not outputs or len(rows) != 1:
        raise ValueError(f"its graph takes {len(inputs)} tensors of {rows} rows and gives {len(outputs)}")
    nodes = tuple(_node(node) for node in graph["nodes"])
    return Program(str(found.get("torch_version", "")), constants, tuple(inputs), nodes, tuple(outputs), rows.pop())


def _input(name: str, values: dict[str, Any]) -> tuple[Tensor, int | None]:
    """An input of the graph and how many rows it takes. Raises: ValueError for one that no table has."""
    meta = values[name]
    kind = SCALARS.get(meta["dtype"], "")
    if kind in ("", "bfloat16") or not meta["sizes"]:
        raise ValueError(f"its input {name!r} is of type {meta['dtype']}, needed numbers of shape [n, k]")
    sizes = tuple(None if "as_expr" in size else _integer(size) for size in meta["sizes"])
    return Tensor(name, kind, sizes[1:]), sizes[0]


TARGET = re.compile(r"torch\.ops\.(aten\.[a-zA-Z_][a-zA-Z0-9_]*\.[a-zA-Z_][a-zA-Z0-9_]*)|(_operator\.[a-z]+)")


def _node(node: dict[str, Any]) -> Node:
    match = TARGET.fullmatch(node["target"])
    if match is None:
        raise ValueError(f"it uses the operator {node['target']!r}, needed those of torch.ops.aten")
    inputs = []
    for each in node["inputs"]:
        ((kind, value),) = each["arg"].items()
        inputs.append((str(each["name"]), (kind, value), each.get("kind") != 2))
    outputs = []
    for each in node["outputs"]:
        ((kind, value),) = each.items()
        outputs.append((kind, value))
    return Node(match[1] or match[2], tuple(inputs), tuple(outputs))
