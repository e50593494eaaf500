"""Functions of mathematics that no database has in double precision, made of the scalar ops.

Coefficients are numbers of Moshier's cephes, which scipy computes with too, but where another source is named. Relative
errors stay below 1e-14.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from indb import build
from indb.ir import Apply, Block, Op


def polynomial(x: Block, coefficients: Sequence[float]) -> Block:
    """The polynomial with these coefficients, the highest power first."""
    found: Block = build.number(coefficients[0])
    for coefficient in coefficients[1:]:
        found = build.add(build.multiply(found, x), build.number(coefficient))
    return found


def _quotient(x: Block, over: Sequence[float], under: Sequence[float]) -> Block:
    return build.divide(polynomial(x, over), polynomial(x, under))


_ERF_OVER = (
    *(9.60497373987051638749e0, 9.00260197203842689217e1, 2.23200534594684319226e3, 7.00332514112805075473e3),
    5.55923013010394962768e4,
)
_ERF_UNDER = (
    *(1.0, 3.35617141647503099647e1, 5.21357949780152679795e2, 4.59432382970980127987e3, 2.26290000613890934246e4),
    4.92673942608635921086e4,
)
_NEAR_OVER = (
    *(2.46196981473530512524e-10, 5.64189564831068821977e-1, 7.46321056442269912687e0, 4.86371970985681366614e1),
    *(1.96520832956077098242e2, 5.26445194995477358631e2, 9.34528527171957607540e2, 1.02755188689515710272e3),
    5.57535335369399327526e2,
)
_NEAR_UNDER = (
    *(1.0, 1.32281951154744992508e1, 8.67072140885989742329e1, 3.54937778887819891062e2, 9.75708501743205489753e2),
    *(1.82390916687909736289e3, 2.24633760818710981792e3, 1.65666309194161350182e3, 5.57535340817727675546e2),
)
_FAR_OVER = (
    *(5.64189583547755073984e-1, 1.27536670759978104416e0, 5.01905042251180477414e0, 6.16021097993053585195e0),
    *(7.40974269950448939160e0, 2.97886665372100240670e0),
)
_FAR_UNDER = (
    *(1.0, 2.26052863220117276590e0, 9.39603524938001434673e0, 1.20489539808096656605e1, 1.70814450747565897222e1),
    *(9.60896809063285878198e0, 3.36907645100081516050e0),
)
_TINY = 7.09782712893383996843e2
"""The largest square whose exponential is not lost: beyond it nothing is left."""


def _erf(x: Block) -> Block:
    """The error function for 0 <= x <= 1. Source: Moshier's cephes, ndtr.c."""
    return build.multiply(x, _quotient(build.multiply(x, x), _ERF_OVER, _ERF_UNDER))


def _erfc(x: Block) -> Block:
    """1 - the error function, for x >= 1 below 27. Source: Moshier's cephes, ndtr.c."""
    square = build.multiply(x, x)
    near, far = _quotient(x, _NEAR_OVER, _NEAR_UNDER), _quotient(x, _FAR_OVER, _FAR_UNDER)
    found = build.multiply(
        Apply(Op.EXP, (build.negate(square),)), build.where(build.less(x, build.number(8.0)), near, far)
    )
    return build.where(build.less(build.number(_TINY), square), build.number(0.0), found)


def erf(x: Block) -> Block:
    """The error function, accurate for small x; a missing x stays missing. Source: scipy.special.erf."""
    size = Apply(Op.ABS, (x,))
    near = _erf(build.clip(x, build.number(-1.0), build.number(1.0)))
    far = build.subtract(build.number(1.0), _erfc(build.clip(size, build.number(1.0), build.number(26.65))))
    signed = build.where(build.less(x, build.number(0.0)), build.negate(far), far)
    return build.where(build.less(build.number(1.0), size), signed, near)


def arctan(x: Block) -> Block:
    """The angle whose tangent is x, within -pi/2 and pi/2; a missing x stays missing. Source: numpy.arctan."""
    one = build.number(1.0)
    size = Apply(Op.ABS, (x,))
    is_small = build.less_equal(size, one)
    inverse = build.divide(one, Apply(Op.MAX, (size, one)))
    angle = _arctan(build.where(is_small, Apply(Op.MIN, (size, one)), inverse))
    whole = build.where(is_small, angle, build.subtract(build.number(np.pi / 2), angle))
    return build.where(build.less(x, build.number(0.0)), build.negate(whole), whole)


def normal_cdf(x: Block) -> Block:
    """How likely a standard normal value is below x; a missing x stays missing. Source: scipy.special.ndtr.

    What is computed of |x| is written once and then added or subtracted. It is held where nothing overflows or
    vanishes, so that PostgreSQL's SQL needs no guards.
    """
    a = build.multiply(x, build.number(math.sqrt(0.5)))
    size = Apply(Op.ABS, (a,))
    half = build.number(0.5)
    positive = build.less(build.number(0.0), a)
    near = build.multiply(half, _erf(Apply(Op.MIN, (size, build.number(1.0)))))
    far = build.multiply(half, _erfc(Apply(Op.MIN, (size, build.number(26.65)))))
    inside = build.add(half, build.multiply(_choose(positive, 1.0, -1.0), near))
    outside = build.add(_choose(positive, 1.0, 0.0), build.multiply(_choose(positive, -1.0, 1.0), far))
    found = build.where(build.less(size, build.number(1.0)), inside, outside)
    return build.where(build.is_missing(x), build.MISSING, found)


