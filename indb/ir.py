"""The representation: a model as a graph of blocks, each a function of one row.

A block takes row vectors and gives one row vector. It has a width (its number of lanes) and one type, NUMBER
(float64) or TEXT. There is one missing value: NaN for numbers, None for text, NULL in SQL. The graph is a DAG of
frozen objects and a block is shared by being the same object, so equality is identity.

The blocks are in blocks.py, the scalar operations in ops.py, the rules that a model must keep in rules.py. This module
knows neither numpy evaluation (evaluate.py), nor files (codec.py), nor any library or database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from indb.blocks import BLOCKS as BLOCKS
from indb.blocks import FARTHEST as FARTHEST
from indb.blocks import FORMATS as FORMATS
from indb.blocks import LAYOUTS as LAYOUTS
from indb.blocks import POWERS as POWERS
from indb.blocks import Apply as Apply
from indb.blocks import Block as Block
from indb.blocks import Column as Column
from indb.blocks import Concat as Concat
from indb.blocks import Const as Const
from indb.blocks import Distance as Distance
from indb.blocks import Foreign as Foreign
from indb.blocks import Label as Label
from indb.blocks import Linear as Linear
from indb.blocks import Lookup as Lookup
from indb.blocks import Nearest as Nearest
from indb.blocks import Reduce as Reduce
from indb.blocks import Take as Take
from indb.blocks import TreeEnsemble as TreeEnsemble
from indb.ops import ARITY as ARITY
from indb.ops import TEXT_OPS as TEXT_OPS
from indb.ops import Bools as Bools
from indb.ops import Bytes as Bytes
from indb.ops import Floats as Floats
from indb.ops import Ints as Ints
from indb.ops import Metric as Metric
from indb.ops import Op as Op
from indb.ops import ReduceOp as ReduceOp
from indb.ops import Scalar as Scalar
from indb.ops import Type as Type


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
    It is never saved. `examples` are rows by the names of columns that came with the model: a deployment is proven on
    them too.
    """

    columns: tuple[Column, ...]
    targets: tuple[Target, ...]
    source: dict[str, str] = field(default_factory=dict)
    origin: tuple[Any, tuple[str, ...]] | None = field(default=None, compare=False, repr=False)
    examples: tuple[dict[str, Scalar], ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        validate(self)

    @property
    def is_foreign(self) -> bool:
        """Whether a library has to run it: it cannot be written as SQL, only deployed as a UDF."""
        return isinstance(self, ForeignModel)

    @property
    def in_sql(self) -> Model:
        """What is written where the model becomes SQL: itself, or its twin in blocks."""
        return self

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

    def to_onnx(self, path: Any = None) -> bytes:
        """The model as an ONNX file in float64, which is written to `path` where one is given.

        Raises: UnsupportedModel for what ONNX cannot say; OSError when the path cannot be written.
        """
        from indb.export import onnx

        return onnx.to_onnx(self, path)

    def to_pmml(self, path: Any = None) -> bytes:
        """The model as a PMML 4.4 file, which is written to `path` where one is given.

        Raises: UnsupportedModel for what PMML cannot say; OSError when the path cannot be written.
        """
        from indb.export import pmml

        return pmml.to_pmml(self, path)


@dataclass(frozen=True, slots=True)
class ForeignModel(Model):
    """A model that holds Foreign blocks: it runs as a UDF, by the library that it comes from.

    `written`: the same in blocks, where these give no score for some rows that the library does score. It is for SQL
    alone, and has the same columns, targets and outputs.
    """

    written: Model | None = None

    @property
    def in_sql(self) -> Model:
        return self.written or self


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
    if all(done[id(block)] is block for block in model.roots()):  # most passes find nothing to do
        return model
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
