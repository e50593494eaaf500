"""scikit-learn's classifiers by a linear margin that are no logistic regression, and its linear outlier detector."""

from __future__ import annotations

from typing import Any

from indb import build
from indb.ir import Block, Label, Target
from indb.readers.base import Frame, Reading, reads
from indb.readers.sklearn.labels import decided, labels_of, target_names
from indb.readers.sklearn.linear import dense, margins_of, shares

CLASSIFIERS = ("LinearSVC", "PassiveAggressiveClassifier", "Perceptron", "RidgeClassifier", "RidgeClassifierCV")
"""The classes whose `predict` is the side of X @ coef_.T + intercept_, and which give no probabilities."""


@reads("sklearn", *CLASSIFIERS)
def by_margin(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """Class number and margins; of several labels for a row, a target of 0 and 1 for each.

    Source: sklearn.linear_model._base.LinearClassifierMixin.predict, _ridge._RidgeClassifierMixin.predict.
    """
    margins = margins_of(estimator, frame, reading)
    binarizer = getattr(estimator, "_label_binarizer", None)
    if binarizer is not None and binarizer.y_type_.startswith("multilabel"):
        names = target_names(margins.width)
        return [by_side((0, 1), lane, name=name) for name, lane in zip(names, build.lanes(margins), strict=True)]
    return [by_side(labels_of(estimator.classes_, reading), margins)]


@reads("sklearn", "SGDClassifier")
def stochastic(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """Class number and margins; probabilities where the loss has them.

    Source: sklearn.linear_model._stochastic_gradient.SGDClassifier.predict_proba.
    """
    margins = margins_of(estimator, frame, reading)
    return [by_side(labels_of(estimator.classes_, reading), margins, _probabilities(estimator.loss, margins))]


def by_side(labels: tuple[Label, ...], margins: Block, proba: Block | None = None, name: str = "") -> Target:
    """The target of a classifier by its margins: the second class above 0, or the class of the largest."""
    number = build.less(build.number(0.0), margins) if margins.width == 1 else build.argmax(margins)
    return decided(labels, number, proba, margins, name)


def _probabilities(loss: str, margins: Block) -> Block | None:
    """The probabilities that a loss of SGDClassifier gives; None where it gives none."""
    if loss == "log_loss":
        each = build.sigmoid(margins)
    elif loss == "modified_huber":
        inside = build.clip(margins, build.number(-1.0), build.number(1.0))
        each = build.divide(build.add(inside, build.number(1.0)), build.number(2.0))
    else:
        return None
    return build.binary_probabilities(each) if margins.width == 1 else shares(each)


@reads("sklearn", "SGDOneClassSVM")
def one_class(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """X @ coef_ - offset_; 1 where that is not negative, else -1.

    Source: sklearn.linear_model._stochastic_gradient.SGDOneClassSVM.
    """
    x = frame.finite(reading)
    return [inlier(build.linear(x, dense(estimator.coef_), -estimator.offset_))]


def inlier(decision: Block) -> Target:
    """The target of an outlier detector: 1 where the decision is not negative, else -1."""
    return decided((-1, 1), build.less_equal(build.number(0.0), decision), decision=decision)
