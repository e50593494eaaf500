"""What the tests of edge formats share: rows with all kinds of numbers, and what a scorer of a model's file gives."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from indb import codec
from indb.ir import Model
from indb.runtime.scorer import Scorer

DATA = Path(__file__).parent / "data" / "edge"


def rows(width: int = 4) -> Any:
    """Numbers; a missing one, an infinite one, huge ones, tiny ones, zeros."""
    found = np.random.default_rng(1).normal(size=(9, width))
    found[2, 1] = np.nan
    found[3, 0] = np.inf
    found[4] = 1e30
    found[5, 1] = -1e300
    found[6] = 1e-40
    found[7] = 0.0
    return found


def single(values: Any) -> Any:
    """Rounded to float32, as every caller of these libraries does."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def scored(model: Model, values: Any, size: int | None = None) -> dict[str, dict[str, Any]]:
    """What the scorer of the model's file gives for rows, in batches of some size."""
    scorer = Scorer.load(codec.encode(model))
    parts = []
    for start in range(0, len(values), size or len(values)):
        batch = values[start : start + (size or len(values))]
        columns = {column.name: batch[:, [index]] for index, column in enumerate(model.columns)}
        parts.append(scorer.outputs(columns, len(batch)))
    return {
        target: {name: np.concatenate([part[target][name] for part in parts]) for name in outputs}
        for target, outputs in parts[0].items()
    }


def changed(name: str, change: Callable[[dict[str, bytes]], None]) -> bytes:
    """The bytes of an archive of the fixtures with other parts."""
    with zipfile.ZipFile(DATA / name) as archive:
        parts = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    change(parts)
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w") as archive:
        for part, data in parts.items():
            archive.writestr(part, data)
    return found.getvalue()
