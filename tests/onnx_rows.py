"""ONNX graphs on rows: what ONNX Runtime gives, what `evaluate` gives, and what SQL gives on an engine."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper

import indb
from indb.emit import literal, output_lanes, quote
from indb.evaluate import decode, evaluate
from indb.ir import Model, Type
from indb.passes import optimise
from indb.readers import onnx as reader
from indb.readers.base import File

Array: TypeAlias = NDArray[Any]
Feed: TypeAlias = Mapping[str, Array]

TYPES: dict[Any, int] = {
    np.dtype(np.float32): TensorProto.FLOAT,
    np.dtype(np.float64): TensorProto.DOUBLE,
    np.dtype(np.int64): TensorProto.INT64,
    np.dtype(np.int32): TensorProto.INT32,
    np.dtype(np.bool_): TensorProto.BOOL,
    np.dtype(object): TensorProto.STRING,
}
ML = "ai.onnx.ml"


def node_model(
    kind: str, feed: Feed, outputs: Mapping[str, int], domain: str = ML, version: int = 3, **attributes: Any
) -> Any:
    """A model of one node. Its inputs are those of the feed, with any number of rows."""
    node = helper.make_node(kind, list(feed), list(outputs), domain=domain, **attributes)
    inputs = [
        helper.make_tensor_value_info(name, TYPES[array.dtype], [None, *array.shape[1:]])
        for name, array in feed.items()
    ]
    results = [helper.make_tensor_value_info(name, type_, None) for name, type_ in outputs.items()]
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(ML, version)]
    return helper.make_model(helper.make_graph([node], "test", inputs, results), opset_imports=opsets, ir_version=9)


def session(proto: Any) -> Any:
    """ONNX Runtime's session of a model, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


def runtime(proto: Any, feed: Feed) -> dict[str, Any]:
    """What ONNX Runtime gives for each output."""
    found = session(proto)
    names = [entry.name for entry in found.get_outputs()]
    return dict(zip(names, found.run(None, dict(feed)), strict=True))


def read(proto: Any, columns: Sequence[str] | None = None) -> Model:
    """The model that indb reads from the file of a ModelProto."""
    return reader.read(File("test.onnx", proto.SerializeToString(), Path()), columns)


def columns_of(model: Model, feed: Feed) -> dict[str, Array]:
    """The columns of a model from the tensors of a feed: an element of a row is a column, in order.

    Tensors of as many rows as the table has are divided along their first axis.
    """
    n_rows = max((array.shape[0] for array in feed.values()), default=1)
    flat = [array.reshape(n_rows, -1) for array in feed.values()]
    lanes = [array[:, lane] for array in flat for lane in range(array.shape[1])]
    found: dict[str, Array] = {}
    for column, values in zip(model.columns, lanes, strict=True):
        found[column.name] = values if column.kind is Type.TEXT else values.astype(np.float64)
    return found


Results: TypeAlias = dict[str, dict[str, Array]]


def in_sql(run: Any, dialect: str, model: Model, columns: Mapping[str, Array]) -> Results:
    """What the SELECT of `to_sql` gives on an engine, in the form of `evaluate`: NaN for NULL, labels as numbers."""
    n_rows = len(next(iter(columns.values())))
    double = {"duckdb": "double", "postgres": "double precision"}[dialect]
    kinds = {column.name: "text" if column.kind is Type.TEXT else double for column in model.columns}
    fields = ", ".join(f"{quote(dialect, name)} {kind}" for name, kind in kinds.items())
    run("DROP TABLE IF EXISTS onnx_rows")
    run(f"CREATE TEMP TABLE onnx_rows (row_number integer, {fields})")
    mark = {"duckdb": "?", "postgres": "%s"}[dialect]
    values = [list(range(n_rows)), *([None if v != v else v for v in columns[name].tolist()] for name in kinds)]
    if n_rows == 1:  # many arrays side by side are slow
        run(f"INSERT INTO onnx_rows VALUES ({', '.join([mark] * len(values))})", [value for (value,) in values])
    else:
        places = ", ".join(f"unnest({mark}::{kind}[])" for kind in ("integer", *kinds.values()))
        run(f"INSERT INTO onnx_rows SELECT {places}", values)
    names = list(dict.fromkeys(name for target in model.targets for name in target.outputs))
    rows = run(indb.to_sql(model, dialect, "onnx_rows", "row_number", names)).fetchall()
    rows.sort(key=lambda row: row[0])
    labels = {target.name: target.labels for target in model.targets}
    found: dict[str, dict[str, list[Any]]] = {}
    for place, lane in enumerate(output_lanes(optimise(model.in_sql))):
        name = lane.target if len(model.targets) > 1 else model.targets[0].name
        known = labels[name] if lane.output == "predict" else None
        column = [_number(row[place + 1], known) for row in rows]
        found.setdefault(name, {}).setdefault(lane.output, []).append(column)
    return {name: {output: np.array(lanes).T for output, lanes in each.items()} for name, each in found.items()}


