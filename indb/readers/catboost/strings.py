"""The texts behind the hashes of a CatBoost model.

A model keeps no category, only the lower 32 bits of its hash; a statistic of categories is found by a product of these.
A JSON file that is saved with the training data lists text and hash of every category of that data, so the tables of
statistics are inverted by hashing all that is listed. What is in a table and not in the list cannot be told from a new
category, so it is refused. What is in neither is taken for a new category: CatBoost may find it by a hash that another
category has too, once in 2**32 for each category.

Source: catboost/libs/model/hash.h (CalcHash), ctr_provider.h (CalcHashes).
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

MULTIPLIER = np.uint64(0x4906BA494954CB65)

MAX_STRINGS = 1 << 12
"""How many categories a model may have: among this many two have the same hash in one model of 500."""

INTEGERS = range(-1000, 1 << 16)
"""The integers that are tried where no file lists categories."""

MAX_TRIED = 1 << 22
"""How many combinations of categories are tried to find those of one table."""


def signed(value: int) -> int:
    """A hash of 32 bits as a signed number, in which one-hot splits hold it."""
    return value - (1 << 32) if value >= 1 << 31 else value


def combined(first: Hashes, second: Hashes) -> Hashes:
    """The hash of a combination and one more part of it."""
    return MULTIPLIER * (first + MULTIPLIER * second)


@dataclass(frozen=True)
class Strings:
    """Categories that may occur, of all features together: `texts` and their signed `hashes`, in order.

    `listed`: they are those that a file lists, not those that are tried where it lists none.
    """

    texts: tuple[str, ...]
    hashes: tuple[int, ...]
    listed: bool

    def of(self, value: int) -> tuple[str, ...]:
        """The categories of a hash."""
        return self._by_hash.get(value, ())

    @cached_property
    def _by_hash(self) -> dict[int, tuple[str, ...]]:
        found: dict[int, tuple[str, ...]] = {}
        for text, value in zip(self.texts, self.hashes, strict=True):
            found[value] = (*found.get(value, ()), text)
        return found

    @cached_property
    def words(self) -> Hashes:
        """The hashes as they go into those of combinations."""
        return np.array(self.hashes, dtype=np.int64).astype(np.uint64)

    @cached_property
    def numbers(self) -> NDArray[np.intp]:
        """The numbers of all strings."""
        return np.arange(len(self.texts))


def strings_of(features_info: Mapping[str, Any]) -> Strings:
    """What a file lists, nothing where it was saved without the training data."""
    found: dict[str, int] = {}
    for entry in features_info.get("cat_features_hash") or ():
        found[str(entry["value"])] = signed(int(entry["hash"]) % (1 << 32))
    return Strings(tuple(found), tuple(found.values()), listed=True)


@cache
def integer_strings() -> Strings:
    """The integers that are tried where no file lists categories: codes, months, years, booleans.

    CatBoost itself hashes them: a model of no use lists them in its file. Raises: ImportError without CatBoost.
    """
    from catboost import CatBoostRegressor, Pool

    options: dict[str, Any] = {"iterations": 1, "depth": 1, "thread_count": 1, "logging_level": "Silent"}
    model = CatBoostRegressor(allow_writing_files=False, **options).fit(Pool([["0"], ["1"]], [0, 1], [0]))
    values = np.array(INTEGERS).reshape(-1, 1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.json")
        model.save_model(str(path), format="json", pool=Pool(values, cat_features=[0]))
        found = strings_of(json.loads(path.read_bytes())["features_info"])
    return replace(found, listed=False)


def matches(
    strings: Strings, candidates: Sequence[NDArray[np.intp]], bits: int, wanted: Hashes
) -> dict[tuple[int, ...], int] | None:
    """The combinations whose hash is wanted, each with the number of it, None when there are too many to try.

    A combination is a string of each list of candidates (their numbers), then so many bits.
    """
    sizes = [len(each) for each in candidates] + [2] * bits
    if np.prod([float(size) for size in sizes]) > MAX_TRIED:
        return None
    words = strings.words
    hashes = np.zeros(1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for each in candidates:
            hashes = combined(hashes[:, None], words[each][None, :]).ravel()
        for _ in range(bits):
            hashes = combined(hashes[:, None], np.arange(2, dtype=np.uint64)[None, :]).ravel()
    order = np.argsort(wanted)
    place = np.clip(np.searchsorted(wanted[order], hashes), 0, max(len(wanted) - 1, 0))
    hits = np.flatnonzero(wanted[order][place] == hashes) if len(wanted) else np.zeros(0, dtype=np.intp)
    found: dict[tuple[int, ...], int] = {}
    for hit, digits in zip(hits, np.stack(np.unravel_index(hits, sizes), axis=1).tolist(), strict=True):
        names = [int(each[digit]) for each, digit in zip(candidates, digits, strict=False)]
        found[*names, *digits[len(candidates) :]] = int(order[place[hit]])
    return found


def integers(texts: Sequence[str]) -> bool:
    """Whether all of some categories are written as CatBoost writes integers, so that the column may hold numbers."""
    return all(_is_integer(text) for text in texts)


def _is_integer(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and str(int(text)) == text and abs(int(text)) <= 1 << 53


def by_place(found: Mapping[tuple[int, ...], int], length: int) -> list[list[int]]:
    """For each place in combinations of categories, the numbers of the strings that stand there, in order."""
    return [sorted({names[place] for names in found}) for place in range(length)]
