"""The planner: counts, costs, the choice, what it says, and what is measured on a server."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from zoo import ZOO

import indb
from indb.emit import SqlColumn, SqlKind, Strategy
from indb.errors import DeployError
from indb.ir import Column, Model, Target
from indb.passes import optimise
from indb.planner import calibration
from indb.planner.calibration import models, stored_costs
from indb.planner.choose import MAX_INLINED, options, pick
from indb.planner.costs import DEFAULTS, costs_of
from indb.planner.estimate import Estimate, estimate

LINEAR, SMALL, LARGE = models(Strategy.STAGED)
BINDING = {column.name: SqlColumn(f"r.{column.name}", SqlKind.FLOAT64) for column in LINEAR.columns}
SMALL_COUNTS = Estimate(100, 50.0, 50.0, 20, 0, 20, 40, 0.0)
HUGE_COUNTS = Estimate(500_000, 5_000.0, 4_000.0, 20, 0, 20, 40, 600.0)


def counts(model: Model, dialect: str = "duckdb") -> Estimate:
    return estimate(model, optimise(model), dialect, BINDING)


def test_a_tree_is_counted_by_the_path_that_a_row_takes() -> None:
    small, large = counts(SMALL), counts(LARGE)
    assert small.splits < large.splits < 2 * small.splits  # bit vectors of 20 columns, whatever the number of trees
    inputs = LINEAR.columns
    deep = Model(inputs, (Target("", {"predict": calibration._ensemble(inputs, 10, 8)}),))
    assert counts(deep).splits == pytest.approx(10 * 8 + 0.6 * 10)  # the nodes that a row visits, and the sum
    assert large.inlined > 3 * small.inlined > 3 * 5 * 31
    assert 60 < small.operations <= 3 * 5 * 5 + 1  # a comparison, its column and its arm; less where a side is pruned
    assert (small.numbers, small.texts) == (20, 0)


def test_a_linear_model_is_counted_by_its_terms() -> None:
    assert 20 <= counts(LINEAR).operations <= 50
    assert counts(LINEAR).splits == 0
    assert counts(LINEAR, "postgres").inlined > counts(LINEAR).inlined  # PostgreSQL needs guards


@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
def test_the_cheapest_comes_first(dialect: str) -> None:
    costs = DEFAULTS[dialect]
    small = options(dialect, SMALL_COUNTS, costs, 300_000)
    assert small[0].strategy is not Strategy.UDF
    assert small[0].seconds <= 1.2 * min(option.seconds for option in small)
    assert options(dialect, HUGE_COUNTS, costs, 300_000)[0].strategy is Strategy.UDF
    assert options(dialect, HUGE_COUNTS, costs, 300_000, udf_refused="no Python")[0].strategy is {
        "duckdb": Strategy.EXPRESSION, "postgres": Strategy.STAGED
    }[dialect]  # fmt: skip


def test_what_is_too_large_is_not_inlined_unless_it_is_asked_for() -> None:
    found = options("postgres", HUGE_COUNTS, DEFAULTS["postgres"], 10)
    refused = next(option for option in found if option.strategy is Strategy.EXPRESSION)
    assert f"up to {MAX_INLINED['postgres']:,} are inlined" in refused.refused
    forced = options("postgres", HUGE_COUNTS, DEFAULTS["postgres"], 10, forced=Strategy.EXPRESSION)
    assert pick(forced, Strategy.EXPRESSION).strategy is Strategy.EXPRESSION


def test_the_number_of_rows_changes_the_choice() -> None:
    costs = replace(DEFAULTS["duckdb"], udf_call=5e8)
    large = replace(HUGE_COUNTS, inlined=5_000)
    picks = [options("duckdb", large, costs, rows)[0].strategy for rows in (1, 10_000_000)]
    assert picks[0] is not Strategy.UDF
    assert picks[1] is Strategy.UDF


def test_nothing_that_can_be_used() -> None:
    found = options(
        "duckdb", None, DEFAULTS["duckdb"], 10, udf_refused="pyarrow is missing", sql_refused="it is foreign"
    )
    with pytest.raises(DeployError, match="cannot use any strategy: (it is foreign|pyarrow is missing)") as caught:
        pick(found, None)
    assert caught.value.hint is not None
    with pytest.raises(DeployError, match="cannot use strategy udf: pyarrow is missing"):
        pick(found, Strategy.UDF)


def test_what_a_library_takes_is_not_known() -> None:
    found = options("duckdb", None, DEFAULTS["duckdb"], 10, sql_refused="it is foreign")
    assert found[0].strategy is Strategy.UDF
    assert np.isnan(found[0].seconds)
    assert pick(found, None) is found[0]


def test_measured_costs_replace_the_shipped_ones() -> None:
    found = costs_of("duckdb", {"split": 3.5, "unknown": 1.0})
    assert found == replace(DEFAULTS["duckdb"], split=3.5)
    assert json.loads(found.to_json())["split"] == 3.5


@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
def test_calibrated_costs_are_those_of_the_machine_that_was_measured(dialect: str) -> None:
    """A server that takes what that machine took has its costs; one that is three times as slow, three times these."""
    usual = calibration.MEASURED[dialect]
    assert usual.keys() == calibration.PROBES.keys()
    nano, rows, scan = 1e-9, 1_000, 0.25

    def timings(times: float) -> dict[Strategy, list[calibration.Timing]]:
        seconds = {name: times * nano * value for name, value in usual.items()}
        made = {
            Strategy.EXPRESSION: [(0.0, 0.1, 0.0), (0.5, 0.1, 0.5 + scan + rows * seconds["expression"]),
                                  (0.5, 0.1 + seconds["bind"], 0.0)],
            Strategy.STAGED: [(0.0, 0.1, 0.0)] * 2 + [(0.5, 0.1, 0.5 + scan + rows * seconds["staged"])],
            Strategy.UDF: [(0.0, seconds["call"], 0.0)] * 3,
        }  # fmt: skip
        scores = [scan + rows * seconds["crossing"], 1.0, 1.0 + rows * seconds["kernel"]]
        return {
            strategy: [calibration.Timing(*each, score) for each, score in zip(three, scores, strict=True)]
            for strategy, three in made.items()
        }

    shipped = DEFAULTS[dialect]
    for times in (1.0, 3.0):
        found = calibration.scaled(dialect, calibration.measured(rows, scan, timings(times)))
        assert found.keys() == {name for probe in calibration.PROBES.values() for name in probe.costs}
        for name, value in found.items():
            assert value == pytest.approx(times * getattr(shipped, name)), name
    without = {strategy: each for strategy, each in timings(1e9).items() if strategy is not Strategy.UDF}
    slow = calibration.scaled(dialect, calibration.measured(rows, scan, without))
    assert slow["operation"] == calibration.MOST * shipped.operation
    assert "row" not in slow


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest):
    """An engine with a table of the calibration's columns."""
    connection = request.getfixturevalue(f"{request.param}_connection")
    fields = ", ".join(f"{column.name} double precision" for column in LINEAR.columns)
    connection.execute(f"CREATE TABLE measured (id integer PRIMARY KEY, {fields})")
    with indb.connect(connection) as found:
        yield found


