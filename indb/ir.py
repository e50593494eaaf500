"""The representation: a model as a graph of blocks, each a function of one row.

A block takes row vectors and gives one row vector. It has a width (its number of lanes) and one type, NUMBER
(float64) or TEXT. There is one missing value: NaN for numbers, None for text, NULL in SQL. The graph is a DAG of
frozen objects and a block is shared by being the same object, so equality is identity.

The scalar operations are in ops.py, the rules that a model must keep in rules.py. This module knows neither numpy
evaluation (evaluate.py), nor files (codec.py), nor any library or database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeAlias

from indb.errors import InvalidModel
from indb.ops import ARITY as ARITY
from indb.ops import TEXT_OPS as TEXT_OPS
from indb.ops import Bools as Bools
from indb.ops import Bytes as Bytes
from indb.ops import Floats as Floats
from indb.ops import Ints as Ints
from indb.ops import Op as Op
from indb.ops import ReduceOp as ReduceOp
from indb.ops import Scalar as Scalar
from indb.ops import Type as Type


class Block:
    """Base of the blocks: a function of one row, with a width and a type. `reads` is the field of its children."""

    __slots__ = ()
    reads: ClassVar[str] = ""

    @property
    def width(self) -> int:
        """Number of lanes."""
        raise NotImplementedError

    @property
    def type(self) -> Type:
        """NUMBER or TEXT."""
        return Type.NUMBER

    @property
    def children(self) -> tuple[Block, ...]:
        """The blocks that this one reads."""
        found = getattr(self, self.reads) if self.reads else ()
        return found if isinstance(found, tuple) else (found,)

    def with_children(self, children: tuple[Block, ...]) -> Block:
        """The same block over other children."""
        if not self.reads:
            if children:
                raise InvalidModel(f"cannot rebuild a {type(self).__name__}: it has no children")
            return self
        several = isinstance(getattr(self, self.reads), tuple)
        changed: Block = replace(self, **{self.reads: children if several else children[0]})  # type: ignore[type-var]
        return changed


@dataclass(frozen=True, eq=False, slots=True)
class Column(Block):
    """A column of the table, by the name that the model was trained with."""

    name: str
    kind: Type = Type.NUMBER

    @property
    def width(self) -> int:
        return 1

    @property
    def type(self) -> Type:
        return self.kind


@dataclass(frozen=True, eq=False, slots=True)
class Const(Block):
    """The same row for every row: floats (NaN is missing), or texts (None is missing)."""

    values: tuple[Scalar, ...]
    kind: Type = Type.NUMBER

    @property
    def width(self) -> int:
        return len(self.values)

    @property
    def type(self) -> Type:
        return self.kind


@dataclass(frozen=True, eq=False, slots=True)
class Apply(Block):
    """A scalar op, lane by lane; an argument of width 1 is repeated for every lane."""

    reads = "args"
    op: Op
    args: tuple[Block, ...]
    _width: int = field(init=False, repr=False)
    _type: Type = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Found once: a graph that shares its blocks has exponentially many paths to follow.
        takes_type = self.op in (Op.WHERE, Op.COALESCE) and self.args
        object.__setattr__(self, "_width", max((arg.width for arg in self.args), default=0))
        object.__setattr__(self, "_type", self.args[-1].type if takes_type else Type.NUMBER)

    @property
    def width(self) -> int:
        return self._width

    @property
    def type(self) -> Type:
        return self._type


@dataclass(frozen=True, eq=False, slots=True)
class Concat(Block):
    """The lanes of all parts, in order."""

    reads = "parts"
    parts: tuple[Block, ...]
    _width: int = field(init=False, repr=False)
    _type: Type = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_width", sum(part.width for part in self.parts))
        object.__setattr__(self, "_type", self.parts[0].type if self.parts else Type.NUMBER)

    @property
    def width(self) -> int:
        return self._width

    @property
    def type(self) -> Type:
        return self._type


@dataclass(frozen=True, eq=False, slots=True)
class Take(Block):
    """Chosen lanes of a block."""

    reads = "x"
    x: Block
    lanes: tuple[int, ...]

    @property
    def width(self) -> int:
        return len(self.lanes)

    @property
    def type(self) -> Type:
        return self.x.type


@dataclass(frozen=True, eq=False, slots=True)
class Reduce(Block):
    """All lanes to one."""

    reads = "x"
    op: ReduceOp
    x: Block

    @property
    def width(self) -> int:
        return 1


@dataclass(frozen=True, eq=False, slots=True)
class Linear(Block):
    """x @ weight.T + bias. weight is (width, x.width), bias (width,). A missing lane makes every output missing."""

    reads = "x"
    x: Block
    weight: Floats
    bias: Floats

    @property
    def width(self) -> int:
        return int(self.weight.shape[0])


@dataclass(frozen=True, eq=False, slots=True)
class Lookup(Block):
    """The row of `values` whose key equals x (width 1); `unknown` for other values, `missing` for a missing one.

    keys hold floats or texts as x does. values holds len(keys) rows of `width` floats or texts.
    """

    reads = "x"
    x: Block
    keys: tuple[float | str, ...]
    values: tuple[tuple[Scalar, ...], ...]
    unknown: tuple[Scalar, ...]
    missing: tuple[Scalar, ...]
    kind: Type = Type.NUMBER

    @property
    def width(self) -> int:
        return len(self.unknown)

    @property
    def type(self) -> Type:
        return self.kind


@dataclass(frozen=True, eq=False, slots=True)
class TreeEnsemble(Block):
    """base + the leaf row of each tree, added one tree after the other, in order.

    The features are the lanes of all `inputs`. Nodes are parallel arrays over all trees. An inner node of a number
    sends a row left when x <= threshold; an inner node with a category set sends it left when x is in that set; a
    missing x goes by missing_left. `feature` is -1 at a leaf, whose row of `values` is `leaf`.
    """

    reads = "inputs"
    inputs: tuple[Block, ...]
    roots: Ints
    feature: Ints
    threshold: Floats
    category_set: Ints
    left: Ints
    right: Ints
    missing_left: Bools
    leaf: Ints
    values: Floats
    base: Floats
    category_sets: tuple[tuple[float | str, ...], ...] = ()

    @property
    def width(self) -> int:
        return int(self.values.shape[1])


Label: TypeAlias = str | int | float | bool

FORMATS = ("skops", "onnx", "pickle")
"""What a foreign payload may be. A pickle runs whatever code it holds, so it stays in memory and is never stored."""

LAYOUTS = ("", "C", "F", "csr")
"""How a foreign object may take its inputs: as a table of columns, or as a matrix."""


@dataclass(frozen=True, eq=False, slots=True)
class Foreign(Block):
    """What a library computes: the only block whose meaning is not in evaluate.py, but in that library.

    `payload` is the fitted object as a file of `format`; blocks of one object hold the same array, so that it is loaded
    once. `name` is its class. `method` is scikit-learn's name of a method, or ONNX's of an output. `part` is the number
    of the target where a method gives several, else -1. `classes` holds the labels that a method gives: the lane is
    the number of the class. `example` is a row of inputs that the library accepts, by which the runtime finds out what
    it refuses.

    The inputs are columns where `layout` is "", and the object takes them as a table; `none` are the text columns whose
    missing value it knows as None, others get NaN. Else there is one input, whose lanes the object takes as an array in
    that order of memory ("C", "F") or as a sparse matrix ("csr").
    """

    reads = "inputs"
    inputs: tuple[Block, ...]
    format: str
    payload: Bytes
    name: str
    method: str
    lanes: int
    part: int = -1
    classes: tuple[Label, ...] = ()
    none: tuple[str, ...] = ()
    example: tuple[float | str, ...] = ()
    layout: str = ""

    @property
    def width(self) -> int:
        return self.lanes


BLOCKS: tuple[type[Block], ...] = (Column, Const, Apply, Concat, Take, Reduce, Linear, Lookup, TreeEnsemble, Foreign)
"""Every kind of block; the set is closed."""


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that a model predicts.

    `outputs` holds blocks under scikit-learn's method names. A regressor has `predict` (width 1), a transformer
    `transform` (any width). A classifier has `predict` as the *number* of the class (width 1; labels[i] is what it
    stands for) and, where the library has them, `predict_proba` (a lane for each label) and `decision_function`
    (one lane for two classes, else a lane for each label).
    """

    name: str
    outputs: dict[str, Block]
    labels: tuple[Label, ...] | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """A fitted model: the columns it was trained with, in order, and its targets.

    `source` says what it was read from (class, library and version), for headers and listings; nothing depends on it.
    `origin` is the fitted object with the names of its columns, while it is at hand: a deployment is compared with it.
    It is never saved.
    """

    columns: tuple[Column, ...]
    targets: tuple[Target, ...]
    source: dict[str, str] = field(default_factory=dict)
    origin: tuple[Any, tuple[str, ...]] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        validate(self)

    @property
    def is_foreign(self) -> bool:
        """Whether a library has to run it: it cannot be written as SQL, only deployed as a UDF."""
        return isinstance(self, ForeignModel)

    def roots(self) -> list[Block]:
        """Every output block."""
        return [block for target in self.targets for block in target.outputs.values()]

    def __str__(self) -> str:
        return describe(self)

    def save(self, path: Any) -> None:
        """Write the model as one .indb file.

        Raises: OSError when the path cannot be written.
        """
        from indb import codec

        codec.save(self, path)


