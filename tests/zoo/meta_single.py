"""Estimators that are made of members which compute in float32: what is made of such numbers alone is rounded too."""

from typing import Any

import numpy as np
from sklearn import ensemble
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier, XGBRegressor

from zoo.cases import add
from zoo.direct import each_label

BOOSTED = XGBClassifier(n_estimators=3, max_depth=2, n_jobs=1)
OTHER = XGBClassifier(n_estimators=2, max_depth=3, n_jobs=1, learning_rate=0.7)
VALUES = XGBRegressor(n_estimators=3, max_depth=2, n_jobs=1)


def single(name: str, estimator: Any, data: str, target: str, **options: Any) -> None:
    """A case whose numbers are float32."""
    add(f"single_{name}", estimator, data, target, float32=True, **options)


_two = [("a", BOOSTED), ("b", OTHER), ("c", BOOSTED)]
_vote = ensemble.VotingClassifier
single("voting", _vote(_two, voting="soft"), "gaps", "texts3")
single("voting_two", _vote(_two, voting="soft"), "numbers", "bools")
single("voting_weights", _vote(_two, voting="soft", weights=[1, 3, 2]), "numbers", "ints2")
single("voting_mixed", _vote([("a", BOOSTED), ("b", LogisticRegression())], voting="soft"), "pair", "texts2")
single("voting_regressor", ensemble.VotingRegressor([("a", VALUES), ("b", VALUES)]), "gaps", "amount")
single("bagging", ensemble.BaggingClassifier(BOOSTED, n_estimators=3, random_state=0), "gaps", "texts2")
single("bagging_regressor", ensemble.BaggingRegressor(VALUES, n_estimators=3, random_state=0), "gaps", "amount")
single("ada_regressor", ensemble.AdaBoostRegressor(VALUES, n_estimators=3, random_state=0), "numbers", "amount")
single("stacking", ensemble.StackingClassifier(_two[:2], DecisionTreeClassifier(max_depth=3), cv=2), "gaps", "ints3")
single("stacking_mixed", ensemble.StackingClassifier(
    [("a", BOOSTED), ("b", DecisionTreeClassifier(max_depth=2))], cv=2), "gaps", "texts2")  # fmt: skip
single("stacking_regressor", ensemble.StackingRegressor(
    [("a", VALUES)], Ridge(), cv=2, passthrough=True), "numbers", "amount")  # fmt: skip
single("rest", OneVsRestClassifier(BOOSTED), "gaps", "texts3")
single("rest_two", OneVsRestClassifier(BOOSTED), "gaps", "texts2")
single("rest_labels", OneVsRestClassifier(BOOSTED), "numbers", "several_labels", outputs=each_label)
single("pairs", OneVsOneClassifier(BOOSTED), "gaps", "texts3")
single("calibrated", CalibratedClassifierCV(BOOSTED, cv=2), "gaps", "bools")
single("calibrated_three", CalibratedClassifierCV(BOOSTED, cv=2, ensemble=False), "gaps", "codes3")
single("threshold", FixedThresholdClassifier(BOOSTED, threshold=0.7), "gaps", "ints2")
single("threshold_tuned", TunedThresholdClassifierCV(BOOSTED, cv=2, thresholds=7), "gaps", "ints2")
_target = TransformedTargetRegressor
single("target_log", _target(VALUES, func=np.log1p, inverse_func=np.expm1), "gaps", "positive")
single("target_standard", _target(VALUES, transformer=StandardScaler()), "gaps", "amount")
single("target_min_max", _target(VALUES, transformer=make_pipeline(MinMaxScaler((1, 2)))), "gaps", "amount")