def test_a_plan_says_what_each_strategy_costs(database) -> None:
    plan = database.plan(LARGE, "measured", rows=1_000_000)
    text = str(plan)
    assert "estimated for 1,000,000 rows (costs not measured here: indb calibrate)" in text
    for strategy in Strategy:
        assert f"\n  {strategy.value}" in text
    found = plan.as_json()
    assert next(option["strategy"] for option in found["options"]) == plan.strategy.value
    assert all((option["seconds"] is None) == (option["refused"] is not None) for option in found["options"])
    assert database.plan(LINEAR, "measured", strategy="staged").reason == "it was asked for"


def test_an_unknown_strategy(database) -> None:
    with pytest.raises(DeployError, match=r"(?s)strategy 'stagged': it is unknown.*'staged'"):
        database.plan(LINEAR, "measured", strategy="stagged")


def test_a_refused_udf_becomes_sql(database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planner hears of what the server lacks only when it tries; the deployment says what became of it."""

    def refuse(*_: object) -> None:
        raise DeployError("cannot deploy 'm' as a UDF: numpy is missing")

    monkeypatch.setattr(type(database.engine), "install_udf", refuse)
    monkeypatch.setattr("indb.planner.plan.udf_problem", lambda engine: "")
    costs = {"split": 0.001, "row": 0.001, "number": 0.001, "value": 0.001, "block": 0.001, "udf_call": 0.001}
    monkeypatch.setattr("indb.planner.plan.stored_costs", lambda engine: costs)
    made = database.deploy("m", LARGE, "measured")
    assert made.strategy in ("staged", "expression")
    assert "in place of udf: cannot deploy 'm' as a UDF: numpy is missing" in made.usage
    assert [each.strategy for each in database.models()] == [made.strategy]
    with pytest.raises(DeployError, match="numpy is missing"):
        database.deploy("forced", LARGE, "measured", strategy="udf")
    assert [each.name for each in database.models()] == ["m"]


@pytest.mark.slow
def test_calibrate_leaves_costs_only(database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "RUNS", 1)
    monkeypatch.setattr(calibration, "ROWS", {"postgres": 2_000, "duckdb": 5_000})
    found = database.calibrate()
    assert found == pytest.approx(stored_costs(database.engine))
    assert all(value >= 0.0 for value in found.values())
    assert database.models() == []
    assert [name for _, name, _ in database.engine.table_names() if "calibration" in name] == []
    assert "not measured" not in str(database.plan(LINEAR, "measured"))
    database.calibrate()  # again, in place of the first


def test_capabilities_name_the_next_step(database) -> None:
    found = database.capabilities()
    assert len(found) >= 4
    for each in found:
        assert each.is_there or each.next_step
    assert {each.name for each in found} >= ({"pyarrow"} if database.engine.dialect == "duckdb" else {"superuser"})


def test_a_model_of_the_zoo_is_planned_as_it_was_before(database) -> None:
    estimator, _ = ZOO["logistic_raw"]()
    model = indb.read(estimator)
    fields = ", ".join(f'"{column.name}" double precision' for column in model.columns)
    database.sql(f"CREATE TABLE zoo (id integer, {fields})")
    assert database.plan(model, "zoo", rows=1_000).strategy in (Strategy.EXPRESSION, Strategy.STAGED)


def test_a_model_that_is_a_column() -> None:
    column = Column("x")
    made = Model((column,), (Target("", {"predict": column}),))
    found = estimate(made, made, "duckdb", {"x": SqlColumn("x", SqlKind.FLOAT64)})
    assert found.operations == 1.0
    assert np.isfinite(options("duckdb", found, DEFAULTS["duckdb"], 0)[0].seconds)
