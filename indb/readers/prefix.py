"""The first steps of a pipeline as blocks, where a later step has no reader: only the rest runs in its library.

Blocks are many times as fast for a batch, and take texts without a data frame. The rest is given what scikit-learn's
own steps would give it: the same numbers, in the same kind of array.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from indb.errors import UnsupportedModel
from indb.evaluate import Values, evaluate_values
from indb.ir import Block, Column, Model, Target
from indb.readers.base import Frame, RawColumn, Reading, read_step


@dataclass(frozen=True)
class Prefix:
    """The rest of a pipeline, and what it is given: the lanes of `block`, as an array of `layout` (see Foreign).

    `columns` are those that are read, `conditions` what scikit-learn asks of a row before the rest, `example` the lanes
    of a row that it accepts.
    """

    rest: Any
    block: Block
    layout: str
    columns: tuple[Column, ...]
    conditions: tuple[Block, ...]
    example: tuple[float, ...]


def read_prefix(
    estimator: Any, columns: Sequence[Column], given: Any, example: Mapping[str, Values]
) -> Prefix | None:  # fmt: skip
    """The longest part of a pipeline before a step without reader; None where there is none that can be told apart.

    columns: as the whole estimator reads them. given, example: two rows that it accepts, in its own form and by name;
    of a single row every order of memory is the same.
    """
    from sklearn.pipeline import Pipeline

    if type(estimator) is not Pipeline:
        return None
    names = tuple(column.name for column in columns)
    count = _count(estimator, names)
    if not count:
        return None
    try:
        reading, block = _read(estimator, count, names)
    except UnsupportedModel:
        return None
    read = tuple(reading.columns[name] for name in names if name in reading.columns)
    kinds = {column.name: column.kind for column in columns}
    if any(column.kind is not kinds[column.name] for column in read):
        return None
    theirs, layout = _library(estimator[:count], given)
    ours = _lanes(read, block, example)
    if theirs is None or not np.array_equal(theirs, ours, equal_nan=True):
        return None
    rest = estimator[count:] if len(estimator) > count + 1 else estimator[-1]
    return Prefix(rest, block, layout, read, tuple(reading.conditions), tuple(ours[0].tolist()))


def _count(pipeline: Any, names: tuple[str, ...]) -> int:
    """How many steps are read before the first that is not; the last step never is."""
    count, reading, frame = 0, *_begin(names)
    try:
        for _, step in pipeline.steps[:-1]:
            frame = _step(step, frame, reading)
            count += 1
    except UnsupportedModel:
        pass
    return count


def _begin(names: tuple[str, ...]) -> tuple[Reading, Frame]:
    return Reading(names), Frame(names, tuple(RawColumn(name) for name in names))


def _step(step: Any, frame: Frame, reading: Reading) -> Frame:
    if step is None or (isinstance(step, str) and step == "passthrough"):
        return frame
    found: Frame = read_step(step, frame, reading)
    return found


def _read(pipeline: Any, count: int, names: tuple[str, ...]) -> tuple[Reading, Block]:
    """The state after some steps, and the lanes that they give.

    Raises: UnsupportedModel when they are not numbers in double precision.
    """
    reading, frame = _begin(names)
    while True:
        start = frame
        for _, step in pipeline.steps[:count]:
            frame = _step(step, frame, reading)
        if frame.dtype != "float64" or not frame.lanes:
            raise reading.unsupported(f"it gives {frame.dtype}")
        block = frame.numbers(reading)
        again = reading.again()
        if again is None:
            return reading, block
        reading, frame = again, start


def _library(steps: Any, given: Any) -> tuple[Values | None, str]:
    """(what scikit-learn's steps make of rows, the layout of the array); (None, "") where it is no array of numbers."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = steps.transform(given)
    if getattr(found, "format", "") == "csr" and found.dtype == np.float64:
        return found.toarray(), "csr"
    if not isinstance(found, np.ndarray) or found.dtype != np.float64 or found.ndim != 2:
        return None, ""
    return found, "C" if found.flags.c_contiguous else "F"


def _lanes(columns: tuple[Column, ...], block: Block, example: Mapping[str, Values]) -> Values:
    model = Model(columns, (Target("", {"transform": block}),))
    return evaluate_values(model, example, 2)[""]["transform"]
