"""Results of statsmodels: a linear predictor, and what the family of the model makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from indb import build, special
from indb.ir import Apply, Block, Const, Floats, Op, Reduce, ReduceOp, Target, Type
from indb.readers.base import Frame, Reading, names, reads
from indb.readers.statsmodels import formula, links
from indb.runtime.statsmodels import LIMIT, columns, constant, spec_of

Mean = Callable[[Any, Block, Reading], Block]

MODELS: dict[str, Mean] = {
    **dict.fromkeys(("OLS", "WLS", "GLS", "GLSAR", "RLM", "QuantReg"), lambda model, x, reading: x),
    "GLM": lambda model, x, reading: links.mean(model.family.link, x, reading),
    "Logit": lambda model, x, reading: build.sigmoid(x),
    "Probit": lambda model, x, reading: special.normal_cdf(x),
    **dict.fromkeys(
        ("Poisson", "GeneralizedPoisson", "NegativeBinomial", "NegativeBinomialP"),
        lambda model, x, reading: Apply(Op.EXP, (x,)),
    ),
}
"""Class of a model -> the mean of its linear predictor. Source: `predict` of each class."""

RESULTS = (
    *("RegressionResults", "OLSResults", "QuantRegResults", "RLMResults", "GLMResults", "RegularizedResults"),
    *("LogitResults", "ProbitResults", "BinaryResults", "L1BinaryResults", "CountResults", "L1CountResults"),
    *("PoissonResults", "L1PoissonResults", "NegativeBinomialResults", "L1NegativeBinomialResults"),
    *("NegativeBinomialPResults", "GeneralizedPoissonResults", "L1GeneralizedPoissonResults"),
    *("MultinomialResults", "L1MultinomialResults"),
)
"""What `fit` of these models gives; most of it comes in a wrapper that gives it the names of pandas."""


_LAST_POWER = 709.782712893384
"""The last number whose exponential is finite."""


names("statsmodels")(columns)


@reads("statsmodels", *RESULTS, *(f"{name}Wrapper" for name in RESULTS))
def read_results(results: Any, frame: Frame, reading: Reading) -> list[Target]:
    """The mean of each row; a target for each class of an MNLogit. Source: Results.predict in statsmodels.base.model.

    A missing value makes the mean missing. So does an infinite or huge one here: statsmodels goes on with it, and the
    engines do not agree on what becomes of it.

    Raises: UnsupportedModel for another model, one with an offset or an exposure, and a formula that is not read.
    """
    model = results.model
    name = type(model).__name__
    if name not in MODELS and name != "MNLogit":
        raise reading.unsupported(f"it is of the model {name}, needed one of {', '.join(sorted((*MODELS, 'MNLogit')))}")
    beside = [each for each in ("offset", "exposure") if _is_given(model, each)]
    if beside:
        raise reading.unsupported(
            f"it was fitted with {' and '.join(beside)}, which predict takes beside the columns",
            "Fit it without, and multiply the prediction by the exposure.",
        )
    weights = np.asarray(results.params, dtype=np.float64)
    predictor = _linear(design(results, frame, reading), weights.T, reading)
    if name == "MNLogit":
        return _classes(results, predictor)
    return [Target("", {"predict": MODELS[name](model, predictor, reading)})]


def _is_given(model: Any, name: str) -> bool:
    """Whether a model has an offset or an exposure; some keep a number where they were given none."""
    given: Any = getattr(model, name, None)
    return bool(getattr(model, f"_has_{name}", np.ndim(given) > 0))


def design(results: Any, frame: Frame, reading: Reading) -> Block:
    """The columns that the parameters belong to."""
    if spec_of(results) is not None:
        return formula.design(results, frame, reading)
    lanes = [reading.resolve(lane, Type.NUMBER) for lane in frame.lanes]
    place = constant(results)
    if place is not None:
        lanes.insert(place, build.number(1.0))
    return build.concat(lanes)


def _linear(x: Block, weights: Floats, reading: Reading) -> Block:
    """The sum of weighted columns; what is the same for all rows becomes the bias. More parameters are of others."""
    lanes = build.lanes(x)
    weights = np.atleast_2d(weights)[:, : len(lanes)]
    same = {place: lane.values[0] for place, lane in enumerate(lanes) if isinstance(lane, Const)}
    bias = sum((weights[:, place] * float(value or 0.0) for place, value in same.items()), np.zeros(len(weights)))
    kept = [place for place in range(len(lanes)) if place not in same]
    if not kept:
        raise reading.unsupported("it has no column but the constant one, so that it predicts the same for every row")
    reading.require_finite(build.concat([lanes[place] for place in kept]), limit=LIMIT)
    return build.linear(build.concat([lanes[place] for place in kept]), weights[:, kept], bias)


def _classes(results: Any, x: Block) -> list[Target]:
    """A target for each class, which predicts its probability. Source: statsmodels MNLogit.cdf."""
    powers = build.concat([build.number(1.0), Apply(Op.EXP, (x,))])
    shares = build.divide(powers, Reduce(ReduceOp.SUM, powers))
    # Nothing is subtracted before the exponential: a power that is infinite is divided by itself, others by it.
    beyond = build.concat([build.number(0.0), build.less(build.number(_LAST_POWER), x)])
    lost = build.where(beyond, build.MISSING, build.number(0.0))
    shares = build.where(Reduce(ReduceOp.MAX, beyond), lost, shares)
    known = results.model._ynames_map
    return [Target(str(known[number]), {"predict": lane}) for number, lane in enumerate(build.lanes(shares))]
