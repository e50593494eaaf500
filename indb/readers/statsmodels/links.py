"""The inverses of statsmodels' links: what makes a mean of a linear predictor."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from indb import build, special
from indb.ir import Apply, Block, Op
from indb.readers.base import Reading

ONE = build.number(1.0)


def _exp(x: Block) -> Block:
    return Apply(Op.EXP, (x,))


def _square(x: Block) -> Block:
    return build.multiply(x, x)


WHOLE: dict[float, Callable[[Block], Block]] = {
    1.0: lambda x: x,
    2.0: _square,
    3.0: lambda x: build.multiply(x, _square(x)),
    4.0: lambda x: _square(_square(x)),
}
WHOLE |= {-1.0: WHOLE[1.0], -2.0: WHOLE[2.0]}
"""The whole powers that are products, by their exponent: SQL that cannot share grows with each of them."""


def power(x: Block, exponent: float) -> Block:
    """x ** exponent, as C's pow: whole powers of negative numbers too, others are missing. Source: numpy.power."""
    if exponent in WHOLE:
        found = WHOLE[exponent](x)
        return build.divide(ONE, found) if exponent < 0 else found
    edges = (0.0, math.inf) if exponent > 0 else (math.inf, 0.0)
    zero, infinite = (build.number(edge) for edge in edges)
    # The logarithm of nothing but positive numbers: what pow gives at the edges is said apart.
    logarithm = Apply(Op.LN, (build.where(build.less(build.number(0.0), x), x, build.MISSING),))
    size = Apply(Op.ABS, (x,))
    inner = _exp(build.multiply(logarithm, build.number(exponent)))
    if abs(exponent) == 0.5:
        root = Apply(Op.SQRT, (build.where(build.less_equal(build.number(0.0), x), x, build.MISSING),))
        inner = root if exponent > 0 else build.divide(ONE, root)
    # PostgreSQL's SQL may hold an infinite sum at the largest double.
    inner = build.where(build.less_equal(build.number(build.FLOAT64_MAX), size), infinite, inner)
    return build.where(Apply(Op.EQ, (x, build.number(0.0))), zero, inner)


def _power(link: Any, x: Block) -> Block:
    return x if link.power == 1 else power(x, 1.0 / link.power)


def _binomial(link: Any, x: Block) -> Block:
    kept = build.multiply(build.number(float(link.alpha)), build.subtract(ONE, _exp(build.negate(x))))
    return build.divide(build.number(-1.0), kept)


def _twice(x: Block) -> Block:
    """exp(-exp(x))."""
    return _exp(build.negate(_exp(x)))


LINKS: dict[str, Callable[[Any, Block], Block]] = {
    "Logit": lambda link, x: build.sigmoid(x),
    "Power": _power,
    "InversePower": _power,
    "InverseSquared": _power,
    "Sqrt": _power,
    "Identity": _power,
    "Log": lambda link, x: _exp(x),
    "LogC": lambda link, x: build.subtract(ONE, _exp(x)),
    "Probit": lambda link, x: special.normal_cdf(x),
    "Cauchy": lambda link, x: special.cauchy_cdf(x),
    "CLogLog": lambda link, x: build.subtract(ONE, _twice(x)),
    "LogLog": lambda link, x: _twice(build.negate(x)),
    "NegativeBinomial": _binomial,
}
"""Class of statsmodels.genmod.families.links -> its inverse. Names that it deprecated are those of subclasses."""


def mean(link: Any, x: Block, reading: Reading) -> Block:
    """The mean of a linear predictor. Source: statsmodels.genmod.families.links, `inverse` of each class.

    Raises: UnsupportedModel for a link that is not statsmodels' own.
    """
    module = "statsmodels.genmod.families.links"
    known = [cls.__name__ for cls in type(link).__mro__ if cls.__module__ == module and cls.__name__ in LINKS]
    if type(link).__module__ != module or not known:
        raise reading.unsupported(f"its link is {type(link).__name__}, needed one of {', '.join(sorted(LINKS))}")
    return LINKS[known[0]](link, x)
