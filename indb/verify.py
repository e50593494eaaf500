"""Compares what a database computes with the model, and the model with the library that it was read from.

It knows the fitted object only by scikit-learn's method names: predict, predict_proba, decision_function, transform.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from indb.emit import label_text, output_lanes
from indb.engines.deployment import BoundColumn, Deployment, Lane
from indb.errors import BindError, did_you_mean
from indb.evaluate import Values, column_values, decode, evaluate
from indb.golden.frames import awkward_frame
from indb.ir import Model
from indb.runtime.catboost import asked
from indb.runtime.scorer import Scorer

TOLERANCE = 1e-12
"""The largest difference from `evaluate` that a database may have."""

LIBRARY_TOLERANCE = 1e-9
"""The largest difference from the library: its sums may run in another order."""

METHODS = ("predict", "predict_proba", "decision_function", "transform")

Row: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One value that differs: the row's columns, the lane, what was expected and found."""

    row: dict[str, Any]
    lane: str
    expected: Any
    found: Any

    def __str__(self) -> str:
        columns = ", ".join(f"{name} = {value!r}" for name, value in self.row.items())
        return f"{self.lane}: expected {self.expected!r}, found {self.found!r} for {columns}"


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a comparison: rows and values compared, labels that differ, the largest difference of numbers."""

    name: str
    rows: int
    values: int
    label_flips: int
    largest_difference: float
    mismatches: int
    first: Mismatch | None

    @property
    def ok(self) -> bool:
        """Whether every value is as expected."""
        return self.mismatches == 0

    def __str__(self) -> str:
        verdict = "equal" if self.ok else f"{self.mismatches} values differ"
        line = (
            f"{self.name}: {verdict}; {self.rows} rows, {self.values} values, {self.label_flips} label flips, "
            f"largest difference {self.largest_difference:.3g}"
        )
        return line if self.first is None else f"{line}\n  first: {self.first}"


@dataclass(frozen=True, slots=True)
class GoldenRows:
    """Rows of input and what the library gives for them.

    `columns` maps a column to its values. `outputs` maps a method to an array for each target, (n_rows,) for predict,
    else (n_rows, n_lanes). A row that the library refuses holds None.
    """

    columns: dict[str, list[Any]]
    outputs: dict[str, list[list[Any]]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def expected(self, deployment: Deployment) -> list[list[Any]]:
        """The expected values of each lane of a deployment, where the library gives them: a list for each lane."""
        names = [target.name for target in deployment.targets]
        return [self._lane(lane, names.index(lane.target)) for lane in deployment.lanes]

    def _lane(self, lane: Lane, target: int) -> list[Any]:
        output = "predict" if lane.output == "predict_label" else lane.output
        if output not in self.outputs:
            return [NOT_COMPARED] * len(self)
        values = self.outputs[output][target]
        if output == "predict":
            return [_as_lane(value, lane) for value in values]
        return [None if row is None else row[lane.lane] for row in values]


class _NotCompared:
    """Stands where the library has no such output."""

    def __repr__(self) -> str:
        return "not compared"


NOT_COMPARED = _NotCompared()


def _as_lane(value: Any, lane: Lane) -> Any:
    """A label or a number as the lane's type gives it."""
    if value is None:
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if lane.output == "predict_label" or lane.type == "text":
        return label_text(value)
    return value


def golden_rows(model_object: Any, frame: Any, model: Model | None = None, budget: int = 200) -> GoldenRows:
    """Rows and what a fitted estimator gives for them, for `deploy(proof=…)`.

    frame: a DataFrame, or an array when the estimator was fitted on one. A row that the estimator refuses has no
    outputs: the database must give NULL for it. model: what was read from the estimator; at most `budget` rows are
    added on which a model is most likely to be scored wrongly, for a table of doubles, booleans and texts.

    Raises: BindError when the object has none of the methods, or the frame lacks a column of the model.
    """
    model_object = asked(model_object)
    functions = {name: getattr(model_object, name) for name in METHODS if callable(getattr(model_object, name, None))}
    if "predict" in functions:
        functions.pop("transform", None)
    if not functions:
        raise BindError(f"cannot take golden rows: a {type(model_object).__name__} has none of {', '.join(METHODS)}")
    columns = _columns(frame)
    rows = {method: _rowwise(function, frame) for method, function in functions.items()}
    if model is not None:
        more = awkward_frame(model, frame, columns, budget)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # of overflow and unknown values, which are there on purpose
            found = {method: _rowwise(function, more) for method, function in functions.items()}
        kept = [number for number in range(len(more)) if _is_told(found, number)]
        for method, each in rows.items():
            each += [found[method][number] for number in kept]
        added = _columns(more)
        columns = {name: values + [added[name][number] for number in kept] for name, values in columns.items()}
    return GoldenRows(columns, {method: _by_target(each, method) for method, each in rows.items()})


