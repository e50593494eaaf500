"""`read` as a whole: what it refuses and how it says so, names of columns, and model files."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from rowwise import fit, mixed, numbers, texts
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

from indb.errors import ModelFileError, UnsupportedModel
from indb.evaluate import decode, evaluate
from indb.ir import ForeignModel
from indb.readers import read


class StandardScalerOfMine(StandardScaler):
    pass


def table(values: Any) -> pd.DataFrame:
    return pd.DataFrame({"a": pd.Series(values, dtype=getattr(values, "dtype", None))})


REFUSED: list[tuple[str, Any, Any, str]] = [
    ("unfitted", StandardScaler(), None, "not fitted"),
    ("unfitted pipeline", make_pipeline(StandardScaler(), MinMaxScaler()), None, "not fitted"),
    ("no estimator", {"a": 1}, None, "no reader for builtins.dict"),
    ("subclass", StandardScalerOfMine(), numbers, "StandardScalerOfMine"),
    ("lambda", FunctionTransformer(lambda x: x), numbers, "'<lambda>'"),
    ("other function", FunctionTransformer(np.nan_to_num), numbers, "'nan_to_num'"),
    ("big integer", OneHotEncoder(), lambda: table([1, 2**53 + 1]), "9007199254740993"),
    ("dates", OneHotEncoder(), lambda: table(pd.to_datetime(["2020-01-01", "2021-01-01"])), "datetime64"),
    ("two missing values", OneHotEncoder(), lambda: table(np.array(["x", None, np.nan], dtype=object)), "None and NaN"),
    ("text output", SimpleImputer(strategy="most_frequent"), texts, "gives text in 'colour', 'size'"),
    ("no output", ColumnTransformer([("gone", "drop", [0])]), numbers, "gives no columns"),
    (
        "text and number",
        FeatureUnion([("o", OneHotEncoder()), ("i", SimpleImputer(strategy="constant", fill_value=0))]),
        lambda: texts("nan"),
        "both as text and as number",
    ),
]

FOREIGN: list[tuple[str, Any, Any, str]] = [
    ("arguments", FunctionTransformer(np.exp, kw_args={"where": True}), numbers, "'where'"),
    ("float32", make_pipeline(OneHotEncoder(dtype=np.float32), StandardScaler(with_mean=False)), texts, "float32"),
    ("float32 log", make_pipeline(OrdinalEncoder(dtype=np.float32), FunctionTransformer(np.log1p)), texts, "float32"),
]


@pytest.mark.parametrize(("estimator", "frame", "why"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_refused_is_named(estimator: Any, frame: Any, why: str) -> None:
    found = estimator if frame is None else fit(estimator, frame())
    with pytest.raises(UnsupportedModel) as caught:
        read(found)
    assert why in str(caught.value)
    assert str(caught.value).startswith("cannot ")


@pytest.mark.parametrize(("estimator", "frame", "why"), [row[1:] for row in FOREIGN], ids=[row[0] for row in FOREIGN])
def test_what_has_no_blocks_is_foreign_and_says_why(estimator: Any, frame: Any, why: str) -> None:
    model = read(fit(estimator, frame()))
    assert isinstance(model, ForeignModel)
    assert why in model.source["reason"]
    assert [column.name for column in model.columns] == list(frame().columns)


def test_a_user_s_class_of_the_same_name_is_refused() -> None:
    mine = type("StandardScaler", (StandardScaler,), {"__module__": "sklearn_of_mine.scale"})
    with pytest.raises(UnsupportedModel, match=r"no reader for sklearn_of_mine\.scale\.StandardScaler"):
        read(fit(mine(), numbers()))


def test_the_error_names_the_step() -> None:
    columns = ColumnTransformer([("text", FunctionTransformer(np.nan_to_num), [0])])
    pipeline = fit(Pipeline([("prepare", columns)]), numbers())
    with pytest.raises(UnsupportedModel, match="Pipeline > 'prepare' > ColumnTransformer > 'text' > Func"):
        read(pipeline)


def test_names_of_columns() -> None:
    frame = numbers()
    scaler = fit(StandardScaler(), frame.to_numpy())
    assert [column.name for column in read(scaler).columns] == ["x0", "x1", "x2"]
    assert [column.name for column in read(scaler, columns=["p", "q", "r"]).columns] == ["p", "q", "r"]
    for columns, why in ((["p", "q"], "2 names"), (["p", "q", "p"], "more than one column: p")):
        with pytest.raises(UnsupportedModel, match=why):
            read(scaler, columns=columns)
    named = fit(make_pipeline(FunctionTransformer(), StandardScaler()), frame)
    assert [column.name for column in read(named, columns=["a", "b", "c"]).columns] == ["a", "b", "c"]
    with pytest.raises(UnsupportedModel, match="it was fitted with"):
        read(named, columns=["p", "q", "r"])
    skipping = fit(Pipeline([("skip", "passthrough"), ("scale", StandardScaler())]), frame)
    assert [column.name for column in read(skipping).columns] == ["a", "b", "c"]


def test_where_a_model_comes_from() -> None:
    import sklearn

    model = read(fit(StandardScaler(), numbers()))
    assert model.source == {"class": "StandardScaler", "library": "scikit-learn", "version": sklearn.__version__}
    assert read(model) is model


def test_model_files(tmp_path: Any) -> None:
    import joblib
    import skops.io

    frame = mixed(gap=True)
    columns = ColumnTransformer(
        [("n", SimpleImputer(), make_column_selector(dtype_include=np.number)), ("t", OneHotEncoder(), ["size"])]
    )
    estimator = fit(columns, frame)
    model = read(estimator)
    model.save(tmp_path / "m.indb")
    skops.io.dump(estimator, tmp_path / "m.skops")
    joblib.dump(estimator, tmp_path / "m.joblib")
    joblib.dump(estimator, tmp_path / "m.pkl")
    for name, trust in (("m.indb", False), ("m.skops", False), ("m.joblib", True), ("m.pkl", True)):
        assert str(read(tmp_path / name, trust=trust)) == str(model)
        assert str(read(str(tmp_path / name), trust=trust)) == str(model)


def test_files_that_are_not_trusted(tmp_path: Any) -> None:
    import joblib
    import skops.io

    estimator = fit(StandardScalerOfMine(), numbers())
    joblib.dump(estimator, tmp_path / "m.pkl")
    skops.io.dump(estimator, tmp_path / "m.skops")
    with pytest.raises(ModelFileError, match="not trusted"):
        read(tmp_path / "m.pkl")
    with pytest.raises(ModelFileError, match="StandardScalerOfMine"):
        read(tmp_path / "m.skops")
    model = read(tmp_path / "m.skops", trust=True)
    assert model.is_foreign
    assert "StandardScalerOfMine" in model.source["reason"]
    with pytest.raises(ModelFileError, match="its StandardScalerOfMine is a pickle"):
        model.save(tmp_path / "m.indb")


def test_files_that_are_not_models(tmp_path: Any) -> None:
    for name in ("m.indb", "m.skops", "m.joblib", "m.pkl", "m.onnx", "m.tar", "m"):
        (tmp_path / name).write_bytes(b"nothing of use")
    for name, why in {
        "m.indb": "does not start as",
        "m.skops": "damaged",
        "m.joblib": "damaged",
        "m.pkl": "damaged",
        "m.onnx": "cannot load m.onnx: its bytes are no ONNX file",
        "m.tar": "format is not known .found '.tar'",
        "m": "no ending",
        "absent.skops": "no such file",
        "absent.indb": "no such file",
    }.items():
        with pytest.raises(ModelFileError, match=why):
            read(tmp_path / name, trust=True)
    (tmp_path / "folder.pkl").mkdir()
    with pytest.raises(ModelFileError, match="directory"):
        read(tmp_path / "folder.pkl", trust=True)


def test_a_row_that_one_step_refuses_has_no_prediction() -> None:
    frame = mixed()
    columns = ColumnTransformer([("n", StandardScaler(), ["c"]), ("t", OneHotEncoder(), ["colour"])])
    pipeline = make_pipeline(columns, LogisticRegression()).fit(frame, np.where(frame["a"] > 5, "high", "low"))
    model = read(pipeline)
    assert [column.name for column in model.columns] == ["c", "colour"]
    rows = {"c": [1.0, np.inf, np.nan, 1e308, 1.0, 1.0], "colour": ["red", "red", "red", "red", "pink", None]}
    outputs = evaluate(model, rows)[""]
    labels = model.targets[0].labels
    assert labels is not None
    want = pipeline.predict(frame.iloc[[0]].assign(**{name: values[:1] for name, values in rows.items()}))
    assert decode(labels, outputs["predict"]) == [*want, None, None, None, None, None]
    assert np.isnan(outputs["predict_proba"][1:]).all()
