"""Foreign models: what scikit-learn and ONNX Runtime give is what the runtime of UDFs gives, refused rows apart."""

from __future__ import annotations

import subprocess
import sys
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rows import awkward_rows
from sklearn.cluster import DBSCAN, Birch, FeatureAgglomeration
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import StackingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, TargetEncoder
from test_oracle import library_input, library_outputs, quiet
from threadpoolctl import threadpool_info  # type: ignore[import-untyped]
from zoo.foreign import FOREIGN
from zoo.frames import TARGETS, numbers

from indb import codec, to_sql
from indb.errors import EmitError, ModelFileError, UnsupportedModel
from indb.evaluate import Values, column_values, decode, evaluate
from indb.ir import Column, Foreign, ForeignModel, Model, Target, Type, walk
from indb.passes import optimise
from indb.readers import read
from indb.runtime.foreign import load
from indb.runtime.refusals import Ask, Runner
from indb.runtime.scorer import Scorer
from indb.runtime.steps import Steps

texts3 = TARGETS["texts3"]
REPRESENTATIVE = frozenset(
    (
        "knn_texts3",
        "svc_probabilities3",
        "label_spreading",
        "texts_strict_knn",
        "texts_none",
        "two_labels",
        "isotonic",
        "words",
    )
)
CASES = tuple(pytest.param(name, marks=() if name in REPRESENTATIVE else pytest.mark.slow) for name in FOREIGN)


def model_of(name: str) -> Model:
    estimator, frame = FOREIGN[name]()
    named = hasattr(estimator, "feature_names_in_") or hasattr(estimator, "n_features_in_")
    return read(estimator, columns=None if named else list(frame.columns))


def ready(model: Model, rows: pd.DataFrame) -> dict[str, Values]:
    return {column.name: column_values(column, rows[column.name].tolist()) for column in model.columns}


def outputs(scorer: Scorer, model: Model, rows: pd.DataFrame) -> dict[tuple[str, str], Values]:
    found = scorer.outputs(ready(model, rows), len(rows))
    return {(target, method): values for target, each in found.items() for method, values in each.items()}


def assert_output(model: Model, name: tuple[str, str], ours: Values, theirs: Any) -> None:
    """The same bits, and labels of the same Python type."""
    labels = next(target.labels for target in model.targets if target.name == name[0])
    if name[1] == "predict" and labels is not None:
        assert [(type(each), each) for each in decode(labels, ours)] == [(type(each), each) for each in theirs.tolist()]
    else:
        np.testing.assert_array_equal(ours, np.asarray(theirs, float).reshape(len(ours), -1), str(name))


def library(estimator: Any, rows: pd.DataFrame, frame: pd.DataFrame, model: Model, method: str) -> Any:
    """{(target, method): what the library gives} for rows."""
    targets = tuple(Target(each.name, {method: each.outputs[method]}) for each in model.targets)
    given = library_input(estimator, rows, frame)
    given = np.ascontiguousarray(given) if isinstance(given, np.ndarray) else given
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return library_outputs(estimator, given, targets)


def is_refused(estimator: Any, row: pd.DataFrame, frame: pd.DataFrame, model: Model, method: str) -> bool:
    """Whether the library raises ValueError for a row alone, or gives nothing but NaN for it."""
    try:
        found = library(estimator, row, frame, model, method)
    except ValueError:
        return True
    return all(values.dtype.kind == "f" and np.isnan(values).all() for values in found.values())


