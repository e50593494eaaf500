"""Queries inside expressions: what is computed over the rows of a table of constants, as text.

The values of the row stand in a sub-select `x`, so that they are computed once and not for each row of the table; what
is computed of each row stands in `q`, because an aggregate that reads it twice would compute it twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from indb.emit.expand import LEAST_DISTANCE, Query
from indb.emit.layout import indent
from indb.emit.parameters import NUMBER, ParameterTable
from indb.ir import FARTHEST

if TYPE_CHECKING:
    from indb.emit.render import Renderer
    from indb.emit.scalar import Node


def query_text(renderer: Renderer, node: Node) -> str:
    """A query as a scalar sub-select: of one value, or of a list of several."""
    query: Query = node.value
    if query.kind == "nearest":
        write = _nearest_of_lists if renderer.dialect.least_rows else _nearest_by_order
        return f"({indent(write(renderer, query, node.args))})"
    return f"({indent(_aggregated(renderer, query, node.args))})"


def fetch_text(renderer: Renderer, node: Node) -> str:
    """The value of a column of a table, by its key."""
    table, column = node.value
    x = renderer.value(node.args[0])
    return f"(SELECT _p.{column} FROM {_source(renderer, table)} WHERE _p.{table.key} = {x})"


def _source(renderer: Renderer, table: ParameterTable) -> str:
    """A table of constants as it stands in FROM: by its name, or as rows of literals."""
    if renderer.tables:
        return f"{renderer.tables(table.digest)} AS _p"
    names, words = zip(*table.columns, strict=True)
    listed = ",\n  ".join(f"({', '.join(map(renderer.constant, row, words))})" for row in table.rows)
    return f"(VALUES\n  {listed}\n) AS _p({', '.join(names)})"


def _lanes(renderer: Renderer, query: Query, args: Sequence[Node], columns: Sequence[str]) -> str:
    """A SELECT of a row for each lane: its value u, its number i, and columns of the table."""
    fields = [f"{indent(renderer.of_a_query().value(query.lane))} AS u", *(f"_p.{name}" for name in columns)]
    fence = f" {renderer.dialect.fence}" if renderer.dialect.fence else ""
    source = _source(renderer, query.table)
    if args:
        given = ", ".join(f"{indent(renderer.value(arg))} AS a{number}" for number, arg in enumerate(args))
        source = f"(SELECT {given}{fence}) AS _x CROSS JOIN {source}"
    return f"SELECT {', '.join(fields)}\nFROM {indent(source)}{fence}"


def _aggregated(renderer: Renderer, query: Query, args: Sequence[Node]) -> str:
    """Sums, the least or the largest lane, or its number."""
    dialect = renderer.dialect
    if query.kind == "sum":
        inner = renderer.of_a_query()
        values = [f"sum({inner.value(term)})" for term in query.terms]
        text = values[0] if len(values) == 1 else dialect.list(values)
        lanes = _lanes(renderer, query, args, query.columns)
    elif query.kind in ("min", "max"):
        text, lanes = f"{query.kind}(_q.u)", _lanes(renderer, query, args, ())
    else:
        order = "_q.u" if query.kind == "argmin" else "_q.u DESC"
        lanes = _lanes(renderer, query, args, (NUMBER,))
        number = dialect.cast(f"_q.{NUMBER}", "double")
        first = f"WHERE _q.u IS NOT NULL ORDER BY {order}, _q.{NUMBER} LIMIT 1"
        return f"SELECT {number}\nFROM (\n  {indent(lanes)}\n) AS _q\n{first}"
    return f"SELECT {text}\nFROM (\n  {indent(lanes)}\n) AS _q"


def _nearest_by_order(renderer: Renderer, query: Query, args: Sequence[Node]) -> str:
    """The means over the k lowest lanes, and how far the next one is from them, of rows in order."""
    lanes = _lanes(renderer, query, args, (NUMBER, *query.columns))
    weight = _weight(renderer, query, "_q.u", "min(_q.u) OVER ()")
    rank = f"row_number() OVER (ORDER BY _q.u, _q.{NUMBER})"
    fields = ", ".join(["_q.u", f"{weight} AS w", f"{rank} AS n", *(f"_q.{name}" for name in query.columns)])
    ordered = f"SELECT {fields}\nFROM (\n  {indent(lanes)}\n) AS _q\nORDER BY _q.u, _q.{NUMBER} LIMIT {query.k + 1}"
    near = f"FILTER (WHERE _r.n <= {query.k})"
    values = [f"sum(_r.w * _r.{name}) {near} / sum(_r.w) {near}" for name in query.columns]
    far = f"max(_r.u) {near}"
    values.append(_gap(renderer, query, far, f"max(_r.u) - {far}"))
    return f"SELECT {renderer.dialect.list(values)}\nFROM (\n  {indent(ordered)}\n) AS _r"


def _nearest_of_lists(renderer: Renderer, query: Query, args: Sequence[Node]) -> str:
    """The same of a list of the lowest rows, where min() gives several of them in order."""
    lanes = _lanes(renderer, query, args, (NUMBER, *query.columns))
    fields = ", ".join(f"'{name}': _q.{name}" for name in ("u", NUMBER, *query.columns))
    rows = f"SELECT min({{{fields}}}, {query.k + 1}) AS l\nFROM (\n  {indent(lanes)}\n) AS _q"
    near = f"_r.l[1:{query.k}]"
    weight = _weight(renderer, query, "_l.u", "_r.l[1].u")
    size = f"list_sum(list_transform({near}, lambda _l: {weight}))"
    values = [f"list_sum(list_transform({near}, lambda _l: {weight} * _l.{name})) / {size}" for name in query.columns]
    far = f"_r.l[{query.k}].u"
    values.append(_gap(renderer, query, far, f"_r.l[{query.k + 1}].u - {far}"))
    return f"SELECT {renderer.dialect.list(values)}\nFROM (\n  {indent(rows)}\n) AS _r"


def _gap(renderer: Renderer, query: Query, far: str, gap: str) -> str:
    """How far the next lane is from the k-th, `far`; 0 where that is no distance, infinity where there is no other."""
    dialect = renderer.dialect
    gap = gap if query.k < len(query.table.rows) else dialect.special(math.inf)
    return f"CASE WHEN {far} <= {dialect.number(FARTHEST)} THEN {gap} ELSE {dialect.number(0.0)} END"


def _weight(renderer: Renderer, query: Query, u: str, least: str) -> str:
    """What a lane counts: the inverse of its distance, or of its root; where some lie at distance 0, these alone."""
    dialect = renderer.dialect
    one, zero = dialect.number(1.0), dialect.number(0.0)
    if query.power == 0.0:
        return one
    held = f"least(greatest({u}, {dialect.number(LEAST_DISTANCE)}), {dialect.number(1.0 / LEAST_DISTANCE)})"
    inverse = f"{one} / {held if query.power == 1.0 else f'sqrt({held})'}"
    alone = f"CASE WHEN {u} = {zero} THEN {one} ELSE {zero} END"
    return f"CASE WHEN {least} = {zero} THEN {alone} ELSE {inverse} END"
