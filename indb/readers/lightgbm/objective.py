"""What LightGBM makes of raw scores, by its objective."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from indb import build
from indb.ir import Apply, Block, Op, Reduce, ReduceOp
from indb.readers.base import Reading

HALF = 1.5 * 2.0**-53
"""The last x whose sigmoid, computed in double precision, is not above 0.5: exp(-x) rounds to the double below 1."""


@dataclass(frozen=True)
class Link:
    """The outputs for raw scores, and the number of the class that they decide, both for raw scores.

    A single output is compared with 1 minus it. Source: lightgbm.LGBMClassifier.predict.
    """

    convert: Callable[[Block], Block]
    decide: Callable[[Block], Block]


def _link(convert: Callable[[Block], Block]) -> Link:
    """A link whose outputs themselves decide."""

    def decide(x: Block) -> Block:
        found = convert(x)
        return build.argmax(found) if x.width > 1 else build.less(build.subtract(build.number(1.0), found), found)

    return Link(convert, decide)


def _sigmoid(factor: float) -> Link:
    def scaled(x: Block) -> Block:
        return x if factor == 1.0 else build.multiply(build.number(factor), x)

    def convert(x: Block) -> Block:
        return build.sigmoid(scaled(x))

    def decide(x: Block) -> Block:
        return build.argmax(convert(x)) if x.width > 1 else build.less(build.number(HALF), scaled(x))

    return Link(convert, decide)


def _largest_share(x: Block) -> Block:
    """The number of the largest lane of softmax, the first of those that rounding makes equal.

    A lane that lies below the largest by up to half of 2**-53 has the power 1 too. One that lies below it by up to
    three halves has the power 1 - 2**-53, which is another share or not, as the sum happens to be. Said of differences
    the decision is much shorter in SQL than an argmax of shares, each of which holds all lanes.
    """
    largest = Reduce(ReduceOp.MAX, x)
    below = build.subtract(x, largest)
    total = Reduce(ReduceOp.SUM, _exp(below))
    shares = [build.divide(build.number(power), total) for power in (1.0, 1.0 - 2.0**-53)]

    def first(margin: float) -> Block:
        found: Block = build.MISSING
        for number, lane in reversed(list(enumerate(build.lanes(below)))):
            found = build.where(build.less_equal(build.number(-margin), lane), build.number(number), found)
        return found

    return build.where(Apply(Op.EQ, (shares[0], shares[1])), first(HALF), first(0.5 * 2.0**-53))


def _exp(x: Block) -> Block:
    return Apply(Op.EXP, (x,))


def _identity(x: Block) -> Block:
    return x


def _signed_square(x: Block) -> Block:
    return build.multiply(build.multiply(build.sign(x), x), x)


IDENTITY = ("", "regression", "regression_l1", "huber", "fair", "quantile", "mape", "lambdarank", "rank_xendcg")
LINKS: dict[str, Callable[[dict[str, str]], Link]] = {
    **dict.fromkeys(IDENTITY, lambda given: _link(_signed_square if "sqrt" in given else _identity)),
    **dict.fromkeys(("poisson", "gamma", "tweedie"), lambda given: _link(_exp)),
    **dict.fromkeys(("binary", "multiclassova"), lambda given: _sigmoid(float(given["sigmoid"]))),
    "cross_entropy": lambda given: _sigmoid(1.0),
    "cross_entropy_lambda": lambda given: _link(lambda x: build.log1p(_exp(x))),
    "multiclass": lambda given: Link(build.softmax, _largest_share),
}
"""Objective -> its link, for its parameters. Source: ObjectiveFunction::ConvertOutput of each, in LightGBM."""

PARAMETERS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("regression", "regression_l1", "fair", "quantile", "mape"), ("sqrt",)),
    "binary": ("sigmoid",),
    "multiclass": ("num_class",),
    "multiclassova": ("num_class", "sigmoid"),
}
"""Objective -> the parameters that stand behind its name; `sqrt` may be left out."""


def link_of(objective: str, reading: Reading) -> Link:
    """The link of an objective as the model names it, such as "binary sigmoid:1".

    Raises: UnsupportedModel for an objective or a parameter that is not read.
    """
    name, *rest = objective.split(" ") if objective else [""]
    given = {part.partition(":")[0]: part.partition(":")[2] for part in rest if part}
    needed = set(PARAMETERS.get(name, ()))
    if name not in LINKS or not set(given) <= needed or not needed - {"sqrt"} <= set(given):
        raise reading.unsupported(
            f"its objective is {objective!r}, needed one of {', '.join(sorted(filter(None, LINKS)))}",
            "Train it with one of these.",
        )
    try:
        return LINKS[name](given)
    except ValueError:
        raise reading.unsupported(f"its objective is {objective!r}, of which a parameter is no number") from None
