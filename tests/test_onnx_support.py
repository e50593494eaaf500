"""docs/onnx.md lists every operator of ai.onnx.ml that is read, with the versions that the onnx package knows.

What it says of the node tests is what they measure: INDB_UPDATE_DOCS=1 writes it anew.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx_support
from onnx import defs

from indb.readers import onnx as reader  # noqa: F401  registers the operators
from indb.readers.onnx.operators import ML, OPERATORS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "onnx.md"


def test_the_table_has_every_operator_and_its_versions() -> None:
    written = PAGE.read_text("utf-8").partition("<!-- support:start -->")[0]
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \|", written, re.MULTILINE)
    assert [name for name, _ in rows] == sorted((name for domain, name in OPERATORS if domain == ML), key=str.lower)
    for name, versions in rows:
        known = sorted(
            schema.since_version
            for schema in defs.get_all_schemas_with_history()
            if (schema.domain, schema.name) == (ML, name) and not schema.deprecated
        )
        first, last = known[0], known[-1]
        assert versions == (str(first) if first == last else f"{first} to {last}"), name


@pytest.mark.slow
def test_the_page_says_what_the_node_tests_measure() -> None:
    start, end = (f"<!-- support:{side} -->\n" for side in ("start", "end"))
    before, _, rest = PAGE.read_text("utf-8").partition(start)
    said, _, after = rest.partition(end)
    found = onnx_support.page() + "\n"
    if said != found and os.environ.get("INDB_UPDATE_DOCS"):
        PAGE.write_text(before + start + found + end + after, encoding="utf-8")
    else:
        assert said == found, "docs/onnx.md is stale: run INDB_UPDATE_DOCS=1 pytest tests/test_onnx_support.py"
