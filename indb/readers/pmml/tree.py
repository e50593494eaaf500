"""TreeModel: the score and the distribution of the node that a row reaches. How it gets there is in trees.py.

Source: PMML 4.4, "Tree Models"; JPMML's TreeModelEvaluator for scores and distributions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from indb import build
from indb.ir import Block, Floats, Lookup, Type
from indb.readers.pmml import open_paths, values
from indb.readers.pmml.document import Element
from indb.readers.pmml.models import Prediction, reads_model
from indb.readers.pmml.outputs import lane_for
from indb.readers.pmml.scope import Scope, Target
from indb.readers.pmml.trees import MISSING_STRATEGIES, NOTHING, Grower, Node, Splits, nodes_of
from indb.readers.pmml.values import Value


@dataclass
class Tree:
    """A tree of the file and the splits that lead to its nodes."""

    element: Element
    nodes: list[Node]
    splits: Splits
    grower: Grower

    def rows(self, table: Floats) -> Block:
        """The row of a table, which has one for each node of the file, of the node that is reached; else missing."""
        return joined(self.splits, table)


def joined(splits: Splits, table: Floats, single: bool = False, nothing: float = math.nan) -> Block:
    """The sum over all trees of the row of the node that is reached, by its number in the table; else `nothing`."""
    used = sorted(set(splits.reached) - {NOTHING})
    place = {node: number for number, node in enumerate(used)} | {NOTHING: len(used)}
    inner = np.array(splits.feature) >= 0
    leaf = [-1 if is_inner else place[node] for node, is_inner in zip(splits.reached, inner.tolist(), strict=True)]
    rows = np.concatenate([table[used], np.full((1, table.shape[1]), nothing)])
    return splits.ensemble(rows, leaf, single)


def grown(element: Element, scope: Scope, splits: Splits | None = None, offset: int = 0) -> Tree:
    """The tree of a TreeModel, into splits that hold other trees already if they are given."""
    element.choice("splitCharacteristic", ("binarySplit", "multiSplit"), "multiSplit")
    strategy = element.choice("missingValueStrategy", MISSING_STRATEGIES, "none")
    last = _stays(element)
    nodes = nodes_of(element.one("Node"))
    _resolve_defaults(nodes)
    splits = Splits() if splits is None else splits
    grower = Grower(nodes, scope, splits, strategy, last, offset=offset)
    penalty = element.number("missingValuePenalty", 1.0)
    if penalty != 1.0:
        if _has_surrogates(nodes[0].predicate):
            raise element.refused("missingValuePenalty of a tree whose root has surrogates")
        grower.keep_jumps = True
    grower.grow()
    return Tree(element, nodes, splits, grower)


def _stays(element: Element) -> bool:
    """Whether a row stays at a node without a true child, or else has no prediction."""
    choices = ("returnNullPrediction", "returnLastPrediction")
    return element.choice("noTrueChildStrategy", choices, "returnNullPrediction") == "returnLastPrediction"


def follows_several(element: Element) -> bool:
    """Whether a tree follows every path that a missing value leaves open."""
    return element.get("missingValueStrategy") in open_paths.STRATEGIES


def _has_surrogates(predicate: Element) -> bool:
    return predicate.name == "CompoundPredicate" and predicate.get("booleanOperator") == "surrogate"


def _resolve_defaults(nodes: list[Node]) -> None:
    """The place of each node's default child among its children."""
    for node in nodes:
        name = node.element.get("defaultChild")
        if name is not None:
            ids = [nodes[child].element.get("id") for child in node.children]
            if name not in ids:
                raise node.element.damaged(f"its defaultChild={name[:40]!r} is none of its children")
            node.default = ids.index(name)


def scores(nodes: Sequence[Node]) -> Floats:
    """The scores of a regression's nodes, (n_nodes, 1); missing where a node has none."""
    found = [math.nan if node.element.get("score") is None else node.element.number("score") for node in nodes]
    return np.array(found).reshape(-1, 1)


