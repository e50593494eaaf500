"""A model ready to score many rows: `indb.evaluate` with fast kernels, and libraries for foreign models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from indb import codec
from indb.evaluate import Values
from indb.ir import Block, Column, Foreign, Model, TreeEnsemble, Type, walk
from indb.runtime.blocks import Compute, by_row, spread
from indb.runtime.foreign import Batch, Libraries
from indb.runtime.kernels import computing, reading
from indb.runtime.regroup import ROWS, Groups, regroup
from indb.runtime.trees import Trees
from indb.runtime.widen import widen
from indb.runtime.words import Coded, Texts, Vocabulary

Memo: TypeAlias = dict[int, Values | Coded]
"""Values by the id of their block; what is the same in all rows is a single one."""

Step: TypeAlias = Callable[["_Batch"], None]

Outputs: TypeAlias = frozenset[tuple[str, str]]
"""Names of targets and of their outputs."""

_Plan: TypeAlias = tuple[dict[str, dict[str, int]], list[Step]]
"""The block of each output by its id, and the steps that lead to them."""

AT_ONCE = 2_048
"""How many rows go through the blocks at once: their values stay in the processor's cache."""


class Scorer:
    """A model, the kernels of its blocks, and the objects that libraries run.

    Blocks are of three kinds: the same in all rows, following from one text alone, or computed for each row.

    threads: how many the database has in this process. Libraries use those that idle; blocks never use but one.

    Raises: ModelFileError when a library is missing here that a foreign model needs, or cannot load it.
    """

    def __init__(self, model: Model, threads: int = 1) -> None:
        self.model = model
        self._regrouped = widen(regroup(model))  # held: its blocks are known by their ids
        order = _needed(self._regrouped)
        self._libraries = Libraries([block for block in order if isinstance(block, Foreign)], threads)
        self._constants: Memo = {}
        self._columns: list[tuple[int, str]] = []
        self._steps: list[tuple[int, tuple[int, ...], Step]] = []
        self._plans: dict[Outputs | None, _Plan] = {}
        texts: dict[Column, list[Block]] = {}
        text_of: dict[int, Column] = {}
        asked = {id(block) for block in self._regrouped.roots()}
        for block in order:
            parts = [id(part) for part in reading(block)]
            compute = None if isinstance(block, (Column, TreeEnsemble, Foreign)) else computing(block)
            read = {text_of.get(part) for part in parts if part not in self._constants}
            column = block if isinstance(block, Column) else read.pop() if compute and len(read) == 1 else None
            if compute and all(part in self._constants for part in parts):
                self._constants[id(block)] = compute([self._constants[part] for part in parts], 1)
            elif column and column.kind is Type.TEXT:
                text_of[id(block)] = column
                texts.setdefault(column, []).append(block)
            elif isinstance(block, Column):
                self._columns.append((id(block), block.name))
            else:
                asked.update(parts)
                self._steps.append((id(block), tuple(parts), self._step(block, compute)))
        self._vocabularies = [
            (column.name, Vocabulary(self._computing(column, blocks, asked))) for column, blocks in texts.items()
        ]

    @classmethod
    def load(cls, data: bytes, threads: int = 1) -> Scorer:
        """The scorer of a model file's bytes.

        Raises: ModelFileError when they are no model, or need a library that is missing here.
        """
        return cls(codec.decode(data), threads)

    def _step(self, block: Block, compute: Compute | None) -> Step:
        """What computes one block of a batch."""
        key, parts = id(block), tuple(id(part) for part in reading(block))
        if isinstance(block, TreeEnsemble):
            trees = Trees(block)
            return lambda batch: batch.set(key, trees.values([batch.full(part) for part in parts], batch.n_rows))
        if isinstance(block, Foreign):
            return lambda batch: batch.set(key, batch.foreign(block, lambda: batch.inputs(block, parts)))
        assert compute is not None
        return lambda batch: batch.set(key, compute([batch.memo[part] for part in parts], batch.n_rows))

    def _computing(
        self, column: Column, blocks: Sequence[Block], asked: set[int]
    ) -> Callable[[Values], dict[int, Values]]:
        """What computes the blocks that follow from a text column for some texts, and gives those asked for."""
        steps = [
            (id(block), tuple(id(part) for part in reading(block)), computing(block))
            for block in blocks
            if block is not column
        ]
        constants = self._constants  # not self: a scorer that nobody needs goes at once

        def compute(texts: Values) -> dict[int, Values]:
            memo: dict[int, Values] = {id(column): texts}
            with np.errstate(all="ignore"):
                for key, parts, function in steps:
                    given = [memo[part] if part in memo else constants[part] for part in parts]
                    memo[key] = function(given, len(texts))
            return {key: values for key, values in memo.items() if key in asked}

        return compute

    def outputs(
        self, columns: Mapping[str, Values | Texts], n_rows: int, wanted: Outputs | None = None
    ) -> dict[str, dict[str, Values]]:
        """What `indb.evaluate` gives, for columns as `evaluate_values` takes them, or texts that are numbered already.

        wanted: the outputs to compute, (target, output); None: all.

        Of a foreign model: what its library gives, and missing outputs for a row that the library refuses.
        """
        plan = self._plans.get(wanted) or self._plans.setdefault(wanted, self._plan(wanted))
        if n_rows <= AT_ONCE or self._libraries:
            return self._outputs(columns, n_rows, plan)
        parts = [
            self._outputs({name: values[start : start + AT_ONCE] for name, values in columns.items()},
                          min(AT_ONCE, n_rows - start), plan)
            for start in range(0, n_rows, AT_ONCE)
        ]  # fmt: skip
        return {
            target: {name: np.concatenate([part[target][name] for part in parts]) for name in outputs}
            for target, outputs in parts[0].items()
        }

    def _plan(self, wanted: Outputs | None) -> _Plan:
        """The steps that some outputs need."""
        roots = {
            target.name: {
                name: id(block) for name, block in target.outputs.items()
                if wanted is None or (target.name, name) in wanted
            }
            for target in self._regrouped.targets
        }  # fmt: skip
        needed = {key for outputs in roots.values() for key in outputs.values()}
        steps: list[Step] = []
        for key, parts, step in reversed(self._steps):
            if key in needed:
                needed.update(parts)
                steps.append(step)
        return roots, steps[::-1]

    def _outputs(
        self, columns: Mapping[str, Values | Texts], n_rows: int, plan: _Plan
    ) -> dict[str, dict[str, Values]]:  # fmt: skip
        roots, steps = plan
        batch = _Batch(dict(self._constants), n_rows, self._libraries.batch())
        for key, name in self._columns:
            batch.memo[key] = columns[name]  # type: ignore[assignment]
        for name, vocabulary in self._vocabularies:
            batch.memo.update(vocabulary.coded(columns[name]))
        with np.errstate(all="ignore"):
            for step in steps:
                step(batch)
        return {
            target: {name: spread(batch.full(key)) for name, key in outputs.items()}
            for target, outputs in roots.items()
        }  # fmt: skip


