"""Models of PMML that stand in a chain: each gives one number, which the models after it read as a field."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from indb.export.pmml_fields import Fields
from indb.export.xml import double, element
from indb.ir import TreeEnsemble

TRUE = element("True")
REGRESSION = {"functionName": "regression"}
BY_DEFAULT = {"missingValueStrategy": "defaultChild", "splitCharacteristic": "binarySplit"}
"""A row goes to the default child of a node whose field is missing."""


class Segments:
    """The models of a chain in the making, in order."""

    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        self.models: list[str] = []

    def value_of(self, name: str) -> str:
        """A model whose output is a field, so that what rests on it does not rest on all below it."""
        return self.weighted([name], [1.0], -0.0)  # x + -0.0 is x, also where that is -0.0

    def weighted(self, names: Sequence[str], weights: Sequence[float], bias: float) -> str:
        """The sum of weighted fields, added in order, and the bias; the name of its output."""
        return self._add("RegressionModel", {}, names, table(names, weights, bias))

    def trees(self, block: TreeEnsemble, lane: int, names: Sequence[str]) -> str:
        """The sum of the base and the leaves of trees over fields; the name of its output. No sets, no missing leaves.

        Trees that add 0.0 for every row are left out.
        """
        context = {"x-mathContext": "float"} if block.single else {}
        base = element("Node", {"score": double(float(block.base[lane]))}, [TRUE])
        models = [element("TreeModel", {**REGRESSION, **context}, [schema(()), base])]
        zero = block.values[:, lane] == 0.0
        used: set[str] = set()
        for root in block.roots.tolist():
            nodes = _below(block, root)
            if all(block.feature[node] >= 0 or zero[block.leaf[node]] for node in nodes):
                continue
            mine = {names[block.feature[node]] for node in nodes if block.feature[node] >= 0}
            used |= mine
            grown = _nodes(block, lane, nodes, names)
            models.append(element("TreeModel", {**REGRESSION, **BY_DEFAULT, **context}, [self._inner(mine), grown]))
        method = {"multipleModelMethod": "sum", "missingPredictionTreatment": "returnMissing"}
        return self._add("MiningModel", context, sorted(used), segmentation(method, models))

    def _inner(self, names: set[str]) -> str:
        """The MiningSchema of a model within the model of a segment, which knows the derived fields of that."""
        below = self.fields.below(names)
        return schema(field.name for field in below if not field.xml or (field.late and field.name in names))

    def _add(self, name: str, attributes: Mapping[str, str], reads: Iterable[str], content: str) -> str:
        output = self.fields.output()
        given = {"name": output, "optype": "continuous", "dataType": "double", "feature": "predictedValue"}
        outputs = [element("OutputField", {**given, "isFinalResult": "false"})]
        self.models.append(model(self.fields, name, {**REGRESSION, **attributes}, reads, outputs, content))
        return output


def model(
    fields: Fields,
    name: str,
    attributes: Mapping[str, str],
    reads: Iterable[str],
    outputs: Sequence[str],
    content: str,
    extra: Sequence[str] = (),
) -> str:
    """A model element that reads fields. `extra`: what its MiningSchema holds first.

    Derived fields that rest on outputs of models before it are its own; what they rest on is in its MiningSchema.
    """
    below = fields.below(reads)
    parts = [schema((field.name for field in below if not field.xml), extra)]
    local = [field.xml for field in below if field.xml and field.late]
    parts += [element("Output", None, outputs)] if outputs else []
    parts += [element("LocalTransformations", None, local)] if local else []
    return element(name, attributes, [*parts, content])


def segmentation(attributes: Mapping[str, str], models: Iterable[str]) -> str:
    """A Segmentation of models that every row goes through."""
    segments = [element("Segment", {"id": str(number)}, [TRUE, each]) for number, each in enumerate(models, start=1)]
    return element("Segmentation", attributes, segments)


def schema(names: Iterable[str], extra: Sequence[str] = ()) -> str:
    """A MiningSchema of active fields."""
    return element("MiningSchema", None, [*extra, *(element("MiningField", {"name": name}) for name in names)])


def table(names: Sequence[str], weights: Sequence[float], bias: float, **attributes: str) -> str:
    """A RegressionTable."""
    terms = [
        element("NumericPredictor", {"name": name, "coefficient": double(weight)})
        for name, weight in zip(names, weights, strict=True)
    ]
    return element("RegressionTable", {"intercept": double(bias), **attributes}, terms)


def chosen(field: str, scores: Sequence[str]) -> str:
    """The nodes of a tree that gives the score whose number the field holds; none where it is missing."""
    leaves = [
        element("Node", {"score": score}, [_predicate(field, "equal", float(number))])
        for number, score in enumerate(scores)
    ]
    return element("Node", None, [TRUE, *leaves])


def _below(block: TreeEnsemble, root: int) -> list[int]:
    """The nodes of a tree; each comes after its parent."""
    found, stack = [], [root]
    while stack:
        node = stack.pop()
        found.append(node)
        if block.feature[node] >= 0:
            stack += [int(block.right[node]), int(block.left[node])]
    return found


def _nodes(block: TreeEnsemble, lane: int, nodes: Sequence[int], names: Sequence[str]) -> str:
    """The nodes of a tree as elements, from the leaves up."""
    attributes: dict[int, dict[str, str | None]] = {}
    inside: dict[int, list[str]] = {}
    for node in reversed(nodes):
        if block.feature[node] < 0:
            score = float(block.values[block.leaf[node], lane])
            attributes[node] = {"id": str(node), "score": double(score)}
            inside[node] = []
            continue
        left, right = int(block.left[node]), int(block.right[node])
        default = left if block.missing_left[node] else right
        attributes[node] = {"id": str(node), "defaultChild": str(default)}
        field, threshold = names[block.feature[node]], float(block.threshold[node]) + 0.0  # -0.0 is 0.0
        tests = [_predicate(field, test, threshold) for test in ("lessOrEqual", "greaterThan")]
        if threshold == math.inf:  # which some programs do not read; every number is left of it
            tests = [_predicate(field, test) for test in ("isNotMissing", "isMissing")]
            tests = [TRUE, element("False")] if block.missing_left[node] else tests
        inside[node] = [
            element("Node", attributes.pop(child), [test, *inside.pop(child)])
            for child, test in zip((left, right), tests, strict=True)
        ]
    return element("Node", attributes[nodes[0]], [TRUE, *inside[nodes[0]]])


def _predicate(field: str, operator: str, value: float | None = None) -> str:
    written = None if value is None else double(value)
    return element("SimplePredicate", {"field": field, "operator": operator, "value": written})
