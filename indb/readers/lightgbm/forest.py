"""A LightGBM model as plain arrays: what its text and its JSON both hold, checked to be whole.

It knows the format only; what it means is in ensemble.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from indb.ir import Bools, Floats, Ints

NONE, ZERO, NAN = 0, 1, 2
"""What a split takes for missing: nothing (NaN is 0), zeros and NaN, or NaN. Source: LightGBM's MissingType."""


class Damaged(ValueError):
    """The model is not what LightGBM writes; the message says what was found."""


@dataclass(frozen=True)
class LinearLeaves:
    """The linear model in each leaf of a tree: a constant, and a coefficient for each of some features, in order."""

    constant: Floats
    features: tuple[tuple[int, ...], ...]
    coefficients: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Tree:
    """One tree. Splits are parallel arrays; a child is a split, or ~leaf. `categories` is None for a split of numbers,
    else the codes that go left.
    """

    feature: Ints
    threshold: Floats
    categories: tuple[tuple[int, ...] | None, ...]
    default_left: Bools
    missing: Ints
    left: Ints
    right: Ints
    value: Floats
    linear: LinearLeaves | None = None

    def check(self, n_features: int) -> None:
        """Raises: Damaged unless it is one tree over `n_features` features, with finite values in its leaves."""
        splits, leaves = len(self.feature), len(self.value)
        if leaves != splits + 1:
            raise Damaged(f"a tree has {splits} splits and {leaves} leaves")
        if ((self.feature < 0) | (self.feature >= n_features)).any():
            raise Damaged(f"a tree splits on feature {int(self.feature.max())} of {n_features}")
        if not set(self.missing.tolist()) <= {NONE, ZERO, NAN}:
            raise Damaged("a split has an unknown kind of missing values")
        if not np.isfinite(self.value).all() or np.isnan(self.threshold).any():
            raise Damaged("a tree holds a leaf or a threshold that is no number")
        children = np.concatenate([self.left, self.right])
        due = [*range(1, splits), *(~leaf for leaf in range(leaves))] if splits else []
        if sorted(children.tolist()) != sorted(due):
            raise Damaged("the splits of a tree do not form a tree")
        parents = np.tile(np.arange(splits), 2)
        if (children[children >= 0] <= parents[children >= 0]).any():
            raise Damaged("a split of a tree comes before its parent")
        if self.linear is not None:
            self._check_linear(self.linear, n_features)

    def _check_linear(self, linear: LinearLeaves, n_features: int) -> None:
        used = [feature for features in linear.features for feature in features]
        if not len(linear.constant) == len(linear.features) == len(linear.coefficients) == len(self.value):
            raise Damaged("a tree has linear models for other leaves than its own")
        if [len(row) for row in linear.features] != [len(row) for row in linear.coefficients]:
            raise Damaged("a linear model has other coefficients than features")
        if any(not 0 <= feature < n_features for feature in used):
            raise Damaged(f"a linear model reads another feature than the {n_features} that there are")
        if any(len(set(row)) < len(row) for row in linear.features):
            raise Damaged("a linear model reads a feature twice")
        numbers = [*linear.constant.tolist(), *(value for row in linear.coefficients for value in row)]
        if not np.isfinite(numbers).all():
            raise Damaged("a linear model holds a value that is no number")


@dataclass(frozen=True)
class Forest:
    """A model: `per_iteration` trees (one for each class) in each of its iterations, in order.

    `objective` is its name and its parameters ("" for one that LightGBM does not know); `average` says that the trees
    are averaged. `ranges` says of each feature what training saw: "none", "[low:high]", or codes "1:0:2".
    `categorical` holds the features that were declared to be categories. `pandas` holds the categories of each pandas
    category column, in the order of the columns.
    """

    names: tuple[str, ...]
    per_iteration: int
    objective: str
    average: bool
    ranges: tuple[str, ...]
    categorical: tuple[int, ...]
    pandas: tuple[tuple[Any, ...], ...]
    trees: tuple[Tree, ...]

    @property
    def iterations(self) -> int:
        """How many iterations it has."""
        return len(self.trees) // self.per_iteration

    def check(self) -> Forest:
        """The forest itself. Raises: Damaged unless its parts fit together."""
        if len(self.names) != len(self.ranges):
            raise Damaged(f"it has {len(self.names)} feature names and {len(self.ranges)} feature_infos")
        if self.per_iteration < 1 or len(self.trees) % self.per_iteration:
            raise Damaged(f"it has {len(self.trees)} trees, of which {self.per_iteration} make an iteration")
        if any(not 0 <= feature < len(self.names) for feature in self.categorical):
            raise Damaged(f"it has {len(self.names)} features, and the categorical ones {list(self.categorical)}")
        for tree in self.trees:
            tree.check(len(self.names))
        return self


def pandas_categories(found: Any) -> tuple[tuple[Any, ...], ...]:
    """The field `pandas_categorical`: a list of lists, or null.

    Raises: Damaged for anything else.
    """
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(each, list) for each in found):
        raise Damaged(f"its pandas_categorical is {str(found)[:40]!r}, needed a list of lists")
    return tuple(tuple(each) for each in found)


def declared(ranges: Sequence[str]) -> tuple[int, ...]:
    """The features that were categories in training, by what training saw of them: codes instead of a range."""
    return tuple(number for number, text in enumerate(ranges) if text != "none" and not text.startswith("["))
