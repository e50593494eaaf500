"""Rows that a PMML file is most likely to be scored wrongly on, made of what the file itself says of its fields."""

from __future__ import annotations

import zlib
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
from pmml_oracle import Row, Value
from rows import awkward_rows

from indb.ir import Model, Type

N_USUAL = 40
SPREAD = {"age": (18.0, 80.0), "income": (5.0, 90.0)}
"""What usual values of a field lie between, where its file does not say it; else 0 and 8."""


def rows_of(path: Path, model: Model, limit: int = 70) -> list[Row]:
    """Usual rows, and usual rows with one value changed: missing, infinite, invalid, on a border or an ulp beside it.

    A field that the model does not read is left out.
    """
    frame = usual(path, model)
    rng = np.random.default_rng(zlib.crc32(path.name.encode()))
    picked = pd.concat([frame.head(12), awkward_rows(model, frame, rng, limit)], ignore_index=True)
    kinds = {name: str(_fields(path)[name].get("dataType")) for name in frame}
    rows: list[Row] = [
        {name: _held(kinds[name], value) for name, value in zip(frame, values, strict=True)}
        for values in picked.itertuples(index=False)
    ]
    for name, values in borders(path).items():
        rows += [{**rows[place % 12], name: value} for place, value in enumerate(values) if name in frame]
    rows.append(dict.fromkeys(frame))
    return rows


def _held(data_type: str, value: Any) -> Value:
    """A value as a column holds it that stands for a field: no other than 0 and 1, no larger than 32 bits."""
    if value is None or value != value:
        return None
    if (data_type == "boolean" and value not in (0.0, 1.0)) or (data_type == "integer" and abs(value) >= 2**31):
        return None
    return value if isinstance(value, str) else float(value)


def usual(path: Path, model: Model) -> pd.DataFrame:
    """Rows of valid values: the listed ones, else numbers inside of the intervals."""
    rng = np.random.default_rng(zlib.crc32(path.name.encode()))
    fields = _fields(path)
    columns: dict[str, Any] = {}
    for column in model.columns:
        field = fields[column.name]
        valid = [
            value.get("value") for value in field if _is(value, "Value") and value.get("property", "valid") == "valid"
        ]
        if column.kind is Type.TEXT:
            found: Any = rng.choice(valid or ["a", "b"], N_USUAL).astype(object)
        elif valid:
            found = rng.choice([_number(value) for value in valid], N_USUAL)
        elif field.get("dataType") == "boolean":
            found = rng.choice([0.0, 1.0], N_USUAL)
        else:
            found = _numbers(field, rng)
        if rng.random() < 0.7:
            found[rng.random(N_USUAL) < 0.1] = None if column.kind is Type.TEXT else np.nan
        columns[column.name] = found
    return pd.DataFrame(columns)


def _numbers(field: ElementTree.Element, rng: np.random.Generator) -> Any:
    low, high = SPREAD.get(str(field.get("name")), (0.0, 8.0))
    for interval in field:
        if _is(interval, "Interval"):
            low, high = float(interval.get("leftMargin", low)), float(interval.get("rightMargin", high))
    found = np.round(rng.uniform(low, high, N_USUAL), 0 if field.get("dataType") == "integer" else 2)
    return found.astype(np.float64)


def borders(path: Path) -> dict[str, list[float]]:
    """The ends of intervals and the thresholds of outliers of each field, and the doubles beside them."""
    found: dict[str, list[float]] = {}
    for element in ElementTree.parse(path).iter():
        name = element.get("name")
        texts = [element.get("lowValue"), element.get("highValue")] if _is(element, "MiningField") else []
        if _is(element, "DataField"):
            ends = ("leftMargin", "rightMargin")
            texts = [each.get(end) for each in element if _is(each, "Interval") for end in ends]
        for text in texts:
            if text is not None and name is not None:
                value = float(text)
                found.setdefault(name, []).extend(
                    [value, float(np.nextafter(value, -np.inf)), float(np.nextafter(value, np.inf))]
                )
    return found


@cache
def _fields(path: Path) -> dict[str | None, ElementTree.Element]:
    return {field.get("name"): field for field in ElementTree.parse(path).iter() if _is(field, "DataField")}


def given(path: Path, row: Row) -> Row:
    """A row as JPMML takes it: whole numbers of whole-number fields, and booleans, in their own types."""
    return {name: _typed(str(_fields(path)[name].get("dataType")), value) for name, value in row.items()}


def _typed(data_type: str, value: Value) -> Value:
    if not isinstance(value, float):
        return value
    if data_type == "integer" and value.is_integer() and abs(value) < 2**31:
        return int(value)
    return bool(value) if data_type == "boolean" and value in (0.0, 1.0) else value


def _number(text: str | None) -> float:
    return {"true": 1.0, "false": 0.0}.get(str(text)) or float(str(text).replace("true", "1").replace("false", "0"))


def _is(element: ElementTree.Element, name: str) -> bool:
    return element.tag.rpartition("}")[2] == name
