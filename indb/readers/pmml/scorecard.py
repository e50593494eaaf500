"""Scorecard: points of characteristics, and the reasons for the largest differences from what was expected.

Source: PMML 4.4, "Scorecard"; JPMML's ScorecardEvaluator for the order of equal reasons.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce

from indb import build
from indb.ir import Apply, Block, Op
from indb.readers.pmml import values
from indb.readers.pmml.document import Element
from indb.readers.pmml.expressions import expression_in
from indb.readers.pmml.models import Prediction, reads_model
from indb.readers.pmml.scope import Scope
from indb.readers.pmml.values import Value

MAX_REASONS = 60
"""How many reason codes are ranked: each is compared with every other one."""

NEVER = build.number(math.inf)


@dataclass(frozen=True)
class Characteristic:
    """The points of a row for one characteristic, and what they say: a block that holds the place of the attribute."""

    element: Element
    attributes: list[Element]
    points: Block
    place: Block


@reads_model("Scorecard", functions=("regression",))
def read(element: Element, scope: Scope) -> Prediction:
    """The initial score plus the points of each characteristic, in the order of the file."""
    characteristics = [_characteristic(each, scope) for each in element.one("Characteristics").all("Characteristic")]
    if not characteristics:
        raise element.damaged("it has no Characteristic")
    total: Block = build.number(element.number("initialScore", 0.0))
    for each in characteristics:
        total = build.add(total, each.points)
    prediction = Prediction(total)
    above = element.choice("reasonCodeAlgorithm", ("pointsAbove", "pointsBelow"), "pointsBelow") == "pointsAbove"
    element.choice("baselineMethod", ("max", "min", "mean", "neutral", "other"), "other")
    if element.flag("useReasonCodes", True):
        ranking: list[tuple[list[str], list[Block]]] = []

        def reason(output: Element) -> Value:
            if not ranking:
                ranking.append(_ranked(element, characteristics, above))
            return _reason(output, total, *ranking[0])

        prediction.features["reasonCode"] = reason
    return prediction


def _characteristic(element: Element, scope: Scope) -> Characteristic:
    """The points of the first attribute whose predicate is true; missing where none is."""
    element.get("name")
    attributes = element.all("Attribute")
    points, place = build.MISSING, build.MISSING
    found: Block = points
    number: Block = place
    for index, attribute in reversed(list(enumerate(attributes))):
        logic = scope.predicate(attribute)
        found = build.where(logic.true, _points(attribute, scope, logic.true), found)
        number = build.where(logic.true, build.number(float(index)), number)
    return Characteristic(element, attributes, found, number)


def _points(attribute: Element, scope: Scope, taken: Block) -> Block:
    """The points of an attribute: an expression, or a number."""
    computed = attribute.find("ComplexPartialScore")
    if computed is None:
        return build.number(attribute.number("partialScore"))
    attribute.get("partialScore")
    with scope.document.where(taken):
        value = scope.expression(expression_in(computed))
    if not value.is_number:
        raise computed.refused(f"it is a {value.data_type}, needed a number")
    return value.block


def _ranked(card: Element, characteristics: list[Characteristic], above: bool) -> tuple[list[str], list[Block]]:
    """Every reason code, and for each how many come before it; infinite where it is no reason.

    The differences of all characteristics with the same code are added. A sum below 0 is no reason. Of equal sums the
    code comes first whose characteristic does.
    """
    codes: dict[str, list[tuple[int, Block, Block]]] = {}
    for number, each in enumerate(characteristics):
        for code, taken, difference in _differences(card, each, above):
            codes.setdefault(code, []).append((number, taken, difference))
    if len(codes) > MAX_REASONS:
        raise card.refused(f"it has more than {MAX_REASONS} reason codes")
    totals, firsts = [], []
    for entries in codes.values():
        terms = [build.where(taken, difference, build.number(0.0)) for _, taken, difference in entries]
        total = reduce(build.add, terms)
        first: Block = NEVER
        for number, taken, _ in reversed(entries):
            first = build.where(taken, build.number(float(number)), first)
        totals.append(total)
        firsts.append(build.where(build.less(total, build.number(0.0)), NEVER, first))
    ranks = []
    for total, first in zip(totals, firsts, strict=True):
        before = [_before(other, place, total, first) for other, place in zip(totals, firsts, strict=True)]
        ranks.append(build.where(build.less(first, NEVER), reduce(build.add, before), NEVER))
    return list(codes), ranks


def _before(other: Block, place: Block, total: Block, first: Block) -> Block:
    """1.0 where another code that is a reason has a larger sum, or the same one and comes first."""
    larger = build.less(total, other)
    tied = values.both(Apply(Op.EQ, (total, other)), build.less(place, first))
    return values.both(build.less(place, NEVER), values.either(larger, tied))


def _differences(card: Element, each: Characteristic, above: bool) -> list[tuple[str, Block, Block]]:
    """The codes of a characteristic: where they are given, and how far the points are from the baseline."""
    default = card.optional_number("baselineScore")
    base = each.element.number("baselineScore", default)
    if above:
        difference = build.subtract(each.points, build.number(base))
    else:
        difference = build.subtract(build.number(base), each.points)
    found: dict[str, list[float | str]] = {}
    for index, attribute in enumerate(each.attributes):
        code = attribute.get("reasonCode") or each.element.get("reasonCode")
        if code is None:
            raise attribute.damaged("it has no reasonCode, nor has its characteristic")
        found.setdefault(code, []).append(float(index))
    if len(found) == 1:
        return [(code, values.present(each.place), difference) for code in found]
    return [(code, values.is_one_of(each.place, places), difference) for code, places in found.items()]


def _reason(output: Element, total: Block, codes: list[str], ranks: list[Block]) -> Value:
    """The reason code of a rank, missing where there are fewer, and where there is no score."""
    wanted = build.number(float(output.integer("rank", 1) - 1))
    result: Block = build.text(None)
    for code, rank in reversed(list(zip(codes, ranks, strict=True))):
        result = build.where(Apply(Op.EQ, (rank, wanted)), build.text(code), result)
    return Value(build.where(build.is_missing(total), build.text(None), result), "string", "categorical")
