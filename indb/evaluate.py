"""What each block means, in numpy: the definition that SQL and the UDFs are checked against.

Numbers are float64 arrays of shape (n_rows, width) with NaN for missing; texts are object arrays with None for missing.
Nothing here raises on overflow: the meaning of arithmetic is IEEE 754. This module knows only the representation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indb.errors import BindError, UnsupportedModel, did_you_mean
from indb.ir import (
    FARTHEST,
    Apply,
    Block,
    Bools,
    Column,
    Concat,
    Const,
    Distance,
    Floats,
    Foreign,
    Ints,
    Linear,
    Lookup,
    Metric,
    Model,
    Nearest,
    Op,
    Reduce,
    ReduceOp,
    Take,
    TreeEnsemble,
    Type,
    walk,
)

Values: TypeAlias = NDArray[Any]
"""Numbers (float64) or texts (object) of shape (n_rows, width)."""

NONE: Any = None
"""The missing text, for an elementwise comparison."""


def evaluate(model: Model, columns: Mapping[str, Any]) -> dict[str, dict[str, Values]]:
    """Every output of every target, `{target: {output: (n_rows, width)}}`, for a mapping of column name to 1-D values.

    A classifier's `predict` is the number of the class; see `decode`. None and NaN are missing values.

    Raises: BindError when a column of the model is not in `columns`, or holds values that are not numbers or texts;
    UnsupportedModel for a foreign model.
    """
    n_rows = len(next(iter(columns.values()))) if columns else 0
    ready: dict[str, Values] = {}
    for block in walk(model.roots()):
        if isinstance(block, Column):
            if block.name not in columns:
                raise BindError(f"cannot evaluate: column {block.name!r} is missing", did_you_mean(block.name, columns))
            ready[block.name] = column_values(block, columns[block.name])
    return evaluate_values(model, ready, n_rows)


def evaluate_values(model: Model, columns: Mapping[str, Values], n_rows: int) -> dict[str, dict[str, Values]]:
    """`evaluate` of columns that are arrays of (n_rows, 1) already: float64, or objects that are str or None."""
    memo: dict[int, Values] = {}
    with np.errstate(all="ignore"):
        for block in walk(model.roots()):
            if isinstance(block, Column):
                memo[id(block)] = columns[block.name]
            else:
                memo[id(block)] = evaluate_block(block, [memo[id(part)] for part in block.children], n_rows)
    return {target.name: {name: memo[id(block)] for name, block in target.outputs.items()} for target in model.targets}


def decode(labels: tuple[Any, ...], numbers: Values) -> list[Any]:
    """The labels that class numbers stand for; None for a missing one."""
    return [None if np.isnan(number) else labels[int(number)] for number in numbers[:, 0]]


def column_values(column: Column, values: Any) -> Values:
    """The values of one column as (n_rows, 1), in the column's own type.

    Raises: BindError for a number where text is expected and the other way round.
    """
    dtype = getattr(values, "dtype", None)
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf" and column.kind is Type.NUMBER:
        return np.asarray(values, dtype=np.float64).reshape(-1, 1)
    # As objects: numpy would make texts of a list that holds a text and a NaN, and numbers of dates.
    objects = [None if _is_missing(value) else value for value in np.asarray(values, dtype=object)]
    wrong = [value for value in objects if value is not None and isinstance(value, str) != (column.kind is Type.TEXT)]
    if wrong:
        needed = "text" if column.kind is Type.TEXT else "numbers"
        raise BindError(f"cannot read column {column.name!r}: found {wrong[0]!r}, needed {needed}")
    array = np.empty((len(objects), 1), dtype=object)
    array[:, 0] = objects
    try:
        return array if column.kind is Type.TEXT else array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise BindError(f"cannot read column {column.name!r}: {error}, needed numbers") from None


def _is_missing(value: Any) -> bool:
    """None, NaN, NaT or pandas.NA: the last three do not equal themselves."""
    try:
        return value is None or bool(value != value)
    except TypeError:  # pandas.NA has no truth value
        return True


def evaluate_block(block: Block, args: Sequence[Values], n_rows: int) -> Values:
    """One block but a column, (n_rows, width), from the values of its children."""
    match block:
        case Const(values, kind):
            dtype: Any = object if kind is Type.TEXT else np.float64
            row = np.empty((1, len(values)), dtype=dtype)
            row[0] = values
            return np.broadcast_to(row, (n_rows, len(values)))
        case Apply(op):
            return OPS[op](*args)
        case Concat():
            return np.concatenate(args, axis=1)
        case Take(_, lanes):
            taken: Values = args[0][:, list(lanes)]
            return taken
        case Reduce(op):
            return reduce_lanes(op, args[0])
        case Linear(_, weight, bias):
            return linear(args[0], weight, bias)
        case Distance(_, points, metric):
            return distance(args[0], points, metric, block.order)
        case Nearest():
            return nearest(block, *args)
        case TreeEnsemble():
            return trees(block, args)
        case Lookup():
            return _lookup(block, args[0])
        case Foreign(name=name):
            raise UnsupportedModel(
                f"cannot evaluate the model: what its {name} computes is known only to the library that fitted it",
                "Score rows with indb.runtime.scorer.Scorer(model), or deploy the model as a UDF.",
            )
    raise TypeError(f"no meaning for {type(block).__name__}")


def missing(x: Values) -> Bools:
    """Which values are missing, same shape."""
    if x.dtype == object:
        gaps: Bools = np.equal(x, NONE).astype(bool)
        return gaps
    return np.isnan(x)


def _compare(function: Callable[..., Any]) -> Callable[..., Values]:
    """A comparison as 1.0 and 0.0; numpy's is already false for NaN, and None is told apart here."""

    def compare(*args: Values) -> Values:
        result = np.asarray(function(*args), dtype=bool)
        for arg in args:
            if arg.dtype == object:
                result = result & ~missing(arg)
        return result.astype(np.float64)

    return compare


