"""Decision trees to text: nested CASE, where a chain of ELSE is one CASE."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from indb.emit.layout import ADD
from indb.emit.scalar import Node
from indb.emit.trees import Split

if TYPE_CHECKING:
    from indb.emit.render import Renderer


def tree_text(renderer: Renderer, node: Node) -> str:
    """A decision tree, its ELSE arms as arms of the same CASE."""
    tree, forest = node.value, node.value.forest
    raw = [renderer.text(x, ADD) for x in node.args]
    leaves: dict[int, str] = {}
    done: dict[int, tuple[list[tuple[str, str]], str]] = {}  # arms, and the value of ELSE
    for number in forest.nodes(tree.root):
        if forest.feature[number] < 0:
            row = forest.leaf[number]
            if row not in leaves:
                leaves[row] = renderer.text(tree.leaves[row])
            done[number] = ([], leaves[row])
            continue
        split = forest.split(number)
        test = _split_test(renderer, split, node.args[split.feature], raw[split.feature])
        arms, other = done.pop(split.then)
        then = renderer.case(arms, other) if arms else other
        arms, other = done.pop(split.other)
        done[number] = ([(test, then), *arms], other)
    arms, other = done[tree.root]
    return renderer.case(arms, other)


def _split_test(renderer: Renderer, split: Split, x: Node, raw: str) -> str:
    if split.keys is not None:
        test = renderer.one_of(x, split.keys)[0] if split.keys else "1 = 0"
        return f"{test} OR {renderer.raw(x)} IS NULL" if split.or_missing else test
    if split.above:
        return renderer.above(x, split.threshold)
    if split.threshold == math.inf:
        return f"{renderer.raw(x)} IS NOT NULL"
    number, exact = renderer.beside(x, split.threshold, math.floor)
    return f"{exact or raw} <= {number}"
