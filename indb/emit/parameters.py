"""The constants of large expansions and lookups as tables, which queries read in place of text.

A table is known by the digest of what it holds: it belongs to a deployment, and a query that another indb writes for
other constants does not find it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from indb.emit.ranges import Range
from indb.expansions import expansion_below, is_large
from indb.ir import Apply, Block, Const, Distance, Floats, Linear, Lookup, Model, Nearest, Scalar, Type, walk

NUMBER, KEY = "i", "key"
"""The first column: the number of the lane, or the key that is looked up."""


@dataclass(frozen=True, eq=False)
class ParameterTable:
    """Constants as rows: `columns` are (name, "bigint", "double" or "text"), the first of them the primary key."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[int | Scalar, ...], ...]
    digest: str

    @property
    def key(self) -> str:
        """The name of the first column."""
        return self.columns[0][0]


TableNames: TypeAlias = Callable[[str], str]
"""What the table of a digest is called in a database, as SQL."""


class Parameters:
    """The tables of a model that is as passes leave it, and which column holds what."""

    def __init__(self, model: Model) -> None:
        self._gathering: dict[int, list[Block]] = {}
        self._roots: dict[int, Block] = {}
        self._tables: dict[int, tuple[ParameterTable, dict[tuple[int, int], str]]] = {}
        for block in walk(model.roots()):
            if is_large(block):
                found = expansion_below(block)
                root = block if found is None else found.x
                self._roots[id(block)] = root
                self._gathering.setdefault(id(root), []).append(block)

    def __contains__(self, block: Block) -> bool:
        return id(block) in self._roots

    def tables(self) -> list[ParameterTable]:
        """Every table, each once."""
        found = [self.table(self._roots[key]) for key in self._roots]
        return list({table.digest: table for table in found}.values())

    def table(self, root: Block) -> ParameterTable:
        """The table of the lanes of an expansion, or of a lookup."""
        return self._found(root)[0]

    def column(self, root: Block, block: Block, place: int) -> tuple[str, Range]:
        """The column that holds a constant of each lane, and what is known of its values."""
        table, places = self._found(root)
        name = places[id(block), place]
        number = next(number for number, (each, _) in enumerate(table.columns) if each == name)
        return name, _range([row[number] for row in table.rows])

    def _found(self, root: Block) -> tuple[ParameterTable, dict[tuple[int, int], str]]:
        if id(root) not in self._tables:
            made = (
                _lookup_table(root) if isinstance(root, Lookup) else _expansion_table(root, self._gathering[id(root)])
            )
            self._tables[id(root)] = made
        return self._tables[id(root)]


def _expansion_table(root: Block, gathering: Sequence[Block]) -> tuple[ParameterTable, dict[tuple[int, int], str]]:
    """A row for each lane: the constants that compute it, then those of what gathers the lanes."""
    places: dict[tuple[int, int], str] = {}
    columns: dict[bytes, str] = {}
    values: list[Floats] = []
    for block in [*_uniform(root, set()), *gathering]:
        for place, constants in enumerate(_constants(block)):
            key = constants.tobytes()
            if key not in columns:
                columns[key] = f"c{len(columns)}"
                values.append(constants)
            places[id(block), place] = columns[key]
    rows = tuple((number, *row) for number, row in enumerate(np.stack(values, axis=1).tolist()))
    names = ((NUMBER, "bigint"), *((name, "double") for name in columns.values()))
    return ParameterTable(names, rows, _digest(names, rows)), places


def _lookup_table(lookup: Lookup) -> tuple[ParameterTable, dict[tuple[int, int], str]]:
    kinds = {Type.NUMBER: "double", Type.TEXT: "text"}
    columns = ((KEY, kinds[lookup.x.type]), *((f"v{lane}", kinds[lookup.kind]) for lane in range(lookup.width)))
    rows = tuple((key, *row) for key, row in zip(lookup.keys, lookup.values, strict=True))
    places = {(id(lookup), lane): f"v{lane}" for lane in range(lookup.width)}
    return ParameterTable(columns, rows, _digest(columns, rows)), places


def _uniform(x: Block, seen: set[int]) -> Iterator[Block]:
    """The blocks that hold the constants of an expansion."""
    if x.width == 1 or id(x) in seen:
        return
    seen.add(id(x))
    if isinstance(x, Apply):
        for arg in x.args:
            yield from _uniform(arg, seen)
    else:
        yield x


def _constants(block: Block) -> list[Floats]:
    """The constants of each lane, (n_lanes,) each."""
    match block:
        case Const(values):
            return [np.array(values, dtype=np.float64)]
        case Distance(_, points):
            return _columns(points)
        case Linear(_, weight, bias) if expansion_below(block) is None or not is_large(block):
            return _columns(np.column_stack([weight, bias]) if np.any(bias) else weight)
        case Linear(_, weight, _):
            return _columns(weight.T)
        case Nearest(_, values):
            return _columns(values)
    return []


def _columns(matrix: Floats) -> list[Floats]:
    return [np.ascontiguousarray(matrix[:, number]) for number in range(matrix.shape[1])]


def _digest(columns: object, rows: object) -> str:
    return hashlib.sha256(repr((columns, rows)).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _range(values: Sequence[int | Scalar]) -> Range:
    """What is known of constants; nothing of texts."""
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    if len(numbers) < len(values):
        return Range(missing=False, nan=False)
    sizes = [abs(number) for number in numbers if number]
    return Range(min(numbers), max(numbers), min(sizes, default=float("inf")), missing=False, nan=False)
