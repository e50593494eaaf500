"""ONNX files as foreign models: ONNX Runtime's own numbers, labels from the file, typed columns.

Most of these graphs are read as blocks otherwise (test_onnx_read.py); this is the way of those that are not.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import linear_model, naive_bayes, neighbors, neural_network
from sklearn.preprocessing import StandardScaler
from zoo import frames

from indb import codec
from indb.errors import ModelFileError, UnsupportedModel
from indb.evaluate import Values, decode
from indb.ir import ForeignModel, Model, Type
from indb.readers import read
from indb.readers.base import File
from indb.readers.onnx import foreign
from indb.readers.onnx.foreign import label_lists
from indb.runtime.scorer import Scorer

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

ARRAY = frames.numbers().to_numpy()


def graph(nodes: list[Any], inputs: dict[str, tuple[int, list[Any]]], outputs: dict[str, tuple[int, list[Any]]]) -> Any:
    """A model of nodes between tensors of (type, shape)."""
    make = onnx.helper.make_tensor_value_info
    values = [[make(name, *what) for name, what in each.items()] for each in (inputs, outputs)]
    made = onnx.helper.make_graph(nodes, "test", *values)
    opsets = [onnx.helper.make_opsetid("", 18), onnx.helper.make_opsetid("ai.onnx.ml", 3)]
    return onnx.helper.make_model(made, opset_imports=opsets, ir_version=9)


def saved(model: Any, path: Path) -> Path:
    path = path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def converted(estimator: Any, target: str | None, path: Path, dtype: Any = np.float64, **options: Any) -> Path:
    """The file of an estimator that is fitted on the numbers and converted by sklearn-onnx."""
    skl2onnx = pytest.importorskip("skl2onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(ARRAY, target and frames.TARGETS[target]())
        extra = {id(estimator): {"zipmap": False, **options}} if hasattr(estimator, "predict_proba") else {}
        made = skl2onnx.to_onnx(
            estimator, ARRAY[:1].astype(dtype), options=extra, target_opset={"": 18, "ai.onnx.ml": 3}
        )
    return saved(made, path)


def foreign_model(path: Path, columns: Any = None) -> Model:
    """What becomes of a file that blocks cannot say."""
    return foreign.read(File(path.name, path.read_bytes(), path.parent), columns, "a reason")


def scored(model: Model, rows: Any = ARRAY) -> dict[str, dict[str, Values]]:
    """What the scorer of the model's file gives for an array of rows."""
    columns = {column.name: rows[:, [index]] for index, column in enumerate(model.columns)}
    return Scorer.load(codec.encode(model)).outputs(columns, len(rows))


