"""Pipelines that sklearn-onnx and onnxmltools convert, and the rows that they are scored with."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from onnx_rows import Array, Feed
from sklearn import (
    calibration,
    cluster,
    compose,
    decomposition,
    discriminant_analysis,
    ensemble,
    feature_selection,
    impute,
    linear_model,
    multiclass,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)  # fmt: skip

RNG = np.random.default_rng(7)
X = np.round(RNG.normal(size=(90, 4)) * [1.0, 3.0, 0.5, 10.0] + [0.0, 1.0, 2.0, -5.0], 4)
SIGNAL = X @ [1.0, -0.4, 2.0, 0.1] + RNG.normal(size=90) * 0.3
REAL = SIGNAL + 0.2 * X[:, 0] ** 2
BOTH = np.stack([REAL, X[:, 1] - SIGNAL], axis=1)
BINARY = (np.median(SIGNAL) < SIGNAL).astype(np.int64)
THREE = np.digitize(SIGNAL, np.quantile(SIGNAL, [0.3, 0.7]))
TEXTS2, TEXTS3 = np.array(["no", "yes"])[BINARY], np.array(["high", "low", "mid"])[THREE]
INTS3 = np.array([10, 20, -5])[THREE]
CITIES = np.array(["Rome", "Oslo", "it's", ""], dtype=object)[RNG.integers(0, 4, 90)]
LEVELS = np.array(["low", "mid", "high"], dtype=object)[RNG.integers(0, 3, 90)]
SPECIAL = (0.0, 1.0, -1.0, 0.5, 1e-30, -1e-30, 1e30, -1e30, 3e38, 1e300, -1e300, np.inf, -np.inf)


@dataclass(frozen=True)
class Case:
    """A pipeline before it is fitted, on `n_rows` rows. `dtype` is that of its input, `gaps` whether some miss.

    `left` says why ONNX Runtime has to run it; "" where it becomes blocks. `far` is whether rows have huge numbers. The
    tolerance is wider, or there is a slack, where ONNX Runtime's own float32 sums are off by more: a margin is the
    difference of terms that are larger than it.
    """

    estimator: Callable[[], Any]
    y: Any = None
    dtype: Any = np.float32
    zipmap: bool = False
    text: bool = False
    positive: bool = False
    gaps: bool = True
    far: bool = True
    left: str = ""
    tolerance: float = 1e-6
    slack: float = 0.0
    n_rows: int = 90


CASES: dict[str, Case] = {}


def add(name: str, estimator: Callable[[], Any], y: Any = None, **options: Any) -> None:
    CASES[name] = Case(estimator, y, **options)


SCALED = lambda last: lambda: pipeline.make_pipeline(preprocessing.StandardScaler(), last())  # noqa: E731

for each in (linear_model.LinearRegression, linear_model.Ridge, linear_model.Lasso, linear_model.BayesianRidge):
    add(f"{each.__name__}", each, REAL)
add("LinearRegression of two targets", linear_model.LinearRegression, BOTH)
add("scaled HuberRegressor", SCALED(linear_model.HuberRegressor), REAL)
add("logistic of ints", linear_model.LogisticRegression, BINARY)
add("logistic of texts", SCALED(linear_model.LogisticRegression), TEXTS2, zipmap=True)
add("logistic of three ints", linear_model.LogisticRegression, INTS3, zipmap=True)
add("logistic of three texts", SCALED(linear_model.LogisticRegression), TEXTS3)
add("logistic of doubles", SCALED(linear_model.LogisticRegression), TEXTS3, dtype=np.float64)
add("one against the rest", lambda: multiclass.OneVsRestClassifier(linear_model.LogisticRegression()), THREE)
add("LinearSVC", svm.LinearSVC, TEXTS2)
add("LinearSVC of three", svm.LinearSVC, INTS3)
add("SGDClassifier", lambda: SCALED(lambda: linear_model.SGDClassifier(loss="log_loss", random_state=0))(), TEXTS3)
add("Perceptron", SCALED(linear_model.Perceptron), BINARY)
add("RidgeClassifier", linear_model.RidgeClassifier, TEXTS2)
add("LDA", discriminant_analysis.LinearDiscriminantAnalysis, TEXTS3)
add("tree", lambda: tree.DecisionTreeClassifier(max_depth=4, random_state=0), TEXTS3)
add("tree of two", lambda: tree.DecisionTreeClassifier(max_depth=4, random_state=0), BINARY)
add("regression tree", lambda: tree.DecisionTreeRegressor(max_depth=5, random_state=0), REAL)
add("forest", lambda: ensemble.RandomForestClassifier(5, max_depth=4, random_state=0), TEXTS3)
add("forest of doubles", lambda: ensemble.RandomForestClassifier(5, max_depth=4, random_state=0), TEXTS3,
    dtype=np.float64)  # fmt: skip
add("regression forest", lambda: ensemble.RandomForestRegressor(6, max_depth=4, random_state=0), REAL)
add("boosting", lambda: ensemble.GradientBoostingClassifier(n_estimators=6, random_state=0), TEXTS2)
add("boosting of three", lambda: ensemble.GradientBoostingClassifier(n_estimators=4, random_state=0), INTS3)
add("forest of two", lambda: ensemble.RandomForestClassifier(5, max_depth=4, random_state=0), TEXTS2, zipmap=True)
add("tree of two targets", lambda: tree.DecisionTreeRegressor(max_depth=4, random_state=0), BOTH)
add("extra trees", lambda: ensemble.ExtraTreesClassifier(5, max_depth=4, random_state=0), INTS3)
add("extra regression trees", lambda: ensemble.ExtraTreesRegressor(5, max_depth=4, random_state=0), REAL)
add("regression boosting", lambda: ensemble.GradientBoostingRegressor(n_estimators=6, random_state=0), REAL)
add("histogram boosting", lambda: ensemble.HistGradientBoostingClassifier(max_iter=5, max_depth=3), TEXTS2)
add("histogram boosting of three", lambda: ensemble.HistGradientBoostingClassifier(max_iter=3, max_depth=3), INTS3)
add("histogram regression", lambda: ensemble.HistGradientBoostingRegressor(max_iter=5, max_depth=3), REAL)
add("bagging", lambda: ensemble.BaggingClassifier(tree.DecisionTreeClassifier(max_depth=3), 4, random_state=0), TEXTS3)
add("isolation forest", lambda: ensemble.IsolationForest(n_estimators=5, random_state=0))
NEAR = {"gaps": False, "far": False}
add("SVC", SCALED(svm.SVC), TEXTS2, **NEAR)
add("SVC with probabilities", SCALED(lambda: svm.SVC(probability=True, random_state=0)), TEXTS2, **NEAR)
add("SVC with three probabilities", SCALED(lambda: svm.SVC(probability=True, random_state=0)), TEXTS3,
    left="probabilities of 3 classes")  # fmt: skip
add("SVC of three", SCALED(lambda: svm.SVC(kernel="linear")), TEXTS3, **NEAR)
add("NuSVC", SCALED(lambda: svm.NuSVC(kernel="poly", degree=2, coef0=1.0)), INTS3, **NEAR)
add("SVR", SCALED(svm.SVR), REAL, **NEAR)
add("polynomial SVR", SCALED(lambda: svm.SVR(kernel="poly")), REAL, **NEAR, slack=3e-6)
add("OneClassSVM", SCALED(svm.OneClassSVM), **NEAR, slack=3e-6)
add("GaussianNB", naive_bayes.GaussianNB, TEXTS3, far=False)
add("BernoulliNB", naive_bayes.BernoulliNB, TEXTS2, far=False)
add("MultinomialNB", naive_bayes.MultinomialNB, INTS3, positive=True, far=False, tolerance=1e-5)
add("MLP", SCALED(lambda: neural_network.MLPClassifier((5,), max_iter=30, random_state=0)), TEXTS3)
add("MLP of two", SCALED(lambda: neural_network.MLPClassifier((4, 3), "tanh", max_iter=30, random_state=0)), BINARY)
add(
    "MLP regression",
    SCALED(lambda: neural_network.MLPRegressor(hidden_layer_sizes=(5,), max_iter=30, random_state=0)),
    REAL,
    tolerance=3e-6,
    slack=1e-6,
)
add("neighbours", lambda: neighbors.KNeighborsClassifier(3), TEXTS3, **NEAR, n_rows=15)
add("neighbours' mean", lambda: neighbors.KNeighborsRegressor(3), REAL, **NEAR, n_rows=30)
add("KMeans", lambda: cluster.KMeans(3, n_init=1, random_state=0), far=False)
add("KMeans of doubles", lambda: cluster.KMeans(4, n_init=1, random_state=0), dtype=np.float64, far=False)
for each in (preprocessing.StandardScaler, preprocessing.MinMaxScaler, preprocessing.RobustScaler,
             preprocessing.MaxAbsScaler):  # fmt: skip
    add(each.__name__, each)
add("StandardScaler of doubles", preprocessing.StandardScaler, dtype=np.float64)
for norm in ("l1", "l2", "max"):
    add(f"Normalizer {norm}", lambda norm=norm: preprocessing.Normalizer(norm), positive=norm == "max", far=False)
add("Binarizer", lambda: preprocessing.Binarizer(threshold=0.5), gaps=False)
add("KBinsDiscretizer", lambda: preprocessing.KBinsDiscretizer(3, encode="onehot-dense"), far=False)
add("PolynomialFeatures", preprocessing.PolynomialFeatures)
add("SimpleImputer", impute.SimpleImputer)
add("PCA", lambda: decomposition.PCA(3))
add("TruncatedSVD", lambda: decomposition.TruncatedSVD(2, random_state=0))
add("chosen features", lambda: pipeline.make_pipeline(feature_selection.SelectKBest(k=2), linear_model.Ridge()), REAL)
add("imputed and scaled", lambda: pipeline.make_pipeline(impute.SimpleImputer(strategy="median"),
    preprocessing.StandardScaler(), linear_model.LogisticRegression()), TEXTS2)  # fmt: skip
MEMBERS = [("a", linear_model.LogisticRegression()), ("b", tree.DecisionTreeClassifier(max_depth=3, random_state=0))]
add("voting", lambda: ensemble.VotingClassifier(MEMBERS, voting="soft", flatten_transform=False), THREE)
add("voting regression", lambda: ensemble.VotingRegressor([("a", linear_model.Ridge()),
    ("b", tree.DecisionTreeRegressor(max_depth=3, random_state=0))]), REAL)  # fmt: skip
add("stacking", lambda: ensemble.StackingClassifier(MEMBERS), TEXTS2, gaps=False)
add("calibrated", lambda: calibration.CalibratedClassifierCV(linear_model.LogisticRegression(), cv=2), TEXTS2)


def mixed(last: Any) -> Callable[[], Any]:
    """Numbers that are scaled, texts that are one-hot and ordinal codes, and a model of them."""
    parts = [
        ("numbers", preprocessing.StandardScaler(), ["a", "b"]),
        ("one", preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city"]),
        ("two", preprocessing.OrdinalEncoder(categories=[["low", "mid", "high"]]), ["level"]),
    ]
    return lambda: pipeline.make_pipeline(compose.ColumnTransformer(parts), last)


add("mixed logistic", mixed(linear_model.LogisticRegression()), TEXTS3, text=True)
add("mixed forest", mixed(ensemble.RandomForestClassifier(4, max_depth=4, random_state=0)), TEXTS2, text=True,
    zipmap=True)  # fmt: skip
add("mixed ridge", mixed(linear_model.Ridge()), REAL, text=True)


def xgboost(kind: str, **options: Any) -> Callable[[], Any]:
    def make() -> Any:
        import xgboost

        return getattr(xgboost, kind)(n_estimators=4, max_depth=3, **options)

    return make


def lightgbm(kind: str, **options: Any) -> Callable[[], Any]:
    def make() -> Any:
        import lightgbm

        return getattr(lightgbm, kind)(n_estimators=5, num_leaves=6, min_child_samples=5, verbose=-1, **options)

    return make


add("XGBoost", xgboost("XGBClassifier"), BINARY)
add("XGBoost of three", xgboost("XGBClassifier"), THREE)
add("XGBoost regression", xgboost("XGBRegressor"), REAL)
add("LightGBM", lightgbm("LGBMClassifier"), BINARY, zipmap=True)
add("LightGBM of three", lightgbm("LGBMClassifier"), THREE)
add("LightGBM regression", lightgbm("LGBMRegressor"), REAL)


@cache
def converted(name: str) -> Any:
    """The ModelProto of a case."""
    import skl2onnx
    from skl2onnx.common import data_types

    case = CASES[name]
    x = np.abs(X) if case.positive else X
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if case.text:
            import pandas

            frame = pandas.DataFrame({"a": X[:, 0], "b": X[:, 1], "city": CITIES, "level": LEVELS})
            fitted = case.estimator().fit(frame, case.y)
            types = [(each, data_types.FloatTensorType([None, 1])) for each in "ab"]
            types += [(each, data_types.StringTensorType([None, 1])) for each in ("city", "level")]
        else:
            fitted = case.estimator().fit(x[: case.n_rows], None if case.y is None else case.y[: case.n_rows])
            tensor = data_types.FloatTensorType if case.dtype is np.float32 else data_types.DoubleTensorType
            types = [("x", tensor([None, 4]))]
        if type(fitted).__module__.startswith(("xgboost", "lightgbm")):
            return boosted(fitted, case)
        options = {id(fitted): {"zipmap": case.zipmap}} if hasattr(fitted, "predict_proba") else None
        return skl2onnx.to_onnx(fitted, initial_types=types, options=options, target_opset={"": 18, "ai.onnx.ml": 3})


def boosted(fitted: Any, case: Case) -> Any:
    """What onnxmltools makes of a model of another library."""
    import onnxmltools
    from onnxmltools.convert.common.data_types import FloatTensorType

    types = [("x", FloatTensorType([None, 4]))]
    if type(fitted).__module__.startswith("xgboost"):
        return onnxmltools.convert_xgboost(fitted, initial_types=types, target_opset=15)
    return onnxmltools.convert_lightgbm(fitted, initial_types=types, zipmap=case.zipmap, target_opset=15)


def thresholds(proto: Any) -> list[tuple[int, float]]:
    """(feature, threshold) of a sample of the nodes of trees."""
    found = []
    for node in proto.graph.node:
        held = {attribute.name: attribute for attribute in node.attribute}
        if "nodes_featureids" in held and "nodes_values" in held:
            found += zip(held["nodes_featureids"].ints, held["nodes_values"].floats, strict=True)
    return [found[at] for at in np.random.default_rng(1).permutation(len(found))[:12].tolist()]


def rows(name: str) -> Feed:
    """Training rows, and rows with one value replaced: borders of splits and beside them, special and missing values.

    Texts are known and unknown categories, with other ends and cases.
    """
    case = CASES[name]
    base = np.abs(X) if case.positive else X
    found: list[Array] = [base[:12]]
    special = [value for value in SPECIAL if case.far or abs(value) < 10.0]
    special = [abs(value) for value in special] if case.positive else special
    changes = [(lane, value) for lane in range(2) for value in [*special, *([np.nan] if case.gaps else [])]]
    for lane, border in thresholds(converted(name)):
        near = np.float32(border)
        changes += [(lane, float(value)) for value in (border, np.nextafter(border, -9e9), np.nextafter(border, 9e9),
                                                       np.nextafter(near, np.float32(9e9)))]  # fmt: skip
    for at, (lane, value) in enumerate(changes):
        row = base[at % len(base)].copy()
        row[lane % 4] = value
        found.append(row[None])
    x = np.concatenate(found)
    if not case.text:
        return {"x": x}
    texts = np.array(["Rome", "Oslo", "it's", "", "rome", "Rome ", "unknown", "naïve ☃"], dtype=object)
    levels = np.array(["low", "mid", "high"], dtype=object)
    places = np.arange(len(x))
    return {"a": x[:, :1], "b": x[:, 1:2], "city": texts[places % 8][:, None], "level": levels[places % 3][:, None]}


def typed(name: str, feed: Feed) -> dict[str, Array]:
    """The rows in the types of the graph's inputs."""
    with np.errstate(over="ignore"):
        return {key: each if each.dtype == object else each.astype(CASES[name].dtype) for key, each in feed.items()}
