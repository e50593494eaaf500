"""The fastest ways for a client to get the table out of a database and scores back in.

`fastest` tries all ways of an engine on the whole table, without a model in between, and keeps the fastest of each
direction, so that the baseline is as good as its driver allows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from bench.databases import SCORES, Database, Duck, Postgres
from bench.workload import COLUMNS, DOUBLES, INTEGERS, NUMBERS, TABLE, TEXTS

Export = Callable[[int], pd.DataFrame]
"""Rows with an id up to a number, the texts as objects: what scikit-learn encodes fastest."""
WriteBack = Callable[[np.ndarray, np.ndarray, np.ndarray], None]
"""Creates the table of scores from id, label, probability."""


@dataclass(frozen=True)
class Transport:
    """The chosen way out and way in, and what all ways took, in seconds for the whole table."""

    export: Export
    write: WriteBack
    chosen: str
    tried: dict[str, float]


def fastest(database: Database, rows: int, runs: int = 2) -> Transport:
    """Try every way of the engine; the first run of each warms up."""
    if isinstance(database, Duck):
        exports, writes = _duck_exports(database), _duck_writes(database)
    else:
        assert isinstance(database, Postgres)
        exports, writes = _postgres_exports(database), _postgres_writes(database)
    ids = np.arange(1, rows + 1, dtype=np.int64)
    labels, probabilities = ids % 2, ids / rows
    tried: dict[str, float] = {}
    for name, export in exports.items():
        tried[name] = min(_timed(lambda call=export: call(rows)) for _ in range(runs))
    for name, write in writes.items():
        tried[name] = min(_timed(lambda call=write: _rewritten(database, call, ids, labels, probabilities))
                          for _ in range(runs))  # fmt: skip
    out, back = min(exports, key=tried.__getitem__), min(writes, key=tried.__getitem__)
    return Transport(exports[out], writes[back], f"{out}, {back}", tried)


def _timed(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _rewritten(database: Database, write: WriteBack, *columns: np.ndarray) -> None:
    database.drop(SCORES)
    write(*columns)


def _query(rows: int) -> str:
    return f"SELECT id, {', '.join(COLUMNS)} FROM {TABLE} WHERE id <= {rows}"


def _frame(table: pa.Table) -> pd.DataFrame:
    """A frame whose integers are doubles where they hold NULL, and whose texts are objects that share their strings.

    A missing text is NaN, as pandas has it: an encoder that was fitted to NaN takes None for another value.
    """
    columns: dict[str, Any] = {}
    for name in table.column_names:
        column = table[name]
        if name in TEXTS:
            column = column.combine_chunks().dictionary_encode() if not pa.types.is_dictionary(column.type) else column
            columns[name] = _texts(column)
        elif name in NUMBERS:
            columns[name] = column.cast(pa.float64()).to_numpy()
        else:
            columns[name] = column.to_numpy()
    return pd.DataFrame(columns, copy=False)


def _texts(column: pa.DictionaryArray | pa.ChunkedArray) -> np.ndarray:
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    words = np.array([*column.dictionary.to_pylist(), np.nan], dtype=object)
    return words[column.indices.fill_null(len(words) - 1).to_numpy(zero_copy_only=False)]


def _duck_exports(database: Duck) -> dict[str, Export]:
    def arrow(rows: int) -> pd.DataFrame:
        return _frame(database.connection.execute(_query(rows)).to_arrow_table())

    def frame(rows: int) -> pd.DataFrame:
        found = database.connection.execute(_query(rows)).df()
        return found.astype(dict.fromkeys(TEXTS, object))

    return {"Arrow out": arrow, "df() out": frame}


def _duck_writes(database: Duck) -> dict[str, WriteBack]:
    def written(scores: Any) -> None:
        database.connection.register("computed", scores)
        database.execute(f"CREATE TABLE {SCORES} AS SELECT * FROM computed")
        database.connection.unregister("computed")

    def arrow(ids: np.ndarray, labels: np.ndarray, probabilities: np.ndarray) -> None:
        written(pa.table({"id": ids, "label": labels, "probability": probabilities}))

    def frame(ids: np.ndarray, labels: np.ndarray, probabilities: np.ndarray) -> None:
        written(pd.DataFrame({"id": ids, "label": labels, "probability": probabilities}, copy=False))

    return {"Arrow in": arrow, "DataFrame in": frame}


def _postgres_exports(database: Postgres) -> dict[str, Export]:
    def read(query: str, options: str) -> bytearray:
        data = bytearray()
        with database.connection.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT ({options})") as copy:
            while block := copy.read():
                data += block
        return data

    def text(rows: int) -> pd.DataFrame:
        types = {"id": pa.int64(), **dict.fromkeys(NUMBERS, pa.float64())}
        types |= dict.fromkeys(TEXTS, pa.dictionary(pa.int32(), pa.string()))
        options = csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True)
        reading = csv.ReadOptions(column_names=list(types))
        data = pa.py_buffer(read(_query(rows), "FORMAT csv"))
        return _frame(csv.read_csv(data, reading, convert_options=options).unify_dictionaries())

    def binary(rows: int) -> pd.DataFrame:
        return _fixed_rows(read(_fixed_query(rows), "FORMAT binary"))

    def adbc(rows: int) -> pd.DataFrame:
        with _adbc(database) as connection, connection.cursor() as cursor:
            cursor.execute(_query(rows))
            return _frame(cursor.fetch_arrow_table())

    return {"CSV COPY out (Arrow's parser)": text, "binary COPY out (numpy)": binary, "ADBC out": adbc}


TEXT_BYTES = 16
"""How wide a text is in the fixed rows: at least as long as any of the table's texts."""


