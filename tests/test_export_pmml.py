"""`model.to_pmml()`: JPMML and PMML4S score the file as indb.evaluate does, and indb reads the same numbers from it."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exported import QUARTER, assert_same_bits, case
from numpy.typing import NDArray
from picks import marked
from pmml_oracle import Oracles, Row, Scored
from rows import TEXTS

import indb
from indb import build
from indb.errors import UnsupportedModel
from indb.evaluate import column_values, decode, evaluate, evaluate_block
from indb.ir import (
    Apply,
    Block,
    Column,
    Concat,
    Distance,
    Foreign,
    ForeignModel,
    Linear,
    Lookup,
    Metric,
    Model,
    Nearest,
    Op,
    Reduce,
    ReduceOp,
    Target,
    Type,
    walk,
)

QUICK = ("logistic_texts3", "hist_two_classes", "scale_only")
REFUSED = frozenset({"knn_regressor_chebyshev"})
"""Cases that PMML has no words for."""

SCORED = (*QUICK, "tree_two_targets", "one_hot_forest", "names_linear", "xgb_sparse_one_hot", "stacking_before")
SCORED += ("target_encoder_auto_texts2", "voting_soft_trees", "lightgbm_softmax_two", "isolation_crowded")
"""Cases that the two Java programs score."""

BY_NATURE = {
    ("pmml4s", "xgb_sparse_one_hot"): "it does not add in float32 (x-mathContext is an extension of JPMML's)",
    ("pmml4s", "stacking_before"): "it gives a label of booleans where there is none",
}
"""Which of the two programs gives something else for a case, and why."""


def read_again(model: Model, tmp_path: Path) -> Model:
    path = tmp_path / "model.pmml"
    assert model.to_pmml(path) == path.read_bytes()
    return indb.read(path)


def assert_same_numbers(again: Model, model: Model, columns: dict[str, Any]) -> None:
    """Every output is the same number. Which zero is the smaller one of 0.0 and -0.0 numpy does not say either."""
    unsigned = [
        {name: {output: values + 0.0 for output, values in outputs.items()} for name, outputs in found.items()}
        for found in (evaluate(again, columns), evaluate(model, columns))
    ]
    assert_same_bits(*unsigned)
    assert type(again) is type(model)
    assert [(each.name, each.kind) for each in again.columns] == [(each.name, each.kind) for each in model.columns]
    assert [(each.name, each.labels) for each in again.targets] == [(each.name, each.labels) for each in model.targets]
    assert again.source == model.source


@pytest.mark.parametrize("name", marked((name for name in QUARTER if name not in REFUSED), QUICK))
def test_indb_reads_the_same_numbers(name: str, tmp_path: Path) -> None:
    """On all rows, infinite and huge numbers and odd texts too."""
    model, columns = case(name, 150)
    assert_same_numbers(read_again(model, tmp_path), model, columns)


def ordinary(model: Model, columns: dict[str, Any]) -> NDArray[np.bool_]:
    """Rows in which nothing is infinite. Others differ by nature: Java has infinities and NaN that are not missing."""
    n_rows = len(next(iter(columns.values())))
    values: dict[int, Any] = {}
    kept = np.ones(n_rows, dtype=bool)
    with np.errstate(all="ignore"):
        for block in walk([*model.columns, *model.roots()]):
            children = [values[id(child)] for child in block.children]
            if isinstance(block, Column):
                found = column_values(block, columns[block.name])
            else:
                found = evaluate_block(block, children, n_rows)
            values[id(block)] = found
            if block.type is Type.NUMBER and (children or isinstance(block, Column)):
                kept &= ~np.isinf(found).any(axis=1)
    return kept


def rows_of(model: Model, columns: dict[str, Any], kept: NDArray[np.bool_]) -> list[Row]:
    """The rows as the programs take them: a missing value is None."""

    def value(column: Column, found: Any) -> Any:
        if found is None or found != found:
            return None
        return float(found) if column.kind is Type.NUMBER else found

    places = np.flatnonzero(kept).tolist()
    return [{each.name: value(each, columns[each.name][place]) for each in model.columns} for place in places]


def said(data: bytes) -> dict[str, Any]:
    """What the file says of its outputs."""
    (extension,) = ElementTree.fromstring(data).iter("{http://www.dmg.org/PMML-4_4}Extension")
    about: dict[str, Any] = json.loads(extension.attrib["value"])
    return about


def differences(model: Model, columns: dict[str, Any], kept: NDArray[np.bool_], scored: Scored, main: str) -> list[Any]:
    """The outputs that differ from what evaluate gives: by label, or by more than 1e-12. `main`: the prediction."""
    found: list[Any] = []
    wanted = evaluate(model, columns)
    for target, about in zip(model.targets, said(model.to_pmml())["targets"], strict=True):
        for output, names in about["outputs"].items():
            values = wanted[target.name][output][kept]
            if names == [""] and target.labels is not None and output == "predict":
                labels = decode(target.labels, values)
                found += [pair for pair in zip(scored.column(main), labels, strict=True) if pair[0] != pair[1]]
                continue
            for lane, name in enumerate(names):
                column = scored.column(name or main)
                given = np.array([math.nan if each is None else float(each) for each in column])
                same = np.isclose(given, values[:, lane], rtol=1e-12, atol=1e-15, equal_nan=True)
                found += [(name, *pair) for pair in zip(given[~same], values[~same, lane], strict=True)]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", SCORED)
def test_other_programs_score_the_file(name: str, tmp_path: Path, pmml_oracles: Oracles) -> None:
    model, columns = case(name, 150)
    kept = ordinary(model, columns)
    rows = rows_of(model, columns, kept)
    assert len(rows) >= 30
    path = tmp_path / "model.pmml"
    model.to_pmml(path)
    (first, *_) = model.targets
    main = next(iter(first.outputs))
    main = f"{first.name}.{main}" if first.name else main
    assert differences(model, columns, kept, pmml_oracles.jpmml(path, rows), main) == []
    theirs = differences(model, columns, kept, pmml_oracles.pmml4s(path, rows), f"predicted_{main}")
    assert bool(theirs) == (("pmml4s", name) in BY_NATURE), theirs[:3]


X, Y, Z = (Column(name) for name in "xyz")
S, T = (Column(name, Type.TEXT) for name in "st")
NUMBERS = (math.nan, 0.0, -0.0, 1.0, -1.0, 0.1, 2.5, 1e300, -1e300, 5e-324, 3.4e38, math.inf, -math.inf)


def of(*blocks: Block) -> Model:
    """A model of number blocks; all columns are listed."""
    outputs = {"transform": blocks[0], **{f"o{number}": each for number, each in enumerate(blocks[1:])}}
    return Model((X, Y, Z, S, T), (Target("", outputs),))


def table() -> dict[str, Any]:
    """Numbers in many pairs, with texts."""
    pairs = [(a, b) for a in NUMBERS for b in NUMBERS]
    x, y = (np.array(column) for column in zip(*pairs, strict=True))
    texts = np.array([*TEXTS, "a", "b"], dtype=object)
    places = np.random.default_rng(0).integers(len(texts), size=(2, len(pairs)))
    return {"x": x, "y": y, "z": np.roll(x, 7), "s": texts[places[0]], "t": texts[places[1]]}


def assert_read(tmp_path: Path, *blocks: Block) -> None:
    model = of(*blocks)
    assert_same_numbers(read_again(model, tmp_path), model, table())


def test_scalar_ops_and_reductions(tmp_path: Path) -> None:
    lanes = Concat((X, Y, Z, build.number(0.1, 1e300), build.add(X, Y), build.multiply(Y, Z)))
    conditions = Concat((build.less(X, Y), build.is_missing(Z), X))
    unary = [Apply(op, (X,)) for op in (Op.ABS, Op.EXP, Op.LN, Op.SQRT, Op.SIN, Op.COS, Op.TANH, Op.FLOOR, Op.SINGLE)]
    binary = [Apply(op, (X, Y)) for op in (Op.ADD, Op.SUB, Op.MUL, Op.DIV, Op.MIN, Op.MAX, Op.LE, Op.LT, Op.EQ)]
    logic = [Apply(op, (X, build.less(X, Y))) for op in (Op.AND, Op.OR, Op.COALESCE)]
    others = [Apply(Op.BETWEEN, (X, Y, Z)), Apply(Op.WHERE, (X, Y, Z)), Apply(Op.IS_MISSING, (X,)), build.MISSING]
    whole = [Reduce(op, lanes) for op in ReduceOp] + [Reduce(op, X) for op in ReduceOp]
    assert_read(tmp_path, *unary, *binary, *logic, *others, *whole, Reduce(ReduceOp.ALL, conditions))


def test_texts(tmp_path: Path) -> None:
    """Letters that XML escapes, spaces at the ends, empty texts; tables of texts and by texts."""
    known = tuple(text for text in TEXTS if text is not None)
    numbers = Lookup(S, known, tuple((float(place), -1.0) for place in range(len(known))), (0.5, -1.0), (math.nan, 2.0))
    named = Lookup(X, (0.0, 1.0, math.inf), (("a",), (" b ",), (None,)), ("",), (None,), Type.TEXT)
    recoded = Lookup(S, known[:5], tuple((text,) for text in known[5:10]), (None,), ("x",), Type.TEXT)
    compared = [Apply(Op.EQ, (each, T)) for each in (S, named, recoded, build.text(" "), build.text(None))]
    chosen = build.where(build.less(X, Y), S, named)
    empty = Lookup(S, (), (), (1.0,), (2.0,))
    filled = [Apply(Op.EQ, (each, T)) for each in (chosen, Apply(Op.COALESCE, (recoded, T)))]
    assert_read(tmp_path, numbers, *compared, *filled, Apply(Op.IS_MISSING, (recoded,)), empty)


def test_sums_distances_and_trees(tmp_path: Path) -> None:
    wide = Concat((X, Y, Z, build.add(X, Y), build.number(1.0), X))
    weight = np.array([[0.1, -2.0, 0.0, 1e-9, 3.0, 0.7], [0.0] * 6])
    points = np.array([[0.1, 1.0, -1.0], [1e300, 0.0, 3.0]])
    distances = [Distance(Concat((X, Y, Z)), points, metric) for metric in Metric]
    pieces = build.pieces(X, np.array([-0.0, 1.0]), np.array([[1.0, 0.0], [2.0, 0.0], [math.inf, -0.0]]))
    assert_read(tmp_path, Linear(wide, weight, np.array([0.3, -0.0])), *distances, pieces, build.softmax(wide))


def test_long_chains_of_fields_become_models(tmp_path: Path) -> None:
    """A reader goes from field to field by recursion."""
    block: Block = X
    for number in range(60):
        shared = build.add(block, build.number(float(number)))
        block = build.multiply(shared, build.where(build.less(shared, Y), shared, build.number(0.5)))
    assert_read(tmp_path, block)


def test_labels_and_names(tmp_path: Path) -> None:
    names = ("", "d1", "m1", "predict", "probability(a)", 'it\'s "so" & <☃>')
    columns = tuple(Column(name) for name in names)
    number = build.where(build.is_missing(columns[0]), build.MISSING, build.less(columns[0], columns[1]))
    proba = build.binary_probabilities(columns[1])
    targets = [
        Target("", {"predict": number, "predict_proba": proba}, ("a", 'b & "c"')),
        *(Target(f"t{place}", {"predict": number}, labels) for place, labels in enumerate(((3, -4), (False, True)))),
        *(Target(name, {"predict": number}, labels) for name, labels in (("f", (0.5, 2.0)), ("m", (1, "a")))),
        Target("r", {"predict": columns[5]}),
    ]
    rows: dict[str, Any] = {name: np.array([0.0, 1.0, math.nan]) + place for place, name in enumerate(names)}
    for first in range(len(targets)):
        model = Model(columns, tuple(targets[first:] + targets[:first]))
        again = read_again(model, tmp_path)
        assert_same_numbers(again, model, rows)
        kinds = [[type(label) for label in target.labels or ()] for target in again.targets]
        assert kinds == [[type(label) for label in target.labels or ()] for target in model.targets]
    renamed = indb.read(tmp_path / "model.pmml", columns=[f"n{number}" for number in range(6)])
    assert [column.name for column in renamed.columns] == [f"n{number}" for number in range(6)]


def test_an_extension_that_does_not_fit_is_left_alone(tmp_path: Path) -> None:
    """The fields of Output are targets then, as those of any file."""
    path = tmp_path / "model.pmml"
    of(X, Y).to_pmml(path)
    data = path.read_text()
    for changed in (data.replace("&quot;o0&quot;]", "&quot;o9&quot;]"), data.replace('value="{', 'value="')):
        assert changed != data
        path.write_text(changed)
        assert [target.name for target in indb.read(path).targets] == ["", "o0"]


@pytest.mark.parametrize(
    ("block", "why"),
    [
        (Nearest((Concat((X, Y)), Z), np.array([[1.0], [2.0]]), 1), "no expression for what a Nearest block computes"),
        (Lookup(S, ("\x01",), ((1.0,),), (2.0,), (3.0,)), r"XML has no character '\\x01'"),
        (Linear(Concat((X,) * 300), np.ones((170, 300)), np.zeros(170)), "more than 50,000 numbers a row"),
    ],
)
def test_what_pmml_cannot_say_is_refused(block: Block, why: str) -> None:
    with pytest.raises(UnsupportedModel, match=f"cannot write the model as PMML: .*{why}"):
        of(block).to_pmml()


def test_foreign_models_are_refused() -> None:
    block = Foreign((X,), "skops", np.zeros(1, dtype=np.uint8), "Thing", "predict", 1)
    with pytest.raises(UnsupportedModel, match="cannot write the model as PMML: only its own library knows"):
        ForeignModel((X,), (Target("", {"predict": block}),)).to_pmml()
