"""CatBoost models that CatBoost runs in the database: categories of which only hashes are known, texts."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import psycopg
import pytest
from catboost import CatBoostClassifier, CatBoostRegressor
from rows import awkward_rows
from zoo import frames
from zoo.catboost import SMALL, ask, categories, classes, labels, signal

import indb
from indb import codec
from indb.errors import ModelFileError, UnsupportedModel
from indb.evaluate import column_values, decode, evaluate
from indb.ir import ForeignModel, Type
from indb.passes import optimise
from indb.runtime.scorer import Scorer

CATEGORIES = ["city", "plan", "level", "member"]


def worded() -> pd.DataFrame:
    """Categories beside a column of words."""
    words = np.where(signal() > 0, "good red car", "bad red car")
    return categories()[["age", "plan"]].assign(words=words)


MODELS: dict[str, Any] = {
    "binary": lambda: CatBoostClassifier(**SMALL).fit(categories(), classes(2), cat_features=CATEGORIES),
    "several": lambda: CatBoostClassifier(**{**SMALL, "iterations": 20}).fit(
        categories(), classes(3), cat_features=CATEGORIES
    ),
    "amount": lambda: CatBoostRegressor(**{**SMALL, "depth": 5}).fit(categories(), signal(), cat_features=CATEGORIES),
    "counts": lambda: CatBoostRegressor(loss_function="Poisson", **SMALL).fit(
        categories(), np.exp(signal()), cat_features=CATEGORIES
    ),
    "two_labels": lambda: CatBoostClassifier(loss_function="MultiLogloss", class_names=["a", "b"], **SMALL).fit(
        categories(), labels(2), cat_features=CATEGORIES
    ),
    "words": lambda: CatBoostClassifier(**SMALL).fit(
        worded(), classes(2), cat_features=["plan"], text_features=["words"]
    ),
    "unseen": lambda: CatBoostClassifier(classes_count=4, **SMALL).fit(frames.gaps(), np.arange(frames.N) % 3),
}


def read(name: str) -> tuple[Any, pd.DataFrame, indb.Model]:
    fitted = MODELS[name]()
    frame = {"words": worded, "unseen": frames.gaps}.get(name, categories)()
    model = indb.read(fitted)
    assert isinstance(model, ForeignModel)
    return fitted, frame, model


@pytest.mark.parametrize("name", MODELS)
def test_the_runtime_gives_what_the_library_gives(name: str) -> None:
    fitted, frame, model = read(name)
    scorer = Scorer.load(codec.encode(optimise(model)))
    rows = awkward_rows(model, frame, np.random.default_rng(zlib.crc32(name.encode())), limit=150)
    ready = {column.name: column_values(column, rows[column.name].tolist()) for column in model.columns}
    found = scorer.outputs(ready, len(rows))
    everything = np.concatenate([values for each in found.values() for values in each.values()], axis=1)
    scored = ~np.isnan(everything).any(axis=1)
    assert scored.sum() >= 30
    given = rows.to_numpy(dtype=object)
    for row in np.flatnonzero(~scored).tolist():
        with pytest.raises(ValueError, match=r"."):
            ask(fitted, given[[row]])
    theirs = ask(fitted, given[scored])
    for number, target in enumerate(model.targets):
        for output in target.outputs:
            values, wanted = found[target.name][output][scored], theirs[output]
            if len(model.targets) > 1:
                wanted = wanted[number] if isinstance(wanted, list) else wanted[:, number]
            if output == "predict" and target.labels:
                assert decode(target.labels, values) == wanted.tolist()
            else:
                assert np.array_equal(values, np.asarray(wanted, dtype=float).reshape(len(values), -1))


def test_what_the_columns_hold() -> None:
    _, _, model = read("several")
    kinds = {column.name: column.kind.value for column in model.columns}
    assert kinds == {
        "age": "number", "score": "number", "city": "text", "plan": "text", "level": "number", "member": "number"
    }  # fmt: skip
    told = indb.read(MODELS["several"](), text_columns=["city", "plan", "level"])
    assert {column.name for column in told.columns if column.kind is Type.TEXT} == {"city", "plan", "level"}
    with pytest.raises(UnsupportedModel, match=r"text_columns= says \['town'\]"):
        indb.read(MODELS["several"](), text_columns=["town"])


def test_codes_alone_become_blocks() -> None:
    frame = categories().drop(columns=["city", "plan"])
    options = {**SMALL, "iterations": 20, "depth": 4}
    fitted = CatBoostClassifier(**options).fit(frame, classes(2), cat_features=["level", "member"])
    model = indb.read(fitted)
    assert not isinstance(model, ForeignModel)
    rows = pd.concat([frame, frame.assign(level=[*range(-60, 60)])])
    found = evaluate(model, {name: rows[name].to_numpy() for name in rows})[""]
    assert np.array_equal(found["decision_function"][:, 0], fitted.predict(rows, prediction_type="RawFormulaVal"))
    assert decode(model.targets[0].labels or (), found["predict"]) == fitted.predict(rows).tolist()


def test_a_file_of_the_library(tmp_path: Path) -> None:
    fitted = MODELS["binary"]()
    fitted.save_model(str(tmp_path / "model.cbm"))
    model = indb.read(tmp_path / "model.cbm")
    assert isinstance(model, ForeignModel)
    assert "keeps hashes only" in model.source["reason"]
    model.save(tmp_path / "model.indb")
    again = indb.load(tmp_path / "model.indb")
    assert codec.encode(again) == codec.encode(model)


def test_embeddings_are_refused() -> None:
    frame = pd.DataFrame({"age": np.arange(40.0), "where": [[float(i), i % 3] for i in range(40)]})
    fitted = CatBoostClassifier(**SMALL).fit(frame, np.arange(40) % 3 > 0, embedding_features=["where"])
    with pytest.raises(UnsupportedModel, match="embedding features, which no column of a table holds"):
        indb.read(fitted)


def test_a_damaged_model_is_refused() -> None:
    _, _, model = read("binary")
    data = codec.encode(optimise(model))
    block = model.targets[0].outputs["predict"]
    object.__setattr__(block, "payload", np.frombuffer(b"no model", dtype=np.uint8))
    with pytest.raises(ModelFileError, match="cannot load the CatBoostClassifier of the model"):
        Scorer(model)
    assert Scorer.load(data)


def check_deployed(database: indb.Database, fitted: Any, model: indb.Model, **options: Any) -> None:
    """The labels and probabilities of a table of categories that has a row with a missing city."""
    golden = indb.golden_rows(fitted, categories(), model)
    assert database.deploy("churn", model, "customers", proof=golden, **options).strategy == "udf"
    found = rows_of(database, "SELECT predict_label('churn', c), predict_proba('churn', c, 'mid') FROM customers c")
    given = categories().to_numpy(dtype=object)
    wanted = ask(fitted, given)
    assert [label for label, _ in found] == [*wanted["predict"].tolist(), None]
    assert [value for _, value in found] == [*wanted["predict_proba"][:, 1].tolist(), None]
    assert database.verify("churn").ok


def rows_of(database: indb.Database, query: str) -> list[tuple[Any, ...]]:
    return list(database.sql(f"{query} ORDER BY c.id").fetchall())


COLUMNS = "id integer PRIMARY KEY, age {0}, score {0}, city {1}, plan {1}, level {0}, member boolean"


def values() -> list[tuple[Any, ...]]:
    """The rows of the table, the last one without a city."""
    frame = categories()
    rows = [tuple(None if value != value else value for value in row) for row in frame.itertuples(index=False)]
    return [(number, *row) for number, row in enumerate([*rows, (1.0, 1.0, None, "pro", 1, True)])]


def test_it_runs_in_duckdb(duckdb_connection: duckdb.DuckDBPyConnection) -> None:
    fitted, _, model = read("binary")
    duckdb_connection.execute(f"CREATE TABLE customers ({COLUMNS.format('double', 'varchar')})")
    duckdb_connection.executemany("INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?, ?)", values())
    with indb.connect(duckdb_connection) as database:
        check_deployed(database, fitted, model)


@pytest.mark.slow  # of a server in a container, which has not this environment's packages
def test_it_runs_in_postgres(plpython: None, postgres_connection: psycopg.Connection) -> None:
    fitted, _, model = read("binary")
    postgres_connection.execute("CREATE EXTENSION IF NOT EXISTS plpython3u")
    postgres_connection.execute(f"CREATE TABLE customers ({COLUMNS.format('float8', 'text')})")
    with postgres_connection.cursor() as cursor:
        cursor.executemany("INSERT INTO customers VALUES (%s, %s, %s, %s, %s, %s, %s)", values())
    folder = str(Path(np.__file__).resolve().parents[1])
    with indb.connect(postgres_connection) as database:
        check_deployed(database, fitted, model, server_python=folder)
