"""Which operator or function stands for what a block does; export writes by these tables, the reader reads by them."""

from __future__ import annotations

from indb.ops import Metric, Op, ReduceOp

OPERATORS = {
    Op.ADD: "Add", Op.SUB: "Sub", Op.MUL: "Mul", Op.DIV: "Div", Op.MIN: "Min", Op.MAX: "Max", Op.ABS: "Abs",
    Op.EXP: "Exp", Op.LN: "Log", Op.SQRT: "Sqrt", Op.SIN: "Sin", Op.COS: "Cos", Op.TANH: "Tanh", Op.FLOOR: "Floor",
}  # fmt: skip
"""Scalar ops that an operator of ONNX is. ONNX Runtime has float64 kernels for them, and they pass NaN on."""

SCALARS = {
    Op.SINGLE: "Single", Op.LE: "LessOrEqual", Op.LT: "Less", Op.EQ: "Equal", Op.BETWEEN: "Between", Op.AND: "And",
    Op.OR: "Or", Op.IS_MISSING: "IsMissing", Op.WHERE: "Where", Op.COALESCE: "Coalesce",
}  # fmt: skip
"""Scalar ops that are functions."""

OF_TEXTS = {Op.EQ: "EqualTexts", Op.IS_MISSING: "IsMissingText", Op.COALESCE: "CoalesceText"}
"""Those for texts, which are told what stands for a missing one."""

REDUCTIONS = {
    ReduceOp.SUM: "Sum", ReduceOp.MIN: "Lowest", ReduceOp.MAX: "Highest", ReduceOp.ARGMIN: "ArgLowest",
    ReduceOp.ARGMAX: "ArgHighest", ReduceOp.ALL: "All",
}  # fmt: skip

DISTANCES = {
    Metric.SQUARED: "SquaredDistance", Metric.MANHATTAN: "ManhattanDistance", Metric.CHEBYSHEV: "ChebyshevDistance",
}  # fmt: skip
