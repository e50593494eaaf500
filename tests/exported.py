"""Models and rows for files that indb writes: a part of the zoo, and numbers compared as two libraries can."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from picks import SAMPLE
from rows import awkward_rows
from zoo import ZOO

from indb.evaluate import Values
from indb.ir import Model
from indb.readers import read

QUARTER = tuple(name for name in SAMPLE if zlib.crc32(f"exported {name}".encode()) % 4 == 1)
"""Every fourth case of the sample."""

TOLERANCE = 1e-12


def case(name: str, limit: int = 300) -> tuple[Model, dict[str, NDArray[Any]]]:
    """A model of the zoo in blocks, and awkward rows for it."""
    estimator, frame = ZOO[name]()
    model = read(estimator).in_sql
    rows = awkward_rows(model, frame, np.random.default_rng(zlib.crc32(name.encode())), limit)
    return model, {column: rows[column].to_numpy() for column in rows.columns}


def assert_same_bits(found: dict[str, dict[str, Values]], wanted: dict[str, dict[str, Values]]) -> None:
    """Every output of every target is the same double, NaN where NaN."""
    assert {name: list(outputs) for name, outputs in found.items()} == {n: list(o) for n, o in wanted.items()}
    for name, outputs in wanted.items():
        for output, values in outputs.items():
            ours, theirs = (np.ascontiguousarray(each, dtype=np.float64) for each in (found[name][output], values))
            same = (ours.view(np.int64) == theirs.view(np.int64)) | (np.isnan(ours) & np.isnan(theirs))
            assert same.all(), f"{name} {output}: {ours[~same][:3]} for {theirs[~same][:3]}"


def assert_close(found: Any, wanted: Values, checked: NDArray[np.bool_], what: str) -> None:
    """Numbers agree to 1e-12 of the largest number of their row, NaN where NaN, on the rows that are `checked`."""
    found = np.asarray(found, dtype=np.float64).reshape(wanted.shape)[checked]
    wanted = wanted[checked]
    with np.errstate(invalid="ignore", over="ignore"):
        finite = np.where(np.isfinite(wanted), np.abs(wanted), 0.0)
        room = 1e-15 + TOLERANCE * finite.max(axis=1, keepdims=True, initial=0.0)
        agree = (found == wanted) | (np.isnan(found) & np.isnan(wanted)) | (np.abs(found - wanted) <= room)
    assert agree.all(), f"{what}: {np.argwhere(~agree)[:3].tolist()} {found[~agree][:3]} for {wanted[~agree][:3]}"
