"""Targets: what is done with a prediction before it is given out. Source: PMML 4.4, "Targets"."""

from __future__ import annotations

from dataclasses import replace

from indb import build
from indb.ir import Apply, Block, Op
from indb.readers.pmml import functions, values
from indb.readers.pmml.arithmetic import Arithmetic
from indb.readers.pmml.document import Element
from indb.readers.pmml.models import Prediction
from indb.readers.pmml.scope import Scope

CASTS = {"round": functions.round_half_up, "ceiling": build.ceil, "floor": functions.floor}


def adjusted(prediction: Prediction, model: Element, scope: Scope) -> Prediction:
    """The prediction with the Target of the model's own target field, if it has one."""
    element = _target(model, scope)
    if element is None:
        return prediction
    if prediction.results:
        raise element.refused(
            "multipleModelMethod='selectAll' gives a result for each segment, the Target is for one",
            "Write it into the model of each segment.",
        )
    if prediction.labels is not None:
        return _classes(prediction, element)
    x = _scaled(prediction.value, element, Arithmetic(scope.single))
    entries = element.all("TargetValue")
    if len(entries) > 1:
        raise entries[1].damaged("the target is a number and has a TargetValue already")
    if entries:
        default = entries[0].optional_number("defaultValue")
        if default is not None:
            x = Apply(Op.COALESCE, (x, build.number(default)))
    return replace(prediction, value=x)


def _target(model: Element, scope: Scope) -> Element | None:
    parent = model.find("Targets")
    entries = parent.all("Target") if parent is not None else []
    name = scope.target.name
    found = [each for each in entries if each.get("field") in (name, None)]
    for other in entries:
        if other not in found:
            other.ignore()  # another model's
    if len(found) > 1:
        raise found[1].damaged("there are several for the same field")
    return found[0] if found else None


def _scaled(x: Block, element: Element, arithmetic: Arithmetic) -> Block:
    """Held between min and max, times the factor, plus the constant, and cast to a whole number."""
    low, high = element.optional_number("min"), element.optional_number("max")
    if low is not None:
        x = Apply(Op.MAX, (x, build.number(low)))
    if high is not None:
        x = Apply(Op.MIN, (x, build.number(high)))
    factor, constant = element.number("rescaleFactor", 1.0), element.number("rescaleConstant", 0.0)
    if factor != 1.0:
        x = arithmetic.multiply(x, arithmetic.number(factor))
    if constant != 0.0:
        x = arithmetic.add(x, arithmetic.number(constant))
    if element.get("castInteger") is not None:
        x = element.chosen("castInteger", CASTS)(x)
    return x


def _classes(prediction: Prediction, element: Element) -> Prediction:
    """Where there is no prediction, the category with the highest prior probability."""
    labels = prediction.labels or ()
    prior: dict[int, float] = {}
    shown = dict(prediction.shown)
    for entry in element.all("TargetValue"):
        text, probability = entry.get("value"), entry.optional_number("priorProbability")
        display = entry.get("displayValue")
        if text is None:
            continue
        label = values.label(text, prediction.data_type, entry)
        if display is not None:
            shown[label] = display
        if probability is None:
            continue
        if label not in labels:
            raise entry.refused(f"the model has no category {text!r}")
        prior[labels.index(label)] = probability
    prediction = replace(prediction, shown=shown)
    if not prior:
        return prediction
    best = max(prior, key=lambda place: prior[place])
    value = Apply(Op.COALESCE, (prediction.value, build.number(float(best))))
    probabilities = prediction.probabilities
    if probabilities is not None:
        row = build.number(*(prior.get(place, 0.0) for place in range(len(labels))))
        probabilities = build.where(build.is_missing(prediction.value), row, probabilities)
    return replace(prediction, value=value, probabilities=probabilities)