def _where(condition: Values, then: Values, other: Values) -> Values:
    picked: Values = np.where(condition == 1.0, then, other)
    return picked


OPS: dict[Op, Callable[..., Values]] = {
    Op.ADD: np.add,
    Op.SUB: np.subtract,
    Op.MUL: np.multiply,
    Op.DIV: np.divide,
    Op.MIN: np.minimum,
    Op.MAX: np.maximum,
    Op.ABS: np.abs,
    Op.EXP: np.exp,
    Op.LN: np.log,
    Op.SQRT: np.sqrt,
    Op.SIN: np.sin,
    Op.COS: np.cos,
    Op.TANH: np.tanh,
    Op.FLOOR: np.floor,
    Op.SINGLE: lambda x: x.astype(np.float32).astype(np.float64),
    Op.LE: _compare(np.less_equal),
    Op.LT: _compare(np.less),
    Op.EQ: _compare(np.equal),
    Op.BETWEEN: _compare(lambda x, low, high: (x >= low) & (x <= high)),
    Op.AND: _compare(lambda a, b: (a == 1.0) & (b == 1.0)),
    Op.OR: _compare(lambda a, b: (a == 1.0) | (b == 1.0)),
    Op.IS_MISSING: lambda x: missing(x).astype(np.float64),
    Op.WHERE: _where,
    Op.COALESCE: lambda x, other: _where(missing(x), other, x),
}
"""The meaning of each scalar op on arrays that broadcast."""


def apply_op(op: Op, *args: Values) -> Values:
    """One scalar op on arrays, without warnings."""
    with np.errstate(all="ignore"):
        return OPS[op](*args)


def reduce_lanes(op: ReduceOp, x: Values) -> Values:
    """One lane of all, (n_rows, 1)."""
    if op is ReduceOp.ALL:
        passed: Bools = (x == 1.0).all(axis=1)
        return passed.astype(np.float64).reshape(-1, 1)
    match op:
        case ReduceOp.SUM:
            result = np.zeros(len(x))
            for lane in range(x.shape[1]):  # one lane after the other: np.sum adds pairwise
                result = result + x[:, lane]
        case ReduceOp.MIN:
            result = x.min(axis=1)
        case ReduceOp.MAX:
            result = x.max(axis=1)
        case ReduceOp.ARGMIN:
            result = x.argmin(axis=1).astype(np.float64)
        case ReduceOp.ARGMAX:
            result = x.argmax(axis=1).astype(np.float64)
    return np.where(np.isnan(x).any(axis=1), np.nan, result).reshape(-1, 1)


def linear(x: Values, weight: Floats, bias: Floats) -> Floats:
    """x @ weight.T + bias, its terms added in order: the last bits of a matrix product depend on the number of rows."""
    total = np.zeros((len(x), len(weight)))
    for lane in range(x.shape[1]):
        total += x[:, lane : lane + 1] * weight[:, lane]
    return total + bias


