"""What columns can hold: the databases themselves keep every value that is said to fit."""

from __future__ import annotations

import math
from dataclasses import replace

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from zoo import ZOO

from indb.engines.deployment import BoundColumn
from indb.golden import awkward_rows, fits, nearest
from indb.ir import Column, Lookup, Model, Target, Type, walk
from indb.readers import read

DUCKDB = {
    "BOOLEAN": "boolean",
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), "integer"),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"), "integer"),
    "UHUGEINT": "decimal",
    **{f"DECIMAL({precision},{scale})": "decimal" for precision, scale in [(4, 2), (9, 0), (10, 2), (18, 3), (18, 18)]},
    **{f"DECIMAL(38,{scale})": "decimal" for scale in (0, 1, 10, 22)},
    "FLOAT": "float32",
    "DOUBLE": "float64",
}
"""DuckDB's types of numbers and the kind of each."""

POSTGRES = {
    "boolean": "boolean",
    **dict.fromkeys(("smallint", "integer", "bigint"), "integer"),
    **dict.fromkeys(("numeric", "numeric(10,2)", "numeric(4,4)", "numeric(38,10)", "numeric(3,5)"), "decimal"),
    "real": "float32",
    "double precision": "float64",
}
"""PostgreSQL's types of numbers."""

POSTGRES_TEXTS = ("text", "character varying", "character varying(5)", "character(3)", "bpchar", "name", '"char"')

NUMBERS = (0.0, -0.0, 0.5, -0.5, 2.5, 100.25, 99.999, 1e5 + 1e-7, 32767.5, 2.0**53 + 2, 1e18, 3.4028236e38, 1e39, 1e300)
NUMBERS = (*NUMBERS, -127.5, -1e19, 5e-324, 1e-45, math.inf, -math.inf, 1.7976931348623157e308, 123456.789, 0.1)
TEXTS = (
    "",
    " ",
    "a",
    "a ",
    "Ab",
    "it's",
    'say "so"',
    "naïve ☃ 𝄞",
    "ééééééééé" * 9,
    "x" * 70,
    "line\nbreak",
    "back\\slash",
)

ENUM = "ENUM('it''s', 'a, b', 'x)', '', 'ü')"


numbers = st.one_of(
    st.sampled_from(NUMBERS), st.floats(allow_nan=False), st.floats(-1e6, 1e6), st.integers().map(float)
)


def column(type_: str, kind: str) -> BoundColumn:
    return BoundColumn("x", "x", type_, kind)


def bound(model: Model, number: str = "double precision", text: str = "text") -> list[BoundColumn]:
    """The columns that a model reads, all of one type for numbers and one for texts."""
    columns = [block for block in walk(model.roots()) if isinstance(block, Column)]
    kinds = {Type.TEXT: (text, "text"), Type.NUMBER: (number, {**DUCKDB, **POSTGRES}[number])}
    return [BoundColumn(each.name, each.name, *kinds[each.kind]) for each in columns]


@pytest.mark.parametrize("number", [*DUCKDB, *POSTGRES])
@pytest.mark.parametrize("text", ["VARCHAR", "character(3)"])
def test_every_value_fits_its_column(number, text):
    for name in ("everything_boosting", "linear_integers", "tree_odd_labels"):
        model = read(ZOO[name]()[0])
        columns = bound(model, number, text)
        rows = awkward_rows(model, columns, 150)
        assert len(rows) > 5
        assert all(fits(each, row[each.model]) for row in rows for each in columns)


@pytest.mark.parametrize(("type_", "kind"), DUCKDB.items())
@given(
    value=st.one_of(
        st.sampled_from(NUMBERS), st.floats(allow_nan=False), st.floats(-1e6, 1e6), st.integers().map(float)
    )
)
def test_duckdb_keeps_what_is_said_to_fit(type_, kind, value):
    found = nearest(column(type_, kind), value)
    assert 1 <= len(found) <= 2
    kept = [duckdb.execute(f"SELECT CAST(CAST(? AS {type_}) AS DOUBLE)", [each]).fetchone()[0] for each in found]
    assert list(map(repr, kept)) == list(map(repr, found))
    assert all(fits(column(type_, kind), each) for each in found)
    if kind == "integer" and min(found) <= value <= max(found):
        assert max(found) - min(found) <= 1.0
    if abs(value) < 90.0 and kind != "boolean" and type_ != "DECIMAL(18,18)" and not (type_[0] == "U" and value < 0.0):
        assert min(found) <= value <= max(found)  # it lies within the range of all of them


