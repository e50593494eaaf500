"""ComparisonMeasure: how far rows are from given points, or how alike they are.

Terms are added in the order of the fields, in doubles, so that ties are the same as in JPMML. A field that is missing
is left out, and what is left is scaled up. Source: PMML 4.4, "Clustering Models"; JPMML's MeasureUtil.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from indb import build
from indb.ir import Apply, Block, Const, Floats, Lookup, Op
from indb.readers.pmml import functions, values
from indb.readers.pmml.arrays import total
from indb.readers.pmml.document import Element
from indb.readers.pmml.scope import Scope
from indb.readers.pmml.values import Value

POWERS = {"euclidean": 2.0, "squaredEuclidean": 2.0, "chebychev": 1.0, "cityBlock": 1.0}
"""Measure of a distance -> the power of each difference; Minkowski's is in the file."""

SIMILARITIES = ("simpleMatching", "jaccard", "tanimoto", "binarySimilarity")
COMPARISONS = ("absDiff", "gaussSim", "delta", "equal")
"""How a value is compared; "table" is refused."""
BITS = ("11", "10", "01", "00")
WITHOUT_SCALE = ("absDiff", "delta", "equal")


@dataclass(frozen=True)
class Measure:
    """A ComparisonMeasure: its element, its name, and what compares fields that do not say it."""

    element: Element
    name: str
    comparison: str

    @property
    def is_similarity(self) -> bool:
        """Whether the largest number is the best, not the smallest."""
        return self.name in SIMILARITIES

    @property
    def power(self) -> float:
        """The power of each difference."""
        return POWERS[self.name] if self.name in POWERS else self._inner.number("p-parameter")

    @property
    def _inner(self) -> Element:
        return self.element.one(self.name)


@dataclass(frozen=True)
class Compared:
    """A field that is compared: its value, what it counts, and how."""

    value: Value
    weight: float
    comparison: str
    scale: float | None


def read_measure(model: Element) -> Measure:
    """The ComparisonMeasure of a model."""
    element = model.one("ComparisonMeasure")
    kind = element.choice("kind", ("distance", "similarity"))
    comparison = element.choice("compareFunction", WITHOUT_SCALE, "absDiff")
    for name in ("minimum", "maximum"):
        element.get(name)  # what the training data held
    inner = element.one(*POWERS, "minkowski", *SIMILARITIES)
    measure = Measure(element, inner.name, comparison)
    if measure.is_similarity != (kind == "similarity"):
        raise element.damaged(f"kind={kind!r} with <{inner.name}>")
    if inner.name == "minkowski" and not 0.0 < measure.power < math.inf:
        raise inner.damaged(f"its p-parameter is {measure.power}, needed a number above 0")
    return measure


def read_compared(element: Element, measure: Measure, scope: Scope, weight: str = "fieldWeight") -> Compared:
    """A ClusteringField or a KNNInput."""
    value = scope.field(element.needed("field"), element)
    if element.has("Comparisons"):
        raise element.one("Comparisons").refused("a table of comparisons is not read")
    comparison = element.choice("compareFunction", COMPARISONS, measure.comparison)
    scale = element.optional_number("similarityScale")
    if comparison == "gaussSim" and not (scale and math.isfinite(scale)):
        raise element.damaged("compareFunction='gaussSim' needs a similarityScale")
    compares_numbers = measure.is_similarity or comparison in ("absDiff", "gaussSim")
    if value.is_text and compares_numbers:
        raise element.refused("its field is a string, needed a number")
    return Compared(value, element.number(weight, 1.0), comparison, scale)


def encoded(fields: Sequence[Compared], rows: Sequence[Sequence[float | str]]) -> tuple[list[Compared], Floats]:
    """The fields as numbers and the points (n_points, n_fields): a text is the number of a text of the points.

    Other texts are -1, which equals none of them.
    """
    compared, columns = [], []
    for place, field in enumerate(fields):
        column = [row[place] for row in rows]
        if field.value.is_text:
            known = tuple(dict.fromkeys(str(each) for each in column))
            codes = tuple((float(code),) for code in range(len(known)))
            block: Block = Lookup(field.value.block, known, codes, (-1.0,), (math.nan,))
            field = Compared(Value(block, "double"), field.weight, field.comparison, field.scale)
            column = [float(known.index(str(each))) for each in column]
        compared.append(field)
        columns.append(column)
    return compared, np.array(columns, dtype=np.float64).reshape(len(fields), len(rows)).T


