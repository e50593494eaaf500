"""The rows that a fitted estimator without reader is given while it is read: what each method gives for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from indb.errors import ModelFileError, UnsupportedModel
from indb.evaluate import Values
from indb.ir import Column, Foreign, Type
from indb.readers.fitted import Fitted
from indb.runtime.refusals import Loaded, Parts, example_row

METHODS = ("predict", "predict_proba", "decision_function", "transform")

TRIED = (0.0, 1.0, -1.0, 0.5, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 1e4, 1e5, 1e6)
"""Numbers of which one is hoped to be accepted in every numeric column."""


def try_rows(block: Foreign, estimator: Any, loaded: Loaded, seen: Fitted) -> tuple[Foreign, dict[str, Parts]]:
    """The block with a row that the estimator accepts, and what each of its methods gives for it.

    Raises: UnsupportedModel when it is random, accepts none of the rows that are tried, or gives other values for a row
    that stands beside others.
    """
    if seen.random:
        raise UnsupportedModel(f"its {seen.random} gives random values, needed the same for the same row")
    if seen.together:
        raise UnsupportedModel(f"its {seen.together} computes a row from the rows beside it, needed the row alone")
    methods = [name for name in METHODS if callable(getattr(estimator, name, None))]
    if "predict" in methods and "transform" in methods:
        methods.remove("transform")
    if not {"predict", "transform"} & set(methods):
        raise UnsupportedModel("it neither predicts nor transforms single rows")
    problem: Exception | None = None
    for number in TRIED:
        example = tuple(seen.value(part, number) for part in block.inputs if isinstance(part, Column))
        row = example_row(example, block.inputs)
        try:
            results = {methods[0]: loaded.rows(row)(methods[0])}
        except Exception as error:  # refused, or a library's own bug with one row
            problem = error
            continue
        for name in methods[1:]:
            try:
                results[name] = loaded.rows(row)(name)
            except Exception:  # scikit-learn offers methods that a part of the model turns out not to have
                continue
        block = replace(block, example=example)
        check_company(block, loaded, results)
        return block, results
    raise UnsupportedModel(
        f"its {methods[0]} accepts none of the rows that were tried ({problem})",
        "Name the columns that hold text with text_columns=[…].",
    )


def check_company(block: Foreign, loaded: Loaded, results: dict[str, Parts]) -> None:
    """Refuse what computes rows together: solvers that stop when a whole batch is good enough.

    Raises: UnsupportedModel.
    """
    for method in results:
        rows, alone = [], []
        for row in _variants(block):
            try:
                alone.append(loaded.rows(row)(method))
                rows.append(row)
            except Exception:  # a value that it refuses, or a library's own bug with it
                continue
        try:
            together = loaded.rows([np.concatenate(lanes) for lanes in zip(*rows, strict=True)])(method)
        except ModelFileError as error:
            raise UnsupportedModel(f"its {method} of several rows is not one for each of them") from error
        except Exception:
            continue
        for number, parts in enumerate(alone):
            for part, whole in zip(parts, together, strict=True):
                room = _room(part)
                if part.dtype.kind == "f" and not np.allclose(whole[number], part[0], 1e-5, room, equal_nan=True):
                    raise UnsupportedModel(
                        f"its {method} of a row depends on the rows beside it, needed the same for the same row"
                    )


def _room(part: np.ndarray[Any, Any]) -> float:
    """How far values may be off: float32 sums of a batch are added in another order than those of a row."""
    if part.dtype != np.float32:
        return 1e-12
    return 1e-4 * float(np.abs(part[np.isfinite(part)]).max(initial=0.0))


def _variants(block: Foreign) -> list[list[Values]]:
    """The example, and rows with other numbers in it."""
    found = [example_row(block.example, block.inputs)]
    for shift in range(4):
        row = example_row(block.example, block.inputs)
        for lane, (part, values) in enumerate(zip(block.inputs, row, strict=True)):
            if part.type is Type.NUMBER:
                row[lane] = values * (1.0 + 0.3 * ((lane + shift) % 3)) + 0.25 * ((lane * 2 + shift) % 3)
        found.append(row)
    return found
