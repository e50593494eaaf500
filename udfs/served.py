"""A model as SQL calls it: one row at a time, or many rows in one piece of bytes.

This file is part of what `indb.runtime()` holds. It knows neither SQL nor PL/Python, so that it is tested without a
server. A layout is JSON that is written in the body of a model's functions: which columns come in which order (numbers
first, then texts), and which values ("slots") are asked for by number.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from indb.errors import ModelFileError
from indb.ir import Type
from indb.runtime.alone import ALONE
from indb.runtime.scorer import Scorer
from indb.runtime.words import Texts

# A session's process does nothing else, and a thread of its own that waits might be handed the server's signals.
ALONE.restores = False


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
        self._layouts: dict[str, Layout] = {}

    def rows(self, layout: str) -> Callable[[Sequence[Any]], str]:
        """A function of one row, which gives one value as C writes it (0x1.8p+1), "nan" for missing.

        Its arguments are a slot (or -1 - slot), the row's doubles as bytes, and its texts. It is written for speed: one
        call, arrays that are used again for each row, and the values of the last row are kept.
        """
        known = Layout(self.scorer, layout)
        memory = bytearray(8 * len(known.numbers))
        doubles, cells = memoryview(memory), np.frombuffer(memory, np.float64).reshape(1, -1)
        words = np.empty((1, len(known.texts)), dtype=object)
        columns = known.gaps(1)
        columns |= {name: cells[:, i : i + 1] for i, name in enumerate(known.numbers)}
        columns |= {name: words[:, i : i + 1] for i, name in enumerate(known.texts)}
        # A library's margins are computed when they are asked for: often they take as long as the prediction.
        apart = "decision_function" if self.scorer.model.is_foreign else None
        groups = [[slot for slot, each in enumerate(known.slots) if (each[1] == apart) is margin]
                  for margin in (False, True)]  # fmt: skip
        group_of = {slot: group for group in groups for slot in group}
        wanted = {id(group): frozenset(known.slots[slot][:2] for slot in group) for group in groups}
        scorer = self.scorer
        last_numbers = last_texts = values = None

        def row(args: Sequence[Any]) -> str:
            nonlocal last_numbers, last_texts, values
            slot, numbers, texts = args
            # The doubles are compared as bytes: NaN equals itself then, and 0.0 is not -0.0.
            if values is None or numbers != last_numbers or texts != last_texts:
                values = None
                if numbers is not None:
                    doubles[:] = numbers
                if texts is not None:
                    words[0] = texts
                last_numbers, last_texts, values = numbers, texts, {}
            place = slot if slot >= 0 else -1 - slot
            if place not in values:
                group = group_of[place]
                found = scorer.outputs(columns, 1, wanted[id(group)])
                for each in group:
                    target, output, lane, _ = known.slots[each]
                    values[each] = found[target][output].item(lane)
            # hex() takes a third of the time of repr(), and PostgreSQL reads both with strtod().
            return float.hex(values[place])

        return row

    def batch(self, layout: str, args: Sequence[Any]) -> list[str]:
        """A text for each slot asked for, which PostgreSQL reads as an array with a value for each row.

        args: how the model was found (not looked at), the slots, the number of rows, the doubles of all rows as bytes,
        row after row, and for each column of texts those of all rows as bytes.
        """
        _, slots, n_rows, numbers, texts = args
        known = self._layouts.get(layout)
        if known is None:
            known = self._layouts[layout] = Layout(self.scorer, layout)
        wanted = frozenset(known.slots[slot][:2] for slot in slots)
        found = self.scorer.outputs(known.columns(n_rows, numbers, texts), n_rows, wanted)
        return [known.array(slot, found) for slot in slots]


def numbered(column: bytes, n_rows: int) -> Texts:
    """A column of texts in UTF-8 with a zero byte between them; a missing one is the byte 255, which no text has."""
    words = column.split(b"\0")
    number = {word: place for place, word in enumerate(dict.fromkeys(words))}
    numbers = np.fromiter(map(number.__getitem__, words), dtype=np.intp, count=len(words))
    if len(words) != n_rows:
        raise ValueError(f"found {len(words)} texts, needed {n_rows}")
    return Texts([None if word == b"\xff" else word.decode() for word in number], numbers)


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

    def columns(self, n_rows: int, numbers: bytes | None, texts: list[bytes] | None) -> dict[str, Any]:
        """The columns of many rows."""
        found = self.gaps(n_rows)
        if self.numbers:
            # Refuses what has another number of cells. Column after column in memory, because that is how it is read.
            cells = np.frombuffer(numbers or b"", np.float64).reshape(n_rows, len(self.numbers)).copy("F")
            for number, name in enumerate(self.numbers):
                found[name] = cells[:, number : number + 1]
        found.update((name, numbered(part, n_rows)) for name, part in zip(self.texts, texts or [], strict=True))
        return found

    def gaps(self, n_rows: int) -> dict[str, Any]:
        """A missing value in each row of the columns that are not handed over."""
        return {
            column.name: np.full((n_rows, 1), None) if column.type is Type.TEXT else np.full((n_rows, 1), np.nan)
            for column in self.unread
        }

    def array(self, slot: int, found: dict[str, dict[str, Any]]) -> str:
        """The values of a slot as PostgreSQL writes an array: the bits of doubles, or the places of labels from 0.

        NULL: missing. The bits as an integer are written and read many times as fast as the double. A label's place and
        not the label, so that each label is one constant of the query.
        """
        target, output, lane, is_label = self.slots[slot]
        values = np.ascontiguousarray(found[target][output][:, lane], dtype=np.float64)
        gaps = np.isnan(values)
        with np.errstate(invalid="ignore"):
            integers = values.astype(np.int64) if is_label else values.view(np.int64)
        written: list[int | None] = integers.tolist()
        for row in np.flatnonzero(gaps).tolist():
            written[row] = None
        return "{" + repr(written)[1:-1].replace("None", "NULL") + "}"
