"""CatBoost's models: what their predict methods make of the sum of the trees.

Numbers are cast to float32 and compared with float32 borders, x > border; a missing one goes where training put it,
and below all borders where training saw none. CatBoost refuses no number.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from indb import build
from indb.ir import Apply, Block, Op, Target
from indb.readers.base import Content, Frame, Reading, checks, names, reads
from indb.readers.catboost.categories import tests_of
from indb.readers.catboost.dump import Dump, dump_of, feature_names, loss_of, whole
from indb.readers.catboost.trees import ensemble, members, used_splits
from indb.readers.sklearn.labels import classifier, regressors

MULTILABEL = frozenset({"MultiLogloss", "MultiCrossEntropy"})
"""Losses with a class that a row has or not for each output."""

CLASSES = MULTILABEL | {"Logloss", "CrossEntropy", "Focal", "MultiClass", "MultiClassOneVsAll"}
"""Losses of classifiers."""

RANKS = frozenset(
    {"YetiRank", "YetiRankPairwise", "QueryRMSE", "QuerySoftMax", "QueryCrossEntropy", "PairLogit"}
    | {"PairLogitPairwise", "StochasticFilter", "StochasticRank", "LambdaMart", "GroupQuantile"}
)
"""Losses of rankers."""

EXPONENT = ("Poisson", "Tweedie")
"""Losses of which a regressor gives the exponential of the sum."""


def class_for(document: Any) -> str:
    """The class of the model that a file holds, by its loss."""
    return class_for_loss(loss_of(document))


def class_for_loss(loss: str) -> str:
    """The class of the model that a loss is of."""
    if loss in CLASSES:
        return "CatBoostClassifier"
    return "CatBoostRanker" if loss in RANKS else "CatBoostRegressor"


@checks("catboost")
def check(model: Any, frame: Frame, reading: Reading) -> None:
    """Refuse a model that is not fitted. Raises: UnsupportedModel."""
    if not isinstance(model, Content) and not model.is_fitted():
        raise reading.unsupported(
            f"this {type(model).__name__} is not fitted", "Call its fit method with training data first."
        )


@names("catboost")
@whole
def column_names(model: Any) -> tuple[list[str] | None, int | None]:
    """The names of the columns, which are their numbers where it was fitted on a plain array."""
    found = feature_names(model.data) if isinstance(model, Content) else list(model.feature_names_)
    return None if found == [str(place) for place in range(len(found))] else found, len(found)


@reads("catboost", "CatBoostClassifier")
@whole
def read_classifier(model: Any, frame: Frame, reading: Reading) -> list[Target]:
    """Class number, probabilities and raw values. Source: catboost/libs/eval_result/eval_helpers.cpp, PrepareEval."""
    dump = dump_of(model, reading)
    raw = _raw(dump, frame, reading)
    if dump.loss in MULTILABEL:
        labels = [str(label) for label in dump.labels]
        labels = labels if len(labels) == raw.width else [str(number) for number in range(raw.width)]
        return [_binary(dump, (0, 1), lane, name) for name, lane in zip(labels, build.lanes(raw), strict=True)]
    if len(dump.labels) != max(raw.width, 2):
        raise reading.unsupported(
            f"it has {len(dump.labels)} labels for {raw.width} raw values, needed one for each: it was told of classes "
            "that it never saw, or does not say which there are",
            "Train it on all of its classes, without classes_count.",
        )
    if raw.width == 1:
        return [_binary(dump, dump.labels, raw)]
    proba = build.sigmoid(raw) if dump.loss == "MultiClassOneVsAll" else build.softmax(raw)
    return [classifier(dump.labels, build.argmax(raw), proba, raw)]


@reads("catboost", "CatBoostRegressor")
@whole
def read_regressor(model: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The raw value of each target, its exponential for counts. Source: CatBoostRegressor._get_default_prediction_type.

    Other losses with a logarithm (LogLinQuantile) give the raw value, as the library does. RMSEWithUncertainty gives
    the value and its variance, as two targets.
    """
    dump = dump_of(model, reading)
    raw = _raw(dump, frame, reading)
    if dump.loss == "RMSEWithUncertainty":
        value, deviation = build.lanes(raw)
        return regressors(build.concat([value, Apply(Op.EXP, (build.multiply(deviation, build.number(2.0)),))]))
    return regressors(Apply(Op.EXP, (raw,)) if dump.loss in EXPONENT else raw)


@reads("catboost", "CatBoost", "CatBoostRanker")
@whole
def read_raw(model: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The raw values, whatever the loss. Source: CatBoost.predict, CatBoostRanker.predict."""
    return regressors(_raw(dump_of(model, reading), frame, reading))


def _raw(dump: Dump, frame: Frame, reading: Reading) -> Block:
    """scale * (the sum of the trees) + bias, a lane for each output."""
    bias = dump.bias
    trees = members(dump.document, reading)
    total: Block = ensemble(trees, tests_of(dump, used_splits(trees), frame, reading), len(bias))
    if dump.scale != 1.0:
        total = build.multiply(total, build.number(dump.scale))
    return build.add(total, build.number(*bias)) if any(bias) else total


def _binary(dump: Dump, labels: tuple[Any, ...], raw: Block, name: str = "") -> Target:
    """The target of two classes: the second one where the raw value is above the border of its probability."""
    border = 0.0
    if dump.probability is not None:
        with np.errstate(divide="ignore"):
            border = float(-np.log(1.0 / np.float64(dump.probability) - 1.0))
    number = build.less(build.number(np.clip(border, -build.FLOAT64_MAX, build.FLOAT64_MAX)), raw)
    return classifier(labels, number, build.binary_probabilities(build.sigmoid(raw)), raw, name)
