"""What XGBoost saves of a model: its trees or weights, its intercept, and what it knows of the columns.

The data may come from anywhere, so nothing in it is taken for granted; `saved` says what is not as it should be.
Source: doc/model.schema and src/learner.cc (LearnerModelParam) of XGBoost 3.2.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indb.readers.base import Content, Reading

Singles: TypeAlias = NDArray[np.float32]

IDENTITY, LOGISTIC, EXPONENTIAL, HINGE, SOFTMAX, SOFTPROB = (
    *("identity", "logistic", "exponential", "hinge", "softmax", "softprob"),
)

LINKS: dict[str, str] = {
    **dict.fromkeys(("reg:squarederror", "reg:linear", "reg:squaredlogerror", "reg:pseudohubererror"), IDENTITY),
    **dict.fromkeys(("reg:absoluteerror", "reg:quantileerror", "binary:logitraw"), IDENTITY),
    **dict.fromkeys(("rank:pairwise", "rank:ndcg", "rank:map"), IDENTITY),
    **dict.fromkeys(("reg:logistic", "binary:logistic"), LOGISTIC),
    **dict.fromkeys(("reg:gamma", "reg:tweedie", "count:poisson", "survival:cox", "survival:aft"), EXPONENTIAL),
    "binary:hinge": HINGE,
    "multi:softmax": SOFTMAX,
    "multi:softprob": SOFTPROB,
}
"""Objective -> what it does to the sum of the trees."""


@dataclass(frozen=True)
class Saved:
    """A model as data. `intercept` is what the sum of the trees starts from, for each of the `width` outputs."""

    objective: str
    width: int
    intercept: Singles
    n_features: int
    names: tuple[str, ...] | None
    types: tuple[str, ...]
    booster: str
    model: Mapping[str, Any]
    weights: Singles | None
    attributes: Mapping[str, str]

    @property
    def link(self) -> str:
        """What the objective does to the sum."""
        return LINKS[self.objective]

    @property
    def best_iteration(self) -> int | None:
        """The last round that predict of an estimator uses, where training stopped early."""
        found = self.attributes.get("best_iteration")
        return None if found is None else int(found)


def data_of(model: Any) -> Mapping[str, Any]:
    """The data of a Booster, an estimator or a file."""
    if isinstance(model, Content):
        found: Mapping[str, Any] = model.data
        return found
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    content: Mapping[str, Any] = json.loads(bytes(booster.save_raw("json")))
    return content


def saved(data: Mapping[str, Any], reading: Reading) -> Saved:
    """The data of a model, checked.

    Raises: UnsupportedModel for an objective or a booster that is not known, and data of another form.
    """
    learner = data["learner"]
    objective = learner["objective"]["name"]
    if objective not in LINKS:
        raise reading.unsupported(f"its objective is {objective!r}, needed one of {', '.join(LINKS)}")
    parameters = learner["learner_model_param"]
    n_classes, n_targets = int(parameters["num_class"]), int(parameters.get("num_target", 1))
    width = max(n_classes, n_targets, 1)
    if LINKS[objective] in (SOFTMAX, SOFTPROB) and n_classes < 2:
        raise reading.unsupported(f"its objective is {objective!r} with {n_classes} classes")
    booster = learner["gradient_booster"]
    name = booster["name"]
    if name not in ("gbtree", "dart", "gblinear"):
        raise reading.unsupported(f"its booster is {name!r}, needed gbtree, dart or gblinear")
    weights = np.array(booster["weight_drop"], dtype=np.float32) if name == "dart" else None
    inner = booster["gbtree"] if name == "dart" else booster
    names = tuple(str(each) for each in learner.get("feature_names", ()))
    return Saved(
        objective=objective,
        width=width,
        intercept=_intercept(parameters["base_score"], width, LINKS[objective], objective, reading),
        n_features=int(parameters["num_feature"]),
        names=names or None,
        types=tuple(str(each) for each in learner.get("feature_types", ())),
        booster=name,
        model=inner["model"],
        weights=weights,
        attributes={str(key): str(value) for key, value in learner.get("attributes", {}).items()},
    )


def _intercept(base_score: Any, width: int, link: str, objective: str, reading: Reading) -> Singles:
    """The base score of each output, as a margin. It is saved as a number (before 3.1) or a list of them, as text.

    Source: ProbToMargin of src/objective/*.cc.
    """
    found = np.atleast_1d(np.array(json.loads(base_score), dtype=np.float32))
    if found.shape not in ((1,), (width,)) or not np.isfinite(found).all():
        raise reading.unsupported(f"its base_score is {base_score!r} for {width} outputs")
    if link in (LOGISTIC, EXPONENTIAL):
        margins = {score: _margin(score, link, objective, reading) for score in set(found.tolist())}
        found = np.array([margins[score] for score in found.tolist()], dtype=np.float32)
    return np.broadcast_to(found, (width,)).copy()


def _margin(score: float, link: str, objective: str, reading: Reading) -> float:
    """A score on the scale of the sum.

    The logarithm of single precision differs from one mathematical library to the next in the last bit, on which a
    label can depend; so XGBoost is asked for it where it is at hand.
    """
    inside = 0.0 < score < 1.0 if link == LOGISTIC else score > 0.0
    if not inside:
        raise reading.unsupported(f"its base_score is {score}, which {objective} has no margin for")
    try:
        import xgboost
    except ImportError:
        if link == EXPONENTIAL:
            return math.log(score)
        return -math.log(np.float32(1.0) / np.float32(score) - np.float32(1.0))
    row = xgboost.DMatrix(np.zeros((1, 1)), nthread=1)
    untrained = xgboost.Booster({"objective": objective, "base_score": score, "nthread": 1}, [row])
    return float(np.ravel(untrained.predict(row, output_margin=True))[0])
