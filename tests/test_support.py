"""docs/support.md lists every class, and says of each what the tests measure. INDB_UPDATE_DOCS=1 writes it anew."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest
import support
import walk
from support import Row

from indb.readers.base import READERS

ROOT = Path(__file__).resolve().parents[1]
COMMAND = "INDB_UPDATE_DOCS=1 pytest tests/test_support.py"

pytestmark = pytest.mark.slow


@cache
def tables() -> dict[str, list[Row]]:
    return support.tables()


@pytest.mark.parametrize(
    ("path", "text"), [("docs/support.md", support.page), ("README.md", support.summary)], ids=["page", "readme"]
)
def test_it_says_what_is_measured(path, text):
    file, (start, end) = ROOT / path, (f"<!-- support:{side} -->\n" for side in ("start", "end"))
    before, _, rest = file.read_text("utf-8").partition(start)
    said, _, after = rest.partition(end)
    found = text(tables()) + "\n"
    if said != found and os.environ.get("INDB_UPDATE_DOCS"):
        file.write_text(before + start + found + end + after, encoding="utf-8")
    else:
        assert said == found, f"{path} is stale: run {COMMAND}, and read the difference"


def test_no_class_is_missing():
    named = {(package, row.name) for package, rows in tables().items() for row in rows}
    readers = {key for key in READERS if key[0] != "statsmodels"}  # which is listed by its models
    assert {("sklearn", name) for name in walk.CLASSES} | readers <= named


def test_what_is_read_as_blocks_has_a_case_in_the_zoo():
    rows = {row.name: row for row in tables()["sklearn"]}
    for name in walk.CLASSES:
        assert rows[name].is_sql or not walk.walked(name).blocks, f"add a case of {name} to the zoo"
    for package, rows_of_package in tables().items():
        for row in rows_of_package:
            has_reader = package != "sklearn" and (package, row.name) in READERS
            assert row.is_sql or row.udf != "no" or not has_reader, f"add a case of {row.name} to the zoo"
    unseen = [row.name for each in tables().values() for row in each if not row.is_sql and row.udf == "numpy"]
    assert not unseen
