"""A CatBoost model as the library writes it in JSON: features, splits, trees, labels.

The trap: a split on a statistic of categories (a CTR) does not say which one. Its number does: all splits are numbered
in the order of the features, first those of numbers, then one-hot ones, then those of statistics.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast

from indb.errors import ModelFileError
from indb.ir import Label
from indb.readers.base import Content, Reading
from indb.readers.sklearn.labels import labels_of

LABEL_TYPES: dict[str, type] = {"Integer": int, "Float": float, "Boolean": bool, "String": str}
"""CatBoost's names of the types of class labels."""

JSON_HINT = "Save it with the data that it was trained on: model.save_model('model.json', format='json', pool=pool)."


Function = TypeVar("Function", bound=Callable[..., Any])


def whole(function: Function) -> Function:
    """A function of a model (its first argument) that says so where a file's content is not what CatBoost writes."""

    @wraps(function)
    def checked(model: Any, *args: Any) -> Any:
        try:
            return function(model, *args)
        except (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
            if not isinstance(model, Content):
                raise
            raise ModelFileError(
                f"cannot read the {model.name} of a file: it is damaged ({type(error).__name__}: {error})",
                "Save the model again by model.save_model('model.json', format='json').",
            ) from error

    return cast(Function, checked)


@dataclass(frozen=True, slots=True)
class NumberSplit:
    """float32(x) > border, of the column at `position`; a missing value is above all borders, or below."""

    position: int
    border: float
    missing_above: bool


@dataclass(frozen=True, slots=True)
class CategorySplit:
    """The category of the column at `position` is that of this hash."""

    position: int
    hash: int


@dataclass(frozen=True, slots=True)
class StatisticSplit:
    """A statistic of categories, by its number, is above the border."""

    number: int
    border: float


Split: TypeAlias = NumberSplit | CategorySplit | StatisticSplit


@dataclass(frozen=True)
class Dump:
    """The JSON document of a model, and the labels of its classes where it has such."""

    document: Mapping[str, Any]
    labels: tuple[Label, ...]

    @property
    def loss(self) -> str:
        """The name of the loss; models that were added up may have none."""
        return loss_of(self.document)

    @property
    def scale(self) -> float:
        return float(self.document["scale_and_bias"][0])

    @property
    def bias(self) -> tuple[float, ...]:
        """What is added to each output."""
        return tuple(float(value) for value in self.document["scale_and_bias"][1])

    @property
    def probability(self) -> float | None:
        """The probability from which on a row is of the second class, where one was set."""
        found = self.document["model_info"].get("binclass_probability_threshold")
        return None if found is None else float(found)

    def features(self, kind: str) -> Sequence[Mapping[str, Any]]:
        """The features of a kind: float_features, categorical_features, ctrs."""
        return self.document["features_info"].get(kind) or ()

    def splits(self) -> list[Split]:
        """Every split by its number. Source: catboost/libs/model/model.cpp, TModelTrees::CalcBinFeatures."""
        numbers: list[Split] = []
        for feature in self.features("float_features"):
            above = bool(feature["has_nans"]) and feature["nan_value_treatment"] == "AsTrue"
            place = int(feature["flat_feature_index"])
            numbers += [NumberSplit(place, float(border), above) for border in feature.get("borders") or ()]
        hot = [
            CategorySplit(int(feature["flat_feature_index"]), int(value))
            for feature in self.features("categorical_features")
            for value in feature.get("values") or ()
        ]
        statistics = [
            StatisticSplit(number, float(border))
            for number, feature in enumerate(self.features("ctrs"))
            for border in feature.get("borders") or ()
        ]
        return [*numbers, *hot, *statistics]


def loss_of(document: Mapping[str, Any]) -> str:
    """The name of the loss that a model was trained with, "" where it is not written."""
    info = document.get("model_info") or {}
    found = (info.get("params") or {}).get("loss_function") or info.get("loss_function") or {}
    return str(found.get("type", "")) if isinstance(found, Mapping) else str(found)


def dump_of(model: Any, reading: Reading) -> Dump:
    """The document of a fitted model, or of a file.

    Raises: UnsupportedModel for a model that CatBoost has no JSON of.
    """
    if isinstance(model, Content):
        return Dump(model.data, labels_of_document(model.data))
    for kind, indices in (
        ("text", model._object._get_text_feature_indices()),
        ("embedding", model._object._get_embedding_feature_indices()),
    ):
        if len(indices):
            raise reading.unsupported(f"it has {kind} features, which only CatBoost itself computes")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.json")
        model.save_model(str(path), format="json")
        document = json.loads(path.read_bytes())
    classes = model.classes_
    return Dump(document, () if classes is None or len(classes) == 0 else labels_of(classes, reading))


def labels_of_document(document: Mapping[str, Any]) -> tuple[Label, ...]:
    """The labels of classes as CatBoost's classes_ has them, () where there are none."""
    found = document["model_info"].get("class_params") or {}
    make = LABEL_TYPES.get(found.get("class_label_type", ""), str)
    return tuple(make(value) for value in found.get("class_names") or found.get("class_to_label") or ())


def feature_names(document: Mapping[str, Any]) -> list[str]:
    """The names of the columns of a document, in order."""
    info = document["features_info"]
    found = {
        int(feature["flat_feature_index"]): str(feature.get("feature_id") or feature["flat_feature_index"])
        for kind in ("float_features", "categorical_features")
        for feature in info.get(kind) or ()
    }
    return [found.get(place, str(place)) for place in range(max(found, default=-1) + 1)]