def direct(path: Path, name: str, rows: Any) -> Any:
    """What ONNX Runtime itself gives."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run([name], {session.get_inputs()[0].name: rows})[0]


CLASSIFIERS = {
    "logistic": linear_model.LogisticRegression(),
    "knn": neighbors.KNeighborsClassifier(),
    "mlp": neural_network.MLPClassifier((5,), max_iter=5, random_state=0),
    "gaussian_nb": naive_bayes.GaussianNB(),
}


@pytest.mark.parametrize("target", ["texts3", "texts2", "ints3"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers_have_labels_and_probabilities(name: str, target: str, tmp_path: Path) -> None:
    estimator = CLASSIFIERS[name]
    path = converted(estimator, target, tmp_path)
    model = foreign_model(path)
    assert isinstance(model, ForeignModel)
    assert [column.name for column in model.columns] == ["x0", "x1", "x2", "x3"]
    labels = model.targets[0].labels
    assert labels == tuple(estimator.classes_.tolist())
    found = scored(model)[""]
    assert decode(labels, found["predict"]) == estimator.predict(ARRAY).tolist()
    np.testing.assert_array_equal(found["predict_proba"], direct(path, "probabilities", ARRAY))
    np.testing.assert_allclose(found["predict_proba"], estimator.predict_proba(ARRAY), atol=1e-12)


def test_a_float_tensor_is_rounded_as_the_runtime_does(tmp_path: Path) -> None:
    path = converted(linear_model.Ridge(), "amount", tmp_path, np.float32)
    model = foreign_model(path, columns=["age", "income", "score", "visits"])
    assert [column.name for column in model.columns] == ["age", "income", "score", "visits"]
    found = scored(model)[""]["predict"]
    np.testing.assert_allclose(found, direct(path, "variable", ARRAY.astype(np.float32)), rtol=1e-6)


def test_a_transformer_gives_its_lanes(tmp_path: Path) -> None:
    found = scored(foreign_model(converted(StandardScaler(), None, tmp_path)))[""]["transform"]
    np.testing.assert_allclose(found, StandardScaler().fit_transform(ARRAY), rtol=1e-12)


def test_maps_are_refused_with_advice(tmp_path: Path) -> None:
    path = converted(neighbors.KNeighborsClassifier(), "texts3", tmp_path, np.float32, zipmap=True)
    with pytest.raises(UnsupportedModel, match=r"its output 'output_probability' is a seq\(map\(.*\n.*'zipmap': False"):
        foreign_model(path)


def test_inputs_of_one_column_keep_their_names_and_types(tmp_path: Path) -> None:
    kinds = onnx.TensorProto
    nodes = [
        onnx.helper.make_node("LabelEncoder", ["city"], ["code"], domain="ai.onnx.ml", keys_strings=["Rome", "Oslo"],
                              values_floats=[10.0, 20.0], default_float=-1.0),
        onnx.helper.make_node("Cast", ["level"], ["number"], to=kinds.FLOAT),
        onnx.helper.make_node("Add", ["code", "number"], ["sum"]),
        onnx.helper.make_node("Concat", ["code", "number"], ["both"], axis=1),
    ]  # fmt: skip
    inputs = {"city": (kinds.STRING, [None, 1]), "level": (kinds.INT64, [None, 1])}
    outputs = {"sum": (kinds.FLOAT, [None, 1]), "both": (kinds.FLOAT, [None, 2])}
    model = foreign_model(saved(graph(nodes, inputs, outputs), tmp_path))
    assert [(column.name, column.kind) for column in model.columns] == [("city", Type.TEXT), ("level", Type.NUMBER)]
    texts = np.array([["Rome"], ["Oslo"], [""], [None], ["Rome"], ["Rome"], ["Rome"]], dtype=object)
    numbers = np.array([[1.0], [2.0], [3.0], [4.0], [np.nan], [0.5], [np.inf]])
    found = Scorer(model).outputs({"city": texts, "level": numbers}, 7)
    gap = np.nan
    np.testing.assert_array_equal(found["sum"]["predict"][:, 0], [11.0, 22.0, 2.0, gap, gap, gap, gap])
    np.testing.assert_array_equal(found["both"]["transform"][:3], [[10.0, 1.0], [20.0, 2.0], [-1.0, 3.0]])


@pytest.mark.parametrize(
    ("shape", "columns", "why"),
    [
        ([1, 4], None, r"takes exactly 1 rows at a time; blocks .* RandomUniformLike\n  Export it with a dynamic"),
        ([], None, "needed numbers or texts of shape"),
        ([None, 3, 80, 80], None, "takes 19,200 columns, needed 1 to 1,600"),
        ([None, 3, 8, 8], None, "of a row depends on the rows beside it"),
        ([None, None], None, r"does not say how many columns it takes\n  Give the names"),
        ([None, 2], ["a", "b", "c"], "columns= holds 3 names, it takes 2 columns"),
    ],
)
def test_inputs_that_no_table_has(shape: list[Any], columns: Any, why: str, tmp_path: Path) -> None:
    kind = onnx.TensorProto.DOUBLE
    node = onnx.helper.make_node("RandomUniformLike", ["x"], ["y"])
    path = saved(graph([node], {"x": (kind, shape)}, {"y": (kind, shape)}), tmp_path)
    with pytest.raises(UnsupportedModel, match=why):
        read(path, columns=columns)


def test_a_dynamic_width_takes_the_names_given(tmp_path: Path) -> None:
    kind = onnx.TensorProto.DOUBLE
    node = onnx.helper.make_node("Neg", ["x"], ["y"])
    path = saved(graph([node], {"x": (kind, [None, None])}, {"y": (kind, [None, None])}), tmp_path)
    model = foreign_model(path, columns=["a", "b"])
    np.testing.assert_array_equal(scored(model, ARRAY[:, :2])[""]["transform"], -ARRAY[:, :2])


def test_bytes_that_are_no_onnx_file() -> None:
    for data in (b"", b"\x00", b"nothing of use"):
        with pytest.raises(ModelFileError, match="its bytes are no ONNX file"):
            label_lists(data)
