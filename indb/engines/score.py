"""Whole tables of scores: key range by key range into a work table, which gets the final name when it is complete.

Each chunk is committed together with the key that it ended with. An interrupted run leaves the work table and that
key; the same call continues after it. A table of a single chunk is one CREATE TABLE AS. The final name only ever holds
a finished table.

Several jobs score chunks on connections of their own, each committed alone. Written down is the key up to which all
are done; what an interrupted run has scored beyond it is removed before it goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from indb.emit import Strategy, output_lanes
from indb.engines.base import Engine
from indb.engines.deployment import Deployment
from indb.engines.tables import SOURCE, Table, quoted, text
from indb.engines.workers import in_parallel
from indb.errors import DatabaseError, did_you_mean
from indb.ir import Model

Progress = Callable[[int, int], None]
"""Called after each chunk with (rows done, rows in all)."""

Chunk: TypeAlias = tuple[tuple[str, ...] | None, tuple[str, ...] | None]
"""The rows after one key and up to another; None: from the beginning, to the end."""

FEW_ROWS = 50_000
"""So many rows are done before a second connection is open and has loaded the model."""

PARTIAL = "__indb_partial"
"""What the name of a work table ends with."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be scored: a model for a table in the order of a key, and the table that the scores go to."""

    deployment: Deployment
    model: Model
    table: Table
    key: tuple[str, ...]
    where: str | None
    outputs: tuple[str, ...]
    schema: str
    into: str

    @property
    def is_large(self) -> bool:
        """Whether the model is too large for one expression, or runs as Python."""
        return self.deployment.strategy != Strategy.EXPRESSION.value

    @property
    def identity(self) -> str:
        """What must be the same for an interrupted run to be continued."""
        parts = {
            "name": self.deployment.name,
            "version": self.deployment.version,
            "digest": self.deployment.digest,
            "table": [self.table.schema, self.table.name],
            "key": list(self.key),
            "where": self.where,
            "outputs": list(self.outputs),
        }
        return json.dumps(parts, ensure_ascii=False)

    def name(self, name: str) -> str:
        """A table beside the final one, in a query."""
        return f"{quoted(self.schema)}.{quoted(name)}"

    def columns(self) -> str:
        """The key columns of the source."""
        return ", ".join(f"{SOURCE}.{quoted(name)}" for name in self.key)

    def filter(self, *conditions: str) -> str:
        """A WHERE of the conditions and of the user's own."""
        parts = [*conditions, *([f"({self.where}\n)"] if self.where else [])]
        return f" WHERE {' AND '.join(parts)}" if parts else ""


