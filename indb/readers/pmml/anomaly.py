"""AnomalyDetectionModel: a score that another model gives, made comparable.

Source: PMML 4.4, "Anomaly Detection Models".
"""

from __future__ import annotations

import math

import numpy as np

from indb import build
from indb.ir import Apply, Block, Lookup, Op
from indb.readers.pmml import arrays, models
from indb.readers.pmml.document import Element
from indb.readers.pmml.models import Prediction, reads_model
from indb.readers.pmml.scope import Scope

EULER = 0.57721566
"""Euler's constant, with the digits that the specification has."""


@reads_model("AnomalyDetectionModel", functions=("regression",))
def read_anomaly(element: Element, scope: Scope) -> Prediction:
    """The score: of an isolation forest between 0 and 1, of clusters the distance in mean distances, else as it is."""
    algorithm = element.choice("algorithmType", ("iforest", "ocsvm", "clusterMeanDist", "other"))
    inner = models.model_in(element)
    prediction, _ = models.read_model(inner, scope.document, scope)
    size = element.get("sampleDataSize")
    if algorithm == "iforest":
        if size is None:
            raise element.damaged("algorithmType='iforest' has no sampleDataSize")
        return models.number(_isolation(prediction, element.integer("sampleDataSize"), element))
    if algorithm == "clusterMeanDist":
        return models.number(_distance(prediction, element))
    if prediction.labels is not None:
        raise inner.refused(f"algorithmType={algorithm!r} needs a number, it gives a category")
    return models.number(prediction.value)


def _isolation(prediction: Prediction, size: int, element: Element) -> Block:
    """2 ^ (-length / c), c being the mean length of a search in `size` rows that finds nothing."""
    if prediction.labels is not None or size < 2:
        raise element.damaged(f"algorithmType='iforest' needs mean lengths of paths, and 2 rows or more (found {size})")
    usual = 2.0 * (math.log(size - 1.0) + EULER) - 2.0 * (size - 1.0) / size
    power = build.divide(build.negate(prediction.value), build.number(usual))
    return Apply(Op.EXP, (build.multiply(power, build.number(math.log(2.0))),))


def _distance(prediction: Prediction, element: Element) -> Block:
    """The distance to the nearest cluster over the mean of its own rows."""
    if prediction.affinities is None or prediction.labels is None:
        raise element.refused("algorithmType='clusterMeanDist' needs a ClusteringModel")
    means = arrays.array_in(element.one("MeanClusterDistances"), len(prediction.labels))
    if not np.all(np.array(means) > 0.0):
        raise element.damaged("a mean distance is not above 0")
    keys = tuple(float(place) for place in range(len(means)))
    mean = Lookup(prediction.value, keys, tuple((each,) for each in means), (math.nan,), (math.nan,))
    return build.divide(models.chosen(prediction.affinities, prediction.value), mean)
