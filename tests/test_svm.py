"""The labels of support vector classifiers: those of libsvm, whoever computes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.svm import SVC, SVR, NuSVC

from indb.runtime.svm import Labels, labels_of

RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(400, 6))
TWO = np.where(X[:, 0] * X[:, 1] + RANDOM.normal(0.0, 0.4, 400) > 0.0, "yes", "no")
FOUR = (X[:, 0] > 0.0) * 2 + (X[:, 1] + X[:, 2] ** 2 > 1.0)

CLASSIFIERS = {
    "two": (SVC(), TWO),
    "four": (SVC(C=30.0, gamma=0.5), FOUR),
    "pairs": (SVC(decision_function_shape="ovo", class_weight="balanced"), FOUR),
    "probabilities": (SVC(gamma="auto"), TWO),
    "nu": (NuSVC(nu=0.2), FOUR),
    "far_apart": (SVC(gamma=1e4), TWO),
}


def made(name: str) -> tuple[Any, Labels]:
    estimator, target = CLASSIFIERS[name]
    labels = labels_of(estimator.fit(X, target))
    assert labels is not None
    return estimator, labels


def rows() -> Any:
    """Ordinary rows, those of training and their neighbours, huge and tiny ones."""
    near = np.nextafter(X, np.inf)
    scaled = [RANDOM.normal(size=(60, 6)) * scale for scale in (1e-300, 1e-8, 30.0, 1e6, 1e155, 1e300)]
    return np.concatenate([RANDOM.normal(size=(5_000, 6)), X, near, (X[:200] + X[200:]) / 2.0, *scaled])


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_labels_and_margins_are_those_of_libsvm(name: str) -> None:
    estimator, labels = made(name)
    given = rows()
    with np.errstate(all="ignore"):
        found = labels.predict(given)
        margins, bounds = labels.margins(given)
    np.testing.assert_array_equal(found, estimator.predict(given))
    assert found.dtype == estimator.predict(given[:1]).dtype
    estimator.decision_function_shape = "ovo"
    theirs = estimator.decision_function(given).reshape(len(given), -1)
    theirs = -theirs if len(estimator.classes_) == 2 else theirs
    sure = np.isfinite(margins)
    assert sure.mean() > 0.9
    assert (np.abs(margins - theirs)[sure] <= bounds[sure]).all()


def test_most_rows_need_no_libsvm(monkeypatch: pytest.MonkeyPatch) -> None:
    estimator, labels = made("four")
    asked: list[int] = []
    monkeypatch.setattr(
        estimator, "predict", lambda given: (asked.append(len(given)), SVC.predict(estimator, given))[1]
    )
    labels.predict(RANDOM.normal(size=(5_000, 6)))
    assert sum(asked) <= 5


def test_a_row_on_the_boundary_is_libsvms(monkeypatch: pytest.MonkeyPatch) -> None:
    estimator = SVC(gamma=1.0).fit([[-1.0], [1.0]], ["left", "right"])
    labels = labels_of(estimator)
    assert labels is not None
    asked: list[list[float]] = []
    monkeypatch.setattr(estimator, "predict", lambda given: (asked.append(given[:, 0].tolist()), np.array(["x"]))[1])
    assert labels.predict(np.array([[-0.5], [0.0], [0.5]])).tolist() == ["left", "x", "right"]
    assert asked == [[0.0]]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_refused_row_is_refused(value: float) -> None:
    _, labels = made("two")
    with pytest.raises(ValueError, match="contains"):
        labels.predict(np.array([[0.0] * 6, [0.0] * 5 + [value]]))


def test_what_is_left_to_scikit_learn() -> None:
    others: list[Any] = [SVC(kernel="poly"), SVC(kernel="linear"), SVC(break_ties=True), SVR()]
    for estimator in others:
        assert labels_of(estimator.fit(X, FOUR)) is None
    assert labels_of(SVC().fit(csr_matrix(X), FOUR)) is None


def test_a_classifier_that_computes_something_else_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    estimator, _ = made("two")
    estimator._gamma *= 1.001
    monkeypatch.setattr(estimator, "decision_function", lambda given: np.zeros(len(given)))
    assert labels_of(estimator) is None
