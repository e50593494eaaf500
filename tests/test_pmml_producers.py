"""Habits of programs that write PMML: what says nothing of a score is passed by, what is left out is said.

Files with most of them are compared with other programs row by row (tree_written, general_written, clusters_named,
neural_named, naive_bayes_numbers in tests/data/pmml).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import indb
from indb.errors import ModelFileError, UnsupportedModel
from indb.evaluate import decode, evaluate
from indb.ir import Model

DATA = Path(__file__).parent / "data" / "pmml"
SPACE = "http://www.dmg.org/PMML-4_1"
ROWS = {"load": [1.0, 5.0, 5.0, None, 50.0], "site": ["north", "north", "south", "north", "west"]}


def changed(tmp_path: Path, name: str, *changes: tuple[str, str]) -> Model:
    """A file of the fixtures with other text in it, read."""
    text = (DATA / f"{name}.pmml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "changed.pmml"
    path.write_text(text, encoding="utf-8")
    return indb.read(path)


@pytest.mark.parametrize("space", [SPACE.replace("http:", "https:"), SPACE + "/", SPACE.replace("4_1", "4.1")])
def test_a_namespace_may_be_written_in_other_ways_and_says_the_version(tmp_path: Path, space: str) -> None:
    model = changed(tmp_path, "tree_written", (SPACE, space))
    assert str(model) == str(indb.read(DATA / "tree_written.pmml"))
    assert model.source["library"] == "PMML 4.1"
    assert model.source["version"] == "by hand 1"


def test_another_namespace_or_none_says_no_version(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="its root is <http://elsewhere/PMML-4_1:PMML>"):
        changed(tmp_path, "tree_written", (SPACE, "http://elsewhere/PMML-4_1"))
    with pytest.raises(ModelFileError, match="it has no attribute version"):
        changed(tmp_path, "tree_written", (f' xmlns="{SPACE}"', ""))
    with pytest.raises(UnsupportedModel, match=r"version='2\.1' is not read[\s\S]*3\.0 to 4\.4"):
        changed(tmp_path, "tree_written", (SPACE, SPACE.replace("4_1", "2_1")))


def test_a_category_is_one_number_however_it_is_written() -> None:
    model = indb.read(DATA / "tree_written.pmml")
    found = evaluate(model, ROWS)
    texts = {target.name: decode(target.labels, found[target.name]["predict"]) for target in model.targets[:3]}
    assert model.targets[0].labels == (0.0, 1.0)
    assert texts[""] == [0.0, 1.0, 0.0, 0.0, 1.0]
    assert texts["I_fault"] == ["0.0", "1.0", "0.0", "0.0", "1.0"]
    assert texts["U_fault"] == ["it runs", "it fails", "it runs", "it runs", "it fails"]


def test_a_number_that_programs_write_differently_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match="it makes a string of a double"):
        changed(tmp_path, "tree_written", ('value="1"', 'value="1e8"'), ('"1.0"', '"1e8"'))


@pytest.mark.parametrize("feature", ["residual", "warning", "standardError", "standardDeviation"])
def test_an_output_that_is_no_score_is_left_out_and_nothing_can_refer_to_it(tmp_path: Path, feature: str) -> None:
    model = changed(tmp_path, "tree_written", ('feature="warning"', f'feature="{feature}" value="1"'))
    assert [target.name for target in model.targets] == ["", "I_fault", "U_fault", "P_fault1   "]
    assert model.source["left out"].startswith("W ")
    user = (
        '<OutputField name="V" feature="transformedValue" optype="continuous" dataType="double"><FieldRef field="W"/>'
    )
    with pytest.raises(UnsupportedModel, match="there is no field 'W'"):
        changed(tmp_path, "tree_written", ("</Output>", f"{user}</OutputField></Output>"))


def test_a_node_that_no_record_came_to_has_a_score_and_no_probabilities(tmp_path: Path) -> None:
    model = changed(tmp_path, "tree_written", ('recordCount="7.0"', 'recordCount="0.0"'))
    found = evaluate(model, ROWS)
    assert found[""]["predict"][:, 0].tolist() == [0.0, 1.0, 0.0, 0.0, 1.0]
    assert np.isnan(found[""]["predict_proba"]).any(axis=1).tolist() == [False, False, True, False, False]


def test_a_cluster_is_shown_by_its_name(tmp_path: Path) -> None:
    model = indb.read(DATA / "clusters_named.pmml")
    found = evaluate(model, {"length": [1.0, 5.0, 7.5], "width": [0.0, 2.0, 0.5]})
    assert decode(model.targets[0].labels, found[""]["predict"]) == ["1", "2", "3"]
    assert decode(model.targets[1].labels, found["shown"]["predict"]) == ["cluster_0", "cluster_1", None]


def test_an_input_neuron_still_needs_a_type(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="<DerivedField> in line 21: it has no attribute dataType"):
        changed(tmp_path, "neural_named", (' datatype="double"', ""))


NORMALISED = """<PMML xmlns="http://www.dmg.org/PMML-4_1" version="4.1">
  <Header><Application name="SAS(r)" version="9.4"/></Header>
  <DataDictionary>
    <DataField name="town" optype="categorical" dataType="string">
      <Value value="bern"/><Value value="BE"/><Value value="be r"/><Value value="Bermuda"/>
    </DataField>
    <DataField name="y" optype="continuous" dataType="double"/>
  </DataDictionary>
  <TransformationDictionary>
    <DefineFunction name="tidy" optype="categorical" dataType="string">
      <ParameterField name="WIDTH" optype="continuous"/><ParameterField name="text" optype="categorical"/>
      <Apply function="trimBlanks"><Apply function="uppercase"><Apply function="substring">
        <FieldRef field="text"/><Constant>1</Constant><Constant>WIDTH</Constant>
      </Apply></Apply></Apply>
    </DefineFunction>
  </TransformationDictionary>
  <RegressionModel functionName="regression">
    <MiningSchema><MiningField name="town"/><MiningField name="y" usageType="predicted"/></MiningSchema>
    <LocalTransformations>
      <DerivedField name="town+" optype="categorical" dataType="string">
        <Apply function="tidy"><Constant>3</Constant><FieldRef field="town"/></Apply>
      </DerivedField>
    </LocalTransformations>
    <RegressionTable intercept="1"><CategoricalPredictor name="town+" value="BER" coefficient="2"/></RegressionTable>
  </RegressionModel>
