"""What deploy and queries refuse, on both engines: the message, and that nothing was changed."""

import pytest
from deployed import ENGINES, binary, objects, opened, regression, rows, run

from indb import build
from indb.errors import BindError, DatabaseError, DeployError, NotDeployed, VerifyError
from indb.ir import Column, Lookup, Model, Target, Type
from indb.verify import GoldenRows

WRONG = GoldenRows({"age": [10.0], "city": ["Paris"]}, {"predict": [["no"]]})
FAILURES = {
    "missing column": (BindError, ("a", regression("distance"), "flights"), {}, "Did you mean 'dist'"),
    "wrong type": (BindError, ("a", regression("city"), "flights"), {}, "needed a number"),
    "a date": (BindError, ("a", regression("at_"), "flights"), {}, r"(?i)found type date.*a view"),
    "no table": (DatabaseError, ("a", regression(), "flight"), {}, "Did you mean 'flights'"),
    "a name with @": (DeployError, ("a@1", regression(), "flights"), {}, "between a name"),
    "an empty name": (DeployError, (" ", regression(), "flights"), {}, "empty"),
    "a long name": (DeployError, ("é" * 21, regression(), "flights"), {}, "42 bytes"),
    "a reserved name": (DeployError, ("Predict", regression(), "flights"), {}, "indb has a function"),
    "a control character": (DeployError, ("a\nb", regression(), "flights"), {}, "control"),
    "a strategy": (DeployError, ("a", regression(), "flights"), {"strategy": "x"}, "'x': it is unknown"),
    "a proof": (VerifyError, ("a", binary(), "flights"), {"proof": WRONG}, "expected 'no', found 'yes'"),
}


@pytest.fixture(params=ENGINES)
def db(request):
    yield from opened(request)


@pytest.mark.parametrize("case", FAILURES)
@pytest.mark.parametrize("after", ["nothing", "another model"])
def test_a_failed_deployment_changes_nothing(db, case, after):
    if after == "another model":
        db.deploy("earlier", binary(), "flights")
    before = objects(db)
    error, arguments, options, message = FAILURES[case]
    with pytest.raises(error, match=message):
        db.deploy(*arguments, **options)
    assert objects(db) == before


def test_a_name_that_is_taken(db):
    create = (
        "CREATE FUNCTION indb.mine(x integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'"
        if db.engine.dialect == "postgres"
        else "CREATE MACRO Mine(x) AS 1"
    )
    db.deploy("earlier", regression(), "flights")
    run(db, create)
    before = objects(db)
    with pytest.raises(DeployError, match="(?i)cannot deploy 'mine': .*mine.* was not made by indb"):
        db.deploy("mine", regression(), "flights")
    assert objects(db) == before


def test_binding_reports_everything_at_once(db):
    model = Model(
        (a := Column("ages"), b := Column("city"), c := Column("dist", Type.TEXT)),
        (Target("", {"predict": build.add(build.add(a, b), Lookup(c, (), (), (1.0,), (0.0,)))}),),
    )
    with pytest.raises(BindError) as caught:
        db.plan(model, "flights", rename={"no such": "x"})
    message = str(caught.value)
    for part in ("rename names 'no such'", "column 'ages' is missing", "'city': found type", "'dist': found type"):
        assert part in message
    plan = db.plan(regression("Distance"), "FLIGHTS", rename={"Distance": "DIST"})
    assert [(column.model, column.column) for column in plan.columns] == [("Distance", "dist")]
    assert "columns read: Distance from dist" in str(plan)


def test_names_are_checked_before_a_query_runs(db):
    db.deploy("late", binary(), "flights")
    with pytest.raises(NotDeployed, match="cannot find model 'lat' in this database\n  Did you mean 'late'?"):
        db.sql("SELECT predict_proba('lat', f) FROM flights AS f")
    with pytest.raises(BindError, match="model 'late' has no label 'yess'\n  Did you mean 'yes'?"):
        db.sql("SELECT predict_proba('late', f, 'yess') FROM flights AS f")
    assert rows(db, "SELECT 'predict(''lat'', f)' -- predict('lat', f)") == [("predict('lat', f)",)]
    with pytest.raises(DatabaseError, match="cannot run the query: .*flightz"):
        db.sql("SELECT * FROM flightz")


def test_what_a_model_lacks(db):
    db.deploy("double", regression(), "flights")
    x = Column("dist")
    lanes = build.concat([x, build.number(0.3, 0.2)])
    outputs = {"predict": build.argmax(lanes), "predict_proba": lanes}
    db.deploy("three", Model((x,), (Target("", outputs, (1, 2, 3)),)), "flights")
    for call, message in {
        "predict_proba('double', f)": "cannot predict with 'double': its estimator has no predict_proba",
        "predict_label('double', f)": "cannot predict with 'double': its estimator has no predict_label",
        "predict_proba('three', f)": "cannot predict with 'three': it has 3 classes",
        "predict_score('three', f, '1')": "its estimator has no decision_function",
        "predict_proba('three', f, CAST(id AS varchar) || 'x')": "label of three '1x' is unknown",
        "predict(CAST(id AS varchar), f)": "model '1' is unknown",
    }.items():
        with pytest.raises(DatabaseError, match=message):
            rows(db, f"SELECT {call} FROM flights AS f WHERE id = 1")
    assert rows(db, "SELECT predict_proba('three', f, CAST(id AS varchar)) FROM flights AS f WHERE id = 2") == [(0.3,)]
    assert rows(db, "SELECT predict(CASE WHEN id = 1 THEN 'double' ELSE 'three' END, f) FROM flights AS f WHERE id < 3"
                " ORDER BY id") == [(1.0,), (1.0,)]  # fmt: skip
