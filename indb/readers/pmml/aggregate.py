"""How the predictions of several models become one: means, medians, sums, votes.

Source: JPMML's SegmentationUtil, ValueAggregator, ProbabilityAggregator and VoteAggregator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

from indb import build
from indb.ir import Apply, Block, Concat, Label, Lookup, Op, Reduce, ReduceOp
from indb.readers.pmml import values
from indb.readers.pmml.arithmetic import Arithmetic
from indb.readers.pmml.document import Element
from indb.readers.pmml.medians import MAX_MEDIAN, lowest, median, weighted_median
from indb.readers.pmml.models import Prediction, chosen
from indb.readers.pmml.predicates import Logic
from indb.readers.pmml.scope import Scope
from indb.readers.pmml.tree import target_texts

ZERO, ONE = build.number(0.0), build.number(1.0)


@dataclass(frozen=True)
class Part:
    """A model of several: its prediction, when it is asked, and how much it counts."""

    prediction: Prediction
    logic: Logic
    weight: float
    id: str


@dataclass(frozen=True)
class Parts:
    """All models of a segmentation, how they become one, and what a missing prediction does to that."""

    element: Element
    method: str
    treatment: str
    parts: Sequence[Part]
    arithmetic: Arithmetic

    @property
    def weighted(self) -> bool:
        return self.method.startswith("weighted")

    def weight(self, part: Part) -> float:
        return part.weight if self.weighted else 1.0

    def counts(self, part: Part) -> Block:
        """1.0 where a part has a say: it is asked, and has a prediction if others are skipped."""
        if self.treatment != "skipSegment":
            return part.logic.true
        return values.both(part.logic.true, values.present(part.prediction.value))

    def refused(self) -> Block:
        """1.0 where there is no result: nothing has a say, or too many predictions are missing."""
        gaps = [values.both(part.logic.true, build.is_missing(part.prediction.value)) for part in self.parts]
        nobody = values.both(*(values.opposite(self.counts(part)) for part in self.parts))
        if self.treatment == "skipSegment":
            limit = self.element.number("missingThreshold", 1.0)
            weights = [build.number(part.weight) for part in self.parts]
            lost = _total([build.multiply(gap, weight) for gap, weight in zip(gaps, weights, strict=True)])
            asked = [build.multiply(p.logic.true, w) for p, w in zip(self.parts, weights, strict=True)]
            share = build.divide(lost, _total(asked))
            return values.either(nobody, build.less(build.number(limit), share))
        is_vote = self.method.endswith("ajorityVote")
        if self.treatment == "continue" and is_vote:
            return nobody
        return values.either(nobody, *gaps)


def _total(blocks: Sequence[Block]) -> Block:
    return reduce(build.add, blocks)


def without(prediction: Prediction, condition: Block) -> Prediction:
    """The prediction, missing where a condition is true."""

    def kept(block: Block | None) -> Block | None:
        return None if block is None else build.where(condition, build.MISSING, block)

    return replace(
        prediction, value=kept(prediction.value) or prediction.value, probabilities=kept(prediction.probabilities)
    )


def numbers(parts: Parts) -> Prediction:
    """The prediction of several regressions."""
    method = parts.method
    if method not in ("average", "weightedAverage", "sum", "weightedSum", "median", "weightedMedian"):
        raise parts.element.refused(f"multipleModelMethod={method!r} of a regression")
    if any(part.prediction.labels is not None for part in parts.parts):
        raise parts.element.refused("a regression of models that are none")
    counts = [parts.counts(part) for part in parts.parts]
    if method.endswith("edian"):
        found = _median(parts, counts, [part.prediction.value for part in parts.parts])
    else:
        found = _mean(parts, counts, [part.prediction.value for part in parts.parts], method.endswith("verage"))
    return Prediction(build.where(parts.refused(), build.MISSING, found))


def _mean(parts: Parts, counts: Sequence[Block], blocks: Sequence[Block], divided: bool) -> Block:
    """The sum of weight * value of the parts that have a say, over the sum of weights if `divided`."""
    terms, weights = [], []
    for part, count, block in zip(parts.parts, counts, blocks, strict=True):
        weight = parts.arithmetic.number(parts.weight(part))
        term = parts.arithmetic.rounded(block)
        if parts.weight(part) != 1.0:
            term = parts.arithmetic.multiply(term, weight)
        terms.append(build.where(count, term, ZERO))
        weights.append(build.where(count, weight, ZERO))
    arithmetic = parts.arithmetic
    total = arithmetic.total(terms)
    return arithmetic.divide(total, arithmetic.total(weights)) if divided else total


def _median(parts: Parts, counts: Sequence[Block], cells: Sequence[Block]) -> Block:
    """The value in the middle, by weights where parts have them."""
    if len(cells) > MAX_MEDIAN:
        raise parts.element.refused(f"the median of more than {MAX_MEDIAN} models")
    if parts.weighted:
        return weighted_median(cells, counts, [part.weight for part in parts.parts])
    return median(cells, counts)


# Classes


def all_labels(predictions: Sequence[Prediction]) -> tuple[Label, ...]:
    """The labels of all predictions, in the order in which they come."""
    return tuple(dict.fromkeys(label for prediction in predictions for label in prediction.labels or ()))


def renumbered(prediction: Prediction, order: Sequence[Label]) -> Block:
    """The number of the predicted label in another order."""
    labels = prediction.labels or ()
    if tuple(order[: len(labels)]) == labels:
        return prediction.value
    keys = tuple(float(place) for place in range(len(labels)))
    rows = tuple((float(order.index(label)),) for label in labels)
    return Lookup(prediction.value, keys, rows, (float("nan"),), (float("nan"),))


def spread(prediction: Prediction, order: Sequence[Label]) -> Block:
    """The probabilities in the lanes of another order; 0 for a label that the model does not know."""
    labels, lanes = prediction.labels or (), prediction.probabilities
    assert lanes is not None
    if labels == tuple(order):
        return lanes
    gap = build.is_missing(build.lane(lanes, 0))
    other = build.where(gap, build.MISSING, ZERO)
    return build.concat([build.lane(lanes, labels.index(label)) if label in labels else other for label in order])


def classes(parts: Parts, scope: Scope) -> Prediction:
    """The prediction of several classifications."""
    predictions = [part.prediction for part in parts.parts]
    if any(prediction.labels is None for prediction in predictions):
        raise parts.element.refused("a classification of models that are none")
    if parts.method.endswith("ajorityVote"):
        return _votes(parts)
    if parts.method not in ("average", "weightedAverage", "max", "median"):
        raise parts.element.refused(f"multipleModelMethod={parts.method!r} of a classification")
    if any(prediction.probabilities is None for prediction in predictions):
        raise parts.element.refused(f"multipleModelMethod={parts.method!r} of models without probabilities")
    order = all_labels(predictions)
    if parts.method in ("max", "median"):
        order = tuple(dict.fromkeys((*scope.target.labels(target_texts(scope), parts.element), *order)))
    counts = [parts.counts(part) for part in parts.parts]
    lanes = [spread(prediction, order) for prediction in predictions]
    if parts.method in ("max", "median"):
        found = _mean(parts, _typical(parts, counts, lanes), lanes, True)
    else:
        found = _mean(parts, counts, lanes, True)
    found = build.where(parts.refused(), build.MISSING, found)
    return Prediction(build.argmax(found), order, found, predictions[0].data_type)


def _typical(parts: Parts, counts: Sequence[Block], lanes: Sequence[Block]) -> list[Block]:
    """The parts that count in a maximum or a median: of the class for which that is largest, those nearest to it."""
    width = lanes[0].width
    if len(lanes) > MAX_MEDIAN:
        raise parts.element.refused(f"the {parts.method} of more than {MAX_MEDIAN} models")
    columns = [[build.lane(each, place) for each in lanes] for place in range(width)]
    if parts.method == "median":
        middles = [_median(parts, counts, column) for column in columns]
    else:
        low = build.number(-1.0)
        held = [[build.where(c, x, low) for x, c in zip(column, counts, strict=True)] for column in columns]
        middles = [reduce(lambda a, b: Apply(Op.MAX, (a, b)), column) for column in held]
    winner = build.argmax(Concat(tuple(middles)))
    middle = chosen(Concat(tuple(middles)), winner)
    far = [Apply(Op.ABS, (build.subtract(chosen(each, winner), middle),)) for each in lanes]
    nearest = lowest(far, [ONE] * len(far), counts)
    return [values.both(count, build.less_equal(each, nearest)) for each, count in zip(far, counts, strict=True)]


def _votes(parts: Parts) -> Prediction:
    """The label with the most votes; of equal ones the one that was voted for first."""
    predictions = [part.prediction for part in parts.parts]
    order = all_labels(predictions)
    given = [
        [
            values.both(parts.counts(part), Apply(Op.EQ, (renumbered(part.prediction, order), build.number(float(k)))))
            for k in range(len(order))
        ]
        for part in parts.parts
    ]
    weights = [build.number(parts.weight(part)) for part in parts.parts]
    votes = Concat(
        tuple(
            _total([build.multiply(row[k], w) for row, w in zip(given, weights, strict=True)])
            for k in range(len(order))
        )
    )
    firsts = Concat(tuple(_first_place([row[k] for row in given]) for k in range(len(order))))
    refused = parts.refused()
    if parts.treatment == "continue":
        lost = _total(
            [
                build.multiply(values.both(p.logic.true, build.is_missing(p.prediction.value)), w)
                for p, w in zip(parts.parts, weights, strict=True)
            ]
        )
        refused = values.either(refused, build.less(Reduce(ReduceOp.MAX, votes), lost))
    best = Apply(Op.EQ, (votes, Reduce(ReduceOp.MAX, votes)))
    ranked = build.where(best, firsts, build.number(float(len(given) + 1)))
    shares = build.divide(votes, Reduce(ReduceOp.SUM, votes))
    value = build.where(refused, build.MISSING, build.argmin(ranked))
    return Prediction(value, order, build.where(refused, build.MISSING, shares), predictions[0].data_type)


def _first_place(votes: Sequence[Block]) -> Block:
    """The number of the first vote that is there, else how many there are."""
    result: Block = build.number(float(len(votes)))
    for place in reversed(range(len(votes))):
        result = build.where(votes[place], build.number(float(place)), result)
    return result