def _is_told(found: Mapping[str, Sequence[Any]], number: int) -> bool:
    """Whether a library says something of a row: it has a label even for one whose scores overflowed, or became NaN."""
    row = {method: rows[number] for method, rows in found.items() if rows[number] is not None}
    if "predict" not in row:
        return True
    parts = [np.asarray(part) for method, each in row.items() if method != "predict" for part in _targets(each)]
    values = np.asarray(row["predict"])
    overflows = any(np.isinf(part).any() for part in (*parts, values) if part.dtype.kind == "f")
    return not overflows and not any(np.isnan(part.astype(np.float64)).any() for part in parts)


def _targets(row: Any) -> tuple[Any, ...]:
    return row if isinstance(row, tuple) else (row,)


def _columns(frame: Any) -> dict[str, list[Any]]:
    if hasattr(frame, "columns"):
        return {str(name): [_plain(value) for value in frame[name]] for name in frame.columns}
    array = np.asarray(frame)
    return {f"x{index}": [_plain(value) for value in array[:, index]] for index in range(array.shape[1])}


def _plain(value: Any) -> Any:
    """A value without its library's type; None for a missing one."""
    if isinstance(value, np.generic):
        value = value.item()
    try:
        return None if value is None or value != value else value
    except TypeError:  # pandas.NA has no truth value
        return None


