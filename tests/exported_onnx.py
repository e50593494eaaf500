"""ONNX files of models, scored by ONNX Runtime; blocks to make models of, and rows for them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exported import assert_close
from numpy.typing import NDArray
from rows import NUMBERS, TEXTS

import indb
from indb.evaluate import decode, evaluate
from indb.ir import (
    Block,
    Column,
    Model,
    Target,
    TreeEnsemble,
    Type,
)

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


class Scored:
    """What ONNX Runtime makes of a model's file, with the names and the missing text of its metadata."""

    def __init__(self, model: Model, columns: dict[str, Any]) -> None:
        data = model.to_onnx()
        onnx.checker.check_model(onnx.load_from_string(data))
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        self.about = json.loads(session.get_modelmeta().custom_metadata_map["indb"])
        self.missing = self.about["missing_text"]
        names = {column: name for name, column in self.about["columns"]}
        feed = {names[column.name]: self._given(column, columns[column.name]) for column in model.columns}
        found = session.run(None, feed)
        self.outputs = dict(zip((entry.name for entry in session.get_outputs()), found, strict=True))

    def _given(self, column: Column, values: Any) -> NDArray[Any]:
        text = column.kind is Type.TEXT
        known = [(self.missing if text else math.nan) if value is None else value for value in values]
        return np.array(known, dtype=object if text else np.float64).reshape(-1, 1)

    def output(self, target: str, output: str) -> NDArray[Any]:
        (names,) = (each["outputs"] for each in self.about["targets"] if each["name"] == target)
        found: NDArray[Any] = self.outputs[names[output]]
        return found

    def labels(self, target: str) -> list[Any]:
        """None where there is none."""
        gaps = (self.missing, -(2**63))
        return [None if label in gaps or label != label else label for label in self.output(target, "predict").tolist()]


def read_again(model: Model, tmp_path: Path) -> Model:
    path = tmp_path / "model.onnx"
    assert model.to_onnx(path) == path.read_bytes()
    return indb.read(path)


def assert_scored(model: Model, columns: dict[str, Any], checked: NDArray[np.bool_]) -> None:
    found, wanted = Scored(model, columns), evaluate(model, columns)
    for target in model.targets:
        for output, values in wanted[target.name].items():
            if output == "predict" and target.labels is not None:
                labels = zip(found.labels(target.name), decode(target.labels, values), checked, strict=True)
                assert [pair for pair in labels if pair[2] and pair[0] != pair[1]] == [], target.name
            else:
                assert_close(found.output(target.name, output), values, checked, f"{target.name} {output}")


X, Y, Z = (Column(name) for name in "xyz")
S, T = (Column(name, Type.TEXT) for name in "st")


def of(block: Block, *more: Block) -> Model:
    """A model of number blocks; all columns are listed."""
    outputs = {"transform": block, **{f"o{number}": each for number, each in enumerate(more)}}
    return Model((X, Y, Z, S, T), (Target("", outputs),))


def table() -> dict[str, Any]:
    """Awkward numbers and texts in many pairs."""
    pairs = [(a, b) for a in NUMBERS for b in NUMBERS]
    x, y = (np.array(column) for column in zip(*pairs, strict=True))
    texts = np.array([*TEXTS, "a", "b"], dtype=object)
    places = np.random.default_rng(0).integers(len(texts), size=(2, len(pairs)))
    return {"x": x, "y": y, "z": np.roll(x, 7), "s": texts[places[0]], "t": texts[places[1]]}


def ensemble(inputs: tuple[Block, ...], roots: list[int], single: bool = False, **changed: Any) -> TreeEnsemble:
    """Two trees and a leaf, with missing values on both sides, and category sets of a text and of a number."""
    arrays: dict[str, Any] = {
        "feature": [0, 1, -1, -1, 2, -1, 3, -1, -1, -1, -1],
        "threshold": [0.5, 1e16, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        "category_set": [-1, -1, -1, -1, 0, -1, 1, -1, -1, -1, -1],
        "left": [1, 2, -1, -1, 5, -1, 7, -1, -1, -1, -1],
        "right": [4, 3, -1, -1, 6, -1, 8, -1, -1, -1, -1],
        "missing_left": [True, False, False, False, True, False, False, False, False, False, False],
        "leaf": [-1, -1, 0, 1, -1, 2, -1, 3, 4, 0, 1],
    }
    kinds = {"threshold": np.float64, "missing_left": np.bool_}
    rows = np.array([[0.1, 1.0], [-0.2, 0.0], [0.3, math.nan], [0.7, 2.0], [1e-9, 3.0]])
    held: dict[str, Any] = {name: np.array(each, dtype=kinds.get(name, np.int32)) for name, each in arrays.items()}
    held |= {"values": rows, "base": np.array([0.1, 0.2]), "category_sets": (("a", "", "b"), (0.0, 1.0, math.inf))}
    held |= changed
    if single:
        held |= {name: held[name].astype(np.float32).astype(np.float64) for name in ("values", "base")}
    return TreeEnsemble(inputs, np.array(roots, dtype=np.int32), single=single, **held)
