"""scikit-learn's GradientBoosting: an init prediction plus learning_rate * leaf of every stage, in stage order."""

from __future__ import annotations

from typing import Any

import numpy as np

from indb import build
from indb.ir import Floats, Target, TreeEnsemble
from indb.readers.base import Frame, Reading, reads
from indb.readers.sklearn.labels import classifier, labels_of, regressors
from indb.readers.sklearn.tree import ensemble, tree_inputs


@reads("sklearn", "GradientBoostingClassifier")
def boosting_classifier(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """Class number, probabilities and raw predictions.

    The binary class is decided by raw >= 0, unlike HistGradientBoosting and the linear models (> 0).
    Source: sklearn.ensemble._gb.GradientBoostingClassifier.predict, sklearn._loss.loss (predict_proba).
    """
    labels = labels_of(estimator.classes_, reading)
    raw = _raw(estimator, frame, reading)
    if raw.width > 1:
        return [classifier(labels, build.argmax(raw), build.softmax(raw), raw)]
    number = build.less_equal(build.number(0.0), raw)
    doubled = estimator.loss == "exponential"
    positive = build.sigmoid(build.multiply(build.number(2.0), raw) if doubled else raw)
    return [classifier(labels, number, build.binary_probabilities(positive), raw)]


@reads("sklearn", "GradientBoostingRegressor")
def boosting_regressor(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The raw prediction, for every loss. Source: sklearn.ensemble._gb.GradientBoostingRegressor.predict."""
    return regressors(_raw(estimator, frame, reading))


def _raw(estimator: Any, frame: Frame, reading: Reading) -> TreeEnsemble:
    """Raw predictions, a lane for each tree of a stage.

    Each tree adds `scale * value` to its own lane. Source: sklearn.ensemble._gradient_boosting.predict_stages.
    """
    members = estimator.estimators_
    inputs = tree_inputs(frame, reading, missing=False)
    trees, rows = [], []
    for stage in members:
        for number, member in enumerate(stage):
            leaves = np.zeros((member.tree_.node_count, members.shape[1]))
            leaves[:, number] = estimator.learning_rate * member.tree_.value[:, 0, 0]
            trees.append(member.tree_)
            rows.append(leaves)
    return ensemble(trees, rows, inputs, _base(estimator, reading))


def _base(estimator: Any, reading: Reading) -> Floats:
    """The init prediction, which must be the same for every row.

    Raises: UnsupportedModel when `init` is an estimator that reads its input: it would see it rounded to float32.
    """
    init = estimator.init_
    is_constant = isinstance(init, str) or type(init).__name__ in ("DummyClassifier", "DummyRegressor")
    if not is_constant or getattr(init, "strategy", None) == "stratified":
        raise reading.unsupported(
            f"its init estimator is {init!r}, needed one that gives the same for every row",
            "Train it with init=None or init='zero'.",
        )
    row = np.zeros((1, estimator.n_features_in_), dtype=np.float32)
    return np.asarray(estimator._raw_predict_init(row)[0], dtype=np.float64)
