"""Trees without walking: each question's answer strikes out leaves, and the leftmost leaf that is left is the row's.

A tree is a bit for each leaf. Where a row is sent right at a node, the leaves on the node's left are struck out. What
a lane's value strikes out in all trees depends on no more than its place between the thresholds of the nodes that ask
for that lane: a table holds it for each such place, and a row needs one entry of it for each lane.

Source: Lucchese et al., QuickScorer: a fast algorithm to rank documents with additive ensembles of regression trees,
SIGIR 2015.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import repeat
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indb.evaluate import Values, missing
from indb.ir import TreeEnsemble
from indb.runtime.leaves import Leaves, Places
from indb.runtime.words import Coded

MAX_BYTES = 64 << 20
"""How large the tables of an ensemble may be: they should stay in the processor's caches."""

CACHED = 1 << 18
"""How many bytes of bits are worked on at a time."""

Masks: TypeAlias = NDArray[Any]
"""Bits by row and, side by side, the words of all trees: their first words, their second words …"""


class TooLarge(ValueError):
    """The tables would be too large."""


class Thresholds:
    """The nodes that compare one lane with a number; state i: i thresholds are below the value, the last: missing."""

    def __init__(self, block: TreeEnsemble, lane: int, nodes: Sequence[int]) -> None:
        self.lane = lane
        self.borders = np.unique(block.threshold[nodes])
        self.sorted: list[float] = self.borders.tolist()
        self.n_states = len(self.borders) + 2

    def strike(self, table: Masks, block: TreeEnsemble, node: int, word: int, mask: Any) -> None:
        """Strike out what a node does for each state but those above it, which `finish` takes from the ones below."""
        table[bisect_left(self.sorted, float(block.threshold[node])) + 1, word] &= mask
        if not block.missing_left[node]:
            table[-1, word] &= mask

    def finish(self, table: Masks) -> None:
        """A value above a threshold is above all smaller ones."""
        np.bitwise_and.accumulate(table[:-1], axis=0, out=table[:-1])

    def states(self, values: NDArray[Any]) -> Places:
        """The state of each value."""
        if len(values) == 1:
            value = values.item(0)
            return np.array([bisect_left(self.sorted, value) if value == value else self.n_states - 1])
        found = np.searchsorted(self.borders, values)
        found[np.isnan(values)] = self.n_states - 1
        return found


class Members:
    """The nodes that ask whether one lane is in a set; a state for each member of any set, other values, missing."""

    def __init__(self, block: TreeEnsemble, lane: int, nodes: Sequence[int]) -> None:
        self.lane = lane
        numbers = {int(block.category_set[node]) for node in nodes}
        members = dict.fromkeys(value for number in sorted(numbers) for value in block.category_sets[number])
        self.state = {value: state for state, value in enumerate(members)}
        self.n_states = len(self.state) + 2
        self.struck: dict[int, Places] = {}
        for number in numbers:
            out = set(range(len(self.state) + 1)) - {self.state[value] for value in block.category_sets[number]}
            self.struck[number] = np.array(sorted(out), dtype=np.intp)

    def strike(self, table: Masks, block: TreeEnsemble, node: int, word: int, mask: Any) -> None:
        """Strike out what a node does for each state."""
        table[self.struck[int(block.category_set[node])], word] &= mask
        if not block.missing_left[node]:
            table[-1, word] &= mask

    def finish(self, table: Masks) -> None:
        """Nothing is left to do."""

    def states(self, values: NDArray[Any]) -> Places:
        """The state of each value."""
        other = repeat(self.n_states - 2)
        found = np.fromiter(map(self.state.get, values.tolist(), other), dtype=np.intp, count=len(values))
        found[missing(values)] = self.n_states - 1
        return found


Question: TypeAlias = Thresholds | Members


