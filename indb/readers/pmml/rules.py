"""RuleSetModel: the score of the first rule that holds, or of those that weigh most.

Source: PMML 4.4, "Ruleset Model"; JPMML's RuleSetModelEvaluator for the order of equal weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

from indb import build
from indb.ir import Apply, Block, Concat, Const, Lookup, Op, Reduce, ReduceOp, Type
from indb.readers.pmml import models, predicates, values
from indb.readers.pmml.document import Element
from indb.readers.pmml.models import Prediction, reads_model
from indb.readers.pmml.outputs import lane_for
from indb.readers.pmml.scope import Scope
from indb.readers.pmml.values import Value

MAX_RULES = 5_000
CRITERIA = ("firstHit", "weightedSum", "weightedMax")


@dataclass(frozen=True)
class Rule:
    """A rule that has a score: where it holds, with all rules that it is in."""

    element: Element
    holds: Block
    score: str
    weight: float
    confidence: float
    id: str


@reads_model("RuleSetModel", functions=("classification",))
def read(element: Element, scope: Scope) -> Prediction:
    """The rules of a set, by the first of its rule selection methods."""
    parent = element.one("RuleSet")
    methods = parent.all("RuleSelectionMethod")
    if not methods:
        raise parent.damaged("it has no RuleSelectionMethod")
    criterion = methods[0].choice("criterion", CRITERIA)
    for other in methods[1:]:
        other.get("criterion")
    rules: list[Rule] = []
    for rule in _rules(parent, predicates.YES, scope):
        rules.append(rule)
        if len(rules) > MAX_RULES:
            raise parent.refused(f"it has more than {MAX_RULES} rules")
    scores = list(dict.fromkeys(rule.score for rule in rules))
    default = parent.get("defaultScore")
    if default is not None and default not in scores:
        scores.append(default)
    if not scores:
        raise parent.damaged("it has no rule and no defaultScore")
    chosen = {"firstHit": _first_hit, "weightedSum": _weighted_sum, "weightedMax": _heaviest}[criterion]
    value, confidence, entity = chosen(rules, scores)
    none, other_confidence = build.is_missing(value), parent.number("defaultConfidence", 0.0)
    if default is not None:
        value = build.where(none, build.number(float(scores.index(default))), value)
        confidence = build.where(none, build.number(other_confidence), confidence)
    prediction = models.classes(scope, scores, parent, value)
    defaults = [other_confidence if score == default else 0.0 for score in scores]
    lanes = _confidences(criterion, rules, scores)
    lanes = build.where(none, build.MISSING if default is None else Const(tuple(defaults)), lanes)

    def confidence_of(output: Element) -> Value:
        """Of the predicted category, else of the one that is named."""
        return Value(confidence, "double") if output.get("value") is None else lane_for(prediction, lanes, output)

    prediction.features["confidence"] = confidence_of
    prediction.features["entityId"] = lambda output: _entity(rules, entity)
    return prediction


def _rules(parent: Element, outer: Block, scope: Scope) -> Iterator[Rule]:
    """The rules that have a score, in the order of the file; a compound rule must hold for those in it."""
    for element in parent.all("SimpleRule", "CompoundRule"):
        logic = scope.predicate(element)
        holds = logic.true if outer is predicates.YES else values.both(outer, logic.true)
        if element.name == "CompoundRule":
            yield from _rules(element, holds, scope)
            continue
        weight, confidence = element.number("weight", 1.0), element.number("confidence", 1.0)
        yield Rule(element, holds, element.needed("score"), weight, confidence, element.get("id") or "")


def _picked(rules: list[Rule], table: list[float]) -> Block:
    """What a table holds for the first rule that holds."""
    result: Block = build.MISSING
    for rule, value in reversed(list(zip(rules, table, strict=True))):
        result = build.where(rule.holds, build.number(value), result)
    return result


def _first_hit(rules: list[Rule], scores: list[str]) -> tuple[Block, Block, Block]:
    """The score, the confidence and the number of the first rule that holds."""
    number = _picked(rules, [float(place) for place in range(len(rules))])
    return _by_number(number, rules, scores)


def _by_number(number: Block, rules: list[Rule], scores: list[str]) -> tuple[Block, Block, Block]:
    keys = tuple(float(place) for place in range(len(rules)))
    nothing = (float("nan"),)
    label = Lookup(number, keys, tuple((float(scores.index(rule.score)),) for rule in rules), nothing, nothing)
    return label, Lookup(number, keys, tuple((rule.confidence,) for rule in rules), nothing, nothing), number


def _heaviest(rules: list[Rule], scores: list[str]) -> tuple[Block, Block, Block]:
    """The rule that weighs most of those that hold, of equal ones the first."""
    order = sorted(range(len(rules)), key=lambda place: -rules[place].weight)
    number = _picked([rules[place] for place in order], [float(place) for place in order])
    return _by_number(number, rules, scores)


def _count(rules: list[Rule]) -> Block:
    """How many rules hold."""
    return reduce(build.add, [rule.holds for rule in rules]) if rules else build.number(0.0)


def _share(rules: list[Rule], count: Block) -> tuple[Block, Block]:
    """Whether one of the rules of a score holds, and the weights of those that do, over how many rules of all do."""
    zero = build.number(0.0)
    if not rules:
        return zero, zero
    weights = [build.where(rule.holds, build.number(rule.weight), zero) for rule in rules]
    return build.less_equal(build.number(1.0), _count(rules)), build.divide(reduce(build.add, weights), count)


def _weighted_sum(rules: list[Rule], scores: list[str]) -> tuple[Block, Block, Block]:
    """The score whose rules that hold weigh most together, over how many hold; of equal ones that of the first rule."""
    count = _count(rules)
    sums, firsts, numbers = [], [], []
    for score in scores:
        mine = [(place, rule) for place, rule in enumerate(rules) if rule.score == score]
        some, total = _share([rule for _, rule in mine], count)
        sums.append(build.where(some, total, build.number(float("-inf"))))
        firsts.append(_picked([rule for _, rule in mine], [float(place) for place, _ in mine]))
        heavy = sorted(mine, key=lambda entry: -entry[1].weight)
        numbers.append(_picked([rule for _, rule in heavy], [float(place) for place, _ in heavy]))
    lanes = Concat(tuple(sums))
    top = Reduce(ReduceOp.MAX, lanes)
    far = build.number(float(len(rules)))
    places = build.where(Apply(Op.EQ, (lanes, top)), Apply(Op.COALESCE, (Concat(tuple(firsts)), far)), far)
    any_holds = build.less(build.number(0.0), count)
    value = build.where(any_holds, build.argmin(places), build.MISSING)
    return value, build.where(any_holds, top, build.MISSING), models.chosen(Concat(tuple(numbers)), value)


def _confidences(criterion: str, rules: list[Rule], scores: list[str]) -> Block:
    """The confidence of each score by its own rules, 0 where none holds. Source: JPMML, RuleSetModelEvaluator."""
    zero, count = build.number(0.0), _count(rules)
    lanes: list[Block] = []
    for score in scores:
        mine = [rule for rule in rules if rule.score == score]
        if criterion == "weightedSum":
            some, total = _share(mine, count)
            lanes.append(build.where(some, total, zero))
            continue
        if criterion == "weightedMax":
            mine.sort(key=lambda rule: -rule.weight)
        lanes.append(Apply(Op.COALESCE, (_picked(mine, [rule.confidence for rule in mine]), zero)))
    return Concat(tuple(lanes))


def _entity(rules: list[Rule], number: Block) -> Value:
    """The id of the rule, else its number from 1 on; missing where the default score was given."""
    keys = tuple(float(place) for place in range(len(rules)))
    rows = tuple((rule.id or str(place + 1),) for place, rule in enumerate(rules))
    return Value(Lookup(number, keys, rows, (None,), (None,), Type.TEXT), "string", "categorical")
