"""Loading a fitted estimator from a skops file without running code that the file holds.

skops builds objects from types by name and refuses those that it does not know to be harmless, unless they are named to
it. The ones named here hold arrays and settings, or compute with arrays and nothing else. Some of them are walked by
compiled code that follows the numbers in them without looking: these are checked before anything is computed, so that
a forged file cannot send it out of bounds. What skops trusts by itself is not checked again.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indb.errors import ModelFileError

_NAMED = {
    "functools": ("partial",),
    "numpy": ("dtype", "mean", "number"),
    "scipy._lib.array_api_compat.numpy._aliases": ("asarray",),
    "scipy.interpolate._bsplines": ("BSpline",),
    "scipy.sparse._csr": ("csr_matrix",),
    "sklearn._loss.loss": ("HalfTweedieLoss", "HalfTweedieLossIdentity"),
    "sklearn.calibration": ("_CalibratedClassifier", "_SigmoidCalibration", "_TemperatureScaling"),
    "sklearn.cluster._bisect_k_means": ("_BisectingTree",),
    "sklearn.cluster._kmeans": ("_kmeans_single_elkan", "_kmeans_single_lloyd"),
    "sklearn.compose._column_transformer": ("make_column_selector",),
    "sklearn.ensemble._hist_gradient_boosting.predictor": ("TreePredictor",),
    "sklearn.feature_selection._mutual_info": ("mutual_info_classif", "mutual_info_regression"),
    "sklearn.feature_selection._univariate_selection": ("chi2", "f_classif", "f_regression", "r_regression"),
    "sklearn.gaussian_process._gpc": ("_BinaryGaussianProcessClassifierLaplace",),
    "sklearn.gaussian_process.kernels": (
        *("CompoundKernel", "ConstantKernel", "DotProduct", "ExpSineSquared", "Exponentiation", "Hyperparameter"),
        *("Matern", "PairwiseKernel", "Product", "RBF", "RationalQuadratic", "Sum", "WhiteKernel"),
    ),
    "sklearn.impute._iterative": ("IterativeImputer", "_ImputerTriplet"),
    "sklearn.multiclass": ("_ConstantPredictor",),
    "sklearn.metrics._classification": ("balanced_accuracy_score",),
    "sklearn.metrics._dist_metrics": tuple(
        f"{metric}Distance64" for metric in ("Chebyshev", "Euclidean", "Manhattan", "Minkowski")
    ),
    "sklearn.metrics._scorer": ("_CurveScorer", "_PassthroughScorer", "_Scorer"),
    "sklearn.model_selection._split": ("KFold", "StratifiedKFold"),
    "sklearn.neighbors._ball_tree": ("BallTree",),
    "sklearn.neighbors._kd_tree": ("KDTree",),
    "sklearn.neural_network._stochastic_optimizers": ("AdamOptimizer", "SGDOptimizer"),
    "sklearn.tree._tree": ("Tree",),
    "sklearn.utils._bunch": ("Bunch",),
    "sklearn.utils._metadata_requests": ("MetadataRequest", "MethodMetadataRequest"),
    "sklearn.utils.validation": ("check_array",),
}

TRUSTED = frozenset(f"{module}.{name}" for module, names in _NAMED.items() for name in names)
"""What skops leaves to its caller, found in ordinary estimators of scikit-learn."""


def untrusted(types: list[str]) -> list[str]:
    """Those of skops' untrusted types that are not known here either."""
    return sorted(set(types) - TRUSTED)


def load(data: bytes, name: str) -> Any:
    """The fitted estimator of a skops file's bytes.

    Raises: ModelFileError when a package is missing or of another release than the estimator was fitted with, the file
    holds a type that is not trusted, or is damaged.
    """
    what = f"cannot load the {name} of the model"
    try:
        from skops import io
    except ImportError as error:
        raise ModelFileError(
            f"{what}: the package {error.name} is missing", "Install scikit-learn and skops where the model runs."
        ) from None
    try:
        types = list(io.get_untrusted_types(data=data))
        unknown = untrusted(types)
        with warnings.catch_warnings(record=True) as noted:
            warnings.simplefilter("always")
            found = None if unknown else io.loads(data, trusted=types)
    except Exception as error:  # zipfile, json, numpy and skops each have errors of their own
        raise ModelFileError(
            f"{what}: {error or type(error).__name__}", "Install the versions of packages that it was trained with."
        ) from error
    if unknown:
        raise ModelFileError(f"{what}: it holds types that are not known to be harmless: {', '.join(unknown)}")
    problem = _other_release(noted) or forged(found)
    if problem:
        raise ModelFileError(f"{what}: {problem}")
    return found


def _other_release(noted: list[warnings.WarningMessage]) -> str | None:
    """What scikit-learn notes when an object was fitted with another release, which may compute something else."""
    for each in noted:
        fitted_with = getattr(each.message, "original_sklearn_version", "")
        here = getattr(each.message, "current_sklearn_version", "")
        if fitted_with.split(".")[:2] != here.split(".")[:2]:
            return f"it was fitted with scikit-learn {fitted_with}, here is {here}, needed the same release"
    return None


