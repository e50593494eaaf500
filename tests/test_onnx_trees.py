"""The tree operators of ai.onnx.ml beside ONNX Runtime: random trees of every mode, aggregate, transform, binary case.

Rows are at thresholds and one step beside them in float32 and float64. Labels are equal, and numbers to the last bit
before a post_transform, else to 1e-6.
"""

from __future__ import annotations

import math
import random
import re
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx_rows  # noqa: E402
from onnx import TensorProto as Kind  # noqa: E402
from onnx import numpy_helper  # noqa: E402

from indb.errors import ModelFileError, UnsupportedModel  # noqa: E402

BRANCHES = [f"BRANCH_{mode}" for mode in ("LEQ", "LT", "GTE", "GT", "EQ", "NEQ")]
MODES = [BRANCHES, BRANCHES[:1], BRANCHES[1:2], BRANCHES[4:5], BRANCHES[:4], BRANCHES[2:3], BRANCHES[4:]]
VALUES = [0.0, 0.1, 0.5, 1.0, -1.0, 2.0, 3.0, 100.0, -0.3, 1e-40, 3e38]
WHOLE = [0.0, 1.0, -1.0, 2.0, 3.0, 100.0, 70000.0]
"""Members of sets: ONNX Runtime takes whole numbers only."""
WEIGHTS = [0.1, 0.2, 0.7, 0.3, 1.0, 1 / 3]
TRANSFORMS = ["NONE", "NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"]
NODE_FIELDS = ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids")
Trees = list[list[list[Any]]]


def grown(rng: random.Random, n_features: int, values: list[float]) -> Trees:
    """Trees as lists of nodes, each with the fields of NODE_FIELDS."""
    modes = rng.choice(MODES)
    trees: Trees = []

    def grow(nodes: list[list[Any]], depth: int) -> int:
        place = len(nodes)
        nodes.append([len(trees), place, rng.randrange(n_features), "LEAF", 0.0, 0, 0])
        if depth and rng.random() > 0.2:
            children = [grow(nodes, depth - 1), grow(nodes, depth - 1)]
            nodes[place][3:] = [rng.choice(modes), rng.choice(values), *children]
        return place

    for _ in range(rng.choice([1, 2, 5, 12])):
        nodes: list[list[Any]] = []
        grow(nodes, rng.choice([0, 1, 2, 3]))
        trees.append(nodes)
    return trees


def thresholds(rng: random.Random) -> list[float]:
    extra = [math.inf, -math.inf, math.nan] if rng.random() < 0.2 else []
    return [float(np.float32(value)) for value in [*VALUES, *extra]]


def weighted(rng: random.Random, trees: Trees, prefix: str, n_targets: int) -> dict[str, Any]:
    """The attributes of the leaves."""
    style, sign = rng.choice(["all", "first", "last", "some"]), rng.choice([1.0, -1.0, 0.0])
    found: list[tuple[int, int, int, float]] = []
    for node in (node for nodes in trees for node in nodes if node[3] == "LEAF"):
        some = [target for target in range(n_targets) if rng.random() < 0.6]
        ids = {"all": range(n_targets), "first": [0], "last": [n_targets - 1], "some": some}[style]
        for target in ids:
            weight = rng.choice(WEIGHTS) * (sign or rng.choice([1.0, -1.0])) * rng.choice([1, 1, 1, 10])
            found.append((node[0], node[1], target, weight))
    names = [f"{prefix}_{field}" for field in ("treeids", "nodeids", "ids", "weights")]
    return dict(zip(names, map(list, zip(*found, strict=True)), strict=True)) if found else {}


def settings(rng: random.Random, n_features: int) -> tuple[str, dict[str, Any], list[float]]:
    """(operator, its attributes, its thresholds)."""
    values = thresholds(rng)
    trees = grown(rng, n_features, values)
    columns = zip(*(node for nodes in trees for node in nodes), strict=True)
    found: dict[str, Any] = {f"nodes_{name}": list(each) for name, each in zip(NODE_FIELDS, columns, strict=True)}
    if rng.random() < 0.5:
        found["nodes_missing_value_tracks_true"] = [rng.randrange(2) for _ in found["nodes_modes"]]
    found["post_transform"] = rng.choice(TRANSFORMS)
    if rng.random() < 0.5:
        n_targets = rng.choice([1, 2, 3])
        bases = [rng.choice([0.1, 0.5, -1.0]) for _ in range(n_targets)] if rng.random() < 0.5 else None
        extra = {"n_targets": n_targets, "aggregate_function": rng.choice(["SUM", "AVERAGE", "MIN", "MAX"])}
        kind, prefix = "TreeEnsembleRegressor", "target"
    else:
        n_targets = rng.choice([2, 2, 2, 3, 4])
        sizes = [1, 2] if n_targets == 2 else [n_targets]
        bases = [rng.choice([0.1, 0.5, -1.0]) for _ in range(rng.choice(sizes))] if rng.random() < 0.4 else None
        extra = {"classlabels_int64s": rng.sample([5, 7, -3, 0, 1, 2, 9], n_targets)}
        if rng.random() < 0.5:
            extra = {"classlabels_strings": rng.sample(["a", "b", "", "d", "é"], n_targets)}
        kind, prefix = "TreeEnsembleClassifier", "class"
    found |= weighted(rng, trees, prefix, n_targets) | extra | ({"base_values": bases} if bases else {})
    return kind, found, values


