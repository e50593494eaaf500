"""What the registry of a database tells of a model besides its versions: its golden rows, and who did what."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

TOLERANCE = 1e-9
"""The largest difference of a number from a golden row, relative above 1; the default of indb.prove()."""

FLOAT32_TOLERANCE = 1e-6
FLOAT32_LIBRARIES = frozenset({"LiteRT", "ExecuTorch", "PyTorch", "Keras", "ONNX Runtime"})
"""Libraries whose matrix products depend in the last bits of float32 on how many rows they are given."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done to a model: when, what, by whom, from which client.

    `login`: who connected, `role`: who acted (after SET ROLE), `address` and `application`: those of the client.
    """

    at: datetime
    action: str
    name: str
    version: int | None
    details: str
    login: str
    role: str
    address: str
    application: str


@dataclass(frozen=True, slots=True)
class GoldenRow:
    """A row of input by table column, and what each function of the version must give, by the end of its name.

    None stands for a missing value, or for NULL.
    """

    input: dict[str, Any]
    expected: dict[str, Any]

    def as_json(self) -> tuple[str, str]:
        """Both as JSON, infinities as texts, which databases read as numbers."""
        return _json(self.input), _json(self.expected)

    @classmethod
    def from_json(cls, input: str, expected: str) -> GoldenRow:
        """What `as_json` wrote."""
        return cls(json.loads(input), json.loads(expected))


def _json(values: dict[str, Any]) -> str:
    return json.dumps({name: _plain(value) for name, value in values.items()}, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):  # a library may compute in float32, which JSON does not know
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value
