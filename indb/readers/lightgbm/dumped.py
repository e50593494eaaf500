"""The JSON of Booster.dump_model as the model that it came from: numbers have 17 digits in it, so nothing is lost.

Source: LightGBM src/boosting/gbdt_model_text.cpp (DumpModel) and src/io/tree.cpp (Tree::ToJSON).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from indb.readers.lightgbm.forest import (
    NAN,
    NONE,
    ZERO,
    Damaged,
    Forest,
    LinearLeaves,
    Tree,
    declared,
    pandas_categories,
)
from indb.readers.lightgbm.text import VERSIONS

FIELDS = frozenset({"tree_info", "feature_names", "max_feature_idx"})
"""The fields by which it is known."""

_MISSING = {"None": NONE, "Zero": ZERO, "NaN": NAN}


def parse(data: Any) -> Forest:
    """The model that the parsed JSON holds.

    Raises: Damaged when a field is missing, or holds something else than LightGBM writes.
    """
    try:
        return _forest(data).check()
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        if isinstance(error, Damaged):
            raise
        what = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise Damaged(what) from None


def _forest(data: dict[str, Any]) -> Forest:
    if data["version"] not in VERSIONS:
        raise Damaged(f"its version is {data['version']!r}, needed one of {', '.join(VERSIONS)}")
    names = tuple(_checked(name, str, "a feature name") for name in data["feature_names"])
    if len(names) != data["max_feature_idx"] + 1:
        raise Damaged(f"it has {len(names)} feature names, needed {data['max_feature_idx'] + 1}")
    ranges = tuple(_range(data["feature_infos"].get(name)) for name in names)
    trees = []
    for number, each in enumerate(data["tree_info"]):
        if each["tree_index"] != data["tree_info"][0]["tree_index"] + number:
            raise Damaged(f"it has tree {each['tree_index']} where tree {number} is due")
        trees.append(_tree(each))
    return Forest(
        names=names,
        per_iteration=_checked(data["num_tree_per_iteration"], int, "num_tree_per_iteration"),
        objective=_checked(data.get("objective", ""), str, "the objective"),
        average=_checked(data["average_output"], bool, "average_output"),
        ranges=ranges,
        categorical=declared(ranges),
        pandas=pandas_categories(data.get("pandas_categorical")),
        trees=tuple(trees),
    )


def _checked(value: Any, kind: type, what: str) -> Any:
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise Damaged(f"{what} is {str(value)[:40]!r}, needed {kind.__name__}")
    return value


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise Damaged(f"it has {str(value)[:40]!r} where a number is due")
    return float(value)


def _range(info: Any) -> str:
    """What training saw of a feature, as in the text."""
    if info is None:
        return "none"
    if info["values"]:
        return ":".join(str(int(value)) for value in info["values"])
    return f"[{_number(info['min_value']):.17g}:{_number(info['max_value']):.17g}]"


def _tree(data: dict[str, Any]) -> Tree:
    """One tree: its splits and leaves are numbered, and found from the root without recursion."""
    leaves = _checked(data["num_leaves"], int, "num_leaves")
    splits: dict[int, dict[str, Any]] = {}
    ends: dict[int, dict[str, Any]] = {}
    stack = [data["tree_structure"]]
    while stack:
        node = stack.pop()
        is_split = "split_index" in node
        number = node["split_index"] if is_split else node.get("leaf_index", 0)
        seen = splits if is_split else ends
        if number in seen:
            raise Damaged(f"a tree has two nodes of number {number}")
        seen[_checked(number, int, "the number of a node")] = node
        stack += [node["left_child"], node["right_child"]] if is_split else []
    if set(splits) != set(range(leaves - 1)) or set(ends) != set(range(leaves)):
        raise Damaged(f"a tree of {leaves} leaves has {len(splits)} splits and {len(ends)} leaves")
    inner, outer = [splits[number] for number in range(leaves - 1)], [ends[number] for number in range(leaves)]
    categories = tuple(_categories(node) for node in inner)

    def each(read: Callable[[dict[str, Any]], Any], dtype: Any) -> Any:
        return np.array([read(node) for node in inner], dtype=dtype)

    return Tree(
        feature=each(lambda node: _checked(node["split_feature"], int, "split_feature"), np.int32),
        threshold=each(lambda node: 0.0 if node["decision_type"] == "==" else _number(node["threshold"]), float),
        categories=categories,
        default_left=each(lambda node: _checked(node["default_left"], bool, "default_left"), bool),
        missing=each(lambda node: _MISSING[node["missing_type"]], np.int32),
        left=each(lambda node: _child(node["left_child"]), np.int32),
        right=each(lambda node: _child(node["right_child"]), np.int32),
        value=np.array([_number(node["leaf_value"]) for node in outer], dtype=np.float64),
        linear=_linear(outer) if "leaf_const" in outer[0] else None,
    )


def _child(node: dict[str, Any]) -> int:
    return int(node["split_index"]) if "split_index" in node else ~int(node["leaf_index"])


def _categories(node: dict[str, Any]) -> tuple[int, ...] | None:
    match node["decision_type"]:
        case "<=":
            return None
        case "==":
            return tuple(int(code) for code in str(node["threshold"]).split("||") if code)
    raise Damaged(f"a split has the decision_type {node['decision_type']!r}")


def _linear(leaves: list[dict[str, Any]]) -> LinearLeaves:
    return LinearLeaves(
        np.array([_number(leaf["leaf_const"]) for leaf in leaves], dtype=np.float64),
        tuple(tuple(_checked(each, int, "a feature") for each in leaf["leaf_features"]) for leaf in leaves),
        tuple(tuple(map(_number, leaf["leaf_coeff"])) for leaf in leaves),
    )
