"""sklearn.naive_bayes: a joint log likelihood for each class."""

from __future__ import annotations

from typing import Any

import numpy as np

from indb import build
from indb.ir import Apply, Block, Floats, Op, Reduce, ReduceOp, Target
from indb.readers.base import Frame, Reading, reads
from indb.readers.sklearn.labels import SQUARABLE, decided, labels_of


@reads("sklearn", "GaussianNB")
def gaussian(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """A normal distribution of each column in each class. Source: sklearn.naive_bayes.GaussianNB.

    A row is refused so far away that all classes have the likelihood 0, and the library gives NaN for them.
    """
    x = frame.finite(reading, SQUARABLE)
    likelihoods: list[Block] = []
    for prior, mean, variance in zip(estimator.class_prior_, estimator.theta_, estimator.var_, strict=True):
        with np.errstate(divide="ignore"):
            start, size = np.log(prior), -0.5 * np.sum(np.log(2.0 * np.pi * variance))
        _check_finite(reading, start, size)
        centred = build.standardise(x, mean, None)
        terms = build.divide(build.multiply(centred, centred), build.number(*variance))
        half = build.multiply(build.number(0.5), Reduce(ReduceOp.SUM, terms))
        likelihoods.append(build.add(build.number(start), build.subtract(build.number(size), half)))
    return _by_likelihood(estimator, build.concat(likelihoods), reading)


@reads("sklearn", "MultinomialNB", "ComplementNB")
def counted(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """Each value times the log probability of its column. Source: sklearn.naive_bayes.MultinomialNB, ComplementNB."""
    takes_prior = type(estimator).__name__ == "MultinomialNB" or len(estimator.classes_) == 1
    start = estimator.class_log_prior_ if takes_prior else np.zeros(len(estimator.classes_))
    return _linear(estimator, frame.finite(reading), estimator.feature_log_prob_, start, reading)


@reads("sklearn", "BernoulliNB")
def bernoulli(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """Whether each value is above the threshold. Source: sklearn.naive_bayes.BernoulliNB._joint_log_likelihood."""
    x = frame.finite(reading)
    if estimator.binarize is not None:
        x = build.less(build.number(estimator.binarize), x)
    known = estimator.feature_log_prob_
    with np.errstate(divide="ignore"):
        unset = np.log(1 - np.exp(known))
    with np.errstate(invalid="ignore"):
        weight, start = known - unset, estimator.class_log_prior_ + unset.sum(axis=1)
    return _linear(estimator, x, weight, start, reading)


@reads("sklearn", "CategoricalNB")
def categorical(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The log probability of each column's category, a code that is cut to a whole number.

    A row with a code that is negative, or higher than in training, is refused. Source: sklearn.naive_bayes
    .CategoricalNB._joint_log_likelihood, and check_array with dtype="int".
    """
    total: Block | None = None
    for x, known in zip(build.lanes(frame.finite(reading)), estimator.feature_log_prob_, strict=True):
        count = known.shape[1]
        _check_finite(reading, known)
        reading.require(build.between(x, np.nextafter(-1.0, 0.0), np.nextafter(float(count), 0.0)))
        found = build.pieces(x, np.arange(1.0, count), known.T)
        total = found if total is None else build.add(total, found)
    assert total is not None
    start = estimator.class_log_prior_
    _check_finite(reading, start)
    return _by_likelihood(estimator, build.add(total, build.number(*start)), reading)


def _linear(estimator: Any, x: Block, weight: Floats, start: Floats, reading: Reading) -> list[Target]:
    _check_finite(reading, weight, start)
    return _by_likelihood(estimator, build.linear(x, weight, start), reading)


def _check_finite(reading: Reading, *values: Any) -> None:
    """Refuse a class or category that never occurs: 0 * inf is NaN, and NaN has no order.

    Raises: UnsupportedModel.
    """
    if not all(np.isfinite(each).all() for each in values):
        raise reading.unsupported(
            "the logarithm of a probability of 0 is -inf, needed finite ones",
            "Fit it with a larger alpha, or with priors above 0.",
        )


def _by_likelihood(estimator: Any, likelihood: Block, reading: Reading) -> list[Target]:
    """The likeliest class, and exp of what each is above all together. Source: sklearn.naive_bayes._BaseNB."""
    proba = Apply(Op.EXP, (build.subtract(likelihood, build.log_sum_exp(likelihood)),))
    return [decided(labels_of(estimator.classes_, reading), build.argmax(likelihood), proba)]