def score(engine: Engine, task: Task, chunk_rows: int, replace: bool, progress: Progress | None, jobs: int = 1) -> int:
    """Score the rows of a table into `task.into`; the number of rows written.

    Raises: DatabaseError when the key is not unique, an output is unknown, or the final name is taken; or when there
    can be no more than one job here.
    """
    for what, count in (("chunks of {} rows", chunk_rows), ("{} jobs", jobs)):
        if count < 1:
            raise DatabaseError(f"cannot score in {what.format(count)}: needed at least 1")
    if jobs > 1:
        engine.keep(engine.another())  # refused before anything is written
    _check_outputs(task)
    _check_key(engine, task)
    _check_target(engine, task, replace)
    work = _work_name(engine, task)
    last, done = _resumed(engine, task, work)
    left = int(
        engine.rows(f"SELECT count(*) FROM {task.table.sql} AS {SOURCE}{task.filter(*_after(task, last))}")[0][0]
    )
    total = done + left

    def report(rows: int) -> None:
        if progress:
            progress(rows, max(rows, total))

    report(done)
    if left < FEW_ROWS:
        jobs = 1
    if jobs > 1:  # as many chunks for each
        rounds = -(-left // (jobs * chunk_rows))
        chunk_rows = -(-left // (jobs * rounds))
    if last is None and left <= chunk_rows:
        done = _create(engine, task, work)
        report(done)
    else:
        if last is None:
            _start(engine, task, work)
        bounds = _bounds(engine, task, last, chunk_rows)
        append = _append if jobs == 1 else _append_in_parallel
        done = append(engine, task, work, list(pairwise([last, *bounds, None])), done, report, jobs)
    _finish(engine, task, work)
    return done


def _create(engine: Engine, task: Task, work: str) -> int:
    """Score all rows into a new work table; their number. Servers run this in parallel, unlike an INSERT."""
    with engine.bulk(task.is_large):
        engine.execute(f"DROP TABLE IF EXISTS {task.name(work)}")
        with _scored(engine, task, _source(task)) as query:
            engine.execute(f"{task.deployment.tag} CREATE TABLE {task.name(work)} AS {query}")
        _mark(engine, task, None, 0)
        return int(engine.rows(f"SELECT count(*) FROM {task.name(work)}")[0][0])


def _append(
    engine: Engine, task: Task, work: str, chunks: Sequence[Chunk], done: int, report: Callable[[int], None], jobs: int
) -> int:
    """Score chunk by chunk; the rows in the work table then."""
    for chunk in chunks:
        with engine.bulk(task.is_large):
            done += _insert(engine, task, work, chunk)
            _mark(engine, task, chunk[1], done)
        report(done)
    return done


def _append_in_parallel(
    engine: Engine, task: Task, work: str, chunks: Sequence[Chunk], done: int, report: Callable[[int], None], jobs: int
) -> int:
    """Score `jobs` chunks at once; the rows in the work table then."""

    def insert(worker: Engine, chunk: Chunk) -> int:
        with worker.bulk(task.is_large):
            return _insert(worker, task, work, chunk)

    with closing(in_parallel(engine, jobs, insert, chunks)) as finished:
        for (_, upper), rows in finished:
            done += rows
            with engine.transaction():
                _mark(engine, task, upper, done)
            report(done)
    return done


def _check_outputs(task: Task) -> None:
    known = {lane.output for lane in output_lanes(task.model)}
    every = {"predict", "predict_proba", "decision_function", "transform"}
    for output in task.outputs:
        if output not in every:
            raise DatabaseError(f"cannot score output {output!r}: it is unknown", did_you_mean(output, known))
    if not known & set(task.outputs):
        raise DatabaseError(
            f"cannot score {task.deployment.name!r}: it has no {' or '.join(task.outputs)}",
            f"It has {', '.join(sorted(known))}.",
        )


def _check_key(engine: Engine, task: Task) -> None:
    """The key must name existing columns, hold no NULL and no value twice, among the rows to score."""
    problem = None
    for name in task.key:
        if task.table.column(name) is None:
            names = [column.name for column in task.table.columns]
            raise DatabaseError(
                f"cannot score {task.table.name!r}: key column {name!r} is missing", did_you_mean(name, names)
            )
    if task.key == task.table.key:
        return
    gaps = " OR ".join(f"{SOURCE}.{quoted(name)} IS NULL" for name in task.key)
    rows = f"{task.table.sql} AS {SOURCE}"
    if engine.rows(f"SELECT 1 FROM {rows}{task.filter(f'({gaps})')} LIMIT 1"):
        problem = "found NULL in it"
    elif engine.rows(f"SELECT 1 FROM {rows}{task.filter()} GROUP BY {task.columns()} HAVING count(*) > 1 LIMIT 1"):
        problem = "found a value twice"
    if problem:
        raise DatabaseError(
            f"cannot score {task.table.name!r} by key {', '.join(task.key)}: {problem}, needed a unique key",
            "Name the columns that tell the rows apart: key=[…], --key a --key b.",
        )


def _exists(engine: Engine, schema: str, name: str) -> bool:
    return any((found_schema, found) == (schema, name) for found_schema, found, _ in engine.table_names())


def _check_target(engine: Engine, task: Task, replace: bool) -> None:
    """The final name is free, or holds scores, or may be replaced."""
    size = len(task.into.encode("utf-8", "surrogatepass"))
    if not task.into or (engine.name_bytes is not None and size > engine.name_bytes):
        raise DatabaseError(
            f"cannot write table {task.into!r}: its name has {size} bytes, needed 1 to {engine.name_bytes}"
        )
    if (task.schema, task.into) == (task.table.schema, task.table.name):
        raise DatabaseError(f"cannot write the scores into {task.into!r}: that is the table to score")
    if replace or not _exists(engine, task.schema, task.into) or _is_ours(engine, task):
        return
    raise DatabaseError(
        f"cannot write table {task.into!r}: the name is taken by a table that indb did not write",
        "Choose another name, or allow it with replace=True, --replace.",
    )


def _is_ours(engine: Engine, task: Task) -> bool:
    return engine.is_prepared() and bool(_registered(engine, "score_tables", task))


def _registered(engine: Engine, registry: str, task: Task) -> list[tuple[object, ...]]:
    mark = engine.placeholder
    return engine.rows(
        f"SELECT * FROM indb.{registry} WHERE schema_name = {mark} AND table_name = {mark}", (task.schema, task.into)
    )


def _forget(engine: Engine, registry: str, task: Task) -> None:
    mark = engine.placeholder
    engine.execute(
        f"DELETE FROM indb.{registry} WHERE schema_name = {mark} AND table_name = {mark}", (task.schema, task.into)
    )


def _work_name(engine: Engine, task: Task) -> str:
    """The name of the work table; where it would be too long, a digest tells it from its like."""
    name = task.into + PARTIAL
    if engine.name_bytes is None or len(name.encode()) <= engine.name_bytes:
        return name
    tail = "_" + hashlib.sha256(task.into.encode()).hexdigest()[:8] + PARTIAL
    return task.into.encode()[: engine.name_bytes - len(tail)].decode("utf-8", "ignore") + tail


def _resumed(engine: Engine, task: Task, work: str) -> tuple[tuple[str, ...] | None, int]:
    """(the key that an interrupted run of the same task came to, rows done); (None, 0) when there is none.

    Raises: DatabaseError when the name of the work table is taken.
    """
    exists = _exists(engine, task.schema, work)
    found = _registered(engine, "score_progress", task)
    if exists and not found:
        raise DatabaseError(
            f"cannot write table {work!r}: the name is taken by a table that indb did not write",
            f"Rename that table, or write into another one than {task.into!r}.",
        )
    if exists and found[0][2] == task.identity and found[0][3] is not None:
        last = tuple(json.loads(str(found[0][3])))
        beyond = " AND ".join(_after(task, last))
        engine.execute(f"DELETE FROM {task.name(work)} AS {SOURCE} WHERE {beyond}")
        return last, int(str(found[0][4]))
    return None, 0


def _start(engine: Engine, task: Task, work: str) -> None:
    """An empty work table in place of what another run left."""
    empty = f"(SELECT * FROM {task.table.sql} LIMIT 0)"
    with engine.transaction():
        engine.execute(f"DROP TABLE IF EXISTS {task.name(work)}")
        query = engine.select(task.deployment, task.model, empty, task.key, task.outputs)
        engine.execute(f"CREATE TABLE {task.name(work)} AS {query}")
        _mark(engine, task, None, 0)


def _scored(engine: Engine, task: Task, source: str) -> AbstractContextManager[str]:
    return engine.scored(task.deployment, task.model, source, task.key, task.outputs)


def _mark(engine: Engine, task: Task, last: tuple[str, ...] | None, done: int) -> None:
    """Write down how far the run came. Its last chunk needs no mark: it is followed by the end."""
    _forget(engine, "score_progress", task)
    engine.execute(
        "INSERT INTO indb.score_progress (schema_name, table_name, task, last_key, rows_done) VALUES "
        f"({', '.join([engine.placeholder] * 5)})",
        (task.schema, task.into, task.identity, None if last is None else json.dumps(last), done),
    )


def _typed(task: Task, key: tuple[str, ...]) -> list[str]:
    """The values of a key as SQL, in the types of its columns."""
    types = [column.type for name in task.key for column in task.table.columns if column.name == name]
    return [f"CAST({text(value)} AS {type})" for value, type in zip(key, types, strict=True)]


def _after(task: Task, last: tuple[str, ...] | None, sign: str = ">") -> list[str]:
    """The condition that a row's key is above (or up to) a value.

    The first column has one of its own, by which an index or a zone map leaves out most rows. The whole key is compared
    column by column: DuckDB 2.0 does not plan a range of tuples.
    """
    if last is None:
        return []
    values = _typed(task, last)
    columns = [f"{SOURCE}.{quoted(name)}" for name in task.key]
    whole = f"{columns[-1]} {sign} {values[-1]}"
    for column, value in zip(columns[-2::-1], values[-2::-1], strict=True):
        whole = f"({column} {sign[0]} {value} OR ({column} = {value} AND {whole}))"
    return [whole] if len(columns) == 1 else [f"{columns[0]} {sign[0]}= {values[0]}", whole]


def _bounds(engine: Engine, task: Task, last: tuple[str, ...] | None, chunk_rows: int) -> list[tuple[str, ...]]:
    """The keys at which chunks end, but for the last chunk."""
    columns = task.columns()
    inner = (
        f"SELECT {columns}, row_number() OVER (ORDER BY {columns}) AS indb_number "
        f"FROM {task.table.sql} AS {SOURCE}{task.filter(*_after(task, last))}"
    )
    texts = ", ".join(f"CAST({SOURCE}.{quoted(name)} AS {'text' if engine.dialect == 'postgres' else 'VARCHAR'})"
                      for name in task.key)  # fmt: skip
    with engine.bulk(is_large=True):
        found = engine.rows(
            f"SELECT {texts} FROM ({inner}) AS {SOURCE} WHERE indb_number % {int(chunk_rows)} = 0 ORDER BY indb_number"
        )
    return [tuple(str(value) for value in row) for row in found]


def _insert(engine: Engine, task: Task, work: str, chunk: Chunk) -> int:
    """Score one chunk; the number of its rows."""
    last, upper = chunk
    source = _source(task, *_after(task, last), *_after(task, upper, "<="))
    with _scored(engine, task, source) as query:
        cursor = engine.execute(f"{task.deployment.tag} INSERT INTO {task.name(work)} {query}")
        return int(cursor.rowcount if engine.dialect == "postgres" else cursor.fetchall()[0][0])


def _source(task: Task, *conditions: str) -> str:
    return f"(SELECT * FROM {task.table.sql} AS {SOURCE}{task.filter(*conditions)})"


def _finish(engine: Engine, task: Task, work: str) -> None:
    """Give the complete work table its final name, in one transaction with everything that says so."""
    mark = engine.placeholder
    with engine.transaction():
        engine.execute(f"DROP TABLE IF EXISTS {task.name(task.into)}")
        engine.execute(f"ALTER TABLE {task.name(work)} RENAME TO {quoted(task.into)}")
        _forget(engine, "score_progress", task)
        _forget(engine, "score_tables", task)
        engine.execute(
            f"INSERT INTO indb.score_tables (schema_name, table_name, task, created_at) VALUES "
            f"({mark}, {mark}, {mark}, now())",
            (task.schema, task.into, task.identity),
        )
