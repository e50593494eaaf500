"""The arithmetic of a model: in float64, or in float32 where it says so (x-mathContext="float", which JPMML writes).

In float32 every number and every result on the way is rounded. Source: JPMML's DoubleValue, FloatValue and ValueUtil.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from indb import build, special
from indb.ir import Apply, Block, Concat, Op, Reduce, ReduceOp


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Operations on blocks; `single` says whether they are of float32."""

    single: bool = False

    def rounded(self, x: Block) -> Block:
        """A number, or the result of an operation, as it is held."""
        return build.single(x) if self.single else x

    def number(self, value: float) -> Block:
        """A constant."""
        with np.errstate(over="ignore"):
            return build.number(float(np.float32(value)) if self.single else value)

    def add(self, a: Block, b: Block) -> Block:
        """a + b."""
        return self.rounded(build.add(a, b))

    def subtract(self, a: Block, b: Block) -> Block:
        """a - b."""
        return self.rounded(build.subtract(a, b))

    def multiply(self, a: Block, b: Block) -> Block:
        """a * b."""
        return self.rounded(build.multiply(a, b))

    def divide(self, a: Block, b: Block) -> Block:
        """a / b."""
        return self.rounded(build.divide(a, b))

    def exp(self, x: Block) -> Block:
        """The exponential; in float32 a power of the float32 number that is nearest to e, as JPMML has it."""
        if self.single:
            return build.single(Apply(Op.EXP, (build.multiply(x, build.number(math.log(2.7182817))),)))
        return Apply(Op.EXP, (x,))

    def total(self, parts: Sequence[Block]) -> Block:
        """The sum, one after the other."""
        return reduce(self.add, parts)

    def rest(self, x: Block) -> Block:
        """1 - x."""
        return self.subtract(build.number(1.0), x)

    def logit(self, x: Block) -> Block:
        """1 / (1 + exp(-x))."""
        one = build.number(1.0)
        return self.divide(one, self.add(one, self.exp(build.negate(x))))

    def cloglog(self, x: Block) -> Block:
        """1 - exp(-exp(x))."""
        return self.rest(self.exp(build.negate(self.exp(x))))

    def loglog(self, x: Block) -> Block:
        """exp(-exp(-x))."""
        return self.exp(build.negate(self.exp(build.negate(x))))

    def cauchit(self, x: Block) -> Block:
        """0.5 + arctan(x) / pi."""
        return self.rounded(special.cauchy_cdf(x))

    def probit(self, x: Block) -> Block:
        """How likely a standard normal value is below x."""
        return self.rounded(special.normal_cdf(x))

    def simplemax(self, parts: Sequence[Block]) -> Block:
        """Each over the sum of all, as lanes; as they are where that is 1. Of a sum of 0 there is no result."""
        total = self.total(parts)
        return self.rounded(build.divide(Concat(tuple(parts)), build.where(_is(total, 0.0), build.MISSING, total)))

    def softmax(self, parts: Sequence[Block]) -> Block:
        """The exponentials of what each is below the largest, over their sum, as lanes."""
        if not self.single:
            return build.softmax(Concat(tuple(parts)))
        top = Reduce(ReduceOp.MAX, Concat(tuple(parts)))
        return self.simplemax([self.exp(self.subtract(part, top)) for part in parts])

    @property
    def links(self) -> dict[str, Callable[[Block], Block]]:
        """normalizationMethod -> what it makes of a sum on its own."""
        return {
            "none": lambda x: x,
            "logit": self.logit,
            "softmax": self.logit,
            "probit": self.probit,
            "cloglog": self.cloglog,
            "loglog": self.loglog,
            "cauchit": self.cauchit,
            "exp": self.exp,
        }


def _is(x: Block, value: float) -> Block:
    return Apply(Op.EQ, (x, build.number(value)))
