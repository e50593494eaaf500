"""The formulas of patsy: which columns a design takes, and how its columns are made of them."""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from indb import build
from indb.ir import Block, Lookup, Type
from indb.readers.base import Frame, Lane, Reading
from indb.readers.sklearn.compose import FUNCTIONS
from indb.readers.statsmodels.links import WHOLE, power
from indb.runtime.statsmodels import column, spec_of

HINT = "Use columns, numpy's functions of them, + - * / **, I(), Q() and C(), or compute the column in the table."


def design(results: Any, frame: Frame, reading: Reading) -> Block:
    """The columns of the design. A row with a missing value in any factor has none, an unknown category is refused.

    Source: patsy.build, _build_subterm. Raises: UnsupportedModel for a formula of another library, or what is not read.
    """
    spec = spec_of(results)
    if type(spec).__module__.split(".")[0] != "patsy":
        raise reading.unsupported(
            f"its formula was read by {type(spec).__module__.split('.')[0]}, needed patsy",
            "Set statsmodels.formula.formula_options.engine to 'patsy', and fit it again.",
        )
    lanes = dict(zip(frame.names, frame.lanes, strict=True))
    factors = {factor: _Factor(factor.code, info, lanes, reading) for factor, info in spec.factor_infos.items()}
    values = {factor: each.numbers() for factor, each in factors.items() if not each.is_categorical}
    found: list[Block] = []
    for subterm in itertools.chain.from_iterable(spec.term_codings.values()):
        parts = [
            factors[factor].coded(subterm.contrast_matrices[factor].matrix)
            if factor in subterm.contrast_matrices
            else values[factor]
            for factor in subterm.factors
        ]
        # The columns of the first factor change fastest.
        for places in itertools.product(*(range(part.width) for part in reversed(parts))):
            found.append(_product([build.lane(part, place) for part, place in zip(parts, places[::-1], strict=True)]))
    return build.concat(found)


def _product(lanes: list[Block]) -> Block:
    found: Block = build.number(1.0) if not lanes else lanes[0]
    for lane in lanes[1:]:
        found = build.multiply(found, lane)
    return found


@dataclass
class _Factor:
    """One factor of a formula: an expression, and what patsy found out about it."""

    code: str
    info: Any
    lanes: dict[str, Lane]
    reading: Reading

    @property
    def is_categorical(self) -> bool:
        return bool(self.info.type == "categorical")

    def numbers(self) -> Block:
        """The value of a numerical factor."""
        if self.info.num_columns != 1:
            raise self.refused(f"gives {self.info.num_columns} columns")
        return self.expression(ast.parse(self.code, mode="eval").body)

    def coded(self, matrix: Any) -> Block:
        """The row of a contrast matrix for each category."""
        categories = self.info.categories
        rows = tuple(tuple(row) for row in np.asarray(matrix, dtype=np.float64).tolist())
        texts = [isinstance(each, str) for each in categories]
        if any(texts) and not all(texts):
            raise self.refused("holds both texts and numbers")
        x = self.reading.resolve(self.category(), Type.TEXT if all(texts) else Type.NUMBER)
        keys = tuple(each if isinstance(each, str) else float(each) for each in categories)
        gap = build.refused(len(rows[0]))
        return Lookup(x, keys, rows, gap, gap)

    def category(self) -> Lane:
        """The column of a categorical factor: a name, or the first argument of C()."""
        node = ast.parse(self.code, mode="eval").body
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "C" and node.args:
            node = node.args[0]
        name = column(node)
        if name is None or name not in self.lanes:
            raise self.refused("is a category, and not simply a column")
        return self.lanes[name]

    def expression(self, node: ast.AST) -> Block:
        """An expression of columns and numbers."""
        name = column(node)
        if name is not None:
            return self.named(name)
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                return build.number(float(value))
            case ast.UnaryOp(ast.USub(), operand):
                return build.negate(self.expression(operand))
            case ast.UnaryOp(ast.UAdd(), operand):
                return self.expression(operand)
            case ast.BinOp(left, ast.Pow(), right):
                return self.power(left, right)
            case ast.BinOp(left, op, right) if type(op) in _ARITHMETIC:
                return _ARITHMETIC[type(op)](self.expression(left), self.expression(right))
            case ast.Call(ast.Name("I"), [inner], []):
                return self.expression(inner)
            case ast.Call(ast.Attribute(ast.Name(module), function), [inner], []) if self.is_numpy(module):
                if function in FUNCTIONS:
                    return FUNCTIONS[function](self.expression(inner))
        raise self.refused(f"holds {ast.unparse(node)}")

    def named(self, name: str) -> Block:
        """A column, or a number of the program that fitted the model."""
        if name in self.lanes:
            return self.reading.resolve(self.lanes[name], Type.NUMBER)
        value = self.known(name)
        if isinstance(value, int | float | np.number) and math.isfinite(value):
            return build.number(float(value))
        raise self.refused(f"uses {name}, which is no column")

    def power(self, base: ast.AST, exponent: ast.expr) -> Block:
        """A power with a number as its exponent."""
        try:
            number = ast.literal_eval(exponent)
        except ValueError:
            number = None
        if number not in (*WHOLE, 0.5, -0.5):
            raise self.refused(f"has the exponent {ast.unparse(exponent)}, needed a whole number from -2 to 4, or 0.5")
        return power(self.expression(base), float(number))

    def is_numpy(self, name: str) -> bool:
        """Whether a name stood for numpy where the model was fitted."""
        return self.known(name) is np

    def known(self, name: str) -> Any:
        """What a name stood for where the model was fitted."""
        try:
            return self.info.state["eval_env"].namespace[name]
        except KeyError:
            return None

    def refused(self, why: str) -> Exception:
        return self.reading.unsupported(f"{self.code} in its formula {why}", HINT)


_ARITHMETIC: dict[type[ast.operator], Callable[[Block, Block], Block]] = {
    ast.Add: build.add,
    ast.Sub: build.subtract,
    ast.Mult: build.multiply,
    ast.Div: build.divide,
}