class BitVectors:
    """The kernel for trees of few leaves; it needs numpy only.

    Raises: TooLarge when the ensemble would need more than MAX_BYTES.
    """

    def __init__(self, leaves: Leaves) -> None:
        block = self.block = leaves.block
        bits = next((bits for bits in (8, 16, 32) if leaves.most <= bits), 64)
        self.bits, self.type = bits, np.dtype(f"u{bits // 8}")
        self.n_words = -(-leaves.most // bits)
        self.start = leaves.start
        self.lanes = [(place, lane) for place, part in enumerate(block.inputs) for lane in range(part.width)]
        by_lane = _by_lane(block)
        self.questions = [question(block, lane, nodes) for (question, lane), nodes in by_lane.items()]
        width = self.n_words * len(block.roots)
        size = width * sum(question.n_states for question in self.questions) * self.type.itemsize
        if size > MAX_BYTES:
            raise TooLarge(f"its tables would have {size:,} bytes, up to {MAX_BYTES:,} are made")
        self._asked: dict[int, list[int]] = {}
        for number, question in enumerate(self.questions):
            self._asked.setdefault(self.lanes[question.lane][0], []).append(number)
        self.tables = [np.full((each.n_states, width), self._all, dtype=self.type) for each in self.questions]
        tree_of = np.searchsorted(self.start, leaves.first, side="right") - 1
        for question, table, nodes in zip(self.questions, self.tables, by_lane.values(), strict=True):
            for node in nodes:
                if leaves.first[node] >= 0:
                    self._strike(question, table, leaves, node, int(tree_of[node]))
            question.finish(table)
        self.step = max(64, CACHED // (width * self.type.itemsize))

    @property
    def _all(self) -> int:
        return int(np.iinfo(self.type).max)

    def _strike(self, question: Question, table: Masks, leaves: Leaves, node: int, tree: int) -> None:
        """Strike out what is on the left of a node, for the states of its lane that send a row right."""
        begin = int(leaves.first[node] - self.start[tree])
        count = int(leaves.below[self.block.left[node]])
        out = ((1 << count) - 1) << begin
        for word in range(begin // self.bits, (begin + count - 1) // self.bits + 1):
            mask = self.type.type(self._all & ~(out >> word * self.bits))
            question.strike(table, self.block, node, word * len(self.start) + tree, mask)

    def prepare(self, inputs: Sequence[Values | Coded], n_rows: int) -> list[tuple[Masks, Places]]:
        """For each lane, or text that lanes follow from, a table of bits and the row's place in it."""
        found: list[tuple[Masks, Places]] = []
        coded: dict[int, list[int]] = {}
        for place, numbers in self._asked.items():
            part = inputs[place]
            if isinstance(part, Coded):
                coded.setdefault(id(part.numbers), []).extend(numbers)
                continue
            for number in numbers:
                question = self.questions[number]
                found.append((self.tables[number], question.states(part[:, self.lanes[question.lane][1]])))
        found += [self._of_texts(numbers, inputs) for numbers in coded.values()]
        if not found:  # no tree asks anything
            nothing = np.full((1, self.n_words * len(self.start)), self._all, dtype=self.type)
            found.append((nothing, np.zeros(n_rows, dtype=np.intp)))
        return found

    def _of_texts(self, numbers: Sequence[int], inputs: Sequence[Any]) -> tuple[Masks, Places]:
        """The bits for each text that the lanes of some questions follow from."""
        first: Coded = inputs[self.lanes[self.questions[numbers[0]].lane][0]]
        if id(self) not in first.cache:
            parts = []
            for number in numbers:
                place, lane = self.lanes[self.questions[number].lane]
                states = self.questions[number].states(inputs[place].values[:, lane])
                parts.append(self.tables[number].take(states, axis=0))
            first.cache[id(self)] = np.bitwise_and.reduce(parts)
        return first.cache[id(self)], first.numbers

    def places(self, prepared: list[tuple[Masks, Places]], rows: slice) -> Places:
        """The leaves that some rows reach, (n_rows, n_trees)."""
        left = self._left(prepared, rows)
        n_trees = len(self.start)
        found = self._lowest(left[:, (self.n_words - 1) * n_trees :]) + (self.n_words - 1) * self.bits
        for word in range(self.n_words - 2, -1, -1):
            part = left[:, word * n_trees : (word + 1) * n_trees]
            found = np.where(part != 0, self._lowest(part) + word * self.bits, found)
        return found + self.start

    def _left(self, prepared: list[tuple[Masks, Places]], rows: slice) -> Masks:
        """The bits of the leaves that are left for some rows."""
        (table, states), *rest = prepared
        if len(states) == 1:  # nothing but calls counts
            found: Masks = np.bitwise_and.reduce([table[states.item(0)] for table, states in prepared])
            return found.reshape(1, -1)
        left = table.take(states[rows], axis=0)
        bits = np.empty_like(left)
        for table, states in rest:
            table.take(states[rows], axis=0, out=bits, mode="clip")
            np.bitwise_and(left, bits, out=left)
        return left

    def _lowest(self, words: Masks) -> NDArray[Any]:
        """The number of the lowest bit of each word that has one: the exponent of that bit as a floating number."""
        lowest = words & np.negative(words)
        if self.bits == 64:
            return (lowest.astype(np.float64).view(np.int64) >> 52) - 1023
        return (lowest.astype(np.float32).view(np.int32) >> 23) - 127


def _by_lane(block: TreeEnsemble) -> dict[tuple[type[Question], int], list[int]]:
    """The inner nodes that ask the same kind of question of the same lane."""
    found: dict[tuple[type[Question], int], list[int]] = {}
    for node in np.flatnonzero(block.feature >= 0).tolist():
        kind = Members if block.category_set[node] >= 0 else Thresholds
        found.setdefault((kind, int(block.feature[node])), []).append(node)
    return found
