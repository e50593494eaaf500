"""RegressionModel: sums of terms, and what makes numbers or probabilities of them.

Source: PMML 4.4, "Regression"; JPMML's RegressionModelEvaluator and RegressionModelUtil for the order of the terms.
"""

from __future__ import annotations

from indb import build
from indb.ir import Block, Concat, Lookup
from indb.readers.pmml import functions, models, values
from indb.readers.pmml.arithmetic import Arithmetic
from indb.readers.pmml.document import Element
from indb.readers.pmml.models import Prediction, reads_model
from indb.readers.pmml.scope import Scope

METHODS = ("none", "logit", "softmax", "probit", "cloglog", "loglog", "cauchit", "exp", "simplemax")


@reads_model("RegressionModel", single=True)
def read(element: Element, scope: Scope) -> Prediction:
    """A regression of one table, or a classification with a table for each category."""
    element.get("modelType"), element.get("targetFieldName")
    method = element.choice("normalizationMethod", METHODS, "none")
    tables = element.all("RegressionTable")
    if scope.function == "regression":
        if len(tables) != 1:
            raise element.damaged(f"it has {len(tables)} regression tables, needed one")
        tables[0].get("targetCategory")
        if method == "simplemax":
            raise element.refused("normalizationMethod='simplemax' of a regression")
        return models.number(Arithmetic(scope.single).links[method](_table(tables[0], scope)))
    return _classification(element, method, tables, scope)


def _classification(element: Element, method: str, tables: list[Element], scope: Scope) -> Prediction:
    if len(tables) < 2:
        raise element.damaged(f"it has {len(tables)} regression tables, needed one for each category")
    if method == "exp":
        raise element.refused("normalizationMethod='exp' of a classification")
    categories = [table.needed("targetCategory") for table in tables]
    sums = [_table(table, scope) for table in tables]
    arithmetic = Arithmetic(scope.single)
    if scope.target.optype == "ordinal":
        if method in ("softmax", "simplemax"):
            raise element.refused(f"normalizationMethod={method!r} of an ordinal target")
        probabilities = _cumulative(method, sums, arithmetic)
    elif len(tables) == 2 and (method not in ("softmax", "simplemax") or (method == "softmax" and _says_0(tables[1]))):
        first = _held(method, sums[0], arithmetic)
        probabilities = Concat((first, arithmetic.rest(first)))
    else:
        probabilities = _compared(element, method, sums, arithmetic)
    return models.classes(scope, categories, element, build.argmax(probabilities), probabilities)


def _says_0(table: Element) -> bool:
    """Whether a table has nothing in it: the category is what is left of the other one."""
    terms = ("NumericPredictor", "CategoricalPredictor", "PredictorTerm")
    return table.number("intercept") == 0.0 and not any(table.has(name) for name in terms)


def _held(method: str, x: Block, arithmetic: Arithmetic) -> Block:
    """The probability that a sum stands for on its own."""
    if method == "none":
        return build.clip(x, build.number(0.0), build.number(1.0))
    return arithmetic.links[method](x)


def _compared(element: Element, method: str, sums: list[Block], arithmetic: Arithmetic) -> Block:
    """The probabilities of several categories, one sum each."""
    if method == "softmax":
        return arithmetic.softmax(sums)
    if method == "none":
        return Concat((*sums[:-1], arithmetic.rest(arithmetic.total(sums[:-1]))))
    if method not in ("logit", "simplemax"):
        raise element.refused(f"normalizationMethod={method!r} of more than two categories")
    return arithmetic.simplemax([arithmetic.logit(x) for x in sums] if method == "logit" else sums)


def _cumulative(method: str, sums: list[Block], arithmetic: Arithmetic) -> Block:
    """The probabilities of ordered categories: each sum but the last says how likely one up to its own is."""
    found: list[Block] = []
    for x in sums[:-1]:
        upto = _held(method, x, arithmetic)
        found.append(arithmetic.subtract(upto, arithmetic.total(found)) if found else upto)
    return Concat((*found, arithmetic.rest(arithmetic.total(found))))


def _table(table: Element, scope: Scope) -> Block:
    """Numeric terms, categorical terms, products, in the order of the file, and the intercept."""
    arithmetic = Arithmetic(scope.single)
    terms: list[Block] = []
    terms += [_numeric(each, scope, arithmetic) for each in table.all("NumericPredictor")]
    terms += _categorical(table.all("CategoricalPredictor"), scope, arithmetic)
    terms += [_product(each, scope, arithmetic) for each in table.all("PredictorTerm")]
    intercept = table.number("intercept")
    if not terms:
        return arithmetic.number(intercept)
    total = arithmetic.total(terms)
    return total if intercept == 0.0 else arithmetic.add(total, arithmetic.number(intercept))


def _numeric(element: Element, scope: Scope, arithmetic: Arithmetic) -> Block:
    value = scope.field(element.needed("name"), element)
    if value.is_text:
        raise element.refused("its field is a string, needed a number")
    exponent = element.number("exponent", 1.0)
    x = arithmetic.rounded(value.block)
    if exponent != 1.0:
        x = arithmetic.rounded(functions.power(x, build.number(exponent)))
    return arithmetic.multiply(x, arithmetic.number(element.number("coefficient")))


def _categorical(elements: list[Element], scope: Scope, arithmetic: Arithmetic) -> list[Block]:
    """The coefficients of the categories of each field as one lookup: 0 for other values, and for missing ones."""
    tables: dict[str, dict[float | str, float]] = {}
    first: dict[str, Element] = {}
    for element in elements:
        name = element.needed("name")
        value = scope.field(name, element)
        key = values.parse(element.needed("value"), value.data_type, element)
        if key in tables.setdefault(name, {}):
            raise element.damaged(f"the value {key!r} has a coefficient already")
        tables[name][key] = element.number("coefficient")
        first.setdefault(name, element)
    found: list[Block] = [
        Lookup(
            scope.field(name, first[name]).block,
            tuple(table),
            tuple((each,) for each in table.values()),
            (0.0,),
            (0.0,),
        )
        for name, table in tables.items()
    ]
    return [arithmetic.rounded(each) for each in found]


def _product(element: Element, scope: Scope, arithmetic: Arithmetic) -> Block:
    """A coefficient times the fields."""
    result = arithmetic.number(element.number("coefficient"))
    element.get("name")
    references = element.all("FieldRef")
    if not references:
        raise element.damaged("it has no FieldRef")
    for reference in references:
        value = scope.expression(reference)
        if value.is_text:
            raise reference.refused("its field is a string, needed a number")
        result = arithmetic.multiply(result, arithmetic.rounded(value.block))
    return result
