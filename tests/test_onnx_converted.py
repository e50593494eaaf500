"""Pipelines that sklearn-onnx and onnxmltools convert agree with ONNX Runtime: labels equal, numbers to 1e-6.

Rows are at the thresholds of trees and one step beside them in float32 and float64, missing, infinite, huge and tiny
numbers, unknown categories and empty texts. Numbers are held to the largest number of their row.
"""

from __future__ import annotations

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
    """Compare every output on every row with ONNX Runtime."""
    wanted = onnx_rows.runtime(converted(name), typed(name, feed))
    named = onnx_rows.by_output(model, found, wanted)
    n_rows = len(next(iter(feed.values())))
    for output, values in wanted.items():
        expected = onnx_rows.rows_of(values, n_rows)
        onnx_rows.assert_alike(named[output], expected, f"{name}: {output}", CASES[name].tolerance, CASES[name].slack)


def rows_for(name: str, dialect: str) -> onnx_rows.Feed:
    """The rows of a case. PostgreSQL holds at the largest double what is infinite on the way, so it gets none of these.

    Only doubles are concerned: of float32 numbers the largest double is infinite again.
    """
    feed = rows(name)
    if dialect != "postgres" or CASES[name].dtype is not np.float64:
        return feed
    finite = ~np.isinf(feed["x"]).any(axis=1)
    return {"x": feed["x"][finite]}


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
    feed = rows_for(name, dialect)
    found = onnx_rows.in_sql(connection.execute, dialect, model, onnx_rows.columns_of(model, feed))
    compare(name, model, found, feed)
