"""TransformedTargetRegressor, and the way back from what transformers make of a target."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from indb import build
from indb.ir import Apply, Block, Floats, Op, Target
from indb.readers.base import Frame, Reading, read_step, reads, targets_of
from indb.readers.sklearn.compose import FUNCTIONS
from indb.readers.sklearn.labels import regressors
from indb.readers.sklearn.members import Member, in_float32, require_finite_sum


@reads("sklearn", "TransformedTargetRegressor")
def transformed_target(estimator: Any, frame: Frame, reading: Reading) -> list[Target]:
    """What the regressor predicts, led back. Source: sklearn.compose.TransformedTargetRegressor.predict."""
    targets = targets_of(read_step(estimator.regressor_, frame, reading))
    if targets is None:
        raise reading.unsupported(f"its {type(estimator.regressor_).__name__} predicts nothing")
    values = build.concat([Member(estimator.regressor_, target, reading).value() for target in targets])
    found = led_back(estimator.transformer_, values, reading)
    return regressors(build.single(found) if in_float32(values) else found)


def led_back(transformer: Any, x: Block, reading: Reading) -> Block:
    """`inverse_transform` of a transformer.

    Raises: UnsupportedModel for one that is not in INVERSES.
    """
    name = type(transformer).__name__
    inverse = INVERSES.get(name) if type(transformer).__module__.startswith("sklearn.") else None
    if inverse is None:
        raise reading.unsupported(
            f"its target goes through {name}, whose way back is not read", f"Use one of {', '.join(sorted(INVERSES))}."
        )
    return inverse(transformer, x, reading)


def _scaled(x: Block, scale: Floats | None, centre: Floats | None) -> Block:
    """x * scale + centre, either of which may be left out; each step in float32 where x is."""
    rounded = build.single if in_float32(x) else lambda x: x
    if scale is not None:
        x = rounded(build.multiply(x, build.number(*np.asarray(scale).tolist())))
    return x if centre is None else rounded(build.add(x, build.number(*np.asarray(centre).tolist())))


def _standard(scaler: Any, x: Block, reading: Reading) -> Block:
    """Source: sklearn.preprocessing.StandardScaler.inverse_transform."""
    require_finite_sum(x, reading)
    return _scaled(x, scaler.scale_ if scaler.with_std else None, scaler.mean_ if scaler.with_mean else None)


def _robust(scaler: Any, x: Block, reading: Reading) -> Block:
    """Source: sklearn.preprocessing.RobustScaler.inverse_transform."""
    require_finite_sum(x, reading)
    scale = scaler.scale_ if scaler.with_scaling else None
    return _scaled(x, scale, scaler.center_ if scaler.with_centering else None)


def _max_abs(scaler: Any, x: Block, reading: Reading) -> Block:
    """Source: sklearn.preprocessing.MaxAbsScaler.inverse_transform."""
    require_finite_sum(x, reading)
    return _scaled(x, scaler.scale_, None)


def _min_max(scaler: Any, x: Block, reading: Reading) -> Block:
    """Source: sklearn.preprocessing.MinMaxScaler.inverse_transform."""
    require_finite_sum(x, reading)
    moved = build.standardise(x, scaler.min_, None)
    return build.standardise(build.single(moved) if in_float32(x) else moved, None, scaler.scale_)


def _function(transformer: Any, x: Block, reading: Reading) -> Block:
    """Source: sklearn.preprocessing.FunctionTransformer.inverse_transform."""
    if transformer.validate:
        require_finite_sum(x, reading)
    if transformer.inverse_func is None:
        return x
    name = getattr(transformer.inverse_func, "__name__", repr(transformer.inverse_func))
    function = FUNCTIONS.get(name)
    if function is None or transformer.inverse_func is not getattr(np, name, None) or transformer.inv_kw_args:
        raise reading.unsupported(
            f"its target is led back by {name!r}", f"Use one of numpy's {', '.join(sorted(FUNCTIONS))}."
        )
    return function(x)


def _pipeline(pipeline: Any, x: Block, reading: Reading) -> Block:
    """Source: sklearn.pipeline.Pipeline.inverse_transform."""
    for _, step in reversed(pipeline.steps):
        if step is not None and step != "passthrough":
            x = led_back(step, x, reading)
    return x


def _quantile(transformer: Any, x: Block, reading: Reading) -> Block:
    """Source: sklearn.preprocessing.QuantileTransformer._transform_col, the inverse of the uniform distribution."""
    if transformer.output_distribution != "uniform":
        raise reading.unsupported(
            "its target goes through a QuantileTransformer to a normal distribution",
            "Use output_distribution='uniform'.",
        )
    require_finite_sum(x, reading)
    lanes = [
        build.interpolate(lane, transformer.references_, quantiles)
        for lane, quantiles in zip(build.lanes(x), transformer.quantiles_.T, strict=True)
    ]
    return build.concat(lanes)


def _power(transformer: Any, x: Block, reading: Reading) -> Block:
    """Source: sklearn.preprocessing.PowerTransformer.inverse_transform."""
    require_finite_sum(x, reading)
    if transformer.standardize:
        x = _standard(transformer._scaler, x, reading)
    inverse = _box_cox if transformer.method == "box-cox" else _yeo_johnson
    return build.concat(
        [inverse(lane, float(each)) for lane, each in zip(build.lanes(x), transformer.lambdas_, strict=True)]
    )


def _box_cox(x: Block, exponent: float) -> Block:
    """Source: scipy.special.inv_boxcox."""
    if exponent == 0.0:
        return Apply(Op.EXP, (x,))
    grown = build.log1p(build.multiply(x, build.number(exponent)))
    return Apply(Op.EXP, (build.divide(grown, build.number(exponent)),))


def _yeo_johnson(x: Block, exponent: float) -> Block:
    """Source: sklearn.preprocessing.PowerTransformer._yeo_johnson_inverse_transform."""
    one, eps = build.number(1.0), float(np.spacing(1.0))
    if abs(exponent) < eps:
        above = build.subtract(Apply(Op.EXP, (x,)), one)
    else:
        above = build.subtract(_powered(build.add(build.multiply(x, build.number(exponent)), one), 1.0 / exponent), one)
    rest = 2.0 - exponent
    if abs(exponent - 2.0) > eps:
        base = build.add(build.multiply(build.number(-rest), x), one)
        below = build.subtract(one, _powered(base, 1.0 / rest))
    else:
        below = build.subtract(one, Apply(Op.EXP, (build.negate(x),)))
    return build.where(build.less_equal(build.number(0.0), x), above, below)


def _powered(x: Block, exponent: float) -> Block:
    """x ** exponent; missing where x is below zero."""
    return Apply(Op.EXP, (build.multiply(Apply(Op.LN, (x,)), build.number(exponent)),))


INVERSES: dict[str, Callable[[Any, Block, Reading], Block]] = {
    "FunctionTransformer": _function,
    "MaxAbsScaler": _max_abs,
    "MinMaxScaler": _min_max,
    "Pipeline": _pipeline,
    "PowerTransformer": _power,
    "QuantileTransformer": _quantile,
    "RobustScaler": _robust,
    "StandardScaler": _standard,
}
"""Class of a transformer -> its `inverse_transform`."""
