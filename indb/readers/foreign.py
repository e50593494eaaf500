"""What no reader reads: a fitted scikit-learn estimator as a foreign model, which runs in the database as it is.

It goes into the model as a skops file. What a table needs to know of it (types of columns, labels, how many values each
method gives) is found in the fitted object, and by running it on one row.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from indb import build
from indb.errors import IndbError, UnsupportedModel
from indb.ir import Block, Bytes, Column, Foreign, Label, Model, Target, Type, model_of
from indb.readers import rowless, tried
from indb.readers.base import Reading
from indb.readers.fitted import Fitted
from indb.readers.prefix import Prefix, read_prefix
from indb.readers.sklearn.labels import labels_of
from indb.runtime import foreign, trust
from indb.runtime.forms import form_of
from indb.runtime.refusals import Parts, example_row


def check(found: Any, reason: UnsupportedModel) -> None:
    """Refuse what no library could run: what is no estimator like scikit-learn's, not fitted, or not for new rows.

    Raises: UnsupportedModel.
    """
    from sklearn.base import BaseEstimator
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    if not isinstance(found, BaseEstimator):
        raise reason
    try:
        check_is_fitted(found)
    except NotFittedError:
        raise UnsupportedModel(
            f"cannot read {type(found).__name__}: this {type(found).__name__} is not fitted",
            "Call its fit method with training data first.",
        ) from None
    rowless.check(found)


def read(
    estimator: Any,
    names: Sequence[str],
    text_columns: Sequence[str] | None,
    trusted: bool,
    reason: UnsupportedModel,
    source: dict[str, str],
) -> Model:
    """The foreign model of a fitted estimator that a reader refused for `reason`, over columns of these names.

    text_columns: the columns that hold text; by default those in which a part of the estimator found text. trusted:
    allow a pickle for what skops cannot write; such a model stays in memory.

    Raises: UnsupportedModel with both reasons when scikit-learn cannot run it in a database either.
    """
    name = type(estimator).__name__
    try:
        seen = Fitted(estimator, names)
        columns = tuple(Column(each, seen.kind(each)) for each in names)
        if text_columns is not None:
            columns = _told(columns, text_columns)
        form, payload = _payload(estimator, trusted)
        block = Foreign(columns, form, payload, name, "", 1, none=tuple(sorted(seen.none)))
        block, results = tried.try_rows(block, estimator, foreign.load(block), seen)
        prefix = _prefix(block, estimator)
        if prefix is not None:
            block, columns = _after(prefix, trusted), prefix.columns
        targets = _targets(block, estimator, results)
    except IndbError as error:
        why = error.message.removeprefix("cannot read the model: ")
        raise UnsupportedModel(f"{reason.message}; nor can it run as a UDF: {why}", error.hint) from error
    if prefix is not None:
        targets = tuple(build.guarded(target, prefix.conditions) for target in targets)
    return model_of(columns, targets, {**source, "reason": reason.message})


def _prefix(block: Foreign, estimator: Any) -> Prefix | None:
    """The steps before the first without reader, as blocks."""
    rows = [np.repeat(part, 2, axis=0) for part in example_row(block.example, block.inputs)]
    columns = [part for part in block.inputs if isinstance(part, Column)]
    by_name = {column.name: values for column, values in zip(columns, rows, strict=True)}
    return read_prefix(estimator, columns, form_of(block, estimator)(rows), by_name)


def _after(prefix: Prefix, trusted: bool) -> Foreign:
    """The block of what comes after a prefix. A missing value in the example would not tell what is refused."""
    form, payload = _payload(prefix.rest, trusted)
    name = type(prefix.rest).__name__
    example = prefix.example if all(value == value for value in prefix.example) else ()
    return Foreign((prefix.block,), form, payload, name, "", 1, example=example, layout=prefix.layout)


def _told(columns: Sequence[Column], text_columns: Sequence[str]) -> tuple[Column, ...]:
    names = [column.name for column in columns]
    unknown = sorted(set(text_columns) - set(names))
    if unknown:
        raise UnsupportedModel(f"text_columns= says {unknown}, it was fitted with {names}")
    return tuple(Column(name, Type.TEXT if name in text_columns else Type.NUMBER) for name in names)


def _payload(estimator: Any, trusted: bool) -> tuple[str, Bytes]:
    """(format, bytes) of an estimator.

    Raises: UnsupportedModel when skops has no form for a part of it, or a part is not known to be harmless.
    """
    hint = "Use scikit-learn's own classes and numpy's ufuncs in it, or convert it to ONNX and read that file."
    try:
        from skops import io
    except ImportError:
        raise UnsupportedModel("the package skops is missing", "Install it: pip install skops") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = io.dumps(estimator)
            unknown = trust.untrusted(io.get_untrusted_types(data=data))
        why = f"it holds {', '.join(unknown)}, not known to be harmless when a file of it is loaded" if unknown else ""
    except Exception as error:  # skops finds in a part what it never saw
        why = f"skops cannot write it ({error})"
    if not why:
        return "skops", np.frombuffer(data, dtype=np.uint8)
    if not trusted:
        raise UnsupportedModel(why, hint)
    try:
        return "pickle", np.frombuffer(pickle.dumps(estimator), dtype=np.uint8)
    except Exception as error:  # a lambda, an open file: each raises something else
        raise UnsupportedModel(f"{why}, and it cannot be pickled ({error})", hint) from error


def _targets(block: Foreign, estimator: Any, results: dict[str, Parts]) -> tuple[Target, ...]:
    for name, parts in results.items():
        if any(part.shape[1] == 0 for part in parts):
            raise UnsupportedModel(f"its {name} gives no columns")
    if "transform" in results:
        _check_numbers("transform", results["transform"])
        return (Target("", {"transform": replace(block, method="transform", lanes=results["transform"][0].shape[1])}),)
    count = len(results["predict"]) if len(results["predict"]) > 1 else results["predict"][0].shape[1]
    classes = _classes(estimator, count)
    names = ("",) if count == 1 else tuple(str(number) for number in range(count))
    return tuple(
        _target(block, name, -1 if count == 1 else number, classes[number], results, count)
        for number, name in enumerate(names)
    )


def _classes(estimator: Any, count: int) -> list[tuple[Label, ...]]:
    """The labels of each target; none for numbers."""
    found = getattr(estimator, "classes_", None)
    if found is None:
        return [()] * count
    if isinstance(found, list | tuple) and len(found) == count and np.ndim(found[0]) == 1:
        return [labels_of(each, Reading(())) for each in found]
    # of several targets with one list of classes each is a label of its own, which a row has (1) or not (0)
    return [labels_of(found, Reading(()))] if count == 1 else [()] * count


def _target(
    block: Foreign, name: str, part: int, classes: tuple[Label, ...], results: dict[str, Parts], count: int
) -> Target:
    given = _part(results["predict"], part)
    labelled = bool(classes) and given[0, 0] in classes
    if not labelled:
        _check_numbers("predict", [given])
    outputs: dict[str, Block] = {
        "predict": replace(block, method="predict", part=part, classes=classes if labelled else ())
    }
    for method in ("predict_proba", "decision_function"):
        parts = results.get(method)
        if parts is None or (count > 1 and len(parts) != count and parts[0].shape[1] != count):
            continue
        lanes = _part(parts, part).shape[1]
        # Some margins compare pairs of classes: they belong to no label.
        if labelled and lanes not in ((len(classes),) if method == "predict_proba" else (1, len(classes))):
            continue
        outputs[method] = replace(block, method=method, part=part, lanes=lanes)
    return Target(name, outputs, classes if labelled else None)


def _part(parts: Parts, part: int) -> Any:
    if part < 0:
        return parts[0]
    return parts[part] if len(parts) > 1 else parts[0][:, part : part + 1]


def _check_numbers(method: str, parts: Parts) -> None:
    for part in parts:
        if part.dtype.kind not in "biuf":
            raise UnsupportedModel(
                f"its {method} gives {part[0, 0]!r}, needed numbers", "Add the steps that turn it into numbers."
            )
