"""sklearn.cluster: which cluster is nearest, and how far each one is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from indb import build
from indb.ir import Apply, Block, Distance, Lookup, Metric, Op, Reduce, ReduceOp, Target
from indb.readers.base import Frame, Reading, reads, transforms
from indb.readers.sklearn.discriminant import nearest, norms
from indb.readers.sklearn.labels import SQUARABLE, components, decided


@reads("sklearn", "KMeans", "MiniBatchKMeans")
def by_mean(clusterer: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The number of the nearest centre: the least |c|² - 2 x c. Source: sklearn.cluster._k_means_lloyd."""
    centres = np.asarray(clusterer.cluster_centers_, dtype=np.float64)
    near = build.linear(frame.finite(reading), -2.0 * centres, norms(centres))
    return [decided(tuple(range(len(centres))), build.argmin(near))]


@reads("sklearn", "MeanShift", "AffinityPropagation")
def by_centre(clusterer: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The number of the nearest centre.

    Raises: UnsupportedModel where there are no centres. Source: sklearn.cluster.MeanShift.predict,
    AffinityPropagation.predict.
    """
    centres = getattr(clusterer, "cluster_centers_", ())
    if len(centres) == 0:
        raise reading.unsupported(
            "it has no cluster centres: its affinity was precomputed, or it did not converge",
            "Fit it again with the default affinity, another damping or more iterations.",
        )
    return [decided(tuple(range(len(centres))), nearest(frame.finite(reading), centres))]


@reads("sklearn", "BisectingKMeans")
def by_halves(clusterer: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The leaf that a row comes to when it goes to the nearer one of two centres, again and again.

    Source: sklearn.cluster.BisectingKMeans._predict_recursive.
    """
    x = frame.finite(reading)
    pairs: list[Any] = []

    def note(node: Any) -> None:
        if node.left is not None:
            pairs.append(np.vstack((node.left.center, node.right.center)) + getattr(clusterer, "_X_mean", 0.0))
            note(node.left)
            note(node.right)

    note(clusterer._bisecting_tree)
    centres = np.concatenate(pairs) if pairs else np.empty((0, x.width))
    found = iter(build.lanes(build.linear(x, -2.0 * centres, norms(centres))))

    def descend(node: Any) -> Block:
        if node.left is None:
            return build.number(node.label)
        left, right = next(found), next(found)
        first, second = descend(node.left), descend(node.right)
        return build.where(build.less(right, left), second, first)

    return [decided(tuple(range(len(clusterer.cluster_centers_))), descend(clusterer._bisecting_tree))]


@reads("sklearn", "Birch")
def by_subcluster(clusterer: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The cluster that the nearest subcluster belongs to. Source: sklearn.cluster.Birch.predict."""
    number = nearest(frame.finite(reading), clusterer.subcluster_centers_)
    found = np.asarray(clusterer.subcluster_labels_)
    labels = tuple(int(label) for label in np.unique(found))
    if labels != tuple(found.tolist()):
        keys = tuple(float(key) for key in range(len(found)))
        values = tuple((float(labels.index(label)),) for label in found.tolist())
        number = Lookup(number, keys, values, build.refused(1), build.refused(1))
    return [decided(labels, number)]


@transforms("sklearn", "KMeans", "MiniBatchKMeans", "BisectingKMeans")
def distances(clusterer: Any, frame: Frame, reading: Reading) -> Frame:
    """How far each centre is. Source: sklearn.cluster.KMeans.transform."""
    return _distances(clusterer, clusterer.cluster_centers_, frame, reading)


@transforms("sklearn", "Birch")
def subcluster_distances(clusterer: Any, frame: Frame, reading: Reading) -> Frame:
    """How far each subcluster is. Source: sklearn.cluster.Birch.transform."""
    return _distances(clusterer, clusterer.subcluster_centers_, frame, reading)


def _distances(clusterer: Any, points: Any, frame: Frame, reading: Reading) -> Frame:
    """The distance to each point, from the differences: the library's |x|² - 2 x p + |p|² cancels near a point.

    A row is refused where distances are infinite, as the steps that follow would.
    """
    points = np.asarray(points, dtype=np.float64)
    squares = Distance(frame.finite(reading, SQUARABLE), points, Metric.SQUARED)
    return components(clusterer, Apply(Op.SQRT, (squares,)))


@reads("sklearn", "FeatureAgglomeration")
def pooled(clusterer: Any, frame: Frame, reading: Reading) -> Frame:
    """One value of the columns of each cluster.

    Raises: UnsupportedModel for another function than numpy's mean, sum, max or min. Source:
    sklearn.cluster._feature_agglomeration.AgglomerationTransform.transform.
    """
    pools: dict[Any, Callable[[Block], Block]] = {
        np.mean: lambda x: build.divide(Reduce(ReduceOp.SUM, x), build.number(x.width)),
        np.sum: lambda x: Reduce(ReduceOp.SUM, x),
        np.max: lambda x: Reduce(ReduceOp.MAX, x),
        np.min: lambda x: Reduce(ReduceOp.MIN, x),
    }
    pool = pools.get(clusterer.pooling_func)
    if pool is None:
        raise reading.unsupported(
            f"its pooling_func is {clusterer.pooling_func!r}, needed numpy's mean, sum, max or min",
            "Fit it with one of these, and the pipeline again.",
        )
    lanes = build.lanes(frame.finite(reading))
    found: list[Block] = []
    for label in np.unique(clusterer.labels_).tolist():
        found.append(pool(build.concat([lanes[place] for place in np.flatnonzero(clusterer.labels_ == label)])))
    return components(clusterer, build.concat(found))