def objects(root: Any) -> Iterator[tuple[Any, int | None]]:
    """Every object that a fitted one holds, each once, with the number of features of the estimator around it."""
    seen: set[int] = set()
    kept: list[Any] = []  # an id is not used again while its object is held
    stack: list[tuple[Any, int | None]] = [(root, None)]
    while stack:
        found, features = stack.pop()
        if id(found) in seen or isinstance(found, str | bytes | int | float | type):
            continue
        seen.add(id(found))
        kept.append(found)
        features = getattr(found, "__dict__", {}).get("n_features_in_", features)
        yield found, features
        stack += [(part, features) for part in _parts(found)]


def _parts(found: Any) -> list[Any]:
    if isinstance(found, dict):
        return list(found.values())
    if isinstance(found, list | tuple | set):
        return list(found)
    if isinstance(found, np.ndarray):
        return list(found.ravel()) if found.dtype == object else []
    return list(getattr(found, "__dict__", {}).values())


def forged(root: Any) -> str | None:
    """What is wrong with the numbers that compiled code follows in a fitted object, or None."""
    for found, features in objects(root):
        check = CHECKS.get(type(found).__name__)
        if check is None and hasattr(found, "check_format"):
            check = _sparse_problem
        problem = None if check is None else check(found, features)
        if problem:
            return f"a {type(found).__name__} {problem}"
    return None


def _tree_problem(tree: Any, features: int | None) -> str | None:
    """Source: sklearn.tree._tree.Tree.apply."""
    inner = tree.children_left != -1
    limit = tree.n_features if features is None else min(tree.n_features, features)
    return _children_problem(inner, tree.children_left, tree.children_right) or _splits_problem(
        tree.feature[inner].astype(np.int64), limit
    )


def _predictor_problem(tree: Any, features: int | None) -> str | None:
    """Source: sklearn.ensemble._hist_gradient_boosting._predictor."""
    nodes = tree.nodes
    inner = nodes["is_leaf"] == 0
    sets = nodes["bitset_idx"][nodes["is_categorical"] != 0]
    if (sets >= min(len(tree.raw_left_cat_bitsets), len(tree.binned_left_cat_bitsets))).any():
        return "uses a set of categories that it does not hold"
    return _children_problem(inner, nodes["left"], nodes["right"]) or _splits_problem(
        nodes["feature_idx"][inner].astype(np.int64), features or 0
    )


def _children_problem(inner: Any, left: Any, right: Any) -> str | None:
    numbers = np.flatnonzero(inner)
    for side in (left[inner].astype(np.int64), right[inner].astype(np.int64)):
        if ((side <= numbers) | (side >= len(inner))).any():
            return "has a child that does not follow its parent"
    return None


def _splits_problem(split: NDArray[np.int64], features: int) -> str | None:
    if ((split < 0) | (split >= features)).any():
        return f"splits on a feature outside of the {features} that it is given"
    return None


def _neighbours_problem(tree: Any, features: int | None) -> str | None:
    """Source: sklearn.neighbors._binary_tree.BinaryTree (children of node i: 2 i + 1 and 2 i + 2)."""
    data, index, nodes, bounds = (np.asarray(array) for array in tree.get_arrays())
    rows, start, end = len(data), nodes["idx_start"], nodes["idx_end"]
    if index.shape != (rows,) or ((index < 0) | (index >= rows)).any():
        return f"points outside of its {rows} rows"
    if ((start < 0) | (start > end) | (end > rows)).any():
        return f"has a node outside of its {rows} rows"
    if (2 * np.flatnonzero(nodes["is_leaf"] == 0) + 2 >= len(nodes)).any() or len(nodes) == 0:
        return "has a node without its children"
    if bounds.shape[1:] != (len(nodes), data.shape[1]):
        return f"has bounds of shape {bounds.shape} for {len(nodes)} nodes of {data.shape[1]} features"
    return None


def _distance_problem(metric: Any, features: int | None) -> str | None:
    """A metric may have a weight for each feature. Source: sklearn.metrics._dist_metrics.DistanceMetric."""
    weights = np.asarray(metric.__getstate__()[1])
    if len(weights) > 1 and len(weights) < (features or 0):
        return f"has {len(weights)} weights for {features} features"
    return None


def _spline_problem(spline: Any, features: int | None) -> str | None:
    """Source: scipy.interpolate._bsplines.BSpline.__init__."""
    if spline.k < 0 or spline.t.ndim != 1 or (np.diff(spline.t) < 0).any():
        return "has knots that are not sorted"
    if not 0 < len(spline.t) - spline.k - 1 <= len(spline.c):
        return f"has {len(spline.t)} knots for {len(spline.c)} coefficients"
    return None


def _sparse_problem(matrix: Any, features: int | None) -> str | None:
    try:
        matrix.check_format(full_check=True)
    except ValueError as error:
        return f"is no matrix: {error}"
    return None


CHECKS: dict[str, Callable[[Any, int | None], str | None]] = {
    "BSpline": _spline_problem,
    "BallTree": _neighbours_problem,
    "KDTree": _neighbours_problem,
    "MinkowskiDistance64": _distance_problem,
    "Tree": _tree_problem,
    "TreePredictor": _predictor_problem,
}
"""Class -> what is wrong with one, given the number of features of the estimator around it; None when nothing is."""
