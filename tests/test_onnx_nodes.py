"""The node tests of the onnx package: every operator that blocks have gives what its tests say, also in SQL.

A tensor of fixed shape is one row, a column for each element; where all tensors share their first axis it is also
opened, so that the same numbers are rows of a batch. What blocks cannot say is listed by reason, and must be refused.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx_nodes
import onnx_rows
from onnx_nodes import NodeTest, by_name

from indb import build
from indb.errors import ModelFileError, UnsupportedModel
from indb.ir import Model
from indb.readers.base import File
from indb.readers.onnx import blocks, files
from indb.readers.onnx.operators import OPERATORS

NO_BLOCKS: dict[str, str] = {
    "other shapes (images, sequences of steps)": """AffineGrid Attention AveragePool BlackmanWindow CausalConvWithState
        CenterCropPad Col2Im Conv ConvInteger ConvTranspose DFT DeformConv DepthToSpace Det GRU GlobalAveragePool
        GlobalMaxPool GridSample HammingWindow HannWindow ImageDecoder LRN LSTM LinearAttention LpPool MaxPool MaxUnpool
        MelWeightMatrix NonMaxSuppression QLinearConv RNN Resize ReverseSequence RoiAlign RotaryEmbedding STFT
        SpaceToDepth TensorScatter Upsample ai.onnx.preview.FlexAttention""",
    "elements written to places": "Scatter ScatterElements ScatterND",
    "products over any axes": "Einsum",
    "a loop whose number of steps the row decides": "Loop",
    "bits of integers": "BitCast BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor",
    "quantised integers": "DequantizeLinear DynamicQuantizeLinear MatMulInteger QLinearMatMul QuantizeLinear",
    "sequences and optional values": """Optional OptionalGetElement OptionalHasElement SequenceConstruct SequenceInsert
        SequenceMap SplitToSequence""",
    "any text": "RegexFullMatch StringConcat StringSplit TfIdfVectorizer",
    "a result whose size the row decides": "Unique",
    "random numbers": "Bernoulli",
    "training": """NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss ai.onnx.preview.training.Adagrad
        ai.onnx.preview.training.Adam ai.onnx.preview.training.Momentum""",
}
"""Why blocks do not have operators that the package tests -> their names."""

EMPTY = "takes 0 columns|gives no elements|constant of 0 elements"
LEFT: list[tuple[str, str, str]] = [
    ("float16", r"FLOAT16|float16", "float16|elements of the type"),
    ("types that numpy does not have", r"FLOAT8|FLOAT4|BFLOAT16|bfloat16|INT4|INT2", "elements of the type|float16"),
    ("tensors without elements", r"empty_set|zero_size|zero_reordered|allowzero_reordered|start_out_of_bounds|"
     r"start_greater_than_end|tri[lu]_zero", EMPTY),
    ("training", r"training", "training mode"),
    ("no inputs", r"^test_constant$", "takes no inputs"),
    ("sizes that the row decides", r"^test_(constantofshape|nonzero)", "computed from the row"),
    ("any text", r"^test_strnormalizer", "computed from the row"),
    ("sequences and optional values", r"^test_identity_(sequence|opt)", "no tensor"),
    ("Scan of version 8, with a batch of its own", r"^test_scan_sum$", "before version 9|before 9"),
    ("as many elements as the row says", r"^test_range_", "computed from the row"),
]  # fmt: skip
"""(reason, names of tests, what the refusal says) for tests of operators that blocks have."""

LANES = 5
"""How many elements of an output are computed in SQL; all of them are compared with `evaluate`."""


@cache
def read_tests() -> dict[str, list[NodeTest]]:
    """Operator -> the tests of which blocks have every operator, those of functions that are written out as well."""
    known = {f"{domain}.{name}".lstrip(".") for domain, name in OPERATORS}
    found: dict[str, list[NodeTest]] = {}
    for test in by_name().values():
        base = by_name().get(test.name.partition("_expanded")[0], test)
        if base.operators | test.operators <= known:
            found.setdefault(base.proto.graph.node[-1].op_type, []).append(test)
    return found


def left(test: NodeTest) -> str:
    """What the refusal of a test that is listed says, else ""."""
    return next((message for _, names, message in LEFT if re.search(names, test.name)), "")


def model_of(proto: Any) -> Model:
    """The blocks of a model. Raises: UnsupportedModel."""
    file = File("test.onnx", proto.SerializeToString(), Path())
    return blocks.read(file, files.load(file), None)


def read(test: NodeTest) -> Model | None:
    """The blocks of a test; None where it is listed, and refused as it must be.

    Raises: UnsupportedModel for one that is refused and not listed.
    """
    if any(array is None for array in (*test.inputs.values(), *test.outputs.values())):
        assert left(test) == "no tensor", f"{test.name} holds something else than tensors, and is not listed"
        return None
    refusal = left(test)
    if not refusal:
        return model_of(test.model)
    with pytest.raises(UnsupportedModel, match=refusal):
        model_of(test.model)
    return None


def compare(test: NodeTest, model: Model, found: onnx_rows.Results, wanted: dict[str, Any], how: str) -> None:
    named = onnx_rows.by_output(model, found, wanted)
    for output, values in wanted.items():
        rows = onnx_rows.rows_of(values, len(values))
        onnx_rows.assert_alike(named[output], rows, f"{test.name} {how}: {output}")


def rows_for(test: NodeTest, n_rows: int) -> dict[str, Any]:
    return {name: array.reshape(n_rows, -1) for name, array in test.feed.items()}


def wanted_of(test: NodeTest, n_rows: int) -> dict[str, Any]:
    return {name: array.reshape(n_rows, -1) for name, array in test.outputs.items()}


def test_every_operator_is_read_or_listed_by_reason() -> None:
    tested = {name for test in by_name().values() if "_expanded" not in test.name for name in test.operators}
    known = {f"{domain}.{name}".lstrip(".") for domain, name in OPERATORS}
    listed = [name for names in NO_BLOCKS.values() for name in names.split()]
    assert len(set(listed)) == len(listed)
    assert tested - known == set(listed)


def test_blocks_give_what_the_node_tests_say() -> None:
    """One row, and where it can be, a batch of rows."""
    agreed = batches = 0
    for test in (test for tests in read_tests().values() for test in tests):
        model = read(test)
        if model is None:
            continue
        feed = rows_for(test, 1)
        compare(test, model, onnx_rows.evaluated(model, onnx_rows.columns_of(model, feed)), wanted_of(test, 1), "row")
        agreed += 1
        opened = onnx_nodes.batched(test)
        try:
            model = None if opened is None else model_of(opened)
        except (UnsupportedModel, ModelFileError):  # it has the number of rows in it, or does not work row by row
            continue
        if model is not None:
            n_rows = len(next(iter(test.feed.values())))
            found = onnx_rows.evaluated(model, onnx_rows.columns_of(model, rows_for(test, n_rows)))
            compare(test, model, found, wanted_of(test, n_rows), "batch")
            batches += 1
    assert agreed > 800
    assert batches > 500


def trimmed(model: Model, wanted: dict[str, Any]) -> tuple[Model, dict[str, Any]]:
    """The model with at most LANES lanes of each output, and what these must give."""

    def chosen(width: int) -> list[int]:
        return sorted(set(np.linspace(0, width - 1, LANES).astype(int).tolist()))

    targets = tuple(
        replace(
            target,
            outputs={
                name: build.concat([build.lane(block, lane) for lane in chosen(block.width)])
                for name, block in target.outputs.items()
            },
        )
        for target in model.targets
    )
    return replace(model, targets=targets), {name: each[:, chosen(each.shape[1])] for name, each in wanted.items()}


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
@pytest.mark.parametrize("operator", sorted(read_tests()))
def test_sql_gives_what_the_node_tests_say(request: pytest.FixtureRequest, dialect: str, operator: str) -> None:
    connection = request.getfixturevalue(f"{dialect}_connection")
    for test in read_tests()[operator]:
        model = read(test)
        if model is None:
            continue
        model, wanted = trimmed(model, wanted_of(test, 1))
        columns = onnx_rows.columns_of(model, rows_for(test, 1))
        found = onnx_rows.in_sql(connection.execute, dialect, model, columns)
        compare(test, model, found, wanted, dialect)