def _choose(condition: Block, then: float, other: float) -> Block:
    return build.where(condition, build.number(then), build.number(other))


_MIDDLE_OVER = (
    *(2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4),
    *(1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080e0),
)
_MIDDLE_UNDER = (
    *(5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4),
    *(5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0),
)
_TAIL_OVER = (
    *(7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e0),
    *(3.64784832476320460504e0, 5.76949722146069140550e0, 4.63033784615654529590e0, 1.42343711074968357734e0),
)
_TAIL_UNDER = (
    *(1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1),
    *(6.89767334985100004550e-1, 1.67638483018380384940e0, 2.05319162663775882187e0, 1.0),
)
_FAR_TAIL_OVER = (
    *(2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2),
    *(2.96560571828504891230e-1, 1.78482653991729133580e0, 5.46378491116411436990e0, 6.65790464350110377720e0),
)
_FAR_TAIL_UNDER = (
    *(2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4),
    *(1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0),
)


def normal_quantile(p: Block) -> Block:
    """The number that a standard normal value is below with probability p; missing where p is not within 0 and 1.

    It is infinite at 0 and at 1, and keeps the digits of both tails.

    Source: Wichura's algorithm AS 241 (PPND16), Applied Statistics 37 (1988), 477-484, for the coefficients.
    """
    half, one = build.number(0.5), build.number(1.0)
    centred = build.subtract(p, half)
    inner = build.clip(centred, build.number(-0.425), build.number(0.425))
    square = build.subtract(build.number(0.180625), build.multiply(inner, inner))
    middle = build.multiply(inner, _quotient(square, _MIDDLE_OVER, _MIDDLE_UNDER))
    below = build.less(p, half)
    tail = build.clip(build.where(below, p, build.subtract(one, p)), build.number(5e-324), half)
    root = Apply(Op.SQRT, (build.negate(Apply(Op.LN, (tail,))),))
    near = _quotient(build.subtract(root, build.number(1.6)), _TAIL_OVER, _TAIL_UNDER)
    far = _quotient(build.subtract(root, build.number(5.0)), _FAR_TAIL_OVER, _FAR_TAIL_UNDER)
    size = build.where(build.less_equal(root, build.number(5.0)), near, far)
    found = build.where(Apply(Op.EQ, (centred, inner)), middle, build.where(below, build.negate(size), size))
    found = build.where(Apply(Op.EQ, (p, build.number(0.0))), build.number(-math.inf), found)
    found = build.where(Apply(Op.EQ, (p, one)), build.number(math.inf), found)
    return build.where(build.between(p, 0.0, 1.0), found, build.MISSING)


_ATAN_OVER = (
    *(-8.750608600031904122785e-1, -1.615753718733365076637e1, -7.500855792314704667340e1),
    *(-1.228866684490136173410e2, -6.485021904942025371773e1),
)
_ATAN_UNDER = (
    *(1.0, 2.485846490142306297962e1, 1.650270098316988542046e2, 4.328810604912902668951e2),
    *(4.853903996359136964868e2, 1.945506571482613964425e2),
)


def _arctan(x: Block) -> Block:
    """The angle whose tangent is x, for 0 <= x <= 1: twice that of x / (1 + sqrt(1 + x * x)).

    Source: Moshier's cephes, atan.c, for what is left; below 1e-8 the angle is its tangent.
    """
    one = build.number(1.0)
    held = Apply(Op.MAX, (x, build.number(1e-8)))
    root = Apply(Op.SQRT, (build.add(one, build.multiply(held, held)),))
    reduced = build.divide(held, build.add(one, root))
    square = build.multiply(reduced, reduced)
    series = build.multiply(reduced, build.multiply(square, _quotient(square, _ATAN_OVER, _ATAN_UNDER)))
    angle = build.multiply(build.number(2.0), build.add(reduced, series))
    return build.where(build.less(x, build.number(1e-8)), x, angle)


def cauchy_cdf(x: Block) -> Block:
    """How likely a standard Cauchy value is below x: arctan2(1, -x) / pi, which keeps the digits of both tails.

    Source: scipy.stats.cauchy.cdf.
    """
    one = build.number(1.0)
    size = Apply(Op.ABS, (x,))
    is_small, positive = build.less_equal(size, one), build.less(build.number(0.0), x)
    inverse = build.divide(one, Apply(Op.MAX, (size, build.number(0.5))))
    angle = _arctan(build.where(is_small, Apply(Op.MIN, (size, one)), inverse))
    start = build.where(is_small, build.number(np.pi / 2), _choose(positive, np.pi, 0.0))
    sign = build.where(is_small, _choose(positive, 1.0, -1.0), _choose(positive, -1.0, 1.0))
    found = build.divide(build.add(start, build.multiply(sign, angle)), build.number(np.pi))
    return build.where(build.is_missing(x), build.MISSING, found)