@pytest.mark.parametrize("name", CASES)
def test_the_runtime_gives_what_the_library_gives(name: str) -> None:
    estimator, frame = FOREIGN[name]()
    model = model_of(name)
    assert isinstance(model, ForeignModel)
    read_names = [column.name for column in model.columns]
    assert read_names == [name for name in frame.columns if name in read_names]
    scorer = Scorer.load(codec.encode(optimise(model)))
    rows = awkward_rows(model, frame, np.random.default_rng(zlib.crc32(name.encode())), limit=100)
    ours = outputs(scorer, model, rows)
    for method in model.targets[0].outputs:
        mine = {key: values for key, values in ours.items() if key[1] == method}
        scored = ~np.concatenate([np.isnan(values) for values in mine.values()], axis=1).all(axis=1)
        assert scored.sum() >= 20, "too few rows are scored for the test to say anything"
        refused = np.flatnonzero(~scored)
        for row in refused[:: 1 + len(refused) // 12].tolist():
            assert is_refused(estimator, rows.iloc[[row]], frame, model, method), rows.iloc[row].tolist()
        theirs = library(estimator, rows[scored], frame, model, method)
        alone = outputs(scorer, model, rows[scored])
        for key, values in mine.items():
            assert_output(model, key, alone[key], theirs[key])
            # In other company the last bits of a matrix product differ, of float32 where the model computes in it.
            np.testing.assert_allclose(values[scored], alone[key], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", sorted(REPRESENTATIVE))
def test_it_is_not_evaluated(name: str) -> None:
    model = model_of(name)
    with pytest.raises(UnsupportedModel, match="known only to the library that fitted it\n.*Scorer"):
        evaluate(model, {column.name: [] for column in model.columns})


def test_sql_is_refused_naming_the_estimator() -> None:
    with pytest.raises(
        EmitError, match=r"only the library that fitted it can run its GaussianProcessClassifier\n  Deploy it as a UDF"
    ):
        to_sql(model_of("gaussian_process_classifier"), "duckdb", "customers")


def test_where_a_foreign_model_comes_from() -> None:
    model = read(KNeighborsClassifier().fit(numbers(), texts3()))
    assert model.source["class"] == "KNeighborsClassifier"
    assert model.source["library"] == "scikit-learn"
    assert "which of several equally distant rows are neighbours" in model.source["reason"]
    assert "foreign(%0, %1, %2, %3) KNeighborsClassifier.predict_proba, skops of" in str(model)
    assert not read(GridSearchCV(Ridge(), {"alpha": [1.0]}, cv=2).fit(numbers(), TARGETS["amount"]())).is_foreign


@pytest.mark.parametrize(
    ("estimator", "why"),
    [
        (
            KNeighborsClassifier(),
            "cannot read KNeighborsClassifier: this KNeighborsClassifier is not fitted\n  Call its",
        ),
        (DBSCAN().fit(numbers()), "cannot read DBSCAN: it has no predict or transform for new rows\n  It labels only"),
        (
            make_pipeline(Birch(), FeatureAgglomeration(2, pooling_func=np.median)).fit(numbers()),
            r"UDF: skops cannot write it \(Objects of type Birch are not .*\n  Use scikit-learn's",
        ),
        (
            StackingClassifier([("a", DummyClassifier(strategy="uniform"))], cv="prefit").fit,
            r"UDF: its DummyClassifier\(strategy='uniform'\) gives random values",
        ),
        (make_pipeline(FunctionTransformer(lambda x: x)).fit(numbers()), "'<lambda>'"),
    ],
)
def test_what_no_library_can_run_names_both_reasons(estimator: Any, why: str) -> None:
    if callable(estimator):
        estimator.__self__.estimators[0][1].fit(numbers(), texts3())
        estimator = estimator(numbers(), texts3())
    with pytest.raises(UnsupportedModel, match=why):
        read(estimator)


def test_text_columns_are_found_or_told() -> None:
    kinds = {column.name: column.kind for column in model_of("texts_strict_knn").columns}
    assert kinds["city"] is kinds["plan"] is Type.TEXT
    assert kinds["age"] is kinds["income"] is Type.NUMBER
    frame = pd.DataFrame({"word": ["a", "b"] * 20, "x": np.arange(40.0)})
    columns = ColumnTransformer([("word", FunctionTransformer(), ["word"])], remainder="passthrough")
    estimator = make_pipeline(columns, TargetEncoder(cv=2), KNeighborsRegressor()).fit(frame, np.arange(40.0) % 2)
    with pytest.raises(
        UnsupportedModel, match=r"predict accepts none of the rows .*\n  Name the columns that hold text"
    ):
        read(estimator)
    model = read(estimator, text_columns=["word"])
    found = Scorer(model).outputs(ready(model, frame), 40)[""]["predict"][:, 0]
    np.testing.assert_array_equal(found, estimator.predict(frame))
    with pytest.raises(UnsupportedModel, match=r"text_columns= says \['words'\], it was fitted with \['word', 'x'\]"):
        read(estimator, text_columns=["words"])


def test_a_vectoriser_in_front_takes_one_text_column() -> None:
    texts = ["good film", "bad film", "good", "bad", "fine", "awful bad"] * 5
    estimator = make_pipeline(TfidfVectorizer(), MultinomialNB()).fit(texts, [text[0] for text in texts])
    model = read(estimator)
    assert [(column.name, column.kind) for column in model.columns] == [("text", Type.TEXT)]
    rows = np.array([["a good one"], [None], ["bad"], [""]], dtype=object)
    found = Scorer(model).outputs({"text": rows}, 4)[""]
    assert model.targets[0].labels is not None
    assert decode(model.targets[0].labels, found["predict"])[:3] == ["g", None, "b"]
    np.testing.assert_array_equal(found["predict_proba"][[0, 2, 3]], estimator.predict_proba(["a good one", "bad", ""]))
    assert [column.name for column in read(estimator, columns=["review"]).columns] == ["review"]


def test_a_library_is_asked_for_what_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outputs of rows that steps may refuse are guarded alike; that does not make them one."""
    model = model_of("svc_probabilities3")
    scorer, columns = Scorer(model), ready(model, numbers())
    asked: list[str] = []
    ask = Steps.ask
    monkeypatch.setattr(Steps, "ask", lambda steps, method: (asked.append(method), ask(steps, method))[1])
    scorer.outputs(columns, len(numbers()), frozenset({("", "predict")}))
    assert asked == ["predict"]


def test_refused_rows_cost_a_few_calls() -> None:
    """A batch in which every column has missing values is not tried row by row."""
    model = model_of("knn_texts3")
    block = next(block for block in walk(model.roots()) if isinstance(block, Foreign))
    runner = Runner(load(block), block.example, block.inputs)
    calls = []
    of_rows = runner.loaded.rows
    runner.loaded.rows = lambda inputs: (calls.append(len(inputs[0])), of_rows(inputs))[1]  # type: ignore[method-assign]
    values = np.random.default_rng(0).normal(size=(1000, 4))
    values[np.random.default_rng(1).random(values.shape) < 0.1] = np.nan
    rows, parts = runner.run("predict", [values], {})
    np.testing.assert_array_equal(rows, np.flatnonzero(~np.isnan(values).any(axis=1)))
    assert len(parts[0]) == len(rows)
    assert len(calls) <= 8


def test_a_method_that_refuses_the_example_is_still_tried() -> None:
    class Picky:
        def rows(self, inputs: list[Values]) -> Ask:
            def ask(method: str) -> list[Any]:
                if (inputs[0] < 0.5).any():
                    raise ValueError("too small")
                return [inputs[0] * 2.0]

            return ask

    runner = Runner(Picky(), (0.0,), [Column("x")])
    rows, parts = runner.run("predict", [np.array([[0.1], [1.0], [0.2], [3.0], [np.nan]])], {})
    assert rows.tolist() == [1, 3, 4]
    np.testing.assert_array_equal(parts[0][:, 0], [2.0, 6.0, np.nan])
    assert Runner(Picky(), (), [Column("x")]).run("predict", [np.array([[0.1], [0.2]])], {})[1] == []


def test_batches_without_rows_and_larger_than_the_library_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of("knn_texts3")
    scorer = Scorer(model)
    columns = ready(model, numbers())
    wanted = scorer.outputs(columns, len(numbers()))[""]["predict"]
    monkeypatch.setattr("indb.runtime.refusals.ROWS", 7)
    np.testing.assert_allclose(scorer.outputs(columns, len(numbers()))[""]["predict"], wanted, rtol=1e-12)
    assert scorer.outputs({name: values[:0] for name, values in columns.items()}, 0)[""]["predict"].shape == (0, 1)


def test_threads_share_a_scorer_and_leave_the_process_as_it_was() -> None:
    model = model_of("texts_knn")
    frame = FOREIGN["texts_knn"]()[1]
    scorer, columns = Scorer(model), ready(model, frame)
    before = list(warnings.filters), [pool["num_threads"] for pool in threadpool_info()]
    wanted = scorer.outputs(columns, len(frame))[""]["predict"]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: scorer.outputs(columns, len(frame))[""]["predict"], range(12)))
    for each in found:
        np.testing.assert_array_equal(each, wanted)
    assert warnings.filters == before[0]
    for _ in range(50):
        if [pool["num_threads"] for pool in threadpool_info()] == before[1]:
            return
        time.sleep(0.1)
    raise AssertionError("the threads of BLAS were not put back")


@pytest.mark.parametrize("package", ["skops", "pandas"])
def test_a_package_that_the_server_lacks_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = codec.encode(model_of("categories_voting"))
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModelFileError, match=f"package {package} is missing\n  Install"):
        Scorer.load(data)


def test_numbers_alone_need_no_pandas(tmp_path: Path) -> None:
    model = model_of("knn_texts3")
    model.save(tmp_path / "m.indb")
    values = np.stack([each[:, 0] for each in ready(model, numbers()).values()])
    np.save(tmp_path / "x.npy", values)
    script = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'", name=name)
sys.meta_path.insert(0, Absent())
import numpy as np
from indb.runtime.scorer import Scorer
from indb.runtime.steps import Steps
scorer, values = Scorer.load(open("m.indb", "rb").read()), np.load("x.npy")
columns = {each.name: values[number].reshape(-1, 1) for number, each in enumerate(scorer.model.columns)}
np.save("y.npy", scorer.outputs(columns, values.shape[1])[""]["predict_proba"])
assert "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    wanted = Scorer(model).outputs(ready(model, numbers()), 120)[""]["predict_proba"]
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), wanted)
