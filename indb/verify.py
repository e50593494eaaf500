"""Compares what a database computes with the model, and the model with the library that it was read from.

It knows the fitted object only by scikit-learn's method names: predict, predict_proba, decision_function, transform.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from indb.emit import label_text, output_lanes
from indb.engines.deployment import BoundColumn, Deployment, Lane
from indb.errors import BindError, VerifyError, did_you_mean
from indb.evaluate import Values, column_values, decode, evaluate
from indb.golden.frames import awkward_frame
from indb.golden.reports import LIBRARY_TOLERANCE, NOT_COMPARED, Report, Row, compare_rows, difference, plain
from indb.ir import Model, Op, walk
from indb.runtime.asked import asked
from indb.runtime.scorer import Scorer

__all__ = [
    "LIBRARY_TOLERANCE",
    "NOT_COMPARED",
    "TOLERANCE",
    "GoldenRows",
    "Report",
    "Row",
    "compare_rows",
    "difference",
    "evaluated",
    "frame_of",
    "golden_rows",
    "library_tolerance",
    "rows_for",
    "settled",
    "told",
]

TOLERANCE = 1e-12
"""The largest difference from `evaluate` that a database may have."""

SINGLE_TOLERANCE = 1e-6
"""The same where the library computes in float32, and its exponential is not the one of float64 rounded."""

METHODS = ("predict", "predict_proba", "decision_function", "transform")


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


def _as_lane(value: Any, lane: Lane) -> Any:
    """A label or a number as the lane's type gives it."""
    if value is None:
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if lane.output == "predict_label" or lane.type == "text":
        return label_text(value)
    return value


WITHOUT_OBJECTS = frozenset({"lightgbm", "xgboost"})
"""Packages whose models take no columns of objects: texts only as categories, a missing boolean only as a number."""


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
        objects = type(model_object).__module__.split(".")[0] not in WITHOUT_OBJECTS
        more = awkward_frame(model, frame, columns, budget, objects)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # of overflow and unknown values, which are there on purpose
            found = {method: _rowwise(function, more) for method, function in functions.items()}
        kept = [number for number in range(len(more)) if _is_told(found, number)]
        for method, each in rows.items():
            each += [found[method][number] for number in kept]
        added = _columns(more)
        columns = {name: values + [added[name][number] for number in kept] for name, values in columns.items()}
    labels = next((np.size(row) for row in rows.get("predict", ()) if row is not None), 1)
    return GoldenRows(columns, {method: _by_target(each, method, labels) for method, each in rows.items()})


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
        return {str(name): [plain(value) for value in frame[name]] for name in frame.columns}
    array = np.asarray(frame)
    return {f"x{index}": [plain(value) for value in array[:, index]] for index in range(array.shape[1])}


def _rowwise(function: Callable[[Any], Any], frame: Any) -> list[Any]:
    """What a method gives for each row, None for one that it refuses.

    Rows are tried together and halved where that raises: an estimator refuses a whole frame for one row of it.
    """
    size = len(frame)
    if size == 0:
        return []
    try:
        return _split_rows(function(frame), size)
    except (ValueError, IndexError):  # the second one for a category beyond those of training
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


def _by_target(rows: list[Any], method: str, labels: int) -> list[list[Any]]:
    """[target][row] of what `_rowwise` gave; `labels` are predicted for each row."""
    sample: Any = next((row for row in rows if row is not None), None)
    if isinstance(sample, tuple):
        return [[None if row is None else list(row[target]) for row in rows] for target in range(len(sample))]
    if method == "predict" and np.ndim(sample) == 1:
        return [[None if row is None else row[target] for row in rows] for target in range(len(sample))]
    if method == "predict":
        return [rows]
    if labels > 1:  # each label is there or not: it has one decision, and the probability that it is there
        two = method == "predict_proba"
        return [
            [None if row is None else [1 - row[label], row[label]] if two else [row[label]] for row in rows]
            for label in range(labels)
        ]
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
    model_object = asked(model_object)
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


def library_rows(model_object: Any, frame: Any) -> GoldenRows:
    """`golden_rows` of a table's rows.

    Raises: VerifyError where the library takes more of a frame than a table holds, such as pandas' categories.
    """
    try:
        return golden_rows(model_object, frame)
    except TypeError as error:
        raise VerifyError(
            f"cannot compare with the {type(model_object).__name__}: it does not take the table's rows ({error})",
            "Hand in rows as it was trained with them: deploy(…, proof=indb.golden_rows(model_object, frame)).",
        ) from error


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
            found.append([plain(value) for value in array[:, lane.lane]])
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
            given = settled(model, deployment, [rows[number] for number in accepted], given)
    except Exception:  # it may want more of a frame than its values, such as categories: the other judge is left
        return found
    for place, number in enumerate(accepted):
        values = [plain(lane[place]) for lane in given]
        if None in values:  # it has a label even for a row whose probabilities it lost as NaN
            continue
        for lane, value in zip(found, values, strict=True):
            if _is_value(value) and _is_value(lane[number]):
                lane[number] = value
    return found


def library_tolerance(model: Model) -> float:
    """The largest difference that numbers may have from those of the library."""
    for block in walk(model.roots()):
        if getattr(block, "single", False) or getattr(block, "op", None) is Op.SINGLE:
            return SINGLE_TOLERANCE
    return LIBRARY_TOLERANCE


def settled(
    model: Model, deployment: Deployment, rows: Sequence[Row], given: Sequence[Sequence[Any]]
) -> list[list[Any]]:
    """What a library gives for each lane; of one that computes in float32, what `evaluate` does where it is as near.

    Golden rows are compared as those of float64 wherever they are kept, and float32 has the last word on no digit.
    """
    room = library_tolerance(model)
    if room == LIBRARY_TOLERANCE:
        return [list(lane) for lane in given]
    own = evaluated(model, deployment, rows)
    return [
        [mine if value is not NOT_COMPARED and difference(value, mine) <= room else plain(value)
         for value, mine in zip(lane, ours, strict=True)]
        for lane, ours in zip(given, own, strict=True)
    ]  # fmt: skip


def _is_value(value: Any) -> bool:
    return value is not None and value is not NOT_COMPARED


def _results(model: Model, columns: Mapping[str, list[Any]], n_rows: int) -> dict[str, dict[str, Values]]:
    """What `evaluate` gives; a foreign model's meaning is that of its own library, which the runtime calls."""
    if not model.is_foreign:
        return evaluate(model, columns)
    ready = {column.name: column_values(column, columns[column.name]) for column in model.columns}
    return Scorer(model).outputs(ready, n_rows)
