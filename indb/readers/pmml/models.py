"""The table of model elements, and what a model hands on: a prediction with what outputs can ask of it.

A reader of a model is `reads_model("NaiveBayesModel")(function)`, with a function `(element, scope) -> Prediction`. It
asks the scope for fields and predicates, and says by `scope.require` which rows it would refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from indb import build
from indb.ir import Apply, Block, Label, Op
from indb.readers.pmml import values
from indb.readers.pmml.document import Element
from indb.readers.pmml.scope import Document, Scope, open_scope
from indb.readers.pmml.values import Value

Feature: TypeAlias = Callable[[Element], Value]
"""What an OutputField that asks for a feature of the prediction gets."""


@dataclass
class Prediction:
    """What a model predicts for each row.

    `value` (width 1) is the number, or the number of the label of a classification or a clustering, NaN where there is
    none. `probabilities` has a lane for each label. `features` says what OutputField can ask for besides, by the word
    that its attribute feature holds; they come before those that every prediction has (outputs.py).
    """

    value: Block
    labels: tuple[Label, ...] | None = None
    probabilities: Block | None = None
    data_type: str = "double"
    features: dict[str, Feature] = field(default_factory=dict)
    outputs: dict[str, Value] = field(default_factory=dict)
    """The values of its output fields, by name, once they are read; `final` are those that are results."""
    final: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """Output fields that have no value here, and why."""
    segments: Mapping[str, Prediction] = field(default_factory=dict)
    results: Mapping[str, Prediction] = field(default_factory=dict)
    """What a model gives that selects all of its segments, by their names; it has no value of its own then."""
    shown: Mapping[Label, str | None] = field(default_factory=dict)
    """What predictedDisplayValue gives for a label where that is not what the DataDictionary says: None is missing."""
    affinities: Block | None = None
    """How far the row is from each cluster, or how like it, a lane for each label."""

    @property
    def as_value(self) -> Value:
        """The prediction as the value of a field."""
        if self.labels is None:
            return Value(self.value, self.data_type)
        return Value(values.decoded(self.value, self.labels, self.data_type), self.data_type, "categorical")


def number(block: Block) -> Prediction:
    """The prediction of a regression."""
    return Prediction(block)


def classes(
    scope: Scope, texts: Sequence[str], element: Element, value: Block, probabilities: Block | None = None
) -> Prediction:
    """The prediction of a classification whose categories are written as `texts`, in the order of the lanes."""
    labels = scope.target.labels(texts, element)
    return Prediction(value, labels, probabilities, scope.target.data_type or "string")


def chosen(lanes: Block, place: Block) -> Block:
    """The lane whose number `place` is; missing where that is missing."""
    result: Block = build.MISSING
    for index in reversed(range(lanes.width)):
        here = Apply(Op.EQ, (place, build.number(float(index))))
        result = build.where(here, build.lane(lanes, index), result)
    return result


Reader: TypeAlias = Callable[[Element, Scope], Prediction]


@dataclass(frozen=True, slots=True)
class ModelReader:
    """What reads a model element, what its functionName may be, and whether it can count in float32."""

    read: Reader
    functions: tuple[str, ...]
    single: bool


MODELS: dict[str, ModelReader] = {}
"""Name of a model element -> what reads it."""


def reads_model(
    *names: str, functions: Sequence[str] = ("regression", "classification"), single: bool = False
) -> Callable[[Reader], Reader]:
    """Register a reader for model elements. `single`: it follows scope.single (x-mathContext="float")."""

    def register(reader: Reader) -> Reader:
        for name in names:
            MODELS[name] = ModelReader(reader, tuple(functions), single)
        return reader

    return register


UNREAD = (
    *("AssociationModel", "BaselineModel", "BayesianNetworkModel", "SequenceModel", "TextModel", "TimeSeriesModel"),
)
"""Model elements that PMML has and that are refused by name."""


def model_in(element: Element) -> Element:
    """The model element in another one. Raises: UnsupportedModel where it is of a kind that is not read."""
    found = element.all(*MODELS)
    for name in UNREAD:
        if element.has(name):
            raise element.one(name).refused("models of this kind are not read")
    if len(found) != 1:
        raise element.damaged(f"it holds {len(found)} models, needed one")
    return found[0]


def read_model(element: Element, document: Document, parent: Scope | None = None) -> tuple[Prediction, Scope]:
    """The prediction of a model element, after its Targets and with its Output, and the names it knows."""
    from indb.readers.pmml import outputs, targets

    reader = MODELS[element.name]
    scope = open_scope(document, element, reader.functions, parent)
    if scope.single and not reader.single:
        raise element.refused("x-mathContext='float' of this model")
    prediction = reader.read(element, scope)
    prediction = targets.adjusted(prediction, element, scope)
    outputs.read_outputs(prediction, element, scope)
    return prediction, scope
