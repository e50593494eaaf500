"""GeneralRegressionModel: parameters times products of factors and covariates, and a link that makes predictions of it.

Source: PMML 4.4, "General Regression"; JPMML's GeneralRegressionModelEvaluator for the order of categories and terms.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from indb import build
from indb.ir import Apply, Block, Concat, Op, Reduce, ReduceOp
from indb.readers.pmml import functions, models, values
from indb.readers.pmml.arithmetic import Arithmetic
from indb.readers.pmml.document import Element
from indb.readers.pmml.models import Prediction, reads_model
from indb.readers.pmml.scope import Scope
from indb.readers.pmml.tree import target_texts

MODEL_TYPES = (
    *("regression", "generalLinear", "generalizedLinear", "multinomialLogistic", "ordinalMultinomial"),
    "CoxRegression",
)

DOUBLES = Arithmetic()
LARGEST_POWER = 709.782712893384
"""The largest number whose exponential is a double."""
ONE = build.number(1.0)

CUMULATIVE: dict[str, Callable[[Block], Block]] = {
    "logit": DOUBLES.logit,
    "probit": DOUBLES.probit,
    "cloglog": DOUBLES.cloglog,
    "loglog": DOUBLES.loglog,
    "cauchit": DOUBLES.cauchit,
}
"""cumulativeLink -> its inverse."""


def _logc(x: Block) -> Block:
    """1 - exp(x)."""
    return DOUBLES.rest(DOUBLES.exp(x))


PLAIN: dict[str, Callable[[Block], Block]] = {
    **{name: CUMULATIVE[name] for name in ("logit", "probit", "cloglog", "loglog")},
    "identity": lambda x: x,
    "log": DOUBLES.exp,
    "logc": _logc,
}
"""linkFunction -> its inverse, where it has no parameter."""

LINKS = (*PLAIN, "negbin", "oddspower", "power")


@dataclass(frozen=True)
class Terms:
    """The parameters of a model: the cells of ParamMatrix and PPMatrix by target category (None: for all of them)."""

    element: Element
    scope: Scope
    factors: frozenset[str]
    cells: dict[str | None, list[tuple[str, float]]]
    products: dict[str | None, dict[str, list[Element]]]

    def total(self, cells: Sequence[tuple[str, float]], category: str | None) -> Block:
        """The sum of beta * product, in the order of the cells; a parameter without predictors counts as it is."""
        products = self.products.get(category, self.products.get(None))
        if products is None and self.products:
            raise self.element.damaged(f"its PPMatrix has no cells for {category!r}")
        parts: list[Block] = []
        for name, beta in cells:
            predictors = (products or {}).get(name)
            term = build.number(beta)
            parts.append(build.multiply(self._product(predictors), term) if predictors else term)
        if not parts:
            raise self.element.damaged(f"its ParamMatrix has no cells for {category!r}")
        return DOUBLES.total(parts)

    def _product(self, predictors: list[Element]) -> Block:
        """Factors that have their value, times powers of covariates."""
        found: list[Block] = []
        for cell in predictors:
            name = cell.needed("predictorName")
            value = self.scope.field(name, cell)
            if name in self.factors:
                key = values.parse(cell.needed("value"), value.data_type, cell)
                here = values.is_one_of(value.block, [key])
                found.append(build.where(build.is_missing(value.block), build.MISSING, here))
                continue
            if value.is_text:
                raise cell.refused(f"its predictor {name!r} is a string and no factor")
            exponent = cell.number("value", 1.0)
            x = value.block
            found.append(x if exponent == 1.0 else functions.power(x, build.number(exponent)))
        result = found[0]
        for part in found[1:]:
            result = build.multiply(result, part)
        return result


def _terms(element: Element, scope: Scope) -> Terms:
    for parameter in element.one("ParameterList").all("Parameter"):
        parameter.get("name"), parameter.get("label"), parameter.get("referencePoint")
    factors = _predictors(element, "FactorList")
    _predictors(element, "CovariateList")
    cells: dict[str | None, list[tuple[str, float]]] = {}
    for cell in element.one("ParamMatrix").all("PCell"):
        entry = cell.needed("parameterName"), cell.number("beta")
        cells.setdefault(_category(cell, "targetCategory", scope), []).append(entry)
    products: dict[str | None, dict[str, list[Element]]] = {}
    used = {name for group in cells.values() for name, _ in group}
    matrix = element.find("PPMatrix")
    for cell in matrix.all("PPCell") if matrix is not None else ():
        if cell.needed("parameterName") not in used:
            cell.ignore()  # of a redundant parameter: nothing is multiplied with it
            continue
        group = products.setdefault(_category(cell, "targetCategory", scope), {})
        group.setdefault(cell.needed("parameterName"), []).append(cell)
    return Terms(element, scope, frozenset(factors), cells, products)


def _category(element: Element, name: str, scope: Scope) -> str | None:
    """A category that an attribute names, if there is one. In a regression it stands for nothing."""
    text = element.get(name)
    return text if text is None or scope.function == "regression" else scope.target.text(text, element)


def _predictors(element: Element, name: str) -> list[str]:
    """The names of the predictors in a FactorList or CovariateList. Raises: UnsupportedModel for a contrast matrix."""
    parent = element.find(name)
    found = []
    for predictor in parent.all("Predictor") if parent is not None else ():
        found.append(predictor.needed("name"))
        if predictor.has("Matrix"):
            raise predictor.refused("a contrast matrix")
        for each in predictor.all("Categories"):
            each.ignore()  # the order of a contrast matrix
    return found


@reads_model("GeneralRegressionModel")
def read(element: Element, scope: Scope) -> Prediction:
    """A regression or a classification of one of the model types."""
    kind = element.choice("modelType", MODEL_TYPES)
    terms = _terms(element, scope)
    if scope.function == "classification":
        return _classification(element, kind, terms, scope)
    if kind in ("multinomialLogistic", "ordinalMultinomial"):
        raise element.refused(f"modelType={kind!r} of a regression")
    cells = _all_cells(terms, element)
    total = terms.total(cells, None)
    if kind == "CoxRegression":
        return models.number(_cox(element, total, cells, scope))
    if kind == "generalizedLinear":
        return models.number(_linked(element, total, scope))
    return models.number(total)


def _all_cells(terms: Terms, element: Element) -> list[tuple[str, float]]:
    if set(terms.cells) != {None}:
        raise element.damaged("its ParamMatrix has cells for categories, it is a regression")
    return terms.cells[None]


# Links


def _linked(element: Element, total: Block, scope: Scope) -> Block:
    """The inverse of the link function, of the sum plus the offset, times the trials."""
    name = element.choice("linkFunction", LINKS)
    x = _shifted(element, total, scope)
    if name in PLAIN:
        found = PLAIN[name](x)
    else:
        found = _parametric(element, name, x)
    trials = _variable(element, scope, "trials")
    return found if trials is None else build.multiply(found, trials)


def _parametric(element: Element, name: str, x: Block) -> Block:
    """The inverse of a link function with a parameter."""
    if name == "negbin":
        above = build.subtract(DOUBLES.exp(build.negate(x)), ONE)
        return build.divide(ONE, build.multiply(build.number(element.number("distParameter")), above))
    parameter = element.number("linkParameter")
    if name == "power":
        return DOUBLES.exp(x) if parameter == 0.0 else functions.power(x, build.number(1.0 / parameter))
    if parameter == 0.0:
        return DOUBLES.logit(x)
    base = build.add(ONE, build.multiply(build.number(parameter), x))
    return build.divide(ONE, build.add(ONE, functions.power(base, build.number(-1.0 / parameter))))


def _shifted(element: Element, total: Block, scope: Scope) -> Block:
    offset = _variable(element, scope, "offset")
    return total if offset is None else build.add(total, offset)


def _variable(element: Element, scope: Scope, name: str) -> Block | None:
    """A field or a number that the model names, such as offsetVariable or offsetValue; None where it does not."""
    field = element.get(f"{name}Variable")
    number = element.optional_number(f"{name}Value")
    if field is None:
        return None if number is None else build.number(number)
    value = scope.field(field, element)
    if value.is_text:
        raise element.refused(f"its {name}Variable {field!r} is a string")
    return value.block


# Classes


def _classification(element: Element, kind: str, terms: Terms, scope: Scope) -> Prediction:
    """Probabilities by category; the last one, which has no parameters, is the reference."""
    categories = _categories(element, kind, terms, scope)
    sums = [_category_sum(category, kind, terms, len(categories)) for category in categories[:-1]]
    if kind == "generalizedLinear":
        linked = [_linked(element, total, scope) for total in sums]
        rest: Block = ONE
        for each in linked:
            rest = build.subtract(rest, each)
        lanes: Block = Concat((*linked, rest))
    elif kind == "multinomialLogistic":
        lanes = _shares(Concat((*sums, build.number(0.0))))
    elif kind == "ordinalMultinomial":
        link = element.chosen("cumulativeLink", CUMULATIVE)
        upto = [*(link(_shifted(element, total, scope)) for total in sums), ONE]
        steps = [build.subtract(high, low) for low, high in itertools.pairwise(upto)]
        lanes = Concat((upto[0], *steps))
    else:
        raise element.refused(f"modelType={kind!r} of a classification")
    return models.classes(scope, categories, element, build.argmax(lanes), lanes)


def _shares(x: Block) -> Block:
    """exp(x) over the sum of all, missing where one of them is no double: there JPMML goes on with NaN."""
    held = build.less_equal(Reduce(ReduceOp.MAX, x), build.number(LARGEST_POWER))
    return build.where(held, build.softmax(x), build.MISSING)


def _categories(element: Element, kind: str, terms: Terms, scope: Scope) -> list[str]:
    """The categories of the target, the reference category last."""
    found = target_texts(scope)
    reference = _category(element, "targetReferenceCategory", scope)
    if len(found) < 2:
        found = [category for category in terms.cells if category is not None]
        if reference is None:
            raise element.refused("its target does not list its categories, nor does it name the reference category")
        if kind == "ordinalMultinomial":
            return [*(category for category in found if category != reference), reference]
    if kind == "ordinalMultinomial":
        return found
    if reference is None:
        rest = [category for category in found if category not in terms.cells]
        if len(rest) != 1:
            raise element.damaged("it does not say which category is the reference")
        reference = rest[0]
    return [*(category for category in found if category != reference), reference]


def _category_sum(category: str, kind: str, terms: Terms, count: int) -> Block:
    """The sum of a category, of the cells that are for it; of an ordinal one its intercept and the cells of all."""
    own = terms.cells.get(category)
    if kind == "ordinalMultinomial":
        if own is None or len(own) != 1 or None not in terms.cells:
            raise terms.element.damaged(f"its ParamMatrix needs one cell for {category!r}, and cells for no category")
        return terms.total([*own, *terms.cells[None]], category)
    if own is None and count == 2:
        own = terms.cells.get(None)
    if own is None:
        raise terms.element.damaged(f"its ParamMatrix has no cells for {category!r}")
    return terms.total(own, category)


# Survival


def _cox(element: Element, total: Block, cells: Sequence[tuple[str, float]], scope: Scope) -> Block:
    """exp(sum - sum at the reference point) * the baseline hazard that has added up until the end time.

    It is 0 before the first time of the table, and missing after the last one.
    """
    parameters = element.one("ParameterList").all("Parameter")
    points = {each.needed("name"): each.number("referencePoint", 0.0) for each in parameters}
    reference = 0.0
    for name, beta in cells:
        if name not in points:
            raise element.damaged(f"its ParameterList has no {name!r}")
        reference += beta * points[name]
    time = _variable(element, scope, "endTime")
    if time is None:
        raise element.damaged("it has no attribute endTimeVariable")
    for name in ("startTimeVariable", "subjectIDVariable", "statusVariable"):
        element.get(name)
    tables = element.one("BaseCumHazardTables")
    hazard = _hazard(tables, time, element.get("baselineStrataVariable"), scope)
    zero = build.number(0.0)
    found = build.multiply(DOUBLES.exp(build.subtract(total, build.number(reference))), hazard)
    return build.where(Apply(Op.EQ, (hazard, zero)), zero, found)


def _hazard(tables: Element, time: Block, strata: str | None, scope: Scope) -> Block:
    """The cumulative hazard at a time, of the stratum that a field names if there are strata."""
    if strata is None:
        return _steps(tables, time)
    value = scope.field(strata, tables)
    result: Block = build.MISSING
    for stratum in reversed(tables.all("BaselineStratum")):
        stratum.get("label")
        key = values.parse(stratum.needed("value"), value.data_type, stratum)
        result = build.where(values.is_one_of(value.block, [key]), _steps(stratum, time), result)
    return result


def _steps(table: Element, time: Block) -> Block:
    cells = sorted((each.number("time"), each.number("cumHazard")) for each in table.all("BaselineCell"))
    if not cells:
        raise table.damaged("it has no BaselineCell")
    steps = dict(cells)
    rows = np.array([0.0, *steps.values()]).reshape(-1, 1)
    found = build.pieces(time, np.array(list(steps)), rows)
    last = build.number(table.number("maxTime"))
    return build.where(Apply(Op.LE, (time, last)), found, build.MISSING)
