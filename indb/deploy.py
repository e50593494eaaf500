"""A model into a database: planned, registered, installed, named, proven, in one transaction or not at all.

The same statements are run by `deploy` and written down by `script`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from indb import codec, verify
from indb.emit import SQL_STRATEGIES, Strategy
from indb.engines.base import Engine
from indb.engines.bind import bind
from indb.engines.deployment import PRODUCTION, BoundColumn, Deployment, check_name, lanes_of, targets_of
from indb.engines.mapping import parts_of
from indb.engines.parameters import digests
from indb.engines.registry import GoldenRow
from indb.engines.tables import Table
from indb.errors import BindError, DeployError, VerifyError, did_you_mean
from indb.golden import awkward_rows
from indb.golden.types import fits
from indb.ir import Model
from indb.passes import optimise
from indb.planner import Plan, make_plan, providers
from indb.planner.providers import Choice
from indb.verify import NOT_COMPARED, GoldenRows, Report, Row

AWKWARD_ROWS = 100
"""How many rows a deployment makes up to prove itself with."""

MAPPED_ROWS = 1_000
"""How many rows of the table a model is compared on whose columns are expressions."""

PLANNED_ROWS = 100_000
"""The fewest rows that a strategy is chosen for, unless told: a model is often deployed before its table is filled."""


@dataclass(frozen=True)
class Request:
    """What is to be deployed: see `Database.deploy`."""

    name: str
    model: Model
    table: str
    rename: Mapping[str, str] | None = None
    strategy: Strategy | str | None = None
    proof: GoldenRows | None = None
    server_python: str | None = None
    promote: bool = True
    mapping: Mapping[str, str] | None = None
    providers: Sequence[str] = ()


@dataclass(frozen=True)
class Deployed:
    """What was deployed, for which table, by which plan, and a note where that is not the whole story."""

    deployment: Deployment
    table: Table
    plan: Plan
    note: str


def deploy(engine: Engine, request: Request) -> Deployed:
    """Install a model as the next version of its name. Called in a transaction, which an error rolls back.

    Raises: DeployError, BindError, VerifyError, and what the driver raises.
    """
    check_name(request.name)
    table = engine.find_table(request.table)
    choices = chosen_providers(engine, request.model, request.providers, request.server_python)
    request = replace(request, model=providers.on_providers(request.model, choices))
    ready = ready_of(request.model)
    plan = planned(engine, request.model, ready, table, request.strategy, request.rename, None, request.mapping)
    plan = replace(plan, providers=choices)
    engine.prepare()
    known = engine.deployments()
    engine.check_free(request.name, known)
    made = new_version(engine, request.name, request.model, ready, table, plan, known)
    engine.expect(known, made)
    made, note = install(engine, made, request, ready, table, plan)
    rows = Proof.of(engine, made, request, table)
    golden = rows.golden(made)
    engine.keep_golden_rows(made, golden)
    if plan.in_queries and made.strategy == Strategy.UDF.value:
        rows.prove(engine, made, table)  # the functions in Python, and below those in SQL
        engine.install(made, ready, table, plan.in_queries)
        note = f"-- predict() in queries is {plan.in_queries.value}; Python scores whole tables\n"
    engine.rebuild([*known, made])
    if request.promote:
        engine.promote(made, [*known, made])
        made = replace(made, state=PRODUCTION)
    rows.prove(engine, made, table)
    engine.write_proof(made, table, golden)
    return Deployed(made, table, plan, note)


def ready_of(model: Model) -> Model:
    """A model as it is written in SQL: optimised. A library's is left as it is where SQL would read other columns."""
    ready = optimise(model.in_sql)
    same = [column.name for column in ready.columns] == [column.name for column in model.columns]
    return ready if model.in_sql is model or same else optimise(model)


def chosen_providers(
    engine: Engine, model: Model, wanted: Sequence[str], server_python: str | None
) -> tuple[Choice, ...]:  # fmt: skip
    """What becomes of the execution providers that were asked for; () where none were.

    Raises: DeployError.
    """
    return providers.choose(engine, model, wanted, server_python) if wanted else ()


