"""Splits of a CatBoost model as tests on lanes, those on categories and on statistics of categories among them.

A statistic of one category is a table that is looked up; that of a combination is one too, looked up by a number whose
digits are the categories and the answers to the splits that take part in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indb import build
from indb.errors import UnsupportedModel
from indb.ir import Apply, Block, Lookup, Op, Type
from indb.readers.base import Frame, Reading
from indb.readers.catboost import strings as texts
from indb.readers.catboost.dump import JSON_HINT, CategorySplit, Dump, NumberSplit, StatisticSplit, dump_of
from indb.readers.catboost.statistics import Table, table_of
from indb.readers.catboost.trees import Tests

EXACT_INTEGERS = float(1 << 53)
"""Up to here a float64 holds every integer."""


def tests_of(dump: Dump, used: Sequence[int], frame: Frame, reading: Reading) -> Tests:
    """The tests of the splits that trees use."""
    splits = dump.splits()
    columns = Columns(dump, frame, reading)
    count = len(splits)
    feature, category_set = np.full(count, -1, dtype=np.int32), np.full(count, -1, dtype=np.int32)
    threshold, missing_left = np.zeros(count), np.zeros(count, dtype=bool)
    lanes: dict[Any, int] = {}
    inputs: list[Block] = []
    sets: dict[tuple[float | str, ...], int] = {}

    def lane(key: Any, block: Block) -> int:
        if key not in lanes:
            lanes[key] = len(inputs)
            inputs.append(block)
        return lanes[key]

    for each in dump.features("float_features"):
        position = int(each["flat_feature_index"])
        lane(position, columns.number(position))
    columns.look(splits, used)
    for number in used:
        match splits[number]:
            case NumberSplit(position, border, missing_above):
                feature[number] = lane(position, columns.number(position))
                threshold[number] = build.split_threshold(border)
                missing_left[number] = not missing_above
            case CategorySplit(position, value):
                feature[number] = lane(position, columns.category(position))
                keys = columns.keys(position, columns.strings.of(value))
                category_set[number] = sets.setdefault(keys, len(sets))
            case StatisticSplit(statistic, border):
                feature[number] = lane(("statistic", statistic), columns.statistic(statistic))
                threshold[number] = border
    if not inputs:
        raise reading.unsupported("its trees ask nothing of any column")
    return Tests(tuple(inputs), feature, threshold, category_set, missing_left, tuple(sets))


def holds_integers(model: Any) -> set[int]:
    """The positions of the columns of categories whose every category that the model knows by itself is an integer."""
    reading = Reading(())
    try:
        dump = dump_of(model, reading)
    except UnsupportedModel:  # a model with features of text has no document
        return set()
    hashes = set(texts.integer_strings().hashes)
    words = set(texts.combined(np.zeros(1, dtype=np.uint64), texts.integer_strings().words).tolist())
    known: dict[int, list[bool]] = defaultdict(list)
    for split in dump.splits():
        if isinstance(split, CategorySplit):
            known[split.position].append(split.hash in hashes)
    for number in range(len(dump.features("ctrs"))):
        table = table_of(dump, number, reading)
        if len(table.categories) == 1 and table.bits == 0:
            known[table.categories[0]] += [value in words for value in table.hashes.tolist()]
    return {position for position, found in known.items() if all(found)}


@dataclass
class Columns:
    """The lanes of a frame as a model reads them, and the texts of its categories."""

    dump: Dump
    frame: Frame
    reading: Reading
    _categories: dict[int, Block] = field(default_factory=dict)
    _seen: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    _tables: dict[int, tuple[Table, Mapping[tuple[int, ...], int]]] = field(default_factory=dict)

    @cached_property
    def strings(self) -> texts.Strings:
        """The categories that the model's file lists, else integers. Raises: UnsupportedModel for too many."""
        found = texts.strings_of(self.dump.document["features_info"])
        if len(found.texts) > texts.MAX_STRINGS:
            raise self.reading.unsupported(
                f"it has {len(found.texts)} categories, at most {texts.MAX_STRINGS} are told apart by their hashes"
            )
        try:
            return found if found.texts else texts.integer_strings()
        except ImportError:
            raise self._lost("") from None

    def look(self, splits: Sequence[Any], used: Sequence[int]) -> None:
        """Find the categories of every feature, by which it is known whether its column holds texts or numbers."""
        statistics = sorted({splits[number].number for number in used if isinstance(splits[number], StatisticSplit)})
        for number in used:
            split = splits[number]
            if isinstance(split, CategorySplit):
                self._seen[split.position].update(self._known(split.hash))
        for statistic in sorted(statistics, key=lambda each: len(self._table(each).categories)):
            table = self._table(statistic)
            found = self._found(table)
            self._tables[statistic] = table, found
            for position, names in zip(table.categories, texts.by_place(found, len(table.categories)), strict=True):
                self._seen[position].update(self.strings.texts[name] for name in names)
            for position, value in table.exact:
                self._seen[position].update(self._known(value))

    def _known(self, value: int) -> tuple[str, ...]:
        found = self.strings.of(value)
        if not found:
            raise self._lost("one")
        return found

    def _lost(self, what: str) -> Exception:
        if not what or not self.strings.listed:
            return self.reading.unsupported(
                "it splits on categories of texts, of which a model of CatBoost keeps hashes only", JSON_HINT
            )
        return self.reading.unsupported(
            f"its file lists the categories of other data than it was trained on: {what} of the model's is not there",
            JSON_HINT,
        )

    def _table(self, statistic: int) -> Table:
        return table_of(self.dump, statistic, self.reading)

    def _found(self, table: Table) -> dict[tuple[int, ...], int]:
        """The combinations of categories and answers of a table, each with its row."""
        alone = self._alone
        narrow = [alone.get(position, self._known_numbers) for position in table.categories]
        lost = 0
        for candidates in (narrow, [self.strings.numbers] * len(narrow)):
            found = texts.matches(self.strings, candidates, table.bits, table.hashes)
            if found is None:
                break
            lost = len(table.hashes) - len(set(found.values()))
            if not lost:
                return found
        if found is not None or not self.strings.listed:
            raise self._lost(str(lost))
        raise self.reading.unsupported(
            f"it has a statistic of {len(table.categories)} categories together, too many to find their texts",
            "Train it with max_ctr_complexity=1.",
        )

    @cached_property
    def _known_numbers(self) -> NDArray[np.intp]:
        """The strings that surely are categories: all that a file lists, else those of splits and statistics of one."""
        if self.strings.listed:
            return self.strings.numbers
        found = {number for numbers in self._alone.values() for number in numbers.tolist()}
        values = {split.hash for split in self.dump.splits() if isinstance(split, CategorySplit)}
        found.update(number for number, value in enumerate(self.strings.hashes) if value in values)
        return np.array(sorted(found), dtype=np.intp)

    @cached_property
    def _alone(self) -> dict[int, NDArray[np.intp]]:
        """The strings of the features that have a statistic of their own, by position."""
        found = {}
        for number in range(len(self.dump.features("ctrs"))):
            table = self._table(number)
            if len(table.categories) == 1 and table.bits == 0:
                names = texts.matches(self.strings, [self.strings.numbers], 0, table.hashes) or {}
                found[table.categories[0]] = np.array(sorted(name for (name,) in names), dtype=np.intp)
        return found

    def number(self, position: int) -> Block:
        return self.reading.resolve(self.frame.lanes[position], Type.NUMBER)

    def category(self, position: int) -> Block:
        """The lane of a column of categories, which must not be missing: texts, or integers.

        Where every category is written like an integer the column holds those, unless it is known to hold texts.
        """
        if position not in self._categories:
            given = self.frame.lanes[position]
            integers = texts.integers(sorted(self._seen[position]))
            lane = self.reading.either(given, Type.NUMBER) if integers else self.reading.resolve(given, Type.TEXT)
            self._categories[position] = lane
            if lane.type is Type.TEXT:
                self.reading.require(Apply(Op.EQ, (build.is_missing(lane), build.number(0.0))))
            else:
                self.reading.require(build.between(lane, -EXACT_INTEGERS, EXACT_INTEGERS))
                self.reading.require(Apply(Op.EQ, (Apply(Op.FLOOR, (lane,)), lane)))
        return self._categories[position]

    def keys(self, position: int, found: Sequence[str]) -> tuple[float | str, ...]:
        """Categories as the values of a column."""
        if self.category(position).type is Type.TEXT:
            return tuple(found)
        return tuple(float(text) for text in found)

    def statistic(self, number: int) -> Block:
        """The lane of a statistic: a table of one category, or of the digits of a combination."""
        table, found = self._tables[number]
        if table.bits == 0 and len(table.categories) == 1:
            names = {self.strings.texts[name]: row for (name,), row in found.items()}
            keys = self.keys(table.categories[0], tuple(names))
            values = tuple((float(table.values[row]),) for row in names.values())
            return Lookup(self.category(table.categories[0]), keys, values, (table.empty,), build.refused(1))
        return self._combination(table, found)

    def _combination(self, table: Table, found: Mapping[tuple[int, ...], int]) -> Block:
        """The statistic of a combination, by a number that has a digit for each part of it."""
        names = texts.by_place(found, len(table.categories))
        digits = [self._digit(position, each) for position, each in zip(table.categories, names, strict=True)]
        digits += [self._above(split) for split in table.above] + [self._is(*each) for each in table.exact]
        sizes = [len(each) for each in names] + [2] * table.bits
        places = [{name: place for place, name in enumerate(each)} for each in names]
        keys = []
        for combination in found:
            places_here = [place[name] for place, name in zip(places, combination, strict=False)]
            keys.append(float(np.ravel_multi_index([*places_here, *combination[len(names) :]], sizes)))
        values = tuple((float(table.values[row]),) for row in found.values())
        return Lookup(_joined(digits, sizes), tuple(keys), values, (table.empty,), (table.empty,))

    def _digit(self, position: int, names: Sequence[int]) -> Block:
        """The place of a category among some; missing for another one."""
        keys = self.keys(position, [self.strings.texts[name] for name in names])
        values = tuple((float(place),) for place in range(len(keys)))
        return Lookup(self.category(position), keys, values, build.refused(1), build.refused(1))

    def _above(self, split: NumberSplit) -> Block:
        """1.0 above the border of a split, else 0.0."""
        x = self.number(split.position)
        below = build.less_equal(x, build.number(build.split_threshold(split.border)))
        if not split.missing_above:
            below = Apply(Op.OR, (build.is_missing(x), below))
        return build.where(below, build.number(0.0), build.number(1.0))

    def _is(self, position: int, value: int) -> Block:
        """1.0 where a column holds the category of a hash, else 0.0."""
        keys = self.keys(position, self._known(value))
        return Lookup(self.category(position), keys, ((1.0,),) * len(keys), (0.0,), build.refused(1))


def _joined(digits: Sequence[Block], sizes: Sequence[int]) -> Block:
    """The number of a combination of digits, the first one counting most."""
    total = digits[0]
    for digit, size in zip(digits[1:], sizes[1:], strict=True):
        total = build.add(build.multiply(total, build.number(float(size))), digit)
    return total
