"""The blocks: what a model is made of, each a function of one row. Models and graphs of blocks are in ir.py."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, TypeAlias

from indb.errors import InvalidModel
from indb.ops import Bools, Bytes, Floats, Ints, Metric, Op, ReduceOp, Scalar, Type


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
class Distance(Block):
    """How far x is from each of a set of points (n_points, x.width): a lane for each. A missing lane makes all missing.

    The terms are added in `order`: first those of lanes in which all points are whole numbers, up to `WHOLE`, then the
    others. So the terms of whole numbers (one-hot lanes, say) come to a whole number, however they are put together.
    """

    WHOLE: ClassVar[float] = 2.0**20
    reads = "x"
    x: Block
    points: Floats
    metric: Metric

    @property
    def width(self) -> int:
        return int(self.points.shape[0])

    @property
    def n_whole(self) -> int:
        """In how many lanes all points are whole numbers."""
        return sum(self._whole())

    @property
    def order(self) -> tuple[int, ...]:
        """The lanes in the order in which their terms are added."""
        whole = self._whole()
        return tuple(sorted(range(len(whole)), key=lambda lane: not whole[lane]))

    def _whole(self) -> list[bool]:
        found = (self.points.round() == self.points) & (abs(self.points) <= self.WHOLE)
        return [bool(whole) for whole in found.all(axis=0)]


POWERS = (0.0, 0.5, 1.0)
"""By which powers of their distance Nearest may divide the weights of neighbours."""


FARTHEST = 1e300
"""A larger distance is none to Nearest: it may stand for one that no double holds."""


@dataclass(frozen=True, eq=False, slots=True)
class Nearest(Block):
    """The mean of the rows of `values` (n_points, width) whose lanes of the first input are the `k` lowest.

    A row counts distance ** -power, its lane being the distance; with a power, rows at distance 0 count alone. The
    second input (width 1) says how much the lanes may be off. Missing where a lane is, where the k-th lane is larger
    than FARTHEST, and where it and the next are no farther apart than that: no number tells then which is nearer.
    """

    reads = "inputs"
    inputs: tuple[Block, Block]
    values: Floats
    k: int
    power: float = 0.0

    @property
    def width(self) -> int:
        return int(self.values.shape[1])


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

    Where `single`, the values and the base are float32 numbers, and each sum on the way is rounded to float32.
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
    single: bool = False

    @property
    def width(self) -> int:
        return int(self.values.shape[1])


Label: TypeAlias = str | int | float | bool

FORMATS = ("skops", "onnx", "cbm", "tflite", "pte", "pt2", "keras", "torchscript", "pickle")
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

    `providers` are the execution providers of ONNX Runtime that a graph was proven on, in their order; none: the CPU.
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
    providers: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        return self.lanes


BLOCKS: tuple[type[Block], ...] = (
    *(Column, Const, Apply, Concat, Take, Reduce, Linear, Distance, Nearest, Lookup, TreeEnsemble, Foreign),
)
"""Every kind of block; the set is closed."""
