"""`model.to_onnx()`: ONNX Runtime scores the file as indb.evaluate does, and indb reads the same model from it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from exported import QUARTER, assert_same_bits, case
from exported_onnx import S, Scored, X, assert_scored, of, read_again
from picks import REPRESENTATIVE, marked
from test_oracle import linear_slack

import indb
from indb import build
from indb.cli import main
from indb.errors import UnsupportedModel
from indb.evaluate import evaluate
from indb.ir import (
    Column,
    Concat,
    Foreign,
    ForeignModel,
    Lookup,
    Model,
    Reduce,
    ReduceOp,
    Target,
)

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.mark.parametrize("name", marked(QUARTER, REPRESENTATIVE))
def test_onnx_runtime_scores_the_file_and_indb_reads_the_same_model(name: str, tmp_path: Path) -> None:
    """Rows whose partial sums overflow are left out in ONNX Runtime: its matrix product adds in another order."""
    model, columns = case(name)
    assert_scored(model, columns, np.isfinite(linear_slack(model, columns)))
    again = read_again(model, tmp_path)
    assert_same_bits(evaluate(again, columns), evaluate(model, columns))
    assert type(again) is type(model)
    assert [(each.name, each.kind) for each in again.columns] == [(each.name, each.kind) for each in model.columns]
    assert [target.labels for target in again.targets] == [target.labels for target in model.targets]
    assert again.source == model.source


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        *((("no", "yes"), object), ((3, -4), np.int64), ((False, True), np.int64)),
        *(((0.5, 2), np.float64), ((1, "a"), object)),
    ],
)
def test_labels_keep_their_types(labels: tuple[Any, ...], kind: Any, tmp_path: Path) -> None:
    number = build.where(build.is_missing(X), X, build.less(X, build.number(0.5)))
    model = Model((X,), (Target("", {"predict": number}, labels), Target("other", {"predict": X})))
    columns = {"x": np.array([0.0, 1.0, math.nan])}
    found = Scored(model, columns)
    assert found.output("", "predict").dtype == kind
    assert list(found.outputs) == ["label", "other.predict"]
    assert found.labels("") == [str(labels[1]) if kind is object else labels[1],
                                str(labels[0]) if kind is object else labels[0], None]  # fmt: skip
    again = read_again(model, tmp_path).targets[0].labels
    assert again is not None
    assert [(type(label), label) for label in again] == [(type(label), label) for label in labels]


def test_odd_names_of_columns(tmp_path: Path) -> None:
    names = ("", "label", "v0", "c0", 'it\'s "so" ☃', "column")
    columns = tuple(Column(name) for name in names)
    total = Reduce(ReduceOp.SUM, build.multiply(Concat(columns), build.number(0.1)))
    target = Target("", {"predict": build.less(total, build.number(1.0)), "decision_function": total}, ("a", "b"))
    model = Model(columns, (target,))
    rows: dict[str, Any] = {name: np.array([1.0, 2.0, float(number)]) for number, name in enumerate(names)}
    assert_scored(model, rows, np.ones(3, dtype=bool))
    again = read_again(model, tmp_path)
    assert [column.name for column in again.columns] == list(names)
    assert_same_bits(evaluate(again, rows), evaluate(model, rows))
    renamed = indb.read(tmp_path / "model.onnx", columns=[f"n{number}" for number in range(6)])
    assert [column.name for column in renamed.columns] == [f"n{number}" for number in range(6)]
    with pytest.raises(UnsupportedModel, match="columns= holds 1 names, it takes 6 columns"):
        indb.read(tmp_path / "model.onnx", columns=["a"])


def test_the_missing_text_is_none_that_the_model_knows() -> None:
    known = Lookup(S, ("<NULL>", "<<NULL>>"), ((1.0,), (2.0,)), (3.0,), (4.0,))
    found = Scored(Model((S,), (Target("", {"predict": known}),)), {"s": [None, "<NULL>", "<<NULL>>", "x"]})
    assert found.missing == "<<<NULL>>>"
    assert found.output("", "predict").ravel().tolist() == [4.0, 1.0, 2.0, 3.0]


def foreign(name: str, data: bytes) -> ForeignModel:
    """A model that a library runs, of a file of its own."""
    block = Foreign((X,), name, np.frombuffer(data, dtype=np.uint8), "Thing", "predict", 1)
    return ForeignModel((X,), (Target("", {"predict": block}),))


def test_foreign_models_give_their_file_back_or_are_refused() -> None:
    assert foreign("onnx", b"the file").to_onnx() == b"the file"
    message = "cannot write the model as ONNX: only its own library knows what its Thing computes"
    with pytest.raises(UnsupportedModel, match=message):
        foreign("skops", b"the file").to_onnx()


def test_convert_writes_files_by_their_ending(tmp_path: Path) -> None:
    of(X).save(tmp_path / "a.indb")
    runner = CliRunner()
    for start, end in (("a.indb", "b.onnx"), ("b.onnx", "b.pmml"), ("b.pmml", "c.indb")):
        result = runner.invoke(main, ["convert", str(tmp_path / start), "--to", str(tmp_path / end)])
        assert result.exit_code == 0, result.output
        assert f"{end}: {(tmp_path / end).stat().st_size:,} bytes" in result.output
    assert [column.name for column in indb.read(tmp_path / "c.indb").columns] == list("xyzst")
    result = runner.invoke(main, ["convert", str(tmp_path / "a.indb"), "--to", "b.xyz"])
    assert (result.exit_code, "found none" in result.output) == (2, True)
