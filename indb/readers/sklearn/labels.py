"""What predictors share: class labels as Python values, names of targets, and the shape of their outputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from indb import build
from indb.ir import Block, Label, Target
from indb.readers.base import Frame, Reading, frame_of

SQUARABLE = 1.3407807929942596e154
"""The largest number whose square is finite."""


def labels_of(classes: Any, reading: Reading) -> tuple[Label, ...]:
    """The labels of `classes_` as Python str, bool, int and float.

    Raises: UnsupportedModel for a label of any other kind: no database column could hold it next to the others.
    """
    labels = tuple(value.item() if isinstance(value, np.generic) else value for value in np.asarray(classes).tolist())
    for label in labels:
        if not isinstance(label, str | bool | int | float):
            raise reading.unsupported(
                f"its class label {label!r} is a {type(label).__name__}, needed text, a number or a boolean",
                "Train it again with text labels.",
            )
    return labels


def target_names(count: int) -> tuple[str, ...]:
    """The names of `count` targets: none for a single one, else their numbers."""
    return ("",) if count == 1 else tuple(str(number) for number in range(count))


def classifier(
    labels: tuple[Label, ...], number: Block, proba: Block, decision: Block | None = None, name: str = ""
) -> Target:
    """The target of a classifier from its class number, its probabilities and, where it has one, its decision."""
    return decided(labels, number, proba, decision, name)


def decided(
    labels: tuple[Label, ...],
    number: Block,
    proba: Block | None = None,
    decision: Block | None = None,
    name: str = "",
) -> Target:
    """The target of anything that gives labels: their number, and probabilities and a decision where it has them."""
    outputs = {"predict": number, "predict_proba": proba, "decision_function": decision}
    return Target(name, {output: block for output, block in outputs.items() if block is not None}, labels)


def regressors(values: Block) -> list[Target]:
    """One target for each lane of predicted values."""
    names = target_names(values.width)
    return [Target(name, {"predict": lane}) for name, lane in zip(names, build.lanes(values), strict=True)]


def components(estimator: Any, values: Block) -> Frame:
    """The frame of values that are named by the class and their number. Source: ClassNamePrefixFeaturesOutMixin."""
    prefix = type(estimator).__name__.lower()
    return frame_of(values, [f"{prefix}{number}" for number in range(values.width)])