def row_steps(model: Model) -> list[Block]:
    """The blocks that are computed for each row; of others the planner need not know."""
    groups = Groups()
    return [
        block for block in _needed(widen(regroup(model)))
        if groups.of(block) == ROWS and not isinstance(block, Column)
    ]  # fmt: skip


def _needed(model: Model) -> list[Block]:
    """The blocks that are computed, children first: some are read past their only child."""
    needed = {id(block) for block in model.roots()}
    order = list(walk(model.roots()))
    for block in reversed(order):
        if id(block) in needed:
            needed.update(id(part) for part in reading(block))
    return [block for block in order if id(block) in needed]


class _Batch:
    """The values of some rows so far."""

    def __init__(self, memo: Memo, n_rows: int, foreign: Batch) -> None:
        self.memo = memo
        self.n_rows = n_rows
        self.foreign = foreign

    def set(self, key: int, values: Values) -> None:
        """Keep the values of a block."""
        self.memo[key] = values

    def inputs(self, block: Foreign, parts: Sequence[int]) -> list[Values]:
        """What a library is given: its columns, or all lanes as one matrix."""
        given = [self.full(part) for part in parts]
        return [by_row(given, self.n_rows)] if block.layout else [spread(part) for part in given]

    def full(self, key: int) -> Values | Coded:
        """The values of a block, one for each row."""
        found = self.memo[key]
        if isinstance(found, Coded) or len(found) == self.n_rows:
            return found
        return np.broadcast_to(found, (self.n_rows, found.shape[1]))
