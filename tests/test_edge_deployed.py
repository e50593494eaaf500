"""Edge formats deployed as Python functions in DuckDB and PostgreSQL: their runtimes' numbers, gaps as NULL."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import psycopg
import pytest
from edge import DATA, rows, scored

import indb
from indb.errors import DeprecatedFormat
from indb.ir import ForeignModel, Model

pytest.importorskip("ai_edge_litert")
pytest.importorskip("tflite")
pytest.importorskip("executorch")
pytest.importorskip("h5py")
pytest.importorskip("torch")

from tflite_files import dense

pytestmark = pytest.mark.slow

ROWS = np.concatenate([rows(), np.random.default_rng(6).normal(size=(250, 4))])
NAMES = ["a", "b", "c", "d"]
FILES = ["net.tflite", "dense.pt2", "dense.ts", "dense.pte", "dense.keras"]


def read(name: str, folder: Path) -> Model:
    path = DATA / name
    if name == "net.tflite":
        path = folder / name
        path.write_bytes(dense(np.random.default_rng(0), [4, 16, 3], last="HARD_SWISH"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecatedFormat)
        model = indb.read(path, columns=NAMES)
    assert isinstance(model, ForeignModel)
    return model


FIELDS = "id integer PRIMARY KEY, a double precision, b double precision, c double precision, d double precision"


def table() -> list[tuple[Any, ...]]:
    return [(number, *(None if value != value else float(value) for value in row)) for number, row in enumerate(ROWS)]


def check(database: indb.Database, model: Model, number: int, **options: Any) -> None:
    """A table of scores in several batches, and rows one by one, are what the runtime gives."""
    name = f"net{number}"
    made = database.deploy(name, model, "numbers", **options)
    assert made.strategy == "udf"
    wanted = scored(model, ROWS)
    lanes = np.concatenate([values for each in wanted.values() for values in each.values()], axis=1)
    outputs = sorted({output for target in model.targets for output in target.outputs})
    database.score(name, into=f"scores{number}", outputs=outputs, chunk_rows=100)
    found = database.sql(f"SELECT * FROM scores{number} ORDER BY id").fetchall()
    got = np.array([[np.nan if value is None else value for value in row[1:]] for row in found])
    np.testing.assert_allclose(got, lanes, rtol=1e-6, atol=1e-7)
    assert np.isnan(got[2]).all()
    assert database.verify(name).ok
    calls = ", ".join(f'indb."{made.function(lane)}"(n)' for lane in made.lanes)
    if options:
        few = database.sql(f"SELECT {calls} FROM numbers AS n WHERE id < 9 ORDER BY id").fetchall()
        alone = np.array([[np.nan if value is None else value for value in row] for row in few])
        np.testing.assert_allclose(alone, lanes[:9], rtol=1e-6, atol=1e-7)


def test_in_duckdb(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE numbers ({FIELDS})")
        connection.executemany("INSERT INTO numbers VALUES (?, ?, ?, ?, ?)", table())
        with indb.connect(connection) as database:
            for number, name in enumerate(FILES):
                check(database, read(name, tmp_path), number)


def test_in_postgres(plpython: None, postgres_connection: psycopg.Connection[Any], tmp_path: Path) -> None:
    postgres_connection.execute("CREATE EXTENSION IF NOT EXISTS plpython3u")
    postgres_connection.execute(f"CREATE TABLE numbers ({FIELDS})")
    with postgres_connection.cursor() as cursor:
        cursor.executemany("INSERT INTO numbers VALUES (%s, %s, %s, %s, %s)", table())
    folder = str(Path(np.__file__).resolve().parents[1])
    with indb.connect(postgres_connection) as database:
        for number, name in enumerate(FILES):
            check(database, read(name, tmp_path), number, server_python=folder)
