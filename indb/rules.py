"""The rules that every model keeps, so that all that read one (evaluate, the passes, emit, files) may rely on them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from indb.errors import InvalidModel
from indb.ir import (
    ARITY,
    FORMATS,
    LAYOUTS,
    POWERS,
    TEXT_OPS,
    Apply,
    Block,
    Column,
    Concat,
    Const,
    Distance,
    Foreign,
    Linear,
    Lookup,
    Metric,
    Model,
    Nearest,
    Op,
    Reduce,
    ReduceOp,
    Take,
    Target,
    TreeEnsemble,
    Type,
    walk,
)

MAX_WIDTH = 2**20
"""The most lanes that a block may have; a few joins of a block with itself would outgrow any memory."""


def validate(model: Model) -> None:
    """Check every rule.

    Raises: InvalidModel naming the block and the rule that it breaks.
    """
    problem = _model_problem(model) or _blocks_problem(model)
    if problem:
        raise InvalidModel(f"cannot use the model: {problem}")
    for target in model.targets:
        problem = _target_problem(target)
        if problem:
            raise InvalidModel(f"cannot use the model: {problem}")


def _model_problem(model: Model) -> str | None:
    names = [column.name for column in model.columns]
    if len(set(names)) != len(names):
        return f"column names repeat in {names}"
    if model.in_sql is not model:
        problem = _twin_problem(model, model.in_sql)
        if problem:
            return problem
    texts = [*model.source.items(), *((target.name, *target.outputs) for target in model.targets)]
    if not all(isinstance(text, str) for row in texts for text in row):
        return "names of targets and outputs, and what its source says, must be text"
    kinds = {column.name: column.kind for column in model.columns}
    for row in model.examples:
        for name, value in row.items():
            if name in kinds and _values_problem([value], kinds[name]):
                return f"an example of column {name!r} is {value!r}"
    targets = [target.name for target in model.targets]
    if len(set(targets)) != len(targets):
        return f"target names repeat in {targets}"
    return None


def _twin_problem(model: Model, twin: Model) -> str | None:
    """What is wrong with the twin of a model for SQL."""
    if twin.is_foreign:
        return "what is written in its place cannot be written"
    if [(each.name, each.kind) for each in model.columns] != [(each.name, each.kind) for each in twin.columns]:
        return "what is written in its place has other columns"
    shapes = [
        [(t.name, t.labels, [(name, block.width) for name, block in t.outputs.items()]) for t in each.targets]
        for each in (model, twin)
    ]
    return None if shapes[0] == shapes[1] else "what is written in its place has other outputs"


def _blocks_problem(model: Model) -> str | None:
    listed = {id(column) for column in model.columns}
    foreign = False
    for block in walk([*model.columns, *model.roots()]):
        foreign = foreign or isinstance(block, Foreign)
        if isinstance(block, Column) and id(block) not in listed:
            return f"it reads column {block.name!r}, which it does not list"
        problem = _width_problem(block) or _problem(block)
        if problem:
            return f"a {type(block).__name__} {problem}"
    if foreign != model.is_foreign:
        return f"a {type(model).__name__} holds {'a' if foreign else 'no'} Foreign block"
    return None


def _target_problem(target: Target) -> str | None:
    predict = target.outputs.get("predict")
    if predict is not None and predict.width != 1:
        return f"output predict of {target.name!r} must have one lane, has {predict.width}"
    if target.labels is None:
        return None
    if not all(isinstance(label, str | int | float | bool) for label in target.labels):
        return f"the labels of {target.name!r} are not all text, numbers or booleans"
    probabilities = target.outputs.get("predict_proba")
    if probabilities is not None and probabilities.width != len(target.labels):
        return f"{probabilities.width} probabilities for {len(target.labels)} labels"
    return None


def _width_problem(block: Block) -> str | None:
    if isinstance(block, TreeEnsemble) and block.values.ndim != 2:
        return f"has leaf values in {block.values.ndim} dimensions, needs 2"
    if isinstance(block, Linear) and (block.weight.ndim != 2 or block.bias.ndim != 1):
        return f"has weights and biases in {block.weight.ndim} and {block.bias.ndim} dimensions, needs 2 and 1"
    if isinstance(block, Distance) and block.points.ndim != 2:
        return f"has points in {block.points.ndim} dimensions, needs 2"
    if isinstance(block, Nearest) and block.values.ndim != 2:
        return f"has values in {block.values.ndim} dimensions, needs 2"
    if isinstance(block, Foreign) and (type(block.lanes) is not int or block.lanes < 1):
        return f"has {block.lanes!r} lanes"
    inputs = sum(part.width for part in block.children) if isinstance(block, TreeEnsemble | Foreign) else 0
    if max(block.width, inputs) > MAX_WIDTH:
        return f"has {max(block.width, inputs)} lanes, at most {MAX_WIDTH} are possible"
    return None


def _problem(block: Block) -> str | None:
    """What is wrong with one block, or None."""
    match block:
        case Column(name, kind):
            return _column_problem(name, kind)
        case Const(values, kind):
            return _values_problem(values, kind)
        case Apply(op, args):
            return _apply_problem(op, args)
        case Concat(parts) if len({part.type for part in parts}) != 1:
            return "mixes NUMBER and TEXT, or has no parts"
        case Take(x, lanes) if not all(isinstance(lane, int) and 0 <= lane < x.width for lane in lanes):
            return f"takes lanes {lanes} of {x.width}"
        case Reduce(_, x) | Linear(x, _, _) | Distance(x, _, _) if x.type is Type.TEXT:
            return "was given TEXT"
        case Reduce(op, x) if not isinstance(op, ReduceOp) or x.width == 0:
            return f"reduces {x.width} lanes by {op}"
        case Linear(x, weight, bias):
            if weight.shape != (len(bias), x.width):
                return f"has weights {weight.shape} for {x.width} lanes and {len(bias)} biases"
            return _dtype_problem(float, weight, bias)
        case Distance(x, points, metric):
            if points.shape[1] != x.width or x.width == 0 or not isinstance(metric, Metric):
                return f"has points {points.shape} for {x.width} lanes, and the metric {metric!r}"
            return _dtype_problem(float, points)
        case Nearest():
            return _nearest_problem(block)
        case Lookup():
            return _lookup_problem(block)
        case TreeEnsemble():
            return _arrays_problem(block) or _nodes_problem(block) or _sets_problem(block) or _single_problem(block)
        case Foreign():
            return _foreign_problem(block)
    return None


def _nearest_problem(block: Nearest) -> str | None:
    if len(block.inputs) != 2 or any(part.type is Type.TEXT for part in block.inputs) or block.inputs[1].width != 1:
        return "reads something else than distances, and how much they may be off"
    if type(block.k) is not int or not 1 <= block.k <= len(block.values) or block.inputs[0].width != len(block.values):
        return f"takes {block.k!r} of {block.inputs[0].width} lanes for {len(block.values)} rows"
    if block.power not in POWERS:
        return f"has the power {block.power!r}, needs one of {POWERS}"
    return _dtype_problem(float, block.values)


def _foreign_problem(block: Foreign) -> str | None:
    texts = (block.format, block.name, block.method, *block.none, *block.providers)
    if not all(isinstance(text, str) for text in texts) or block.format not in FORMATS:
        return f"has the format {block.format!r}, needs one of {', '.join(FORMATS)}"
    if block.layout not in LAYOUTS:
        return f"has the layout {block.layout!r}, needs one of {LAYOUTS}"
    if not block.inputs or not (block.layout or all(isinstance(part, Column) for part in block.inputs)):
        return "reads something else than columns"
    if block.layout and (len(block.inputs) != 1 or block.inputs[0].type is Type.TEXT):
        return "reads something else than one matrix of numbers"
    if type(block.part) is not int or block.part < -1 or (block.classes and block.lanes != 1):
        return f"has {block.lanes} lanes for {len(block.classes)} classes of part {block.part!r}"
    if not all(isinstance(label, str | int | float | bool) for label in block.classes):
        return "has classes that are not all text, numbers or booleans"
    types = [part.type for part in block.inputs for _ in range(part.width)]
    if block.example and len(block.example) != len(types):
        return f"has an example of {len(block.example)} values for {len(types)} lanes"
    if any(_keys_problem([value], kind) for value, kind in zip(block.example, types, strict=False)):
        return "has an example of other types than its inputs"
    if block.payload.ndim != 1 or len(block.payload) == 0:
        return f"has a payload of shape {block.payload.shape}"
    return _dtype_problem(np.uint8, block.payload)


def _column_problem(name: Any, kind: Any) -> str | None:
    return None if isinstance(name, str) and isinstance(kind, Type) else f"has the name {name!r} and the type {kind!r}"


def _apply_problem(op: Op, args: tuple[Block, ...]) -> str | None:
    if len(args) != ARITY[op]:
        return f"{op.name} has {len(args)} arguments, needs {ARITY[op]}"
    widths = {arg.width for arg in args} - {1}
    if len(widths) > 1:
        return f"{op.name} mixes widths {sorted(widths)}"
    if op not in TEXT_OPS and any(arg.type is Type.TEXT for arg in args):
        return f"{op.name} was given TEXT"
    if op is Op.WHERE and args[0].type is Type.TEXT:
        return "WHERE has a condition that is TEXT"
    compared = args[1:] if op is Op.WHERE else args
    if len({arg.type for arg in compared}) > 1:
        return f"{op.name} mixes NUMBER and TEXT"
    return None


def _values_problem(values: Iterable[Any], kind: Type) -> str | None:
    """Numbers are floats, so that no SQL literal is an integer by accident; a missing text is None."""
    for value in values:
        if not (isinstance(value, float) if kind is Type.NUMBER else value is None or isinstance(value, str)):
            return f"of {kind.value}s holds {value!r}"
    return None


def _dtype_problem(dtype: type, *arrays: Any) -> str | None:
    wanted = np.dtype(dtype)
    found = {array.dtype for array in arrays} - {wanted}
    return f"holds an array of {found.pop()}, needs {wanted}" if found else None


def _lookup_problem(block: Lookup) -> str | None:
    if block.x.width != 1:
        return f"looks up {block.x.width} lanes at once"
    if len(set(block.keys)) != len(block.keys):
        return "has a key twice"
    if _keys_problem(block.keys, block.x.type):
        return "has keys of another type than its input, or a missing one"
    if len(block.values) != len(block.keys):
        return f"has {len(block.keys)} keys and {len(block.values)} values"
    rows = (*block.values, block.unknown, block.missing)
    if any(len(row) != block.width for row in rows):
        return "has rows of different widths"
    return _values_problem((value for row in rows for value in row), block.kind)


def _keys_problem(keys: Iterable[Any], kind: Type) -> bool:
    if kind is Type.TEXT:
        return not all(isinstance(key, str) for key in keys)
    return not all(isinstance(key, float) and not math.isnan(key) for key in keys)


def _arrays_problem(block: TreeEnsemble) -> str | None:
    n_nodes = len(block.feature)
    numbers = (block.feature, block.category_set, block.left, block.right, block.leaf)
    if any(array.shape != (n_nodes,) for array in (*numbers, block.threshold, block.missing_left)):
        return "has node arrays of different lengths"
    if block.roots.ndim != 1 or block.base.shape != (block.width,):
        return f"has base values of shape {block.base.shape} for width {block.width}"
    return (
        _dtype_problem(float, block.threshold, block.values, block.base)
        or _dtype_problem(np.int32, block.roots, *numbers)
        or _dtype_problem(bool, block.missing_left)
    )


def _nodes_problem(block: TreeEnsemble) -> str | None:
    n_nodes = len(block.feature)
    n_features = sum(part.width for part in block.inputs)
    if n_features == 0:
        return "has no inputs"
    if _outside(block.roots, n_nodes):
        return f"has a root outside of its {n_nodes} nodes"
    inner = block.feature >= 0
    if _outside(block.feature[inner], n_features):
        return f"splits on feature {int(block.feature.max())} of {n_features}"
    nodes = np.arange(n_nodes)
    for side in (block.left, block.right):
        if (side[inner] <= nodes[inner]).any() or (side[inner] >= n_nodes).any():
            return "has a child that does not follow its parent"
    if _outside(block.leaf[~inner], len(block.values)):
        return "has a leaf without a value"
    if _outside(block.category_set[inner & (block.category_set >= 0)], len(block.category_sets)):
        return f"uses category set {int(block.category_set.max())} of {len(block.category_sets)}"
    if np.isnan(block.threshold[inner & (block.category_set < 0)]).any():
        return "has a threshold that is NaN"
    return None


def _single_problem(block: TreeEnsemble) -> str | None:
    """Sums of float32 numbers must stay float32 numbers, so that no engine has to say what is beyond them."""
    if not isinstance(block.single, bool) or not block.single:
        return "says neither yes nor no to float32" if block.single is not False else None
    with np.errstate(over="ignore"):
        for array in (block.values, block.base):
            if not np.array_equal(array.astype(np.float32).astype(np.float64), array, equal_nan=True):
                return "is of float32 numbers, and holds others"
    largest = [np.nan_to_num(np.abs(array), posinf=np.inf).max(initial=0.0) for array in (block.base, block.values)]
    if largest[0] + len(block.roots) * largest[1] > np.finfo(np.float32).max / 2.0:
        return "is of float32 numbers, and its sum can be larger than all of them"
    return None


def _outside(indices: Any, length: int) -> bool:
    return bool(((indices < 0) | (indices >= length)).any())


def _sets_problem(block: TreeEnsemble) -> str | None:
    types = [part.type for part in block.inputs for _ in range(part.width)]
    inner = block.feature >= 0
    for feature, number in set(zip(block.feature[inner].tolist(), block.category_set[inner].tolist(), strict=True)):
        if number < 0 and types[feature] is Type.TEXT:
            return "compares a TEXT feature with a threshold"
        if number >= 0 and _keys_problem(block.category_sets[number], types[feature]):
            return "has categories of another type than their feature, or a missing one"
    return None
