"""The median of several values of a row, of which some do not count."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from indb import build
from indb.ir import Apply, Block, Op
from indb.readers.pmml import values

MAX_MEDIAN = 40
"""Of how many values a median is read: every one is compared with every other one."""


def median(cells: Sequence[Block], counts: Sequence[Block]) -> Block:
    """The value with as many below as above, the mean of two in the middle; 0 where none counts.

    counts: which have a say.
    """
    zero = build.number(0.0)
    upto, half = _ranks(cells, [build.where(c, build.number(1.0), zero) for c in counts])
    some = values.either(*counts)  # without one, the smallest would be infinite, and the row have no score at all
    first = build.where(some, lowest(cells, [build.less_equal(half, u) for u in upto], counts), zero)
    second = build.where(some, lowest(cells, [build.less(half, u) for u in upto], counts), zero)
    middle = build.add(first, build.multiply(build.number(0.5), build.subtract(second, first)))
    return build.where(Apply(Op.EQ, (first, second)), first, middle)


def weighted_median(cells: Sequence[Block], counts: Sequence[Block], weights: Sequence[float]) -> Block:
    """The first value, from the smallest on, with which the weights reach half of their sum."""
    zero = build.number(0.0)
    upto, half = _ranks(cells, [build.where(c, build.number(w), zero) for c, w in zip(counts, weights, strict=True)])
    return lowest(cells, [build.less_equal(half, u) for u in upto], counts)


def _ranks(cells: Sequence[Block], weights: Sequence[Block]) -> tuple[list[Block], Block]:
    """The weight of each value with what is smaller, or equal and before it, and half of all weights."""
    upto = []
    for i, x in enumerate(cells):
        before = [build.less_equal(y, x) if j <= i else build.less(y, x) for j, y in enumerate(cells)]
        held = [build.where(b, w, build.number(0.0)) for b, w in zip(before, weights, strict=True)]
        upto.append(reduce(build.add, held))
    return upto, build.multiply(build.number(0.5), reduce(build.add, weights))


def lowest(cells: Sequence[Block], allowed: Sequence[Block], counts: Sequence[Block]) -> Block:
    """The smallest of the values that are allowed and counted."""
    top = build.number(float("inf"))
    kept = [build.where(values.both(a, c), x, top) for x, a, c in zip(cells, allowed, counts, strict=True)]
    return reduce(lambda a, b: Apply(Op.MIN, (a, b)), kept)
