"""Files of regressions, trees, ensembles, scorecards and rules, compared with JPMML row by row.

Two converters wrote some of models of three libraries; the others are written by hand after the specification, for what
no converter writes.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from pmml_agreement import File, differences
from pmml_oracle import Oracles

pytestmark = pytest.mark.slow  # Java starts

DATA = Path(__file__).parent / "data" / "pmml"
KINDS = ("RegressionModel", "GeneralRegressionModel", "TreeModel", "MiningModel", "Scorecard", "RuleSetModel")
OTHERS = (
    *("rules_weighted_max", "nyoka-isolation", "functions_median", "functions_normal", "select_all_outputs"),
    *("tree_weighted_last", "tree_weighted_null", "tree_aggregate_last", "tree_aggregate_null"),
)
"""What JPMML has another opinion of, or none."""


def kind_of(path: Path) -> str:
    """The name of the outermost model element of a file."""
    found = re.search(r"<(\w+)[^>]* functionName=", path.read_text(encoding="utf-8"))
    return found[1] if found else ""


PATHS = [path for path in sorted(DATA.glob("*.pmml")) if kind_of(path) in KINDS and path.stem not in OTHERS]


@pytest.mark.parametrize("path", PATHS, ids=[path.stem for path in PATHS])
def test_every_row_is_as_jpmml_scores_it(path: Path, pmml_oracles: Oracles) -> None:
    file = File.read(path)
    rows = file.rows()
    assert differences(file, rows, pmml_oracles) == []


def test_rules_that_weigh_most_are_as_pmml4s_and_the_specification_have_them(pmml_oracles: Oracles) -> None:
    """JPMML takes the rule of the highest confidence among the heaviest of each score."""
    file = File.read(DATA / "rules_weighted_max.pmml")
    rows = [row for row in file.rows(60) if all(value is not None and value != math.inf for value in row.values())]
    theirs = pmml_oracles.pmml4s(file.path, rows).column("label")
    found = file.found(rows)["label"]
    wrong = [pair for pair in zip(found, theirs, strict=True) if None not in pair and pair[0] != pair[1]]
    assert wrong == []
    assert len(set(found)) > 3


def test_the_confidences_of_named_categories_are_those_of_jpmml_where_rules_weigh_most(pmml_oracles: Oracles) -> None:
    file = File.read(DATA / "rules_weighted_max.pmml")
    wrong = [each for each in differences(file, file.rows(), pmml_oracles) if each.startswith("sure_")]
    assert wrong == []
