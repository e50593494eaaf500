"""Trees, forests and boosted trees of scikit-learn."""

from typing import Any

from sklearn import ensemble, tree
from sklearn.base import clone
from sklearn.dummy import DummyClassifier

from zoo.cases import add

TREES: dict[str, tuple[Any, Any]] = {
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
for _name, (_classifier, _regressor) in TREES.items():
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
HIST = ensemble.HistGradientBoostingClassifier(max_iter=8, min_samples_leaf=3, max_leaf_nodes=8)
add("hist_infinite", HIST, "infinite", "texts2")
add("hist_dtype_categories", HIST, "categories", "texts3")
add("hist_dtype_categories_regressor", _hist, "categories", "amount")
add("hist_named_categories", clone(HIST).set_params(categorical_features=["city", "level"]), "city_level", "bools")
add("hist_none_category", clone(HIST).set_params(categorical_features=["city"]), "city_none", "ints2")
add("hist_many_categories", clone(_hist).set_params(categorical_features=["shop"]), "shops", "amount")
add("names_forest", TREES["forest"][0], "odd_names", "odd_labels")
add("names_hist", TREES["hist"][1], "odd_names", "amount")
add("array_tree", TREES["tree"][0], "array", "ints2")
