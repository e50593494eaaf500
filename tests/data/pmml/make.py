"""Write the fixtures that tools make: sklearn2pmml (with its verification rows) and nyoka.

It runs in an environment of its own, because sklearn2pmml follows scikit-learn at a distance:

    pip install scikit-learn==1.9.0 sklearn2pmml==0.133.1 nyoka==5.5.0 lightgbm==4.7.0 xgboost-cpu==3.2.0 setuptools
    python tests/data/pmml/make.py [name …]

and needs Java. The models are small on purpose: what is tested is the meaning of the elements, not of many of them.
Files whose names start with neither `sklearn2pmml-` nor `nyoka-` are written by hand, after the specification.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import cluster, ensemble, linear_model, naive_bayes, neighbors, neural_network, pipeline, svm, tree
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import SelectKBest
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import (
    Binarizer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)

HERE = Path(__file__).parent
N_ROWS = 90
VERIFIED = 8
"""How many rows a file's verification holds."""
SINGLE = ("xgboost", "tree", "forest", "extra", "stacking", "voting", "adaboost", "bagging", "isolation", "gradient")
"""What a name contains where the library computes in float32, so that its numbers hold to 1e-6 only."""

rng = np.random.default_rng(11)


def table() -> pd.DataFrame:
    """A table of customers: two numbers with gaps in one of them, a count, two texts."""
    age = rng.integers(18, 80, N_ROWS).astype(float)
    income = np.round(rng.lognormal(3.0, 0.6, N_ROWS), 2)
    income[rng.random(N_ROWS) < 0.15] = np.nan
    visits = rng.poisson(3.0, N_ROWS).astype(float)
    city = rng.choice(["Oslo", "Paris", "Zürich", "O'Hare"], N_ROWS)
    plan = rng.choice(["basic", "plus", "pro"], N_ROWS, p=[0.5, 0.3, 0.2])
    return pd.DataFrame({"age": age, "income": income, "visits": visits, "city": city, "plan": plan})


FRAME = table()
FLOWERS = pd.DataFrame(
    np.round(
        np.repeat([[5.0, 3.4, 1.5], [5.9, 2.8, 4.3], [6.6, 3.0, 5.6]], 30, axis=0) + rng.normal(0, 0.4, (90, 3)), 2
    ),
    columns=["length", "width", "petal"],
)
SPECIES = pd.Series(np.repeat(["setosa", "versicolor", "virginica"], 30), name="species")
AMOUNT = (
    FRAME.age * 0.5 + FRAME.income.fillna(20) * 0.3 + 4.0 * (FRAME.city == "Paris") + rng.normal(0, 2, N_ROWS)
).round(2)
AMOUNT.name = "amount"
CHURN = pd.Series(np.where(AMOUNT + rng.normal(0, 3, N_ROWS) > AMOUNT.median(), "yes", "no"), name="churn")
LEVEL = pd.Series(np.digitize(AMOUNT, np.quantile(AMOUNT, [0.3, 0.7])) + 1, name="level")
NUMBERS = ["age", "income", "visits"]
TEXTS = ["city", "plan"]


def mixed(**options: Any) -> ColumnTransformer:
    """Domains, imputers, scalers and one-hot lanes for the table of customers."""
    from sklearn2pmml.decoration import CategoricalDomain, ContinuousDomain

    numbers = pipeline.make_pipeline(
        ContinuousDomain(**options.pop("continuous", {})), SimpleImputer(), StandardScaler()
    )
    texts = pipeline.make_pipeline(
        CategoricalDomain(**options.pop("categorical", {})), OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    )
    return ColumnTransformer([("numbers", numbers, NUMBERS), ("texts", texts, TEXTS)])


def trees(**options: Any) -> ColumnTransformer:
    """Numbers with their gaps, and ordinal codes of texts."""
    from sklearn2pmml.decoration import CategoricalDomain, ContinuousDomain

    return ColumnTransformer([
        ("numbers", ContinuousDomain(**options), NUMBERS),
        ("texts", pipeline.make_pipeline(CategoricalDomain(), OrdinalEncoder()), TEXTS),
    ])  # fmt: skip


Case = tuple[list[Any], pd.DataFrame, "pd.Series[Any] | None"]


def flowers(*steps: Any) -> Case:
    return [*steps], FLOWERS, SPECIES


def amount(*steps: Any) -> Case:
    return [*steps], FRAME, AMOUNT


def churn(*steps: Any) -> Case:
    return [*steps], FRAME, CHURN


def level(*steps: Any) -> Case:
    return [*steps], FRAME, LEVEL


