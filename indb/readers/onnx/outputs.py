"""The outputs of a graph as targets: labels get the number of their class, as every classifier of indb has.

The label of a row is one of few texts (or integers): those that its block can give, found in the block itself, or
known from the operator that made it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from indb import build
from indb.errors import UnsupportedModel
from indb.ir import Apply, Block, Concat, Const, Label, Lookup, Op, Reduce, ReduceOp, Target, Type
from indb.readers.onnx.values import Codes, Folded, Tensor, Value, as_tensor

MANY_TEXTS = 10_000
"""Labels of one output."""


def targets(names: Sequence[str], values: Sequence[Value], what: str) -> tuple[Target, ...]:
    """A classifier's label and probabilities as one target; each other output as its own.

    Raises: UnsupportedModel for texts that are not of a finite set, and several texts for a row.
    """
    left = {name: as_tensor(value) for name, value in zip(names, values, strict=True)}
    for name, tensor in left.items():
        if isinstance(tensor.batch, Folded):
            raise UnsupportedModel(f"{what}: its output {name!r} has several rows for each row that it is given")
    found: dict[str, dict[str, Block]] = {}
    labels: dict[str, tuple[Label, ...]] = {}
    for name in [name for name, tensor in left.items() if tensor.is_text or "label" in name]:
        if not left[name].is_text and left[name].block.width > 1:
            continue
        tensor = left.pop(name)
        codes = codes_of(tensor, f"{what}: its output {name!r}")
        found[name] = {"predict": tensor.block if codes is None else codes.block}
        if codes is None:
            continue
        labels[name] = codes.labels
        proba = next((other for other, given in left.items() if given.is_float), None)
        if proba is not None and left[proba].block.width == len(codes.labels) and tensor.codes is not None:
            found[name]["predict_proba"] = left.pop(proba).block
    for name, tensor in left.items():
        found[name] = {"predict" if tensor.block.width == 1 else "transform": tensor.block}
    single = len(found) == 1
    return tuple(Target("" if single else name, outputs, labels.get(name)) for name, outputs in found.items())


def codes_of(tensor: Tensor, what: str) -> Codes | None:
    """The class numbers of a tensor of labels; None for numbers that are not known to be labels.

    Raises: UnsupportedModel for texts that have none.
    """
    if tensor.block.width != 1:
        raise UnsupportedModel(f"{what} holds {tensor.block.width} texts, needed one")
    if tensor.codes is not None:
        return Codes(tensor.codes.block, tensor.codes.labels) if _distinct(tensor.codes) else _merged(tensor.codes)
    if not tensor.is_text:
        return None
    texts: dict[str, int] = {}
    block = _numbered(tensor.block, texts, {})
    if block is None or not texts:
        raise UnsupportedModel(f"{what} may be any text, needed one of a finite set", "Give it as a number.")
    return Codes(block, tuple(texts))


def _distinct(codes: Codes) -> bool:
    return len(set(codes.labels)) == len(codes.labels)


def _merged(codes: Codes) -> Codes:
    """Codes in which no two numbers stand for the same label."""
    labels = tuple(dict.fromkeys(codes.labels))
    rows = tuple((float(labels.index(label)),) for label in codes.labels)
    keys = tuple(float(code) for code in range(len(rows)))
    return Codes(Lookup(codes.block, keys, rows, (math.nan,), (math.nan,)), labels)


def _numbered(block: Block, texts: dict[str, int], memo: dict[int, Block | None]) -> Block | None:
    """The block with each text replaced by its number in `texts`, which grows; None where it can be any text."""
    if id(block) not in memo:
        memo[id(block)] = _own_numbers(block, texts, memo)
    return memo[id(block)]


def _own_numbers(block: Block, texts: dict[str, int], memo: dict[int, Block | None]) -> Block | None:
    def number(value: object) -> float:
        if value is None:
            return math.nan
        return float(texts.setdefault(str(value), len(texts)))

    match block:
        case Const(values):
            return build.number(*map(number, values)) if len(values) <= MANY_TEXTS else None
        case Lookup(x, keys, values, unknown, missing) if len(keys) * block.width <= MANY_TEXTS:
            rows = tuple(tuple(map(number, row)) for row in values)
            found = Lookup(x, keys, rows, tuple(map(number, unknown)), tuple(map(number, missing)))
            return _unwrapped(found)
        case Apply(Op.WHERE, (condition, then, other)):
            arms = [_numbered(arm, texts, memo) for arm in (then, other)]
            return None if arms[0] is None or arms[1] is None else build.where(condition, arms[0], arms[1])
        case Apply(Op.COALESCE, (x, other)):
            arms = [_numbered(arm, texts, memo) for arm in (x, other)]
            return None if arms[0] is None or arms[1] is None else Apply(Op.COALESCE, (arms[0], arms[1]))
        case Concat(parts):
            lanes = [_numbered(part, texts, memo) for part in parts]
            kept = [lane for lane in lanes if lane is not None]
            return build.concat(kept) if len(kept) == len(lanes) else None
    if block.type is Type.TEXT and block.children and block.reads == "x":
        inner = _numbered(block.children[0], texts, memo)
        return None if inner is None else block.with_children((inner,))
    return None


def _unwrapped(lookup: Lookup) -> Block:
    """What a lookup reads, where it gives the number of a lane back as it is."""
    same = lookup.values == tuple((key,) for key in lookup.keys)
    match lookup.x:
        case Reduce(ReduceOp.ARGMAX | ReduceOp.ARGMIN, x) if same and x.width <= len(lookup.keys):
            return lookup.x
    return lookup
