"""PolynomialFeatures: products of columns."""

from __future__ import annotations

from typing import Any

from indb import build
from indb.ir import Block
from indb.readers.base import Frame, Reading, reads
from indb.readers.sklearn.values import finite_numbers


@reads("sklearn", "PolynomialFeatures")
def read_polynomial_features(features: Any, frame: Frame, reading: Reading) -> Frame:
    """The products of the columns, in scikit-learn's order. Source: sklearn.preprocessing.PolynomialFeatures.transform.

    A dense product starts with its last factor, a sparse one with its first; that decides how it is rounded.
    """
    x = build.lanes(finite_numbers(frame, reading))
    products: dict[tuple[int, ...], Block] = {(number,): lane for number, lane in enumerate(x)}

    def product(factors: tuple[int, ...]) -> Block:
        if factors not in products:
            rest, last = (factors[:-1], factors[-1]) if frame.sparse else (factors[1:], factors[0])
            products[factors] = build.multiply(product(rest), x[last])
        return products[factors]

    names: list[str] = []
    lanes: list[Block] = []
    for powers in features.powers_.tolist():
        factors = tuple(number for number, power in enumerate(powers) for _ in range(power))
        names.append("*".join(frame.names[number] for number in factors) or "1")
        lanes.append(product(factors) if factors else build.number(1.0))
    return Frame(tuple(names), tuple(lanes), sparse=frame.sparse)