def planned(
    engine: Engine, model: Model, ready: Model, table: Table, strategy: Strategy | str | None,
    rename: Mapping[str, str] | None, rows: int | None = None, mapping: Mapping[str, str] | None = None,
) -> Plan:  # fmt: skip
    """The plan for a model (`ready`: optimised) and a table.

    Raises: BindError, DeployError.
    """
    columns = bind(ready, table, rename, engine.name_bytes, _mapped(engine, ready, table, mapping or {}))
    forced = None if strategy is None else _strategy(strategy)
    if rows is None:
        rows = max(int(engine.rows(f"SELECT count(*) FROM {table.sql}")[0][0]), PLANNED_ROWS)
    return make_plan(engine, model, ready, table.name, columns, forced, rows)


def _mapped(engine: Engine, model: Model, table: Table, mapping: Mapping[str, str]) -> dict[str, BoundColumn]:
    """The columns of a model that expressions stand for.

    Raises: BindError for a name that the model does not have, or what is no expression over one row.
    """
    known = [column.name for column in model.columns]
    for name in mapping:
        if name not in known:
            raise BindError(f"cannot map column {name!r}: the model has none of that name", did_you_mean(name, known))
    parts = {name: parts_of(name, expression, table, engine.dialect) for name, expression in mapping.items()}
    found = {}
    for name, each in parts.items():
        volatile = engine.volatile(sorted(set(re.findall(r"(\w+)\s*\(", mapping[name].lower()))))
        if volatile:  # where a model reads its column twice it would read two values
            raise BindError(
                f"cannot map column {name!r}: found {volatile[0]}(), needed what gives the same for the same row"
            )
        value = engine.expression(table, BoundColumn(name, name, "", "", parts=each).read("r."))
        if value.kind is None:
            raise BindError(
                f"cannot map column {name!r}: found type {value.type}, needed a number, a boolean or a text"
            )
        found[name] = BoundColumn(name, name, value.type, value.kind.value, value.cast, each)
    return found


def _strategy(value: Strategy | str) -> Strategy:
    try:
        return Strategy(value)
    except ValueError:
        known = [each.value for each in Strategy]
        raise DeployError(f"cannot use strategy {value!r}: it is unknown", did_you_mean(str(value), known)) from None


def new_version(
    engine: Engine, name: str, model: Model, ready: Model, table: Table, plan: Plan, known: Sequence[Deployment]
) -> Deployment:
    """The next version of a name: a number that no version ever had, for somebody may have pinned it.

    Raises: DeployError when a function's name would be too long.
    """
    versions = [each.version for each in known if each.name == name]
    versions += [each.version for each in engine.events(name) if each.version is not None]
    lanes = lanes_of(ready)
    made = Deployment(
        name, max(versions, default=0) + 1, codec.digest(model), table.schema, table.name, plan.strategy.value,
        plan.columns, lanes, targets_of(ready), dict(model.source), tables=digests(ready),
    )  # fmt: skip
    longest = max((made.function(lane) for lane in lanes), key=lambda each: len(each.encode()), default="")
    if engine.name_bytes is not None and len(longest.encode()) > engine.name_bytes:
        raise DeployError(
            f"cannot deploy {name!r}: its function {longest!r} would have {len(longest.encode())} bytes, needed at "
            f"most {engine.name_bytes}",
            "Choose a shorter name.",
        )
    return made


def install(
    engine: Engine, made: Deployment, request: Request, ready: Model, table: Table, plan: Plan
) -> tuple[Deployment, str]:
    """Register a version and create its functions; (the version, a note where it had to become SQL)."""
    strategy, note, data = plan.strategy, "", codec.encode(request.model)
    if strategy is Strategy.UDF:
        sql = [option.strategy for option in plan.options if option.strategy in SQL_STRATEGIES and not option.refused]
        try:
            with engine.attempt():
                engine.register(made, data, _plan_text(plan))
                engine.install_udf(made, table, request.server_python, len(data))
            return made, ""
        except DeployError as error:
            if request.strategy is not None or not sql:
                raise
            strategy, note = sql[0], f"-- {sql[0].value} in place of udf: {error.message}\n"
        made = replace(made, strategy=strategy.value)
    engine.register(made, data, _plan_text(plan))
    engine.install(made, ready, table, strategy)
    return made, note


def _plan_text(plan: Plan) -> str:
    """What the registry keeps of a plan."""
    found = plan.as_json()
    return json.dumps({key: found[key] for key in ("database", "strategy", "reason", "rows", "options")})


