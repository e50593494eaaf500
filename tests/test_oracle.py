"""The oracle: `evaluate` against the library, for every model of the zoo, on the rows that are likeliest to differ.

Each row is held to what the library does with that row alone: where it raises ValueError, every output is missing;
else labels are equal, numbers agree to 1e-12 (1e-6 where the library computes in
float32), and what trees alone compute is equal to the last bit.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import pytest
from agreement import is_exact
from numpy.typing import NDArray
from picks import SAMPLE, marked
from rows import awkward_rows
from zoo import FLOAT32, OPEN, OUTPUTS, THREADS, ZOO
from zoo.cases import EXPANDS, Outputs

from indb import build
from indb.evaluate import Values, decode, evaluate
from indb.ir import Apply, Block, Concat, Distance, Linear, Model, Op, Reduce, ReduceOp, Take, Target, walk
from indb.readers import read

METHODS = ("predict", "predict_proba", "decision_function", "transform")


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings that scikit-learn gives for the rows of this test: overflow and unknown categories."""
    with warnings.catch_warnings(), np.errstate(all="ignore"), THREADS.limit(limits=1):
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.filterwarnings("ignore", "Found unknown categories", UserWarning)
        warnings.filterwarnings("ignore", "One or more samples have no neighbors", UserWarning)
        yield


def library_input(estimator: Any, rows: pd.DataFrame, frame: pd.DataFrame) -> Any:
    """The rows as scikit-learn takes them: with the missing text of the training frame, or as a plain array.

    A column that the model does not read holds what it held in training.
    """
    if len(rows.columns) < len(frame.columns):
        unread = frame.iloc[np.arange(len(rows)) % len(frame)].set_axis(rows.index)
        rows = unread.assign(**{name: rows[name] for name in rows.columns})
    if not hasattr(estimator, "feature_names_in_"):
        return rows.to_numpy()
    given = rows.copy()
    for name in rows.columns:
        if rows[name].dtype == object and not any(value is None for value in frame[name].tolist()):
            texts = [np.nan if value is None else value for value in rows[name].tolist()]
            given[name] = pd.Series(texts, dtype=object, index=rows.index)
    return given


def library_outputs(
    estimator: Any, given: Any, targets: tuple[Target, ...], asked: Outputs | None = None
) -> dict[tuple[str, str], Any]:
    """What scikit-learn computes for the outputs of the targets, each (n_rows,) or (n_rows, width).

    asked: how a library with other methods is asked. Raises: ValueError where the library refuses a row.
    """
    found: dict[tuple[str, str], Any] = {}
    results = asked(estimator, given) if asked else {}
    for method in METHODS:
        if not any(method in target.outputs for target in targets):
            continue
        result = results[method] if asked else getattr(estimator, method)(given)
        for number, target in enumerate(targets):
            if len(targets) == 1:
                found[target.name, method] = result.toarray() if hasattr(result, "toarray") else np.asarray(result)
            else:
                found[target.name, method] = result[number] if isinstance(result, list) else result[:, number]
    return found


def refused(estimator: Any, given: Any, row: int, targets: tuple[Target, ...], asked: Outputs | None) -> bool:
    """Whether scikit-learn raises ValueError for this row alone, or computes nothing but NaN for it."""
    one = given[[row]] if isinstance(given, np.ndarray) else given.iloc[[row]]
    try:
        outputs = library_outputs(estimator, one, targets, asked)
    except ValueError:
        return True
    return says_nothing(outputs)


def says_nothing(outputs: dict[tuple[str, str], Any]) -> bool:
    """Whether what the library gives for a row is NaN; with NaN for probabilities its label is that of no class."""
    proba = [values for (_, method), values in outputs.items() if method == "predict_proba"]
    return any(np.isnan(values).any() for values in proba) or all(
        np.isnan(values).any() for values in outputs.values() if values.dtype.kind == "f"
    )


def linear_slack(model: Model, columns: dict[str, Any]) -> NDArray[np.float64]:
    """How much linear steps and distances may be off by rounding: 4e-15 of the sum of their terms' sizes, (n_rows,)."""
    outputs: dict[str, Block] = {}
    for block in walk(model.roots()):
        if isinstance(block, Linear):
            size = build.linear(Apply(Op.ABS, (block.x,)), np.abs(block.weight), np.abs(block.bias))
            outputs[str(len(outputs))] = Reduce(ReduceOp.MAX, size)
        elif isinstance(block, Distance):
            far = Distance(Apply(Op.ABS, (block.x,)), -np.abs(block.points), block.metric)
            outputs[str(len(outputs))] = Reduce(ReduceOp.MAX, far)
    rows = len(next(iter(columns.values())))
    if not outputs:
        return np.zeros(rows)
    sizes = evaluate(Model(model.columns, (Target("", outputs),)), columns)[""]
    with np.errstate(over="ignore"):
        total: NDArray[np.float64] = 4e-15 * sum((values[:, 0] for values in sizes.values()), np.zeros(rows))
    return total


