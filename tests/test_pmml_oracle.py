"""The two programs that PMML files are compared with: what they give for a missing, an invalid and a usual row."""

from __future__ import annotations

from pathlib import Path

import pytest
from pmml_oracle import Oracles, Refused

pytestmark = pytest.mark.slow  # Java starts

FIXTURES = Path(__file__).parent / "data" / "pmml"
CUSTOMER = {"age": 30.0, "income": 20.5, "visits": 3.0, "city": "Paris", "plan": "pro"}


def test_both_programs_score_all_rows_at_once(pmml_oracles: Oracles) -> None:
    path = FIXTURES / "sklearn2pmml-logistic.pmml"
    rows = [CUSTOMER, {**CUSTOMER, "income": None}, {**CUSTOMER, "plan": "gold"}, {**CUSTOMER, "age": float("inf")}]
    jpmml, pmml4s = pmml_oracles.jpmml(path, rows), pmml_oracles.pmml4s(path, rows)
    assert jpmml.column("churn") == pmml4s.column("predicted_churn")
    assert jpmml.column("churn")[2:] == [None, None] != jpmml.column("churn")[:2]
    chances = [scored.column("probability(yes)")[:2] for scored in (jpmml, pmml4s)]
    assert chances[0] == pytest.approx(chances[1], rel=1e-12)
    assert jpmml.errors[:2] == [None, None]
    assert 'Field "plan" cannot accept invalid value "gold"' in (jpmml.errors[2] or "")
    assert pmml4s.errors == [None, None, None, "not a number of JSON"]


def test_fields_are_those_of_the_file(pmml_oracles: Oracles) -> None:
    fields = pmml_oracles.jpmml_fields(FIXTURES / "sklearn2pmml-logistic.pmml")
    assert sorted(name for name, _ in fields["input"]) == sorted(CUSTOMER)
    assert fields["target"] == [("churn", "string")]
    assert fields["output"] == [("probability(no)", "double"), ("probability(yes)", "double")]


def test_a_file_that_they_do_not_take_is_refused(pmml_oracles: Oracles, tmp_path: Path) -> None:
    path = tmp_path / "other.pmml"
    path.write_text("<PMML xmlns='http://www.dmg.org/PMML-4_4' version='4.4'><Header/><DataDictionary/>")
    with pytest.raises(Refused):
        pmml_oracles.jpmml(path, [CUSTOMER])
    with pytest.raises(Refused):
        pmml_oracles.pmml4s(path, [CUSTOMER])
