"""Loading a fitted estimator from a skops file without running code that the file holds.

skops builds objects from types by name and refuses types that it does not know to be harmless, unless they are named
to it. Those named here hold arrays and settings. Trees are among them, whose compiled code follows node numbers
without looking: they are checked, so that a forged file cannot send it out of bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indb.errors import ModelFileError

TREES = frozenset({"sklearn.tree._tree.Tree", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"})
"""Types whose node numbers are checked before anything is computed with them."""

TRUSTED = TREES | frozenset(
    {
        "numpy.dtype",
        "numpy.number",
        "sklearn._loss.loss.HalfTweedieLossIdentity",
        "sklearn.compose._column_transformer.make_column_selector",
    }
)
"""Types that skops leaves to its caller, found in ordinary estimators of scikit-learn."""


def untrusted(types: list[str]) -> list[str]:
    """Those of skops' untrusted types that are not known here either."""
    return sorted(set(types) - TRUSTED)


def load(data: bytes, name: str) -> Any:
    """The fitted estimator of a skops file's bytes.

    Raises: ModelFileError when a package is missing, the file holds a type that is not trusted, or is damaged.
    """
    what = f"cannot load the {name} of the model"
    try:
        from skops import io
    except ImportError as error:
        raise ModelFileError(
            f"{what}: the package {error.name!r} is missing", "Install scikit-learn and skops where the model runs."
        ) from None
    try:
        types = list(io.get_untrusted_types(data=data))
        unknown = untrusted(types)
        found = None if unknown else io.loads(data, trusted=types)
    except Exception as error:  # zipfile, json, numpy and skops each have errors of their own
        raise ModelFileError(
            f"{what}: {error or type(error).__name__}", "Install the versions of packages that it was trained with."
        ) from error
    if unknown:
        raise ModelFileError(f"{what}: it holds types that are not known to be harmless: {', '.join(unknown)}")
    problem = forged(found)
    if problem:
        raise ModelFileError(f"{what}: {problem}")
    return found


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
    """What is wrong with the trees of a fitted object, or None."""
    for found, features in objects(root):
        if f"{type(found).__module__}.{type(found).__qualname__}" in TREES:
            problem = _tree_problem(found) if hasattr(found, "children_left") else _predictor_problem(found)
            limit = _features(found, features)
            if problem is None and limit is not None and (_split_features(found) >= limit).any():
                problem = f"splits on a feature outside of the {limit} that it is given"
            if problem:
                return f"a {type(found).__name__} {problem}"
    return None


def _features(tree: Any, around: int | None) -> int | None:
    """How many features a tree may read: as many as it was made for and as its estimator is given."""
    known = [count for count in (getattr(tree, "n_features", None), around) if count is not None]
    return min(known) if known else None


def _split_features(tree: Any) -> NDArray[np.int64]:
    if hasattr(tree, "children_left"):
        features = tree.feature[tree.children_left != -1]
    else:
        features = tree.nodes["feature_idx"][tree.nodes["is_leaf"] == 0]
    wide: NDArray[np.int64] = np.asarray(features, dtype=np.int64)
    return np.where(wide < 0, np.iinfo(np.int64).max, wide)


def _tree_problem(tree: Any) -> str | None:
    """Source: sklearn.tree._tree.Tree.apply."""
    return _children_problem(tree.children_left != -1, tree.children_left, tree.children_right)


def _predictor_problem(tree: Any) -> str | None:
    """Source: sklearn.ensemble._hist_gradient_boosting._predictor."""
    nodes = tree.nodes
    sets = nodes["bitset_idx"][nodes["is_categorical"] != 0]
    if (sets >= min(len(tree.raw_left_cat_bitsets), len(tree.binned_left_cat_bitsets))).any():
        return "uses a set of categories that it does not hold"
    return _children_problem(nodes["is_leaf"] == 0, nodes["left"], nodes["right"])


def _children_problem(inner: Any, left: Any, right: Any) -> str | None:
    numbers = np.flatnonzero(inner)
    for side in (left[inner].astype(np.int64), right[inner].astype(np.int64)):
        if ((side <= numbers) | (side >= len(inner))).any():
            return "has a child that does not follow its parent"
    return None
