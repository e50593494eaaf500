"""Which shared values get a name of their own, and in which order they are computed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from indb.emit.scalar import CONDITIONS, LEAVES, Form, Kind, Node, walk
from indb.ir import Op

WORTH = 10
"""A shared value gets a name when writing it out at each use would add this many nodes; a named one counts as one."""

ACCEPTED = "accepted"
"""The word for the condition under which a row is scored: the one condition that a stage may compute."""

_TWICE: frozenset[Kind] = frozenset({Op.MIN, Op.MAX, Form.TREE})
"""Nodes that write an argument more than once: a tree its features, some dialects the first argument of MIN and MAX."""


@dataclass(frozen=True, slots=True)
class Size:
    """How big a set of outputs is: `nodes` with every value once, `inlined` with shared values written out, `depth`."""

    nodes: int
    inlined: int
    depth: int


def size(roots: Sequence[Node]) -> Size:
    """The size of the expressions of some nodes."""
    return Size(sum(node.own_size for node in walk(roots)), sum(root.size for root in roots), deepest(roots))


@dataclass(frozen=True, slots=True)
class Work:
    """Operations that one row executes: with shared values written out, and with each computed once."""

    operations: float
    shared: float


def work(root: Node) -> Work:
    """The work of one output. A CASE takes one arm, the dearer one; a tree a path to a leaf, each as likely."""
    total: dict[int, float] = {}
    own: dict[int, float] = {}
    for node in walk([root]):
        args = [total[arg.number] for arg in node.args]
        match node.kind:
            case Form.TREE:
                splits, comparisons = node.value.forest.path(node.value.root)
                own[node.number] = splits + comparisons
                total[node.number] = splits + comparisons + splits * sum(args) / len(args)
            case Op.WHERE:
                own[node.number] = 1.0
                total[node.number] = 1.0 + args[0] + max(args[1:])
            case Form.QUERY:
                count = float(len(node.value.table.rows))
                own[node.number] = count * sum(work(each).operations for each in (node.value.lane, *node.value.terms))
                total[node.number] = own[node.number] + sum(args)
            case Form.MATCH | Form.IN:
                own[node.number] = 1.0 + len(node.value) / 2.0
                total[node.number] = own[node.number] * args[0] + max(args[1:], default=0.0)
            case _:
                own[node.number] = 0.0 if node.is_constant else 1.0
                total[node.number] = own[node.number] + sum(args)
    return Work(total[root.number], sum(own.values()))


def deepest(roots: Sequence[Node]) -> int:
    """How deep the expressions of some nodes nest."""
    return max((root.depth for root in roots), default=0)


def stages(roots: Sequence[Node], words: Mapping[int, str]) -> list[tuple[str, Node]]:
    """The shared values that are worth a name, each after those that it uses. Names say what kind of value it is.

    `words` gives the kind of each value that a block stands for. Others are not named: equal parts of two trees are one
    node, but computing them for every row, ahead of the choices that lead there, costs more than writing them twice.
    """
    uses = Counter(root.number for root in roots)
    order = walk(roots)
    for node in order:
        for arg in node.args:
            uses[arg.number] += 2 if node.kind in _TWICE else 1
    written: dict[int, int] = {}
    counts: Counter[str] = Counter()
    named: list[tuple[str, Node]] = []
    for node in order:
        written[node.number] = node.own_size + sum(written[arg.number] for arg in node.args)
        word = words.get(node.number)
        added = (uses[node.number] - 1) * written[node.number]
        if word and added >= WORTH and _can_be_named(node, word):
            counts[word] += 1
            named.append((f"{word}_{counts[word]}", node))
            written[node.number] = 1
    return named


def _can_be_named(node: Node, word: str) -> bool:
    if node.kind in CONDITIONS:
        return word == ACCEPTED
    return node.kind not in LEAVES and not is_text(node)


def is_text(node: Node) -> bool:
    """Whether a node is a text."""
    while node.kind in (Op.WHERE, Op.COALESCE, Form.MATCH, Form.TREE):
        node = node.value.leaves[0] if node.kind is Form.TREE else node.args[-1]
    return node.kind is Form.TEXT or (node.kind is Form.COLUMN and node.value[1].value in ("text", "enum"))


def levels(named: Sequence[tuple[str, Node]]) -> list[list[tuple[str, Node]]]:
    """The named values in groups such that each uses only values of earlier groups."""
    level: dict[int, int] = {}
    numbers = {node.number for _, node in named}
    groups: list[list[tuple[str, Node]]] = []
    for name, node in named:
        below = [level[used] for used in uses_of(node, numbers)]
        level[node.number] = 1 + max(below, default=-1)
        while len(groups) <= level[node.number]:
            groups.append([])
        groups[level[node.number]].append((name, node))
    return groups


def uses_of(root: Node, numbers: set[int]) -> set[int]:
    """Which of these nodes an expression reads directly, that is, without going through another of them."""
    found: set[int] = set()
    seen: set[int] = set()
    stack = list(root.args)
    while stack:
        node = stack.pop()
        if node.number in seen:
            continue
        seen.add(node.number)
        if node.number in numbers:
            found.add(node.number)
        else:
            stack.extend(node.args)
    return found
