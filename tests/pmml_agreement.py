"""Compares what indb makes of a PMML file, row by row, with the JPMML evaluator and PMML4S.

The rows hold what the file compares values with and the numbers beside it, missing, invalid and huge values. Labels
must be equal, numbers within 1e-9; a row that JPMML refuses has no score.
"""

from __future__ import annotations

import math
import random
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pmml_oracle import Oracles, Row, collected, present

import indb
from indb.evaluate import decode, evaluate
from indb.ir import Model, Type

TOLERANCE = 1e-9

MISSING = ("cannot accept missing value", "MissingFieldValueException")
"""What JPMML says of a missing value that it does not take."""


NUMBERS = [None, 0.0, -1.0, 0.5, 1e6, -1e6, math.inf, -math.inf, 1e-300, 2.5, 3.0]
"""Values that no file compares with."""


def constants(path: Path) -> tuple[list[float], list[str]]:
    """The numbers that a file compares values with, thinned out, and the texts."""
    text = path.read_text(encoding="utf-8")
    found = re.findall(r'(?:\bvalue|Margin|\borig|Value)="([^"]*)"', text)
    found += [item for array in re.findall(r"<Array[^>]*>([^<]*)<", text) for item in array.split()]
    numbers, texts = {0.0, 1.0, 2.0, 40.0}, {"a"}
    for item in found:
        try:
            numbers.add(float(item))
        except ValueError:
            texts.add(item)
    finite = sorted(number for number in numbers if math.isfinite(number))
    return finite[:: max(len(finite) // 60, 1)], sorted(texts)[:60]


@dataclass
class File:
    """A PMML file, its model, and the names and types of the fields that columns stand for."""

    path: Path
    model: Model
    fields: dict[str, Any]
    types: dict[str, str]
    target: str

    @classmethod
    def read(cls, path: Path) -> File:
        root = ElementTree.parse(path).getroot()
        space = root.tag.removesuffix("PMML")
        fields = {each.attrib["name"]: each for each in root.iter(f"{space}DataField")}
        types = {name: each.attrib["dataType"] for name, each in fields.items()}
        schema = next(root.iter(f"{space}MiningSchema"))
        targets = [each.attrib["name"] for each in schema if each.get("usageType") in ("target", "predicted")]
        return cls(path, indb.read(path), fields, types, targets[0] if targets else "")

    def rows(self, budget: int = 60) -> list[Row]:
        """Rows of input fields: values that the file compares with, those on both sides of them, and awkward ones."""
        drawn = random.Random(self.path.name)
        numbers, texts = constants(self.path)
        known = [
            *numbers,
            *(math.nextafter(x, math.inf) for x in numbers),
            *(math.nextafter(x, -math.inf) for x in numbers),
        ]
        rows: list[Row] = []
        for place in range(budget):
            row: Row = {}
            for column in self.model.columns:
                awkward = place % 6 == 5 and drawn.random() < 0.4
                if column.kind is Type.TEXT:
                    pool: list[Any] = ["unknown", "", None] if awkward else self.valid(column.name) or texts
                else:
                    pool = NUMBERS if awkward else known[: len(numbers)] if drawn.random() < 0.5 else known
                value = drawn.choice(pool)
                limits = self.limits.get(column.name)
                if limits and value is not None and not awkward and not limits[0] <= value <= limits[1]:
                    value = drawn.uniform(*limits)
                if self.types.get(column.name) in ("integer", "boolean") and value is not None and not awkward:
                    value = float(math.floor(value)) if self.types[column.name] == "integer" else value > 1.0
                row[column.name] = self.given(column.name, value)
            rows.append(row)
        return rows

    def valid(self, name: str) -> list[str]:
        """The valid values that the file lists for a field."""
        found = [each.attrib for each in self.fields[name] if each.get("property", "valid") == "valid"]
        return [each["value"] for each in found if "value" in each]

    @property
    def limits(self) -> dict[str, tuple[float, float]]:
        """The interval of each field that has one."""
        found = {}
        for name, field in self.fields.items():
            for each in field:
                if "leftMargin" in each.attrib and "rightMargin" in each.attrib:
                    found[name] = float(each.attrib["leftMargin"]), float(each.attrib["rightMargin"])
        return found

    @property
    def whole(self) -> list[str]:
        """The fields of whole numbers."""
        return [name for name, data_type in self.types.items() if data_type == "integer"]

    def given(self, name: str, value: Any) -> Any:
        """A value of a field in its own type, where it is one."""
        whole = isinstance(value, float) and math.isfinite(value) and value == math.floor(value)
        if self.types.get(name) == "integer" and whole and abs(value) < 2**31:
            return int(value)
        if self.types.get(name) == "boolean" and value in (0.0, 1.0):
            return bool(value)
        return value

    def found(self, rows: list[Row]) -> dict[str, list[Any]]:
        """What indb gives for rows, by the name of the target or the output field, and `predict_proba`."""
        columns = {
            each.name: [float(v) if isinstance(v := row[each.name], int) else v for row in rows]
            for each in self.model.columns
        }
        result: dict[str, list[Any]] = {}
        outputs = evaluate(self.model, columns)
        for target in self.model.targets:
            numbers = outputs[target.name]["predict"]
            labels = target.labels
            result[target.name or self.target] = (
                decode(labels, numbers) if labels else [None if math.isnan(x) else x for x in numbers[:, 0].tolist()]
            )
        return collected(result, self.path, self.target)


def same(ours: Any, theirs: Any) -> bool:
    """Whether two values are the same label, both missing, or numbers within the tolerance; of lists, each pair."""
    if isinstance(ours, list):
        theirs = present(theirs)
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    ours, theirs = (None if isinstance(each, float) and math.isnan(each) else each for each in (ours, theirs))
    if ours is None or theirs is None or isinstance(ours, str) or isinstance(theirs, str):
        return bool(ours == theirs) or (ours is not None and theirs is not None and str(ours) == str(theirs))
    return bool(ours == theirs) or math.isclose(ours, theirs, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def differences(file: File, rows: list[Row], oracles: Oracles) -> list[str]:
    """Where indb gives another value than JPMML, as text.

    Left out are the rows that have no meaning of their own: infinite and huge numbers from which JPMML's arithmetic
    makes a NaN, for which indb has no score, and whole numbers that JPMML's 32 bits do not hold. So are rows for which
    JPMML raises an error where the specification has a missing value: an argument of a function, or another model's
    output.
    """
    found = file.found(rows)
    jpmml, refused = oracles.jpmml(file.path, rows), oracles.jpmml_refuses(file.path, rows)
    wrong = []
    for place, row in enumerate(rows):
        theirs = jpmml.rows[place] if jpmml.errors[place] is None and not refused[place] else {}
        huge = any(abs(value) > 1e15 for value in row.values() if isinstance(value, float))
        if any(abs(row[name]) >= 2**31 for name in file.whole if isinstance(row.get(name), float)):
            continue
        if any(words in (jpmml.errors[place] or "") for words in MISSING):
            continue
        nan = any(isinstance(value, float) and math.isnan(value) for value in theirs.values())
        for name, values in found.items():
            ours = values[place]
            if not name or same(ours, theirs.get(name)) or (ours in (None, []) and (huge or nan)):
                continue
            reason = jpmml.errors[place] or ("refused" if refused[place] else "")
            wrong.append(f"{name}: {ours!r}, JPMML {theirs.get(name)!r} {reason} for {row}")
    missing = set(found) - set(jpmml.rows[0]) - {""} if None in jpmml.errors else set()
    return [*wrong, *(f"{name}: JPMML has no such field" for name in sorted(missing))]
