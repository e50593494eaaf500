"""Model files: .indb, .skops, .cbm, .json, .ubj and .txt, pickles (.joblib, .pkl) of an estimator, and what has a
reader of its own (.onnx).

Loading a pickle runs whatever code it holds, so it takes trust=True. A .skops file is built from types by name, and
those that skops does not know to be harmless are refused unless trusted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

from indb import codec
from indb.errors import ModelFileError
from indb.readers import ubjson
from indb.readers.base import FILE_READERS, Content, File
from indb.readers.catboost.models import class_for, class_for_loss
from indb.readers.lightgbm import dumped, text
from indb.readers.lightgbm.forest import Damaged
from indb.runtime import trust as trusted_types

StrPath = str | PathLike[str]


def load(path: StrPath, trust: bool = False) -> Any:
    """What a file holds: a Model for .indb, a File where that is a model in itself (.onnx, .pmml, …), the Content of
    other data, else the estimator.

    Raises: ModelFileError when the file is missing, damaged, of an unknown format, or needs trust.
    """
    suffix = Path(path).suffix.lower()
    loader = _load_file if suffix in FILE_READERS else LOADERS.get(suffix)
    if loader is None:
        raise ModelFileError(
            f"cannot load {path}: its format is not known (found {suffix or 'no ending'!r})",
            f"Use a file that ends in {', '.join([*LOADERS, *FILE_READERS])}.",
        )
    if not Path(path).is_file():
        why = "it is a directory" if Path(path).is_dir() else "there is no such file"
        raise ModelFileError(f"cannot load {path}: {why}")
    return loader(path, trust)


def _load_indb(path: StrPath, trust: bool) -> Any:
    return codec.load(path)


def _load_skops(path: StrPath, trust: bool) -> Any:
    try:
        from skops import io
    except ImportError:
        raise ModelFileError(
            f"cannot load {path}: the package skops is missing", "Install it: pip install skops"
        ) from None
    try:
        types = list(io.get_untrusted_types(file=path))
    except Exception as error:  # zipfile, json and skops each have errors of their own
        raise _damaged(path, error) from error
    unknown = trusted_types.untrusted(types)
    if unknown and not trust:
        raise ModelFileError(
            f"cannot load {path}: it holds types that are not known to be harmless: {', '.join(unknown)}",
            "If you trust where the file comes from, use trust=True (--trust on the command line).",
        )
    try:
        return io.load(path, trusted=types)
    except Exception as error:
        raise _damaged(path, error) from error


def _load_file(path: StrPath, trust: bool) -> File:
    return File(Path(path).name, Path(path).read_bytes(), Path(path).parent)


def _load_pickle(path: StrPath, trust: bool) -> Any:
    if not trust:
        raise ModelFileError(
            f"cannot load {path}: loading a pickle runs code that it holds, and the file is not trusted",
            "If you trust where it comes from, use trust=True (--trust on the command line); or save it as .skops.",
        )
    try:
        import joblib
    except ImportError:
        raise ModelFileError(
            f"cannot load {path}: the package joblib is missing", "Install it: pip install joblib"
        ) from None
    try:
        return joblib.load(path)
    except Exception as error:  # a pickle can raise anything
        raise _damaged(path, error) from error


def _load_json(path: StrPath, trust: bool) -> Any:
    try:
        found = json.loads(Path(path).read_bytes())
    except (ValueError, RecursionError) as error:
        raise _damaged(path, error) from error
    return _content(path, found)


def _load_ubj(path: StrPath, trust: bool) -> Any:
    try:
        found = ubjson.loads(Path(path).read_bytes())
    except ValueError as error:
        raise _damaged(path, error) from error
    return _content(path, found)


def _content(path: StrPath, found: Any) -> Any:
    """What data stands for, by the fields that it has."""
    fields = frozenset(found) if isinstance(found, dict) else frozenset()
    for needed, load in DATA.items():
        if needed <= fields:
            return load(path, found)
    raise ModelFileError(
        f"cannot load {path}: it is not a model of a known library "
        f"(found {', '.join(sorted(map(str, fields))[:8]) or 'no fields'})",
        "Save the model by the library's own method, such as Booster.save_model.",
    )


XGBOOST = {"classifier": "XGBClassifier", "regressor": "XGBRegressor", "ranker": "XGBRanker"}
"""What an estimator of XGBoost says of itself in its file -> the class that is read; a Booster says nothing."""


def _xgboost(path: StrPath, found: Any) -> Content:
    try:
        version = ".".join(str(int(part)) for part in found["version"])
        kind = json.loads(found["learner"]["attributes"].get("scikit_learn", "{}")).get("_estimator_type")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _damaged(path, error) from error
    return Content("xgboost", XGBOOST.get(kind, "Booster"), version, found)


def _catboost(path: StrPath, found: Any) -> Content:
    try:
        info = found["model_info"] or {}
        version = re.search(r"v(\d+(?:\.\d+)+)", str(info.get("catboost_version_info", "")))
        return Content("catboost", class_for(found), version[1] if version else "", found)
    except (AttributeError, TypeError) as error:
        raise _damaged(path, error) from error


def _load_cbm(path: StrPath, trust: bool) -> Any:
    try:
        import catboost
    except ImportError:
        raise ModelFileError(
            f"cannot load {path}: the package catboost is missing", "Install it: pip install catboost"
        ) from None
    try:
        found = catboost.CatBoost().load_model(str(path))
        name = class_for_loss(str(found._object._get_loss_function_name()))
        made = {
            "CatBoostClassifier": catboost.to_classifier,
            "CatBoostRegressor": catboost.to_regressor,
            "CatBoostRanker": catboost.to_ranker,
        }
        return made[name](found)
    except catboost.CatBoostError as error:
        raise _damaged(path, error) from error


def _load_text(path: StrPath, trust: bool) -> Content:
    try:
        return Content("lightgbm", "Booster", "", text.parse(Path(path).read_bytes().decode("utf-8")))
    except (Damaged, UnicodeDecodeError) as error:
        raise _damaged(path, error) from error


def _lightgbm(path: StrPath, found: Any) -> Content:
    try:
        return Content("lightgbm", "Booster", "", dumped.parse(found))
    except Damaged as error:
        raise _damaged(path, error) from error


def _damaged(path: StrPath, error: Exception) -> ModelFileError:
    if isinstance(error, ModuleNotFoundError):
        return ModelFileError(
            f"cannot load {path}: it needs the module {error.name!r}, which is not installed here",
            "Install what the model was trained with, in the same versions.",
        )
    reason = str(error) or type(error).__name__
    return ModelFileError(f"cannot load {path}: it is damaged, or not what its ending says ({reason})")


DATA: dict[frozenset[str], Callable[[StrPath, Any], Any]] = {
    frozenset({"learner", "version"}): _xgboost,
    frozenset({"features_info", "model_info"}): _catboost,
    dumped.FIELDS: _lightgbm,
}
"""The fields by which the data of a .json or .ubj file is known -> what makes of it what has a reader."""

LOADERS: dict[str, Callable[[StrPath, bool], Any]] = {
    ".indb": _load_indb,
    ".skops": _load_skops,
    ".json": _load_json,
    ".ubj": _load_ubj,
    ".cbm": _load_cbm,
    ".txt": _load_text,
    ".joblib": _load_pickle,
    ".pkl": _load_pickle,
    ".pickle": _load_pickle,
}
"""File ending -> loader."""
