"""MiningModel: several models, and how their predictions become one.

Sums and votes of trees become one ensemble of trees, which is what random forests and boosted trees are written as.

Source: PMML 4.4, "Multiple Models"; JPMML's MiningModelEvaluator, SegmentationUtil and the aggregators for the order of
additions, for what wins of equal votes, and for the classes of a median or a maximum.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from indb import build
from indb.ir import Block
from indb.readers.pmml import aggregate, forest, models, predicates, values
from indb.readers.pmml.arithmetic import Arithmetic
from indb.readers.pmml.document import Element
from indb.readers.pmml.forest import Segment, segments_of
from indb.readers.pmml.models import Feature, Prediction, reads_model
from indb.readers.pmml.predicates import Logic
from indb.readers.pmml.scope import Scope
from indb.readers.pmml.values import Value

METHODS = (
    *("majorityVote", "weightedMajorityVote", "average", "weightedAverage", "median", "weightedMedian", "max", "sum"),
    *("weightedSum", "selectFirst", "selectAll", "modelChain"),
)

TREATMENTS = ("continue", "skipSegment", "returnMissing")


@reads_model("MiningModel", single=True, functions=("regression", "classification", "clustering"))
def read(element: Element, scope: Scope) -> Prediction:
    """The segments of a model, by its multipleModelMethod."""
    segmentation = element.one("Segmentation")
    method = segmentation.choice("multipleModelMethod", METHODS)
    treatment = segmentation.choice("missingPredictionTreatment", TREATMENTS, "continue")
    segments = segments_of(segmentation)
    if method == "modelChain":
        return _chain(segments, scope, segmentation, treatment)
    if method == "selectFirst":
        return _first(segments, scope, treatment)
    if method == "selectAll":
        return _all(segments, scope, segmentation, treatment)
    trees = forest.read(segments, scope, segmentation, method, treatment)
    if trees is not None:
        return trees
    parts = [_part(segment, scope) for segment in segments]
    combined = aggregate.Parts(segmentation, method, treatment, parts, Arithmetic(scope.single))
    found = aggregate.numbers(combined) if scope.function == "regression" else aggregate.classes(combined, scope)
    found.segments = _asked(parts)
    return found


def _part(segment: Segment, scope: Scope) -> aggregate.Part:
    logic = predicates.read_predicate(segment.predicate, scope)
    prediction, _ = models.read_model(segment.model, scope.document, scope)
    return aggregate.Part(prediction, logic, segment.weight, segment.id)


def _asked(parts: list[aggregate.Part]) -> dict[str, Prediction]:
    """The segments that outputs can ask for, each missing where its model is not asked."""
    return {part.id: _where(part.logic, part.prediction) for part in parts}


def _where(logic: Logic, prediction: Prediction) -> Prediction:
    """A prediction and its features, missing where a predicate is not true."""
    if logic is predicates.TRUE:
        return prediction
    features: dict[str, Feature] = {
        word: partial(_feature, logic, feature) for word, feature in prediction.features.items()
    }
    return replace(aggregate.without(prediction, values.opposite(logic.true)), features=features)


def _feature(logic: Logic, feature: Feature, element: Element) -> Value:
    return _only(logic, feature(element))


def _only(logic: Logic, value: Value) -> Value:
    """An output where its model is asked, else missing."""
    if logic is predicates.TRUE:
        return value
    block = build.where(logic.true, value.block, values.missing(value.data_type))
    return Value(block, value.data_type, value.optype, value.order)


# One model of several


def _chain(segments: list[Segment], scope: Scope, segmentation: Element, treatment: str) -> Prediction:
    """One model after the other: each can use the outputs of those before it; the last one that is asked counts."""
    if treatment == "skipSegment":
        raise segmentation.refused("missingPredictionTreatment='skipSegment' of a modelChain")
    parts: list[aggregate.Part] = []
    for segment in segments:
        part = _part(segment, scope)
        parts.append(part)
        for name, value in part.prediction.outputs.items():
            if name in scope.found:
                raise segment.element.refused(f"its output {name!r} has the name of a field")
            scope.found[name] = _only(part.logic, value)
    last = parts[-1]
    result = last.prediction
    if last.logic is not predicates.TRUE:
        result = merged([(part.logic, part.prediction) for part in reversed(parts)], scope, segmentation)
    if treatment == "returnMissing":
        gaps = [values.both(part.logic.true, build.is_missing(part.prediction.value)) for part in parts]
        result = aggregate.without(result, values.either(*gaps))
    handed = Prediction(
        result.value, result.labels, result.probabilities, result.data_type, dict(result.features), shown=result.shown
    )
    handed.left_out += last.prediction.left_out
    for name in last.prediction.final:  # those of the models before it are for the models after them
        handed.outputs[name] = scope.found[name]
        handed.final.append(name)
    handed.segments = _asked(parts)
    return handed


def _first(segments: list[Segment], scope: Scope, treatment: str) -> Prediction:
    """The first model whose predicate is true, and that has a prediction where others are to be skipped."""
    parts = [_part(segment, scope) for segment in segments]
    taken = []
    for part in parts:
        logic = part.logic
        if treatment == "skipSegment":
            there = values.present(part.prediction.value)
            logic = Logic(values.both(logic.true, there), values.opposite(values.both(logic.true, there)))
        taken.append((logic, part.prediction))
    result = merged(taken, scope, segments[0].element)
    for name in dict.fromkeys(name for part in parts for name in part.prediction.final):
        value = _first_output(name, taken)
        if value is not None:
            result.outputs[name] = value
            result.final.append(name)
    alone, left = [], predicates.TRUE.true  # where no model before it is taken
    for logic, _ in taken:
        here = values.both(left, logic.true)
        alone.append(Logic(here, values.opposite(here)))
        left = values.both(left, values.opposite(logic.true))
    result.segments = _asked([replace(part, logic=logic) for part, logic in zip(parts, alone, strict=True)])
    return result


def _first_output(name: str, taken: list[tuple[Logic, Prediction]]) -> Value | None:
    """An output field of whichever model is taken, missing where that has none of this name."""
    first = next(prediction.outputs[name] for _, prediction in taken if name in prediction.outputs)
    block = values.missing(first.data_type)
    for logic, prediction in reversed(taken):
        value = prediction.outputs.get(name)
        if value is not None and value.data_type != first.data_type:
            return None
        block = build.where(logic.true, values.missing(first.data_type) if value is None else value.block, block)
    return Value(block, first.data_type, first.optype, first.order)


# Each model for itself


def _all(segments: list[Segment], scope: Scope, segmentation: Element, treatment: str) -> Prediction:
    """The prediction of every model whose predicate is true, with its outputs by the name of the segment in front."""
    if scope.parent is not None:
        raise segmentation.refused(
            "multipleModelMethod='selectAll' inside of another model gives that as many results as segments are true "
            "of a row, needed one"
        )
    parts = [_part(segment, scope) for segment in segments]
    logics = [part.logic for part in parts]
    if treatment != "continue":  # a missing prediction can take the others with it
        lost = aggregate.Parts(segmentation, "selectAll", treatment, parts, Arithmetic(scope.single)).refused()
        rest = Logic(values.opposite(lost), lost)
        logics = [predicates.combine("and", [logic, rest], segmentation) for logic in logics]
    result = Prediction(build.MISSING)
    result.segments = _asked(parts)
    result.results = {part.id: _where(logic, part.prediction) for part, logic in zip(parts, logics, strict=True)}
    for segment, part, logic in zip(segments, parts, logics, strict=True):
        for name in part.prediction.final:
            full = f"{part.id}.{name}"
            if full in result.results or full in result.outputs:
                raise segment.element.refused(f"its output {name!r} would have the name {full!r} of another result")
            result.outputs[full] = _only(logic, part.prediction.outputs[name])
            result.final.append(full)
    return result


def merged(taken: list[tuple[Logic, Prediction]], scope: Scope, element: Element) -> Prediction:
    """The prediction of the first entry whose condition is true; the labels of all are put together."""
    predictions = [prediction for _, prediction in taken]
    if len({prediction.labels is None for prediction in predictions}) > 1:
        raise element.refused("some of its models are regressions, others are not")
    if predictions[0].labels is None:
        block: Block = build.MISSING
        for logic, prediction in reversed(taken):
            block = build.where(logic.true, prediction.value, block)
        return Prediction(block, data_type=predictions[0].data_type)
    order = aggregate.all_labels(predictions)
    value: Block = build.MISSING
    lanes: Block = build.MISSING
    has_probabilities = all(prediction.probabilities is not None for prediction in predictions)
    for logic, prediction in reversed(taken):
        value = build.where(logic.true, aggregate.renumbered(prediction, order), value)
        if has_probabilities:
            lanes = build.where(logic.true, aggregate.spread(prediction, order), lanes)
    data_type = predictions[0].data_type
    shown = dict(predictions[0].shown)
    for each in predictions[1:]:
        if any(shown.setdefault(label, name) != name for label, name in each.shown.items()):
            raise element.refused("its models have other display values for the same category")
    return Prediction(value, order, lanes if has_probabilities else None, data_type, shown=shown)
