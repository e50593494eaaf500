"""The SQL of a model that runs as PL/Python: a lane of one row, and tables in batches. Text only; see postgres_udf.py.

It means the same on every search_path: functions and types are named with their schema, or by words of the grammar.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from indb.emit.outputs import output_lanes
from indb.emit.statement import free_names
from indb.engines.deployment import BoundColumn, Deployment, Lane
from indb.engines.postgres_functions import TYPES
from indb.engines.tables import SOURCE, quoted, text
from indb.ir import Model

_BYTES = "COALESCE(pg_catalog.convert_to({}, 'UTF8'), pg_catalog.decode('ff', 'hex'))"
"""A text for a batch: the byte 255, which UTF-8 never has, where it is NULL."""

BATCH_ROWS = 10_000
"""How many rows go into Python at once."""

SCORES = ("predict", "predict_proba", "decision_function")
"""The outputs that indb.score gives."""


def columns(deployment: Deployment) -> tuple[list[BoundColumn], list[BoundColumn]]:
    """The columns that go into Python as doubles, and those that go as texts."""
    texts = [column for column in deployment.columns if column.kind in ("text", "enum")]
    return [column for column in deployment.columns if column not in texts], texts


def slots(deployment: Deployment) -> list[Lane]:
    """The lanes that Python computes: a label as text is made in SQL of what predict gives."""
    return [lane for lane in deployment.lanes if lane.output != "predict_label"]


def _slot(deployment: Deployment, target: str, output: str, lane: int) -> int:
    known = [(each.target, each.output, each.lane) for each in slots(deployment)]
    return known.index((target, "predict" if output == "predict_label" else output, lane))


def _labels(deployment: Deployment, target: str) -> tuple[str, ...] | None:
    return next(each.labels for each in deployment.targets if each.name == target)


def is_label(deployment: Deployment, lane: Lane) -> bool:
    """Whether a lane gives a label, which Python hands over as its place."""
    return lane.output in ("predict", "predict_label") and _labels(deployment, lane.target) is not None


def _values(deployment: Deployment, column: Callable[[BoundColumn], str]) -> tuple[str, list[str]]:
    """The numbers of a row as an array ("" for none), and its texts, in SQL that any search_path reads alike."""
    numbers, texts = columns(deployment)
    casts = [f"CAST({column(each)} AS integer)" if each.kind == "boolean" else column(each) for each in numbers]
    doubles = [f"COALESCE(CAST({each} AS double precision), CAST('NaN' AS double precision))" for each in casts]
    words = [f"CAST({column(each)} AS pg_catalog.text)" for each in texts]
    return f"ARRAY[{', '.join(doubles)}]" if doubles else "", words


def lane_value(deployment: Deployment, lane: Lane, column: Callable[[BoundColumn], str]) -> str:
    """A lane of one row, in its own type."""
    numbers, texts = _values(deployment, column)
    values = [f"indb.doubles({numbers}, 21)" if numbers else "NULL", f"ARRAY[{', '.join(texts)}]" if texts else "NULL"]
    slot = str(_slot(deployment, lane.target, lane.output, lane.lane))
    name = f"indb.{quoted(deployment.pinned + '.udf')}"
    loaded = f"indb.load_model({text(deployment.digest)}, {slot})"
    calls = [f"{name}({', '.join([first, *values])})" for first in (slot, loaded)]
    value = f"NULLIF(COALESCE({', '.join(calls)}), CAST('NaN' AS double precision))"
    return _typed(deployment, lane, f"CAST({value} AS integer)") if is_label(deployment, lane) else value


def _typed(deployment: Deployment, lane: Lane, place: str) -> str:
    """The label at a place, counted from 0, in the type of the lane."""
    labels = ", ".join(text(label) for label in _labels(deployment, lane.target) or ())
    type_ = "pg_catalog.text" if lane.type == "text" else TYPES[lane.type]
    return f"(CAST(ARRAY[{labels}] AS {type_}[]))[{place} OPERATOR(pg_catalog.+) 1]"


# Whole tables


def select(deployment: Deployment, model: Model, source: str, key: Sequence[str], outputs: Sequence[str]) -> str:
    """The SELECT of `Engine.select`, in batches."""
    every = output_lanes(model)
    emitted = [lane for lane in every if lane.output in outputs] or every
    lanes = [
        next(
            own
            for own in deployment.lanes
            if (own.target, own.output, own.lane) == (each.target, each.output, each.lane)
        )
        for each in emitted
    ]
    wanted = [_slot(deployment, lane.target, lane.output, lane.lane) for lane in lanes]
    values = [
        _typed(deployment, lane, f"u.v{number}") if is_label(deployment, lane) else f"u.v{number}"
        for number, lane in enumerate(lanes)
    ]
    names = free_names([lane.name for lane in emitted], key)
    fields = [f"u.k{number} AS {quoted(name)}" for number, name in enumerate(key)]
    fields += [f"{value} AS {quoted(name)}" for value, name in zip(values, names, strict=True)]
    keys = [f"{SOURCE}.{quoted(name)}" for name in key]
    return f"SELECT {', '.join(fields)}\nFROM {_batches(deployment, f'{source} AS {SOURCE}', keys, wanted)}"


def _batches(deployment: Deployment, source: str, keys: Sequence[str], wanted: Sequence[int]) -> str:
    """What stands in FROM: rows `u` with the keys k0 … and the wanted slots v0 … (doubles, or places of labels)."""
    numbers, texts = _values(deployment, lambda column: column.read(SOURCE + "."))
    inner = [f"{each} AS k{number}" for number, each in enumerate(keys)]
    inner += [f"{numbers} AS n"] if numbers else []
    inner += [f"{_BYTES.format(each)} AS t{number}" for number, each in enumerate(texts)]
    inner += ["pg_catalog.row_number() OVER () AS i"]
    joined = [f"pg_catalog.string_agg(s.t{number}, pg_catalog.decode('00', 'hex'))" for number in range(len(texts))]
    packed = [
        f"ARRAY[{', '.join(map(str, wanted))}]", "pg_catalog.count(*)",
        "indb.doubles(pg_catalog.array_agg(s.n), 29)" if numbers else "NULL",
        f"ARRAY[{', '.join(joined)}]" if joined else "NULL",
    ]  # fmt: skip
    name = f"indb.{quoted(deployment.pinned + '.batch')}"
    calls = [
        f"{name}({', '.join([first, *packed])})" for first in ("0", f"indb.load_model({text(deployment.digest)}, 0)")
    ]
    outer = [f"pg_catalog.array_agg(s.k{number}) AS k{number}" for number in range(len(keys))]
    fields = [f"pg_catalog.unnest(b.k{number}) AS k{number}" for number in range(len(keys))]
    for number, slot in enumerate(wanted):
        type_ = "integer" if is_label(deployment, slots(deployment)[slot]) else "bigint"
        value = f"pg_catalog.unnest(CAST((b.o)[{number + 1}] AS {type_}[]))"
        fields.append(f"{value if type_ == 'integer' else f'indb.double_of({value})'} AS v{number}")
    return (
        f"(\n  SELECT {', '.join(fields)}\n  FROM (\n    SELECT {', '.join(outer)},\n"
        f"      COALESCE({', '.join(calls)}) AS o\n"
        f"    FROM (SELECT {', '.join(inner)} FROM {source}) AS s\n"
        f"    GROUP BY s.i OPERATOR(pg_catalog./) {BATCH_ROWS}\n  ) AS b\n) AS u"
    )


def score_text(deployment: Deployment) -> str:
    """The body of "<version>.select": the text of a query goes between two constants."""
    wanted = [number for number, lane in enumerate(slots(deployment)) if lane.output in SCORES]
    place = {slot: f"u.v{number}" for number, slot in enumerate(wanted)}
    rows = ", ".join(f"({', '.join(_score_row(deployment, target.name, place))})" for target in deployment.targets)
    key = f'CAST({SOURCE}."indb key" AS pg_catalog.text)'
    before, after = (
        "SELECT u.k0, w.target, w.predict, w.predict_label, w.predict_proba, w.predict_score\nFROM "
        + _batches(deployment, f'(\n\0\n) AS {SOURCE}("indb key")', [key], wanted)
        + f",\nLATERAL (VALUES {rows}) AS w(target, predict, predict_label, predict_proba, predict_score)"
    ).split("\0")  # a character that no name of a column has
    return f"pg_catalog.concat({text(before)}, $1, {text(after)})"


def _score_row(deployment: Deployment, target: str, place: dict[int, str]) -> list[str]:
    """The columns of indb.score for a target."""

    def places(output: str) -> list[str]:
        return [place[_slot(deployment, target, output, lane.lane)] for lane in deployment.find(target, output)]

    def array(output: str) -> str:
        found = places(output)
        return f"ARRAY[{', '.join(found)}]" if found else "CAST(NULL AS double precision[])"

    predict = deployment.find(target, "predict")
    number, label = "CAST(NULL AS double precision)", "CAST(NULL AS pg_catalog.text)"
    if predict:
        number = places("predict")[0]
        if _labels(deployment, target) is not None:
            label = _typed(deployment, deployment.find(target, "predict_label")[0], number)
            number = _label_number(deployment, predict[0], number)
    name = text(target) if len(deployment.targets) > 1 else "CAST(NULL AS pg_catalog.text)"
    return [name, number, label, array("predict_proba"), array("decision_function")]


def _label_number(deployment: Deployment, lane: Lane, place: str) -> str:
    """A label as predict() gives it: as a double, NULL for a text."""
    if lane.type == "text":
        return "CAST(NULL AS double precision)"
    value = _typed(deployment, lane, place)
    value = f"CAST({value} AS integer)" if lane.type == "boolean" else value
    return f"CAST({value} AS double precision)"
