"""Properties: a random pipeline, fitted on a random table, is scored alike by scikit-learn, `evaluate` and DuckDB.

Each row is held to what scikit-learn does with that row alone: NULL where it refuses the row, else the same label and
the same numbers (agreement.py). CI tries the same examples each time (conftest.py).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from agreement import linear_slack, room
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from tables import KEY, TABLE, create, rows_of
from zoo import THREADS

import indb
from indb.evaluate import decode, evaluate
from indb.ir import Model
from indb.readers import read

AWKWARD = (np.inf, -np.inf, 1e308, -1e308, 1e300, 3.5e38, -3.5e38, 5e-324, -1e-310, 0.0, 1e16, np.nan)
TEXTS = ("", " ", "it's", 'say "so"', "back\\slash", "line\nbreak", "naïve ☃ 𝄞", "a", "A", "$$", "%s", "NULL", "--")
NAMES = ("a", "B", 'say "so"', "it's", "two words", "semi;colon", "naïve ☃", "new\nline", "row", "back\\slash")
LABELS = (("no", "yes"), ("it's", 'say "so"', "back\\slash\n"), (False, True), (0, 1), (-3, 5, 8), (0.5, 2.5))

texts = st.one_of(st.sampled_from(TEXTS), st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=4))
finite = st.one_of(st.floats(-1e6, 1e6), st.integers(-5, 5).map(float), st.sampled_from((1e-30, -1e20, 0.1, 1e5)))


@dataclass(frozen=True)
class Table:
    """A training table and the columns of each kind."""

    frame: pd.DataFrame
    numbers: list[str]
    texts: list[str]


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """One to three columns of numbers, none to two of texts; some with missing values."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(12, 40))
    names = draw(st.permutations(NAMES))
    n_numbers, n_texts = draw(st.integers(1, 3)), draw(st.integers(0, 2))
    columns: dict[str, Any] = {}
    for name in names[:n_numbers]:
        values = np.array(draw(st.lists(finite, min_size=3, max_size=8)))[rng.integers(0, 3, count)]
        values = values + draw(st.sampled_from((0.0, 1.0, 100.0))) * rng.normal(size=count)
        values[rng.random(count) < draw(st.sampled_from((0.0, 0.2)))] = np.nan
        columns[name] = np.where(np.isnan(values).all(), 1.0, values)
    for name in names[n_numbers : n_numbers + n_texts]:
        pool = draw(st.lists(texts, min_size=2, max_size=5, unique=True))
        column = np.array(pool, dtype=object)[rng.integers(0, len(pool), count)]
        if draw(st.booleans()):
            column[rng.random(count) < 0.2] = np.nan
            column[0] = pool[0]
        columns[name] = pd.Series(column, dtype=object)
    return Table(pd.DataFrame(columns), list(names[:n_numbers]), list(names[n_numbers : n_numbers + n_texts]))


SCALERS = (None, StandardScaler(), MinMaxScaler(), MinMaxScaler(clip=True), RobustScaler())
CLASSIFIERS = (
    LogisticRegression(max_iter=30),
    DecisionTreeClassifier(max_depth=3, random_state=0),
    RandomForestClassifier(3, max_depth=3, random_state=0),
    GradientBoostingClassifier(n_estimators=3, max_depth=2, random_state=0),
    HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=2, max_leaf_nodes=5, random_state=0),
)
REGRESSORS = (
    Ridge(),
    LinearRegression(),
    DecisionTreeRegressor(max_depth=3, random_state=0),
    RandomForestRegressor(3, max_depth=3, random_state=0),
    HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=2, max_leaf_nodes=5, random_state=0),
)
KEEPS_MISSING = (
    DecisionTreeClassifier, DecisionTreeRegressor, RandomForestClassifier, RandomForestRegressor,
    HistGradientBoostingClassifier, HistGradientBoostingRegressor,
)  # fmt: skip


@st.composite
def pipelines(draw: st.DrawFn, table: Table) -> tuple[Pipeline, Any]:
    """An imputer, scaler and encoder in front of an estimator, and a target for it."""
    count = len(table.frame)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if draw(st.booleans()):
        labels = draw(st.sampled_from(LABELS))
        estimator = draw(st.sampled_from(CLASSIFIERS))
        picks = np.concatenate([np.arange(len(labels)), rng.integers(0, len(labels), count - len(labels))])
        target: Any = np.array(labels, dtype=object if isinstance(labels[0], str) else None)[picks]
    else:
        estimator = draw(st.sampled_from(REGRESSORS))
        target = rng.normal(size=count) * 10.0 ** draw(st.integers(-3, 6))
    fills = draw(st.booleans()) or not isinstance(estimator, KEEPS_MISSING)
    strategy = draw(st.sampled_from(("mean", "median", "most_frequent")))
    imputer = SimpleImputer(strategy=strategy, add_indicator=draw(st.booleans())) if fills else None
    scaler = draw(st.sampled_from(SCALERS))
    steps = [step for step in (imputer, scaler) if step is not None]
    parts = [("numbers", make_pipeline(*steps) if steps else "passthrough", table.numbers)]
    if table.texts:
        unknown = draw(st.sampled_from(("ignore", "error")))
        encoders: tuple[Any, ...] = (OneHotEncoder(handle_unknown=unknown, sparse_output=False),)
        if unknown == "ignore" and draw(st.booleans()):
            known = {"handle_unknown": "use_encoded_value", "unknown_value": -1, "encoded_missing_value": -2}
            encoders = (OrdinalEncoder(**known),)
        parts.append(("texts", make_pipeline(*encoders), table.texts))
    return make_pipeline(ColumnTransformer(parts), estimator), target


