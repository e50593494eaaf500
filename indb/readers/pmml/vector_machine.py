"""SupportVectorMachineModel: sums of kernels, or of products, and the category that they decide for.

Source: PMML 4.4, "Support Vector Machine Models"; JPMML's SupportVectorMachineModelEvaluator where a file leaves
something open.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from indb import build
from indb.ir import Apply, Block, Concat, Distance, Floats, Lookup, Metric, Op
from indb.readers.pmml import arrays, functions, models, values
from indb.readers.pmml.document import Element
from indb.readers.pmml.models import Prediction, reads_model
from indb.readers.pmml.scope import Scope

ONE_AGAINST_ONE, ONE_AGAINST_ALL = "OneAgainstOne", "OneAgainstAll"


@dataclass(frozen=True)
class Machine:
    """One SupportVectorMachine: its sum, and the categories that it tells apart (None: it names no other)."""

    element: Element
    sum: Block
    category: str | None
    other: str | None
    threshold: float


@reads_model("SupportVectorMachineModel")
def read_vector_machine(element: Element, scope: Scope) -> Prediction:
    """The sum of a regression; the category of a classification, with the shares of votes of its categories."""
    machines = _machines(element, scope)
    method = element.get("classificationMethod")
    wins_highest = element.flag("maxWins", False)
    threshold = element.number("threshold", 0.0)
    other = element.get("alternateBinaryTargetCategory")
    if scope.function == "regression":
        if len(machines) != 1 or other is not None:
            raise element.damaged(f"it has {len(machines)} machines, needed one of a regression")
        machines[0].element.get("threshold")
        return models.number(machines[0].sum)
    for machine in machines:
        if machine.category is None:
            raise machine.element.damaged("it has no attribute targetCategory")
    if method is None:
        pairs = other is not None or machines[0].other is not None
        method = ONE_AGAINST_ONE if pairs else ONE_AGAINST_ALL
    if method == ONE_AGAINST_ALL:
        return _against_all(element, machines, wins_highest, scope)
    element.choice("classificationMethod", (ONE_AGAINST_ONE,), ONE_AGAINST_ONE)
    if wins_highest:
        raise element.refused("maxWins='true' of votes")
    if other is not None:
        return _binary(element, machines, other, scope)
    return _votes(element, machines, threshold, scope)


def _machines(element: Element, scope: Scope) -> list[Machine]:
    kernel = element.one(*KERNELS)
    kernel.get("description")
    names = ("SupportVectors", "Coefficients")
    old = element.choice("svmRepresentation", names, "SupportVectors")
    representation = element.choice("representation", names, old)
    inputs, vectors = _dictionary(element.one("VectorDictionary"), scope)
    listed = element.all("SupportVectorMachine")
    if not listed:
        raise element.damaged("it has no SupportVectorMachine")
    sums = _sums(listed, kernel, inputs, vectors) if representation == "SupportVectors" else None
    found = []
    for place, each in enumerate(listed):
        if sums is None:
            if kernel.name != "LinearKernelType":
                raise kernel.refused("representation='Coefficients' needs a LinearKernelType")
            block = _weighted(each, inputs)
        else:
            block = sums[place]
        limit = each.number("threshold", math.nan)
        found.append(Machine(each, block, each.get("targetCategory"), each.get("alternateTargetCategory"), limit))
    return found


def _dictionary(element: Element, scope: Scope) -> tuple[Block, dict[str, list[float]]]:
    """The numbers of a row, and the vectors by their identifiers."""
    parent = element.one("VectorFields")
    parts = [_vector_field(each, scope) for each in parent.all("FieldRef", "CategoricalPredictor")]
    counts = ((element, "numberOfVectors"), (parent, "numberOfFields"))
    vectors: dict[str, list[float]] = {}
    for each in element.all("VectorInstance"):
        identifier = each.needed("id")
        if identifier in vectors:
            raise each.damaged(f"there is a vector {identifier!r} already")
        vectors[identifier] = arrays.array_in(each, len(parts))
    for (owner, name), found in zip(counts, (len(vectors), len(parts)), strict=True):
        if owner.integer(name, found) != found:
            raise owner.damaged(f"it has {found} of them, {name} says otherwise")
    if not parts:
        raise parent.damaged("it has no fields")
    arrays.limited(len(vectors) * len(parts), element)
    return build.concat(parts), vectors


def _vector_field(element: Element, scope: Scope) -> Block:
    if element.name == "FieldRef":
        value = scope.expression(element)
        if value.is_text:
            raise element.refused("its field is a string, needed a number")
        return value.block
    value = scope.field(element.get("field") or element.needed("name"), element)
    if element.number("coefficient", 1.0) != 1.0:
        raise element.damaged("its coefficient is not 1")
    key = values.parse(element.needed("value"), value.data_type, element)
    return Lookup(value.block, (key,), ((1.0,),), (0.0,), (math.nan,))


def _sums(machines: Sequence[Element], kernel: Element, inputs: Block, vectors: dict[str, list[float]]) -> list[Block]:
    """The sum of each machine, its terms in the order of its support vectors.

    Where all have them in the order of the dictionary, kernels are shared; a vector that is not a machine's counts 0.
    """
    ids = {identifier: place for place, identifier in enumerate(vectors)}
    used = [_support(each, ids) for each in machines]
    weights = [_coefficients(each, len(places)) for each, places in zip(machines, used, strict=True)]
    points = np.array(list(vectors.values()), dtype=np.float64).reshape(len(vectors), inputs.width)
    shared = len(machines) > 1 and all(places == sorted(set(places)) for places in used)
    if not shared:
        return [
            build.linear(KERNELS[kernel.name](kernel, inputs, points[places]), row, bias) if places else _constant(bias)
            for places, (row, bias) in zip(used, weights, strict=True)
        ]
    matrix = np.zeros((len(machines), len(vectors)))
    for place, (places, (row, _)) in enumerate(zip(used, weights, strict=True)):
        matrix[place, places] = row
    kernels = KERNELS[kernel.name](kernel, inputs, points)
    return build.lanes(build.linear(kernels, matrix, np.array([bias for _, bias in weights])))


def _constant(bias: float) -> Block:
    return build.number(bias)


def _support(machine: Element, ids: dict[str, int]) -> list[int]:
    parent = machine.find("SupportVectors")
    if parent is None:
        raise machine.damaged("it has no SupportVectors")
    places = []
    for each in parent.all("SupportVector"):
        identifier = each.needed("vectorId")
        if identifier not in ids:
            raise each.damaged(f"there is no vector {identifier[:40]!r}")
        places.append(ids[identifier])
    for name in ("numberOfSupportVectors", "numberOfAttributes"):
        if name == "numberOfSupportVectors" and parent.integer(name, len(places)) != len(places):
            raise parent.damaged(f"it has {len(places)} of them, {name} says otherwise")
        parent.get(name)
    return places


def _coefficients(machine: Element, count: int) -> tuple[Floats, float]:
    """The weights of the terms, and what is added to them."""
    parent = machine.one("Coefficients")
    found = [each.number("value", 0.0) for each in parent.all("Coefficient")]
    bias = parent.number("absoluteValue", 0.0)
    declared = parent.integer("numberOfCoefficients", len(found))
    if len(found) != count or declared != len(found):
        raise parent.damaged(f"it has {len(found)} coefficients, needed {count} (declared {declared})")
    if not all(map(math.isfinite, (*found, bias))):
        raise parent.damaged("it has a number that is not finite")
    return np.array(found, dtype=np.float64), bias


def _weighted(machine: Element, inputs: Block) -> Block:
    """A sum of products of the numbers themselves: representation "Coefficients"."""
    if machine.has("SupportVectors"):
        raise machine.one("SupportVectors").refused("representation='Coefficients' has none")
    row, bias = _coefficients(machine, inputs.width)
    return build.linear(inputs, row, bias)


def _against_all(element: Element, machines: Sequence[Machine], highest: bool, scope: Scope) -> Prediction:
    """The category of the lowest sum, or of the highest where maxWins says so."""
    for machine in machines:
        if machine.other is not None:
            raise machine.element.damaged("alternateTargetCategory with classificationMethod='OneAgainstAll'")
    sums = build.concat([machine.sum for machine in machines])
    place = build.argmax(sums) if highest else build.argmin(sums)
    return models.classes(scope, [str(machine.category) for machine in machines], element, place)


def _binary(element: Element, machines: Sequence[Machine], other: str, scope: Scope) -> Prediction:
    """A sum that is 0 for one category and 1 for the other once it is rounded; another is refused."""
    if len(machines) != 1 or machines[0].other is not None:
        raise element.damaged("alternateBinaryTargetCategory needs one machine that names one category")
    place = functions.round_half_up(machines[0].sum)
    scope.require(values.either(build.is_missing(place), values.is_one_of(place, (0.0, 1.0))))
    category = machines[0].category
    assert category is not None
    votes = Concat((build.subtract(build.number(1.0), place), place))
    return models.classes(scope, [other, category], element, place, votes)


def _votes(element: Element, machines: Sequence[Machine], threshold: float, scope: Scope) -> Prediction:
    """The category with the most votes; of equal ones the one that was first voted for."""
    categories: list[str] = []
    for machine in machines:
        if machine.other is None:
            raise machine.element.damaged("it has no attribute alternateTargetCategory")
        categories += [str(machine.category), machine.other]
    categories = list(dict.fromkeys(categories))
    first: list[Block] = [build.number(float(len(machines)))] * len(categories)
    count: list[Block] = [build.number(0.0)] * len(categories)
    for number, machine in reversed(list(enumerate(machines))):
        limit = threshold if math.isnan(machine.threshold) else machine.threshold
        below = build.less(machine.sum, build.number(limit))
        for name, vote in ((machine.category, below), (machine.other, values.opposite(below))):
            place = categories.index(str(name))
            first[place] = build.where(vote, build.number(float(number)), first[place])
            count[place] = build.add(count[place], vote)
    counts = build.concat(count)
    ranks = build.subtract(build.multiply(counts, build.number(len(machines) + 1.0)), build.concat(first))
    known = reduce(lambda a, b: Apply(Op.AND, (a, b)), [values.present(machine.sum) for machine in machines])
    winner = build.where(known, build.argmax(ranks), build.MISSING)
    shares = build.where(known, build.divide(counts, build.number(float(len(machines)))), build.MISSING)
    return models.classes(scope, categories, element, winner, shares)


def _linear(kernel: Element, x: Block, points: Floats) -> Block:
    return build.linear(x, points, 0.0)


def _scaled(kernel: Element, x: Block, points: Floats) -> Block:
    """gamma x . p + coef0."""
    product = build.multiply(build.linear(x, points, 0.0), build.number(kernel.number("gamma", 1.0)))
    return build.add(product, build.number(kernel.number("coef0", 1.0)))


def _polynomial(kernel: Element, x: Block, points: Floats) -> Block:
    return functions.power(_scaled(kernel, x, points), build.number(kernel.number("degree", 1.0)))


def _sigmoid(kernel: Element, x: Block, points: Floats) -> Block:
    return Apply(Op.TANH, (_scaled(kernel, x, points),))


def _radial(kernel: Element, x: Block, points: Floats) -> Block:
    """exp(-gamma |x - p|^2)."""
    factor = build.number(-kernel.number("gamma", 1.0))
    return Apply(Op.EXP, (build.multiply(Distance(x, points, Metric.SQUARED), factor),))


KERNELS: dict[str, Callable[[Element, Any, Floats], Block]] = {
    "LinearKernelType": _linear,
    "PolynomialKernelType": _polynomial,
    "RadialBasisKernelType": _radial,
    "SigmoidKernelType": _sigmoid,
}
