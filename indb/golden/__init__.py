"""Adversarial golden rows: rows that a model is most likely to be scored wrongly on, for one table, without a database.

A base row of ordinary values, and rows that differ from it in one column or in all: missing, infinite, huge and tiny
values, unknown texts, and what the model compares a column with, on both sides of it. They are the same each time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from typing import Any, TypeAlias

import numpy as np

from indb.engines.deployment import BoundColumn
from indb.evaluate import Values, evaluate
from indb.golden.borders import turning_points, usual_values
from indb.golden.types import Enums, fits, members, nearest
from indb.golden.ways import Point, spread
from indb.ir import (
    Apply,
    Block,
    Bools,
    Column,
    Const,
    Distance,
    Foreign,
    Linear,
    Model,
    Op,
    Reduce,
    ReduceOp,
    Scalar,
    Take,
    Target,
    rewrite,
    walk,
)
from indb.passes import optimise

__all__ = ["Enums", "awkward_rows", "fits", "nearest"]

Row: TypeAlias = dict[str, Any]
"""Model column -> a float, a text, or None for a missing value."""

FLOAT32_MAX = float(np.finfo(np.float32).max)

NUMBERS = (
    *(0.0, math.inf, -math.inf, -1.0, 1.7e308, -1.7e308, -0.0, 5e-324, FLOAT32_MAX, -FLOAT32_MAX, 1e39, -1e39, 0.5),
    *(2.0**53, -5e-324, 1.0, 1e-45),
)
"""Numbers that every column of numbers gets, those that most often go wrong first."""

TEXTS = (
    *("", "it's", 'say "so"', "naïve ☃ 𝄞", "back\\slash", " ", "NULL", "nan", "line\nbreak", "a%b_c", "1.0", "-- $$"),
    "x" * 300,
)
"""Texts that every column of texts gets, besides an unknown one and variants of a known one."""

TRIED = (1.0, 0.0, 0.5, 2.0, 5.0, 10.0, 100.0, 1000.0, -1.0)
"""Numbers of which one is hoped to be accepted where the model says nothing of a column."""

SETTLED = 1e-10
"""How far two orders of adding may part the outputs of a row, relative above 1: a tenth of what a library may."""


def awkward_rows(
    model: Model,
    columns: Sequence[BoundColumn],
    budget: int = 200,
    enums: Enums | None = None,
    usual: Mapping[str, Any] | None = None,
) -> list[Row]:
    """At most `budget` distinct rows for a model, every value of which the bound columns can hold.

    The first holds ordinary values, for which the model gives something if that can be had. The columns share the
    budget: each gets its next value in turn, and those of one column are spread evenly over what the model compares it
    with. For a split of a tree other columns are changed too, so that the row comes to it. A row whose outputs depend
    on the order in which terms are added is left out: there databases and libraries differ.

    The rows that came with the model are the next after the first, up to half of the budget.

    enums: the members of PostgreSQL's enums, by the type of the column; a column of an enum without is missing in every
    row. usual: ordinary values of columns, better than what can be guessed; a domain gets few others, as it may have
    constraints.
    """
    if not columns or budget < 1:
        return []
    ready = optimise(model)
    points = turning_points(ready)
    base = _base(model, columns, points, enums, usual or {})
    making = _Changes(base, {column.model: column for column in columns}, points, enums or {})
    changes = {column.model: making.of(column) for column in columns}
    found: dict[tuple[str, ...], Row] = {}
    examples = _examples(model, base, making.columns, enums or {})
    for row in chain([base], examples[: budget // 2], _candidates(base, changes, budget // 8)):
        found.setdefault(tuple(map(repr, row.values())), row)
        if len(found) == budget:
            break
    return _settled(model, ready, list(found.values()))


def _examples(model: Model, base: Row, columns: Mapping[str, BoundColumn], enums: Enums) -> list[Row]:
    """The rows that came with the model, as the columns can hold them; a value that one cannot hold is missing."""
    return [
        {
            **base,
            **{
                name: next(iter(nearest(columns[name], value, enums)), None)
                for name, value in row.items()
                if name in columns
            },
        }
        for row in model.examples
    ]


def _candidates(base: Row, changes: Mapping[str, Iterator[Row]], mixed: int) -> Iterator[Row]:
    """The base, rows that differ from it in all columns, and rows that differ for one of them, each column in turn.

    In all columns: each has its first value, then each the one after that of its neighbour, and so on. In one: the
    first four in another order than its neighbour has them, so that few rows are not all of a kind.
    """
    firsts = {name: list(islice(each, max(mixed, 4))) for name, each in changes.items()}
    yield base
    for number in range(mixed):
        start, step = number // 2, number % 2
        yield {
            name: each[(start + step * place) % len(each)][name] if each else base[name]
            for place, (name, each) in enumerate(firsts.items())
        }
    starts = ([*each[place % 4 : 4], *each[: place % 4], *each[4:]] for place, each in enumerate(firsts.values()))
    for turn in zip_longest(*map(chain, starts, changes.values())):
        yield from ({**base, **change} for change in turn if change is not None)


@dataclass
class _Changes:
    """What is changed in the base row for the sake of a column: its value, and what leads to the split it is for."""

    base: Row
    columns: Mapping[str, BoundColumn]
    points: Mapping[str, Sequence[Point]]
    enums: Enums

    def of(self, column: BoundColumn) -> Iterator[Row]:
        """A missing value, and by turns what the column is compared with and awkward values of its type."""
        points = spread(self.points.get(column.model, ()))
        around: Iterator[tuple[float | str, Point | None]]
        if column.kind in ("text", "enum"):
            around = ((point.value, point) for point in points)
            special = self._texts(column, [str(point.value) for point in points])
        else:
            around = (near for order in (_border, _before) for point in points for near in order(point))
            special = list(NUMBERS)
        for value in nearest(column, None):
            yield {column.model: value}
        for pair in zip_longest(around, ((value, None) for value in special)):
            for value, point in filter(None, pair):
                for near in nearest(column, value, self.enums):
                    yield {**self._way(point), column.model: near}

    def _texts(self, column: BoundColumn, known: Sequence[str]) -> list[float | str]:
        """Awkward texts: one that is unknown, and variants of one that is not."""
        variants = [text for point in known[:1] for text in (point.swapcase(), point + " ")]
        return [_unknown(known), *TEXTS[:3], *variants, *TEXTS[3:], *members(column, self.enums)]

    def _way(self, point: Point | None) -> Row:
        """The changes that lead to a split; none where a column cannot hold what they need."""
        changes: Row = {}
        for name, needed in ({} if point is None else point.way).items():
            column = self.columns.get(name)
            if column is None or needed.holds(self.base[name]):
                continue
            general = [*TEXTS, *members(column, self.enums)] if column.kind in ("text", "enum") else NUMBERS
            tried = (nearest(column, value, self.enums) for value in [*needed.tries(self.base[name]), *general])
            held = list(islice(filter(needed.holds, chain.from_iterable(tried)), 1))
            if not held:
                return {}
            changes[name] = held[0]
        return changes


def _border(point: Point) -> list[tuple[float | str, Point]]:
    """A number on which something depends and the double after it: the two sides of a split."""
    return [(value, point) for value in (float(point.value), math.nextafter(float(point.value), math.inf))]


def _before(point: Point) -> list[tuple[float | str, Point]]:
    return [(math.nextafter(float(point.value), -math.inf), point)]


def _unknown(known: Sequence[str]) -> str:
    """A text that is none of those that the model knows."""
    text = "unknown"
    while text in known:
        text += "?"
    return text


def _base(
    model: Model,
    columns: Sequence[BoundColumn],
    points: Mapping[str, Sequence[Point]],
    enums: Enums | None,
    usual: Mapping[str, Any],
) -> Row:
    """A row of ordinary values, if possible one that the model accepts."""
    known = {**_example(model), **usual_values(model), **usual}
    tries = [_ordinary(column, known.get(column.model), points.get(column.model, ()), enums) for column in columns]
    rows = [
        {column.model: each[min(number, len(each) - 1)] for column, each in zip(columns, tries, strict=True)}
        for number in range(max(map(len, tries)))
    ]
    return next((row for row in rows if _accepts(model, row)), rows[0])


def _ordinary(
    column: BoundColumn, known: Scalar, points: Sequence[Point], enums: Enums | None
) -> list[Scalar]:  # fmt: skip
    """Ordinary values of a column, the most likely first; a missing one only where there is no other."""
    values = [point.value for point in points]
    if column.kind in ("text", "enum"):
        tried: list[Scalar] = [*values, *members(column, enums or {}), "a"]
    else:
        middle = [value for value in values if not isinstance(value, str) and abs(value) <= FLOAT32_MAX]
        tried = [*middle[len(middle) // 2 :][:1], *middle[:1], *TRIED]
    held = chain.from_iterable(nearest(column, value, enums) for value in [known, *tried] if value is not None)
    return list(dict.fromkeys(held)) or [None]


def _example(model: Model) -> Row:
    """The values of columns that a library is known to accept."""
    return {
        column.name: value
        for block in walk(model.roots())
        if isinstance(block, Foreign) and not block.layout
        for column, value in zip(block.inputs, block.example, strict=False)
        if isinstance(column, Column)
    }


def _accepts(model: Model, row: Row) -> bool:
    """Whether the model gives anything for a row; what a library gives is not known here."""
    if model.is_foreign:
        return True
    outputs = evaluate(model, _columns(model, [row]))
    return any((values == values).any() for target in outputs.values() for values in target.values())


def _columns(model: Model, rows: Sequence[Row]) -> dict[str, list[Any]]:
    return {column.name: [row.get(column.name) for row in rows] for column in model.columns}


def _settled(model: Model, ready: Model, rows: list[Row]) -> list[Row]:
    """The rows for which the model gives the same in two orders of adding: as it was read, and optimised and backwards.

    A border of a decision moves with the last bit of a sum; and one of huge terms overflows in some order.
    """
    sums = [block for block in walk(ready.roots()) if _adds(block)]
    if model.is_foreign or not sums:
        return rows
    columns = _columns(model, rows)
    forth, back = evaluate(model, columns), evaluate(rewrite(ready, _backwards), columns)
    kept = ~_overflows(model, sums, columns) | np.array([math.inf in map(_size, row.values()) for row in rows])
    for target in model.targets:
        for name in target.outputs:
            exact = name == "predict" and target.labels is not None
            kept &= _alike(forth[target.name][name], back[target.name][name], 0.0 if exact else SETTLED)
    return [row for row, keep in zip(rows, kept.tolist(), strict=True) if keep]


def _adds(block: Block) -> bool:
    return isinstance(block, Linear | Distance) or (isinstance(block, Reduce) and block.op is ReduceOp.SUM)


def _overflows(model: Model, sums: Sequence[Block], columns: Mapping[str, list[Any]]) -> Bools:
    """The rows in which a lane of some sum is infinite, or the sizes of its terms are too large together.

    A sum of squares counts from a thousandth of the largest double on, near which PostgreSQL holds its terms.
    """
    sizes: dict[str, Block] = {}
    for number, each in enumerate(sums):
        if not isinstance(each, Linear):
            sizes[f"{number} sums"] = Apply(Op.MUL, (each, Const((1024.0,))))
            continue
        lanes = Apply(Op.ABS, (each.x,))
        sizes[f"{number} lanes"] = Reduce(ReduceOp.MAX, lanes)  # infinity times a weight of 0 is not infinite
        sizes[f"{number} terms"] = Linear(lanes, abs(each.weight), abs(each.bias))
    found = evaluate(Model(model.columns, (Target("", sizes),)), columns)[""]
    overflows: Bools = np.any([np.isinf(values).any(axis=1) for values in found.values()], axis=0)
    return overflows


def _size(value: Scalar) -> float:
    return abs(value) if isinstance(value, float) else 0.0


def _backwards(block: Block) -> Block:
    if not isinstance(block, Linear):
        return block
    return Linear(Take(block.x, tuple(reversed(range(block.x.width)))), block.weight[:, ::-1].copy(), block.bias)


def _alike(a: Values, b: Values, tolerance: float) -> Bools:
    """Which rows hold the same numbers, to a tolerance that is relative above 1."""
    with np.errstate(all="ignore"):
        room = tolerance * np.maximum(1.0, np.maximum(np.abs(a), np.abs(b)))
        same = (a == b) | (np.isnan(a) & np.isnan(b)) | ((np.abs(a - b) <= room) & np.isfinite(room))
    alike: Bools = same.all(axis=1)
    return alike