</PMML>"""


def test_a_width_that_sas_writes_as_a_constant_is_the_parameter_of_that_name(tmp_path: Path) -> None:
    path = tmp_path / "normalised.pmml"
    path.write_text(NORMALISED, encoding="utf-8")
    model = indb.read(path)
    assert evaluate(model, {"town": ["bern", "BE", "be r", "Bermuda"]})[""]["predict"][:, 0].tolist() == [3, 1, 1, 3]
    path.write_text(NORMALISED.replace("<Constant>WIDTH</Constant>", '<FieldRef field="WIDTH"/>'), encoding="utf-8")
    assert str(indb.read(path)) == str(model)
    path.write_text(NORMALISED.replace("<Constant>WIDTH</Constant>", "<Constant>WIDE</Constant>"), encoding="utf-8")
    with pytest.raises(ModelFileError, match="<Apply> in line 12: substring from 1.0 on, WIDE letters long"):
        indb.read(path)


def test_what_came_to_a_cluster_in_training_is_passed_by(tmp_path: Path) -> None:
    known = '<Partition name="p" size="7"><PartitionFieldStats field="width"/></Partition>'
    model = changed(tmp_path, "clusters_named", ('size="7">', f'size="7">{known}'))
    assert str(model) == str(indb.read(DATA / "clusters_named.pmml"))
