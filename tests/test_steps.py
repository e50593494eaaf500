"""Methods that are asked for the same rows: each gives what it gives alone, and computes what they share once."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import SVC

from indb.runtime.steps import Steps

ESTIMATORS = (
    LogisticRegression(), SGDClassifier(loss="log_loss"), OneVsRestClassifier(LogisticRegression()),
    KNeighborsClassifier(3), RandomForestClassifier(5), BaggingClassifier(n_estimators=3), SVC(),
    CalibratedClassifierCV(SVC(), cv=2), MLPClassifier((4,), max_iter=2000, random_state=0),
    VotingClassifier([("a", LogisticRegression()), ("b", KNeighborsClassifier(3))], voting="soft"),
    make_pipeline(StandardScaler(), make_pipeline(PolynomialFeatures(2), LogisticRegression())),
    Pipeline([("none", "passthrough"), ("scale", StandardScaler()), ("last", KNeighborsClassifier(4))]),
)  # fmt: skip


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: type(each).__name__)
def test_methods_in_any_order(estimator: Any) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 3))
    fitted = estimator.fit(x, (x[:, 0] * 2 + x[:, 1] > 0.3) + (x[:, 2] > 0))
    rows = random.normal(size=(20, 3))
    methods = [name for name in ("predict", "predict_proba", "decision_function") if hasattr(fitted, name)]
    wanted = {name: getattr(fitted, name)(rows) for name in methods}
    for order in permutations(methods):
        steps = Steps(fitted, rows)
        found = {name: steps.ask(name) for name in order}
        for name in methods:
            np.testing.assert_array_equal(found[name], wanted[name], err_msg=f"{name} of {order}")
    for name in methods:
        assert name not in vars(fitted)


def test_a_pipeline_as_a_transformer() -> None:
    x = np.random.default_rng(0).normal(size=(30, 2))
    fitted = make_pipeline(StandardScaler(), PolynomialFeatures(2)).fit(x)
    np.testing.assert_array_equal(Steps(fitted, x).ask("transform"), fitted.transform(x))
    empty = Pipeline([("scale", StandardScaler()), ("last", "passthrough")]).fit(x)
    np.testing.assert_array_equal(Steps(empty, x).ask("transform"), empty.transform(x))


def test_what_methods_share_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).normal(size=(30, 2))
    fitted = make_pipeline(StandardScaler(), RandomForestClassifier(3)).fit(x, x[:, 0] > 0)
    calls: list[str] = []

    def counted(kind: type, name: str) -> None:
        method = getattr(kind, name)

        def call(self: Any, rows: Any) -> Any:
            calls.append(name)
            return method(self, rows)

        monkeypatch.setattr(kind, name, call)

    counted(StandardScaler, "transform")
    counted(RandomForestClassifier, "predict_proba")
    steps = Steps(fitted, x)
    steps.ask("predict_proba")
    steps.ask("predict")
    assert calls == ["transform", "predict_proba"]
