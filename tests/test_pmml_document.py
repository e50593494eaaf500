"""PMML files as XML: what is refused before any model is looked at, and by which name and line."""

from pathlib import Path

import pytest

import indb
from indb.errors import ModelFileError, UnsupportedModel
from indb.evaluate import decode, evaluate

DATA = Path(__file__).parent / "data" / "pmml"


def written(tmp_path, text, name="model.pmml"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_regression_scores_rows_with_missing_and_invalid_values():
    model = indb.read(DATA / "regression_fields.pmml")
    rows = {"age": [20.0, None, 130.0, 50.0], "city": ["Bern", "x", "Rom", "?"], "kids": [1.0, 2.0, 3.0, 9.0]}
    found = evaluate(model, rows)
    assert decode(model.targets[0].labels, found[""]["predict"]) == ["yes", "yes", None, "yes"]
    assert found["p"]["predict"][0, 0] == pytest.approx(0.785115855522851, rel=1e-12)
    assert decode(model.targets[2].labels, found["verdict"]["predict"]) == ["good", "good", None, "good"]


def test_columns_name_the_active_fields_in_order():
    model = indb.read(DATA / "regression_fields.pmml", columns=["a", "b", "c"])
    assert [column.name for column in model.columns] == ["a", "b", "c"]
    with pytest.raises(UnsupportedModel, match="columns= holds 1 names, it has 3 fields"):
        indb.read(DATA / "regression_fields.pmml", columns=["a"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><PMML>&b;</PMML>", "document type"),
        ("<!DOCTYPE PMML SYSTEM 'file:///etc/passwd'><PMML/>", "document type"),
        ("<PMML", "it is no XML"),
        ("", "it is no XML"),
        (b"<?xml version='1.0' encoding='nonsense'?><PMML/>", "it is no XML"),
        ("<PMML>" + "<a>" * 100 + "</a>" * 100 + "</PMML>", "nest deeper"),
        ("<PMML>" + "<Node>" * 4000 + "</Node>" * 4000 + "</PMML>", "nest deeper"),
        ("<other/>", "its root is <other>"),
        ("<PMML/>", "it has no attribute version"),
    ],
)
def test_what_is_no_pmml_is_refused(tmp_path, text, why):
    with pytest.raises(ModelFileError, match=why):
        indb.read(written(tmp_path, text))


def test_an_xml_file_is_read_when_its_root_is_pmml(tmp_path):
    text = (DATA / "regression_fields.pmml").read_text()
    assert indb.read(written(tmp_path, text, "model.xml")).source["class"] == "RegressionModel"


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('version="4.4">', 'version="9.9">', r"<PMML> in line 2: version='9.9' is not read"),
        ('exponent="2"', 'exponent="2" weight="3"', r"<NumericPredictor> in line \d+: its attribute weight='3'"),
        ("<Output>", "<Fancy/><Output>", r"<Fancy> in line \d+: it is not read inside of <RegressionModel>"),
        ('function="ln"', 'function="guess"', r"<Apply> in line \d+: the function 'guess' is not read"),
        ('<FieldRef field="age"/></Apply></Apply>', '<FieldRef field="aged"/></Apply></Apply>', "defined by itself"),
        ('coefficient="0.1"', 'coefficient="1_0"', "needed a number"),
    ],
)
def test_what_is_not_read_is_refused_by_element_and_line(tmp_path, old, new, why):
    text = (DATA / "regression_fields.pmml").read_text()
    assert old in text
    with pytest.raises((ModelFileError, UnsupportedModel), match=why):
        indb.read(written(tmp_path, text.replace(old, new)))


def test_a_definition_that_nothing_uses_may_hold_anything(tmp_path):
    definitions = """<DefineFunction name="unused" optype="categorical" dataType="date">
      <ParameterField name="x" dataType="date"/><Apply function="formatDatetime"><FieldRef field="x"/></Apply>
    </DefineFunction>
    <DerivedField name="unused" optype="continuous" dataType="integer"><TextIndex textField="city"/></DerivedField>
    </TransformationDictionary>"""
    text = (DATA / "regression_fields.pmml").read_text().replace("</TransformationDictionary>", definitions)
    born = """<DataField name="born" optype="ordinal" dataType="dateDaysSince[1960]" isCyclic="1"/></DataDictionary>"""
    text = text.replace("</DataDictionary>", born)
    assert str(indb.read(written(tmp_path, text))) == str(indb.read(DATA / "regression_fields.pmml"))
    with pytest.raises(UnsupportedModel, match="<TextIndex> in line 15: this expression"):
        indb.read(written(tmp_path, text.replace('field="age"', 'field="unused"', 1)))
    with pytest.raises(UnsupportedModel, match=r"dataType='dateDaysSince\[1960\]' is not read"):
        indb.read(written(tmp_path, text.replace("</MiningSchema>", '<MiningField name="born"/></MiningSchema>')))


def test_functions_that_call_each_other_are_counted(tmp_path):
    """Each of 20 functions calls the one before it twice: a million expressions, of which few are read."""
    parameter = '<ParameterField name="p"/>'
    first = f'<DefineFunction name="f0">{parameter}<Apply function="exp"><FieldRef field="p"/></Apply></DefineFunction>'
    others = "".join(
        f'<DefineFunction name="f{n}">{parameter}<Apply function="f{n - 1}"><Apply function="f{n - 1}">'
        '<FieldRef field="p"/></Apply></Apply></DefineFunction>'
        for n in range(1, 20)
    )
    text = (DATA / "regression_fields.pmml").read_text()
    text = text.replace("<TransformationDictionary>", f"<TransformationDictionary>{first}{others}")
    with pytest.raises(UnsupportedModel, match="its functions come to more than 20000 expressions"):
        indb.read(written(tmp_path, text.replace('<Apply function="ln">', '<Apply function="f19">')))