def rows(rng: random.Random, n_features: int, values: list[float], dtype: Any) -> Any:
    """Thresholds and their neighbours, missing, infinite and huge numbers."""
    if np.dtype(dtype).kind == "i":
        return np.array([[rng.choice([0, 1, 2, -1, 3, 100, 2**24 + 1]) for _ in range(n_features)] for _ in range(12)])
    known = [value for value in values if value == value]
    pool = [*known, math.nan, math.inf, -math.inf, 1e300, -1e300]
    pool += [math.nextafter(value, side) for value in known for side in (math.inf, -math.inf)]
    pool += [float(np.nextafter(np.float32(value), np.float32(side))) for value in known for side in (9e30, -9e30)]
    return np.array([[rng.choice(pool) for _ in range(n_features)] for _ in range(12)])


def cast(x: Any, dtype: Any) -> Any:
    with np.errstate(over="ignore"):
        return x.astype(dtype)


def compare(proto: Any, x: Any, dtype: Any, exact: bool) -> bool:
    """Whether the blocks of a model agree with ONNX Runtime; False where they leave it to it."""
    feed = {"x": cast(x, dtype)}
    try:
        model = onnx_rows.read(proto)
    except UnsupportedModel as error:  # what the runtime leaves open differs from call to call, which is noticed
        reason = error.message
    else:
        reason = model.source["reason"] if model.is_foreign else ""
    if reason:
        assert re.search("leaves the second score open|has no weights", reason)
        return False
    results = onnx_rows.evaluated(model, onnx_rows.columns_of(model, {"x": x}))
    if model.targets[0].labels and np.isnan(results[""]["predict"]).any():  # rows of which no tree scores any class
        with pytest.raises(Exception, match="narrowing_error"):
            onnx_rows.runtime(proto, feed)
        return False
    wanted = onnx_rows.runtime(proto, feed)
    found = onnx_rows.by_output(model, results, wanted)
    for name, values in wanted.items():
        rows_ = onnx_rows.rows_of(values, len(x))
        if isinstance(rows_, list):
            assert found[name] == rows_
        else:  # each number by itself: the roundings are those of the runtime
            mine = np.array(found[name], dtype=np.float64).reshape(rows_.shape)
            onnx_rows.assert_alike(mine.reshape(-1, 1), rows_.reshape(-1, 1), name, 0.0 if exact else 1e-6)
    return True


@pytest.mark.parametrize("start", [0, pytest.param(100, marks=pytest.mark.slow)])
def test_random_trees(start: int) -> None:
    agreed = 0
    count = 60 if start == 0 else 300
    for seed in range(start, start + count):
        rng = random.Random(seed)
        n_features = rng.choice([1, 2, 3])
        kind, attributes, values = settings(rng, n_features)
        dtype = rng.choice([np.float32, np.float32, np.float64, *([np.int64] if kind.endswith("Classifier") else [])])
        x = rows(rng, n_features, values, dtype)
        outputs = {"y": Kind.FLOAT}
        if kind.endswith("Classifier"):
            text = "classlabels_strings" in attributes
            outputs = {"label": Kind.STRING if text else Kind.INT64, "scores": Kind.FLOAT}
        proto = onnx_rows.node_model(kind, {"x": cast(x, dtype)}, outputs, **attributes)
        agreed += compare(proto, x, dtype, attributes["post_transform"] == "NONE")
    assert agreed > 0.9 * count


def tensor(values: list[Any], dtype: Any) -> Any:
    return numpy_helper.from_array(np.array(values, dtype=dtype))


