"""selectAll of PMML: a target for each segment, what is refused because it needs one result, and how it is deployed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from deployed import ENGINES, opened, rows, run

import indb
from indb.database import Database
from indb.errors import UnsupportedModel
from indb.evaluate import decode, evaluate

DATA = Path(__file__).parent / "data" / "pmml"
ROWS = {"age": [20.0, 60.0, 60.0, None], "income": [10.0, 100.0, 10.0, None], "city": ["Bern", "Oslo", "Rom", None]}
OUTPUT = '<OutputField name="{}" optype="continuous" dataType="double" {}/>'
AGED = OUTPUT.format("aged", 'feature="predictedValue"')


def found(path):
    model = indb.read(path)
    values = evaluate(model, {column.name: ROWS[column.name] for column in model.columns})
    given = {}
    for target in model.targets:
        numbers = values[target.name]["predict"]
        plain = [None if x != x else x for x in numbers[:, 0].tolist()]
        given[target.name] = decode(target.labels, numbers) if target.labels else plain
    return given


def changed(tmp_path, name, *pairs):
    text = (DATA / f"{name}.pmml").read_text(encoding="utf-8")
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "changed.pmml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_segment_is_a_target_with_its_own_labels_and_probabilities():
    model = indb.read(DATA / "select_all_classes.pmml")
    segments = model.targets[:4]
    assert [target.name for target in segments] == ["young", "2", "every", "nobody"]
    assert [target.labels for target in segments] == [("a", "c"), ("d", "b"), ("c", "a", "b"), ("a", "b")]
    assert [target.outputs["predict_proba"].width for target in segments] == [2, 2, 3, 2]
    given = found(DATA / "select_all_classes.pmml")
    assert [given[target.name] for target in segments] == [
        ["a", None, None, None], [None, "b", None, None], ["b", None, None, None], [None] * 4,
    ]  # fmt: skip
    assert given["young node"] == ["y1", None, None, None]


def test_outputs_of_segments_have_their_names_in_front(tmp_path):
    given = found(DATA / "select_all_outputs.pmml")
    assert list(given) == ["by age", "by income", "by age.aged", "by income.earned"]
    assert given["by income.earned"] == [9.0, 99.0, 9.0, None]
    young = '<SimplePredicate field="age" operator="lessThan" value="40"/>'
    path = changed(tmp_path, "select_all_outputs", ('id="by age"><True/>', f'id="by age">{young}'))
    assert found(path)["by age.aged"] == found(path)["by age"] == [6.5, None, None, None]


@pytest.mark.parametrize(
    ("treatment", "wanted"),
    [
        ("continue", [11.5, None, None, None]),
        ("skipSegment", [11.5, None, None, None]),
        ('skipSegment" missingThreshold="0.6', [11.5, None, None, None]),
        ('skipSegment" missingThreshold="0.4', [None, None, None, None]),
        ("returnMissing", [None, None, None, None]),
    ],
)
def test_a_missing_result_takes_the_others_with_it_where_the_file_says_so(tmp_path, treatment, wanted):
    """Of the first row the income is missing; the last one has no results at all."""
    path = changed(
        tmp_path, "select_all_outputs", ('"selectAll"', f'"selectAll" missingPredictionTreatment="{treatment}"')
    )
    model = indb.read(path)
    values = evaluate(model, {"age": [40.0, None], "income": [None, None]})
    for name in ("by age", "by age.aged"):
        numbers = values[name]["predict"][:, 0].tolist()
        assert [None if x != x else x for x in numbers] == wanted[:2], name


@pytest.mark.parametrize(
    ("name", "old", "new", "why"),
    [
        (
            "select_all_regression", "<Output>", "<Output>" + OUTPUT.format("one", 'feature="predictedValue"'),
            r"<OutputField> in line \d+: multipleModelMethod='selectAll' gives a result for each segment",
        ),
        ("select_all_regression", 'field="of everyone"', 'field="target"', "<FieldRef>.*needed one"),
        ("select_all_regression", 'name="of nobody"', 'name="young"', "result of the segment 'young' has this name"),
        ("select_all_regression", 'segmentId="young"', 'segmentId="none"', "segmentId='none' is no segment"),
        ("select_all_regression", 'id="rich"', 'id="young"', "there is a segment 'young' already"),
        ("select_all_regression", 'id="rich"', 'id="2"', "there is a segment '2' already"),
        ("select_all_outputs", 'id="by income"', 'id="by age.aged"', "would have the name 'by age.aged'"),
        (
            "select_all_outputs", "<Segmentation", '<Targets><Target field="target" max="3"/></Targets><Segmentation',
            r"<Target> in line \d+: multipleModelMethod='selectAll'",
        ),
    ],
)  # fmt: skip
def test_what_needs_one_result_is_refused(tmp_path, name, old, new, why):
    with pytest.raises(UnsupportedModel, match=why):
        indb.read(changed(tmp_path, name, (old, new)))


@pytest.mark.parametrize("method", ["selectFirst", "modelChain", "sum", "selectAll"])
def test_it_is_refused_inside_of_another_model(tmp_path, method):
    text = (DATA / "select_all_outputs.pmml").read_text(encoding="utf-8")
    start, model, end = re.split(r"(<MiningModel .*</MiningModel>)", text, flags=re.DOTALL)
    schema = re.search(r"<MiningSchema>.*?</MiningSchema>", model, re.DOTALL)[0]
    path = tmp_path / "nested.pmml"
    path.write_text(
        f'{start}<MiningModel functionName="regression">{schema}<Segmentation multipleModelMethod="{method}">'
        f"<Segment><True/>{model}</Segment></Segmentation></MiningModel>{end}"
    )
    with pytest.raises(UnsupportedModel, match=r"<Segmentation> in line \d+: .*'selectAll' inside of another model"):
        indb.read(path)


VERIFICATION = """<ModelVerification recordCount="1" fieldCount="2"><VerificationFields>
  <VerificationField field="age"/><VerificationField field="income"/><VerificationField field="{}"/>
  </VerificationFields>
  <InlineTable><row><age>20</age><income>10</income><{}>{}</{}></row></InlineTable></ModelVerification>
  </MiningModel>"""


def test_verification_is_of_outputs_with_a_segment(tmp_path):
    asked = f'<Output>{OUTPUT.format("aged", """feature="predictedValue" segmentId="by age" """)}</Output>'

    def read(field, value):
        rows = VERIFICATION.format(field, field, value, field)
        path = changed(
            tmp_path, "select_all_outputs", ("<Segmentation", f"{asked}<Segmentation"), ("</MiningModel>", rows)
        )
        return indb.read(path)

    assert read("aged", "6.5").examples == ({"age": 20.0, "income": 10.0},)
    with pytest.raises(UnsupportedModel, match=r"'aged' is '6\.75', indb computes 6\.5"):
        read("aged", "6.75")
    with pytest.raises(UnsupportedModel, match="gives a result for each segment, the table has one"):
        read("target", "6.5")


@pytest.fixture(params=ENGINES)
def db(request: pytest.FixtureRequest) -> Iterator[Database]:
    yield from opened(request)


def test_each_segment_is_asked_for_by_its_name(db):
    run(db, "CREATE TABLE people (id integer, age double precision, income double precision, city varchar(9))")
    run(db, "INSERT INTO people VALUES (1, 20, 10, 'Bern'), (2, 60, 100, 'Oslo'), (3, 60, 10, 'Rom')")
    db.deploy("all", indb.read(DATA / "select_all_classes.pmml"), "people")
    asked = "predict_label('all', p, 'young'), predict_label('all', p, '2'), predict_proba('all', p, 'b', 'every')"
    assert rows(db, f"SELECT {asked} FROM people AS p ORDER BY id") == [
        ("a", None, pytest.approx(0.5718191300049393)), (None, "b", None), (None, None, None),
    ]  # fmt: skip
    assert db.verify("all").ok
