"""A model as SQL calls it: one row at a time, or many rows in one piece of bytes.

This file is part of what `indb.runtime()` holds. It knows neither SQL nor PL/Python, so that it is tested without a
server. A layout is JSON that is written in the body of a model's functions: which columns come in which order (numbers
first, then texts), and which values ("slots") are asked for by number.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from indb.errors import ModelFileError
from indb.runtime.scorer import Scorer

NAN = float("nan")


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
        """The slot `args[0]` of the row that the other arguments are; NaN for missing."""
        reader = self._rows.get(layout)
        if reader is None:
            reader = self._rows[layout] = RowReader(self.scorer, Layout(self.scorer, layout))
        return reader.value(args)

    def batch(self, layout: str, args: Sequence[Any]) -> list[str]:
        """A text for each slot asked for, which PostgreSQL reads as an array with a value for each row.

        args: how the model was found (not looked at), the slots, the number of rows, the numbers (what `record_send`
        gives for each row, one after the other), the texts (a list for each row).
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
        cell = np.dtype([("type", ">i4"), ("size", ">i4"), ("value", ">f8")])
        self.record = np.dtype([("fields", ">i4"), ("cells", cell, (len(self.numbers),))])

    def columns(self, n_rows: int, numbers: bytes | None, texts: list[list[str | None]] | None) -> dict[str, Any]:
        """The columns of many rows, each (n_rows, 1)."""
        found: dict[str, Any] = {}
        if self.numbers:
            cells = np.frombuffer(numbers or b"", self.record)["cells"]["value"]
            if len(cells) != n_rows:
                raise ValueError(f"cannot read a batch: found {len(cells)} rows, needed {n_rows}")
            for number, name in enumerate(self.numbers):
                found[name] = cells[:, number : number + 1].astype(np.float64)
        if self.texts:
            objects = np.empty((n_rows, len(self.texts)), dtype=object)
            objects[:] = texts
            for number, name in enumerate(self.texts):
                found[name] = objects[:, number : number + 1]
        return found

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
        n_numbers, n_texts = len(layout.numbers), len(layout.texts)
        self.scorer = scorer
        self.slots = layout.slots
        self.end = 1 + n_numbers
        self.pack = struct.Struct(f"={n_numbers}d").pack
        self.memory = bytearray(8 * n_numbers)
        numbers = np.frombuffer(self.memory, np.float64).reshape(1, -1)
        self.texts = np.empty((1, n_texts), dtype=object)
        self.columns: dict[str, Any] = {name: numbers[:, i : i + 1] for i, name in enumerate(layout.numbers)}
        self.columns |= {name: self.texts[:, i : i + 1] for i, name in enumerate(layout.texts)}
        self.last: Any = None
        self.values: list[float] = []

    def value(self, args: Sequence[Any]) -> float:
        """The slot `args[0]` (or `-1 - args[0]`) of the row of the other arguments."""
        slot = args[0]
        try:
            row = self.pack(*args[1 : self.end])
        except struct.error:  # a None among them; most rows have none, and then this is the fastest way
            row = self.pack(*[NAN if value is None else value for value in args[1 : self.end]])
        texts = args[self.end :]
        # Compared as bytes: NaN equals itself then, and 0.0 is not -0.0.
        if (row, texts) != self.last:
            self._score(row, texts)
        return self.values[slot if slot >= 0 else -1 - slot]

    def _score(self, row: bytes, texts: Sequence[str | None]) -> None:
        self.last = None
        self.memory[:] = row
        if texts:
            self.texts[0] = texts
        found = self.scorer.outputs(self.columns, 1)
        self.values = [
            float(found[target][output][0, lane]) + (1.0 if is_label else 0.0)
            for target, output, lane, is_label in self.slots
        ]
        self.last = (row, texts)
