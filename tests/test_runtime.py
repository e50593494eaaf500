"""The runtime of UDFs: the bits of `evaluate` from each kernel, on the rows that are likeliest to differ."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest
from rows import awkward_rows
from zoo import ZOO

from indb import codec
from indb.evaluate import Values, column_values, evaluate, evaluate_values, trees
from indb.ir import Column, Model, Target, TreeEnsemble, Type, walk
from indb.passes import optimise
from indb.readers import read
from indb.runtime.onnx import Session
from indb.runtime.scorer import Scorer, kernel
from indb.runtime.trees import Numeric, Walk

REPRESENTATIVE = frozenset(("logistic_texts3", "hist_two_classes", "tree_two_targets", "one_hot_forest", "scale_only"))
CASES = tuple(pytest.param(name, marks=() if name in REPRESENTATIVE else pytest.mark.slow) for name in ZOO)


def case(name: str) -> tuple[Model, dict[str, Any], int]:
    """A model of the zoo with the columns of its awkward rows, and their number."""
    estimator, frame = ZOO[name]()
    model = read(estimator)
    rows = awkward_rows(model, frame, np.random.default_rng(zlib.crc32(name.encode())), limit=200)
    return model, {column.name: rows[column.name].tolist() for column in model.columns}, len(rows)


def ready(model: Model, columns: dict[str, Any]) -> dict[str, Values]:
    return {column.name: column_values(column, columns[column.name]) for column in model.columns}


def assert_same(found: dict[str, dict[str, Values]], wanted: dict[str, dict[str, Values]]) -> None:
    """The same bits everywhere."""
    for target, outputs in wanted.items():
        for output, values in outputs.items():
            np.testing.assert_array_equal(found[target][output], values, err_msg=f"{target} {output}")


@pytest.mark.parametrize("name", CASES)
def test_the_scorer_gives_the_bits_of_evaluate(name: str) -> None:
    model, columns, n_rows = case(name)
    wanted = evaluate(model, columns)
    scorer = Scorer.load(codec.encode(model))
    assert_same(scorer.outputs(ready(model, columns), n_rows), wanted)
    for row in range(0, n_rows, 29):  # a row alone, as a row function is called
        one = {key: values[row : row + 1] for key, values in ready(model, columns).items()}
        alone = {
            target: {key: values[row : row + 1] for key, values in outputs.items()}
            for target, outputs in wanted.items()
        }
        assert_same(scorer.outputs(one, 1), alone)


@pytest.mark.parametrize("name", ["hist_two_classes", "hist_named_categories", "one_hot_forest", "tree_two_targets"])
@pytest.mark.parametrize("optimised", [False, True])
def test_each_kernel_gives_the_bits_of_evaluate(name: str, optimised: bool) -> None:
    """Also of ensembles with category sets, which the passes make."""
    model, columns, n_rows = case(name)
    model = optimise(model) if optimised else model
    inputs: list[Values] = []

    def look(block: TreeEnsemble, values: list[Values]) -> Values:
        inputs[:] = values
        return trees(block, values)

    evaluate_values(model, ready(model, columns), n_rows, {TreeEnsemble: look})
    block = [block for block in walk(model.roots()) if isinstance(block, TreeEnsemble)][-1]
    numeric = Numeric(block)
    matrix, wanted = numeric.matrix(inputs), trees(block, inputs)
    for made in (Walk(numeric), Session(numeric)):
        np.testing.assert_array_equal(made.run(matrix), wanted)
    assert isinstance(kernel(numeric), Session)


def stump(**changes: Any) -> TreeEnsemble:
    """Two trees: one split on a number, and a leaf alone."""
    parts: dict[str, Any] = {
        "inputs": (Column("x"),), "roots": np.array([0, 3], np.int32), "feature": np.array([0, -1, -1, -1], np.int32),
        "threshold": np.array([0.5, 0, 0, 0]), "category_set": np.full(4, -1, np.int32),
        "left": np.array([1, -1, -1, -1], np.int32), "right": np.array([2, -1, -1, -1], np.int32),
        "missing_left": np.array([True, False, False, False]), "leaf": np.array([-1, 0, 1, 2], np.int32),
        "values": np.array([[1.0], [2.0], [0.1]]), "base": np.array([0.7]),
    }  # fmt: skip
    return TreeEnsemble(**{**parts, **changes})


def test_a_tree_that_is_a_leaf_and_the_base() -> None:
    block = stump()
    x = np.array([[0.5], [np.nextafter(0.5, 1.0)], [np.nan], [np.inf], [-np.inf]])
    wanted = trees(block, [x])
    for made in (Walk(Numeric(block)), Session(Numeric(block))):
        np.testing.assert_array_equal(made.run(Numeric(block).matrix([x])), wanted)


def test_a_kernel_with_other_bits_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "run", lambda self, matrix: np.zeros((len(matrix), 1)))
    assert isinstance(kernel(Numeric(stump())), Walk)


def test_without_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Session, numeric: Numeric) -> None:
        raise ImportError("No module named 'onnxruntime'")

    monkeypatch.setattr(Session, "__init__", refuse)
    x = Column("x")
    model = Model((x,), (Target("", {"predict": stump(inputs=(x,))}),))
    assert Scorer(model).outputs({"x": np.array([[0.2]])}, 1)[""]["predict"].tolist() == [[0.7 + 1.0 + 0.1]]


def test_texts_are_missing_where_they_are_none() -> None:
    grown = stump(
        inputs=(Column("city", Type.TEXT),), category_set=np.array([0, -1, -1, -1], np.int32),
        category_sets=(("Paris", "it's"),),
    )  # fmt: skip
    texts = np.array([["Paris"], ["it's"], ["Rome"], [None], [""]], dtype=object)
    numeric = Numeric(grown)
    assert numeric.matrix([texts])[:, 1].tolist()[:3] == [0.0, 0.0, 1.0]
    np.testing.assert_array_equal(Session(numeric).run(numeric.matrix([texts])), trees(grown, [texts]))
