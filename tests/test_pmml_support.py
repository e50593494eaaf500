"""docs/pmml.md says of each element and attribute what the tests measure. INDB_UPDATE_DOCS=1 writes it anew."""

from __future__ import annotations

import os
from pathlib import Path

import pmml_support
import pytest

from indb.readers.pmml import functions

PAGE = Path(__file__).resolve().parents[1] / "docs" / "pmml.md"

pytestmark = pytest.mark.slow


def test_the_page_says_what_is_measured() -> None:
    start, end = (f"<!-- support:{side} -->\n" for side in ("start", "end"))
    before, _, rest = PAGE.read_text("utf-8").partition(start)
    said, _, after = rest.partition(end)
    found = pmml_support.page() + "\n"
    if said != found and os.environ.get("INDB_UPDATE_DOCS"):
        PAGE.write_text(before + start + found + end + after, encoding="utf-8")
    else:
        assert said == found, "docs/pmml.md is stale: run INDB_UPDATE_DOCS=1 pytest tests/test_pmml_support.py"


def test_every_function_that_is_read_is_one_of_the_specification() -> None:
    assert set(functions.FUNCTIONS) <= set(pmml_support.BUILT_IN)
