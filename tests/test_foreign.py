"""Foreign models: what scikit-learn and ONNX Runtime give is what the runtime of UDFs gives, refused rows apart."""

from __future__ import annotations

import warnings
import zlib
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rows import awkward_rows
from test_oracle import library_input, library_outputs, quiet
from zoo_foreign import FOREIGN

from indb import codec
from indb.errors import UnsupportedModel
from indb.evaluate import Values, column_values, decode, evaluate
from indb.ir import ForeignModel, Model, Target
from indb.passes import optimise
from indb.readers import read
from indb.runtime.scorer import Scorer

REPRESENTATIVE = frozenset(
    ("knn_texts3", "svc_rbf", "mlp_classifier", "texts_strict_knn", "texts_none", "two_labels", "isotonic", "words")
)
CASES = tuple(pytest.param(name, marks=() if name in REPRESENTATIVE else pytest.mark.slow) for name in FOREIGN)


def model_of(name: str) -> Model:
    estimator, frame = FOREIGN[name]()
    named = hasattr(estimator, "feature_names_in_") or hasattr(estimator, "n_features_in_")
    return read(estimator, columns=None if named else list(frame.columns))


def ready(model: Model, rows: pd.DataFrame) -> dict[str, Values]:
    return {column.name: column_values(column, rows[column.name].tolist()) for column in model.columns}


def outputs(scorer: Scorer, model: Model, rows: pd.DataFrame) -> dict[tuple[str, str], Values]:
    found = scorer.outputs(ready(model, rows), len(rows))
    return {(target, method): values for target, each in found.items() for method, values in each.items()}


def assert_output(model: Model, name: tuple[str, str], ours: Values, theirs: Any) -> None:
    """The same bits, and labels of the same Python type."""
    labels = next(target.labels for target in model.targets if target.name == name[0])
    if name[1] == "predict" and labels is not None:
        assert [(type(each), each) for each in decode(labels, ours)] == [(type(each), each) for each in theirs.tolist()]
    else:
        np.testing.assert_array_equal(ours, np.asarray(theirs, float).reshape(len(ours), -1), str(name))


def library(estimator: Any, rows: pd.DataFrame, frame: pd.DataFrame, model: Model, method: str) -> Any:
    """{(target, method): what the library gives} for rows."""
    targets = tuple(Target(each.name, {method: each.outputs[method]}) for each in model.targets)
    given = library_input(estimator, rows, frame)
    given = np.ascontiguousarray(given) if isinstance(given, np.ndarray) else given
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return library_outputs(estimator, given, targets)


def is_refused(estimator: Any, row: pd.DataFrame, frame: pd.DataFrame, model: Model, method: str) -> bool:
    """Whether the library raises ValueError for a row alone, or gives nothing but NaN for it."""
    try:
        found = library(estimator, row, frame, model, method)
    except ValueError:
        return True
    return all(values.dtype.kind == "f" and np.isnan(values).all() for values in found.values())


@pytest.mark.parametrize("name", CASES)
def test_the_runtime_gives_what_the_library_gives(name: str) -> None:
    estimator, frame = FOREIGN[name]()
    model = model_of(name)
    assert isinstance(model, ForeignModel)
    assert [column.name for column in model.columns] == list(frame.columns)
    scorer = Scorer.load(codec.encode(optimise(model)))
    rows = awkward_rows(model, frame, np.random.default_rng(zlib.crc32(name.encode())), limit=100)
    ours = outputs(scorer, model, rows)
    for method in model.targets[0].outputs:
        mine = {key: values for key, values in ours.items() if key[1] == method}
        scored = ~np.concatenate([np.isnan(values) for values in mine.values()], axis=1).all(axis=1)
        assert scored.sum() >= 20, "too few rows are scored for the test to say anything"
        refused = np.flatnonzero(~scored)
        for row in refused[:: 1 + len(refused) // 12].tolist():
            assert is_refused(estimator, rows.iloc[[row]], frame, model, method), rows.iloc[row].tolist()
        theirs = library(estimator, rows[scored], frame, model, method)
        alone = outputs(scorer, model, rows[scored])
        for key, values in mine.items():
            assert_output(model, key, alone[key], theirs[key])
            # In other company the last bits of a matrix product differ, of float32 where the model computes in it.
            np.testing.assert_allclose(values[scored], alone[key], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", sorted(REPRESENTATIVE))
def test_it_is_not_evaluated(name: str) -> None:
    model = model_of(name)
    with pytest.raises(UnsupportedModel, match="known only to the library that fitted it\n.*Scorer"):
        evaluate(model, {column.name: [] for column in model.columns})
