"""The lanes that a model gives as columns: their names, types, and the node of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from indb.emit.lower import Lowering
from indb.emit.scalar import CONDITIONS, Form, Graph, Node
from indb.ir import Label, Model, Op, Target


@dataclass(frozen=True, slots=True)
class OutputLane:
    """One value that a model gives for a row.

    `target` is the name of the target ("" when there is one only), `output` scikit-learn's method name, `label` the
    class that the value belongs to, `name` what a SELECT calls it, `type` "double", "text", "bigint" or "boolean".
    """

    target: str
    output: str
    label: Label | None
    name: str
    type: str
    lane: int


def output_lanes(model: Model) -> list[OutputLane]:
    """Every lane of every output, with names that are unique without regard to case."""
    found: list[OutputLane] = []
    taken: set[str] = set()
    for target in model.targets:
        key = target.name if len(model.targets) > 1 else ""
        for output, block in target.outputs.items():
            for lane in range(block.width):
                label = target.labels[lane] if target.labels and block.width > 1 else None
                parts = [output, *([key] if key else []), *_suffix(output, label, block.width, lane)]
                name = _unique("_".join(parts), taken)
                found.append(OutputLane(key, output, label, name, _type(target, output), lane))
    return found


def _suffix(output: str, label: Label | None, width: int, lane: int) -> list[str]:
    if label is not None:
        return [label_text(label)]
    return [str(lane)] if width > 1 or output == "transform" else []


def _unique(name: str, taken: set[str]) -> str:
    candidate, number = name, 1
    while candidate.lower() in taken:
        number += 1
        candidate = f"{name}_{number}"
    taken.add(candidate.lower())
    return candidate


def label_text(label: Label) -> str:
    """A label as text, as SQL spells it: true and false for booleans."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def _type(target: Target, output: str) -> str:
    if output != "predict" or target.labels is None:
        return "double"
    kinds = {type(label) for label in target.labels}
    if kinds == {bool}:
        return "boolean"
    if kinds == {int}:
        return "bigint" if max(abs(int(label)) for label in target.labels) < 2**63 else "text"
    return "double" if kinds <= {int, float} else "text"


def lower_lane(lowering: Lowering, model: Model, lane: OutputLane, as_text: bool = False) -> Node:
    """The node of one lane. A class number is turned into its label; `as_text` gives any label as a text.

    A boolean or bigint label is the number; the text of the statement casts it.
    """
    target = next(t for t in model.targets if lane.target in ("", t.name))
    node = lowering.output(target.outputs[lane.output], lane.lane)
    if lane.output != "predict" or target.labels is None:
        return node
    texts = as_text or lane.type == "text" or _is_wide(target.labels)
    return relabel(lowering.graph, node, _label_nodes(lowering.graph, target.labels, texts), texts)


def _label_nodes(graph: Graph, labels: Sequence[Label], texts: bool) -> list[Node]:
    return [graph.text(label_text(label)) if texts else graph.number(float(label)) for label in labels]


def _is_wide(labels: Iterable[Label]) -> bool:
    """Whether a double cannot hold every label."""
    return any(type(label) is int and abs(label) >= 2**53 for label in labels)


def relabel(graph: Graph, root: Node, labels: Sequence[Node], texts: bool) -> Node:
    """The label that a class number stands for, put where the choices of the number end in constants."""
    gap = graph.text(None) if texts else graph.number(float("nan"))
    done: dict[int, Node | None] = {}
    for node in _choices(root):
        done[node.number] = _relabelled(graph, node, labels, gap, done)
    found = done[root.number]
    if found is not None:
        return found
    return graph.match(root, [float(number) for number in range(len(labels))], labels, gap)


def _arms(node: Node) -> tuple[Node, ...]:
    return node.args[1:] if node.kind in (Op.WHERE, Form.MATCH) else ()


def _choices(root: Node) -> list[Node]:
    """The nodes that a choice can end in, and the choices between them, arms first."""
    found: dict[int, Node] = {}
    stack = [root]
    while stack:
        node = stack.pop()
        if node.number not in found:
            found[node.number] = node
            stack += _arms(node)
    return [found[number] for number in sorted(found)]


def _relabelled(
    graph: Graph, node: Node, labels: Sequence[Node], gap: Node, done: dict[int, Node | None]
) -> Node | None:
    """One node with labels in place of numbers; None for a number that is computed."""
    if node.kind is Form.NUMBER:
        known = node.value is not None and 0 <= node.value < len(labels) and float(node.value).is_integer()
        return labels[int(node.value)] if known else gap
    if node.kind is Form.TREE:
        leaves = [_relabelled(graph, leaf, labels, gap, done) for leaf in node.value.leaves]
        known_leaves = tuple(leaf for leaf in leaves if leaf is not None)
        return graph.tree(replace(node.value, leaves=known_leaves), node.args, node.range)
    if node.kind in CONDITIONS and len(labels) > 1:
        return graph.op(Op.WHERE, node, labels[1], labels[0])
    arms = [done[arm.number] for arm in _arms(node)]
    known_arms = [arm for arm in arms if arm is not None]
    if not arms or len(known_arms) < len(arms):
        return None
    if node.kind is Op.WHERE:
        return graph.op(Op.WHERE, node.args[0], *known_arms)
    return graph.match(node.args[0], node.value, known_arms[:-1], known_arms[-1])
