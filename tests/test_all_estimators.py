"""A walk over every estimator of scikit-learn: a model that gives what the library gives, or an error that names it."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from rows import awkward_rows
from test_oracle import assert_outputs, library_input, library_outputs, linear_slack, quiet, says_nothing
from walk import CLASSES, Walked, walked

from indb.evaluate import Values, column_values, decode, evaluate
from indb.ir import Model, Target, Type, model_of
from indb.runtime.scorer import Scorer

ROWS = 40
"""How many rows are compared, besides those with awkward values."""

ASKED = 4
"""How many of the rows that score nothing are shown to the library one by one."""

TOGETHER = 6
"""How many rows are scored alone too, where a library runs."""

HUGE = 1e9
"""Rows with larger values may be left missing where a library goes on: sums overflow, angles lose all their digits."""

REFUSALS = (ValueError, IndexError)
"""What a library raises for a row that it does not take; the second one by a slip, for a code that it never saw."""

Outputs = dict[str, dict[str, Values]]


def outputs(model: Model, scorer: Scorer, rows: pd.DataFrame) -> Outputs:
    """What a model gives: as it is defined, or by the library that it holds."""
    if not model.is_foreign:
        return evaluate(model, {name: rows[name].to_numpy() for name in rows.columns})
    ready = {column.name: column_values(column, rows[column.name].tolist()) for column in model.columns}
    return scorer.outputs(ready, len(rows))


def given(found: Walked, rows: pd.DataFrame) -> Any:
    """Rows as the estimator takes them: a table, an array, or the values of a single column."""
    if len(rows.columns) == 1 and not hasattr(found.estimator, "n_features_in_"):
        values = [np.nan if value is None else value for value in rows.iloc[:, 0]]
        return np.array(values, dtype=rows.dtypes.iloc[0])
    made = library_input(found.estimator, rows, found.frame)
    return np.ascontiguousarray(made) if isinstance(made, np.ndarray) else made


def library(found: Walked, rows: pd.DataFrame, targets: tuple[Target, ...]) -> dict[tuple[str, str], Any]:
    """What the library gives for rows."""
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return library_outputs(found.estimator, given(found, rows), targets)


def is_refused(found: Walked, row: pd.DataFrame, targets: tuple[Target, ...]) -> bool:
    """Whether the library raises an error for a row, or gives nothing but NaN for it."""
    try:
        values = library(found, row, targets)
    except REFUSALS:
        return True
    floats = all(each.dtype.kind == "f" for each in values.values())
    return says_nothing(values) and (floats or any(method == "predict_proba" for _, method in values))


def slacks(model: Model, rows: pd.DataFrame) -> NDArray[np.float64]:
    """How far linear steps may be off by rounding in each row."""
    columns = {name: rows[name].to_numpy() for name in rows.columns}
    return np.zeros(len(rows)) if model.is_foreign else linear_slack(model, columns)


def check(found: Walked, model: Model, rows: pd.DataFrame) -> None:
    """Hold a model to its library on rows of its columns; methods of one estimator may take different rows."""
    scorer = Scorer(model)
    ours = outputs(model, scorer, rows)
    numeric = [column.name for column in model.columns if column.kind is Type.NUMBER]
    huge = (np.isfinite(rows[numeric]) & (rows[numeric].abs() > HUGE)).any(axis=1).to_numpy()
    for methods in (
        [[method] for method in model.targets[0].outputs] if model.is_foreign else [model.targets[0].outputs]
    ):
        targets = tuple(part_of(target, methods) for target in model.targets)
        part = model_of(model.columns, targets, model.source)
        everything = [ours[target.name][method] for target in targets for method in methods]
        scored = ~np.isnan(np.concatenate(everything, axis=1)).all(axis=1)
        assert scored.sum() >= ROWS // 2, "too few rows are scored for the test to say anything"
        unscored = np.flatnonzero(~scored & ~huge)
        for row in unscored[:: 1 + len(unscored) // ASKED].tolist():
            assert is_refused(found, rows.iloc[[row]], targets), f"it scores {rows.iloc[row].tolist()}"
        kept = rows[scored].reset_index(drop=True)
        mine = outputs(model, scorer, kept)
        theirs = library(found, kept, targets)
        settle(found, mine, theirs, kept, targets)
        assert_outputs(part, mine, theirs, slacks(part, kept), float32=False)
        if model.is_foreign:
            alone = [outputs(model, scorer, kept[row : row + 1]) for row in range(TOGETHER)]
            check_alone(mine, alone, targets)


def settle(found: Walked, mine: Outputs, theirs: dict[tuple[str, str], Any], rows: pd.DataFrame, targets: Any) -> None:
    """Ask for a row alone where a label differs: a far row's depends on how an array lies in memory."""
    for target in targets:
        if target.labels is None or "predict" not in target.outputs:
            continue
        labels = decode(target.labels, mine[target.name]["predict"])
        given = theirs[target.name, "predict"]
        for row in [row for row, pair in enumerate(zip(labels, given.tolist(), strict=True)) if pair[0] != pair[1]]:
            given[row] = library(found, rows.iloc[[row]], targets)[target.name, "predict"][0]


def part_of(target: Target, methods: Iterable[str]) -> Target:
    """A target with some of its outputs."""
    return Target(
        target.name,
        {method: target.outputs[method] for method in methods},
        target.labels if "predict" in methods else None,
    )


def check_alone(together: Outputs, alone: list[Outputs], targets: tuple[Target, ...]) -> None:
    """Rows give the same alone as beside others. Some libraries compute in float32, and break ties by rounding."""
    for target in targets:
        for method in target.outputs:
            values = np.concatenate([each[target.name][method] for each in alone])
            same = np.isclose(together[target.name][method][:TOGETHER], values, 1e-5, 1e-12, equal_nan=True).all(axis=1)
            assert same.sum() > TOGETHER // 2, f"{target.name} {method} depends on the rows of a batch"


@pytest.mark.parametrize("name", CLASSES)
def test_it_is_exact_or_refused_by_name(name: str) -> None:
    found = walked(name)
    if found.model is None:
        assert str(found.refusal).startswith(f"cannot read {name}: ")
        return
    names = [column.name for column in found.model.columns]
    assert names == [name for name in found.frame.columns if name in names]
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    check(found, found.model, awkward_rows(found.model, found.frame, rng, limit=ROWS))
