"""docs/onnx.md lists every operator of ai.onnx.ml that is read, with the versions that the onnx package knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

onnx = pytest.importorskip("onnx")

from onnx import defs  # noqa: E402

from indb.readers import onnx as reader  # noqa: E402, F401  registers the operators
from indb.readers.onnx.operators import ML, OPERATORS  # noqa: E402

PAGE = Path(__file__).resolve().parents[1] / "docs" / "onnx.md"


def test_the_table_has_every_operator_and_its_versions() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert [name for name, _ in rows] == sorted((name for domain, name in OPERATORS if domain == ML), key=str.lower)
    for name, versions in rows:
        known = sorted(
            schema.since_version
            for schema in defs.get_all_schemas_with_history()
            if (schema.domain, schema.name) == (ML, name) and not schema.deprecated
        )
        first, last = known[0], known[-1]
        assert versions == (str(first) if first == last else f"{first} to {last}"), name
