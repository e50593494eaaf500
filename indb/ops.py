"""The scalar vocabulary of the representation: types of lanes, scalar operations, reductions, metrics."""

from __future__ import annotations

import enum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int32]
Bools: TypeAlias = NDArray[np.bool_]
Bytes: TypeAlias = NDArray[np.uint8]
Scalar: TypeAlias = float | str | None
"""One value of a lane: a number (NaN is missing), a text, or None (a missing text)."""


class Type(enum.Enum):
    """The two types of a lane."""

    NUMBER = "number"
    TEXT = "text"


class Op(enum.Enum):
    """Scalar operations. Arithmetic passes a missing value on; a comparison with missing is false (0.0).

    There is no NOT: its answer for a missing value would have to be chosen each time. Swap operands or arms.
    """

    ADD = "+"
    SUB = "-"
    MUL = "*"
    DIV = "/"
    MIN = "min"
    MAX = "max"
    ABS = "abs"
    EXP = "exp"
    LN = "ln"
    SQRT = "sqrt"
    SIN = "sin"
    COS = "cos"
    TANH = "tanh"
    FLOOR = "floor"
    SINGLE = "single"
    LE = "<="
    LT = "<"
    EQ = "="
    BETWEEN = "between"
    AND = "and"
    OR = "or"
    IS_MISSING = "is missing"
    WHERE = "where"
    COALESCE = "coalesce"

    __hash__ = object.__hash__  # Enum's own is a Python call, and members are single objects anyway


ARITY: dict[Op, int] = {
    **dict.fromkeys((Op.ADD, Op.SUB, Op.MUL, Op.DIV, Op.MIN, Op.MAX), 2),
    **dict.fromkeys((Op.ABS, Op.EXP, Op.LN, Op.SQRT, Op.SIN, Op.COS, Op.TANH, Op.FLOOR, Op.SINGLE), 1),
    **dict.fromkeys((Op.LE, Op.LT, Op.EQ, Op.AND, Op.OR, Op.COALESCE), 2),
    Op.IS_MISSING: 1,
    Op.BETWEEN: 3,
    Op.WHERE: 3,
}
"""How many arguments each op takes. BETWEEN is (x, low, high), both ends included; WHERE is (condition, then, else).

SINGLE rounds to the nearest float32, which is infinite beyond its largest one. As a sum, difference, product, quotient
or root of two float32 numbers is rounded alike with and without a stop at float64, SINGLE of it is float32 arithmetic.
"""

TEXT_OPS = frozenset({Op.EQ, Op.IS_MISSING, Op.WHERE, Op.COALESCE})
"""The ops that also take TEXT."""


class Metric(enum.Enum):
    """How Distance measures the differences of the lanes: the sum of their squares, of their sizes, or the largest."""

    SQUARED = "squared"
    MANHATTAN = "manhattan"
    CHEBYSHEV = "chebyshev"


class ReduceOp(enum.Enum):
    """What Reduce does with the lanes of one row; a missing lane makes the result missing (ALL: false).

    ARGMIN and ARGMAX give the number of the lane; ties go to the lowest lane, as in numpy.
    """

    SUM = "sum"
    MIN = "min"
    MAX = "max"
    ARGMIN = "argmin"
    ARGMAX = "argmax"
    ALL = "all"
