"""A graph of tensors as a foreign model: columns for its inputs, a target for each output.

These formats have no labels: an output of one number for a row is `predict`, one of several is `transform`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from indb.errors import ModelFileError, UnsupportedModel
from indb.ir import Column, Foreign, Model, Target, Type, model_of
from indb.readers.base import File
from indb.readers.tried import TRIED
from indb.runtime.refusals import example_row
from indb.runtime.tensors import Graph, Tensor

MAX_COLUMNS = 1_600
"""As many as a table of PostgreSQL has."""


def foreign_model(
    graph: Graph, file: File, columns: Sequence[str] | None, form: str, source: dict[str, str], payload: bytes = b""
) -> Model:
    """The model of a loaded graph. payload: what is stored of the file in its format, else all of it.

    columns: the table's names for the columns that the graph takes, in order; by default the names of inputs that take
    one column each, else x0, x1, ….

    Raises: UnsupportedModel when no table has such inputs, a row's outputs depend on the rows beside it, or the graph
    accepts none of the rows that are tried.
    """
    what = f"cannot read {file.name}"
    found = columns_of(graph.inputs, columns, what)
    block = Foreign(found, form, np.frombuffer(payload or file.data, dtype=np.uint8), source["class"], "", 1)
    results = None
    for number in TRIED:
        block = replace(block, example=(number,) * len(found))
        try:
            results = _results(graph, block)
            break
        except ValueError as error:
            problem = error
    if results is None:
        raise UnsupportedModel(f"{what}: it accepts none of the rows that were tried ({problem})")
    _check_company(graph, block, what)
    return model_of(found, _targets(block, results), source)


def columns_of(inputs: Sequence[Tensor], given: Sequence[str] | None, what: str) -> tuple[Column, ...]:
    """The columns of a table for the inputs of a graph.

    Raises: UnsupportedModel when their number is not known, 0, or more than a table has, or names do not fit.
    """
    names: list[str] = []
    kinds: list[Type] = []
    for tensor in inputs:
        width = tensor.width
        if width is None:
            if len(inputs) > 1 or given is None or len(tensor.shape) != 1:
                raise UnsupportedModel(
                    f"{what}: its input {tensor.name!r} does not say how many columns it takes",
                    "Give the names with columns=[…].",
                )
            width = len(given)
        if not 0 < width <= MAX_COLUMNS - len(names):
            raise UnsupportedModel(
                f"{what}: its input {tensor.name!r} takes {width:,} columns, needed 1 to {MAX_COLUMNS:,} in all"
            )
        numbered = [f"x{number}" if len(inputs) == 1 else f"{tensor.name}_{number}" for number in range(width)]
        names += [tensor.name] if width == 1 else numbered
        kinds += [Type.TEXT if tensor.kind == "text" else Type.NUMBER] * width
    if given is not None and len(given) != len(names):
        raise UnsupportedModel(f"{what}: columns= holds {len(given)} names, it takes {len(names)} columns")
    chosen = [str(name) for name in given or names]
    repeated = [name for name, count in Counter(chosen).items() if count > 1]
    if repeated:
        raise UnsupportedModel(
            f"{what}: {repeated[0]!r} names more than one column", "Give the names with columns=[…]."
        )
    if not chosen:
        raise UnsupportedModel(f"{what}: it has no inputs, needed columns to score")
    return tuple(map(Column, chosen, kinds))


def _results(graph: Graph, block: Foreign) -> dict[str, Any]:
    """Each output of the example row."""
    names = [tensor.name for tensor in graph.outputs]
    if len(set(names)) != len(names):
        raise ModelFileError(f"cannot read the graph: its outputs are called {names}, needed different names")
    ask = graph.rows(example_row(block.example, block.inputs))
    return {name: ask(name)[0] for name in names}


def _check_company(graph: Graph, block: Foreign, what: str) -> None:
    """Refuse a graph that computes rows together. Raises: UnsupportedModel."""
    first = float(block.example[0])  # the same in all columns
    rows = [tuple(first + shift * (1 + lane % 3) for lane in range(len(block.inputs))) for shift in (0.0, 1.0, 2.0)]
    asks = []
    try:
        asks = [graph.rows(example_row(row, block.inputs)) for row in rows]
        together = graph.rows([np.array([[row[lane]] for row in rows]) for lane in range(len(block.inputs))])
        for tensor in graph.outputs:
            whole = together(tensor.name)[0]
            alone = np.concatenate([ask(tensor.name)[0] for ask in asks])
            if whole.shape != alone.shape or not np.allclose(whole, alone, 1e-4, 1e-6, equal_nan=True):
                raise UnsupportedModel(
                    f"{what}: its output {tensor.name!r} of a row depends on the rows beside it, needed the same for "
                    "the same row"
                )
    except ValueError:  # rows that it does not take
        return


def _targets(block: Foreign, results: dict[str, Any]) -> tuple[Target, ...]:
    found = []
    for name, values in results.items():
        output = "predict" if values.shape[1] == 1 else "transform"
        lanes = replace(block, method=name, lanes=values.shape[1])
        found.append(Target("" if len(results) == 1 else name, {output: lanes}))
    return tuple(found)
