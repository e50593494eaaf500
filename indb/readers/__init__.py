"""Readers: one package or file per library; a fitted model goes in, blocks come out. Readers never see SQL."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from indb import build
from indb.errors import InvalidModel, UnsupportedModel
from indb.ir import Block, Model, Target, Type
from indb.readers import catboost as _catboost  # noqa: F401  registers its readers, as the next ones do
from indb.readers import category_encoders as _category_encoders  # noqa: F401
from indb.readers import edge as _edge  # noqa: F401
from indb.readers import foreign, model_files, versions
from indb.readers import imblearn as _imblearn
from indb.readers import interpret as _interpret  # noqa: F401
from indb.readers import lightgbm as _lightgbm  # noqa: F401
from indb.readers import onnx as _onnx  # noqa: F401
from indb.readers import pmml as _pmml  # noqa: F401
from indb.readers import sklearn as _sklearn  # noqa: F401
from indb.readers import statsmodels as _statsmodels  # noqa: F401
from indb.readers import xgboost as _xgboost  # noqa: F401
from indb.readers.base import (
    FILE_READERS,
    NAMES,
    RUNS,
    SPELLED,
    Content,
    File,
    Frame,
    RawColumn,
    Reading,
    class_of,
    read_step,
    reader_of,
    targets_of,
)
from indb.runtime.forms import takes_raw_text

LIBRARIES = {
    "sklearn": "scikit-learn",
    "xgboost": "XGBoost",
    "lightgbm": "LightGBM",
    "catboost": "CatBoost",
    "imblearn": "imbalanced-learn",
}
"""The names of libraries whose package is called otherwise."""


def read(
    estimator_or_path: Any,
    columns: Sequence[str] | None = None,
    trust: bool = False,
    text_columns: Sequence[str] | None = None,
) -> Model:
    """The model of a fitted estimator, or of a file that holds one.

    What has no reader (an estimator of scikit-learn that is not read, an ONNX file) becomes a ForeignModel: its library
    runs it in the database, as a UDF. `model.source["reason"]` says why.

    columns: the table's names for the columns of a model that was fitted on a plain array, in order (default x0, x1,
    …). trust: allow a file to run code of its own while it is loaded, as a pickle does. text_columns: the columns of a
    foreign model that hold text, where its parts do not tell.

    Raises: UnsupportedModel for an estimator that is not fitted, or an option that indb does not read and scikit-learn
    cannot run in a database; ModelFileError for a file that is missing, damaged, of an unknown format, or not trusted.
    """
    found = estimator_or_path
    if isinstance(found, (str, os.PathLike)):
        found = model_files.load(found, trust)
    if isinstance(found, Model):
        if columns is not None:
            raise UnsupportedModel("cannot rename the columns of a model that was read before", "Leave columns= out.")
        return found
    if isinstance(found, File):
        return FILE_READERS[Path(found.name).suffix.lower()](found, columns)
    return _read_estimator(_imblearn.without_samplers(_searched(found)), columns, trust, text_columns)


def _searched(estimator: Any) -> Any:
    """What a fitted search over settings hands every call on to: the best estimator that it found."""
    is_search = type(estimator).__module__.startswith("sklearn.model_selection._search")
    return getattr(estimator, "best_estimator_", estimator) if is_search else estimator


def _read_estimator(
    estimator: Any, columns: Sequence[str] | None, trust: bool, text_columns: Sequence[str] | None
) -> Model:
    package, name = class_of(estimator)
    try:
        reader_of(estimator, Frame((), ()), Reading(()))  # what is not fitted records no names: say so, not that
    except UnsupportedModel as reason:
        foreign.check(estimator, reason)
    names = column_names(estimator, columns)
    is_content = isinstance(estimator, Content)
    version = estimator.version if is_content else getattr(sys.modules.get(package), "__version__", "")
    versions.check(package, str(version))
    source = {"class": name, "library": LIBRARIES.get(package, package), "version": str(version)}
    try:
        model = _read_blocks(estimator, names, source, text_columns or ())
        # What has no methods like scikit-learn's cannot be asked for its labels.
        return replace(model, origin=(estimator, names)) if hasattr(estimator, "get_params") else model
    except UnsupportedModel as reason:
        if is_content:
            raise
        if package in RUNS:
            return RUNS[package](estimator, names, text_columns, reason, source)
        foreign.check(estimator, reason)
        model = foreign.read(estimator, names, text_columns, trust, reason, source)
        return _with_twin(model, estimator, names, source)


def _with_twin(model: Model, estimator: Any, names: tuple[str, ...], source: dict[str, str]) -> Model:
    """A library's model with what can be written in its place in SQL, if anything can."""
    texts = [column.name for column in model.columns if column.kind is Type.TEXT]
    try:
        twin = replace(_read_blocks(estimator, names, source, texts, for_sql=True), origin=(estimator, names))
        return replace(model, written=twin)  # type: ignore[call-arg]
    except (UnsupportedModel, InvalidModel):
        return model


