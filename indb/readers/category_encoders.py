"""Encoders of category_encoders: for rows without a target, what they make of a column is a table of its categories.

Each of them has rules of its own for unknown and missing categories. So the encoder itself is asked: for every category
that it knows, one that it does not, and a missing one. What it answers is the table.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from indb import build
from indb.ir import Block, Floats, Lookup, Type
from indb.readers.base import Frame, Lane, Reading, checks, reads

ENCODERS = (
    *("BackwardDifferenceEncoder", "BaseNEncoder", "BinaryEncoder", "CatBoostEncoder", "CountEncoder"),
    *("CountTargetEncoder", "GLMMEncoder", "GrayEncoder", "HelmertEncoder", "JamesSteinEncoder", "LeaveOneOutEncoder"),
    *("MEstimateEncoder", "OneHotEncoder", "OrdinalEncoder", "PolynomialEncoder", "QuantileEncoder", "RankHotEncoder"),
    *("SumEncoder", "SummaryEncoder", "TargetEncoder", "WOEEncoder"),
)


@checks("category_encoders")
def check(encoder: Any, frame: Frame, reading: Reading) -> None:
    """Refuse an encoder that is not fitted. Raises: UnsupportedModel."""
    if getattr(encoder, "feature_names_out_", None) is None:
        raise reading.unsupported(
            f"this {type(encoder).__name__} is not fitted", "Call its fit method with training data first."
        )


@reads("category_encoders", *ENCODERS)
def read_encoder(encoder: Any, frame: Frame, reading: Reading) -> Frame:
    """The frame with its categories as numbers; a category that the encoder raises an error for is refused.

    Raises: UnsupportedModel for groups of small categories, columns put together, and columns of text and numbers.
    """
    for option in ("min_group_size", "composite_cols", "hierarchy"):
        if getattr(encoder, option, None) is not None:
            raise reading.unsupported(f"it has {option}, which is not read", "Fit it without.")
    names = [str(name) for name in encoder.feature_names_in_]
    asked = _Asked(encoder, names, reading)
    tables = {name: asked.column(name) for name in map(str, encoder.cols)}
    lanes: list[Lane] = []
    found = {name: _lookup(table, frame.lanes[names.index(name)], reading) for name, table in tables.items()}
    for place, name in enumerate(asked.outputs):
        owners = [column for column, table in tables.items() if table.varies[place]]
        if len(owners) > 1:
            raise reading.unsupported(f"its output {name!r} depends on {', '.join(owners)}, needed one column")
        if owners:
            lanes.append(build.lane(found[owners[0]], place))
        elif name in names and name not in tables:
            lanes.append(frame.lanes[names.index(name)])
        else:
            lanes.append(build.number(float(asked.usual[place])))
    return frame.replaced(asked.outputs, lanes)


class _Table:
    """What an encoder makes of one column: a row of outputs for each category, None for one that it refuses."""

    def __init__(self, keys: Sequence[Any], rows: Sequence[Floats | None]) -> None:
        self.keys = list(keys)
        self.rows, self.unknown, self.missing = list(rows[:-2]), rows[-2], rows[-1]
        given = np.array([row for row in rows if row is not None])
        self.varies = ~((given == given[0]) | (np.isnan(given) & np.isnan(given[0]))).all(axis=0)


class _Asked:
    """An encoder that answers for frames in which one column holds something else than usual."""

    def __init__(self, encoder: Any, names: list[str], reading: Reading) -> None:
        self.encoder = encoder
        self.names = names
        self.reading = reading
        self.categories = {str(name): _categories(encoder, name, reading) for name in encoder.cols}
        self.outputs = [str(name) for name in encoder.feature_names_out_]
        self._base = {name: self.categories[name][0] if name in self.categories else 0.0 for name in names}
        usual = self.rows(names[0], [self._base[names[0]]])[0]
        if usual is None:
            raise reading.unsupported("it refuses a row of categories that it knows")
        self.usual = usual

    def column(self, name: str) -> _Table:
        """What the encoder makes of a column."""
        known = self.categories[name]
        is_text = isinstance(known[0], str)
        unknown: Any = "unknown" if is_text else -12345.678
        while unknown in known:
            unknown = unknown + "?" if is_text else unknown - 1.0
        return _Table(known, [*self.rows(name, known), *self.rows(name, [unknown]), *self.rows(name, [np.nan])])

    def rows(self, name: str, values: Sequence[Any]) -> list[Floats | None]:
        """The outputs for each value of a column."""
        import pandas as pd

        cells = {
            each: pd.Series(list(values) if each == name else [self._base[each]] * len(values), dtype=self._dtype(each))
            for each in self.names
        }
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                found = self.encoder.transform(pd.DataFrame(cells))
        except ValueError:
            return [None] * len(values) if len(values) == 1 else [self.rows(name, [each])[0] for each in values]
        return list(np.asarray(found, dtype=np.float64))

    def _dtype(self, name: str) -> Any:
        return object if isinstance(self._base[name], str | bool) else np.float64


def _categories(encoder: Any, name: Any, reading: Reading) -> list[Any]:
    """The categories of a column that an encoder knows, without the missing one."""
    ordinal = getattr(encoder, "ordinal_encoder", None)
    inner = getattr(encoder, "encoder_list", None)
    if ordinal is None and inner:
        ordinal = inner[0].ordinal_encoder
    mapping = encoder.mapping if ordinal is None else ordinal.mapping
    if isinstance(mapping, dict):
        index = mapping[name].index
    else:
        index = next(each["mapping"] for each in mapping if each["col"] == name).index
    found = [value for value in index.tolist() if value is not None and value == value]
    texts = [isinstance(value, str) for value in found]
    numbers = [isinstance(value, int | float | np.number | np.bool_) for value in found]
    if not found or not (all(texts) or all(numbers)):
        raise reading.unsupported(f"its column {name!r} holds {found[:3]}, needed texts or numbers")
    return found


def _lookup(table: _Table, lane: Lane, reading: Reading) -> Block:
    """The outputs of a column; a row with a category that the encoder refuses is scored missing."""
    x = reading.resolve(lane, Type.TEXT if isinstance(table.keys[0], str) else Type.NUMBER)
    keys = tuple(key if isinstance(key, str) else float(key) for key in table.keys)
    width = len(table.varies)
    rows = [build.refused(width) if row is None else tuple(row.tolist()) for row in table.rows]
    ends = [build.refused(width) if row is None else tuple(row.tolist()) for row in (table.unknown, table.missing)]
    if any(row is None for row in (*table.rows, table.unknown, table.missing)):
        accepted = [(1.0 if row is not None else 0.0,) for row in (*table.rows, table.unknown, table.missing)]
        reading.require(Lookup(x, keys, tuple(accepted[:-2]), accepted[-2], accepted[-1]))
    return Lookup(x, keys, tuple(rows), ends[0], ends[1])
