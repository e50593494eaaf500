"""Several trees as one ensemble of trees: random forests and boosted trees.

Source: JPMML's ValueAggregator, ProbabilityAggregator and VoteAggregator for the order of additions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from indb import build
from indb.ir import Apply, Block, Floats, Op, Reduce, ReduceOp
from indb.readers.pmml import models, tree
from indb.readers.pmml.document import Element
from indb.readers.pmml.models import Prediction
from indb.readers.pmml.predicates import predicate_in
from indb.readers.pmml.scope import Scope, open_scope
from indb.readers.pmml.trees import Node, Splits


@dataclass(frozen=True)
class Segment:
    """One model of several: when it is asked, and how much its prediction counts."""

    element: Element
    model: Element
    predicate: Element
    weight: float
    id: str


def segments_of(segmentation: Element) -> list[Segment]:
    """The segments in the order of the file."""
    found: dict[str, Segment] = {}
    for number, element in enumerate(segmentation.all("Segment"), start=1):
        model = models.model_in(element)
        name = element.get("id") or str(number)
        if name in found:
            raise element.refused(f"there is a segment {name[:60]!r} already")
        found[name] = Segment(element, model, predicate_in(element), element.number("weight", 1.0), name)
    if not found:
        raise segmentation.damaged("it has no segments")
    return list(found.values())


def read(
    segments: list[Segment], scope: Scope, segmentation: Element, method: str, treatment: str
) -> Prediction | None:
    """The prediction of trees that every row goes through, as one ensemble; None where they are something else."""
    adds = ("sum", "weightedSum", "average", "weightedAverage")
    if treatment == "skipSegment" or any(segment.predicate.name != "True" for segment in segments):
        return None
    plain = all(segment.model.name == "TreeModel" and not _adjusts(segment.model) for segment in segments)
    if not plain or len(segments) < 2:
        return None
    if method == "majorityVote" and scope.function == "classification":
        return _votes(segments, scope, treatment)
    if method not in adds:
        return None
    weighted = method.startswith("weighted")
    splits = Splits()
    tables: list[list[Node]] = []
    offset = 0
    for segment in segments:
        grown = tree.grown(segment.model, _inner(segment, scope), splits, offset)
        tables.append(grown.nodes)
        offset += len(grown.nodes)
    if scope.function == "classification" and not method.endswith("verage"):
        raise segmentation.refused(f"multipleModelMethod={method!r} of a classification")
    weights = [segment.weight if weighted else 1.0 for segment in segments]
    total = float(len(segments)) if not weighted else _sum(weights)
    if scope.function == "regression":
        rows = np.concatenate([tree.scores(nodes) * weight for nodes, weight in zip(tables, weights, strict=True)])
        block = tree.joined(splits, tree.single(rows) if scope.single else rows, scope.single)
        divided = _over(block, total, scope) if method.endswith("verage") else block
        return models.number(divided)
    return _forest_classes(tables, weights, total, splits, scope, segmentation)


def _adjusts(model: Element) -> bool:
    """Whether a tree has more to it than its nodes."""
    penalty = model.get("missingValuePenalty")
    has_more = any(model.has(name) for name in ("Output", "Targets")) or tree.follows_several(model)
    return has_more or penalty not in (None, "1", "1.0")


def _sum(numbers: list[float]) -> float:
    total = 0.0
    for number in numbers:
        total += number
    return total


def _over(block: Block, total: float, scope: Scope) -> Block:
    found = build.divide(block, build.number(total))
    return build.single(found) if scope.single else found


def _forest_classes(
    tables: list[list[Node]],
    weights: list[float],
    total: float,
    splits: Splits,
    scope: Scope,
    element: Element,
) -> Prediction:
    """The mean of the probabilities of the trees."""
    categories: list[str] = []
    for nodes in tables:
        categories = list(tree.distributions(nodes, categories, scope.target).categories)
    rows: list[Floats] = []
    for nodes, weight in zip(tables, weights, strict=True):
        found = tree.distributions(nodes, categories, scope.target)
        lanes = np.full((len(nodes), len(categories)), math.nan) if found.probabilities is None else found.probabilities
        rows.append(lanes * weight)
    lanes_block = _over(tree.joined(splits, np.concatenate(rows)), total, scope)
    return models.classes(scope, categories, element, build.argmax(lanes_block), lanes_block)


CHUNK = 40
"""How many trees vote together: a lane holds their votes, and behind the point a bit for each tree that voted."""


def _votes(segments: list[Segment], scope: Scope, treatment: str) -> Prediction:
    """The label with the most votes of trees; of equal ones the one that was voted for first.

    A tree's vote adds 1 and 2 ** -(1 + its place in the chunk), so that of labels with equal votes the one with the
    larger fraction was voted for first; if the fractions are 0, the next chunk tells.
    """
    categories: list[str] = []
    chunks: list[tuple[Splits, list[list[Node]]]] = []
    for number, segment in enumerate(segments):
        if number % CHUNK == 0:
            chunks.append((Splits(), []))
        splits, tables = chunks[-1]
        inner = _inner(segment, scope)
        grown = tree.grown(segment.model, inner, splits, sum(map(len, tables)))
        tables.append(grown.nodes)
        categories = list(tree.distributions(grown.nodes, categories, scope.target).categories)
    lanes = [_vote_lanes(splits, tables, categories, scope) for splits, tables in chunks]
    whole = [Apply(Op.FLOOR, (each,)) for each in lanes]
    votes: Block = whole[0]
    for each in whole[1:]:
        votes = build.add(votes, each)
    top = Reduce(ReduceOp.MAX, votes)
    value = _tied(build.less_equal(top, votes), [build.subtract(a, b) for a, b in zip(lanes, whole, strict=True)])
    given = Reduce(ReduceOp.SUM, votes)
    lost = build.subtract(build.number(float(len(segments))), given)
    allowed = build.less_equal(lost, build.number(0.0) if treatment == "returnMissing" else top)
    shares = build.where(allowed, build.divide(votes, given), build.MISSING)
    value = build.where(allowed, value, build.MISSING)
    return models.classes(scope, categories, segments[0].model, value, shares)


def _vote_lanes(splits: Splits, tables: list[list[Node]], categories: list[str], scope: Scope) -> Block:
    """What the trees of a chunk add up to, a lane for each category; nothing for a tree without a prediction."""
    rows: list[Floats] = []
    for place, nodes in enumerate(tables):
        numbers = tree.distributions(nodes, categories, scope.target).labels[:, 0]
        row = np.zeros((len(nodes), len(categories)))
        there = np.flatnonzero(~np.isnan(numbers))
        row[there, numbers[there].astype(int)] = 1.0 + math.ldexp(1.0, -1 - place)
        rows.append(row)
    return tree.joined(splits, np.concatenate(rows), nothing=0.0)


def _tied(best: Block, fractions: list[Block]) -> Block:
    """The first lane of the best ones by the fractions of the chunks, in their order."""
    result: Block = build.argmax(best)
    for fraction in reversed(fractions):
        kept = build.where(best, fraction, build.number(-1.0))
        decided = build.less(build.number(0.0), Reduce(ReduceOp.MAX, kept))
        result = build.where(decided, build.argmax(kept), result)
    return result


def _inner(segment: Segment, scope: Scope) -> Scope:
    """The scope of a tree, which must be of the same kind as the model that it is in."""
    inner = open_scope(scope.document, segment.model, ("regression", "classification"), scope)
    if inner.function != scope.function:
        raise segment.model.refused(f"functionName={inner.function!r} inside of a {scope.function}")
    if inner.single != scope.single:
        raise segment.model.refused("x-mathContext is not that of the model it is in")
    return inner
