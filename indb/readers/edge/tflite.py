"""TensorFlow Lite files (.tflite): dense graphs as blocks, which give LiteRT's own integers; others are run by LiteRT.

Blocks are compared with LiteRT on many rows while a file is read: where they differ, LiteRT runs the file. Integers
are rounded at every step of SQL, which databases take long to plan, so blocks of them stand beside LiteRT's graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from indb import build
from indb.errors import ModelFileError
from indb.evaluate import evaluate_values
from indb.ir import Block, Column, Model, Target
from indb.readers import trial
from indb.readers.base import File, reads_files
from indb.readers.edge import dense
from indb.readers.edge.integers import NotExact
from indb.readers.graphs import foreign_model
from indb.runtime.tensors import Tensor
from indb.runtime.tflite import Graph, check

NAME = "TFLite graph"

MANY_WEIGHTS = 5_000
"""From so many constants on LiteRT's own products are faster than sums in order; blocks are for SQL, beside it."""

N_COMPARED = 400

UNUSUAL = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, 1e300, -1e300, 1e6)
"""Numbers that columns hold in some of the rows that are compared."""


@reads_files(".tflite")
def read(file: File, columns: Sequence[str] | None) -> Model:
    """The model of a file: blocks, a foreign one, or both where the graph is dense, and large or of integers.

    Raises: ModelFileError when LiteRT is missing here, or the file is damaged or needs operators that are not built in;
    UnsupportedModel for inputs and outputs that a table does not have.
    """
    what = f"cannot load {file.name}"
    check(file.data, what)
    trial.check(file, "tflite", columns)
    graph = Graph(file.data, what)
    source = {"class": NAME, "library": "LiteRT", "version": graph.file.description}
    foreign = foreign_model(graph, file, columns, "tflite", source)
    try:
        blocks = Model(foreign.columns, _targets(graph, foreign), source)
        _compare(graph, blocks)
    except NotExact as reason:
        return replace(foreign, source={**source, "reason": f"LiteRT runs {file.name}: {reason}"})
    n_weights = sum(len(each.data) // 4 for each in graph.file.tensors if each.kind == "float32")
    if any(tensor.quantization is not None for tensor in graph.file.tensors):
        why = f"LiteRT computes the integers of {file.name} faster"
    elif n_weights >= MANY_WEIGHTS:
        why = f"LiteRT multiplies the {n_weights:,} weights of {file.name} faster"
    else:
        return blocks
    return replace(foreign, source={**source, "reason": why}, written=blocks)  # type: ignore[call-arg]


def try_file(file: File, columns: Sequence[str] | None) -> None:
    """What a trial of a file does: LiteRT loads it, and runs few rows of it and many."""
    graph = Graph(file.data, f"cannot load {file.name}")
    width = sum(tensor.width or len(columns or ()) for tensor in graph.inputs)
    try:
        for n_rows in (3, N_COMPARED):
            ask = graph.rows([np.zeros((n_rows, 1))] * width)
            ask(graph.outputs[0].name)
    except ValueError:  # it takes other rows
        return


def _targets(graph: Graph, foreign: Model) -> tuple[Target, ...]:
    """The targets of the foreign model in blocks. Raises: NotExact when there are none that give the same."""
    found, conditions = dense.outputs(graph.file, foreign.columns)
    targets = []
    for target, block in zip(foreign.targets, found, strict=True):
        ((output, lanes),) = target.outputs.items()
        if lanes.width != block.width:
            raise NotExact(f"its output {target.name!r} has {lanes.width} lanes, in blocks {block.width}")
        guarded: Block = build.only_if(conditions, block)
        targets.append(Target(target.name, {output: guarded}))
    return tuple(targets)


def _compare(graph: Graph, blocks: Model) -> None:
    """Compare blocks with LiteRT: integers to the last one, float32 to what sums of large terms leave of it.

    Raises: NotExact where they differ.
    """
    rows = _rows(graph.inputs, blocks.columns)
    with np.errstate(all="ignore"):
        ours = evaluate_values(blocks, rows, N_COMPARED)
        accepted = np.ones(N_COMPARED, dtype=bool)
        for tensor, name in zip(_by_column(graph.inputs), rows, strict=True):
            if tensor.needed:
                accepted &= ~np.isnan(rows[name][:, 0])
        asked = _asked(graph, [values[accepted] for values in rows.values()])
    for target, tensor in zip(blocks.targets, graph.outputs, strict=True):
        (found,) = ours[target.name].values()
        if not np.isnan(found[~accepted]).all():
            raise NotExact(f"its output {tensor.name!r} has a value where an input is missing")
        given, wanted = found[accepted], asked[tensor.name].astype(np.float64)
        open_: Any = np.isnan(given).all(axis=1)  # too large for sums in another order
        same_gaps = np.isnan(given) == np.isnan(wanted)
        if not (same_gaps | open_[:, None]).all() or open_.mean() > 0.5:
            raise NotExact(f"its output {tensor.name!r} is missing for other rows in blocks")
        if not _close(given[~open_], wanted[~open_], exact=bool(tensor.scale)):
            raise NotExact(f"its output {tensor.name!r} differs in blocks")


def _asked(graph: Graph, rows: list[Any]) -> dict[str, Any]:
    """LiteRT's outputs. Raises: ModelFileError where it takes few rows but not as many."""
    try:
        ask = graph.rows(rows)
        return {tensor.name: ask(tensor.name)[0] for tensor in graph.outputs}
    except ValueError as error:
        raise ModelFileError(f"cannot load the {NAME}: LiteRT does not run {len(rows[0])} rows ({error})") from error


def _close(given: Any, wanted: Any, exact: bool) -> bool:
    if exact:
        return bool(np.array_equal(given, wanted, equal_nan=True))
    with np.errstate(all="ignore"):
        size = np.nanmax(np.where(np.isfinite(wanted), np.abs(wanted), 0.0), axis=1, initial=0.0)
        near = np.abs(given - wanted) <= 1e-3 * size[:, None] + 1e-6
    return bool((near | (given == wanted) | (np.isnan(given) & np.isnan(wanted))).all())


def _by_column(inputs: Sequence[Tensor]) -> list[Tensor]:
    return [tensor for tensor in inputs for _ in range(tensor.width or 0)]


def _rows(inputs: Sequence[Tensor], columns: Sequence[Column]) -> dict[str, Any]:
    """Random rows: over the whole range of a quantised input, of several sizes for others, unusual numbers in some."""
    random = np.random.default_rng(0)
    found = {}
    for number, (tensor, column) in enumerate(zip(_by_column(inputs), columns, strict=True)):
        values = random.normal(size=N_COMPARED) * 10.0 ** random.integers(-2, 3, N_COMPARED)
        if tensor.scale:
            values = (random.integers(-300, 300, N_COMPARED) / 2.0 - tensor.zero) * tensor.scale
        places = (np.arange(len(UNUSUAL)) * 7 + number * 3) % (N_COMPARED // 4)
        values[places] = UNUSUAL
        found[column.name] = values.reshape(-1, 1)
    return found
