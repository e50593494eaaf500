"""The operators of ai.onnx.ml beside ONNX Runtime: every attribute, also where the specification is silent."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx_rows  # noqa: E402
from onnx import TensorProto as Kind  # noqa: E402
from onnx import numpy_helper  # noqa: E402

from indb.errors import ModelFileError  # noqa: E402

NAN, INF = math.nan, math.inf
X = np.array(
    [[1, 2], [0, 0], [-1, -1], [0.3, -0.7], [5, 1e-3], [-2.5, 40], [3, 3], [1e-30, 2], [7e4, -7e4]], dtype=np.float32
)
ODD = np.concatenate(
    [X, np.array([[NAN, 1], [1, NAN], [NAN, NAN], [INF, 1], [-INF, 2], [INF, -INF], [3e38, 3e38]], dtype=np.float32)]
)
WHOLE = np.array([[1, 2], [0, 0], [-1, -3], [2**24 + 1, 5], [100, -7]])
TEXTS = np.array([["a", "b"], ["", "zz"], ["A", "a"], ["é", "a "]], dtype=object)
ONE = np.array(["a", "b", "zz", ""], dtype=object)
TRANSFORMS = ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT")


def tensor(values: list[Any], dtype: Any) -> Any:
    return numpy_helper.from_array(np.array(values, dtype=dtype))


def check(kind: str, x: Any, outputs: dict[str, int], version: int = 3, **attributes: Any) -> None:
    """Compare blocks with ONNX Runtime, row by row: a row that it refuses has no values.

    Nor has one whose infinite double is computed with.
    """
    proto = onnx_rows.node_model(kind, {"x": x}, outputs, version=version, **attributes)
    model = onnx_rows.read(proto)
    assert not model.is_foreign, model.source["reason"]
    found = onnx_rows.evaluated(model, onnx_rows.columns_of(model, {"x": x}))
    session = onnx_rows.session(proto)
    for row in range(len(x)):
        alone = {name: {key: each[row : row + 1] for key, each in values.items()} for name, values in found.items()}
        unscored = all(np.isnan(each).all() for values in alone.values() for each in values.values())
        if x.dtype == np.float64 and np.isinf(x[row]).any() and unscored:
            continue
        try:
            wanted = dict(zip(outputs, session.run(None, {"x": x[row : row + 1]}), strict=True))
        except Exception:
            assert unscored, x[row]
            continue
        named = onnx_rows.by_output(model, alone, wanted)
        for name, values in wanted.items():
            onnx_rows.assert_alike(named[name], onnx_rows.rows_of(values, 1), f"{kind} {attributes} {x[row]} {name}")


def labels(**attributes: Any) -> dict[str, int]:
    return {"label": Kind.STRING if "classlabels_strings" in attributes else Kind.INT64, "scores": Kind.FLOAT}


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_linear(transform: str) -> None:
    check("LinearRegressor", ODD, {"y": Kind.FLOAT}, coefficients=[0.1, 0.2], intercepts=[0.05], targets=1,
          post_transform=transform)  # fmt: skip
    several = {"coefficients": [0.1, 0.2, -0.3, 0.4, 0.0, 0.7], "intercepts": [0.05, -0.1, 0.2]}
    check("LinearRegressor", X, {"y": Kind.FLOAT}, targets=3, post_transform=transform, **several)
    check("LinearRegressor", X, {"y": Kind.FLOAT}, targets=2, coefficients=[0.1, 0.2, 0.3, 0.4], intercepts=[1.0])
    named = {"classlabels_strings": ["b", "a", ""]}
    check("LinearClassifier", X, labels(**named), post_transform=transform, **several, **named)
    two = {"coefficients": [0.1, 0.2, -0.3, 0.4], "intercepts": [0.05, -0.1], "classlabels_ints": [7, -3]}
    check("LinearClassifier", ODD[:-1], labels(), post_transform=transform, multi_class=1, **two)
    if transform != "PROBIT":
        single = {"coefficients": [0.1, 0.2], "intercepts": [0.05], "classlabels_strings": ["no", "yes"]}
        check("LinearClassifier", ODD, labels(**single), post_transform=transform, **single)


@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.int32])
def test_linear_of_other_types(dtype: Any) -> None:
    single = {"coefficients": [0.1, 0.2], "intercepts": [0.05], "classlabels_ints": [0, 1]}
    check("LinearClassifier", WHOLE.astype(dtype), labels(), **single)


MACHINE = {
    "coefficients": [1.0, -0.5, -0.5, 0.25, 0.75, -1.0], "vectors_per_class": [1, 1, 1], "rho": [0.1, -0.2, 0.05],
    "support_vectors": [0.0, 0.0, 1.0, 1.0, 2.0, -2.0], "classlabels_ints": [3, 4, 5],
}  # fmt: skip
PAIR = {
    "coefficients": [1.0, -0.5, -0.5], "vectors_per_class": [1, 2], "support_vectors": [0.0, 0.0, 1.0, 1.0, 2.0, 2.0],
    "rho": [0.1], "classlabels_strings": ["no", "yes"],
}  # fmt: skip
SMALL = X[:-1]
KERNELS = [("LINEAR", 0.5, 0.0, 3.0), ("RBF", 0.5, 0.0, 3.0), ("POLY", 0.5, 1.0, 3.0), ("POLY", 0.2, -1.0, 2.0),
           ("SIGMOID", 0.1, 0.2, 0.0)]  # fmt: skip


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: f"{kernel[0]}-{kernel[3]:.0f}")
def test_support_vectors(kernel: tuple[str, float, float, float]) -> None:
    settings = {"kernel_type": kernel[0], "kernel_params": list(kernel[1:])}
    weights = {"coefficients": [1.0, -0.5, -0.5], "support_vectors": PAIR["support_vectors"], "rho": [0.1]}
    check("SVMRegressor", SMALL, {"y": Kind.FLOAT}, n_supports=3, **weights, **settings)
    check("SVMRegressor", SMALL, {"y": Kind.FLOAT}, n_supports=3, one_class=1, **weights, **settings)
    for transform in ("NONE", "LOGISTIC", "SOFTMAX"):
        check("SVMClassifier", SMALL, labels(**PAIR), post_transform=transform, **PAIR, **settings)
        check("SVMClassifier", SMALL, labels(), post_transform=transform, **MACHINE, **settings)
    check("SVMClassifier", SMALL, labels(**PAIR), prob_a=[-1.2], prob_b=[0.2], **PAIR, **settings)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_linear_machines(transform: str) -> None:
    settings = {"kernel_type": "RBF", "kernel_params": [0.5, 0.0, 3.0], "rho": [0.1], "post_transform": transform}
    check("SVMRegressor", X, {"y": Kind.FLOAT}, coefficients=[1.0, 2.0], n_supports=0, **settings)
    two = {"coefficients": [0.1, 0.2, -0.3, 0.4], "classlabels_ints": [7, -3]}
    check("SVMClassifier", X, labels(), **two, **settings)
    check("SVMClassifier", X, labels(), **{**two, "coefficients": [0.1, 0.2, 0.3, 0.1]}, **settings)
    three = {"coefficients": [0.1, 0.2, -0.3, 0.4, 0.3, -0.2], "classlabels_strings": ["a", "b", "c"]}
    check("SVMClassifier", X, labels(**three), **three, **settings)


@pytest.mark.parametrize("norm", ["MAX", "L1", "L2"])
def test_normalizer(norm: str) -> None:
    check("Normalizer", ODD, {"y": Kind.FLOAT}, norm=norm)
    check("Normalizer", ODD.astype(np.float64), {"y": Kind.FLOAT}, norm=norm)
    check("Normalizer", WHOLE, {"y": Kind.FLOAT}, norm=norm)
    check("Normalizer", WHOLE[WHOLE[:, 0] < 1000].astype(np.int32), {"y": Kind.FLOAT}, norm=norm)


def test_features() -> None:
    for x in (ODD, ODD.astype(np.float64) * 1.1, WHOLE, WHOLE.astype(np.int32)):
        check("Scaler", x, {"y": Kind.FLOAT}, scale=[2.0, 0.1], offset=[1.0, -0.3])
        check("Scaler", x, {"y": Kind.FLOAT}, scale=[0.7], offset=[1.1])
    check("Binarizer", ODD, {"y": Kind.FLOAT}, threshold=0.3)
    check("Imputer", ODD, {"y": Kind.FLOAT}, imputed_value_floats=[7.0, 8.0], replaced_value_float=NAN)
    check("Imputer", ODD, {"y": Kind.FLOAT}, imputed_value_floats=[7.0], replaced_value_float=1.0)
    check("Imputer", ODD, {"y": Kind.FLOAT}, imputed_value_floats=[7.0, 8.0, 9.0])
    check("Imputer", WHOLE, {"y": Kind.INT64}, imputed_value_int64s=[7, 8], replaced_value_int64=0)


@pytest.mark.parametrize("zeros", [0, 1])
def test_one_hot(zeros: int) -> None:
    cats = {"cats_int64s": [0, 1, 2, -1, 1], "zeros": zeros}
    for x in (WHOLE, np.array([[1.5, -0.5], [-1.9, 2], [NAN, 1], [1e9, 0]], dtype=np.float32), WHOLE.astype(float)):
        check("OneHotEncoder", x, {"y": Kind.FLOAT}, **cats)
    check("OneHotEncoder", TEXTS, {"y": Kind.FLOAT}, cats_strings=["a", "b", "zz", "", "a"], zeros=zeros)


def test_feature_vectorizer() -> None:
    for sizes in ([1, 3], [2, 2], [4, 1]):
        feed = {"x": X, "y": X * 2}
        proto = onnx_rows.node_model("FeatureVectorizer", feed, {"z": Kind.FLOAT}, inputdimensions=sizes)
        model = onnx_rows.read(proto)
        found = onnx_rows.evaluated(model, onnx_rows.columns_of(model, feed))
        np.testing.assert_array_equal(found[""]["transform"], onnx_rows.runtime(proto, feed)["z"])


PAIRS: list[tuple[Any, dict[str, Any], int]] = [
    (ONE, {"keys_strings": ["a", "b", "a"], "values_int64s": [1, 2, 3]}, Kind.INT64),
    (ONE, {"keys_strings": ["a", ""], "values_floats": [1.5, 0.1], "default_float": 7.5}, Kind.FLOAT),
    (ONE, {"keys_strings": ["a"], "values_strings": ["q"], "default_string": "none"}, Kind.STRING),
    (WHOLE[:, 0], {"keys_int64s": [1, 0], "values_strings": ["q", "r"]}, Kind.STRING),
    (WHOLE[:, 0], {"keys_int64s": [1, 0], "values_int64s": [9, 8], "default_int64": 5}, Kind.INT64),
    (WHOLE[:, 0], {"keys_int64s": [1, 2**24 + 1], "values_floats": [0.1, 0.2]}, Kind.FLOAT),
    (ODD[:, 0], {"keys_floats": [1.0, NAN, 0.3], "values_int64s": [1, 2, 3]}, Kind.INT64),
    (ODD[:, 0], {"keys_floats": [1.0, NAN, 0.3], "values_strings": ["u", "v", "w"]}, Kind.STRING),
    (ODD[:, 0], {"keys_floats": [1.0, 0.0, 0.3], "values_floats": [9.0, NAN, 1.0]}, Kind.FLOAT),
]


@pytest.mark.parametrize("version", [2, 4])
@pytest.mark.parametrize("number", range(len(PAIRS)))
def test_label_encoder(version: int, number: int) -> None:
    x, attributes, type_ = PAIRS[number]
    check("LabelEncoder", x, {"y": type_}, version, **attributes)


@pytest.mark.parametrize("default", [False, True])
@pytest.mark.parametrize("types", ["dd", "qd", "fq", "dq", "Oh", "Od", "dO"])
def test_label_encoder_of_tensors(types: str, default: bool) -> None:
    key, value = (np.dtype(each) for each in types)
    x = {"d": ODD[:, 0].astype(float), "q": WHOLE[:, 0], "f": ODD[:, 0], "O": ONE}[types[0]]
    keys: list[Any] = ["a", "b"] if types[0] == "O" else [1, 0]
    values: list[Any] = ["u", "v"] if types[1] == "O" else [7, 8]
    attributes = {"keys_tensor": tensor(keys, key), "values_tensor": tensor(values, value)}
    if default:
        attributes["default_tensor"] = tensor(["D"] if types[1] == "O" else [42], value)
    kind = {"d": Kind.DOUBLE, "q": Kind.INT64, "h": Kind.INT16, "O": Kind.STRING}[types[1]]
    check("LabelEncoder", x, {"y": kind}, 4, **attributes)


def test_tables() -> None:
    check("LabelEncoder", ONE, {"y": Kind.INT64}, 1, classes_strings=["a", "b", "a"])
    check("LabelEncoder", WHOLE[:, 0], {"y": Kind.STRING}, 1, classes_strings=["a", "b"], default_string="?")
    check("CategoryMapper", ONE, {"y": Kind.INT64}, 1, cats_strings=["a", "b", "a"], cats_int64s=[5, 6, 7])
    check("CategoryMapper", TEXTS, {"y": Kind.INT64}, 1, cats_strings=["a"], cats_int64s=[5], default_int64=4)
    check("CategoryMapper", WHOLE[:, 0], {"y": Kind.STRING}, 1, cats_strings=["a", "b"], cats_int64s=[1, 1])


def test_array_feature_extractor() -> None:
    for x in (ODD, TEXTS):
        if x is TEXTS:
            continue  # an output of several texts is no number
        proto = onnx_rows.node_model("ArrayFeatureExtractor", {"x": x, "i": np.array([1, 0, 1])}, {"y": Kind.FLOAT})
        proto = onnx_rows.constants(proto, {"i": np.array([1, 0, 1])})
        model = onnx_rows.read(proto)
        found = onnx_rows.evaluated(model, onnx_rows.columns_of(model, {"x": x}))[""]["transform"]
        np.testing.assert_array_equal(found, onnx_rows.runtime(proto, {"x": x})["y"])


DAMAGED: list[tuple[str, Any, dict[str, Any], str]] = [
    ("LinearRegressor", X, {"coefficients": [1.0] * 3, "targets": 1}, "3 coefficients for 1 targets and 2 features"),
    ("LinearClassifier", X, {"coefficients": [1.0] * 4, "intercepts": [0.0, 0.0], "classlabels_ints": [1]}, "1 labels"),
    ("LinearClassifier", X, {"coefficients": [1.0], "classlabels_ints": [1, 2]}, "1 coefficients for 0 targets"),
    ("LinearRegressor", X, {"coefficients": [1.0, 1.0], "post_transform": "ODD"}, "post_transform is 'ODD'"),
    ("SVMRegressor", X, {"coefficients": [1.0], "rho": [0.0], "n_supports": 1, "support_vectors": [1.0]}, "1 numbers"),
    ("SVMClassifier", X, {**PAIR, "vectors_per_class": [3]}, "1 numbers of vectors"),
    ("SVMClassifier", X, {**PAIR, "coefficients": [1.0]}, "1 coefficients for 1 targets and 3 features"),
    ("SVMClassifier", X, {**PAIR, "kernel_type": "ODD"}, "kernel is 'ODD'"),
    ("Scaler", X, {"scale": [1.0], "offset": [1.0, 2.0]}, "2 offsets and 1 scales"),
    ("Normalizer", X, {"norm": "L3"}, "norm is 'L3'"),
    ("FeatureVectorizer", X, {"inputdimensions": [1, 2]}, "1 inputs and the sizes"),
    ("LabelEncoder", ONE, {"keys_strings": ["a"], "values_int64s": [1, 2]}, "1 keys and 2 values"),
    ("LabelEncoder", X, {"keys_strings": ["a"], "values_int64s": [1]}, "keys of object for elements of float32"),
    ("CategoryMapper", ONE, {"cats_strings": ["a"], "cats_int64s": [1, 2]}, "1 texts and 2 integers"),
    ("ZipMap", X, {"classlabels_int64s": [1]}, "1 labels for a tensor"),
]


@pytest.mark.parametrize(("kind", "x", "attributes", "why"), DAMAGED, ids=[f"{row[0]}-{row[3]}" for row in DAMAGED])
def test_damaged_attributes_are_refused(kind: str, x: Any, attributes: dict[str, Any], why: str) -> None:
    outputs = {"label": Kind.INT64, "y": Kind.FLOAT} if kind.endswith("Classifier") else {"y": Kind.FLOAT}
    version = 2 if kind == "LabelEncoder" else 1
    with pytest.raises(ModelFileError, match=rf"cannot load test\.onnx: its node {kind}: .*{why}"):
        onnx_rows.read(onnx_rows.node_model(kind, {"x": x}, outputs, version=version, **attributes))