def distance(x: Values, points: Floats, metric: Metric, order: Sequence[int]) -> Floats:
    """How far each row is from each point, (n_rows, n_points), the terms of the lanes added in an order."""
    total = np.zeros((len(x), len(points)))
    for lane in order:
        difference = x[:, lane : lane + 1] - points[:, lane]
        match metric:
            case Metric.SQUARED:
                total += difference * difference
            case Metric.MANHATTAN:
                total += np.abs(difference)
            case Metric.CHEBYSHEV:
                np.maximum(total, np.abs(difference), out=total)
    return total


def nearest(block: Nearest, x: Values, slack: Values) -> Floats:
    """The means over the nearest points, (n_rows, width), the nearest added first; of equal ones the first."""
    order = np.argsort(x, axis=1, kind="stable")[:, : block.k + 1]
    far = np.take_along_axis(x, order, axis=1)
    decided = far[:, block.k - 1] <= FARTHEST
    if far.shape[1] > block.k:
        decided &= far[:, -1] - far[:, block.k - 1] > slack[:, 0]
    order, far = order[:, : block.k], far[:, : block.k]
    weights = np.ones_like(far)
    if block.power:
        weights = 1.0 / (far if block.power == 1.0 else np.sqrt(far))
        weights = np.where((far == 0.0).any(axis=1, keepdims=True), far == 0.0, weights)
    total, size = np.zeros((len(x), block.width)), np.zeros(len(x))
    for place in range(block.k):
        total += weights[:, place : place + 1] * block.values[order[:, place]]
        size += weights[:, place]
    gone = np.isnan(x).any(axis=1) | ~decided
    return np.where(gone[:, None], np.nan, total / size[:, None])


def _lookup(block: Lookup, x: Values) -> Values:
    dtype: Any = object if block.kind is Type.TEXT else np.float64
    table = np.empty((len(block.keys) + 2, block.width), dtype=dtype)
    for number, row in enumerate((*block.values, block.unknown, block.missing)):
        table[number] = row
    unknown, gap = len(block.keys), len(block.keys) + 1
    index = {key: number for number, key in enumerate(block.keys)}
    found = map(index.get, x[:, 0].tolist(), repeat(unknown))
    rows = np.fromiter(found, dtype=np.intp, count=len(x))
    rows[missing(x)[:, 0]] = gap
    return table[rows]


def trees(block: TreeEnsemble, inputs: Sequence[Values]) -> Floats:
    """The value of a tree ensemble, (n_rows, width), its trees added in order to the base."""
    lanes = [part[:, lane] for part in inputs for lane in range(part.shape[1])]
    n_rows = len(lanes[0]) if lanes else 0
    number: Any = np.float32 if block.single else np.float64
    values = block.values.astype(number)
    total = np.repeat(block.base.reshape(1, -1).astype(number), n_rows, axis=0)
    go_left = _node_tests(block, lanes)
    for root in block.roots.tolist():
        total = total + values[block.leaf[_leaves(block, root, n_rows, go_left)]]
    return total.astype(np.float64)


def _node_tests(block: TreeEnsemble, lanes: list[Values]) -> Callable[[int, Ints], Bools]:
    """A function (node, rows) -> which of these rows go left at that node."""
    sets = [frozenset(keys) for keys in block.category_sets]
    gaps = [missing(lane.reshape(-1, 1))[:, 0] for lane in lanes]

    def go_left(node: int, rows: Ints) -> Bools:
        feature = int(block.feature[node])
        x = lanes[feature][rows]
        number = int(block.category_set[node])
        if number >= 0:
            left = np.fromiter((value in sets[number] for value in x.tolist()), dtype=bool, count=len(rows))
        else:
            left = x <= block.threshold[node]
        if block.missing_left[node]:
            left = left | gaps[feature][rows]
        else:
            left = left & ~gaps[feature][rows]
        return left

    return go_left


def _leaves(block: TreeEnsemble, root: int, n_rows: int, go_left: Callable[[int, Ints], Bools]) -> Ints:
    """The leaf node that each row reaches in one tree."""
    reached = np.full(n_rows, root, dtype=np.int32)
    stack = [(root, np.arange(n_rows, dtype=np.int32))]
    while stack:
        node, rows = stack.pop()
        if len(rows) == 0:
            continue
        if block.feature[node] < 0:
            reached[rows] = node
            continue
        left = go_left(node, rows)
        stack.append((int(block.left[node]), rows[left]))
        stack.append((int(block.right[node]), rows[~left]))
    return reached
