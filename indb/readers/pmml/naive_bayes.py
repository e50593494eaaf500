"""NaiveBayesModel: counts and distributions of each input for each category.

Logarithms are added: of the count of the category first, then of each input's probability in the order of the file. A
missing input says nothing, and neither does a value that has no counts. Source: PMML 4.4, "Naive Bayes Models"; JPMML's
NaiveBayesModelEvaluator for the probability that a density cannot fall below.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from indb import build
from indb.ir import Apply, Block, Lookup, Op, Reduce, ReduceOp
from indb.readers.pmml import arrays, models, values
from indb.readers.pmml.document import Element
from indb.readers.pmml.models import Prediction, reads_model
from indb.readers.pmml.scope import Scope, read_derived
from indb.readers.pmml.values import Value

GONE = -1e300
"""Stands for the logarithm of 0: nothing that is added to it brings a category back."""

LEAST = -745.13321910194110842
"""The least number whose exponential is a double above 0."""

FACTORIALS = 170
"""Factorials up to this one are doubles; others are worked out."""


@reads_model("NaiveBayesModel", functions=("classification",))
def read_naive_bayes(element: Element, scope: Scope) -> Prediction:
    """The category with the highest product of probabilities, and the products as shares of their sum."""
    threshold = element.number("threshold")
    if not 0.0 <= threshold < math.inf:
        raise element.damaged(f"its threshold is {threshold}, needed 0 or more")
    output = element.one("BayesOutput")
    target = output.needed("fieldName")
    if target != scope.target.name:
        raise output.refused(f"its field {target!r} is not the target {scope.target.name!r}")
    prior = _counts(output.one("TargetValueCounts"), scope)
    if not prior:
        raise output.damaged("it has no TargetValueCount")
    categories = tuple(prior)
    floor = _logarithm(threshold)
    total: Block = build.number(*(_logarithm(prior[each]) for each in categories))
    for each in _inputs(element.one("BayesInputs")):
        total = build.add(total, _input(each, categories, floor, scope))
    top = Reduce(ReduceOp.MAX, total)
    total = build.where(build.less(build.number(GONE / 2), top), total, build.MISSING)
    probabilities = build.softmax(total)
    return models.classes(scope, categories, element, build.argmax(probabilities), probabilities)


def _inputs(parent: Element) -> list[Element]:
    found = parent.all("BayesInput")
    if not found:
        raise parent.damaged("it has no BayesInput")
    return found


def _counts(parent: Element, scope: Scope) -> dict[str, float]:
    """The counts of categories by their texts."""
    found: dict[str, float] = {}
    for element in parent.all("TargetValueCount"):
        category, count = scope.target.text(element.needed("value"), element), element.number("count")
        if category in found:
            raise element.damaged(f"the category {category!r} has a count already")
        if not 0.0 <= count < math.inf:
            raise element.damaged(f"its count is {count}, needed 0 or more")
        found[category] = count
    return found


def _logarithm(probability: float) -> float:
    return math.log(probability) if probability > 0.0 else GONE


def _input(element: Element, categories: Sequence[str], floor: float, scope: Scope) -> Block:
    """The logarithms of the probabilities of one input's value, a lane for each category."""
    name = element.needed("fieldName")
    stats = element.find("TargetValueStats")
    if stats is not None:
        return _distributions(stats, arrays.number_of(name, scope, element), categories, floor, scope)
    derived = element.find("DerivedField")
    value = scope.field(name, element) if derived is None else _discretised(derived, name, scope)
    return _table(element, value, categories, floor, scope)


def _discretised(derived: Element, name: str, scope: Scope) -> Value:
    """The field in intervals, which stand beside the counts."""
    discretize = derived.one("Discretize")
    derived.get("name")
    if discretize.needed("field") != name:
        raise discretize.refused(f"its field is not that of the input, {name!r}")
    return read_derived(derived, scope)


def _table(element: Element, value: Value, categories: Sequence[str], floor: float, scope: Scope) -> Block:
    """Counts of the category for the value, over those of the category for all values."""
    rows: dict[float | str, dict[str, float]] = {}
    sums = dict.fromkeys(categories, 0.0)
    for pair in element.all("PairCounts"):
        key = values.parse(pair.needed("value"), value.data_type, pair)
        if key in rows:
            raise pair.damaged(f"the value {key!r} has counts already")
        rows[key] = _counts(pair.one("TargetValueCounts"), scope)
        for category, count in rows[key].items():
            if category not in sums:
                raise pair.damaged(f"it counts the category {category!r}, which BayesOutput does not")
            sums[category] += count
    if not rows:
        raise element.damaged("it has neither PairCounts nor TargetValueStats")

    def share(counts: dict[str, float], category: str) -> float:
        if category not in counts:
            return 0.0  # the logarithm of 1: it says nothing
        count = counts[category]
        return floor if count <= 2.0**-53 else math.log(count / sums[category])

    table = tuple(tuple(share(counts, category) for category in categories) for counts in rows.values())
    nothing = (0.0,) * len(categories)
    return Lookup(value.block, tuple(rows), table, nothing, nothing)


