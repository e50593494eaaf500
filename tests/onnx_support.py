"""The node tests of the onnx package against blocks: which agree, which are left and why; the table of docs/onnx.md."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import onnx_nodes
import onnx_rows
import pytest
from onnx_nodes import NodeTest, by_name

from indb.errors import ModelFileError, UnsupportedModel
from indb.ir import Model
from indb.readers.base import File
from indb.readers.onnx import blocks, files
from indb.readers.onnx.operators import ML, OPERATORS

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


def reason(test: NodeTest) -> str:
    """Why a test is left to ONNX Runtime, else ""."""
    return next((reason for reason, names, _ in LEFT if re.search(names, test.name)), "")


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


@cache
def batches() -> int:
    """How many tests agree as a batch of rows too."""
    found = 0
    for test in (test for tests in read_tests().values() for test in tests):
        opened = None if read(test) is None else onnx_nodes.batched(test)
        try:
            model = None if opened is None else model_of(opened)
        except (UnsupportedModel, ModelFileError):  # it has the number of rows in it, or does not work row by row
            continue
        if model is not None:
            n_rows = len(next(iter(test.feed.values())))
            results = onnx_rows.evaluated(model, onnx_rows.columns_of(model, rows_for(test, n_rows)))
            compare(test, model, results, wanted_of(test, n_rows), "batch")
            found += 1
    return found


@cache
def agreed() -> Counter[str]:
    """Operator -> how many of its tests agree; every other one is refused as listed."""
    found: Counter[str] = Counter()
    for operator, tests in read_tests().items():
        for test in tests:
            model = read(test)
            if model is not None:
                results = onnx_rows.evaluated(model, onnx_rows.columns_of(model, rows_for(test, 1)))
                compare(test, model, results, wanted_of(test, 1), "row")
                found[operator] += 1
    return found


def page() -> str:
    """The tables in Markdown."""
    lines = ["| operator | node tests that agree | left to ONNX Runtime, because |", "|---|---|---|"]
    known = {name for domain, name in OPERATORS if domain in ("", ML)}
    for operator in sorted(known, key=str.lower):
        reasons = Counter(reason(test) for test in read_tests().get(operator, ()))
        del reasons[""]
        left_out = ", ".join(f"{text} ({count})" for text, count in reasons.items())
        cells = (f"`{operator}`", str(agreed().get(operator, "")), left_out)
        lines.append("|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|")
    lines += ["", "Operators of the node tests that blocks do not have, because of", ""]
    for text, names in NO_BLOCKS.items():
        listed = f"* {text}: {', '.join(names.split())}"
        lines += textwrap.wrap(listed, 130, subsequent_indent="  ", break_long_words=False)
    return "\n".join(lines)
