"""ClusteringModel: the cluster whose centre is the nearest, or the most alike.

Source: PMML 4.4, "Clustering Models".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

from indb import build
from indb.ir import Apply, Block, Label, Op
from indb.readers.pmml import arrays, measures, values
from indb.readers.pmml.document import Element
from indb.readers.pmml.models import Prediction, chosen, reads_model
from indb.readers.pmml.scope import Scope
from indb.readers.pmml.values import Value

MAX_RANKED = 200
"""Of how many clusters any but the first can be told."""


@reads_model("ClusteringModel", functions=("clustering",))
def read_clustering(element: Element, scope: Scope) -> Prediction:
    """The identifier of the best cluster: its id, else its number from 1."""
    element.choice("modelClass", ("centerBased",))
    for name in ("CenterFields", "Targets"):
        if element.has(name):
            raise element.one(name).refused("it is not read inside of <ClusteringModel>")
    measure = measures.read_measure(element)
    listed = element.all("ClusteringField")
    centred = [each for each in listed if each.flag("isCenterField", True)]
    for each in listed:
        each.get("field")
    if not centred:
        raise element.damaged("it has no ClusteringField that is a field of centres")
    fields = [measures.read_compared(each, measure, scope) for each in centred]
    clusters = element.all("Cluster")
    if len(clusters) != element.integer("numberOfClusters"):
        raise element.damaged(f"it has {len(clusters)} clusters, numberOfClusters says otherwise")
    if not clusters:
        raise element.damaged("it has no clusters")
    arrays.limited(len(clusters) * len(fields), element)
    points = np.array([_centre(each, len(fields)) for each in clusters], dtype=np.float64)
    lanes = measures.lanes(measure, fields, points, scope, _shares(element, len(fields)))
    best = build.argmax(lanes) if measure.is_similarity else build.argmin(lanes)
    return _prediction(clusters, best, lanes, measure.is_similarity)


def _centre(cluster: Element, count: int) -> list[float]:
    for name in ("size", "name"):
        cluster.get(name)
    for name in ("KohonenMap", "Covariances", "Partition"):
        for each in cluster.all(name):
            each.ignore()  # where a cluster lies in a map, how wide it is, what came to it: none says which is the best
    return arrays.array_in(cluster, count)


def _shares(element: Element, count: int) -> list[float] | None:
    """What each field counts where others are missing."""
    weights = element.find("MissingValueWeights")
    return None if weights is None else arrays.array_in(weights, count)


def _prediction(clusters: Sequence[Element], best: Block, lanes: Block, descending: bool) -> Prediction:
    ids = tuple(each.get("id") or str(number) for number, each in enumerate(clusters, 1))
    if len(set(ids)) != len(ids):
        raise clusters[0].damaged(f"the identifiers of clusters are not different: {', '.join(ids)[:100]}")
    names: dict[Label, str | None] = {label: each.get("name") for label, each in zip(ids, clusters, strict=True)}
    prediction = Prediction(best, ids, data_type="string", affinities=lanes, shown=names)
    ranks: dict[int, Block] = {1: best}

    def place(element: Element) -> Block:
        """The number of the cluster at a rank, from the best; of equal ones the first is the better."""
        rank = element.integer("rank", 1)
        if element.choice("rankOrder", ("ascending", "descending"), "descending") == "ascending":
            raise element.refused("rankOrder='ascending' is not read")
        element.choice("rankBasis", ("confidence",), "confidence")
        if not 1 <= rank <= min(len(ids), MAX_RANKED):
            raise element.refused(f"rank={rank} of {len(ids)} clusters")
        if rank not in ranks:
            ranks[rank] = ranked(lanes, rank, descending)
        return ranks[rank]

    def identifier(element: Element) -> Value:
        return Value(values.decoded(place(element), ids, "string"), "string", "categorical")

    def affinity(element: Element) -> Value:
        name = element.get("value")
        if name is None:
            return Value(chosen(lanes, place(element)), "double")
        if element.integer("rank", 1) != 1:
            raise element.refused("it has a value and a rank")
        if name not in ids:
            raise element.refused(f"there is no cluster {name!r}")
        return Value(build.lane(lanes, ids.index(name)), "double")

    prediction.features |= dict.fromkeys(("clusterId", "entityId"), identifier)
    prediction.features |= dict.fromkeys(("affinity", "clusterAffinity", "entityAffinity"), affinity)
    return prediction


def ranked(lanes: Block, rank: int, descending: bool) -> Block:
    """The number of the lane that `rank - 1` others are better than; missing where a lane is."""
    parts = build.lanes(lanes)
    result: Block = build.MISSING
    for index in reversed(range(len(parts))):
        before = [_before(parts, other, index, descending) for other in range(len(parts)) if other != index]
        count = arrays.total(before)
        here = Apply(Op.EQ, (count, build.number(float(rank - 1))))
        result = build.where(here, build.number(float(index)), result)
    known = reduce(lambda a, b: Apply(Op.AND, (a, b)), [values.present(part) for part in parts])
    return build.where(known, result, build.MISSING)


def _before(parts: Sequence[Block], other: int, index: int, descending: bool) -> Block:
    """1.0 where the lane `other` comes before the lane `index`."""
    first, second = (parts[index], parts[other]) if descending else (parts[other], parts[index])
    return build.less_equal(first, second) if other < index else build.less(first, second)
