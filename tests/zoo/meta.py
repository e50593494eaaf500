"""Estimators that are made of estimators: bagging, voting, stacking, boosting, calibration, codes, chains."""

from typing import Any

import numpy as np
from sklearn import ensemble, multiclass, multioutput
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from zoo import frames
from zoo.cases import add, add_fitted, on_columns
from zoo.direct import each_label
from zoo.linear import zeroed

LOGISTIC = make_pipeline(StandardScaler(), LogisticRegression())
TREE = DecisionTreeClassifier(max_depth=3, random_state=0)
STUMP = DecisionTreeClassifier(max_depth=1, random_state=0)
VALUES = DecisionTreeRegressor(max_depth=3, random_state=0)
FOREST = ensemble.RandomForestClassifier(4, max_depth=3, random_state=0)
HIST = ensemble.HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=4, max_leaf_nodes=5)
BOOSTING = ensemble.GradientBoostingClassifier(n_estimators=3, max_depth=2, random_state=0)
VOTES_ONLY = ensemble.VotingClassifier([("a", TREE), ("b", STUMP), ("c", LOGISTIC)])
"""A classifier that has neither probabilities nor a decision function."""


def seeded(kind: Any, *args: Any, **settings: Any) -> Any:
    """An estimator with a fixed random state."""
    return kind(*args, random_state=0, **settings)


_ada = ensemble.AdaBoostClassifier
add("ada_stumps", seeded(_ada, n_estimators=8), "numbers", "texts2")
add("ada_trees", seeded(_ada, TREE, n_estimators=5, learning_rate=0.5), "numbers", "texts3")
add("ada_logistic", seeded(_ada, LogisticRegression(), n_estimators=2), "pair", "ints3")
add("ada_two_logistics", seeded(_ada, LogisticRegression(), n_estimators=2), "numbers", "bools")
add("ada_one_member", seeded(_ada, DecisionTreeClassifier(random_state=0), n_estimators=5), "array", "texts3")
_ada_values = ensemble.AdaBoostRegressor
add("ada_regressor", seeded(_ada_values, n_estimators=7), "numbers", "amount")
for _loss in ("square", "exponential"):
    add(f"ada_regressor_{_loss}", seeded(_ada_values, VALUES, n_estimators=4, loss=_loss), "numbers", "amount")
add("ada_regressor_linear", seeded(_ada_values, LinearRegression(), n_estimators=3), "numbers", "positive")

_bagging = ensemble.BaggingClassifier
add("bagging_trees", seeded(_bagging, TREE, n_estimators=4, max_features=0.5), "gaps", "odd_labels")
add("bagging_bootstrap_features", seeded(_bagging, TREE, n_estimators=4, bootstrap_features=True), "numbers", "bools")
add("bagging_default", seeded(_bagging, n_estimators=4), "numbers", "texts3")
add("bagging_logistic", seeded(_bagging, LOGISTIC, n_estimators=2), "pair", "texts3")
add("bagging_two_logistics", seeded(_bagging, LOGISTIC, n_estimators=3), "array", "ints2")
add("bagging_missing_classes", seeded(_bagging, LOGISTIC, n_estimators=2, max_samples=3), "pair", "ints3")
add("bagging_missing_leaves", seeded(_bagging, make_pipeline(TREE), n_estimators=5, max_samples=4), "numbers", "texts3")
add("bagging_votes", seeded(_bagging, VOTES_ONLY, n_estimators=2), "pair", "texts3")
add("bagging_pairs", seeded(_bagging, multiclass.OneVsOneClassifier(LOGISTIC), n_estimators=2), "pair", "ints3")
add("bagging_hist", seeded(_bagging, HIST, n_estimators=2), "infinite", "texts2")
add("bagging_forests", seeded(_bagging, FOREST, n_estimators=2), "gaps", "texts3")
_mean = ensemble.BaggingRegressor
add("bagging_regressor", seeded(_mean, n_estimators=4), "numbers", "positive")
add("bagging_regressor_features", seeded(_mean, VALUES, n_estimators=4, max_features=2), "gaps", "amount")
add("bagging_regressor_linear", seeded(_mean, LinearRegression(), n_estimators=3), "odd_names", "two_amounts")

