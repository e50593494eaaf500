"""One decision tree as nested choices.

A missing value goes by the node's own direction, and SQL's comparison with NULL is never true. So the arm that a missing
value takes is the ELSE arm: `x <= w` picks left when missing goes right, and `x > w` picks right when it goes left.
"""

from __future__ import annotations

from collections.abc import Sequence

from indb.emit.scalar import Graph, Node
from indb.ir import Op, TreeEnsemble


def lower_tree(graph: Graph, block: TreeEnsemble, root: int, features: Sequence[Node], leaves: Sequence[Node]) -> Node:
    """The value that one tree gives: `leaves` holds a node for each row of the ensemble's values."""
    done: dict[int, Node] = {}
    for node in reversed(_nodes(block, root)):  # children come after their parents
        feature = int(block.feature[node])
        if feature < 0:
            done[node] = leaves[int(block.leaf[node])]
            continue
        left, right = done.pop(int(block.left[node])), done.pop(int(block.right[node]))
        if left is right:
            done[node] = left
            continue
        done[node] = _choice(graph, block, node, features[feature], left, right)
    return done[root]


def _nodes(block: TreeEnsemble, root: int) -> list[int]:
    """The nodes of one tree in ascending order."""
    found, stack = [], [root]
    while stack:
        node = stack.pop()
        found.append(node)
        if block.feature[node] >= 0:
            stack += (int(block.left[node]), int(block.right[node]))
    return sorted(found)


def _choice(graph: Graph, block: TreeEnsemble, node: int, x: Node, left: Node, right: Node) -> Node:
    missing_left = bool(block.missing_left[node]) and x.range.missing
    number = int(block.category_set[node])
    if number >= 0:
        test = graph.is_in(x, block.category_sets[number])
        if missing_left:
            test = graph.op(Op.OR, test, graph.op(Op.IS_MISSING, x))
        return graph.op(Op.WHERE, test, left, right)
    threshold = graph.number(float(block.threshold[node]))
    if missing_left:
        return graph.op(Op.WHERE, graph.op(Op.LT, threshold, x), right, left)
    return graph.op(Op.WHERE, graph.op(Op.LE, x, threshold), left, right)
