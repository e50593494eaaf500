"""NeuralNetwork: layers of neurons, each a sum of what others give, activated and normalised.

Source: PMML 4.4, "Neural Network Models"; JPMML's NeuralNetworkEvaluator for the order of terms.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from indb import build, special
from indb.ir import Apply, Block, Op, Reduce, ReduceOp
from indb.readers.pmml import arrays, models, values
from indb.readers.pmml.document import Element
from indb.readers.pmml.expressions import EXPRESSIONS
from indb.readers.pmml.models import Prediction, reads_model
from indb.readers.pmml.scope import Scope, read_derived

RADIAL = "radialBasis"
NORMALIZATIONS = ("none", "simplemax", "softmax")

Connections: TypeAlias = list[tuple[str, float]]
"""The identifiers of the neurons that one reads, and their weights."""


@dataclass(frozen=True)
class Layer:
    """What a NeuralLayer says of its neurons, or the network where the layer says nothing."""

    activation: str
    normalization: str
    threshold: float
    width: float | None
    altitude: float


@reads_model("NeuralNetwork")
def read_network(element: Element, scope: Scope) -> Prediction:
    """The number of a regression; the category of the largest output. Missing where one of the inputs is."""
    inputs = _inputs(element.one("NeuralInputs"), scope)
    outputs = dict(inputs)
    layers = element.all("NeuralLayer")
    if element.integer("numberOfLayers", len(layers)) != len(layers) or not layers:
        raise element.damaged(f"it has {len(layers)} layers, numberOfLayers says otherwise")
    default = _layer(element, None)
    for each in layers:
        _add_layer(each, _layer(each, default), outputs)
    known = reduce(lambda a, b: Apply(Op.AND, (a, b)), [values.present(block) for block in inputs.values()])
    found = [_output(each, outputs, scope) for each in _listed(element.one("NeuralOutputs"), "NeuralOutput")]
    if scope.function == "regression":
        return _regression(element, found, known)
    return _classification(element, found, known, scope)


def _listed(parent: Element, name: str) -> list[Element]:
    found = parent.all(name)
    attribute = {"NeuralInput": "numberOfInputs", "NeuralOutput": "numberOfOutputs", "Neuron": "numberOfNeurons"}[name]
    if not found or parent.integer(attribute, len(found)) != len(found):
        raise parent.damaged(f"it has {len(found)} of <{name}>, {attribute} says otherwise")
    return found


def _inputs(parent: Element, scope: Scope) -> dict[str, Block]:
    """What each input neuron gives, by its identifier."""
    found: dict[str, Block] = {}
    for element in _listed(parent, "NeuralInput"):
        derived = element.one("DerivedField")
        derived.get("name")  # nothing can ask for it
        value = read_derived(derived, scope)
        if value.is_text:
            raise element.refused("its field is a string, needed a number")
        _name(element, found)
        found[element.needed("id")] = value.block
    return found


def _name(element: Element, found: dict[str, Block]) -> None:
    if element.needed("id") in found:
        raise element.damaged(f"there is a neuron {element.needed('id')[:40]!r} already")


def _layer(element: Element, default: Layer | None) -> Layer:
    """Raises: ModelFileError where neither the layer nor the network says what activates neurons."""
    known = (*ACTIVATIONS, "threshold", RADIAL)
    return Layer(
        element.choice("activationFunction", known, default.activation if default else None),
        element.choice("normalizationMethod", NORMALIZATIONS, default.normalization if default else "none"),
        element.number("threshold", default.threshold if default else 0.0),
        element.number("width", math.nan if default is None or default.width is None else default.width),
        element.number("altitude", default.altitude if default else 1.0),
    )


def _add_layer(element: Element, layer: Layer, outputs: dict[str, Block]) -> None:
    """Add what the neurons of a layer give to what those before them do."""
    neurons = _listed(element, "Neuron")
    connections = [_connections(neuron, outputs) for neuron in neurons]
    if layer.activation == RADIAL:
        parts = [_radial(neuron, each, layer, outputs) for neuron, each in zip(neurons, connections, strict=True)]
        result = build.concat(parts)
    else:
        result = _activated(_sums(neurons, connections, outputs), layer)
    if layer.normalization == "softmax":
        result = build.softmax(result)
    elif layer.normalization == "simplemax":
        result = build.divide(result, Reduce(ReduceOp.SUM, result))
    for place, neuron in enumerate(neurons):
        _name(neuron, outputs)
        outputs[neuron.needed("id")] = build.lane(result, place)


def _connections(neuron: Element, outputs: dict[str, Block]) -> Connections:
    """The neurons that one reads, and their weights."""
    found = []
    for each in neuron.all("Con"):
        origin, weight = each.needed("from"), each.number("weight")
        if origin not in outputs:
            raise each.damaged(f"there is no neuron {origin[:40]!r} before it")
        if not math.isfinite(weight):
            raise each.damaged(f"its weight is {weight}, needed a finite number")
        found.append((origin, weight))
    if not found:
        raise neuron.damaged("it has no Con")
    return found


def _sums(neurons: Sequence[Element], connections: Sequence[Connections], outputs: dict[str, Block]) -> Block:
    """Weighted sums and biases: one linear map where all neurons read the same, in the same order."""
    biases = [neuron.number("bias", 0.0) for neuron in neurons]
    origins = [[origin for origin, _ in each] for each in connections]
    weights = [[weight for _, weight in each] for each in connections]
    if all(each == origins[0] for each in origins):
        x = build.concat([outputs[origin] for origin in origins[0]])
        return build.linear(x, np.array(weights), np.array(biases))
    return build.concat(
        [
            build.linear(build.concat([outputs[origin] for origin in each]), np.array(row), bias)
            for each, row, bias in zip(origins, weights, biases, strict=True)
        ]
    )


def _activated(x: Block, layer: Layer) -> Block:
    if layer.activation == "threshold":
        return build.where(build.is_missing(x), build.MISSING, build.less(build.number(layer.threshold), x))
    return ACTIVATIONS[layer.activation](x)


def _radial(neuron: Element, connections: Connections, layer: Layer, outputs: dict[str, Block]) -> Block:
    """exp(n ln(altitude) - sum((x - weight)^2) / (2 width^2)) of n inputs."""
    width, altitude = neuron.number("width", layer.width), neuron.number("altitude", layer.altitude)
    if not (width and math.isfinite(width)):
        raise neuron.damaged(f"activationFunction='radialBasis' has the width {width}")
    if not 0.0 < altitude < math.inf:
        raise neuron.damaged(f"its altitude is {altitude}, needed a number above 0")
    neuron.get("bias")
    differences = [build.subtract(outputs[origin], build.number(weight)) for origin, weight in connections]
    distance = arrays.total([build.multiply(each, each) for each in differences])
    power = build.divide(distance, build.number(-2.0 * (width * width)))
    if altitude != 1.0:
        power = build.add(power, build.number(math.log(altitude) * len(connections)))
    return Apply(Op.EXP, (power,))


@dataclass(frozen=True)
class Output:
    """A NeuralOutput: its element, what its neuron gives, and the expression that says what that stands for."""

    element: Element
    block: Block
    expression: Element


def _output(element: Element, outputs: dict[str, Block], scope: Scope) -> Output:
    origin = element.needed("outputNeuron")
    if origin not in outputs:
        raise element.damaged(f"there is no neuron {origin[:40]!r}")
    derived = element.one("DerivedField")
    seen = {"name"}
    while True:
        for name in ("name", "optype", "dataType", "datatype"):
            derived.get(name)
        expression = derived.one(*EXPRESSIONS)
        field = expression.get("field")
        if field in (None, scope.target.name) or expression.name != "FieldRef" or field in seen:
            break
        seen.add(str(field))
        inner = scope.derived.get(str(field)) or scope.document.derived.get(str(field))
        if inner is None:
            break
        derived = inner
    if expression.get("field") != scope.target.name:
        raise expression.refused(f"it is not of the target {scope.target.name!r}")
    return Output(element, outputs[origin], expression)


def _regression(element: Element, found: Sequence[Output], known: Block) -> Prediction:
    if len(found) != 1:
        raise element.refused(f"it has {len(found)} outputs, needed one of a regression")
    output = found[0]
    if output.expression.name == "FieldRef":
        return models.number(build.where(known, output.block, build.MISSING))
    if output.expression.name != "NormContinuous":
        raise output.expression.refused("it is not read as the output of a regression")
    return models.number(build.where(known, _denormalised(output.block, output.expression), build.MISSING))


def _denormalised(x: Block, element: Element) -> Block:
    """Lines between points turned round: (x - norm) / height * width + orig, the first and the last without end."""
    for name in ("outliers", "mapMissingTo"):
        element.refuse(name, "is not read of an output")
    points = [(each.number("norm"), each.number("orig")) for each in element.all("LinearNorm")]
    pairs = list(pairwise(points))
    if not pairs or any(high[0] == low[0] for low, high in pairs):
        raise element.damaged("it needs two LinearNorm or more, whose norm changes")
    if len(pairs) > 1 and any(high[0] < low[0] for low, high in pairs):
        raise element.refused("its norm does not ascend")
    lines = [_line(x, low, high) for low, high in pairs]
    result = lines[-1]
    for (_, high), line in reversed(list(zip(pairs[:-1], lines[:-1], strict=True))):
        result = build.where(build.less(x, build.number(high[0])), line, result)
    return build.where(build.is_missing(x), build.MISSING, result)


def _line(x: Block, low: tuple[float, float], high: tuple[float, float]) -> Block:
    share = build.divide(build.subtract(x, build.number(low[0])), build.number(high[0] - low[0]))
    return build.add(build.multiply(share, build.number(high[1] - low[1])), build.number(low[1]))


def _classification(element: Element, found: Sequence[Output], known: Block, scope: Scope) -> Prediction:
    """The category of the neuron that gives the most; what neurons give are the probabilities."""
    categories = []
    for output in found:
        if output.expression.name != "NormDiscrete":
            raise output.expression.refused("it is not read as the output of a classification")
        output.expression.choice("method", ("indicator",), "indicator")
        categories.append(output.expression.needed("value"))
    lanes = build.where(known, build.concat([output.block for output in found]), build.MISSING)
    return models.classes(scope, categories, element, build.argmax(lanes), lanes)


def _reciprocal(x: Block) -> Block:
    return build.divide(build.number(1.0), x)


def _square(x: Block) -> Block:
    return build.multiply(x, x)


def _gauss(x: Block) -> Block:
    return Apply(Op.EXP, (build.negate(_square(x)),))


def _elliott(x: Block) -> Block:
    return build.divide(x, build.add(build.number(1.0), Apply(Op.ABS, (x,))))


def _arctan(x: Block) -> Block:
    """2 arctan(x) / pi."""
    half = build.subtract(special.cauchy_cdf(x), build.number(0.5))
    return build.multiply(half, build.number(2.0))


def _op(op: Op) -> Callable[[Block], Block]:
    return lambda x: Apply(op, (x,))


ACTIVATIONS: dict[str, Callable[[Block], Block]] = {
    "logistic": build.sigmoid,
    "tanh": _op(Op.TANH),
    "identity": lambda x: x,
    "exponential": _op(Op.EXP),
    "reciprocal": _reciprocal,
    "square": _square,
    "Gauss": _gauss,
    "sine": _op(Op.SIN),
    "cosine": _op(Op.COS),
    "Elliott": _elliott,
    "arctan": _arctan,
    "rectifier": lambda x: Apply(Op.MAX, (x, build.number(0.0))),
}
"""Activation functions of one number; threshold and radialBasis have more."""
