"""What has no blocks: a CatBoost model that the library itself runs in the database, as a foreign model."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from indb.errors import IndbError, UnsupportedModel
from indb.ir import Block, Bytes, Column, Foreign, Label, Model, Target, Type, model_of
from indb.readers.base import Reading, runs
from indb.readers.catboost.categories import holds_integers
from indb.readers.sklearn.labels import labels_of, target_names
from indb.runtime.catboost import MULTILABEL, CatBoostModel
from indb.runtime.refusals import Loaded, Parts, example_row

METHODS = ("predict", "predict_proba", "decision_function")


@runs("catboost")
def read(
    model: Any,
    names: Sequence[str],
    text_columns: Sequence[str] | None,
    reason: UnsupportedModel,
    source: dict[str, str],
) -> Model:
    """The foreign model of a fitted CatBoost model that a reader refused for `reason`.

    Columns of categories hold texts, but integers where all that the model knows of them are such; text_columns= says
    it where that is wrong.

    Raises: UnsupportedModel when a table cannot hold its columns.
    """
    name = type(model).__name__
    try:
        columns = _columns(model, names, text_columns)
        block = Foreign(columns, "cbm", _payload(model), name, "", 1)
        example = tuple("a" if column.kind is Type.TEXT else 0.0 for column in columns)
        block = replace(block, example=example)
        targets = _targets(block, model, _results(CatBoostModel(block.payload.tobytes(), name), block, name))
    except IndbError as error:
        why = error.message.removeprefix("cannot read the model: ")
        raise UnsupportedModel(f"{reason.message}; nor can it run as a UDF: {why}", error.hint) from error
    return model_of(columns, targets, {**source, "reason": reason.message})


def _columns(model: Any, names: Sequence[str], text_columns: Sequence[str] | None) -> tuple[Column, ...]:
    if len(model._object._get_embedding_feature_indices()):
        raise UnsupportedModel("it has embedding features, which no column of a table holds")
    told = None if text_columns is None else set(text_columns)
    unknown = sorted((told or set()) - set(names))
    if unknown:
        raise UnsupportedModel(f"text_columns= says {unknown}, it was fitted with {list(names)}")
    categories = set(model.get_cat_feature_indices())
    texts = set(model._object._get_text_feature_indices())
    integers = holds_integers(model) if categories and told is None else set()
    kinds = [
        Type.TEXT
        if place in texts or (place in categories and (name in told if told is not None else place not in integers))
        else Type.NUMBER
        for place, name in enumerate(names)
    ]
    return tuple(Column(name, kind) for name, kind in zip(names, kinds, strict=True))


def _payload(model: Any) -> Bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.cbm")
        model.save_model(str(path), format="cbm")
        return np.frombuffer(path.read_bytes(), dtype=np.uint8)


def _results(loaded: Loaded, block: Foreign, name: str) -> dict[str, Parts]:
    """What each method gives for the example; a raw value that is infinite is left out."""
    ask = loaded.rows(example_row(block.example, block.inputs))
    found = {method: ask(method) for method in (METHODS if name == "CatBoostClassifier" else METHODS[:1])}
    if not all(np.isfinite(part).all() for part in found.get("decision_function", ())):
        del found["decision_function"]
    return found


def _targets(block: Foreign, model: Any, results: dict[str, Parts]) -> tuple[Target, ...]:
    """The target of a model, or one for each of its outputs."""
    count = results["predict"][0].shape[1]
    labels: tuple[Label, ...] = ()
    names = target_names(count)
    if type(model).__name__ == "CatBoostClassifier":
        labels = labels_of(model.classes_, Reading(()))
        if model._object._get_loss_function_name() in MULTILABEL:
            names = tuple(str(label) for label in labels) if len(labels) == count else names
            labels = (0, 1)
    return tuple(
        _target(block, name, number if count > 1 else -1, labels, results) for number, name in enumerate(names)
    )


def _target(block: Foreign, name: str, part: int, labels: tuple[Label, ...], results: dict[str, Parts]) -> Target:
    outputs: dict[str, Block] = {}
    for method, parts in results.items():
        several = len(parts) > 1 or part < 0
        lanes = parts[max(part, 0) if len(parts) > 1 else 0].shape[1] if several else 1
        classes = labels if method == "predict" else ()
        outputs[method] = replace(block, method=method, part=part, lanes=lanes, classes=classes)
    return Target(name, outputs, labels or None)