def _read_blocks(
    estimator: Any, names: tuple[str, ...], source: dict[str, str], texts: Sequence[str] = (), for_sql: bool = False
) -> Model:
    """The model of an estimator whose every step has a reader; `texts` hold text where the steps take both."""
    frame = Frame(names, tuple(RawColumn(name) for name in names))
    reading = Reading(names, kinds=dict.fromkeys(texts, Type.TEXT), for_sql=for_sql)
    targets = _targets(estimator, frame, reading)
    again = reading.again()
    if again is not None:
        reading = again
        targets = _targets(estimator, frame, reading)
    return Model(
        tuple(reading.columns[name] for name in names if name in reading.columns),
        tuple(build.guarded(target, reading.conditions) for target in targets),
        source,
    )


def column_names(estimator: Any, columns: Sequence[str] | None) -> tuple[str, ...]:
    """The names of the columns that an estimator was fitted with, else `columns`, else x0, x1, ….

    Raises: UnsupportedModel when `columns` does not fit the estimator, a name repeats, or nothing is known.
    """
    name = class_of(estimator)[1]
    what = f"cannot name the columns of the {name}"
    fitted, count = _recorded(estimator, "feature_names_in_"), _recorded(estimator, "n_features_in_")
    if count is None and name == "IsotonicRegression":
        count = 1  # it records neither, and takes no more
    given = None if columns is None else tuple(str(name) for name in columns)
    names = given
    if fitted is not None:
        names = tuple(str(name) for name in fitted)
        first = next(iter(_steps(estimator)), estimator)
        spelled = SPELLED.get(class_of(first)[0], str)
        if given is not None and tuple(map(spelled, given)) != names:
            raise UnsupportedModel(
                f"{what}: columns= says {list(given)}, it was fitted with {list(names)}", "Leave columns= out."
            )
        names = given or names
    elif count is not None:
        names = given or tuple(f"x{number}" for number in range(int(count)))
        if len(names) != int(count):
            raise UnsupportedModel(f"{what}: columns= holds {len(names)} names, it was fitted with {count} columns")
    elif names is None and takes_raw_text(estimator):
        names = ("text",)
    if names is None:
        raise UnsupportedModel(
            f"{what}: it records neither their names nor their number",
            "Give the names with columns=[…].",
        )
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise UnsupportedModel(f"{what}: these names stand for more than one column: {', '.join(repeated)}")
    return names


def _recorded(estimator: Any, attribute: str) -> Any:
    """An attribute of an estimator, or of the first step of it that has one: a step that does nothing has none."""
    known = NAMES.get(class_of(estimator)[0])
    if known is not None:
        return known(estimator)[attribute == "n_features_in_"]
    value = getattr(estimator, attribute, None)
    if value is not None:
        return value
    branches = [branch for _, branch in getattr(estimator, "transformer_list", ())]
    for part in (*_steps(estimator)[:1], *branches):
        value = _recorded(part, attribute)
        if value is not None:
            return value
    return None


def _steps(estimator: Any) -> list[Any]:
    """The steps of a pipeline that do something; none of another estimator."""
    return [step for _, step in getattr(estimator, "steps", ()) if step is not None and not isinstance(step, str)]


def _targets(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    result = read_step(estimator, frame, reading)
    return targets_of(result) or _transform(result, class_of(estimator)[1], reading)


def _transform(frame: Frame, name: str, reading: Reading) -> list[Target]:
    """The target of a model whose last step is a transformer."""
    lanes: list[Block] = [reading.either(lane, Type.NUMBER) for lane in frame.lanes]
    if not lanes:
        raise UnsupportedModel(f"cannot read {name}: it gives no columns")
    texts = [column for column, lane in zip(frame.names, lanes, strict=True) if lane.type is Type.TEXT]
    if texts:
        raise UnsupportedModel(
            f"cannot read {name}: it gives text in {', '.join(map(repr, texts))}, only numbers are scored",
            "Add the steps that turn the text into numbers.",
        )
    return [Target("", {"transform": build.concat(lanes)})]
