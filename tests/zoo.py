"""The zoo: one small fitted scikit-learn model for every estimator and option that indb reads, with its training frame.

`ZOO[name]()` gives `(fitted estimator, training frame)`; a case is fitted when it is first asked for and kept.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
import pandas as pd
import zoo_frames as frames
from sklearn import ensemble, linear_model, preprocessing, svm, tree
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.dummy import DummyClassifier
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

Fitted = tuple[Any, pd.DataFrame]

THREADS = ThreadpoolController()
"""The thread pools of the libraries that are imported here."""

ZOO: dict[str, Callable[[], Fitted]] = {}
"""Case name -> the fitted estimator and the frame that it was fitted on."""


def add(name: str, estimator: Any, data: str, target: str | None, after: Callable[[Any], Any] | None = None) -> None:
    """Add a case: an estimator, the frame and the target of `zoo_frames`, and what to do to it once it is fitted."""

    @cache
    def fitted() -> Fitted:
        frame = frames.FRAMES[data]()
        with catch_warnings(), THREADS.limit(limits=1):  # a small fit on busy cores waits for its threads
            simplefilter("ignore")  # convergence and deprecation: the model counts, not how well it was trained
            model = clone(estimator)
            model.fit(frame.to_numpy() if data == "array" else frame, target and frames.TARGETS[target]())
        return (model if after is None else after(model)), frame

    if name in ZOO:
        raise ValueError(f"two cases are named {name!r}")
    ZOO[name] = fitted


def sparsified(model: Any) -> Any:
    """The model with its coefficients as a sparse matrix."""
    return model.sparsify()


def zeroed(model: Any) -> Any:
    """The model with a margin of zero for every row."""
    model.coef_, model.intercept_ = model.coef_ * 0.0, model.intercept_ * 0.0
    return model


def on_columns(*steps: tuple[str, Any, Any], remainder: Any = "drop") -> ColumnTransformer:
    """A ColumnTransformer of (name, transformer, columns)."""
    return ColumnTransformer(list(steps), remainder=remainder)


# Linear models -------------------------------------------------------------------------------------------------------

_LINEAR: tuple[Any, ...] = (
    *(linear_model.LinearRegression(), linear_model.Ridge(), linear_model.RidgeCV(), linear_model.Lasso(alpha=0.01)),
    *(linear_model.LassoCV(cv=3), linear_model.ElasticNet(alpha=0.01), linear_model.ElasticNetCV(cv=3)),
    *(linear_model.Lars(), linear_model.LarsCV(cv=3), linear_model.LassoLars(alpha=0.01)),
    *(linear_model.LassoLarsCV(cv=3), linear_model.LassoLarsIC(), linear_model.OrthogonalMatchingPursuit()),
    *(linear_model.OrthogonalMatchingPursuitCV(cv=3), linear_model.BayesianRidge(), linear_model.ARDRegression()),
    *(linear_model.HuberRegressor(), linear_model.TheilSenRegressor(random_state=0, max_subpopulation=50)),
    *(linear_model.SGDRegressor(random_state=0), linear_model.QuantileRegressor(alpha=0.0), svm.LinearSVR()),
)
for _estimator in _LINEAR:
    add(f"linear_{type(_estimator).__name__}", _estimator, "numbers", "amount")
for _estimator in (
    linear_model.MultiTaskElasticNet(alpha=0.01),
    linear_model.MultiTaskElasticNetCV(cv=3),
    linear_model.MultiTaskLasso(alpha=0.01),
    linear_model.MultiTaskLassoCV(cv=3),
):
    add(f"linear_{type(_estimator).__name__}", _estimator, "numbers", "two_amounts")
for _estimator in (linear_model.PoissonRegressor(), linear_model.GammaRegressor(), linear_model.TweedieRegressor()):
    add(f"linear_{type(_estimator).__name__}", make_pipeline(StandardScaler(), _estimator), "numbers", "positive")
with catch_warnings():
    simplefilter("ignore", FutureWarning)  # deprecated since 1.8, and still in people's files
    add("linear_passive", linear_model.PassiveAggressiveRegressor(random_state=0), "numbers", "amount")
add("linear_column_target", LinearRegression(), "numbers", "one_column")
add("linear_two_targets", LinearRegression(), "numbers", "two_amounts")
add("linear_no_intercept", LinearRegression(fit_intercept=False), "numbers", "amount")
add("linear_two_targets_no_intercept", Ridge(fit_intercept=False), "numbers", "two_amounts")
add("linear_sparse", linear_model.SGDRegressor(random_state=0, penalty="l1"), "numbers", "amount", sparsified)
add("linear_integers", LinearRegression(), "integers", "amount")

_scaled = make_pipeline(StandardScaler(), LogisticRegression())
for _labels in ("texts2", "texts3", "bools", "ints2", "ints3", "floats2", "floats3", "odd_labels"):
    add(f"logistic_{_labels}", _scaled, "numbers", _labels)
add("logistic_raw", LogisticRegression(), "numbers", "texts2")
add("logistic_l1", LogisticRegression(l1_ratio=1, solver="liblinear"), "numbers", "ints2")
add("logistic_elastic", LogisticRegression(l1_ratio=0.5, solver="saga"), "numbers", "texts3")
add("logistic_no_penalty", LogisticRegression(C=np.inf, fit_intercept=False), "numbers", "texts3")
add("logistic_sparse", LogisticRegression(l1_ratio=1, solver="saga"), "numbers", "texts3", sparsified)
add("logistic_cv", linear_model.LogisticRegressionCV(cv=3, Cs=3), "numbers", "texts3")

add("logistic_tie", LogisticRegression(), "numbers", "texts2", zeroed)
add("logistic_three_ties", LogisticRegression(), "numbers", "texts3", zeroed)

# Trees ---------------------------------------------------------------------------------------------------------------

_TREES: dict[str, tuple[Any, Any]] = {
    "tree": (tree.DecisionTreeClassifier(max_depth=4), tree.DecisionTreeRegressor(max_depth=4)),
    "extra_tree": (tree.ExtraTreeClassifier(max_depth=4), tree.ExtraTreeRegressor(max_depth=4)),
    "forest": (
        ensemble.RandomForestClassifier(n_estimators=7, max_depth=4),
        ensemble.RandomForestRegressor(n_estimators=7, max_depth=4),
    ),
    "extra_trees": (
        ensemble.ExtraTreesClassifier(n_estimators=7, max_depth=4),
        ensemble.ExtraTreesRegressor(n_estimators=7, max_depth=4),
    ),
    "boosting": (
        ensemble.GradientBoostingClassifier(n_estimators=7),
        ensemble.GradientBoostingRegressor(n_estimators=7),
    ),
    "hist": (
        ensemble.HistGradientBoostingClassifier(max_iter=7, min_samples_leaf=4, max_leaf_nodes=8),
        ensemble.HistGradientBoostingRegressor(max_iter=7, min_samples_leaf=4, max_leaf_nodes=8),
    ),
}
for _name, (_classifier, _regressor) in _TREES.items():
    _classifier.set_params(random_state=0)
    _regressor.set_params(random_state=0)
    add(f"{_name}_two_classes", _classifier, "numbers", "bools")
    add(f"{_name}_three_classes", _classifier, "numbers", "texts3")
    add(f"{_name}_regressor", _regressor, "numbers", "amount")
    add(f"{_name}_ties", clone(_classifier).set_params(max_features=1.0), "ties", "ties_bools")
    if _name != "boosting":
        add(f"{_name}_gaps", _classifier, "gaps", "ints2")
        add(f"{_name}_gaps_regressor", _regressor, "gaps", "amount")
    if _name not in ("boosting", "hist"):
        add(f"{_name}_two_targets", _classifier, "numbers", "text_pair")
        add(f"{_name}_two_targets_regressor", _regressor, "numbers", "two_amounts")
add("tree_float_labels", tree.DecisionTreeClassifier(max_depth=3), "numbers", "floats3")
add("tree_odd_labels", tree.DecisionTreeClassifier(max_depth=5), "numbers", "odd_labels")
add("tree_best_first", tree.DecisionTreeClassifier(max_leaf_nodes=9), "gaps", "texts3")
add("tree_pruned", tree.DecisionTreeRegressor(ccp_alpha=0.5), "numbers", "amount")
add("tree_stump", tree.DecisionTreeRegressor(min_samples_leaf=90), "numbers", "amount")
add("tree_integers", tree.DecisionTreeClassifier(max_depth=6), "integers", "texts3")
add("tree_float32_ties", tree.DecisionTreeRegressor(), "crowded", "crowded_amount")
add("forest_deep", ensemble.RandomForestClassifier(25, random_state=1), "gaps", "texts3")
add("forest_large", ensemble.RandomForestClassifier(60, max_depth=8, random_state=3), "wide", "wide_bools")
add("hist_large", ensemble.HistGradientBoostingClassifier(max_iter=50, random_state=3), "wide", "wide_bools")
add("forest_weighted", ensemble.RandomForestClassifier(9, class_weight="balanced", random_state=2), "numbers", "ints3")
add("boosting_exponential", ensemble.GradientBoostingClassifier(loss="exponential", n_estimators=9), "numbers", "ints2")
add("boosting_zero", ensemble.GradientBoostingClassifier(init="zero", n_estimators=9), "numbers", "texts3")
_dummy = DummyClassifier(strategy="most_frequent")
add("boosting_dummy", ensemble.GradientBoostingClassifier(init=_dummy, n_estimators=5), "numbers", "texts2")
for _loss in ("absolute_error", "huber", "quantile"):
    _estimator = ensemble.GradientBoostingRegressor(loss=_loss, n_estimators=9, max_depth=2)
    add(f"boosting_{_loss}", _estimator, "numbers", "amount")

_hist = ensemble.HistGradientBoostingRegressor(max_iter=6, min_samples_leaf=4, max_leaf_nodes=8)
for _loss in ("absolute_error", "gamma", "poisson", "quantile"):
    _estimator = clone(_hist).set_params(loss=_loss, quantile=0.7 if _loss == "quantile" else None)
    add(f"hist_{_loss}", _estimator, "gaps", "positive")
_hist2 = ensemble.HistGradientBoostingClassifier(max_iter=8, min_samples_leaf=3, max_leaf_nodes=8)
add("hist_infinite", _hist2, "infinite", "texts2")
add("hist_dtype_categories", _hist2, "categories", "texts3")
add("hist_dtype_categories_regressor", _hist, "categories", "amount")
add("hist_named_categories", clone(_hist2).set_params(categorical_features=["city", "level"]), "city_level", "bools")
add("hist_none_category", clone(_hist2).set_params(categorical_features=["city"]), "city_none", "ints2")
add("hist_many_categories", clone(_hist).set_params(categorical_features=["shop"]), "shops", "amount")

# Pipelines -----------------------------------------------------------------------------------------------------------

NUMERIC, TEXT = ["age", "income"], ["city", "plan"]
_hot = OneHotEncoder(handle_unknown="ignore")
_filled = SimpleImputer(strategy="median")

for _strategy in ("mean", "median", "most_frequent"):
    add(f"impute_{_strategy}", make_pipeline(SimpleImputer(strategy=_strategy), Ridge()), "gaps", "amount")
_constant = SimpleImputer(strategy="constant", fill_value=-1.5, add_indicator=True)
add("impute_constant_indicator", make_pipeline(_constant, LogisticRegression()), "gaps", "texts2")
add("impute_minus_one", make_pipeline(SimpleImputer(missing_values=-1), LinearRegression()), "minus_ones", "amount")
_flags = make_union(_filled, MissingIndicator(features="all"))
add("indicator_all", make_pipeline(_flags, _TREES["tree"][0]), "gaps", "texts3")
add("indicator_seen", make_pipeline(make_union(_filled, MissingIndicator()), LogisticRegression()), "gaps", "ints2")
for _strategy, _fill in (("most_frequent", None), ("constant", "n/a")):
    _texts = make_pipeline(SimpleImputer(strategy=_strategy, fill_value=_fill), _hot)
    _columns = on_columns(("texts", _texts, TEXT), ("numbers", _filled, NUMERIC))
    add(f"impute_text_{_strategy}", make_pipeline(_columns, LogisticRegression()), "mixed", "texts3")

for _scaler in (
    preprocessing.StandardScaler(with_mean=False),
    preprocessing.MinMaxScaler((-1, 2)),
    preprocessing.MaxAbsScaler(),
    preprocessing.RobustScaler(),
):
    add(f"scale_{type(_scaler).__name__}_ridge", make_pipeline(_scaler, Ridge()), "numbers", "amount")
    add(f"scale_{type(_scaler).__name__}_tree", make_pipeline(_scaler, _TREES["tree"][0]), "numbers", "texts3")
_clipped = preprocessing.MinMaxScaler(clip=True)
add("scale_clipped_forest", make_pipeline(_clipped, _TREES["forest"][1]), "gaps", "amount")
_twice = make_pipeline(_filled, StandardScaler(), _clipped, _TREES["boosting"][0])
add("scale_twice_boosting", _twice, "gaps", "texts2")
add("scale_only", StandardScaler(), "gaps", None)

_modes: dict[str, dict[str, Any]] = {
    "ignore": {"handle_unknown": "ignore"},
    "error": {},
    "drop_first": {"drop": "first", "handle_unknown": "ignore"},
    "drop_if_binary": {"drop": "if_binary"},
    "infrequent": {"min_frequency": 15, "handle_unknown": "infrequent_if_exist"},
    "max_categories": {"max_categories": 3, "handle_unknown": "infrequent_if_exist"},
    "dense": {"sparse_output": False, "handle_unknown": "ignore"},
}
for _mode, _options in _modes.items():
    _columns = on_columns(("hot", OneHotEncoder(**_options), [*TEXT, "level"]), ("numbers", _filled, NUMERIC))
    add(f"one_hot_{_mode}", make_pipeline(_columns, LogisticRegression()), "mixed", "bools")
_kinds = on_columns(("hot", _hot, ["city", "level", "member"]), ("rest", "passthrough", ["score"]))
for _name in ("tree", "forest", "hist"):
    _pipeline = make_pipeline(clone(_kinds).set_params(sparse_threshold=0), _TREES[_name][0])
    add(f"one_hot_{_name}", _pipeline, "mixed", "texts3")
add("one_hot_odd", make_pipeline(_hot, LogisticRegression()), "odd_texts", "odd_labels")

_known = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
_columns = on_columns(("o", _known, [*TEXT, "level"]))
add("ordinal_forest", make_pipeline(_columns, _TREES["forest"][0]), "mixed", "texts3")
add("ordinal_error", make_pipeline(on_columns(("o", OrdinalEncoder(), ["city"])), _TREES["tree"][0]), "mixed", "texts2")
_lost = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
_codes = on_columns(("o", _lost, ["city"]), remainder="passthrough")
_hist_codes = clone(_hist2).set_params(categorical_features=[0])
add("ordinal_hist", make_pipeline(_codes, _hist_codes), "city_level", "texts3")

_logs = on_columns(("log", FunctionTransformer(np.log1p), ["visits"]), ("id", FunctionTransformer(), NUMERIC))
add("function_log1p", make_pipeline(_logs, Ridge()), "numbers", "amount")
_roots = on_columns(("sqrt", FunctionTransformer(np.sqrt), ["visits"]), ("abs", FunctionTransformer(np.abs), ["score"]))
add("function_sqrt_tree", make_pipeline(_roots, _TREES["tree"][1]), "numbers", "amount")
_union = FeatureUnion([("s", StandardScaler()), ("m", preprocessing.MinMaxScaler())], transformer_weights={"m": 2.0})
add("union_weights", make_pipeline(_union, Ridge()), "numbers", "amount")

_selections: dict[str, Any] = {
    "names": ["age", "score"],
    "positions": [0, 2],
    "slice": slice("age", "score"),
    "mask": [True, False, True, False],
    "callable": frames.first_two,
    "dtype": make_column_selector(dtype_include=np.number),
    "regex": make_column_selector(pattern="^(age|visits)$"),
}
for _name, _selection in _selections.items():
    _columns = on_columns(("scaled", StandardScaler(), _selection), remainder="passthrough")
    add(f"select_{_name}", make_pipeline(_columns, Ridge()), "numbers", "amount")
_nested = on_columns(
    ("numbers", Pipeline([("fill", _filled), ("scale", StandardScaler())]), make_column_selector(dtype_include=float)),
    ("texts", _hot, make_column_selector(dtype_include=["object", "string"])),
    ("dropped", "drop", ["level"]),
    remainder=OneHotEncoder(drop="if_binary"),
)
add("everything_logistic", make_pipeline(_nested, LogisticRegression()), "mixed", "texts2")
add("everything_boosting", make_pipeline(_nested, _TREES["boosting"][0]), "mixed", "texts3")

# Names ---------------------------------------------------------------------------------------------------------------

add("names_linear", LinearRegression(), "odd_names", "amount")
add("names_forest", _TREES["forest"][0], "odd_names", "odd_labels")
add("names_hist", _TREES["hist"][1], "odd_names", "amount")
add("array_tree", _TREES["tree"][0], "array", "ints2")
