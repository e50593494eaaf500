"""Explainable boosting machines of interpret."""

from typing import Any

from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor
from interpret.privacy import DPExplainableBoostingClassifier, DPExplainableBoostingRegressor
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

from zoo import frames
from zoo.cases import Fitted, add, add_fitted

SMALL: dict[str, Any] = {"outer_bags": 1, "max_rounds": 6, "n_jobs": 1, "interactions": 0, "max_bins": 12}
_classifier = ExplainableBoostingClassifier(**SMALL)
_regressor = ExplainableBoostingRegressor(**SMALL)
_pairs = {**SMALL, "interactions": 2, "max_interaction_bins": 4}

add("interpret_two_classes", _classifier, "gaps", "texts2")
add("interpret_three_classes", _classifier, "mixed", "texts3")
add("interpret_bools", ExplainableBoostingClassifier(**_pairs), "numbers", "bools")
add("interpret_pairs", ExplainableBoostingClassifier(**_pairs), "mixed", "ints3")
add("interpret_regressor", _regressor, "infinite", "amount")
_private = {"outer_bags": 1, "max_rounds": 4, "n_jobs": 1, "random_state": 0}
add("interpret_private", DPExplainableBoostingClassifier(**_private), "numbers", "texts2")
add("interpret_private_regressor", DPExplainableBoostingRegressor(**_private), "numbers", "amount")
add("interpret_pairs_regressor", ExplainableBoostingRegressor(**_pairs), "mixed", "amount")
add("interpret_categories", _regressor, "categories", "amount")
add("interpret_texts", _classifier, "odd_texts", "ints2")
add("interpret_nominal_numbers", ExplainableBoostingRegressor(
    feature_types=["nominal", "nominal", "continuous"], **SMALL), "city_level", "amount")  # fmt: skip
add("interpret_none", _classifier, "city_none", "ints2")
add("interpret_integers", _classifier, "integers", "texts2")


def of_array() -> Fitted:
    """A model of a plain array, whose columns interpret names itself."""
    frame = frames.numbers().set_axis([f"feature_{place:04}" for place in range(4)], axis=1)
    return clone(_regressor).fit(frame.to_numpy(), frames.TARGETS["amount"]()), frame


add_fitted("interpret_array", of_array)
add("interpret_odd_names", _regressor, "odd_names", "amount")
add("interpret_pipeline", make_pipeline(SimpleImputer(), _classifier), "gaps", "texts3")
for _objective in ("poisson_deviance", "gamma_deviance", "tweedie_deviance:variance_power=1.5"):
    add(f"interpret_{_objective.split('_')[0]}", ExplainableBoostingRegressor(objective=_objective, **SMALL), "gaps",
        "positive")  # fmt: skip