@dataclass(frozen=True)
class Distributions:
    """What the nodes of a classification say of categories, in lanes in the order of `categories`."""

    categories: tuple[str, ...]
    labels: Floats
    """The number of each node's category, (n_nodes, 1)."""
    probabilities: Floats | None
    """(n_nodes, n_categories), missing for a node without a ScoreDistribution; None where no node has one."""
    confidences: Floats | None


def distributions(nodes: Sequence[Node], categories: Sequence[str], target: Target) -> Distributions:
    """The distributions of nodes. `categories`: those of the target, to which others are added as they come."""
    order = dict.fromkeys(categories)
    entries = [node.element.all("ScoreDistribution") for node in nodes]
    given: list[str | None] = []
    for node, parts in zip(nodes, entries, strict=True):
        order.update(dict.fromkeys(category_of(part, target) for part in parts))
        score = node.element.get("score")
        given.append(None if score is None else target.text(score, node.element))
        if given[-1] is not None:
            order.setdefault(given[-1])
    place = {text: number for number, text in enumerate(order)}
    labels = [math.nan if score is None else place[score] for score in given]
    if not any(entries):
        return Distributions(tuple(order), np.array(labels, dtype=float).reshape(-1, 1), None, None)
    probabilities = np.full((len(nodes), len(order)), math.nan)
    confidences = np.full((len(nodes), len(order)), math.nan)
    has_confidence = False
    for number, parts in enumerate(entries):
        if not parts:
            continue
        shares = _shares(parts)
        probabilities[number] = math.nan if math.isnan(shares[0]) else 0.0
        for text, share in zip((category_of(part, target) for part in parts), shares, strict=True):
            probabilities[number, place[text]] = share
        for part in parts:
            confidence = part.optional_number("confidence")
            if confidence is not None:
                confidences[number, place[category_of(part, target)]] = confidence
                has_confidence = True
    rows = np.array(labels, dtype=float).reshape(-1, 1)
    return Distributions(tuple(order), rows, probabilities, confidences if has_confidence else None)


def category_of(part: Element, target: Target) -> str:
    """The category of a ScoreDistribution."""
    return target.text(part.needed("value"), part)


def _shares(parts: Sequence[Element]) -> list[float]:
    """The probabilities of a node, else its counts, over their sum where that is not 1; missing where that is 0."""
    name = "recordCount" if parts[0].get("probability") is None else "probability"
    found = [part.number(name) for part in parts]
    for part in parts:
        part.get("recordCount"), part.get("probability")
    total = 0.0
    for share in found:
        total += share
    if total == 0.0:
        return [math.nan] * len(found)
    return found if total == 1.0 else [share / total for share in found]


@reads_model("TreeModel", single=True)
def read(element: Element, scope: Scope) -> Prediction:
    """A tree on its own."""
    if follows_several(element):
        return _several(element, scope)
    tree = grown(element, scope)
    number = tree.rows(np.arange(len(tree.nodes), dtype=float).reshape(-1, 1))
    if scope.function == "regression":
        table = scores(tree.nodes)
        prediction = Prediction(tree.rows(single(table) if scope.single else table))
    else:
        prediction = _classification(tree, element, scope)
    prediction.features["entityId"] = lambda output: entity(tree.nodes, number)
    return prediction


def single(table: Floats) -> Floats:
    """The numbers rounded to float32."""
    with np.errstate(over="ignore"):
        return table.astype(np.float32).astype(np.float64)


def _classification(tree: Tree, element: Element, scope: Scope) -> Prediction:
    found = distributions(tree.nodes, target_texts(scope), scope.target)
    labels = scope.target.labels(found.categories, element)
    probabilities = None if found.probabilities is None else tree.rows(found.probabilities)
    prediction = Prediction(tree.rows(found.labels), labels, probabilities, scope.target.data_type or "string")
    if found.confidences is not None:
        lanes = tree.rows(found.confidences)
        penalty = element.number("missingValuePenalty", 1.0)
        if penalty != 1.0:
            lanes = build.multiply(lanes, _penalties(tree, penalty))
        prediction.features["confidence"] = lambda output: lane_for(prediction, lanes, output)
    return prediction


