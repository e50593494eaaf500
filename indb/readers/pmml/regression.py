"""RegressionModel: sums of terms, and what makes numbers or probabilities of them.

Source: PMML 4.4, "Regression"; JPMML's RegressionModelEvaluator and RegressionModelUtil for the order of the terms.
"""

from __future__ import annotations

from collections.abc import Callable

from indb import build, special
from indb.ir import Apply, Block, Concat, Lookup, Op, Reduce, ReduceOp
from indb.readers.pmml import functions, models, values
from indb.readers.pmml.document import Element
from indb.readers.pmml.models import Prediction, reads_model
from indb.readers.pmml.scope import Scope


def _cloglog(x: Block) -> Block:
    """1 - exp(-exp(x))."""
    return build.subtract(build.number(1.0), Apply(Op.EXP, (build.negate(Apply(Op.EXP, (x,))),)))


def _loglog(x: Block) -> Block:
    """exp(-exp(-x))."""
    return Apply(Op.EXP, (build.negate(Apply(Op.EXP, (build.negate(x),))),))


def _exp(x: Block) -> Block:
    return Apply(Op.EXP, (x,))


LINKS: dict[str, Callable[[Block], Block]] = {
    "none": lambda x: x,
    "logit": build.sigmoid,
    "softmax": build.sigmoid,
    "probit": special.normal_cdf,
    "cloglog": _cloglog,
    "loglog": _loglog,
    "cauchit": special.cauchy_cdf,
    "exp": _exp,
}
"""normalizationMethod -> what it makes of a sum, where each sum is on its own."""

METHODS = (*LINKS, "simplemax")


@reads_model("RegressionModel")
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
        return models.number(LINKS[method](_table(tables[0], scope)))
    return _classification(element, method, tables, scope)


def _classification(element: Element, method: str, tables: list[Element], scope: Scope) -> Prediction:
    if len(tables) < 2:
        raise element.damaged(f"it has {len(tables)} regression tables, needed one for each category")
    if method == "exp":
        raise element.refused("normalizationMethod='exp' of a classification")
    categories = [table.needed("targetCategory") for table in tables]
    sums = [_table(table, scope) for table in tables]
    if scope.target.optype == "ordinal":
        if method in ("softmax", "simplemax"):
            raise element.refused(f"normalizationMethod={method!r} of an ordinal target")
        probabilities = _cumulative(method, sums)
    elif len(tables) == 2 and (method not in ("softmax", "simplemax") or (method == "softmax" and _says_0(tables[1]))):
        first = _held(method, sums[0])
        probabilities = Concat((first, build.subtract(build.number(1.0), first)))
    else:
        probabilities = _compared(element, method, sums)
    return models.classes(scope, categories, element, build.argmax(probabilities), probabilities)


def _says_0(table: Element) -> bool:
    """Whether a table has nothing in it: the category is what is left of the other one."""
    terms = ("NumericPredictor", "CategoricalPredictor", "PredictorTerm")
    return table.number("intercept") == 0.0 and not any(table.has(name) for name in terms)


def _held(method: str, x: Block) -> Block:
    """The probability that a sum stands for on its own."""
    if method == "none":
        return build.clip(x, build.number(0.0), build.number(1.0))
    return LINKS[method](x)


def _compared(element: Element, method: str, sums: list[Block]) -> Block:
    """The probabilities of several categories, one sum each."""
    if method == "softmax":
        return build.softmax(Concat(tuple(sums)))
    if method == "none":
        return Concat((*sums[:-1], build.subtract(build.number(1.0), _total(sums[:-1]))))
    if method not in ("logit", "simplemax"):
        raise element.refused(f"normalizationMethod={method!r} of more than two categories")
    x = Concat(tuple(map(build.sigmoid, sums) if method == "logit" else sums))
    return build.divide(x, Reduce(ReduceOp.SUM, x))


def _cumulative(method: str, sums: list[Block]) -> Block:
    """The probabilities of ordered categories: each sum but the last says how likely one up to its own is."""
    found: list[Block] = []
    below: Block | None = None
    for x in sums[:-1]:
        upto = _held(method, x)
        found.append(upto if below is None else build.subtract(upto, below))
        below = found[-1] if below is None else build.add(below, found[-1])
    assert below is not None
    return Concat((*found, build.subtract(build.number(1.0), below)))


def _total(parts: list[Block]) -> Block:
    result = parts[0]
    for part in parts[1:]:
        result = build.add(result, part)
    return result


def _table(table: Element, scope: Scope) -> Block:
    """Numeric terms, categorical terms, products, in the order of the file, and the intercept."""
    terms: list[Block] = []
    terms += [_numeric(each, scope) for each in table.all("NumericPredictor")]
    terms += _categorical(table.all("CategoricalPredictor"), scope)
    terms += [_product(each, scope) for each in table.all("PredictorTerm")]
    intercept = build.number(table.number("intercept"))
    return build.add(_total(terms), intercept) if terms else intercept


def _numeric(element: Element, scope: Scope) -> Block:
    value = scope.field(element.needed("name"), element)
    if value.is_text:
        raise element.refused("its field is a string, needed a number")
    exponent = element.number("exponent", 1.0)
    x = value.block if exponent == 1.0 else functions.power(value.block, build.number(exponent))
    return build.multiply(x, build.number(element.number("coefficient")))


def _categorical(elements: list[Element], scope: Scope) -> list[Block]:
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
    return [
        Lookup(
            scope.field(name, first[name]).block,
            tuple(table),
            tuple((each,) for each in table.values()),
            (0.0,),
            (0.0,),
        )
        for name, table in tables.items()
    ]


def _product(element: Element, scope: Scope) -> Block:
    """A coefficient times the fields."""
    result: Block = build.number(element.number("coefficient"))
    element.get("name")
    references = element.all("FieldRef")
    if not references:
        raise element.damaged("it has no FieldRef")
    for reference in references:
        value = scope.expression(reference)
        if value.is_text:
            raise reference.refused("its field is a string, needed a number")
        result = build.multiply(result, value.block)
    return result
