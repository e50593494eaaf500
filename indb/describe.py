"""A model as text that a person reads: one numbered line for each block, children before parents."""

from __future__ import annotations

from indb.ir import (
    Apply,
    Block,
    Column,
    Concat,
    Const,
    Distance,
    Foreign,
    Linear,
    Lookup,
    Model,
    Nearest,
    Reduce,
    Scalar,
    Take,
    TreeEnsemble,
    Type,
    walk,
)

MAX_SHOWN = 6
"""How many values of a row are written out before the rest becomes "…"."""


def describe(model: Model) -> str:
    """The whole model: its source, a line for each block, and its outputs."""
    numbers: dict[int, str] = {}
    source = ", ".join(f"{key} {value}" for key, value in model.source.items())
    lines = [f"Model({source})"]
    for block in walk(model.roots()):
        numbers[id(block)] = f"%{len(numbers)}"
        kind = "text" if block.type is Type.TEXT else "number"
        lines.append(f"  {numbers[id(block)]}: {kind}[{block.width}] = {_line(block, numbers)}")
    unread = [column.name for column in model.columns if id(column) not in numbers]
    if unread:
        lines.append(f"  unread: {_row(tuple(unread))}")
    for target in model.targets:
        labels = "" if target.labels is None else f" labels {_row(target.labels)}"
        outputs = ", ".join(f"{name} {numbers[id(block)]}" for name, block in target.outputs.items())
        lines.append(f"  target {target.name!r}: {outputs}{labels}")
    return "\n".join(lines)


def _line(block: Block, numbers: dict[int, str]) -> str:
    children = ", ".join(numbers[id(child)] for child in block.children)
    match block:
        case Column(name, _):
            return f"column {name!r}"
        case Const(values, _):
            return f"const {_row(values)}"
        case Apply(op, _):
            return f"{op.name}({children})"
        case Concat():
            return f"concat({children})"
        case Take(_, lanes):
            return f"take({children}, {_row(lanes)})"
        case Reduce(op, _):
            return f"{op.name}({children})"
        case Linear(_, weight, _):
            return f"linear({children}) {weight.shape[1]} -> {weight.shape[0]}"
        case Distance(_, points, metric):
            return f"distance({children}) {metric.value} from {len(points)} points"
        case Nearest():
            return f"nearest({children}) {block.k} of {len(block.values)} rows"
        case Lookup():
            return f"lookup({children}) {len(block.keys)} keys {_row(block.keys)}"
        case TreeEnsemble():
            n_leaves = int((block.feature < 0).sum())
            single = ", float32" if block.single else ""
            return f"trees({children}) {len(block.roots)} trees, {n_leaves} leaves{single}"
        case Foreign():
            part = "" if block.part < 0 else f" of target {block.part}"
            return (
                f"foreign({children}) {block.name}.{block.method}{part}, {block.format} of {len(block.payload):,} bytes"
            )
    raise TypeError(f"no text for {type(block).__name__}")


def _row(values: tuple[Scalar | int | bool, ...]) -> str:
    shown = [repr(value) for value in values[:MAX_SHOWN]]
    return "[" + ", ".join(shown + (["…"] if len(values) > MAX_SHOWN else [])) + "]"