_two = [("a", LOGISTIC), ("b", HIST), ("c", TREE)]
_vote = ensemble.VotingClassifier
add("voting_hard", VOTES_ONLY, "numbers", "texts3")
add("voting_hard_weights", clone(VOTES_ONLY).set_params(weights=[0.1, 0.2, 0.3]), "numbers", "texts2")
add("voting_hard_tie", _vote([("a", STUMP), ("b", TREE)]), "ties", "ties_bools")
add("voting_soft", _vote(_two, voting="soft"), "pair", "texts3")
add("voting_soft_weights", _vote(_two, voting="soft", weights=[2, 1, 0.5]), "odd_names", "texts2")
add("voting_soft_trees", _vote([("a", TREE), ("b", STUMP), ("c", "drop")], voting="soft"), "gaps", "floats3")
add("voting_categories", _vote([("a", HIST)], voting="soft"), "categories", "texts2")
_texts = make_pipeline(on_columns(("n", SimpleImputer(), ["age", "income"]), ("t", OneHotEncoder(
    handle_unknown="ignore"), ["city", "plan"])), StandardScaler(with_mean=False), LogisticRegression())  # fmt: skip
add("voting_texts", _vote([("a", _texts), ("b", clone(_texts))], voting="soft"), "mixed", "texts3")
add("bagging_texts", make_pipeline(_texts[0], seeded(_bagging, _texts[1:], n_estimators=3, max_features=0.7)),
    "mixed", "bools")  # fmt: skip
_values = [("a", Ridge()), ("b", VALUES), ("c", LinearRegression())]
add("voting_regressor", ensemble.VotingRegressor(_values), "odd_names", "amount")
add("voting_regressor_weights", ensemble.VotingRegressor(_values, weights=[1, 2, 3]), "numbers", "amount")
add("voting_before", make_pipeline(_vote(_two, voting="soft"), LogisticRegression()), "pair", "texts2")
add("voting_hard_before", make_pipeline(VOTES_ONLY, Ridge()), "numbers", "ints3")
add("voting_regressor_before", make_pipeline(ensemble.VotingRegressor(_values), TREE), "numbers", "ints3")

_stack = ensemble.StackingClassifier
_base = [("a", TREE), ("b", LOGISTIC)]
add("stacking_two", _stack(_base, cv=2), "numbers", "texts2")
add("stacking_three", _stack(_base, cv=2), "pair", "texts3")
add("stacking_passthrough", _stack(_base, FOREST, cv=2, passthrough=True), "pair", "texts3")
add("stacking_passthrough_gaps", _stack([("a", TREE)], HIST, cv=2, passthrough=True), "gaps", "bools")
add("stacking_decision", _stack([("a", BOOSTING), ("b", LOGISTIC)], TREE, cv=2, stack_method="decision_function"),
    "numbers", "ints3")  # fmt: skip
add("stacking_predict", _stack([*_base, ("c", "drop")], cv=2, stack_method="predict"), "array", "floats3")
add("stacking_texts", _stack([("a", _texts)], cv=2), "mixed", "texts2")
add("stacking_before", make_pipeline(_stack(_base, cv=2), StandardScaler(), LogisticRegression()), "numbers", "bools")
add("stacking_regressor", ensemble.StackingRegressor(_values, cv=2), "array", "amount")
add("stacking_regressor_passthrough", ensemble.StackingRegressor(
    _values[:2], seeded(ensemble.RandomForestRegressor, 4, max_depth=3), cv=2, passthrough=True),
    "numbers", "amount")  # fmt: skip
add("stacking_regressor_before", make_pipeline(ensemble.StackingRegressor(_values, cv=2), Ridge()), "numbers", "amount")


def prefit() -> Any:
    """A stack of members that were fitted on the labels themselves, before it."""
    frame, target = frames.numbers(), frames.TARGETS["ints3"]()
    members = [("a", clone(TREE).fit(frame, target)), ("b", clone(LOGISTIC).fit(frame, target))]
    model = _stack(members, LogisticRegression(), cv="prefit", stack_method="predict")
    return model.fit(frame, target), frame


add_fitted("stacking_prefit", prefit)

for _method in ("sigmoid", "isotonic", "temperature"):
    add(f"calibrated_{_method}", CalibratedClassifierCV(LOGISTIC, method=_method, cv=2), "numbers", "texts2")
    add(f"calibrated_{_method}_three", CalibratedClassifierCV(LOGISTIC, method=_method, cv=2), "pair", "texts3")
    add(f"calibrated_{_method}_forest", CalibratedClassifierCV(FOREST, method=_method, cv=2), "gaps", "bools")
    add(f"calibrated_{_method}_tree_three",
        CalibratedClassifierCV(TREE, method=_method, cv=2, ensemble=False), "numbers", "texts3")  # fmt: skip