@dataclass(frozen=True, slots=True)
class ForeignModel(Model):
    """A model that holds Foreign blocks: it runs as a UDF, by the library that it comes from."""


def model_of(columns: tuple[Column, ...], targets: tuple[Target, ...], source: dict[str, str]) -> Model:
    """A Model, or a ForeignModel when a block of the targets is Foreign."""
    roots = [block for target in targets for block in target.outputs.values()]
    kind = ForeignModel if any(isinstance(block, Foreign) for block in walk(roots)) else Model
    return kind(columns, targets, source)


def walk(roots: Sequence[Block]) -> Iterator[Block]:
    """Every block below the roots, each once, children before parents."""
    seen: set[int] = set()
    stack: list[tuple[Block, bool]] = [(root, False) for root in reversed(roots)]
    while stack:
        block, done = stack.pop()
        if done:
            yield block
        elif id(block) not in seen:
            seen.add(id(block))
            stack.append((block, True))
            stack.extend((child, False) for child in reversed(block.children) if id(child) not in seen)


def rewrite(model: Model, rule: Callable[[Block], Block]) -> Model:
    """The model with `rule` applied to every block, children first; sharing is kept. Unread columns stay listed."""
    done: dict[int, Block] = {}
    for block in walk(model.roots()):
        children = tuple(done[id(child)] for child in block.children)
        same = all(new is old for new, old in zip(children, block.children, strict=True))
        done[id(block)] = rule(block if same else block.with_children(children))
    targets = tuple(
        replace(target, outputs={name: done[id(block)] for name, block in target.outputs.items()})
        for target in model.targets
    )
    return replace(model, targets=targets)


def validate(model: Model) -> None:
    """Check every rule of the representation (rules.py).

    Raises: InvalidModel naming the block and the rule that it breaks.
    """
    from indb import rules

    rules.validate(model)


def describe(model: Model) -> str:
    """The model as text, one numbered line for each block, inputs first."""
    from indb.describe import describe as text

    return text(model)