@given(value=st.one_of(st.floats(-1e9, 1e9).map(lambda value: round(value, 2)), st.integers(-99, 99).map(float)))
def test_values_of_a_column_fit_it(value):
    for type_ in ("DECIMAL(12,2)", "numeric(12,2)", "DOUBLE", "numeric"):
        assert fits(column(type_, DUCKDB.get(type_, "decimal")), value)
    assert fits(column("smallint", "integer"), value) == (value.is_integer() and abs(value) < 2**15)
    assert fits(column("real", "float32"), value) == (float(np.float32(value)) == value)


@pytest.mark.parametrize(("type_", "kind"), POSTGRES.items())
def test_postgres_keeps_what_is_said_to_fit(type_, kind, postgres_connection):
    back = "::int::float8" if kind == "boolean" else "::float8"
    for value in NUMBERS:
        for each in nearest(column(type_, kind), value):
            written = repr(int(each) if kind in ("integer", "boolean") else each)
            kept = postgres_connection.execute(f"SELECT %s::text::{type_}{back}", (written,)).fetchone()[0]
            assert repr(kept) == repr(each)


@pytest.mark.parametrize("type_", POSTGRES_TEXTS)
def test_postgres_keeps_the_texts_that_are_said_to_fit(type_, postgres_connection):
    for value in TEXTS:
        for each in nearest(column(type_, "text"), value):
            assert postgres_connection.execute(f"SELECT %s::text::{type_}::text", (each,)).fetchone()[0] == each
            assert fits(column(type_, "text"), each)
    for value in ("\0", "a\0b", "\ud800"):
        assert nearest(column(type_, "text"), value) == []


def test_texts_are_cut_to_the_length_of_the_column():
    assert nearest(column("character varying(5)", "text"), "naïve ☃") == ["naïve"]
    assert nearest(column("character(3)", "text"), "a  b") == ["a"]
    assert nearest(column("name", "text"), "é" * 40) == ["é" * 31]
    assert nearest(column("public.citext", "text"), "A b") == ["A b"]
    assert not fits(column("character(3)", "text"), "a ")


def test_an_enum_holds_its_members_only(duckdb_connection):
    duckdb_connection.execute(f"CREATE TABLE t (x {ENUM})")
    query = "SELECT data_type FROM duckdb_columns() WHERE table_name = 't'"
    enum = column(duckdb_connection.execute(query).fetchone()[0], "enum")
    assert [text for text in ("it's", "a, b", "x)", "", "ü", "other", "it''s") if fits(enum, text)] == [
        *("it's", "a, b", "x)", "", "ü")
    ]
    told = column("public.mood", "enum")
    assert nearest(told, "sad", {"public.mood": ["sad"]}) == ["sad"]
    assert nearest(told, "sad") == []
    x = Column("x", Type.TEXT)
    model = Model((x,), (Target("", {"transform": Lookup(x, ("ü", "z"), ((1.0,), (2.0,)), (3.0,), (4.0,))}),))
    assert {row["x"] for row in awkward_rows(model, [enum])} == {None, "it's", "a, b", "x)", "", "ü"}
    assert {row["x"] for row in awkward_rows(model, [told], enums={"public.mood": ["z", "a"]})} == {None, "z", "a"}
    assert {row["x"] for row in awkward_rows(model, [told])} == {None}


def test_a_domain_gets_ordinary_values_only():
    model = read(ZOO["everything_logistic"]()[0])
    columns = [replace(each, type="public.domain") for each in bound(model)]
    rows = awkward_rows(model, columns, usual={"city": "Paris", "age": 18.0})
    for name, values in {name: {row[name] for row in rows} for name in rows[0]}.items():
        assert None not in values or name == "city"
        assert all(value.isalnum() if isinstance(value, str) else value in range(101) for value in values)
    assert rows[0]["age"] == 18.0
    assert not fits(columns[0], None)
