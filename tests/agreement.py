"""When two computations of a model agree: which outputs must have the same bits, and how far rounding may part others.

A sum of products that cancels has no digit in common with the same sum in another order, so a linear map is held to the
size of its terms, not of its result. What is called a term here is what is added before anything is multiplied out: for
`weight * (x - mean) / scale` both `weight * x / scale` and `weight * mean / scale`, which the fused form adds apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from indb import build
from indb.evaluate import evaluate
from indb.ir import (
    Apply,
    Block,
    Concat,
    Const,
    Distance,
    Linear,
    Model,
    Nearest,
    Op,
    Reduce,
    ReduceOp,
    Take,
    Target,
    TreeEnsemble,
    walk,
)

INEXACT = frozenset({Op.EXP, Op.LN, Op.SIN, Op.COS, Op.TANH})
"""Functions whose last bit differs from one mathematical library to the next."""

ROUNDING = 4e-15
"""How much of the size of its terms a sum may be off: some dozen additions and products of 1.1e-16 each."""


HELD = 1e-300
"""What PostgreSQL may give in place of 0: it holds at the largest double what overflows, and one over that is no 0."""


def is_exact(block: Block) -> bool:
    """Whether a block has the same bits everywhere: trees added in order, and nothing above that rounds freely."""
    match block:
        case TreeEnsemble():
            return True
        case Linear() | Distance() | Nearest() | Reduce(ReduceOp.SUM, _):
            return False
        case Apply(op, _) if op in INEXACT:
            return False
    return all(is_exact(child) for child in block.children)


def linear_slack(model: Model, columns: dict[str, Any]) -> NDArray[np.float64]:
    """For each row, how far linear maps and distances may be off by rounding, (n_rows,); inf where a term overflows."""
    outputs: dict[str, Block] = {}
    for block in walk(model.roots()):
        if isinstance(block, Linear | Distance):
            outputs[str(len(outputs))] = Reduce(ReduceOp.MAX, _size(block))
    n_rows = len(next(iter(columns.values())))
    if not outputs:
        return np.zeros(n_rows)
    sizes = evaluate(Model(model.columns, (Target("", outputs),)), columns)[""]
    with np.errstate(over="ignore"):
        total: NDArray[np.float64] = ROUNDING * sum((values[:, 0] for values in sizes.values()), np.zeros(n_rows))
    return total


def _size(block: Block) -> Block:
    """The sum of the sizes of the terms of each lane."""
    match block:
        case Apply(Op.ADD | Op.SUB, (a, b)):
            return build.add(_size(a), _size(b))
        case Apply(Op.MUL, (a, b)):
            return build.multiply(_size(a), _size(b))
        case Apply(Op.DIV, (a, Const() as b)):
            return build.divide(_size(a), _size(b))
        case Concat(parts):
            return Concat(tuple(_size(part) for part in parts))
        case Take(x, lanes):
            return Take(_size(x), lanes)
        case Linear(x, weight, bias):
            return build.linear(_size(x), np.abs(weight), np.abs(bias))
        case Distance(x, points, metric):
            return Distance(_size(x), -np.abs(points), metric)
    return Apply(Op.ABS, (block,))


def room(output: str, wanted: NDArray[np.float64], slack: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far numbers of an output may lie from `wanted`, (n_rows,): 1e-12 of it, and what the `slack` does.

    An absolute error of a margin is a relative one of its exponential; in 1 - p the last bit of 1 is rounded.
    """
    relative = (1e-12 + np.minimum(2.0 * slack, 1.0)) * np.abs(wanted)
    found: NDArray[np.float64] = relative + (2.0**-51 if output == "predict_proba" else slack) + HELD
    return found
