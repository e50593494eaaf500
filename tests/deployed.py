"""A table, small models built block by block, and what tests ask of a database that they are deployed in."""

from collections.abc import Iterator

import pytest

import indb
from indb import build
from indb.database import Database
from indb.ir import Column, Lookup, Model, Target, Type

ENGINES = ("duckdb", "postgres")


FLIGHTS = (
    "CREATE TABLE flights (id integer PRIMARY KEY, age integer, city varchar(20), dist double precision, at_ date)"
)
VALUES = (
    "INSERT INTO flights VALUES (1, 10, 'Paris', 0.5, NULL), (2, NULL, 'Rome', 1.5, NULL), "
    "(3, 30, NULL, NULL, NULL), (4, -4, 'O''Hare', 4e300, NULL), (5, 50, '', -1, NULL)"
)


def opened(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A new database of the engine `request.param`, with a table flights."""
    if request.param == "duckdb":
        target = "duckdb://"
    else:
        target = request.getfixturevalue("postgres_database")()
    with indb.connect(target) as database:
        run(database, FLIGHTS)
        run(database, VALUES)
        yield database


def run(db, sql):
    db.engine.execute(sql)


def rows(db, sql):
    return [tuple(row) for row in db.sql(sql).fetchall()]


def objects(db):
    """Everything that exists in the database, by name."""
    if db.engine.dialect == "postgres":
        return db.engine.rows(
            "SELECT 'f', oid::regprocedure::text, prosrc FROM pg_proc WHERE pronamespace > 16000 UNION ALL "
            "SELECT 'c', oid::regclass::text, relkind::text FROM pg_class WHERE oid > 16000 UNION ALL "
            "SELECT 's', nspname, '' FROM pg_namespace ORDER BY 1, 2, 3"
        )
    return db.engine.rows(
        "SELECT 'f', function_name, coalesce(macro_definition, '') FROM duckdb_functions() WHERE NOT internal "
        "UNION ALL "
        "SELECT 't', schema_name || '.' || table_name, '' FROM duckdb_tables() UNION ALL "
        "SELECT 's', schema_name, '' FROM duckdb_schemas() WHERE NOT internal ORDER BY 1, 2, 3"
    )


def binary(age="age", city="city", labels=("no", "yes")):
    """A classifier of two columns: p = sigmoid(age / 10 + city's weight)."""
    x, c = Column(age), Column(city, Type.TEXT)
    weight = Lookup(c, ("Paris", "O'Hare"), ((1.0,), (-2.0,)), (0.25,), (0.0,))
    score = build.add(build.divide(x, build.number(10.0)), weight)
    proba = build.binary_probabilities(build.sigmoid(score))
    outputs = {"predict": build.less(build.number(0.0), score), "predict_proba": proba, "decision_function": score}
    outputs["predict"] = build.only_if([build.between(x, -1e300, 1e300)], outputs["predict"])
    return Model((x, c), (Target("", outputs, tuple(labels)),), {"class": "Test"})


def regression(column="dist", factor=2.0):
    x = Column(column)
    return Model((x,), (Target("", {"predict": build.multiply(x, build.number(factor))}),))


def several():
    x, y = Column("age"), Column("dist")
    first = Target("up", {"predict": build.add(x, build.number(1.0))})
    proba = build.binary_probabilities(build.sigmoid(y))
    second = Target("it's", {"predict": build.less(build.number(0.0), y), "predict_proba": proba}, (False, True))
    return Model((x, y), (first, second))
