"""The lanes that a model gives as columns: their names, types, and the node of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from indb.emit.lower import Lowering
from indb.emit.scalar import CONDITIONS, Form, Graph, Node, walk
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
    done: dict[int, Node] = {}
    for node in walk([root]):
        if node.kind is Form.NUMBER:
            known = node.value is not None and 0 <= node.value < len(labels) and float(node.value).is_integer()
            done[node.number] = labels[int(node.value)] if known else gap
        elif node.kind in CONDITIONS and len(labels) > 1:
            done[node.number] = graph.op(Op.WHERE, node, labels[1], labels[0])
        elif node.kind is Op.WHERE and node.args[1].number in done and node.args[2].number in done:
            done[node.number] = graph.op(Op.WHERE, node.args[0], done[node.args[1].number], done[node.args[2].number])
        elif node.kind is Form.MATCH and all(arg.number in done for arg in node.args[1:]):
            values = [done[arg.number] for arg in node.args[1:]]
            done[node.number] = graph.match(node.args[0], node.value, values[:-1], values[-1])
    if root.number in done:
        return done[root.number]
    return graph.match(root, [float(number) for number in range(len(labels))], labels, gap)