def new_settings(rng: random.Random, n_features: int, dtype: Any) -> tuple[dict[str, Any], list[float]]:
    """The attributes of TreeEnsemble, version 5."""
    values = [float(dtype(value)) for value in VALUES]
    nodes: list[list[Any]] = []  # feature, mode, split, children, whether these are leaves
    leaves: list[tuple[int, float]] = []
    members: list[float] = []
    n_targets = rng.choice([1, 2, 3])

    def grow(depth: int) -> tuple[int, int]:
        if depth == 0 or rng.random() < 0.2:
            leaves.append((rng.randrange(n_targets), rng.choice(WEIGHTS) * rng.choice([1, -1])))
            return len(leaves) - 1, 1
        place = len(nodes)
        nodes.append([rng.randrange(n_features), rng.randrange(7), rng.choice(values)])
        (yes, yes_leaf), (no, no_leaf) = grow(depth - 1), grow(depth - 1)
        nodes[place] += [yes, no, yes_leaf, no_leaf]
        return place, 0

    roots = []
    for _ in range(rng.choice([1, 2, 6])):
        root, is_leaf = grow(rng.choice([1, 2, 3]))
        if is_leaf:  # a tree of one leaf is a node that leads there both ways
            nodes.append([0, 0, 0.0, root, root, 1, 1])
            root = len(nodes) - 1
        roots.append(root)
    for node in nodes:
        if node[1] == 6:
            members += [*rng.sample(WHOLE, rng.choice([1, 2, 4])), math.nan]
    feature, modes, splits, yes, no, yes_leaf, no_leaf = map(list, zip(*nodes, strict=True))
    found = {
        "tree_roots": roots, "nodes_featureids": feature, "nodes_modes": tensor(modes, np.uint8),
        "nodes_splits": tensor(splits, dtype), "nodes_truenodeids": yes, "nodes_falsenodeids": no,
        "nodes_trueleafs": yes_leaf, "nodes_falseleafs": no_leaf, "leaf_targetids": [target for target, _ in leaves],
        "leaf_weights": tensor([weight for _, weight in leaves], dtype), "n_targets": n_targets,
        "aggregate_function": rng.randrange(4), "post_transform": rng.randrange(5),
    }  # fmt: skip
    if members:
        found["membership_values"] = tensor(members, dtype)
    if rng.random() < 0.5:
        found["nodes_missing_value_tracks_true"] = [rng.randrange(2) for _ in nodes]
    return found, values


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("start", [0, pytest.param(100, marks=pytest.mark.slow)])
def test_random_trees_of_version_5(start: int, dtype: Any) -> None:
    for seed in range(start, start + (40 if start == 0 else 150)):
        rng = random.Random(seed)
        n_features = rng.choice([1, 2, 3])
        attributes, values = new_settings(rng, n_features, dtype)
        x = rows(rng, n_features, values, dtype)
        kind = onnx_rows.TYPES[np.dtype(dtype)]
        proto = onnx_rows.node_model("TreeEnsemble", {"x": cast(x, dtype)}, {"y": kind}, version=5, **attributes)
        assert compare(proto, x, dtype, attributes["post_transform"] == 0)


STUMP: dict[str, Any] = {
    "nodes_treeids": [0, 0, 0], "nodes_nodeids": [0, 1, 2], "nodes_featureids": [0, 0, 0],
    "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"], "nodes_values": [0.5, 0.0, 0.0], "nodes_truenodeids": [1, 0, 0],
    "nodes_falsenodeids": [2, 0, 0], "target_treeids": [0, 0], "target_nodeids": [1, 2], "target_ids": [0, 0],
    "target_weights": [0.2, 0.7], "n_targets": 1,
}  # fmt: skip
X = np.array([[0.0], [1.0], [math.nan]])

DAMAGED: list[tuple[dict[str, Any], str]] = [
    ({"nodes_values": [0.5, 0.0]}, "lists differ in length: .*nodes_values has 2"),
    ({"target_ids": [0]}, "lists differ in length: .*target_ids has 1"),
    ({"nodes_truenodeids": [7, 0, 0]}, "node 0 of tree 0 has no true child 7"),
    ({"nodes_falsenodeids": [0, 0, 0]}, "a node below itself"),
    ({"nodes_featureids": [1, 0, 0]}, "compares feature 1, the input has 1"),
    ({"nodes_featureids": [-1, 0, 0]}, "compares feature -1"),
    ({"nodes_modes": ["BRANCH_ODD", "LEAF", "LEAF"]}, "mode 'BRANCH_ODD'"),
    ({"nodes_nodeids": [0, 1, 1]}, "two nodes of the same number"),
    ({"target_nodeids": [1, 9]}, "weight for node 9 of tree 0, which does not exist"),
    ({"target_ids": [0, 3]}, "weight for target 3 of 1"),
    ({"base_values": [1.0, 2.0]}, "2 base values, needed 0 or 1"),
    ({"n_targets": 0}, "0 targets"),
    ({"aggregate_function": "ODD"}, "put together by 'ODD'"),
    ({"post_transform": "ODD"}, "post_transform is 'ODD'"),
    ({"nodes_values_as_tensor": tensor([0.5, 0.0, 0.0], np.float32)}, "both nodes_values and nodes_values_as_tensor"),
]


