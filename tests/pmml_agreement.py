"""Compares what indb makes of a PMML file, row by row, with the JPMML evaluator and PMML4S.

The rows are those on which a model is most likely scored wrongly (indb.golden): on both sides of every split, missing,
invalid, huge. Labels must be equal, numbers within 1e-9; a row that JPMML refuses has no score.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pmml_oracle import Oracles, Row

import indb
from indb.engines.deployment import BoundColumn
from indb.evaluate import decode, evaluate
from indb.golden import awkward_rows
from indb.ir import Model, Type

TOLERANCE = 1e-9

MISSING = ("cannot accept missing value", "MissingFieldValueException")
"""What JPMML says of a missing value that it does not take."""

KINDS = {Type.NUMBER: ("double", "number"), Type.TEXT: ("text", "text")}


@dataclass
class File:
    """A PMML file, its model, and the names and types of the fields that columns stand for."""

    path: Path
    model: Model
    types: dict[str, str]
    target: str

    @classmethod
    def read(cls, path: Path) -> File:
        root = ElementTree.parse(path).getroot()
        space = root.tag.removesuffix("PMML")
        types = {each.attrib["name"]: each.attrib["dataType"] for each in root.iter(f"{space}DataField")}
        schema = next(root.iter(f"{space}MiningSchema"))
        targets = [each.attrib["name"] for each in schema if each.get("usageType") in ("target", "predicted")]
        return cls(path, indb.read(path), types, targets[0] if targets else "")

    def rows(self, budget: int = 120) -> list[Row]:
        """Rows of input fields, as the two programs take them."""
        bound = [BoundColumn(each.name, each.name, *KINDS[each.kind]) for each in self.model.columns]
        rows = awkward_rows(self.model, bound, budget)
        return [{name: self.given(name, value) for name, value in row.items()} for row in rows]

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
        return result


def same(ours: Any, theirs: Any) -> bool:
    """Whether two values are the same label, both missing, or numbers within the tolerance."""
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
        for name, values in found.items():
            ours = values[place]
            if not name or same(ours, theirs.get(name)) or (ours is None and huge):
                continue
            reason = jpmml.errors[place] or ("refused" if refused[place] else "")
            wrong.append(f"{name}: {ours!r}, JPMML {theirs.get(name)!r} {reason} for {row}")
    missing = set(found) - set(jpmml.rows[0]) - {""} if None in jpmml.errors else set()
    return [*wrong, *(f"{name}: JPMML has no such field" for name in sorted(missing))]
