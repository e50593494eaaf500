"""A model as SQL calls it: one row at a time, or many rows in one piece of bytes.

This file is part of what `indb.runtime()` holds. It knows neither SQL nor PL/Python, so that it is tested without a
server. A layout is JSON that is written in the body of a model's functions: which columns come in which order (numbers
first, then texts), and which values ("slots") are asked for by number.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from indb.errors import ModelFileError
from indb.ir import Type
from indb.runtime.scorer import Scorer


class Served:
    """A model file, loaded once in a session."""

    def __init__(self, digest: str, file: bytes) -> None:
        found = hashlib.sha256(file).hexdigest()
        if found != digest:
            raise ModelFileError(
                f"cannot load model {digest[:12]}: its file was changed (found SHA-256 {found[:12]}…)",
                "Deploy the model again.",
            )
        self.size = len(file)
        self.scorer = Scorer.load(file)
        self._rows: dict[str, RowReader] = {}
        self._layouts: dict[str, Layout] = {}

    def row(self, layout: str, args: Sequence[Any]) -> float:
        """One value of one row; NaN for missing. args: its slot, the row's doubles as bytes, its texts."""
        reader = self._rows.get(layout)
        if reader is None:
            reader = self._rows[layout] = RowReader(self.scorer, Layout(self.scorer, layout))
        return reader.value(args)

    def batch(self, layout: str, args: Sequence[Any]) -> list[str]:
        """A text for each slot asked for, which PostgreSQL reads as an array with a value for each row.

        args: how the model was found (not looked at), the slots, the number of rows, the doubles of all rows as bytes,
        row after row, the texts (a list for each row).
        """
        _, slots, n_rows, numbers, texts = args
        known = self._layouts.get(layout)
        if known is None:
            known = self._layouts[layout] = Layout(self.scorer, layout)
        found = self.scorer.outputs(known.columns(n_rows, numbers, texts), n_rows)
        return [known.array(slot, found) for slot in slots]


class Layout:
    """Which columns a model is handed, and which of its values have which number."""

    def __init__(self, scorer: Scorer, layout: str) -> None:
        parts = json.loads(layout)
        self.numbers: list[str] = parts["numbers"]
        self.texts: list[str] = parts["texts"]
        only = scorer.model.targets[0].name
        several = len(scorer.model.targets) > 1
        self.slots = [
            (target if several else only, output, lane, bool(is_label))
            for target, output, lane, is_label in parts["slots"]
        ]
        # What optimising found to change no output is not asked of the table.
        read = {*self.numbers, *self.texts}
        self.unread = [column for column in scorer.model.columns if column.name not in read]

    def columns(self, n_rows: int, numbers: bytes | None, texts: list[list[str | None]] | None) -> dict[str, Any]:
        """The columns of many rows, each (n_rows, 1)."""
        found = self.gaps(n_rows)
        if self.numbers:
            # Refuses what has another number of cells. Column after column in memory, because that is how it is read.
            cells = np.frombuffer(numbers or b"", np.float64).reshape(n_rows, len(self.numbers)).copy("F")
            for number, name in enumerate(self.numbers):
                found[name] = cells[:, number : number + 1]
        if self.texts:
            objects = np.empty((n_rows, len(self.texts)), dtype=object)
            objects[:] = texts
            for number, name in enumerate(self.texts):
                found[name] = objects[:, number : number + 1]
        return found

    def gaps(self, n_rows: int) -> dict[str, Any]:
        """A missing value in each row of the columns that are not handed over."""
        return {
            column.name: np.full((n_rows, 1), None) if column.type is Type.TEXT else np.full((n_rows, 1), np.nan)
            for column in self.unread
        }

    def array(self, slot: int, found: dict[str, dict[str, Any]]) -> str:
        """The values of a slot as PostgreSQL writes an array: doubles, or the places of labels from 1; NULL: missing.

        A label's place and not the label, so that each label is one constant of the query.
        """
        target, output, lane, is_label = self.slots[slot]
        values = found[target][output][:, lane]
        if is_label:
            gaps = np.isnan(values)
            words = np.array([*map(str, range(1, int(np.max(values, initial=0, where=~gaps)) + 2)), "NULL"])
            places = np.where(gaps, len(words) - 1, values).astype(np.intp)
            return "{" + ",".join(words[places].tolist()) + "}"
        # repr of a list: the shortest text of each double that reads back as the same bits.
        return "{" + repr(values.tolist())[1:-1].replace("nan", "NULL") + "}"


class RowReader:
    """One row at a time, into arrays that are used again for each row; the values of the last row are kept."""

    def __init__(self, scorer: Scorer, layout: Layout) -> None:
        self.scorer = scorer
        self.slots = layout.slots
        self.memory = bytearray(8 * len(layout.numbers))
        numbers = np.frombuffer(self.memory, np.float64).reshape(1, -1)
        self.texts = np.empty((1, len(layout.texts)), dtype=object)
        self.columns = layout.gaps(1)
        self.columns |= {name: numbers[:, i : i + 1] for i, name in enumerate(layout.numbers)}
        self.columns |= {name: self.texts[:, i : i + 1] for i, name in enumerate(layout.texts)}
        self.last: Any = None
        self.values: list[float] = []

    def value(self, args: Sequence[Any]) -> float:
        """The slot `args[0]` (or `-1 - args[0]`) of the row of the other arguments."""
        slot, *row = args
        if row != self.last:  # the doubles are compared as bytes: NaN equals itself then, and 0.0 is not -0.0
            self._score(row)
        return self.values[slot if slot >= 0 else -1 - slot]

    def _score(self, row: list[Any]) -> None:
        self.last = None
        numbers, texts = row
        if numbers is not None:
            self.memory[:] = numbers
        if texts is not None:
            self.texts[0] = texts
        found = self.scorer.outputs(self.columns, 1)
        self.values = [
            float(found[target][output][0, lane]) + (1.0 if is_label else 0.0)
            for target, output, lane, is_label in self.slots
        ]
        self.last = row
