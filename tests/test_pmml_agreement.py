"""Files that two converters wrote of models of three libraries, compared with JPMML row by row."""

from __future__ import annotations

from pathlib import Path

import pytest
from pmml_agreement import File, differences
from pmml_oracle import Oracles

pytestmark = pytest.mark.slow  # Java starts

DATA = Path(__file__).parent / "data" / "pmml"
KINDS = ("RegressionModel", "GeneralRegressionModel", "TreeModel", "MiningModel", "Scorecard", "RuleSetModel")
PATHS = [path for path in sorted(DATA.glob("*.pmml")) if any(f"<{kind} " in path.read_text() for kind in KINDS)]


@pytest.mark.parametrize("path", PATHS, ids=[path.stem for path in PATHS])
def test_every_row_is_as_jpmml_scores_it(path: Path, pmml_oracles: Oracles) -> None:
    file = File.read(path)
    rows = file.rows(100)
    assert len(rows) > 20
    assert differences(file, rows, pmml_oracles) == []
