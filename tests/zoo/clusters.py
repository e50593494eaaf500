"""Clusterers that predict, or transform in front of other steps."""

from __future__ import annotations

import numpy as np
from sklearn import cluster
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from zoo.cases import add
from zoo.direct import one_by_one, scaled

add("k_means", cluster.KMeans(3, random_state=0, n_init=2), "numbers", None)
add("k_means_scaled", scaled(cluster.KMeans(4, random_state=0, n_init=2, algorithm="elkan")), "numbers", None)
add("k_means_one", cluster.KMeans(1, n_init=1), "numbers", None)
add("k_means_mini", scaled(cluster.MiniBatchKMeans(3, random_state=0, n_init=2)), "array", None)
add(
    "k_means_ridge",
    make_pipeline(StandardScaler(), cluster.KMeans(3, random_state=0, n_init=2), Ridge()),
    "numbers",
    "amount",
)
add(
    "k_means_tree",
    make_pipeline(cluster.KMeans(3, random_state=0, n_init=2), DecisionTreeClassifier(max_depth=3)),
    "numbers",
    "texts3",
)
add("bisecting", cluster.BisectingKMeans(5, random_state=0), "numbers", None)
add(
    "bisecting_scaled",
    scaled(cluster.BisectingKMeans(4, random_state=0, bisecting_strategy="largest_cluster")),
    "numbers",
    None,
)
add("bisecting_one", cluster.BisectingKMeans(1, random_state=0), "numbers", None)
add(
    "bisecting_ridge",
    make_pipeline(StandardScaler(), cluster.BisectingKMeans(3, random_state=0), Ridge()),
    "numbers",
    "amount",
)
add("birch", scaled(cluster.Birch(n_clusters=3, threshold=1.5)), "numbers", None, outputs=one_by_one)
add("birch_each", cluster.Birch(n_clusters=None, threshold=20000.0), "numbers", None, outputs=one_by_one)
add(
    "birch_logistic",
    make_pipeline(StandardScaler(), cluster.Birch(n_clusters=None, threshold=2.0), LogisticRegression()),
    "numbers",
    "texts3",
)
add("mean_shift", scaled(cluster.MeanShift(bandwidth=1.5)), "numbers", None, outputs=one_by_one)
add(
    "affinity",
    scaled(cluster.AffinityPropagation(damping=0.9, preference=-40, random_state=0)),
    "numbers",
    None,
    outputs=one_by_one,
)
for _pool in (np.mean, np.sum, np.max, np.min):
    add(
        f"agglomerated_{_pool.__name__}",
        make_pipeline(StandardScaler(), cluster.FeatureAgglomeration(2, pooling_func=_pool), Ridge()),
        *("numbers", "amount"),
    )
add("agglomerated", cluster.FeatureAgglomeration(3), "numbers", None)
