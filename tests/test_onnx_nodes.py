"""The node tests of the onnx package: every operator that blocks have gives what its tests say, also in SQL.

A tensor of fixed shape is one row, a column for each element; where all tensors share their first axis it is also
opened, so that the same numbers are rows of a batch. What blocks cannot say is listed by reason, and must be refused.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx_rows
from onnx_nodes import NodeTest, by_name
from onnx_support import NO_BLOCKS, agreed, batches, compare, read, read_tests, rows_for, wanted_of

from indb import build
from indb.codec import digest
from indb.ir import Apply, Block, Column, Model, Op, walk
from indb.readers.onnx.operators import OPERATORS

LANES = 3
"""How many elements of an output are computed in SQL; all of them are compared with `evaluate`."""


def test_every_operator_is_read_or_listed_by_reason() -> None:
    tested = {name for test in by_name().values() if "_expanded" not in test.name for name in test.operators}
    known = {f"{domain}.{name}".lstrip(".") for domain, name in OPERATORS}
    listed = [name for names in NO_BLOCKS.values() for name in names.split()]
    assert len(set(listed)) == len(listed)
    assert tested - known == set(listed)


def test_blocks_give_what_the_node_tests_say() -> None:
    """One row, and where it can be, a batch of rows."""
    assert agreed().total() > 800
    assert batches() > 500


def trimmed(model: Model, wanted: dict[str, Any]) -> tuple[Model, dict[str, Any]]:
    """The model with at most LANES lanes of each output and the columns that they read, and what these must give."""
    targets = tuple(
        replace(target, outputs={name: some_lanes(block) for name, block in target.outputs.items()})
        for target in model.targets
    )
    found = Model(model.columns, targets, {})
    used = {block.name for block in walk(found.roots()) if isinstance(block, Column)}
    found = replace(
        found, columns=tuple(column for column in model.columns if column.name in used) or model.columns[:1]
    )
    return found, {name: each[:, chosen(each.shape[1])] for name, each in wanted.items()}


def chosen(width: int) -> list[int]:
    return sorted(set(np.linspace(0, width - 1, LANES).astype(int).tolist()))


def some_lanes(block: Block) -> Block:
    """The chosen lanes of a block; what a row must fulfil stays around them, as readers write it."""
    match block:
        case Apply(Op.WHERE, (condition, then, other)) if condition.width == other.width == 1:
            return build.where(condition, some_lanes(then), other)
    memo: dict[tuple[int, int], Block] = {}
    return build.concat([build.lane(block, lane, memo) for lane in chosen(block.width)])


def sql_groups(dialect: str) -> list[tuple[list[NodeTest], Model, dict[str, Any], dict[str, Any]]]:
    """(tests, their model, columns, what it must give): tests of the same blocks are rows of one table."""
    groups: dict[Any, tuple[list[NodeTest], Model, list[Any], list[Any]]] = {}
    for test in (test for tests in read_tests().values() for test in tests):
        model = read(test)
        if model is None:
            continue
        values = onnx_rows.columns_of(model, rows_for(test, 1))
        model, wanted = trimmed(model, wanted_of(test, 1))
        tests, _, columns, results = groups.setdefault((digest(model), *wanted), ([], model, [], []))
        tests.append(test)
        columns.append({column.name: values[column.name] for column in model.columns})
        results.append(wanted)
    return [(tests, model, joined(columns), joined(results)) for tests, model, columns, results in groups.values()]


def joined(tables: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_sql_gives_what_the_node_tests_say(request: pytest.FixtureRequest, dialect: str) -> None:
    """Every test that blocks have, a few elements of each output; all elements are compared with `evaluate` above."""
    connection = request.getfixturevalue(f"{dialect}_connection")
    if dialect == "postgres":
        connection.execute("SET jit = off")  # compiling costs more than one row of it
    operators = {test.name: operator for operator, tests in read_tests().items() for test in tests}
    n_agreed: Counter[str] = Counter()
    wrong = []
    for tests, model, columns, wanted in sql_groups(dialect):
        found = onnx_rows.in_sql(connection.execute, dialect, model, columns)
        try:
            compare(tests[0], model, found, wanted, dialect)
            n_agreed.update(operators[test.name] for test in tests)
        except AssertionError as error:
            wrong.append(str(error))
    assert not wrong, "\n".join(wrong)
    assert set(n_agreed) == set(agreed()), "each operator that blocks have"
    assert n_agreed.total() > 800
