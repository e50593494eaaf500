"""scikit-learn's forests: trees added in order and divided by their number, in the library's own order of rounding."""

from __future__ import annotations

from typing import Any

from indb import build
from indb.ir import Target
from indb.readers.base import Frame, Reading, reads
from indb.readers.sklearn.labels import classifier, regressors
from indb.readers.sklearn.tree import accepts_missing, by_output, class_outputs, ensemble, tree_inputs


@reads("sklearn", "RandomForestClassifier", "ExtraTreesClassifier")
def forest_classifier(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """A target for each output: the mean of the trees' probabilities, and the class where it is largest.

    Source: sklearn.ensemble._forest.ForestClassifier.predict_proba.
    """
    inputs = tree_inputs(frame, reading, accepts_missing(estimator.estimators_[0]))
    trees = [member.tree_ for member in estimator.estimators_]
    count = build.number(len(trees))
    targets = []
    for name, output, labels in class_outputs(estimator, reading):
        rows = [tree.value[:, output, : len(labels)] for tree in trees]
        proba = build.divide(ensemble(trees, rows, inputs), count)
        targets.append(classifier(labels, build.argmax(proba), proba, name=name))
    return targets


@reads("sklearn", "RandomForestRegressor", "ExtraTreesRegressor")
def forest_regressor(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """A target for each output: the mean of the trees. Source: sklearn.ensemble._forest.ForestRegressor.predict."""
    inputs = tree_inputs(frame, reading, accepts_missing(estimator.estimators_[0]))
    trees = [member.tree_ for member in estimator.estimators_]
    sums = [ensemble(trees, each, inputs) for each in by_output([tree.value[:, :, 0] for tree in trees])]
    return regressors(build.divide(build.concat(sums), build.number(len(trees))))
