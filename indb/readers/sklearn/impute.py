"""SimpleImputer and MissingIndicator.

What counts as missing is a setting: NaN, or a marker such as -1 or "". With a marker a real NaN is refused by
scikit-learn, and so is every row that holds one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from indb import build
from indb.ir import Apply, Block, Op, Type
from indb.readers.base import Frame, Lane, Reading, reads
from indb.readers.sklearn.values import is_missing, lane_value

NEVER = build.number(0.0)


@dataclass(frozen=True, slots=True)
class Gap:
    """What an imputer takes for missing: None stands for the missing value itself, else a marker."""

    marker: float | str | None

    @property
    def type(self) -> Type | None:
        """The type of the marker."""
        if self.marker is None:
            return None
        return Type.TEXT if isinstance(self.marker, str) else Type.NUMBER

    def mask(self, x: Block) -> Block:
        """1.0 where x is missing in this sense, else 0.0. Source: sklearn.utils._mask._get_dense_mask."""
        if self.marker is None:
            return build.is_missing(x)
        if self.type is not x.type:
            return NEVER
        return Apply(Op.EQ, (x, constant(self.marker, x.type)))

    def admit(self, x: Block, objects: bool, reading: Reading) -> None:
        """Require what check_array does: no NaN beside a marker, and no infinity unless the array is of objects."""
        if x.type is Type.NUMBER and not objects:
            reading.require_finite(x, missing=self.marker is None)
        elif self.marker is not None:
            reading.require(_unless(build.is_missing(x)))


def constant(value: float | str | None, kind: Type) -> Block:
    """A constant of a type; None is missing."""
    if kind is Type.TEXT:
        return build.text(None if value is None else str(value))
    return build.MISSING if value is None else build.number(float(value))


def _unless(condition: Block) -> Block:
    """1.0 where a condition that is never missing does not hold."""
    return build.where(condition, build.number(0.0), build.number(1.0))


@reads("sklearn", "SimpleImputer")
def read_simple_imputer(imputer: Any, frame: Frame, reading: Reading) -> Frame:
    """Every lane with its gaps filled, then the indicator lanes. Source: sklearn.impute.SimpleImputer.transform.

    A column that held nothing in training is left out, unless keep_empty_features is set.
    """
    gap = Gap(lane_value(imputer.missing_values, reading))
    objects = imputer._fit_dtype.kind == "O"
    fills = _fills(imputer, reading)
    shown = [] if imputer.indicator_ is None else [int(position) for position in imputer.indicator_.features_]
    names: list[str] = []
    lanes: list[Block] = []
    masks: dict[int, Block] = {}
    for position, lane in enumerate(frame.lanes):
        kept, fill = position in fills, fills.get(position)
        if not kept and objects and gap.marker is None and position not in shown:
            continue  # the column is dropped, and nothing that it holds would be refused
        x = _block(lane, fill, gap, objects, reading)
        gap.admit(x, objects, reading)
        masks[position] = gap.mask(x)
        if kept:
            names.append(frame.names[position])
            lanes.append(_filled(x, fill, gap, masks[position]))
    indicators = [masks[position] for position in shown]
    return frame.replaced(names + [f"{frame.names[position]}_missing" for position in shown], lanes + indicators)


def _fills(imputer: Any, reading: Reading) -> dict[int, float | str | None]:
    """Column number -> fill value, for the columns that are kept."""
    statistics = imputer.statistics_
    kept = [
        number for number, value in enumerate(statistics.tolist()) if imputer.keep_empty_features or not _is_nan(value)
    ]
    # scikit-learn rounds the fill values to the dtype that it was fitted on: 0.1 is another number in float32.
    values = statistics[kept].astype(imputer._fill_dtype)
    return {number: lane_value(value, reading) for number, value in zip(kept, values, strict=True)}


def _is_nan(value: Any) -> bool:
    """NaN only: a column that is filled with None is kept."""
    return value is not None and is_missing(value)


def _block(lane: Lane, fill: float | str | None, gap: Gap, objects: bool, reading: Reading) -> Block:
    """The block of a column, its type told by what it is filled with."""
    if not objects:
        return reading.resolve(lane, Type.NUMBER)
    if fill is None:
        return reading.either(lane, gap.type or Type.TEXT)
    return reading.resolve(lane, Type.TEXT if isinstance(fill, str) else Type.NUMBER)


def _filled(x: Block, fill: float | str | None, gap: Gap, mask: Block) -> Block:
    if mask is NEVER or (fill is None and gap.marker is None):
        return x
    value = constant(fill, x.type)
    return Apply(Op.COALESCE, (x, value)) if gap.marker is None else build.where(mask, value, x)


@reads("sklearn", "MissingIndicator")
def read_missing_indicator(indicator: Any, frame: Frame, reading: Reading) -> Frame:
    """1.0 where a column is missing, for the columns of features_. Source: sklearn.impute.MissingIndicator.transform.

    The fitted indicator does not say what its columns hold, so their types come from the other steps.
    """
    gap = Gap(lane_value(indicator.missing_values, reading))
    columns = [reading.either(lane, gap.type or Type.NUMBER) for lane in frame.lanes]
    objects = any(column.type is Type.TEXT for column in columns)
    for column in columns:
        gap.admit(column, objects, reading)
    masks = [gap.mask(column) for column in columns]
    shown = [int(position) for position in indicator.features_]
    if indicator.features == "missing-only" and indicator.error_on_new:
        _refuse_new(masks, shown, reading)
    names = tuple(f"{frame.names[position]}_missing" for position in shown)
    return Frame(names, tuple(masks[position] for position in shown), "bool", frame.sparse)


def _refuse_new(masks: Sequence[Block], shown: Sequence[int], reading: Reading) -> None:
    """Refuse a row with a gap in a column that had none in training."""
    for position, mask in enumerate(masks):
        if position not in shown and mask is not NEVER:
            reading.require(_unless(mask))