def linear_cases() -> dict[str, Case]:
    invalid = {
        "invalid_value_treatment": "as_missing",
        "missing_value_replacement": -1.0,
        "missing_value_treatment": "as_value",
    }
    outliers = {"outlier_treatment": "as_extreme_values", "low_value": 20.0, "high_value": 70.0}
    missing = {"outlier_treatment": "as_missing_values", "low_value": 20.0, "high_value": 60.0}
    unknown = {"invalid_value_treatment": "as_value", "invalid_value_replacement": "Oslo"}
    passed = {"invalid_value_treatment": "as_is"}
    numbers = ColumnTransformer([("numbers", SimpleImputer(strategy="median"), NUMBERS)])
    return {
        "linear": amount(mixed(), linear_model.LinearRegression()),
        "ridge-outliers": amount(mixed(continuous=outliers), linear_model.Ridge()),
        "lasso-outliers-missing": amount(mixed(continuous=missing, categorical=passed), linear_model.Lasso(0.1)),
        "huber-invalid": amount(mixed(continuous=invalid), linear_model.HuberRegressor(max_iter=500)),
        "poisson": amount(mixed(), linear_model.PoissonRegressor()),
        "gamma": amount(mixed(categorical=passed), linear_model.GammaRegressor()),
        "tweedie": amount(numbers, linear_model.TweedieRegressor(power=1.5)),
        "logistic": churn(mixed(), linear_model.LogisticRegression()),
        "logistic-multi": level(mixed(continuous=invalid), linear_model.LogisticRegression()),
        "logistic-flowers": flowers(MinMaxScaler(), linear_model.LogisticRegression()),
        "logistic-ovr": flowers(RobustScaler(), OneVsRestClassifier(linear_model.LogisticRegression())),
        "ridge-classifier": churn(mixed(categorical=unknown), linear_model.RidgeClassifier()),
        "sgd": flowers(StandardScaler(), linear_model.SGDClassifier(loss="log_loss", random_state=1)),
        "lda": flowers(MaxAbsScaler(), LinearDiscriminantAnalysis()),
        "polynomial": amount(numbers, PolynomialFeatures(2), linear_model.LinearRegression()),
        "bins": amount(numbers, KBinsDiscretizer(4, encode="onehot-dense", quantile_method="averaged_inverted_cdf"), linear_model.Ridge()),
        "binarizer-select": flowers(StandardScaler(), SelectKBest(k=2), Binarizer(), linear_model.LogisticRegression()),
        "pca": flowers(StandardScaler(), PCA(2), linear_model.LogisticRegression()),
    }  # fmt: skip


def tree_cases() -> dict[str, Case]:
    return {
        "tree": churn(trees(), tree.DecisionTreeClassifier(max_depth=4, random_state=1)),
        "tree-regressor": amount(trees(), tree.DecisionTreeRegressor(max_depth=4, random_state=1)),
        "forest": flowers(ensemble.RandomForestClassifier(5, max_depth=4, random_state=1)),
        "forest-regressor": amount(trees(), ensemble.RandomForestRegressor(4, max_depth=4, random_state=1)),
        "extra-trees": level(mixed(), ensemble.ExtraTreesClassifier(3, max_depth=3, random_state=1)),
        "gradient": churn(mixed(), ensemble.GradientBoostingClassifier(n_estimators=5, max_depth=2, random_state=1)),
        "gradient-multi": flowers(ensemble.GradientBoostingClassifier(n_estimators=3, max_depth=2, random_state=1)),
        "gradient-regressor": amount(mixed(), ensemble.GradientBoostingRegressor(n_estimators=5, max_depth=2, random_state=1)),
        "hist": churn(trees(), ensemble.HistGradientBoostingClassifier(max_iter=4, max_leaf_nodes=5, min_samples_leaf=5)),
        "hist-regressor": amount(
            trees(), ensemble.HistGradientBoostingRegressor(max_iter=4, max_leaf_nodes=5, min_samples_leaf=5)
        ),
        "adaboost": amount(mixed(), ensemble.AdaBoostRegressor(tree.DecisionTreeRegressor(max_depth=2), n_estimators=4, random_state=1)),
        "bagging": flowers(ensemble.BaggingClassifier(tree.DecisionTreeClassifier(max_depth=3), 3, random_state=1)),
        "voting": flowers(
            ensemble.VotingClassifier(
                [("a", linear_model.LogisticRegression()), ("b", tree.DecisionTreeClassifier(max_depth=2))], voting="soft"
            )
        ),
        "stacking": amount(
            mixed(),
            ensemble.StackingRegressor([("a", linear_model.Ridge()), ("b", tree.DecisionTreeRegressor(max_depth=2))]),
        ),
        "isolation": ([ensemble.IsolationForest(n_estimators=5, max_samples=32, random_state=1)], FLOWERS, None),
        "isolation-contamination": ([StandardScaler(), ensemble.IsolationForest(n_estimators=4, max_samples=16, contamination=0.1, random_state=1)], FLOWERS, None),
    }  # fmt: skip


