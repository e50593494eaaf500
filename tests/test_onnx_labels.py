"""What an ONNX graph gives as targets: labels and their probabilities, texts, several outputs, large networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx_graphs import DOUBLE, FLOAT, INT64, STRING, Node, made, run, saved, scored

import indb
from indb.errors import UnsupportedModel
from indb.evaluate import evaluate
from indb.ir import ForeignModel
from indb.readers.onnx.blocks import MANY_WEIGHTS

GENERATOR = np.random.default_rng(0)
NUMBERS = np.concatenate([GENERATOR.normal(0, 2, (20, 4)), [[0.0, -0.0, 1.0, -1.0], [np.nan, 1.0, 2.0, 3.0]]])


LABELS = np.array(["low", "mid", "high", "none"], dtype=object)


def check_labels(nodes: list[Node], rows: np.ndarray, constants: dict, folder: Path) -> tuple:
    """Compare the output y of nodes with ONNX Runtime; gives the labels."""
    proto = made(nodes, {"x": (FLOAT, ["N", rows.shape[1]])}, {"y": STRING}, constants)
    model = indb.read(saved(proto, folder))
    wanted = run(proto, {"x": rows.astype(np.float32)})[0]
    assert scored(model, rows)["predict"].ravel().tolist() == wanted.ravel().tolist()
    return model.targets[0].labels


def test_texts_of_a_list_are_labels(tmp_path: Path) -> None:
    nodes: list[Node] = [("ArgMax", ["x"], ["i"], {"axis": 1, "keepdims": 0}), ("Gather", ["c", "i"], ["y"])]
    assert check_labels(nodes, NUMBERS[:-1], {"c": LABELS}, tmp_path) == ("low", "mid", "high", "none")


def test_texts_chosen_by_a_condition_are_labels(tmp_path: Path) -> None:
    constants = {"c": np.float32(0.2), "a": np.array(["yes"], dtype=object), "b": np.array(["no"], dtype=object)}
    nodes: list[Node] = [("Less", ["c", "x"], ["l"]), ("Where", ["l", "a", "b"], ["y"])]
    assert check_labels(nodes, NUMBERS[:, :1], constants, tmp_path) == ("yes", "no")


def test_labels_and_probabilities_are_one_target(tmp_path: Path) -> None:
    nodes: list[Node] = [("Softmax", ["x"], ["probabilities"]), ("ArgMax", ["x"], ["i"], {"axis": 1, "keepdims": 0}),
                         ("Gather", ["c", "i"], ["label"])]  # fmt: skip
    for labels in (LABELS, np.array([10, 20, 30, 40])):
        kind = STRING if labels.dtype == object else INT64
        outputs = {"label": kind, "probabilities": FLOAT}
        proto = made(nodes, {"x": (FLOAT, ["N", 4])}, outputs, {"c": labels})
        model = indb.read(saved(proto, tmp_path))
        (target,) = model.targets
        assert (target.name, target.labels, sorted(target.outputs)) == ("", tuple(labels), ["predict", "predict_proba"])
        found, wanted = scored(model, NUMBERS[:-1]), run(proto, {"x": NUMBERS[:-1].astype(np.float32)})
        assert found["predict"].ravel().tolist() == wanted[0].tolist()
        np.testing.assert_allclose(found["predict_proba"], wanted[1], rtol=2e-6)


def test_a_text_that_can_be_anything_is_no_label(tmp_path: Path) -> None:
    proto = made([("Identity", ["x"], ["y"])], {"x": (STRING, ["N", 1])}, {"y": STRING})
    with pytest.raises(UnsupportedModel, match="blocks cannot say it either: its output 'y' may be any text"):
        indb.read(saved(proto, tmp_path))


def test_missing_texts_have_no_score(tmp_path: Path) -> None:
    nodes: list[Node] = [("Equal", ["x", "c"], ["e"]), ("Cast", ["e"], ["y"], {"to": FLOAT})]
    proto = made(nodes, {"x": (STRING, ["N", 1])}, {"y": FLOAT}, {"c": np.array(["Rome"], dtype=object)})
    found = scored(indb.read(saved(proto, tmp_path)), np.array([["Rome"], [""], [None]], dtype=object))
    np.testing.assert_array_equal(found["predict"].ravel(), [1.0, 0.0, np.nan])


def test_several_outputs_are_several_targets(tmp_path: Path) -> None:
    proto = made([("Neg", ["x"], ["a"]), ("ReduceSum", ["x", "i"], ["b"])], {"x": (DOUBLE, ["N", 4])},
                 {"a": DOUBLE, "b": DOUBLE}, {"i": np.array([1])})  # fmt: skip
    model = indb.read(saved(proto, tmp_path))
    assert [(target.name, list(target.outputs)) for target in model.targets] == [
        ("a", ["transform"]),
        ("b", ["predict"]),
    ]


def test_large_networks_are_left_to_the_runtime_with_sql_beside(tmp_path: Path) -> None:
    weight = GENERATOR.normal(size=(4, MANY_WEIGHTS // 4 + 1)).astype(np.float32)
    nodes: list[Node] = [("MatMul", ["x", "w"], ["h"]), ("ReduceMax", ["h", "a"], ["y"])]
    proto = made(nodes, {"x": (FLOAT, ["N", 4])}, {"y": FLOAT},
                 {"w": weight, "a": np.array([1])})  # fmt: skip
    model = indb.read(saved(proto, tmp_path))
    assert isinstance(model, ForeignModel)
    assert "weights of m.onnx faster" in model.source["reason"]
    assert not model.in_sql.is_foreign
    columns = {column.name: NUMBERS[:, lane] for lane, column in enumerate(model.columns)}
    wanted = run(proto, {"x": NUMBERS.astype(np.float32)})[0]
    np.testing.assert_allclose(evaluate(model.in_sql, columns)[""]["predict"], wanted, rtol=3e-6)
