"""XGBoost's estimators, its Booster, and files of either: which outputs they have, and how labels are decided.

An estimator predicts from a table in place, with the rounds up to the best one where training stopped early. A Booster
predicts from a DMatrix, which takes no infinities, with all rounds; so does an estimator of a linear booster.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from indb import build
from indb.errors import UnsupportedModel
from indb.ir import Block, Model, Target
from indb.readers.base import Content, Frame, Reading, checks, names, reads, runs
from indb.readers.sklearn.labels import regressors, target_names
from indb.readers.xgboost import linear, links, trees
from indb.readers.xgboost.features import features
from indb.readers.xgboost.saved import (
    HINGE,
    LOGISTIC,
    SOFTMAX,
    SOFTPROB,
    Saved,
    data_of,
    saved,
)

BROKEN = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError)
"""What data of another form than XGBoost's raises while it is read."""


@checks("xgboost")
def check(estimator: Any, frame: Frame, reading: Reading) -> None:
    """Refuse what is not fitted.

    Raises: UnsupportedModel.
    """
    fitted = getattr(estimator, "__sklearn_is_fitted__", None)
    if fitted is not None and not fitted():
        raise reading.unsupported(
            f"this {type(estimator).__name__} is not fitted", "Call its fit method with training data first."
        )


@runs("xgboost")
def run(
    fitted: Any,
    names: Sequence[str],
    text_columns: Sequence[str] | None,
    reason: UnsupportedModel,
    source: dict[str, str],
) -> Model:
    """No file that a server could trust holds an estimator of XGBoost, so what is not read is refused.

    Raises: UnsupportedModel, always.
    """
    raise reason


@names("xgboost")
def column_names(model: Any) -> tuple[Sequence[str] | None, int | None]:
    """The names of the columns, where the model was trained on a table, and their number."""
    if isinstance(model, Content):
        learner = model.data.get("learner", {})
        known = [str(name) for name in learner.get("feature_names", ())]
        return known or None, int(learner.get("learner_model_param", {}).get("num_feature", 0))
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    return booster.feature_names, booster.num_features()


@reads("xgboost", "XGBClassifier", "XGBRFClassifier")
def read_classifier(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """Labels 0, 1, …, and probabilities; several labels at once are a target each. Source: XGBClassifier.predict."""
    count = getattr(estimator, "n_classes_", None)  # which a file leaves to the objective
    if count == 1:
        raise reading.unsupported("it was trained with one class only")
    found, margin = _margin(estimator, frame, reading, best=True)
    if _is_multiclass(found):
        if found.width == 2 and found.link == SOFTPROB:
            raise reading.unsupported("its predict gives two flags for a row, needed a label", "Use binary:logistic.")
        return [_of_classes(found, margin)]
    values = _linked(found, margin)
    if found.width == 1:
        number = links.is_likely(margin) if found.link == LOGISTIC else build.less(build.number(0.5), values)
        return [Target("", {"predict": number, "predict_proba": links.complement(values)}, (0, 1))]
    return [
        Target(name, {"predict": build.less(build.number(0.5), value), "predict_proba": value})
        for name, value in zip(target_names(found.width), build.lanes(values), strict=True)
    ]


@reads("xgboost", "XGBModel", "XGBRegressor", "XGBRFRegressor", "XGBRanker")
def read_regressor(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """What the objective makes of the margin, a target for each output. Source: XGBModel.predict."""
    found, margin = _margin(estimator, frame, reading, best=True)
    if _is_multiclass(found):
        raise reading.unsupported(f"its objective is {found.objective!r}, which predicts classes", "Use XGBClassifier.")
    return regressors(_linked(found, margin))


@reads("xgboost", "Booster")
def read_booster(booster: Any, frame: Frame, reading: Reading) -> list[Target]:
    """Labels 0, 1, … and probabilities where the objective is of classes, else what Booster.predict gives.

    Of binary:logistic and multi:softprob, Booster.predict gives what is predict_proba here.
    """
    found, margin = _margin(booster, frame, reading, best=False)
    if _is_multiclass(found):
        return [_of_classes(found, margin)]
    values = _linked(found, margin)
    if found.width == 1 and found.objective == "binary:logistic":
        return [Target("", {"predict": links.is_likely(margin), "predict_proba": links.complement(values)}, (0, 1))]
    if found.width == 1 and found.link == HINGE:
        return [Target("", {"predict": values}, (0, 1))]
    return regressors(values)


def _margin(model: Any, frame: Frame, reading: Reading, best: bool) -> tuple[Saved, Block]:
    """What is saved of a model, and its sum for each output; `best`: up to the best round."""
    try:
        found = saved(data_of(model), reading)
        missing = getattr(model, "missing", None)
        missing = math.nan if missing is None else float(missing)
        inplace = best and found.booster != "gblinear"
        lanes = features(found, frame, missing, inplace, reading)
        if found.booster == "gblinear":
            return found, linear.margins(found, lanes, reading)
        stop = found.best_iteration if best else None
        rounds = None if stop is None else stop + 1
        return found, trees.margins(found, lanes, rounds, inplace, reading)
    except BROKEN as error:
        raise reading.unsupported(
            f"what it holds is not of XGBoost's form ({type(error).__name__}: {error})"
        ) from error


def _is_multiclass(found: Saved) -> bool:
    return found.link in (SOFTMAX, SOFTPROB)


def _of_classes(found: Saved, margin: Block) -> Target:
    """multi:softmax takes the largest margin, multi:softprob the largest probability, which more classes can share."""
    probabilities = links.softmax(margin, is_large=found.booster == "gblinear")
    number = build.argmax(margin if found.link == SOFTMAX else probabilities)
    return Target("", {"predict": number, "predict_proba": probabilities}, tuple(range(found.width)))


def _linked(found: Saved, margin: Block) -> Block:
    """The margin on the scale of the output. Source: PredTransform of src/objective/*.cc."""
    match found.link:
        case "logistic":
            return links.sigmoid(margin)
        case "exponential":
            return links.exponential(margin)
        case "hinge":
            return build.less(build.number(0.0), margin)
    return margin