def library_cases() -> dict[str, Case]:
    import lightgbm
    import xgboost

    light = {"n_estimators": 4, "num_leaves": 5, "min_child_samples": 5, "verbose": -1, "n_jobs": 1}
    boost = {"n_estimators": 4, "max_depth": 3, "n_jobs": 1}
    gaps = ColumnTransformer([("numbers", SimpleImputer(), ["age", "visits"]), ("gap", MissingIndicator(), ["income"])])
    return {
        "lightgbm": churn(trees(), lightgbm.LGBMClassifier(**light)),
        "lightgbm-multi": flowers(lightgbm.LGBMClassifier(**light)),
        "lightgbm-regressor": amount(trees(), lightgbm.LGBMRegressor(**light)),
        "xgboost": churn_codes(trees(), xgboost.XGBClassifier(**boost)),
        "xgboost-multi": level_codes(trees(), xgboost.XGBClassifier(**boost)),
        "xgboost-regressor": amount(trees(), xgboost.XGBRegressor(**boost)),
        "xgboost-poisson": amount(trees(), xgboost.XGBRegressor(objective="count:poisson", **boost)),
        "gap-indicator": amount(gaps, linear_model.Ridge()),
    }


def churn_codes(*steps: Any) -> Case:
    return [*steps], FRAME, (CHURN == "yes").astype(int).rename("churn")


def level_codes(*steps: Any) -> Case:
    return [*steps], FRAME, LEVEL - 1


def other_cases() -> dict[str, Case]:
    quick = {"max_iter": 60, "random_state": 1}
    return {
        "svc": flowers(StandardScaler(), svm.SVC()),
        "svc-binary": churn(mixed(), svm.SVC(kernel="poly", degree=3, coef0=0.5)),
        "svc-linear": flowers(svm.SVC(kernel="linear")),
        "svr": amount(mixed(), svm.SVR(kernel="rbf", C=5.0)),
        "nusvr": amount(mixed(), svm.NuSVR(kernel="sigmoid", coef0=0.1, gamma=0.05)),
        "linear-svc": flowers(StandardScaler(), svm.LinearSVC(random_state=1)),
        "one-class": ([StandardScaler(), svm.OneClassSVM(nu=0.2)], FLOWERS, None),
        "calibrated": churn(mixed(), CalibratedClassifierCV(linear_model.RidgeClassifier(), cv=2)),
        "mlp": churn(mixed(), neural_network.MLPClassifier((5,), **quick)),
        "mlp-multi": flowers(StandardScaler(), neural_network.MLPClassifier((4, 3), activation="tanh", **quick)),
        "mlp-regressor": amount(
            mixed(), neural_network.MLPRegressor(hidden_layer_sizes=(4,), activation="logistic", **quick)
        ),
        "kmeans": ([StandardScaler(), cluster.KMeans(3, n_init=1, random_state=1)], FLOWERS, None),
        "kmeans-minibatch": ([cluster.MiniBatchKMeans(4, n_init=1, random_state=1)], FLOWERS, None),
        "knn": flowers(StandardScaler(), neighbors.KNeighborsClassifier(3)),
        "knn-manhattan": flowers(neighbors.KNeighborsClassifier(4, metric="manhattan")),
        "knn-regressor": amount(mixed(), neighbors.KNeighborsRegressor(5)),
        "naive-bayes": flowers(naive_bayes.GaussianNB()),
        "naive-bayes-mixed": churn(mixed(), naive_bayes.GaussianNB()),
    }


def write_sklearn2pmml(name: str, case: Case) -> None:
    """One file of sklearn2pmml, with a few rows of training as its verification."""
    from sklearn2pmml import sklearn2pmml
    from sklearn2pmml.pipeline import PMMLPipeline

    steps, frame, target = case
    model = PMMLPipeline([(f"step{number}", step) for number, step in enumerate(steps)])
    model.fit(frame, target) if target is not None else model.fit(frame)
    # Trees of the file give nothing for a missing value that those of scikit-learn send somewhere.
    rows = frame.dropna() if name in ("kmeans", "one-class", "tree", "tree-regressor", "forest-regressor") else frame
    try:
        precision = 1e-5 if any(part in name for part in SINGLE) else 1e-9
        model.verify(rows.sample(VERIFIED, random_state=2), precision=precision, zeroThreshold=precision)
    except AttributeError:  # an estimator that has no predict of its own kind
        print(f"{name}: without verification rows")
    path = HERE / f"sklearn2pmml-{name}.pmml"
    sklearn2pmml(model, str(path))
    tidy(path)


