"""The rows that a PMML file brings: checked when it is read, kept with the model, and among the rows of a proof."""

from __future__ import annotations

from pathlib import Path

import pytest

import indb
from indb import codec
from indb.engines.deployment import BoundColumn
from indb.errors import UnsupportedModel
from indb.golden import awkward_rows
from indb.ir import Type

DATA = Path(__file__).parent / "data" / "pmml"

ROWS = """<ModelVerification recordCount="2" fieldCount="5">
      <VerificationFields>
        <VerificationField field="age"/><VerificationField field="city" column="town"/><VerificationField field="kids"/>
        <VerificationField field="class"/><VerificationField field="p" precision="1E-9" zeroThreshold="1E-12"/>
      </VerificationFields>
      <InlineTable>
        <row><age>20</age><town>Bern</town><kids>1</kids><class>yes</class><p>0.785115855522851</p></row>
        <row><town>?</town><kids>2</kids><class>{}</class></row>
      </InlineTable>
    </ModelVerification>
  </RegressionModel>"""


def verified(tmp_path: Path, label: str, probability: str = "0.785115855522851") -> Path:
    text = (DATA / "regression_fields.pmml").read_text()
    rows = ROWS.format(label).replace("0.785115855522851", probability)
    path = tmp_path / "verified.pmml"
    path.write_text(text.replace("</RegressionModel>", rows))
    return path


def test_rows_that_agree_stay_with_the_model_and_its_file(tmp_path: Path) -> None:
    model = indb.read(verified(tmp_path, "yes"))
    assert [row["city"] for row in model.examples] == ["Bern", "?"]
    assert model.examples[0] == {"age": 20.0, "city": "Bern", "kids": 1.0}
    model.save(tmp_path / "model.indb")
    assert str(indb.load(tmp_path / "model.indb").examples) == str(model.examples)
    plain = indb.read(DATA / "regression_fields.pmml")
    assert b'"examples"' not in codec.encode(plain)


def test_they_are_among_the_rows_of_a_proof(tmp_path: Path) -> None:
    model = indb.read(verified(tmp_path, "yes"))
    kinds = {Type.TEXT: ("text", "text"), Type.NUMBER: ("double precision", "float64")}
    rows = awkward_rows(model, [BoundColumn(each.name, each.name, *kinds[each.kind]) for each in model.columns], 40)
    assert {"age": 20.0, "city": "Bern", "kids": 1.0} in rows[:3]


@pytest.mark.parametrize(
    ("label", "probability", "why"),
    [
        ("no", "0.785115855522851", "record 2 says that 'class' is 'no', indb computes 'yes'"),
        ("yes", "0.7851158", "record 1 says that 'p' is '0.7851158', indb computes 0.78511585"),
    ],
)
def test_a_row_that_differs_is_named(tmp_path: Path, label: str, probability: str, why: str) -> None:
    with pytest.raises(UnsupportedModel, match=why):
        indb.read(verified(tmp_path, label, probability))
