"""LinearRegressor and LinearClassifier: sums of products, and what labels come of them.

The products are added as doubles and rounded to float32 once; ONNX Runtime adds in float32 in an order of its own.

Source: onnxruntime/core/providers/cpu/ml/linearclassifier.cc, linearregressor.cc.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from indb import build
from indb.build import single
from indb.ir import Label
from indb.readers.onnx.ml_rows import rows_of
from indb.readers.onnx.ml_scores import ONE, ZERO, logistic, probit, transform_of, transformed
from indb.readers.onnx.operators import ML, Node, operator
from indb.readers.onnx.reductions import place
from indb.readers.onnx.values import Value


def weights_of(node: Node, n_targets: int, width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The coefficients (n_targets, width). Raises: ModelFileError for another number of them."""
    found = node.reals("coefficients") or []
    if len(found) != n_targets * width or n_targets < 1:
        raise node.damaged(f"it has {len(found)} coefficients for {n_targets} targets and {width} features")
    return finite(node, found).reshape(n_targets, width)


def finite(node: Node, values: Sequence[float]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Numbers as an array. Raises: Refused where one is not finite."""
    found = np.array(values, dtype=np.float64)
    if not np.isfinite(found).all():
        raise node.refused("it computes with numbers that are not finite")
    return found


@operator("LinearRegressor", domain=ML)
def regressor(node: Node) -> Value:
    """x @ coefficients.T + intercepts. Of a single target, ONNX Runtime transforms nothing but a probit."""
    rows, n_targets, transform = rows_of(node), node.integer("targets", 1), transform_of(node)
    if node.number(0).dtype != np.float32:
        raise node.refused("ONNX Runtime has it for float32 only")
    weights = weights_of(node, n_targets, rows.width)
    intercepts = finite(node, node.reals("intercepts") or [])
    if len(intercepts) != n_targets:  # the runtime then takes none of them
        intercepts = np.zeros(n_targets)
    found = []
    for x in rows.blocks:
        lanes = build.lanes(single(build.linear(x, weights, intercepts)))
        if n_targets > 1:
            lanes = transformed(lanes, transform)
        elif transform == "PROBIT":
            lanes = [probit(lanes[0])]
        found.append(build.concat(lanes))
    return rows.numbers(found)


@operator("LinearClassifier", domain=ML)
def classifier(node: Node) -> Sequence[Value]:
    """The label of the largest score, or with one score for two labels, the second where it is above 0.

    Such a score s gives the probabilities [1 - s, s], or with LOGISTIC two sigmoids.
    """
    node.ignore("multi_class")
    rows, transform = rows_of(node), transform_of(node)
    intercepts = finite(node, node.reals("intercepts") or [])
    labels: list[Label] = [*(node.strings("classlabels_strings") or node.integers("classlabels_ints") or [])]
    node.integers("classlabels_ints")
    n_scores = len(intercepts)
    weights = weights_of(node, n_scores, rows.width)
    if len(labels) < n_scores or (n_scores == 1 and len(labels) != 2):
        raise node.damaged(f"it has {len(labels)} labels for {n_scores} scores")
    if n_scores == 1 and transform == "PROBIT":
        raise node.refused("of a single score with PROBIT, ONNX Runtime mixes up the rows")
    numbers, scores = [], []
    for x in rows.blocks:
        lanes = build.lanes(single(build.linear(single(x), weights, intercepts)))
        if n_scores > 1:
            numbers.append(place(build.concat(lanes)))
            scores.append(build.concat(transformed(lanes, transform)))
            continue
        numbers.append(build.less(ZERO, lanes[0]))
        if transform == "LOGISTIC":
            pair = [logistic(build.negate(lanes[0])), logistic(lanes[0])]
        else:
            pair = [single(build.subtract(ONE, lanes[0])), lanes[0]]
        scores.append(build.concat(pair))
    return [rows.labels(numbers, labels), rows.numbers(scores)]