def lanes(
    measure: Measure, fields: Sequence[Compared], points: Floats, scope: Scope, shares: Sequence[float] | None = None
) -> Block:
    """A lane for each point (n_points, n_fields): how far the row is from it, or how like it.

    shares: what each field counts where others are missing. Where all are missing, every lane is. Of similarities, a
    row with a value but 0 and 1 is not scored.
    """
    if measure.is_similarity:
        return _similarities(measure, fields, points, scope)
    power = measure.power
    terms = [_term(field, points[:, place], power) for place, field in enumerate(fields)]
    gaps = [build.is_missing(field.value.block) for field in fields]
    if measure.name == "chebychev":
        # No difference is below 0, so that one that is left out is no largest.
        found = reduce(lambda a, b: Apply(Op.MAX, (a, b)), terms)
    else:
        found = total(terms)
    found = build.multiply(found, _scaling(gaps, shares or [1.0] * len(fields)))
    if measure.name == "euclidean":
        return Apply(Op.SQRT, (found,))
    if measure.name == "minkowski":
        return functions.power(found, build.number(1.0 / power))
    return found


def _term(field: Compared, point: Floats, power: float) -> Block:
    """The weighted power of how much a field differs from each point; 0 where the field is missing."""
    x, points = field.value.block, Const(tuple(point.tolist()))
    if field.comparison in ("absDiff", "gaussSim"):
        difference = build.subtract(x, points)
        size: Block = Apply(Op.ABS, (difference,))
        if field.comparison == "gaussSim":
            square = build.multiply(build.multiply(difference, difference), build.number(-math.log(2.0)))
            assert field.scale is not None
            size = Apply(Op.EXP, (build.divide(square, build.number(field.scale * field.scale)),))
    else:
        same = Apply(Op.EQ, (x, points))
        size = same if field.comparison == "equal" else values.opposite(same)
    if power != 1.0:
        size = functions.power(size, build.number(power))
    if field.weight != 1.0:
        size = build.multiply(size, build.number(field.weight))
    return build.where(build.is_missing(x), build.number(0.0), size)


def _scaling(gaps: Sequence[Block], shares: Sequence[float]) -> Block:
    """What all fields count over what those count that are there; missing where none is."""
    whole = 0.0
    for share in shares:
        whole += share
    zero = build.number(0.0)
    there = total([build.where(gap, zero, build.number(share)) for gap, share in zip(gaps, shares, strict=True)])
    factor = build.divide(build.number(whole), there)
    return build.where(Apply(Op.EQ, (there, zero)), build.MISSING, factor)


def _similarities(measure: Measure, fields: Sequence[Compared], points: Floats, scope: Scope) -> Block:
    """How many bits agree, weighed: a11 are 1 in both, a10 in the row alone, a01 in the point alone, a00 in none."""
    if not np.isin(points, (0.0, 1.0)).all():
        raise measure.element.damaged("a point has numbers besides 0 and 1")
    bits = [field.value.block for field in fields]
    for bit in bits:
        scope.require(values.is_one_of(bit, (0.0, 1.0)))
    a11 = total([build.multiply(bit, Const(tuple(points[:, place].tolist()))) for place, bit in enumerate(bits)])
    a10 = build.subtract(total(bits), a11)
    a01 = build.subtract(Const(tuple(points.sum(axis=1).tolist())), a11)
    a00 = build.subtract(build.subtract(build.subtract(build.number(float(len(bits))), a11), a10), a01)
    over, under = _shares(measure)
    parts = (a11, a10, a01, a00)

    def weighted(weights: Sequence[float]) -> Block:
        return total([build.multiply(part, build.number(each)) for part, each in zip(parts, weights, strict=True)])

    return build.divide(weighted(over), weighted(under))


def _shares(measure: Measure) -> tuple[list[float], list[float]]:
    """What a11, a10, a01 and a00 count in the numerator and in the denominator."""
    known = {
        "simpleMatching": ([1.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0]),
        "jaccard": ([1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 0.0]),
        "tanimoto": ([1.0, 0.0, 0.0, 1.0], [1.0, 2.0, 2.0, 1.0]),
    }
    if measure.name in known:
        return known[measure.name]
    inner = measure.element.one("binarySimilarity")
    over, under = ([inner.number(f"{letter}{bits}-parameter") for bits in BITS] for letter in "cd")
    return over, under
