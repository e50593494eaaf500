"""Searches over settings of scikit-learn: the best estimator that they found is what is read."""

from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from zoo.cases import add

add("grid_search", GridSearchCV(make_pipeline(StandardScaler(), Ridge()), {"ridge__alpha": [0.1, 10.0]}, cv=2),
    "numbers", "amount")  # fmt: skip
add("randomized_search", RandomizedSearchCV(RandomForestClassifier(5, random_state=0), {"max_depth": [2, 3]}, n_iter=2,
                                            cv=2, random_state=0), "gaps", "texts3")  # fmt: skip
