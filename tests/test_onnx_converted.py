"""Pipelines that sklearn-onnx and onnxmltools convert agree with ONNX Runtime: labels equal, numbers to 1e-6.

Rows are at the thresholds of trees and one step beside them in float32 and float64, missing, infinite, huge and tiny
numbers, unknown categories and empty texts. Numbers are held to the largest number of their row.
"""

from __future__ import annotations

from itertools import compress

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("skl2onnx")
pytest.importorskip("onnxmltools")

import onnx_rows
from onnx_pipelines import CASES, converted, rows, typed

from indb.ir import Model

BLOCKS = [name for name, case in CASES.items() if not case.left]
QUICK = {"logistic of texts", "tree", "boosting of three", "SVC", "mixed forest", "MLP"}


def compare(name: str, model: Model, found: onnx_rows.Results, feed: onnx_rows.Feed) -> None:
    """Compare every output with ONNX Runtime, on every row but those that are computed with an infinite double."""
    wanted = onnx_rows.runtime(converted(name), typed(name, feed))
    n_rows = len(next(iter(feed.values())))
    kept = np.ones(n_rows, dtype=bool)
    if CASES[name].dtype is np.float64:
        gaps = [np.isnan(values).all(axis=1) for each in found.values() for values in each.values()]
        kept = ~(np.isinf(feed["x"]).any(axis=1) & np.all(gaps, axis=0))
    found = {target: {key: each[kept] for key, each in outputs.items()} for target, outputs in found.items()}
    named = onnx_rows.by_output(model, found, wanted)
    for output, values in wanted.items():
        expected = onnx_rows.rows_of(values, n_rows)
        expected = list(compress(expected, kept)) if isinstance(expected, list) else expected[kept]
        onnx_rows.assert_alike(named[output], expected, f"{name}: {output}", CASES[name].tolerance, CASES[name].slack)


def test_there_are_sixty_of_which_most_become_blocks() -> None:
    assert len(CASES) >= 60
    assert len(BLOCKS) >= len(CASES) * 5 // 6


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in BLOCKS]
)
def test_blocks_agree_with_the_runtime(name: str) -> None:
    model = onnx_rows.read(converted(name))
    assert not model.is_foreign, model.source["reason"]
    feed = rows(name)
    compare(name, model, onnx_rows.evaluated(model, onnx_rows.columns_of(model, feed)), feed)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.left])
def test_what_is_left_to_the_runtime_says_why(name: str) -> None:
    model = onnx_rows.read(converted(name))
    assert model.is_foreign
    assert CASES[name].left in model.source["reason"]


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
@pytest.mark.parametrize("name", BLOCKS)
def test_sql_agrees_with_the_runtime(request: pytest.FixtureRequest, dialect: str, name: str) -> None:
    connection = request.getfixturevalue(f"{dialect}_connection")
    model = onnx_rows.read(converted(name))
    feed = rows(name)
    found = onnx_rows.in_sql(connection.execute, dialect, model, onnx_rows.columns_of(model, feed))
    compare(name, model, found, feed)
