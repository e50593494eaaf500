"""The trees of a LightGBM model as blocks: raw scores, equal to the library's to the last bit.

The traps. A value of at most 1e-35 (as float32) in size is 0 for every split of a dense row, also where a split lies
at that border. A split that saw no missing values takes NaN for 0. One of kind "zero" sends zeros and NaN by its
default, which may be neither side of its threshold: it reads a lane in which zeros are missing. A category is the whole
part of its number, -0.5 is category 0; what is negative, missing or unknown goes right.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from indb import build
from indb.ir import Block, Floats, Ints, Lookup, TreeEnsemble, Type
from indb.readers.base import Frame, Reading
from indb.readers.lightgbm.categories import Keys, category_keys
from indb.readers.lightgbm.forest import NAN, ZERO, Forest, Tree

TINY = float(np.float32(1e-35))
"""The largest size of a value that is taken for zero. Source: LightGBM's kZeroThreshold."""


@dataclass
class Features:
    """The lanes that trees read, made when a split first asks for one, of what the table holds for each feature."""

    values: tuple[Block, ...]
    keys: dict[int, Keys]
    sparse: bool
    reading: Reading
    lanes: list[Block] = field(default_factory=list)
    places: dict[tuple[str, int], int] = field(default_factory=dict)

    def number(self, feature: int) -> Block:
        """A feature as a number: the code of its category where pandas made codes, missing for an unknown one."""
        if feature not in self.keys:
            return self.values[feature]
        codes = tuple((float(code),) for code in range(len(self.keys[feature])))
        return Lookup(self.values[feature], self.keys[feature], codes, (np.nan,), (np.nan,))

    def nonzero(self, feature: int) -> Block:
        """A feature as a number, missing where it is zero."""
        x = self.number(feature)
        return build.where(build.between(x, -TINY, TINY), build.MISSING, x)

    def category(self, feature: int) -> Block:
        """A feature as its category: as the table has it where pandas made codes, else the whole part of a number."""
        return self.values[feature] if feature in self.keys else build.truncate(self.values[feature])

    def place(self, kind: str, feature: int) -> int:
        """The number of a lane among those that are read; `kind` is the name of the method that makes it."""
        if (kind, feature) not in self.places:
            self.places[kind, feature] = len(self.lanes)
            self.lanes.append(getattr(self, kind)(feature))
        return self.places[kind, feature]

    def factor(self, feature: int) -> Block:
        """A feature as a linear leaf multiplies it; missing where it is infinite."""
        x = self.number(feature)
        finite = build.where(build.between(x, -build.FLOAT64_MAX, build.FLOAT64_MAX), x, build.MISSING)
        return finite if self.sparse else build.where(build.between(x, -TINY, TINY), build.number(0.0), finite)


def features_of(forest: Forest, frame: Frame, reading: Reading) -> Features:
    """The lanes of a frame for a forest.

    Raises: UnsupportedModel for categories that a table cannot hold.
    """
    keys = category_keys(forest, reading)
    texts = {feature for feature, listed in keys.items() if any(isinstance(key, str) for key in listed)}
    kinds = [Type.TEXT if feature in texts else Type.NUMBER for feature in range(len(forest.names))]
    values = tuple(reading.resolve(lane, kind) for lane, kind in zip(frame.lanes, kinds, strict=True))
    return Features(values, keys, frame.sparse, reading)


@dataclass
class Nodes:
    """The arrays of a TreeEnsemble while trees are added to them."""

    features: Features
    sets: dict[tuple[float | str, ...], int] = field(default_factory=dict)
    parts: list[dict[str, Any]] = field(default_factory=list)
    count: int = 0
    leaves: int = 0

    def add(self, tree: Tree) -> None:
        """Add one tree: its splits, then its leaves.

        Source: LightGBM's Tree::NumericalDecision, Tree::CategoricalDecision.
        """
        splits, leaves = len(tree.feature), len(tree.value)
        part = {name: np.full(splits + leaves, -1) for name in ("feature", "category_set", "left", "right", "leaf")}
        threshold, missing_left = np.zeros(splits + leaves), np.zeros(splits + leaves, dtype=bool)
        part["leaf"][splits:] = np.arange(leaves) + self.leaves
        for name, side in (("left", tree.left), ("right", tree.right)):
            part[name][:splits] = np.where(side >= 0, side, splits + ~side) + self.count
        for node, (feature, codes) in enumerate(zip(tree.feature.tolist(), tree.categories, strict=True)):
            if codes is not None:
                part["feature"][node] = self.features.place("category", feature)
                part["category_set"][node] = self.sets.setdefault(self._listed(feature, codes), len(self.sets))
                continue
            kind = int(tree.missing[node])
            part["feature"][node] = self.features.place("nonzero" if kind == ZERO else "number", feature)
            border = float(tree.threshold[node])
            missing_left[node] = tree.default_left[node] if kind in (ZERO, NAN) else border >= 0.0
            threshold[node] = border if kind == ZERO or self.features.sparse else _beside_zero(border)
        self.parts.append({**part, "threshold": threshold, "missing_left": missing_left})
        self.count += splits + leaves
        self.leaves += leaves

    def _listed(self, feature: int, codes: tuple[int, ...]) -> tuple[float | str, ...]:
        """The values of the lane that go left."""
        keys = self.features.keys.get(feature)
        return tuple(map(float, codes)) if keys is None else tuple(keys[code] for code in codes if code < len(keys))

    def ensemble(self, values: Floats) -> TreeEnsemble:
        """The trees, with a row of `values` for each leaf, added to zero."""
        if not self.features.lanes:  # trees of one leaf read nothing
            self.features.place("number", 0)
        lengths = [len(part["leaf"]) for part in self.parts]
        return TreeEnsemble(
            inputs=tuple(self.features.lanes),
            roots=np.cumsum([0, *lengths[:-1]]).astype(np.int32),
            feature=self._whole("feature"),
            threshold=np.concatenate([part["threshold"] for part in self.parts]).astype(np.float64),
            category_set=self._whole("category_set"),
            left=self._whole("left"),
            right=self._whole("right"),
            missing_left=np.concatenate([part["missing_left"] for part in self.parts]).astype(bool),
            leaf=self._whole("leaf"),
            values=values,
            base=np.zeros(values.shape[1]),
            category_sets=tuple(self.sets),
        )

    def _whole(self, name: str) -> Ints:
        return np.concatenate([part[name] for part in self.parts]).astype(np.int32)


def _beside_zero(border: float) -> float:
    """The border that decides for x as `border` does for x with everything up to TINY in size taken for zero."""
    if not -TINY <= border < TINY:
        return border
    return TINY if border >= 0.0 else float(np.nextafter(-TINY, -np.inf))


def raw_scores(forest: Forest, frame: Frame, reading: Reading) -> Block:
    """The sum of the trees, a lane for each tree of an iteration. Source: LightGBM's GBDT::PredictRaw.

    Raises: UnsupportedModel for categories that a table cannot hold, and linear trees of too many terms.
    """
    from indb.readers.lightgbm.linear import linear_scores

    features = features_of(forest, frame, reading)
    if any(tree.linear is not None for tree in forest.trees):
        return linear_scores(forest, features)
    nodes = Nodes(features)
    for tree in forest.trees:
        nodes.add(tree)
    values = np.zeros((nodes.leaves, forest.per_iteration))
    lane = np.concatenate([np.full(len(tree.value), n % forest.per_iteration) for n, tree in enumerate(forest.trees)])
    values[np.arange(nodes.leaves), lane] = np.concatenate([tree.value for tree in forest.trees])
    return nodes.ensemble(values)