def target_texts(scope: Scope) -> list[str]:
    """The valid values of the target as texts, as files write them."""
    return [values.text_of(value, scope.target.data_type) for value in scope.target.order]


def _several(element: Element, scope: Scope) -> Prediction:
    """A tree whose prediction is that of all leaves that a row may reach. Its class there is the likeliest of all."""
    element.choice("splitCharacteristic", ("binarySplit", "multiSplit"), "multiSplit")
    strategy = element.choice("missingValueStrategy", open_paths.STRATEGIES)
    if scope.function != "classification":
        raise element.refused(f"missingValueStrategy={strategy!r} of a regression: it counts the records of classes")
    if element.number("missingValuePenalty", 1.0) != 1.0:
        raise element.refused(f"missingValuePenalty of missingValueStrategy={strategy!r}")
    nodes = nodes_of(element.one("Node"))
    paths = open_paths.Paths.read(nodes, scope, _stays(element))
    found = distributions(nodes, target_texts(scope), scope.target)
    if found.probabilities is None or (found.confidences is None and strategy == "weightedConfidence"):
        raise element.refused(f"missingValueStrategy={strategy!r} without confidences, or counts, in its nodes")
    number = paths.number()
    given = found.probabilities if found.confidences is None else found.confidences
    if strategy == "aggregateNodes":
        several = shares = open_paths.shares(paths.counts(record_counts(nodes, found.categories, scope.target)))
        sure = open_paths.at(number, several, given)
    else:
        ends = [place for place, node in enumerate(nodes) if paths.last or not node.children]
        if np.isnan(given[ends]).any():
            raise element.refused("missingValueStrategy='weightedConfidence' where a node leaves out a class")
        several = sure = paths.confidences(given)
        shares = build.MISSING
    label = open_paths.at(number, open_paths.largest(several), found.labels)
    probabilities = open_paths.at(number, shares, found.probabilities)
    labels = scope.target.labels(found.categories, element)
    prediction = Prediction(label, labels, probabilities, scope.target.data_type or "string")
    if found.confidences is not None:
        prediction.features["confidence"] = lambda output: lane_for(prediction, sure, output)
    prediction.features["entityId"] = lambda output: entity(nodes, number)
    return prediction


def record_counts(nodes: Sequence[Node], categories: Sequence[str], target: Target) -> Floats:
    """The record counts of the classes of each leaf, (n_nodes, n_categories); 0 of a class that it does not list."""
    counts = np.zeros((len(nodes), len(categories)))
    for place, node in enumerate(nodes):
        for part in () if node.children else node.element.all("ScoreDistribution"):
            counts[place, list(categories).index(category_of(part, target))] = part.number("recordCount")
    return counts


def _penalties(tree: Tree, penalty: float) -> Block:
    """The penalty to the power of how many times on the way a missing value led to a default or a surrogate decided.

    As JPMML counts: also a surrogate that made a predicate false, before another child was taken.
    """
    number = tree.rows(np.arange(len(tree.nodes), dtype=float).reshape(-1, 1))
    below: dict[int, list[float]] = {place: [] for place in tree.grower.jumps}
    for place, node in enumerate(tree.nodes):
        above = place if node.children else node.parent
        while above >= 0:
            below[above].append(float(place))
            above = tree.nodes[above].parent
    levels: Block = build.number(0.0)
    for place, jumped in tree.grower.jumps.items():
        levels = build.add(levels, build.where(values.is_one_of(number, below[place]), jumped, build.number(0.0)))
    keys = tuple(float(level) for level in range(len(tree.nodes) + 1))
    rows = tuple((math.pow(penalty, level),) for level in keys)
    return Lookup(levels, keys, rows, (math.nan,), (math.nan,))


def entity(nodes: Sequence[Node], number: Block) -> Value:
    """The id of the node that is reached: what it says, else its number from 1 on."""
    ids = [node.element.get("id") or str(place + 1) for place, node in enumerate(nodes)]
    keys = tuple(float(place) for place in range(len(ids)))
    return Value(
        Lookup(number, keys, tuple((each,) for each in ids), (None,), (None,), Type.TEXT), "string", "categorical"
    )