def _fixed_query(rows: int) -> str:
    """A query whose binary rows are all equally long: NaN for NULL, texts padded with blanks."""
    fields = ["id"]
    fields += [f"coalesce({name}::float8, 'NaN')" for name in INTEGERS]
    fields += [f"coalesce({name}, 'NaN')" for name in DOUBLES]
    fields += [f"coalesce({name}, '')::char({TEXT_BYTES})" for name in TEXTS]
    return f"SELECT {', '.join(fields)} FROM {TABLE} WHERE id <= {rows}"


def _fixed_rows(data: bytearray) -> pd.DataFrame:
    """The rows of COPY's binary format (19 bytes of header, 2 at the end), each field after its length."""
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for name in ("id", *COLUMNS):
        form = ">i8" if name == "id" else f"S{TEXT_BYTES}" if name in TEXTS else ">f8"
        fields += [(f"{name} length", ">i4"), (name, form)]
    records = np.frombuffer(data, np.dtype(fields), offset=19, count=(len(data) - 21) // np.dtype(fields).itemsize)
    columns: dict[str, Any] = {"id": records["id"].astype(np.int64)}
    columns |= {name: records[name].astype(np.float64) for name in NUMBERS}
    for name in TEXTS:
        packed = np.ascontiguousarray(records[name])
        binary = pa.FixedSizeBinaryArray.from_buffers(pa.binary(TEXT_BYTES), len(packed), [None, pa.py_buffer(packed)])
        encoded = binary.dictionary_encode()
        words = [word.decode().rstrip() or np.nan for word in encoded.dictionary.to_pylist()]
        columns[name] = np.array(words, dtype=object)[encoded.indices.to_numpy()]
    return pd.DataFrame(columns, copy=False)


def _postgres_writes(database: Postgres) -> dict[str, WriteBack]:
    create = f"CREATE TABLE {SCORES} (id bigint, label bigint, probability double precision)"

    def binary(ids: np.ndarray, labels: np.ndarray, probabilities: np.ndarray) -> None:
        form = [("fields", ">i2")]
        for name, type in (("id", ">i8"), ("label", ">i8"), ("probability", ">f8")):
            form += [(f"{name} length", ">i4"), (name, type)]
        records = np.empty(len(ids), np.dtype(form))
        records["fields"] = 3
        for name, values in (("id", ids), ("label", labels), ("probability", probabilities)):
            records[f"{name} length"], records[name] = 8, values
        data = b"PGCOPY\n\xff\r\n\0" + bytes(8) + records.tobytes() + b"\xff\xff"
        _copied(database, create, "FORMAT binary", data)

    def text(ids: np.ndarray, labels: np.ndarray, probabilities: np.ndarray) -> None:
        sink = pa.BufferOutputStream()
        scores = pa.table({"id": ids, "label": labels, "probability": probabilities})
        csv.write_csv(scores, sink, csv.WriteOptions(include_header=False))
        _copied(database, create, "FORMAT csv", sink.getvalue().to_pybytes())

    def adbc(ids: np.ndarray, labels: np.ndarray, probabilities: np.ndarray) -> None:
        scores = pa.table({"id": ids, "label": labels, "probability": probabilities})
        with _adbc(database) as connection, connection.cursor() as cursor:
            cursor.adbc_ingest(SCORES, scores, mode="create")
            connection.commit()

    return {"binary COPY in (numpy)": binary, "CSV COPY in (Arrow's writer)": text, "ADBC in": adbc}


def _copied(database: Postgres, create: str, options: str, data: bytes) -> None:
    """Create and fill in one transaction: the rows of a table that nobody else sees are written with less logging."""
    view, block = memoryview(data), 1 << 22
    with database.connection.transaction(), database.connection.cursor() as cursor:
        cursor.execute(create)
        with cursor.copy(f"COPY {SCORES} FROM STDIN ({options})") as copy:
            for start in range(0, len(view), block):
                copy.write(view[start : start + block])


def _adbc(database: Postgres) -> Any:
    from adbc_driver_postgresql import dbapi

    return dbapi.connect(database.dsn)
