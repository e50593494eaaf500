"""Pipeline, ColumnTransformer, FeatureUnion and FunctionTransformer: how steps are put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from indb import build
from indb.ir import Apply, Block, Op
from indb.readers.base import Frame, Reading, read_step, read_transform, reads, transforms


@reads("sklearn", "Pipeline")
def read_pipeline(pipeline: Any, frame: Frame, reading: Reading) -> Any:
    """What the last step gives: a frame, or the targets of a predictor."""
    result: Any = frame
    for number, (name, step) in enumerate(pipeline.steps, 1):
        if step is None or _says(step, "passthrough"):
            continue
        with reading.step(repr(name)):
            result = (read_step if number == len(pipeline.steps) else read_transform)(step, result, reading)
    return result


@transforms("sklearn", "Pipeline")
def transform_pipeline(pipeline: Any, frame: Frame, reading: Reading) -> Frame:
    """The frame that a pipeline in front of other steps makes."""
    for name, step in pipeline.steps:
        if step is not None and not _says(step, "passthrough"):
            with reading.step(repr(name)):
                frame = read_transform(step, frame, reading)
    return frame


@reads("sklearn", "ColumnTransformer")
def read_column_transformer(transformer: Any, frame: Frame, reading: Reading) -> Frame:
    """The frames of all branches, side by side, in the order of transformers_ (the remainder is the last).

    Whatever a branch selects its columns by (names, positions, a slice, a mask, a callable, a dtype), the fitted
    transformer holds as positions in the training table.
    """
    weights = transformer.transformer_weights or {}
    parts = []
    for name, step, _ in transformer.transformers_:
        positions = [int(position) for position in transformer._transformer_to_input_indices[name]]
        if _says(step, "drop") or not positions:
            continue
        parts.append(_branch(name, step, frame.take(positions), weights.get(name), reading))
    return _side_by_side(parts, frame, getattr(transformer, "sparse_output_", False))  # unset when all is dropped


@reads("sklearn", "FeatureUnion")
def read_feature_union(union: Any, frame: Frame, reading: Reading) -> Frame:
    """The frames of all branches, side by side."""
    weights = union.transformer_weights or {}
    parts = [
        _branch(name, step, frame, weights.get(name), reading)
        for name, step in union.transformer_list
        if not _says(step, "drop")
    ]
    return _side_by_side(parts, frame, any(part.sparse for part in parts))


def _says(step: Any, word: str) -> bool:
    """Whether a step is a word instead of an estimator."""
    return isinstance(step, str) and step == word


def _branch(name: str, step: Any, frame: Frame, weight: float | None, reading: Reading) -> Frame:
    """The frame that one branch makes, times its weight."""
    with reading.step(repr(name)):
        result = frame if _says(step, "passthrough") else read_transform(step, frame, reading)
        if weight is None:
            return result
        if result.dtype != "float64":
            raise reading.unsupported(
                f"its output has dtype {result.dtype} and is multiplied by a weight, which rounds it",
                "Fit its encoder with dtype=numpy.float64, and the pipeline again.",
            )
        return result.replaced(result.names, build.lanes(build.multiply(result.numbers(reading), build.number(weight))))


def _side_by_side(parts: Sequence[Frame], frame: Frame, sparse: bool) -> Frame:
    if not parts:
        return frame.take(())
    return Frame(
        tuple(name for part in parts for name in part.names),
        tuple(lane for part in parts for lane in part.lanes),
        np.result_type(*(part.dtype for part in parts)).name,
        sparse,
    )


def _log(base: float) -> Callable[[Block], Block]:
    return lambda x: build.divide(Apply(Op.LN, (x,)), build.number(np.log(base)))


def _op(op: Op) -> Callable[[Block], Block]:
    return lambda x: Apply(op, (x,))


FUNCTIONS: dict[str, Callable[[Block], Block]] = {
    "absolute": _op(Op.ABS),
    "ceil": build.ceil,
    "cos": _op(Op.COS),
    "exp": _op(Op.EXP),
    "expm1": build.expm1,
    "fabs": _op(Op.ABS),
    "floor": _op(Op.FLOOR),
    "isnan": build.is_missing,
    "log": _op(Op.LN),
    "log10": _log(10.0),
    "log1p": build.log1p,
    "log2": _log(2.0),
    "negative": build.negate,
    "positive": lambda x: x,
    "reciprocal": lambda x: build.divide(build.number(1.0), x),
    "rint": build.round_half_even,
    "sign": build.sign,
    "sin": _op(Op.SIN),
    "sqrt": _op(Op.SQRT),
    "square": lambda x: build.multiply(x, x),
    "tan": lambda x: build.divide(Apply(Op.SIN, (x,)), Apply(Op.COS, (x,))),
    "tanh": _op(Op.TANH),
    "trunc": build.truncate,
}
"""numpy ufunc -> the same function of a block. Where one gives NaN (log of -1), the next step finds a missing value."""


@reads("sklearn", "FunctionTransformer")
def read_function_transformer(transformer: Any, frame: Frame, reading: Reading) -> Frame:
    """The identity, or a numpy ufunc of every lane.

    Raises: UnsupportedModel for any other function, and for arguments.
    """
    if transformer.validate:
        reading.require_finite(frame.numbers(reading))
    if transformer.func is None:
        return frame
    name = getattr(transformer.func, "__name__", repr(transformer.func))
    function = FUNCTIONS.get(name)
    if function is None or transformer.func is not getattr(np, name, None):
        raise reading.unsupported(
            f"it calls the function {name!r}, of which indb sees only the name",
            f"Use one of numpy's {', '.join(sorted(FUNCTIONS))}, or compute the column in the table.",
        )
    if transformer.kw_args:
        raise reading.unsupported(f"it calls {name} with the arguments {sorted(transformer.kw_args)}")
    if frame.dtype != "float64":
        raise reading.unsupported(
            f"it calls {name} on an array of dtype {frame.dtype}, needed float64",
            "Fit the encoder in front of it with dtype=numpy.float64, and the pipeline again.",
        )
    return frame.replaced(frame.names, build.lanes(function(frame.numbers(reading))))
