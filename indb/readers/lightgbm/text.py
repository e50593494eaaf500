"""The text that LightGBM writes (Booster.model_to_string, save_model), read without LightGBM.

Source: LightGBM src/boosting/gbdt_model_text.cpp (SaveModelToString) and src/io/tree.cpp (Tree::ToString).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from indb.ir import Floats, Ints
from indb.readers.lightgbm.forest import Damaged, Forest, LinearLeaves, Tree, declared, pandas_categories

VERSIONS = ("v3", "v4")
"""The versions of the format: that of LightGBM 2.3 to 3, and that of LightGBM 4."""

Number = TypeVar("Number", int, float)

PANDAS = "pandas_categorical:"


def parse(text: str) -> Forest:
    """The model that a text holds.

    Raises: Damaged when it is cut off, or anything in it is not what LightGBM writes.
    """
    lines = [line.rstrip("\r") for line in text.split("\n")]
    if lines[0] != "tree":
        raise Damaged(f"it begins with {lines[0][:40]!r}, needed 'tree'")
    if "end of trees" not in lines:
        raise Damaged("it ends before its last tree does")
    end = lines.index("end of trees")
    first = next((number for number in range(end) if lines[number].startswith("Tree=")), end)
    head = _fields(lines[1:first])
    if head.get("version") not in VERSIONS:
        raise Damaged(f"its version is {head.get('version')!r}, needed one of {', '.join(VERSIONS)}")
    trees = tuple(_tree(fields) for fields in _blocks(lines[first:end]))
    if "tree_sizes" in head and len(head["tree_sizes"].split()) != len(trees):
        raise Damaged(f"it has {len(trees)} trees, needed {len(head['tree_sizes'].split())}")
    names = tuple(_needed(head, "feature_names").split(" "))
    if len(names) != _one(head, "max_feature_idx") + 1:
        raise Damaged(f"it has {len(names)} feature names, needed {_one(head, 'max_feature_idx') + 1}")
    ranges = tuple(_needed(head, "feature_infos").split(" "))
    parameters = _parameters(lines[end:])
    listed = parameters.get("categorical_feature", "")
    is_listed = bool(listed) and all(part.isdigit() for part in listed.split(","))
    return Forest(
        names=names,
        per_iteration=_one(head, "num_tree_per_iteration"),
        objective=head.get("objective", ""),
        average="average_output" in head,
        ranges=ranges,
        categorical=tuple(map(int, listed.split(","))) if is_listed else declared(ranges),
        pandas=_pandas(lines[end:]),
        trees=trees,
    ).check()


def _fields(lines: list[str]) -> dict[str, str]:
    """`name=value` of each line that is not empty; a name alone has the value ""."""
    found: dict[str, str] = {}
    for line in filter(None, lines):
        name, _, value = line.partition("=")
        if name in found:
            raise Damaged(f"it has two lines {name!r}")
        found[name] = value
    return found


def _blocks(lines: list[str]) -> Iterator[dict[str, str]]:
    """The fields of each tree; the trees are numbered."""
    starts = [number for number, line in enumerate(lines) if line.startswith("Tree=")]
    for number, (start, stop) in enumerate(zip(starts, [*starts[1:], len(lines)], strict=True)):
        if lines[start] != f"Tree={number}":
            raise Damaged(f"it has {lines[start]!r} where tree {number} is due")
        yield _fields(lines[start + 1 : stop])


def _parameters(lines: list[str]) -> dict[str, str]:
    """The parameters of the training, `[name: value]` in each line; none where the section is left out."""
    if "parameters:" not in lines:
        return {}
    if "end of parameters" not in lines:
        raise Damaged("it ends inside its parameters")
    inside = lines[lines.index("parameters:") + 1 : lines.index("end of parameters")]
    pairs = (line[1:-1].partition(": ") for line in inside if line.startswith("[") and line.endswith("]"))
    return {name: value for name, _, value in pairs}


def _pandas(lines: list[str]) -> tuple[tuple[Any, ...], ...]:
    """The categories of pandas, which the Python package adds at the end."""
    last = next((line for line in reversed(lines) if line.strip()), "")
    if not last.startswith(PANDAS):
        return ()
    try:
        return pandas_categories(json.loads(last.removeprefix(PANDAS)))
    except (json.JSONDecodeError, RecursionError) as error:
        raise Damaged(f"its pandas_categorical is no JSON ({error})") from None


def _needed(fields: dict[str, str], name: str) -> str:
    if name not in fields:
        raise Damaged(f"it has no {name}")
    return fields[name]


def _numbers(fields: dict[str, str], name: str, count: int | None, kind: Callable[[str], Number]) -> list[Number]:
    """The values of a field, as many as are due."""
    parts = _needed(fields, name).split()
    try:
        found = [kind(part) for part in parts]
    except ValueError:
        raise Damaged(f"its {name} holds something else than numbers") from None
    if count is not None and len(found) != count:
        raise Damaged(f"its {name} holds {len(found)} values, needed {count}")
    return found


def _one(fields: dict[str, str], name: str) -> int:
    return _numbers(fields, name, 1, int)[0]


def _ints(fields: dict[str, str], name: str, count: int) -> Ints:
    found = _numbers(fields, name, count, int)
    if any(abs(value) >= 2**31 for value in found):
        raise Damaged(f"its {name} holds a number that is too large")
    return np.array(found, dtype=np.int32)


def _floats(fields: dict[str, str], name: str, count: int) -> Floats:
    return np.array(_numbers(fields, name, count, float), dtype=np.float64)


def _tree(fields: dict[str, str]) -> Tree:
    """One tree. The bits of decision_type: 1 a split by category, 2 missing values go left, 4 and 8 what is missing."""
    leaves = _one(fields, "num_leaves")
    splits = leaves - 1
    value = _floats(fields, "leaf_value", leaves)
    linear = _linear(fields, leaves) if fields.get("is_linear", "0") != "0" else None
    kinds = _ints(fields, "decision_type", splits)
    if ((kinds < 0) | (kinds > 15)).any():
        raise Damaged(f"a tree has the decision_type {int(kinds.max())}")
    threshold = _floats(fields, "threshold", splits)
    return Tree(
        feature=_ints(fields, "split_feature", splits),
        threshold=threshold,
        categories=_categories(fields, threshold, kinds),
        default_left=(kinds & 2) > 0,
        missing=(kinds >> 2).astype(np.int32),
        left=_ints(fields, "left_child", splits),
        right=_ints(fields, "right_child", splits),
        value=value,
        linear=linear,
    )


def _categories(fields: dict[str, str], threshold: Floats, kinds: Ints) -> tuple[tuple[int, ...] | None, ...]:
    """For each split None, or the codes that go left: bits of the words that its threshold is the number of."""
    count = _one(fields, "num_cat")
    is_category = (kinds & 1) > 0
    sets: list[tuple[int, ...]] = []
    if count:
        borders = _numbers(fields, "cat_boundaries", count + 1, int)
        words = _numbers(fields, "cat_threshold", borders[-1], int)
        if borders != sorted(borders) or borders[0] != 0 or any(not 0 <= word < 2**32 for word in words):
            raise Damaged("a tree has sets of categories that cannot be")
        for start, stop in itertools.pairwise(borders):
            codes = [32 * place + bit for place, word in enumerate(words[start:stop]) for bit in _bits(word)]
            sets.append(tuple(codes))
    found: list[tuple[int, ...] | None] = []
    for number, by_category in zip(threshold.tolist(), is_category.tolist(), strict=True):
        if by_category and number not in range(len(sets)):
            raise Damaged(f"a split uses the set of categories {number:g} of {len(sets)}")
        found.append(sets[int(number)] if by_category else None)
    return tuple(found)


def _bits(word: int) -> list[int]:
    return [bit for bit in range(32) if word >> bit & 1]


def _linear(fields: dict[str, str], leaves: int) -> LinearLeaves:
    counts = _numbers(fields, "num_features", leaves, int)
    if any(count < 0 for count in counts):
        raise Damaged("a linear model has a negative number of features")
    features = iter(_numbers(fields, "leaf_features", sum(counts), int))
    coefficients = iter(_numbers(fields, "leaf_coeff", sum(counts), float))
    return LinearLeaves(
        _floats(fields, "leaf_const", leaves),
        tuple(tuple(next(features) for _ in range(count)) for count in counts),
        tuple(tuple(next(coefficients) for _ in range(count)) for count in counts),
    )