def _rowwise(function: Callable[[Any], Any], frame: Any) -> list[Any]:
    """What a method gives for each row, None for one that it refuses.

    Rows are tried together and halved where that raises: an estimator refuses a whole frame for one row of it.
    """
    size = len(frame)
    if size == 0:
        return []
    try:
        return _split_rows(function(frame), size)
    except ValueError:
        if size == 1:
            return [None]
    part = frame.iloc if hasattr(frame, "iloc") else frame
    return _rowwise(function, part[: size // 2]) + _rowwise(function, part[size // 2 :])


def _split_rows(result: Any, size: int) -> list[Any]:
    """A result by rows; a list of arrays (predict_proba of several targets) becomes a tuple in each row."""
    if isinstance(result, list):
        return [tuple(part[row] for part in result) for row in range(size)]
    if hasattr(result, "toarray"):
        result = result.toarray()
    return list(np.asarray(result))


def _by_target(rows: list[Any], method: str) -> list[list[Any]]:
    """[target][row] of what `_rowwise` gave."""
    sample: Any = next((row for row in rows if row is not None), None)
    if isinstance(sample, tuple):
        return [[None if row is None else list(row[target]) for row in rows] for target in range(len(sample))]
    if method == "predict" and np.ndim(sample) == 1:
        return [[None if row is None else row[target] for row in rows] for target in range(len(sample))]
    if method == "predict":
        return [rows]
    return [[None if row is None else list(np.atleast_1d(row)) for row in rows]]


def rows_for(columns: Sequence[BoundColumn], proof: GoldenRows) -> list[Row]:
    """The proof rows with the values of the bound columns, in their order.

    Raises: BindError when the proof lacks a column.
    """
    missing = [column.model for column in columns if column.model not in proof.columns]
    if missing:
        raise BindError(
            f"cannot prove the model: column {missing[0]!r} is not in the proof rows",
            did_you_mean(missing[0], proof.columns),
        )
    found = [proof.columns[column.model] for column in columns]
    return list(zip(*found, strict=True)) if found else [()] * len(proof)


def frame_of(
    columns: Sequence[BoundColumn], rows: Sequence[Row], model_object: Any, trained: Sequence[str] = ()
) -> Any:  # fmt: skip
    """Rows of a database as what a fitted estimator takes: a DataFrame if it was fitted with names, else an array.

    Columns that the model does not read are missing in every row. trained: the model's names of the columns in order,
    which an array does not have, and for which a library may have written others.
    """
    names = [str(name) for name in getattr(model_object, "feature_names_in_", ())]
    values = {column.model: [row[index] for row in rows] for index, column in enumerate(columns)}
    if names:
        import pandas as pd

        gap = [None] * len(rows)
        known = trained if len(trained) == len(names) else names
        return pd.DataFrame({name: _series(values.get(each, gap)) for name, each in zip(names, known, strict=True)})
    count = int(getattr(model_object, "n_features_in_", len(columns)))
    array = np.full((len(rows), count), np.nan)
    for index, (name, column) in enumerate(values.items()):
        position = int(name[1:]) if name[:1] == "x" and name[1:].isdigit() else index
        if name in trained:
            position = trained.index(name)
        array[:, position] = [math.nan if value is None else value for value in column]
    return array


def _series(values: list[Any]) -> Any:
    if any(isinstance(value, str) for value in values):
        return np.array(values, dtype=object)
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


def evaluated(model: Model, deployment: Deployment, rows: Sequence[Row]) -> list[list[Any]]:
    """What `evaluate` gives for each lane of a deployment, over rows of its bound columns."""
    bound = {column.model: index for index, column in enumerate(deployment.columns)}
    gap = [None] * len(rows)
    columns: Mapping[str, list[Any]] = {
        column.name: [row[bound[column.name]] for row in rows] if column.name in bound else gap
        for column in model.columns
    }
    results = _results(model, columns, len(rows))
    several = len(model.targets) > 1
    labels = {target.name if several else "": target.labels for target in model.targets}
    values = {target.name if several else "": results[target.name] for target in model.targets}
    known = {(lane.target, lane.output) for lane in output_lanes(model)}
    found: list[list[Any]] = []
    for lane in deployment.lanes:
        output = "predict" if lane.output == "predict_label" else lane.output
        if (lane.target, output) not in known:
            found.append([NOT_COMPARED] * len(rows))
            continue
        array = values[lane.target][output]
        classes = labels[lane.target]
        if output == "predict" and classes is not None:
            found.append([_as_lane(value, lane) for value in decode(classes, array)])
        else:
            found.append([_plain(value) for value in array[:, lane.lane]])
    return found


def told(model: Model, deployment: Deployment, rows: Sequence[Row]) -> list[list[Any]]:
    """What the fitted object of a model gives for each lane, over rows of the bound columns; else what `evaluate` does.

    The library is asked for the rows that `evaluate` says it accepts, at once. Not for those in which a text is
    missing: a database has one NULL where a frame has None, NaN and NA, and estimators tell them apart.
    """
    found = evaluated(model, deployment, rows)
    texts = [index for index, column in enumerate(deployment.columns) if column.kind in ("text", "enum")]
    accepted = [
        number for number, values in enumerate(zip(*found, strict=True))
        if any(map(_is_value, values)) and all(rows[number][index] is not None for index in texts)
    ]  # fmt: skip
    if model.origin is None or model.is_foreign or not accepted:
        return found
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # of what is there on purpose: overflow, unknown categories
            fitted, names = model.origin
            frame = frame_of(deployment.columns, [rows[number] for number in accepted], fitted, names)
            given = golden_rows(fitted, frame).expected(deployment)
    except Exception:  # it may want more of a frame than its values, such as categories: the other judge is left
        return found
    for lane, values in zip(found, given, strict=True):
        for number, value in zip(accepted, values, strict=True):
            if _is_value(_plain(value)) and _is_value(lane[number]):
                lane[number] = value
    return found


def _is_value(value: Any) -> bool:
    return value is not None and value is not NOT_COMPARED


def _results(model: Model, columns: Mapping[str, list[Any]], n_rows: int) -> dict[str, dict[str, Values]]:
    """What `evaluate` gives; a foreign model's meaning is that of its own library, which the runtime calls."""
    if not model.is_foreign:
        return evaluate(model, columns)
    ready = {column.name: column_values(column, columns[column.name]) for column in model.columns}
    return Scorer(model).outputs(ready, n_rows)


def compare_rows(
    deployment: Deployment,
    rows: Sequence[Row],
    found: Sequence[Row],
    expected: Sequence[Sequence[Any]],
    tolerance: float = LIBRARY_TOLERANCE,
) -> Report:
    """Compare what a database gave (a tuple of lanes for each row) with what was expected (a list for each lane)."""
    values = flips = mismatches = 0
    largest = 0.0
    first: Mismatch | None = None
    for position, lane in enumerate(deployment.lanes):
        classes = lane.output in ("predict", "predict_label") and _target_labels(deployment, lane) is not None
        for number, row in enumerate(found):
            wanted, got = expected[position][number], row[position]
            if wanted is NOT_COMPARED:
                continue
            values += 1
            gap = difference(wanted, got)
            if not classes and math.isfinite(gap):
                largest = max(largest, gap)
            if gap <= (0.0 if classes else tolerance):
                continue
            mismatches += 1
            flips += classes
            if first is None:
                names = [column.model for column in deployment.columns]
                first = Mismatch(dict(zip(names, rows[number], strict=True)), _title(deployment, lane), wanted, got)
    return Report(deployment.pinned, len(found), values, flips, largest, mismatches, first)


def _target_labels(deployment: Deployment, lane: Lane) -> tuple[str, ...] | None:
    return next(target.labels for target in deployment.targets if target.name == lane.target)


def _title(deployment: Deployment, lane: Lane) -> str:
    parts = [lane.output, *([lane.target] if lane.target else []), *([repr(lane.label)] if lane.label else [])]
    return " ".join(parts)


def difference(expected: Any, found: Any) -> float:
    """How far two values are apart: relative to the larger one where that is above 1; inf when they do not compare."""
    expected, found = _plain(expected), _plain(found)
    if expected is None or found is None:
        return 0.0 if expected is found else math.inf
    if isinstance(expected, str) or isinstance(found, str):
        return 0.0 if expected == found else math.inf
    if expected == found:
        return 0.0
    gap = abs(float(expected) - float(found)) / max(1.0, abs(float(expected)), abs(float(found)))
    return gap if not math.isnan(gap) else math.inf
