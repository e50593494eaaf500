"""The ways of trees: what the columns must hold so that a row comes to a split."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from indb.ir import Block, Column, Scalar, TreeEnsemble

Keys: TypeAlias = tuple[float | str, ...]

MANY = 20_000
"""How many splits of an ensemble are looked at, in trees that are spread over it."""


@dataclass(frozen=True, slots=True)
class Range:
    """What a column must hold: low < x <= high for a number, in or out of sets of categories.

    `missing`: whether a row without a value comes there too.
    """

    low: float = -math.inf
    high: float = math.inf
    inside: tuple[Keys, ...] = ()
    outside: tuple[Keys, ...] = ()
    missing: bool = True

    def holds(self, value: Scalar) -> bool:
        """Whether a value is in it."""
        if value is None:
            return self.missing
        if any(value in keys for keys in self.outside) or not all(value in keys for keys in self.inside):
            return False
        return isinstance(value, str) or self.low < value <= self.high

    def tries(self, usual: Scalar) -> list[Scalar]:
        """Values one of which is probably in it, the nearest to the usual one first."""
        keys = [*(key for each in self.inside for key in each), None]
        if isinstance(usual, str):
            return list(keys)
        near = min(max(0.0 if usual is None else usual, math.nextafter(self.low, math.inf)), self.high)
        return [near, *keys]


@dataclass(frozen=True, slots=True)
class Point:
    """A value at which a model may turn, if the other columns are in the ranges of `way`."""

    value: float | str
    way: Mapping[str, Range] = field(default_factory=dict)


def split_points(block: TreeEnsemble, lanes: Sequence[Block]) -> Iterator[tuple[Column, Point]]:
    """Each split on a column itself, with its threshold, or with the first and the last key of its set."""
    columns = [lane if isinstance(lane, Column) else None for lane in lanes]
    for count, (node, asked) in enumerate(_ways(block)):
        if count == MANY:
            return
        column = columns[block.feature[node]]
        if column is None:
            continue
        ranges = ((columns[feature], each) for feature, each in asked.items())
        way = {other.name: each for other, each in ranges if other is not None and other is not column}
        for value in _values(block, node):
            yield column, Point(value, way)


def _values(block: TreeEnsemble, node: int) -> list[float | str]:
    number = int(block.category_set[node])
    if number < 0:
        return [float(block.threshold[node])]
    keys = block.category_sets[number]
    return [*keys[:1], *keys[1:][-1:]]


def _ways(block: TreeEnsemble) -> Iterator[tuple[int, dict[int, Range]]]:
    """Each split, and what its way asks of features."""
    for root in spread(block.roots.tolist()):
        stack: list[tuple[int, dict[int, Range]]] = [(root, {})]
        while stack:
            node, asked = stack.pop()
            feature = int(block.feature[node])
            if feature < 0:
                continue
            yield node, asked
            left, right = _sides(block, node, asked.get(feature, Range()))
            stack.append((int(block.right[node]), {**asked, feature: right}))
            stack.append((int(block.left[node]), {**asked, feature: left}))


def _sides(block: TreeEnsemble, node: int, known: Range) -> tuple[Range, Range]:
    """The range of a split's feature on its left and on its right."""
    number, threshold, goes_left = int(block.category_set[node]), float(block.threshold[node]), block.missing_left[node]
    left = replace(known, missing=known.missing and bool(goes_left))
    right = replace(known, missing=known.missing and not goes_left)
    if number < 0:
        return replace(left, high=min(known.high, threshold)), replace(right, low=max(known.low, threshold))
    keys = block.category_sets[number]
    return replace(left, inside=(*known.inside, keys)), replace(right, outside=(*known.outside, keys))


def spread(values: Sequence[Any]) -> list[Any]:
    """Sorted values in an order of which every beginning is spread evenly: the first, the middle, quarters."""
    order: dict[int, None] = {}
    step = 1 << max(len(values) - 1, 0).bit_length()
    while step:
        order.update(dict.fromkeys(range(0, len(values), step)))
        step //= 2
    return [values[place] for place in order]
