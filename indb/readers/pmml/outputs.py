"""Output: the fields that a model gives besides its prediction. Source: PMML 4.4, "Output"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from indb import build
from indb.ir import Block, Lookup, Type
from indb.readers.pmml import values
from indb.readers.pmml.document import Element
from indb.readers.pmml.expressions import EXPRESSIONS, expression_in, read_expression
from indb.readers.pmml.models import Prediction, chosen
from indb.readers.pmml.scope import Scope
from indb.readers.pmml.values import Value

LEFT_OUT = {
    "residual": "is a residual, which needs the value that was observed",
    "warning": "holds warnings of the program that scores",
    "standardError": "is a standard error, which no scorer computes",
    "standardDeviation": "is a standard deviation, which no scorer computes",
}
"""Features that say nothing of a row's score: a field that asks for one is left out, and nothing can refer to it."""


def read_outputs(prediction: Prediction, model: Element, scope: Scope) -> None:
    """Read the Output of a model into its prediction."""
    parent = model.find("Output")
    for element in parent.all("OutputField") if parent is not None else ():
        name = element.needed("name")
        if name in prediction.outputs:
            raise element.damaged(f"there is an OutputField {name!r} already")
        if name in prediction.results:
            raise element.refused(f"the result of the segment {name!r} has this name", "Give one of them another.")
        if element.get("feature") in LEFT_OUT:
            prediction.left_out.append(f"{name} {LEFT_OUT[element.needed('feature')]}")
            element.ignore()
            continue
        value = _read(element, prediction, scope)
        data_type = element.get("dataType")
        if data_type is not None:
            value = values.cast(value, element.choice("dataType", values.DATA_TYPES), element, scope.require)
        if element.get("optype") is not None:
            value = replace(value, optype=element.choice("optype", values.OPTYPES))
        prediction.outputs[name] = replace(value, invalid=None)
        if element.flag("isFinalResult", True):
            prediction.final.append(name)


def _read(element: Element, prediction: Prediction, scope: Scope) -> Value:
    has_expression = any(element.has(name) for name in EXPRESSIONS)
    feature = element.get("feature") or ("transformedValue" if has_expression else "predictedValue")
    target = element.get("targetField")
    if target is not None and target != scope.target.name:
        raise element.refused(f"targetField={target!r} is not the target of the model")
    if feature in ("transformedValue", "decision"):
        return _transformed(element, prediction, scope)
    segment = element.get("segmentId")
    if segment is not None:
        if segment not in prediction.segments:
            raise element.refused(f"segmentId={segment!r} is no segment, or one of an ensemble of trees")
        prediction = prediction.segments[segment]
    _refuse_several(prediction, element)
    known: dict[str, Callable[[Element], Value]] = {**general(prediction, scope), **prediction.features}
    element.choice("feature", tuple(known), feature)
    if "rank" not in feature and feature not in RANKED and element.integer("rank", 1) != 1:
        raise element.refused("only the first rank of this feature is read")
    return known[feature](element)


def _refuse_several(prediction: Prediction, element: Element) -> None:
    """Refuse what asks a model that selects all of its segments for one value."""
    if prediction.results:
        raise element.refused(
            "multipleModelMethod='selectAll' gives a result for each segment, needed one", "Give it a segmentId."
        )


RANKED = frozenset({"entityId", "affinity", "reasonCode"})
"""Features of which a model may know more than the first. Of others, programs give the first whatever the rank is."""


def general(prediction: Prediction, scope: Scope) -> dict[str, Callable[[Element], Value]]:
    """What every prediction can be asked for."""
    found: dict[str, Callable[[Element], Value]] = {
        "predictedValue": lambda element: prediction.as_value,
        "predictedDisplayValue": lambda element: _displayed(prediction, scope),
    }
    if prediction.probabilities is not None:
        found["probability"] = lambda element: lane_for(prediction, prediction.probabilities, element)
    return found


def lane_for(prediction: Prediction, lanes: Block | None, element: Element) -> Value:
    """The lane of the category that an OutputField names, else that of the predicted one."""
    text = element.get("value")
    labels = prediction.labels or ()
    assert lanes is not None
    if text is None:
        return Value(chosen(lanes, prediction.value), "double")
    label = values.label(text, prediction.data_type, element)
    if label not in labels:
        raise element.refused(f"the model has no category {text!r}")
    return Value(build.lane(lanes, labels.index(label)), "double")


def _displayed(prediction: Prediction, scope: Scope) -> Value:
    """The text that the model, its Target or the DataDictionary shows for the predicted category, else the category."""
    labels = prediction.labels
    if labels is None:
        return prediction.as_value
    known = scope.target.displayed
    rows = tuple(
        (prediction.shown.get(each, known.get(each if isinstance(each, str) else float(each), str(each))),)
        for each in labels
    )
    keys = tuple(float(place) for place in range(len(labels)))
    return Value(Lookup(prediction.value, keys, rows, (None,), (None,), Type.TEXT), "string", "categorical")


def _transformed(element: Element, prediction: Prediction, scope: Scope) -> Value:
    """An expression over fields, and over the output fields before it."""

    def find(name: str, at: Element) -> Value:
        if name in prediction.outputs:
            return prediction.outputs[name]
        if name == scope.target.name:
            _refuse_several(prediction, at)
            return prediction.as_value
        return scope.field(name, at)

    return read_expression(expression_in(element), scope, find)