def _distributions(element: Element, x: Block, categories: Sequence[str], floor: float, scope: Scope) -> Block:
    """Densities of a number, for each category one; where it has none, or the number is missing, 0 is added."""
    found: dict[str, Block] = {}
    for stat in element.all("TargetValueStat"):
        category = scope.target.text(stat.needed("value"), stat)
        if category in found or category not in categories:
            raise stat.damaged(f"the category {category!r} is not in BayesOutput, or has a distribution already")
        inner = stat.one("GaussianDistribution", "PoissonDistribution", "AnyDistribution", "UniformDistribution")
        if inner.name not in DENSITIES:
            raise inner.refused("it is neither a GaussianDistribution nor a PoissonDistribution")
        found[category] = DENSITIES[inner.name](inner, x, floor)
    if not found:
        raise element.damaged("it has no TargetValueStat")
    zero = build.number(0.0)
    lanes = build.concat([found.get(category, zero) for category in categories])
    return build.where(build.is_missing(x), zero, lanes)


def _gaussian(element: Element, x: Block, floor: float) -> Block:
    """-((x - mean) / deviation)^2 / 2 - ln(deviation) - ln(2 pi) / 2."""
    mean, variance = element.number("mean"), element.number("variance")
    if not (0.0 < variance < math.inf and math.isfinite(mean)):
        raise element.damaged(f"it has the mean {mean} and the variance {variance}")
    deviation = math.sqrt(variance)
    z = build.divide(build.subtract(x, build.number(mean)), build.number(deviation))
    square = build.multiply(build.multiply(z, z), build.number(-0.5))
    return _held(build.subtract(square, build.number(math.log(deviation) + 0.5 * math.log(2.0 * math.pi))), floor)


def _held(logarithm: Block, floor: float) -> Block:
    """The logarithm of a density that is a double and not below the threshold.

    It goes through the density itself, whose digits are few where it is small.
    """
    least = build.number(LEAST)
    density = Apply(Op.EXP, (Apply(Op.MAX, (logarithm, least)),))
    found = build.where(build.less(logarithm, least), build.number(GONE), Apply(Op.LN, (density,)))
    return Apply(Op.MAX, (found, build.number(floor)))


def _poisson(element: Element, x: Block, floor: float) -> Block:
    """n ln(mean) - mean - ln(n!) for n = x without its fraction."""
    mean = element.number("mean")
    if not 0.0 < mean < math.inf:
        raise element.damaged(f"its mean is {mean}, needed a number above 0")
    n = build.truncate(x)
    inside = build.multiply(n, build.number(math.log(mean)))
    found = build.subtract(build.subtract(inside, build.number(mean)), _log_factorial(n))
    inside_range = build.between(n, 0.0, float(2**31 - 1))
    return build.where(inside_range, _held(found, floor), build.number(floor))


def _log_factorial(n: Block) -> Block:
    """ln(n!): of small numbers from a table, else Stirling's series, whose next term is below 1e-16."""
    table = tuple((math.lgamma(each + 1.0),) for each in range(FACTORIALS + 1))
    held = Apply(Op.MAX, (n, build.number(float(FACTORIALS))))
    inverse = build.divide(build.number(1.0), held)
    square = build.multiply(inverse, inverse)
    series = build.subtract(build.number(1.0 / 12.0), build.multiply(square, build.number(1.0 / 360.0)))
    half = build.multiply(Apply(Op.LN, (build.multiply(held, build.number(2.0 * math.pi)),)), build.number(0.5))
    body = build.subtract(build.multiply(held, Apply(Op.LN, (held,))), held)
    large = build.add(build.add(body, half), build.multiply(series, inverse))
    keys = tuple(float(each) for each in range(FACTORIALS + 1))
    small = Lookup(n, keys, table, (math.nan,), (math.nan,))
    return build.where(build.less(n, build.number(float(FACTORIALS))), small, large)


DENSITIES = {"GaussianDistribution": _gaussian, "PoissonDistribution": _poisson}