def _number(value: Any, labels: Sequence[Any] | None) -> float:
    if value is None:
        return math.nan
    return float(value if labels is None else labels.index(value))


def evaluated(model: Model, columns: Mapping[str, Array]) -> Results:
    """What `evaluate` gives."""
    return evaluate(model, columns)


def by_output(model: Model, found: Results, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The results under the names of the graph's outputs: a list of labels, or an array (n_rows, width)."""
    left = list(wanted)
    named: dict[str, Any] = {}
    for target in model.targets:
        results = dict(found[target.name])
        if target.name in wanted:
            own = target.name
        else:
            own = next((name for name in left if _is_label(name, wanted[name])), left[0])
        left.remove(own)
        values = results.pop("predict" if "predict" in results else "transform")
        named[own] = values if target.labels is None else decode(target.labels, values)
        for name, values in results.items():
            assert name == "predict_proba"
            other = next(each for each in left if not _is_label(each, wanted[each]))
            left.remove(other)
            named[other] = values
    assert not left
    return named


def _is_label(name: str, values: Any) -> bool:
    return "label" in name or (isinstance(values, np.ndarray) and values.dtype == object)


def rows_of(values: Any, n_rows: int) -> Any:
    """An output of ONNX Runtime as rows: maps by their values, labels as a list, numbers as (n_rows, width)."""
    if isinstance(values, list):
        return np.array([list(each.values()) for each in values], dtype=np.float64)
    if values.dtype == object:
        return values.reshape(n_rows, -1)[:, 0].tolist()
    return values.reshape(n_rows, -1).astype(np.float64)


def assert_alike(found: Any, wanted: Any, what: str, tolerance: float = 1e-6, slack: Any = 0.0) -> None:
    """Labels are equal; numbers are within the tolerance of the largest number of their row, infinities the same."""
    if isinstance(found, list) or isinstance(wanted, list):
        if isinstance(wanted, np.ndarray):
            wanted = wanted[:, 0].tolist()
        assert found == wanted, what
        return
    assert found.shape == wanted.shape, f"{what}: {found.shape}, wanted {wanted.shape}"
    same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    with np.errstate(invalid="ignore", over="ignore"):
        finite = np.isfinite(found) & np.isfinite(wanted)
        size = np.where(np.isfinite(wanted), np.abs(wanted), 0.0).max(axis=1, keepdims=True)
        near = finite & (np.abs(found - wanted) <= tolerance * size + slack)
    wrong = np.flatnonzero(~(same | near).all(axis=1))
    assert not len(wrong), f"{what}, row {wrong[0]}: {found[wrong[0]]}, wanted {wanted[wrong[0]]}"


def quoted(dialect: str, text: str) -> str:
    """A text as a literal."""
    return literal(dialect, text)


def constants(proto: Any, values: Mapping[str, Array]) -> Any:
    """The model with some of its inputs as constants."""
    found = onnx.ModelProto()
    found.CopyFrom(proto)
    kept = [entry for entry in found.graph.input if entry.name not in values]
    del found.graph.input[:]
    found.graph.input.extend(kept)
    found.graph.initializer.extend(onnx.numpy_helper.from_array(array, name) for name, array in values.items())
    return found