@st.composite
def scored_rows(draw: st.DrawFn, table: Table) -> pd.DataFrame:
    """Training rows with some values replaced by awkward ones."""
    frame = table.frame.iloc[: draw(st.integers(4, 10))].reset_index(drop=True).copy()
    for name in table.numbers:
        for row in range(len(frame)):
            if draw(st.integers(0, 2)) == 0:
                frame.loc[row, name] = draw(st.one_of(st.sampled_from(AWKWARD), st.floats(allow_nan=False)))
    for name in table.texts:
        values = frame[name].tolist()
        values = [draw(st.one_of(texts, st.just(np.nan))) if draw(st.integers(0, 2)) == 0 else v for v in values]
        frame[name] = pd.Series(values, dtype=object)
    return frame


def library(estimator: Any, frame: pd.DataFrame, row: int, method: str) -> Any:
    """What scikit-learn gives for one row alone; None when it refuses the row."""
    try:
        return np.asarray(getattr(estimator, method)(frame.iloc[[row]]))[0]
    except ValueError:
        return None


def known(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """The columns with None for missing texts, as a database has them."""
    return {
        name: [None if isinstance(value, float) and value != value else value for value in frame[name].tolist()]
        if frame[name].dtype == object else frame[name].tolist()
        for name in frame.columns
    }  # fmt: skip


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_random_pipelines(data: st.DataObject) -> None:
    table = data.draw(tables())
    pipeline, target = data.draw(pipelines(table))
    frame = data.draw(scored_rows(table))
    with warnings.catch_warnings(), np.errstate(all="ignore"), THREADS.limit(limits=1):
        warnings.simplefilter("ignore")
        try:
            pipeline.fit(table.frame, target)
        except ValueError:  # scikit-learn does not fit this table
            assume(False)
        model = read(pipeline)
        columns = known(frame)
        slack = linear_slack(model, columns)
        assert_library(pipeline, model, frame, slack)
    assert_duckdb(model, columns, slack)


def assert_library(pipeline: Any, model: Model, frame: pd.DataFrame, slack: Any) -> None:
    """`evaluate` gives what scikit-learn gives for each row alone."""
    (target,) = model.targets
    found = evaluate(model, known(frame))[target.name]
    for row in range(len(frame)):
        for method, values in found.items():
            theirs = library(pipeline, frame, row, method)
            what = f"{method} of {frame.iloc[row].to_dict()}"
            if theirs is None:
                assert np.isnan(values[row]).all(), what
            elif method == "predict" and target.labels is not None:
                if np.isfinite(slack[row]):
                    assert decode(target.labels, values[row : row + 1]) == [theirs], what
            elif np.isfinite(slack[row]):
                wanted = np.asarray(theirs, dtype=float).reshape(-1)
                off = np.abs(values[row] - wanted)
                assert ((values[row] == wanted) | (off <= room(method, wanted, slack[row]))).all(), what


def assert_duckdb(model: Model, columns: dict[str, list[Any]], slack: Any) -> None:
    """The SELECT for any table gives what `evaluate` gives."""
    (target,) = model.targets
    frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
    rows = rows_of(model, frame)
    expected = evaluate(model, rows.columns())[target.name]
    with duckdb.connect() as connection:
        create(connection.execute, "duckdb", rows)
        cursor = connection.execute(indb.to_sql(model, "duckdb", TABLE, KEY))
        assert cursor.description is not None
        found = list(zip(*sorted(cursor.fetchall()), strict=True))[1:]
    labels = decode(target.labels, expected["predict"]) if target.labels else None
    probabilities = expected.get("predict_proba", np.empty((len(rows), 0)))
    lanes = ([] if labels else [expected["predict"][:, 0]]) + list(probabilities.T)
    sure = np.isfinite(slack)
    if labels:
        got, found = found[0], found[1:]
        assert [one for one, ok in zip(got, sure, strict=True) if ok] == [
            one for one, ok in zip(labels, sure, strict=True) if ok
        ]
    for values, wanted in zip(found, lanes, strict=True):
        ours = np.array([np.nan if value is None else value for value in values])
        output = "predict_proba" if labels else "predict"
        agree = (ours == wanted) | (np.abs(ours - wanted) <= room(output, wanted, slack))
        assert (agree | (np.isnan(ours) & np.isnan(wanted)) | ~sure).all(), (ours, wanted)


def test_a_wrong_number_is_noticed() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0]})
    fitted = make_pipeline(StandardScaler(), LinearRegression()).fit(frame, [1.0, 2.5, 3.0, 4.0])
    other = make_pipeline(StandardScaler(), LinearRegression()).fit(frame, [1.0, 2.5, 3.0, 4.0 + 1e-9])
    slack = linear_slack(read(fitted), known(frame))
    assert_library(fitted, read(fitted), frame, slack)
    with pytest.raises(AssertionError):
        assert_library(other, read(fitted), frame, slack)
