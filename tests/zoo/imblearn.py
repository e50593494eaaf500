"""Pipelines with samplers and ensembles of imbalanced-learn."""

from imblearn.ensemble import (
    BalancedBaggingClassifier,
    BalancedRandomForestClassifier,
    EasyEnsembleClassifier,
    RUSBoostClassifier,
)
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.ensemble import AdaBoostClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline as sklearn_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from zoo.cases import add

_balanced = BalancedRandomForestClassifier(
    n_estimators=5, max_depth=4, random_state=0, sampling_strategy="all", replacement=True, bootstrap=False
)
add("imblearn_balanced_forest", _balanced, "numbers", "texts3")
add("imblearn_balanced_forest_gaps", make_pipeline(SimpleImputer(), _balanced), "gaps", "bools")
_tree = DecisionTreeClassifier(max_depth=2)
add("imblearn_balanced_bagging", BalancedBaggingClassifier(_tree, n_estimators=3, random_state=0), "numbers", "texts3")
add("imblearn_bagging_features", BalancedBaggingClassifier(
    LogisticRegression(), n_estimators=3, max_features=0.5, random_state=0), "numbers", "ints2")  # fmt: skip
add("imblearn_easy_ensemble", EasyEnsembleClassifier(n_estimators=2, estimator=AdaBoostClassifier(
    _tree, n_estimators=2, random_state=0), random_state=0), "numbers", "bools")  # fmt: skip
add("imblearn_rus_boost", RUSBoostClassifier(_tree, n_estimators=3, random_state=0), "numbers", "texts3")
add("imblearn_rus_boost_two", RUSBoostClassifier(_tree, n_estimators=3, random_state=0), "numbers", "texts2")
add("imblearn_smote", make_pipeline(StandardScaler(), SMOTE(random_state=0), LogisticRegression()), "numbers", "texts3")
add("imblearn_sampler_first", make_pipeline(
    RandomUnderSampler(random_state=0), DecisionTreeClassifier(max_depth=3)), "array", "ints2")  # fmt: skip
add("imblearn_nested", make_pipeline(RandomOverSampler(random_state=0), sklearn_pipeline(
    make_pipeline(SimpleImputer(), StandardScaler()), LogisticRegression())), "gaps", "texts2")  # fmt: skip
add("imblearn_searched", GridSearchCV(make_pipeline(
    StandardScaler(), RandomOverSampler(random_state=0), LogisticRegression()),
    {"logisticregression__C": [1.0, 2.0]}, cv=2), "numbers", "texts2")  # fmt: skip
