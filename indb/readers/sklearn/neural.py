"""sklearn.neural_network: layers of linear maps with a function between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from indb import build
from indb.ir import Apply, Block, Op, Target
from indb.readers.base import Frame, Reading, reads
from indb.readers.sklearn.labels import classifier, labels_of, regressors, target_names

ACTIVATIONS: dict[str, Callable[[Block], Block]] = {
    "identity": lambda x: x,
    "exp": lambda x: Apply(Op.EXP, (x,)),
    "tanh": lambda x: Apply(Op.TANH, (x,)),
    "logistic": build.sigmoid,
    "relu": lambda x: Apply(Op.MAX, (x, build.number(0.0))),
    "softmax": build.softmax,
}
"""What is done to the lanes of a layer. Source: sklearn.neural_network._base.ACTIVATIONS."""

MANY_WEIGHTS = 5_000
"""From so many weights on the library's own matrix products take a third of the time of sums in order."""


@reads("sklearn", "MLPRegressor")
def regressor(network: Any, frame: Frame, reading: Reading) -> list[Target]:
    """A target for each output. Source: sklearn.neural_network.MLPRegressor.predict."""
    return regressors(_outputs(network, frame, reading))


@reads("sklearn", "MLPClassifier")
def network_classifier(network: Any, frame: Frame, reading: Reading) -> list[Target]:
    """Class number and probabilities; of several labels for a row, a target of 0 and 1 for each.

    Source: sklearn.neural_network.MLPClassifier.predict, sklearn.preprocessing.LabelBinarizer.inverse_transform.
    """
    outputs = _outputs(network, frame, reading)
    if network._label_binarizer.y_type_ == "multiclass":
        return [classifier(labels_of(network.classes_, reading), build.argmax(outputs), outputs)]
    several = network._label_binarizer.y_type_.startswith("multilabel")
    labels = (0, 1) if several else labels_of(network.classes_, reading)
    targets: list[Target] = []
    for name, positive in zip(target_names(outputs.width), build.lanes(outputs), strict=True):
        number = build.less(build.number(0.5), positive)
        targets.append(classifier(labels, number, build.binary_probabilities(positive), name=name))
    return targets


def _outputs(network: Any, frame: Frame, reading: Reading) -> Block:
    """The last layer; a large network is read for SQL alone, beside its library.

    Source: sklearn.neural_network._multilayer_perceptron.BaseMultilayerPerceptron._forward_pass.
    """
    n_weights = sum(weight.size for weight in network.coefs_)
    if n_weights > MANY_WEIGHTS and not reading.for_sql:
        raise reading.unsupported(f"its library multiplies its {n_weights:,} weights faster; blocks are for SQL")
    x = frame.finite(reading)
    last = len(network.coefs_) - 1
    for number, (weight, bias) in enumerate(zip(network.coefs_, network.intercepts_, strict=True)):
        function = network.out_activation_ if number == last else network.activation
        if function not in ACTIVATIONS:
            raise reading.unsupported(f"its activation is {function!r}, needed one of {', '.join(ACTIVATIONS)}")
        x = ACTIVATIONS[function](build.linear(x, weight.T, bias))
    return x