@dataclass(frozen=True)
class Proof:
    """Golden rows of a version: the values of its bound columns, and for each lane what must come out."""

    model: Model
    rows: Sequence[Row]
    expected: Sequence[Sequence[object]]

    @classmethod
    def of(cls, engine: Engine, made: Deployment, request: Request, table: Table) -> Proof:
        """The rows that came with the request, and rows on which this model is most likely to be scored wrongly.

        What must come out of the latter is what the library says while the fitted object is at hand, else what
        `indb.evaluate` does.

        Raises: BindError when the former lack a column.
        """
        rows: list[Row] = []
        expected: list[list[object]] = [[] for _ in made.lanes]
        model = request.model if made.strategy == Strategy.UDF.value else request.model.in_sql
        model = providers.on_cpu(model)
        if request.proof is not None:
            given = verify.rows_for(made.columns, request.proof)
            kept = [number for number, row in enumerate(given) if _has_place(made.columns, row)]
            rows = [given[number] for number in kept]
            wanted = [[each[number] for number in kept] for each in request.proof.expected(made)]
            expected = verify.settled(model, made, rows, wanted)
        awkward = awkward_rows(model, made.columns, AWKWARD_ROWS, engine.enums(made.columns))
        more = [tuple(row[column.model] for column in made.columns) for row in awkward]
        if not made.is_mapped:
            more = list(engine.held(made, table, more))
        found = verify.told(model, made, more)
        told = [number for number, values in enumerate(zip(*found, strict=True)) if not any(map(_is_infinite, values))]
        for known, added in zip(expected, found, strict=True):
            known += [added[number] for number in told]
        return cls(model, [*rows, *(more[number] for number in told)], expected)

    def golden(self, made: Deployment) -> list[GoldenRow]:
        """What the registry keeps of them."""
        found = []
        for number, row in enumerate(self.rows):
            given = {each.column: _given(each.kind, value) for each, value in zip(made.columns, row, strict=True)}
            wanted = {
                lane.suffix: values[number]
                for lane, values in zip(made.lanes, self.expected, strict=True)
                if values[number] is not NOT_COMPARED
            }
            found.append(GoldenRow(given, wanted))
        return found

    def prove(self, engine: Engine, made: Deployment, table: Table) -> None:
        """Compare what the installed functions give.

        Raises: VerifyError showing the first row that differs.
        """
        if engine.is_written_down or not (self.rows or made.is_mapped):
            return
        rows, expected = self.rows, self.expected
        if made.is_mapped:  # nobody knows a row of the table that gives these values
            rows, found = engine.predictions(made, table, MAPPED_ROWS)
            expected = verify.evaluated(self.model, made, rows)
        else:
            found = engine.proof_predictions(made, table, rows)
        report = verify.compare_rows(made, rows, found, expected, made.tolerance)
        if not report.ok:
            raise VerifyError(f"cannot deploy {made.name!r}: it does not give what the library gives.\n{report}")


def _has_place(columns: Sequence[BoundColumn], row: Row) -> bool:
    """Whether columns of whole numbers can hold a row's values: those that golden_rows adds are doubles."""
    return all(
        value is None or fits(column, float(value))
        for column, value in zip(columns, row, strict=True)
        if column.kind in ("integer", "boolean") and not column.parts
    )


def _is_infinite(value: object) -> bool:
    """Whether databases differ about a value: PostgreSQL gives the largest double in its place."""
    return isinstance(value, float) and math.isinf(value)


def prove_again(engine: Engine, made: Deployment, table: Table) -> Report:
    """Compare the golden rows that a version was deployed with; none where expressions stand for columns."""
    golden = [] if made.is_mapped else engine.golden_rows(made)
    rows = [tuple(_number(column.kind, row.input.get(column.column)) for column in made.columns) for row in golden]
    expected = [
        [_number(lane.type, row.expected.get(lane.suffix, NOT_COMPARED)) for row in golden] for lane in made.lanes
    ]
    found = engine.proof_predictions(made, table, rows) if rows else []
    return verify.compare_rows(made, rows, found, expected, made.tolerance)


def _number(kind: str, value: Any) -> Any:
    """A value of a golden row: JSON has no infinities, and no doubles apart from whole numbers."""
    if value is None or value is NOT_COMPARED or kind in ("text", "enum", "boolean", "bigint"):
        return value
    return float(value)


def _given(kind: str, value: object) -> object:
    """A value as a column of its kind holds it."""
    if value is None or isinstance(value, str):
        return value
    number = float(value)  # type: ignore[arg-type]
    if math.isnan(number):
        return None
    if kind == "boolean":
        return bool(number)
    return int(number) if kind == "integer" and number.is_integer() else number
