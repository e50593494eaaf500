"""Neighbours of scikit-learn. Of the k nearest, rows that lie equally far are scored by the library alone."""

from sklearn import neighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from zoo.cases import OPEN, add

_CASES = {
    "knn_texts3": (neighbors.KNeighborsClassifier(), "texts3"),
    "knn_weighted": (neighbors.KNeighborsClassifier(weights="distance", algorithm="ball_tree"), "ints3"),
    "knn_brute": (neighbors.KNeighborsClassifier(4, algorithm="brute"), "bools"),
    "knn_one": (neighbors.KNeighborsClassifier(1), "odd_labels"),
    "knn_manhattan": (neighbors.KNeighborsClassifier(p=1), "texts2"),
    "knn_two_labels": (neighbors.KNeighborsClassifier(), "text_pair"),
    "knn_regressor": (neighbors.KNeighborsRegressor(p=1), "two_amounts"),
    "knn_regressor_weighted": (neighbors.KNeighborsRegressor(7, weights="distance"), "amount"),
    "knn_regressor_chebyshev": (neighbors.KNeighborsRegressor(metric="chebyshev", weights="distance"), "amount"),
    "knn_regressor_all": (neighbors.KNeighborsRegressor(120, algorithm="kd_tree"), "amount"),
}
for _name, (_estimator, _target) in _CASES.items():
    add(_name, make_pipeline(StandardScaler(), _estimator), "numbers", _target)
    OPEN.add(_name)

_within = make_pipeline(StandardScaler(), neighbors.RadiusNeighborsClassifier(2.0))
add("radius_texts3", _within, "numbers", "texts3")
add("radius_text_pair", _within, "numbers", "text_pair")
_within = neighbors.RadiusNeighborsClassifier(3.0, metric="manhattan", algorithm="ball_tree")
add("radius_manhattan", make_pipeline(StandardScaler(), _within), "numbers", "bools")
_within = neighbors.RadiusNeighborsRegressor(1.5, algorithm="kd_tree")
add("radius_regressor", make_pipeline(StandardScaler(), _within), "numbers", "two_amounts")
