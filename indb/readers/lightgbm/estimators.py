"""The readers of LightGBM's own classes, and of its files.

They read the text that a Booster writes of itself, which keeps every bit of its trees, and holds the trees up to the
best iteration, which are those that it predicts with.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from indb import build
from indb.ir import Block, Target
from indb.readers.base import Content, Frame, Reading, checks, names, reads
from indb.readers.lightgbm import text
from indb.readers.lightgbm.ensemble import raw_scores
from indb.readers.lightgbm.forest import Damaged, Forest
from indb.readers.lightgbm.objective import Link, link_of
from indb.readers.sklearn.labels import classifier, labels_of, regressors

_UNNAMED = re.compile(r"Column_\d+")


@checks("lightgbm")
def check(estimator: Any, frame: Frame, reading: Reading) -> None:
    """Refuse what is not fitted, and what stops before its last tree."""
    if isinstance(estimator, Content) or not hasattr(estimator, "get_params"):
        return
    if not estimator.__sklearn_is_fitted__():
        name = type(estimator).__name__
        raise reading.unsupported(f"this {name} is not fitted", "Call its fit method with training data first.")
    if estimator.get_params().get("pred_early_stop"):
        raise reading.unsupported(
            "pred_early_stop leaves out trees of a row whose score is large, so that probabilities are not those of "
            "the whole model",
            "Set it to False: estimator.set_params(pred_early_stop=False).",
        )


def as_table_name(name: str) -> str:
    """How LightGBM writes the name of a column."""
    return name.replace(" ", "_")


@names("lightgbm", as_table_name)
def column_names(estimator: Any) -> tuple[Sequence[str] | None, int | None]:
    """The names of the features; those of an array are Column_0, Column_1, … and no names."""
    if isinstance(estimator, Content):
        found = list(estimator.data.names)
    elif hasattr(estimator, "get_params"):
        found = list(estimator.booster_.feature_name())
    else:
        found = list(estimator.feature_name())
    unnamed = all(_UNNAMED.fullmatch(name) for name in found)
    return None if unnamed else found, len(found)


@reads("lightgbm", "LGBMClassifier")
def read_classifier(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """Class number, probabilities and raw scores. Source: lightgbm.LGBMClassifier.predict, predict_proba.

    With an objective of the user's own it predicts the raw score, and so does the model.
    """
    forest = _forest(estimator.booster_, reading)
    raw, averaged = _scores(forest, frame, reading)
    link = link_of(forest.objective, reading)
    if callable(estimator.objective_):
        return _single(averaged, reading)
    labels = labels_of(estimator.classes_, reading)
    if raw.width > 1:
        if raw.width != len(labels):
            raise reading.unsupported(f"it has {raw.width} trees in each iteration for {len(labels)} classes")
        return [classifier(labels, link.decide(averaged), link.convert(averaged), raw)]
    if len(labels) == 1:
        return [Target("", {"predict": build.number(0.0), "decision_function": raw}, labels)]
    if len(labels) != 2:
        raise reading.unsupported(f"it has one tree in each iteration for {len(labels)} classes")
    number = link.decide(averaged)
    if any(tree.linear is not None for tree in forest.trees):  # only these can lose a score
        number = build.where(build.is_missing(raw), build.MISSING, number)
    return [classifier(labels, number, build.binary_probabilities(link.convert(averaged)), raw)]


@reads("lightgbm", "LGBMRegressor", "LGBMRanker", "LGBMModel")
def read_regressor(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """What its objective makes of the raw score. Source: lightgbm.LGBMModel.predict."""
    return _predictions(_forest(estimator.booster_, reading), frame, reading)


@reads("lightgbm", "Booster")
def read_booster(booster: Any, frame: Frame, reading: Reading) -> list[Target]:
    """What its objective makes of the raw scores. Source: lightgbm.Booster.predict."""
    forest = booster.data if isinstance(booster, Content) else _forest(booster, reading)
    return _predictions(forest, frame, reading)


def _forest(booster: Any, reading: Reading) -> Forest:
    """The model of a Booster.

    Raises: UnsupportedModel for one whose text does not keep what it computes with.
    """
    try:
        forest = text.parse(booster.model_to_string())
    except Damaged as error:
        raise reading.unsupported(f"its text is not understood: {error}") from None
    written = re.search(r"sigmoid:(\S+)", forest.objective)
    given = vars(booster).get("params", {}).get("sigmoid")
    if written and given is not None and "train_set" in vars(booster) and float(written[1]) != float(given):
        raise reading.unsupported(
            f"its sigmoid parameter is {given}, of which a model file keeps {written[1]}",
            "Read what the file gives: lightgbm.Booster(model_str=booster.model_to_string()).",
        )
    return forest


def _scores(forest: Forest, frame: Frame, reading: Reading) -> tuple[Block, Block]:
    """The raw scores, and what the objective is given: the same, or their average. Source: GBDT::Predict."""
    if not forest.trees:
        raise reading.unsupported("it has no trees", "Train it first.")
    raw = raw_scores(forest, frame, reading)
    return raw, build.divide(raw, build.number(forest.iterations)) if forest.average else raw


def _predictions(forest: Forest, frame: Frame, reading: Reading) -> list[Target]:
    """One value, or the numbers of classes with their probabilities where there are several."""
    raw, averaged = _scores(forest, frame, reading)
    link: Link = link_of(forest.objective, reading)
    found = link.convert(averaged)
    if found.width == 1:
        return regressors(found)
    if not forest.objective:
        return _single(averaged, reading)
    return [classifier(tuple(range(found.width)), link.decide(averaged), found, raw)]


def _single(scores: Block, reading: Reading) -> list[Target]:
    """The raw score as the prediction of a model whose objective is the user's own.

    Raises: UnsupportedModel for several scores: only the user knows what they say.
    """
    if scores.width > 1:
        raise reading.unsupported(
            f"its objective is the user's own, and predict gives {scores.width} raw scores",
            "Train it with LightGBM's objective multiclass.",
        )
    return regressors(scores)
