"""Which column each list of pandas categories belongs to: a model keeps the lists, and not the columns.

The lists are in the order of the columns. A column of unordered categories is a categorical feature; one of ordered
categories is a feature of numbers, its codes; and a user may have declared other columns to be categorical features. So
the lists are laid on the features in every way that fits what training saw of them, and only one may be left.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from indb.readers.base import Reading
from indb.readers.lightgbm.forest import Forest

Keys = tuple[float | str, ...]

EXACT = 2**53
"""From here on a float64 does not hold every integer."""

_RANGE = re.compile(r"\[(\d+):(\d+)\]")


def category_keys(forest: Forest, reading: Reading) -> dict[int, Keys]:
    """Feature -> the value of the table that each of its codes stands for, where pandas made the codes.

    Raises: UnsupportedModel when the lists may belong to other columns, or hold what a table cannot.
    """
    if not forest.pandas:
        return {}
    lists = forest.pandas
    place = _only(_ways(forest, lists, all_declared=True)) or _only(_ways(forest, lists, all_declared=False))
    if place is None:
        raise reading.unsupported(
            f"it does not tell which of its columns are the {len(lists)} columns of pandas categories",
            "Train it with unordered categories, and without categorical_feature= (its default takes all of them).",
        )
    _refuse_others(forest, lists, place, reading)
    return {
        feature: _keys(values, forest.names[feature], reading) for feature, values in zip(place, lists, strict=True)
    }


def _ways(forest: Forest, lists: Sequence[Sequence[Any]], all_declared: bool) -> list[set[int]]:
    """For each list the features that it may belong to; empty where no way is left.

    `all_declared`: only ways in which every categorical feature gets a list.
    """
    features, count = len(forest.names), len(lists)
    declared = set(forest.categorical) if all_declared else set()

    def reach(order: Sequence[int], rows: Sequence[int]) -> list[set[int]]:
        """How far each prefix of the features goes: the numbers of lists that may be laid on it."""
        found = [{0}]
        for feature in order:
            done = found[-1]
            laid = {n + 1 for n in done if n < count and _fits(forest, feature, lists[rows[n]])}
            found.append(laid if feature in declared else laid | done)
        return found

    before = reach(range(features), range(count))
    after = reach(range(features)[::-1], range(count)[::-1])[::-1]
    ways: list[set[int]] = [set() for _ in lists]
    for feature in range(features):
        for n in before[feature]:
            if n < count and _fits(forest, feature, lists[n]) and count - n - 1 in after[feature + 1]:
                ways[n].add(feature)
    return ways


def _fits(forest: Forest, feature: int, values: Sequence[Any]) -> bool:
    """Whether what training saw of a feature may be codes of a list: any of a categorical one, else up to the last."""
    text = forest.ranges[feature]
    if text == "none":
        return True
    if feature in forest.categorical and not text.startswith("["):
        return all(int(code) < len(values) for code in text.split(":"))
    found = _RANGE.fullmatch(text)
    return found is not None and int(found[2]) < len(values)


def _only(ways: Sequence[set[int]]) -> list[int] | None:
    """The single way, where there is one."""
    return [next(iter(features)) for features in ways] if all(len(features) == 1 for features in ways) else None


def _refuse_others(
    forest: Forest, lists: Sequence[Sequence[Any]], place: Sequence[int], reading: Reading
) -> None:  # fmt: skip
    """Refuse numbers as categories that might as well be those of a column of codes that lies elsewhere.

    Where the values of a list are texts, a table with another column there cannot be bound, and that is loud enough.
    """
    others = _ways(forest, lists, all_declared=False)
    for values, feature, features in zip(lists, place, others, strict=True):
        whole = {other for other in features - {feature} if forest.ranges[other] == f"[0:{len(values) - 1}]"}
        if whole and not any(isinstance(value, str) for value in values) and list(values) != list(range(len(values))):
            names = ", ".join(repr(forest.names[other]) for other in sorted({feature} | whole))
            raise reading.unsupported(
                f"it does not tell which of {names} is the column of the pandas categories {list(values)[:6]}",
                "Make the categories text before the model is trained, in the table as well.",
            )


def _keys(values: Sequence[Any], name: str, reading: Reading) -> Keys:
    """The categories of one column as values of a lane.

    Raises: UnsupportedModel for what is neither text nor a number, a mixture, or a number that no double holds.
    """
    keys: list[float | str] = []
    for value in values:
        if not isinstance(value, str | bool | int | float) or value != value:
            raise reading.unsupported(f"column {name!r} has the category {value!r}, needed text, numbers or booleans")
        if isinstance(value, int) and abs(value) > EXACT:
            raise reading.unsupported(
                f"column {name!r} has the category {value}, too large for a double to tell it from its neighbours",
                "Make the column text before the model is trained, in the table as well.",
            )
        keys.append(value if isinstance(value, str) else float(value))
    if len({type(key) for key in keys}) > 1:
        raise reading.unsupported(
            f"column {name!r} has texts and numbers as categories, a table's column has one type",
            "Make the column text before the model is trained, in the table as well.",
        )
    return tuple(keys)