def frozen() -> Any:
    """A classifier that is calibrated without being fitted again."""
    frame, target = frames.numbers(), frames.TARGETS["ints2"]()
    return CalibratedClassifierCV(FrozenEstimator(clone(BOOSTING).fit(frame, target))).fit(frame, target), frame


add_fitted("calibrated_frozen", frozen)
add("frozen", make_pipeline(FrozenEstimator(StandardScaler().fit(frames.numbers())), TREE), "numbers", "bools")

add("threshold_auto", FixedThresholdClassifier(LOGISTIC), "numbers", "texts2")
add("threshold_tie", FixedThresholdClassifier(LogisticRegression()), "numbers", "texts2",
    lambda model: (zeroed(model.estimator_), model)[1])  # fmt: skip
add("threshold_probability", FixedThresholdClassifier(FOREST, threshold=0.25), "gaps", "bools")
add("threshold_first", FixedThresholdClassifier(FOREST, threshold=0.5, pos_label="no"), "numbers", "texts2")
add("threshold_decision", FixedThresholdClassifier(
    BOOSTING, threshold=0.3, pos_label=0, response_method="decision_function"), "numbers", "ints2")  # fmt: skip
add(
    "threshold_decision_auto", FixedThresholdClassifier(LOGISTIC, response_method="decision_function"), "array", "bools"
)
add("threshold_tuned", seeded(TunedThresholdClassifierCV, FOREST, cv=2, thresholds=9), "numbers", "texts2")
_tuned = seeded(TunedThresholdClassifierCV, LOGISTIC, cv=2, thresholds=[0.2, 0.5, 0.8], scoring="f1")
add("threshold_tuned_score", _tuned, "numbers", "ints2")

_rest = multiclass.OneVsRestClassifier
add("rest_three", _rest(LOGISTIC), "numbers", "texts3")
add("rest_two", _rest(LOGISTIC), "numbers", "texts2")
add("rest_two_forests", _rest(FOREST), "gaps", "ints2")
add("rest_trees", _rest(TREE), "numbers", "odd_labels")
add("rest_boosting", _rest(BOOSTING), "numbers", "ints3")
add("rest_regressors", _rest(VALUES), "numbers", "texts3")
add("rest_two_regressors", _rest(Ridge()), "numbers", "bools")
add("rest_labels", _rest(LOGISTIC), "numbers", "several_labels", outputs=each_label)
add("rest_label_trees", _rest(TREE), "gaps", "several_labels", outputs=each_label)
add("rest_constant", _rest(LOGISTIC), "numbers", "constant_label", outputs=each_label)
_pairs = multiclass.OneVsOneClassifier
add("pairs_three", _pairs(LOGISTIC), "numbers", "texts3")
add("pairs_trees", _pairs(TREE), "gaps", "odd_labels")
add("pairs_two", _pairs(LOGISTIC), "numbers", "bools")
add("pairs_two_trees", _pairs(TREE), "numbers", "texts2")
add("pairs_regressors", _pairs(VALUES), "numbers", "ints3")
_codes = multiclass.OutputCodeClassifier
add("codes_logistic", seeded(_codes, LOGISTIC, code_size=2), "numbers", "texts3")
add("codes_trees", seeded(_codes, TREE, code_size=3), "gaps", "odd_labels")
add("codes_few", seeded(_codes, LOGISTIC, code_size=0.7), "pair", "odd_labels")

_outputs = multioutput.MultiOutputClassifier
add("outputs_logistic", _outputs(LOGISTIC), "numbers", "text_pair")
add("outputs_trees", _outputs(TREE), "gaps", "text_pair")
add("outputs_votes", _outputs(VOTES_ONLY), "pair", "text_pair")
add("outputs_regressor", multioutput.MultiOutputRegressor(Ridge()), "numbers", "two_amounts")
add("outputs_regressor_trees", multioutput.MultiOutputRegressor(VALUES), "gaps", "two_amounts")
_chain = multioutput.ClassifierChain
add("chain_logistic", _chain(LOGISTIC), "numbers", "several_labels", outputs=each_label)
add("chain_order", _chain(LOGISTIC, order=[2, 0, 1]), "numbers", "several_labels", outputs=each_label)
add("chain_probabilities", seeded(_chain, LOGISTIC, order="random", chain_method="predict_proba", cv=2),
    "numbers", "several_labels", outputs=each_label)  # fmt: skip