def write_nyoka(name: str, steps: list[Any], frame: pd.DataFrame, target: pd.Series[Any] | None) -> None:
    """One file of nyoka."""
    from nyoka import skl_to_pmml
    from nyoka.lgbm.lgb_to_pmml import lgb_to_pmml
    from nyoka.xgboost.xgboost_to_pmml import xgboost_to_pmml

    model = pipeline.Pipeline([(f"step{number}", step) for number, step in enumerate(steps)])
    model.fit(frame, target) if target is not None else model.fit(frame)
    kind = type(steps[-1]).__module__.split(".")[0]
    write = {"lightgbm": lgb_to_pmml, "xgboost": xgboost_to_pmml}.get(kind, skl_to_pmml)
    path = HERE / f"nyoka-{name}.pmml"
    named = str(target.name) if target is not None else "target"
    write(model, list(frame.columns), named, str(path))
    tidy(path)


def nyoka_cases() -> dict[str, Callable[[], None]]:
    import lightgbm
    import xgboost

    numbers = FRAME[["age", "visits"]]
    light = lightgbm.LGBMRegressor(n_estimators=3, num_leaves=4, min_child_samples=5, verbose=-1, n_jobs=1)
    cases: dict[str, Case] = {
        "linear": ([StandardScaler(), linear_model.LinearRegression()], numbers, AMOUNT),
        "logistic": ([StandardScaler(), linear_model.LogisticRegression()], FLOWERS, SPECIES),
        "logistic-binary": ([linear_model.LogisticRegression()], numbers, CHURN),
        "tree": ([tree.DecisionTreeClassifier(max_depth=3, random_state=1)], FLOWERS, SPECIES),
        "tree-regressor": ([tree.DecisionTreeRegressor(max_depth=3, random_state=1)], numbers, AMOUNT),
        "forest": ([ensemble.RandomForestClassifier(3, max_depth=3, random_state=1)], FLOWERS, SPECIES),
        "forest-regressor": ([ensemble.RandomForestRegressor(3, max_depth=3, random_state=1)], numbers, AMOUNT),
        "gradient": ([ensemble.GradientBoostingClassifier(n_estimators=3, max_depth=2, random_state=1)], numbers, CHURN),
        "svc": ([StandardScaler(), svm.SVC()], FLOWERS, SPECIES),
        "svr": ([svm.SVR(gamma=0.01)], numbers, AMOUNT),
        "mlp": ([StandardScaler(), neural_network.MLPClassifier((4,), max_iter=60, random_state=1)], FLOWERS, SPECIES),
        "mlp-regressor": ([neural_network.MLPRegressor(hidden_layer_sizes=(3,), max_iter=60, random_state=1)], numbers, AMOUNT),
        "kmeans": ([cluster.KMeans(3, n_init=1, random_state=1)], FLOWERS, None),
        "knn": ([neighbors.KNeighborsClassifier(3)], FLOWERS, SPECIES),
        "knn-regressor": ([neighbors.KNeighborsRegressor(3)], numbers, AMOUNT),
        "naive-bayes": ([naive_bayes.GaussianNB()], FLOWERS, SPECIES),
        "isolation": ([ensemble.IsolationForest(n_estimators=4, max_samples=32, random_state=1)], FLOWERS, None),
        "one-class": ([svm.OneClassSVM(nu=0.2)], FLOWERS, None),
        "lightgbm": ([light], numbers, AMOUNT),
        "xgboost": ([xgboost.XGBRegressor(n_estimators=3, max_depth=2, n_jobs=1)], numbers, AMOUNT),
    }  # fmt: skip
    return {name: lambda name=name, case=case: write_nyoka(name, *case) for name, case in cases.items()}


def tidy(path: Path) -> None:
    """Leave out the time of writing and the versions of the machine, so that a file changes only with its model."""
    found = path.read_text(encoding="utf-8")
    found = re.sub(r"\s*<Timestamp>.*?</Timestamp>", "", found, flags=re.DOTALL)
    found = re.sub(r"\s*<Extension name=\"(?!x-)[^>]*>\s*<?[^<]*</Extension>", "", found)
    path.write_text(re.sub(r"[ \t]+\n", "\n", found), encoding="utf-8")
    if path.stat().st_size > 60_000:
        print(f"{path.name}: {path.stat().st_size:,} bytes, more than a fixture should have")


def main(names: list[str]) -> None:
    """Write the files of the given names, or all of them; say what a tool cannot write."""
    warnings.simplefilter("ignore")
    found: dict[str, Callable[[], None]] = {}
    for name, case in {**linear_cases(), **tree_cases(), **library_cases(), **other_cases()}.items():
        found[f"sklearn2pmml-{name}"] = lambda name=name, case=case: write_sklearn2pmml(name, case)
    found.update({f"nyoka-{name}": write for name, write in nyoka_cases().items()})
    for name, write in found.items():
        if not names or name in names:
            try:
                write()
            except Exception as error:
                print(f"{name}: not written: {type(error).__name__}: {str(error)[:300]}")
            else:
                print(f"{name}: written")


if __name__ == "__main__":
    main(sys.argv[1:])