def expansion_slack(rows: pd.DataFrame) -> NDArray[np.float64]:
    """Infinite for rows whose squares overflow, (n_rows,)."""
    found: NDArray[np.float64] = np.abs(rows.to_numpy(dtype=np.float64)).max(axis=1)
    return np.where(found > 1e150, np.inf, 0.0)


def assert_numbers(
    ours: Values, theirs: Any, exact: bool, slack: NDArray[np.float64], what: str, float32: bool = False
) -> None:
    """Numbers agree: to the last bit, or to 1e-12 and the slack; NaN where the other one is NaN.

    A library that computes in float32 rounds the last bits of 1 in 1 - p: 1e-6 of a row's largest number.
    """
    theirs = np.asarray(theirs, dtype=np.float64).reshape(len(ours), -1)
    assert ours.shape == theirs.shape, what
    if exact:
        np.testing.assert_array_equal(ours, theirs, err_msg=what)
        return
    slack = slack.reshape(-1, 1)
    with np.errstate(invalid="ignore", over="ignore"):
        rounded = 1e-6 * np.abs(theirs).max(axis=1, keepdims=True) if float32 else 0.0
        room = (
            1e-15 + slack + rounded + (1e-12 + np.minimum(slack, 1.0)) * np.abs(theirs)
        )  # exp() makes an error relative
        agree = (ours == theirs) | (np.abs(ours - theirs) <= room) | (np.isnan(ours) & np.isnan(theirs))
    agree |= ~np.isfinite(room)  # partial sums overflow: the result depends on the order of the terms
    bad = np.argwhere(~agree)
    assert len(bad) == 0, f"{what}: {len(bad)} differ, at {bad[:5].tolist()}: {ours[~agree][:5]}, {theirs[~agree][:5]}"


def assert_labels(target: Target, ours: Values, theirs: Any, defined: NDArray[np.bool_], what: str) -> None:
    """Labels are equal, in value and in Python type, on rows whose margins are numbers."""
    assert target.labels is not None
    found = decode(target.labels, ours)
    for row, (label, wanted) in enumerate(zip(found, theirs.tolist(), strict=True)):
        if defined[row]:
            assert (type(label), label) == (type(wanted), wanted), f"{what} row {row}: {label!r} for {wanted!r}"


def assert_outputs(
    model: Model, ours: dict[str, dict[str, Values]], theirs: Any, slack: NDArray[np.float64], float32: bool
) -> None:
    """Every output agrees on rows that the library scores; `float32`: it computes in that."""
    for target in model.targets:
        defined = np.isfinite(slack)
        for method, block in target.outputs.items():
            if method == "predict" and target.labels is not None:
                continue
            values = np.asarray(theirs[target.name, method], dtype=np.float64).reshape(len(slack), -1)
            defined &= ~np.isnan(values).any(axis=1)
            exact = is_exact(block) and not float32
            what = f"{target.name} {method}"
            assert_numbers(ours[target.name][method], values, exact, slack, what, float32)
        if target.labels is not None:
            what = f"{target.name} label"
            assert_labels(target, ours[target.name]["predict"], theirs[target.name, "predict"], defined, what)


@pytest.mark.parametrize("name", marked(quick=SAMPLE))
def test_evaluate_equals_scikit_learn(name: str) -> None:
    estimator, frame = ZOO[name]()
    model = read(estimator).in_sql
    asked = OUTPUTS.get(name)
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    rows = awkward_rows(model, frame, rng)
    columns = {column: rows[column].to_numpy() for column in rows.columns}
    ours = evaluate(model, columns)
    everything = np.concatenate([values for target in ours.values() for values in target.values()], axis=1)
    scored = ~np.isnan(everything).all(axis=1)
    assert scored.sum() >= 30, "too few rows are scored for the test to say anything"
    with quiet():
        given = library_input(estimator, rows, frame)
        slack = linear_slack(model, columns) + (expansion_slack(rows) if name in EXPANDS else 0.0)
        overflows = np.isposinf(slack) & ~np.isinf(rows.select_dtypes("float")).any(axis=1).to_numpy()
        for row in np.flatnonzero(~scored & ~overflows).tolist() if name not in OPEN else ():
            values = rows.iloc[row].tolist()
            assert refused(estimator, given, row, model.targets, asked), f"scikit-learn scores row {row}: {values}"
        if name in EXPANDS:
            scored &= np.isfinite(slack)
        theirs = library_outputs(estimator, given[scored], model.targets, asked)
    kept = {name: {method: values[scored] for method, values in outputs.items()} for name, outputs in ours.items()}
    assert_outputs(model, kept, theirs, slack[scored], name in FLOAT32)


def test_is_exact_looks_above_the_trees_only() -> None:
    forest, _ = ZOO["forest_three_classes"]()
    logistic, _ = ZOO["logistic_texts3"]()
    assert all(is_exact(block) for block in read(forest).roots())
    assert not any(is_exact(block) for block in read(logistic).roots())
    assert is_exact(Take(Concat((build.number(1.0), build.number(2.0))), (0,)))