add("chain_decision", _chain(LOGISTIC, chain_method="decision_function"), "array", "several_labels", outputs=each_label)
add("chain_trees", _chain(TREE), "numbers", "several_labels", outputs=each_label)
add("chain_classes", _chain(TREE), "numbers", "number_pair")
add("chain_regressor", multioutput.RegressorChain(Ridge()), "numbers", "two_amounts")
add("chain_regressor_order", multioutput.RegressorChain(VALUES, order=[1, 0], cv=2), "numbers", "two_amounts")

_target = TransformedTargetRegressor
add("target_default", _target(Ridge()), "numbers", "amount")
add("target_log", _target(VALUES, func=np.log1p, inverse_func=np.expm1), "gaps", "positive")
add("target_log_linear", _target(LinearRegression(), func=np.log, inverse_func=np.exp), "integers", "positive")
for _name, _scaler in {
    "standard": StandardScaler(),
    "standard_mean": StandardScaler(with_std=False),
    "min_max": MinMaxScaler((1, 3)),
    "max_abs": MaxAbsScaler(),
    "robust": RobustScaler(),
    "robust_scale": RobustScaler(with_centering=False),
    "steps": make_pipeline(FunctionTransformer(np.sqrt, np.square), StandardScaler()),
    "yeo_johnson": PowerTransformer(),
    "box_cox": PowerTransformer("box-cox", standardize=False),
    "quantiles": QuantileTransformer(n_quantiles=20),
}.items():
    add(f"target_{_name}", _target(VALUES, transformer=_scaler), "gaps", "positive")
add("target_two", _target(LinearRegression(), transformer=StandardScaler()), "numbers", "two_amounts")
add("target_two_powers", _target(LinearRegression(), transformer=PowerTransformer()), "numbers", "two_amounts")

_grid = {"max_depth": [1, 3]}
add("search_grid", GridSearchCV(TREE, _grid, cv=2), "gaps", "texts3")
add("search_random", seeded(RandomizedSearchCV, TREE, _grid, cv=2, n_iter=1), "gaps", "texts2")
add("search_halving", make_pipeline(StandardScaler(), seeded(HalvingGridSearchCV, TREE, _grid, cv=2)), "gaps", "bools")
add("search_halving_random", _outputs(seeded(HalvingRandomSearchCV, TREE, _grid, cv=2, n_candidates=2)),
    "numbers", "text_pair")  # fmt: skip
add("search_bagged", seeded(_bagging, GridSearchCV(TREE, _grid, cv=2), n_estimators=2), "gaps", "ints3")
add("search_calibrated", CalibratedClassifierCV(GridSearchCV(LOGISTIC, {"logisticregression__C": [1.0]}, cv=2), cv=2),
    "numbers", "texts2")  # fmt: skip
add("search_before", make_pipeline(GridSearchCV(make_pipeline(StandardScaler()), {}, cv=2,
    scoring=lambda model, x, y=None: 0.0), LogisticRegression()), "numbers", "texts2")  # fmt: skip
add("self_trained", SelfTrainingClassifier(TREE), "gaps", "some_labels")
add("self_trained_logistic", SelfTrainingClassifier(LOGISTIC, criterion="k_best", k_best=5), "numbers", "some_labels")

_margin = make_pipeline(StandardScaler(), LinearSVC())
add("margin_bagging", seeded(_bagging, _margin, n_estimators=2), "pair", "texts3")
add("margin_calibrated", CalibratedClassifierCV(_margin, cv=2), "numbers", "texts3")
add("margin_calibrated_support", CalibratedClassifierCV(make_pipeline(StandardScaler(), SVC()), cv=2), "pair", "bools")
add("margin_rest", _rest(_margin), "numbers", "odd_labels")
add("margin_pairs", _pairs(_margin), "numbers", "bools")
add("margin_stacking", _stack([("a", _margin), ("b", GaussianNB())], cv=2), "pair", "texts2")
add("margin_threshold", FixedThresholdClassifier(_margin, pos_label="no"), "numbers", "texts2")
add("margin_voting", _vote([("a", _margin), ("b", LinearDiscriminantAnalysis()), ("c", GaussianNB())]), "pair", "ints3")
