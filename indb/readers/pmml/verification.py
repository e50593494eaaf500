"""ModelVerification: rows of a file with what its model gives for them, which indb must give too.

Source: PMML 4.4, "Model Verification"; JPMML's VerificationUtil for how far numbers may be off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from indb.evaluate import decode, evaluate
from indb.ir import Column, Model, Scalar, Type
from indb.readers.pmml import values
from indb.readers.pmml.document import BOOLEANS, NUMBER, Element
from indb.readers.pmml.expressions import table_rows
from indb.readers.pmml.scope import Scope

MAX_CELLS = 1_000_000


@dataclass(frozen=True, slots=True)
class Field:
    """A column of the table: the field that it holds, and how far a number may be off."""

    element: Element
    name: str
    column: str
    precision: float
    zero: float

    def accepts(self, expected: Any, found: Any) -> bool:
        """Whether what is found is what the file says."""
        if isinstance(found, bool) or not isinstance(expected, float) or not isinstance(found, (int, float)):
            return bool(expected == found)
        if abs(expected) <= self.zero and abs(found) <= self.zero:
            return True
        low, high = sorted((expected * (1.0 - self.precision), expected * (1.0 + self.precision)))
        return low <= found <= high


def fields_of(element: Element) -> list[Field]:
    """The fields of a ModelVerification."""
    return [
        Field(
            each,
            each.needed("field"),
            (each.get("column") or each.needed("field")).rpartition(":")[2],
            each.number("precision", 1e-6),
            each.number("zeroThreshold", 1e-16),
        )
        for each in element.one("VerificationFields").all("VerificationField")
    ]


def examples(element: Element, scope: Scope, fields: Sequence[Field]) -> tuple[dict[str, Scalar], ...]:
    """The inputs of the rows by the names of columns; a cell that is not there is missing."""
    rows = table_rows(element)
    if len(rows) * len(fields) > MAX_CELLS:
        raise element.refused(f"its table has more than {MAX_CELLS} cells")
    inputs = [field for field in fields if field.name in scope.document.columns]
    return tuple(
        {
            scope.document.columns[field.name].name: _input(scope.document.columns[field.name], row, field, scope)
            for field in inputs
        }
        for row in rows
    )


def _input(column: Column, row: dict[str, str], field: Field, scope: Scope) -> Scalar:
    text = row.get(field.column)
    data_type = scope.document.data[field.name].data_type
    if text is None or not values.is_one(text, data_type):
        return None if column.kind is Type.TEXT else values.parse_missing(data_type)
    if data_type in values.NUMBERS:  # as it is given, before it is a float or a whole number
        return field.element.parse_number(text)
    return values.parse(text, data_type, field.element)


def check(element: Element, model: Model, scope: Scope, fields: Sequence[Field]) -> None:
    """Compare what the model gives for the rows with what the file says.

    Raises: UnsupportedModel naming the first row and field in which they differ.
    """
    rows = table_rows(element)
    columns = {column.name: [row.get(column.name) for row in model.examples] for column in model.columns}
    outputs = evaluate(model, columns) if rows and model.columns else {}
    several = all(target.name for target in model.targets)
    for field in fields:
        if field.name == scope.target.name and several:
            raise field.element.refused(
                "multipleModelMethod='selectAll' gives a result for each segment, the table has one",
                "Write an OutputField with a segmentId for each, and verify these.",
            )
        name = "" if field.name == scope.target.name else field.name
        target = next((each for each in model.targets if each.name == name), None)
        if field.name in scope.document.columns or target is None or not outputs:
            continue
        found = outputs[target.name]["predict"]
        given = decode(target.labels, found) if target.labels else [_number(x) for x in found[:, 0].tolist()]
        for place, row in enumerate(rows):
            text = row.get(field.column)
            if text is None:
                continue
            ours = given[place]
            if not field.accepts(_expected(text, ours), ours):
                raise element.refused(
                    f"record {place + 1} says that {field.name!r} is {text[:40]!r}, indb computes {ours!r}",
                    "The model would be scored in another way than its file says.",
                )


def _number(x: float) -> float | None:
    return None if x != x else x


def _expected(text: str, like: Any) -> Any:
    """The text as a value of the same type as another one."""
    if isinstance(like, bool):
        return BOOLEANS.get(text.strip().lower(), text)
    if isinstance(like, (int, float)):
        return float(text) if NUMBER.fullmatch(text.strip()) else text
    return text
