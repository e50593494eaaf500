"""Labels of a support vector classifier as libsvm gives them, many times as fast.

libsvm goes through the support vectors one by one. Here a batch's kernel values are one matrix product, whose margins
differ from libsvm's in their last bits; a label is the sign of margins. So a row whose margins are all farther from
zero than both can be wrong by has libsvm's label, and libsvm is asked for the others.

The bounds are those of sums in any order: N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition,
section 3.1. The votes are those of C.-C. Chang and C.-J. Lin, LIBSVM, section 7.
"""

from __future__ import annotations

import copy
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indb.ir import Floats

AT_ONCE = 1 << 18
"""How many kernel values are computed at once: they stay in the processor's cache."""

SAFETY = 8.0
"""How many times the bound of the rounding errors a margin must be."""

CHECKED = 64
"""How many support vectors are compared with libsvm's margins when a classifier is loaded."""

READ = ("_sparse", "_gamma", "_intercept_", "_n_support", "_dual_coef_")
"""What releases of scikit-learn have had so far besides what they document."""


def labels_of(fitted: Any) -> Labels | None:
    """What predicts in place of a classifier; None for other estimators, and where it would not be the same."""
    if type(fitted).__module__ != "sklearn.svm._classes" or type(fitted).__name__ not in ("SVC", "NuSVC"):
        return None
    if not all(hasattr(fitted, name) for name in READ) or fitted.kernel != "rbf" or fitted.break_ties or fitted._sparse:
        return None
    made = Labels(fitted)
    return made if made.agrees() else None


class Labels:
    """A fitted classifier with an RBF kernel. Each pair of classes has a margin: (0, 1), (0, 2), … (1, 2) and so on."""

    def __init__(self, fitted: Any) -> None:
        self.fitted = fitted
        self.vectors: Floats = np.asarray(fitted.support_vectors_)
        self.squares = np.einsum("ij,ij->i", self.vectors, self.vectors)
        self.gamma = float(fitted._gamma)
        self.intercept: Floats = np.asarray(fitted._intercept_)
        stops = np.cumsum(fitted._n_support)
        self.pairs = list(combinations(range(len(stops)), 2))
        self.weights = np.zeros((len(self.vectors), len(self.pairs)))
        for number, (a, b) in enumerate(self.pairs):
            for one, other in ((a, b), (b, a)):
                rows = slice(stops[one] - fitted._n_support[one], stops[one])
                self.weights[rows, number] = fitted._dual_coef_[other - (other > one), rows]

    def agrees(self) -> bool:
        """Whether libsvm's margins of some support vectors are those computed here, within their bounds."""
        rows = self.vectors[:: 1 + len(self.vectors) // CHECKED]
        plain = copy.copy(self.fitted)
        plain.decision_function_shape = "ovo"
        theirs = plain.decision_function(rows).reshape(len(rows), -1)
        ours, bounds = self.margins(rows)
        if len(self.pairs) == 1:  # scikit-learn counts two classes the other way round
            theirs = -theirs
        return theirs.shape == ours.shape and bool((np.abs(theirs - ours) <= bounds).all())

    def margins(self, rows: Floats) -> tuple[Floats, Floats]:
        """(margins, how far libsvm's may be from them), (n_rows, n_pairs) each."""
        squares = np.einsum("ij,ij->i", rows, rows)[:, None]
        kernel = rows @ self.vectors.T
        kernel *= -2.0
        kernel += squares
        kernel += self.squares
        kernel *= -self.gamma
        np.exp(kernel, out=kernel)
        n_vectors, n_lanes = self.vectors.shape
        distance = self.gamma * (n_lanes + 8) * (squares + self.squares.max())
        unit = SAFETY * np.finfo(np.float64).eps
        bounds = unit * np.abs(self.weights).sum(axis=0) * (distance + n_vectors + n_lanes + 16)
        return kernel @ self.weights + self.intercept, bounds + unit * np.abs(self.intercept)

    def predict(self, rows: Any) -> NDArray[Any]:
        """The labels of rows.

        Raises: whatever scikit-learn does for rows that it refuses.
        """
        if not isinstance(rows, np.ndarray) or rows.dtype != np.float64 or not np.isfinite(rows).all():
            return np.asarray(self.fitted.predict(rows))
        at_once = max(1, AT_ONCE // len(self.vectors))
        parts = [self._predict(rows[start : start + at_once]) for start in range(0, len(rows), at_once)]
        return np.concatenate(parts)

    def _predict(self, rows: Floats) -> NDArray[Any]:
        margins, bounds = self.margins(rows)
        votes = np.zeros((len(rows), len(self.fitted.classes_)), dtype=np.intp)
        for margin, (a, b) in zip(margins.T, self.pairs, strict=True):
            votes[:, a] += margin > 0.0
            votes[:, b] += margin <= 0.0
        labels: NDArray[Any] = self.fitted.classes_.take(votes.argmax(axis=1))  # of several the first, as libsvm does
        close = np.flatnonzero(~(np.abs(margins) > bounds).all(axis=1))  # NaN, of squares that overflow, is close too
        if len(close):
            labels[close] = self.fitted.predict(rows[close])
        return labels