@pytest.mark.parametrize(("change", "why"), DAMAGED, ids=[why for _, why in DAMAGED])
def test_damaged_trees_are_refused(change: dict[str, Any], why: str) -> None:
    proto = onnx_rows.node_model(
        "TreeEnsembleRegressor", {"x": X.astype(np.float32)}, {"y": Kind.FLOAT}, **STUMP | change
    )
    with pytest.raises(ModelFileError, match=rf"cannot load test\.onnx: its node TreeEnsembleRegressor: .*{why}"):
        onnx_rows.read(proto)


NEW: dict[str, Any] = {
    "n_targets": 1, "nodes_featureids": [0], "nodes_modes": tensor([0], np.uint8),
    "nodes_splits": tensor([0.5], np.float32), "nodes_truenodeids": [0], "nodes_falsenodeids": [1],
    "nodes_trueleafs": [1], "nodes_falseleafs": [1], "leaf_targetids": [0, 0],
    "leaf_weights": tensor([0.2, 0.7], np.float32), "tree_roots": [0],
}  # fmt: skip
NEW_DAMAGED: list[tuple[dict[str, Any], str]] = [
    ({"nodes_truenodeids": [5]}, "has no leaf 5"),
    ({"nodes_truenodeids": [0], "nodes_trueleafs": [0]}, "a node below itself"),
    ({"leaf_targetids": [0, 3]}, "not all for one of 1 targets"),
    ({"tree_roots": [1]}, "have the roots .1. of 1 nodes"),
    ({"nodes_modes": tensor([7], np.uint8)}, "an unknown mode"),
    ({"nodes_modes": tensor([6], np.uint8)}, "1 nodes that test membership, and 0 sets"),
    ({"post_transform": 9}, "the transform 9"),
]


@pytest.mark.parametrize(("change", "why"), NEW_DAMAGED, ids=[why for _, why in NEW_DAMAGED])
def test_damaged_trees_of_version_5_are_refused(change: dict[str, Any], why: str) -> None:
    feed = {"x": X.astype(np.float32)}
    proto = onnx_rows.node_model("TreeEnsemble", feed, {"y": Kind.FLOAT}, version=5, **NEW | change)
    with pytest.raises(ModelFileError, match=rf"cannot load test\.onnx: its node TreeEnsemble: .*{why}"):
        onnx_rows.read(proto)


def test_a_node_that_many_lead_to_is_written_for_each_within_bounds() -> None:
    """Each of 30 nodes leads to the next one both ways: 2 ** 30 paths in a file of a kilobyte."""
    ids = list(range(31))
    trees = {
        "nodes_treeids": [0] * 31, "nodes_nodeids": ids, "nodes_featureids": [0] * 31,
        "nodes_modes": ["BRANCH_LEQ"] * 30 + ["LEAF"], "nodes_values": [float(each) for each in ids],
        "nodes_truenodeids": [*ids[1:], 0], "nodes_falsenodeids": [*ids[1:], 0], "target_treeids": [0],
        "target_nodeids": [30], "target_ids": [0], "target_weights": [1.0], "n_targets": 1,
    }  # fmt: skip
    proto = onnx_rows.node_model("TreeEnsembleRegressor", {"x": X.astype(np.float32)}, {"y": Kind.FLOAT}, **trees)
    with pytest.raises(UnsupportedModel, match=r"more than \d+ nodes"):
        raise UnsupportedModel(onnx_rows.read(proto).source["reason"])


def test_a_chain_of_equal_numbers_is_a_set() -> None:
    trees = {
        "nodes_treeids": [0] * 5, "nodes_nodeids": list(range(5)), "nodes_featureids": [0] * 5,
        "nodes_modes": ["BRANCH_EQ"] * 3 + ["LEAF"] * 2, "nodes_values": [1.5, 2.0, 70.0, 0.0, 0.0],
        "nodes_truenodeids": [3, 3, 3, 0, 0], "nodes_falsenodeids": [1, 2, 4, 0, 0], "target_treeids": [0, 0],
        "target_nodeids": [3, 4], "target_ids": [0, 0], "target_weights": [1.0, 0.0], "n_targets": 1,
    }  # fmt: skip
    x = np.array([[1.0], [1.5], [2.0], [70.0], [2.5], [np.nextafter(70.0, 0.0)], [math.nan]])
    proto = onnx_rows.node_model("TreeEnsembleRegressor", {"x": x.astype(np.float32)}, {"y": Kind.FLOAT}, **trees)
    assert compare(proto, x, np.float32, True)
