"""Texts that a table's or a session's collation calls equal are still different categories, and different labels."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import pytest
from deployed import ENGINES, opened, rows, run
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

import indb
from indb.database import Database

FITTED = ("Paris", "paris", "Rome", "Oslo", "Bern", "Wien")
"""More than four: long lookups are written in another form than short ones."""

CITIES = (*FITTED, "PARIS", "rome", "oSLO", "Lyon")
"""With some that only a collation knows, and one that is unknown to it too."""

TYPES = {"duckdb": "varchar COLLATE NOCASE", "postgres": "text COLLATE any_case"}


@pytest.fixture(params=[ENGINES[0], pytest.param(ENGINES[1], marks=pytest.mark.postgres)])
def db(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database whose table `visits` has a text column that is compared regardless of case."""
    for database in opened(request):
        if database.engine.dialect == "postgres":
            run(
                database,
                "CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
            )
        else:
            run(database, "SET default_collation = 'NOCASE'")
        run(database, f"CREATE TABLE visits (id integer PRIMARY KEY, city {TYPES[database.engine.dialect]}, n integer)")
        for number, city in enumerate(CITIES):
            run(database, f"INSERT INTO visits VALUES ({number}, '{city}', {number})")
        assert rows(database, "SELECT count(*) FROM visits WHERE city = 'pArIs'") == [(3,)]  # it does compare so
        yield database


def fitted(estimator: ClassifierMixin, categories: Sequence[str] = FITTED) -> Pipeline:
    """Labels that differ in nothing but their case, of categories that do too."""
    frame = pd.DataFrame({"city": list(categories) * 4})
    labels = np.array([("a", "A", "b")[number % 3] for number in range(len(frame))])
    return make_pipeline(OneHotEncoder(handle_unknown="ignore"), estimator).fit(frame, labels)


@pytest.mark.parametrize("strategy", ["expression", "staged", "udf"])
@pytest.mark.parametrize("estimator", [LogisticRegression(), DecisionTreeClassifier()], ids=["linear", "tree"])
@pytest.mark.parametrize("categories", [FITTED[:3], FITTED], ids=["few", "many"])
def test_categories_and_labels_keep_their_case(
    request: pytest.FixtureRequest, db: Database, strategy: str, estimator: ClassifierMixin, categories: Sequence[str]
) -> None:
    if strategy == "udf" and db.engine.dialect == "postgres":
        request.getfixturevalue("plpython")
    pipeline = fitted(estimator, categories)
    frame = pd.DataFrame({"city": CITIES})
    wanted = dict(zip(pipeline.classes_, pipeline.predict_proba(frame).T, strict=True))
    db.deploy("m", indb.read(pipeline), "visits", strategy=strategy)
    for label, expected in wanted.items():
        found = rows(db, f"SELECT predict_proba('m', v, '{label}') FROM visits AS v ORDER BY id")
        np.testing.assert_allclose([value for (value,) in found], expected, rtol=1e-12, atol=1e-15)
    labels = rows(db, "SELECT predict_label('m', v) FROM visits AS v ORDER BY id")
    assert [label for (label,) in labels] == list(pipeline.predict(frame))
    db.score("m", into="scores")
    scored = rows(db, "SELECT predict FROM scores ORDER BY id")
    assert [label for (label,) in scored] == list(pipeline.predict(frame))
    assert db.verify("m").ok


@pytest.mark.parametrize("categories", [FITTED[:3], FITTED], ids=["few", "many"])
def test_the_columns_given_to_a_model_and_the_text_of_to_sql(db: Database, categories: Sequence[str]) -> None:
    frame = pd.DataFrame({"city": list(categories) * 4})
    numbers = np.arange(len(frame)) % len(categories)
    pipeline = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()).fit(frame, numbers)
    model = indb.read(pipeline)
    expected = list(pipeline.predict(pd.DataFrame({"city": CITIES})))
    query = indb.to_sql(model, db.engine.dialect, "visits", "id")
    assert [row[1] for row in sorted(rows(db, query))] == expected
    db.deploy("m", model, "visits", strategy="expression")
    call = "m(city)" if db.engine.dialect == "postgres" else "m(v)"
    assert [label for (label,) in rows(db, f"SELECT {call} FROM visits AS v ORDER BY id")] == expected


def test_the_name_of_a_model_keeps_its_case(db: Database) -> None:
    db.deploy("m", indb.read(fitted(LogisticRegression())), "visits")
    with pytest.raises(Exception, match="model 'M' is unknown"):
        db.engine.connection.execute("SELECT predict_label('M', v) FROM visits AS v").fetchall()
