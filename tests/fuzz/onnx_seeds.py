"""ONNX files to mutate: the node tests of the onnx package, and converted pipelines."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def models() -> Iterator[bytes]:
    """The bytes of each."""
    yield from _node_tests()
    yield from _pipelines()


def _node_tests() -> Iterator[bytes]:
    """Those of ai.onnx.ml, and a tenth of the others: what differs between many of them is the data."""
    from onnx.backend import test

    for number, path in enumerate(sorted((Path(test.__file__).parent / "data" / "node").iterdir())):
        if number % 10 == 0 or "ai_onnx_ml" in path.name:
            yield (path / "model.onnx").read_bytes()


def _pipelines() -> Iterator[bytes]:
    import numpy as np
    from skl2onnx import to_onnx
    from sklearn import ensemble, linear_model, naive_bayes, neural_network, preprocessing, svm, tree
    from sklearn.base import is_classifier
    from sklearn.pipeline import make_pipeline

    X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    y = np.arange(40) % 3
    estimators: list[Any] = [
        make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression()),
        linear_model.Ridge(),
        tree.DecisionTreeClassifier(max_depth=3),
        ensemble.RandomForestClassifier(3, max_depth=2, random_state=0),
        ensemble.GradientBoostingClassifier(n_estimators=2, max_depth=2, random_state=0),
        naive_bayes.GaussianNB(),
        neural_network.MLPClassifier((3,), max_iter=5, random_state=0),
        svm.SVC(),
    ]
    for estimator in estimators:
        for zipmap in (True, False) if is_classifier(estimator) else (True,):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                estimator.fit(X, y)
                options = {} if zipmap else {id(estimator): {"zipmap": False}}
                yield to_onnx(estimator, X[:1], options=options).SerializeToString()
