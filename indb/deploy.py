"""A model into a database: planned, registered, installed, named, proven, in one transaction or not at all.

The same statements are run by `deploy` and written down by `script`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from indb import codec, verify
from indb.emit import SQL_STRATEGIES, Strategy
from indb.engines.base import Engine
from indb.engines.bind import bind
from indb.engines.deployment import PRODUCTION, Deployment, check_name, lanes_of, targets_of
from indb.engines.registry import GoldenRow
from indb.engines.tables import Table
from indb.errors import DeployError, VerifyError, did_you_mean
from indb.ir import Model
from indb.passes import optimise
from indb.planner import Plan, make_plan
from indb.verify import NOT_COMPARED, GoldenRows, Row

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
    ready = optimise(request.model)
    table = engine.find_table(request.table)
    plan = planned(engine, request.model, ready, table, request.strategy, request.rename)
    engine.prepare()
    known = engine.deployments()
    engine.check_free(request.name, known)
    made = new_version(engine, request.name, request.model, ready, table, plan, known)
    made, note = install(engine, made, request, ready, table, plan)
    rows = Proof.of(made, request)
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


def planned(
    engine: Engine, model: Model, ready: Model, table: Table, strategy: Strategy | str | None,
    rename: Mapping[str, str] | None, rows: int | None = None,
) -> Plan:  # fmt: skip
    """The plan for a model (`ready`: optimised) and a table.

    Raises: BindError, DeployError.
    """
    columns = bind(ready, table, rename, engine.name_bytes)
    forced = None if strategy is None else _strategy(strategy)
    if rows is None:
        rows = max(int(engine.rows(f"SELECT count(*) FROM {table.sql}")[0][0]), PLANNED_ROWS)
    return make_plan(engine, model, ready, table.name, columns, forced, rows)


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
        plan.columns, lanes, targets_of(ready), dict(model.source),
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

    rows: Sequence[Row]
    expected: Sequence[Sequence[object]]

    @classmethod
    def of(cls, made: Deployment, request: Request) -> Proof:
        """The rows that came with the request.

        Raises: BindError when they lack a column.
        """
        if request.proof is None:
            return cls([], [[] for _ in made.lanes])
        return cls(verify.rows_for(made.columns, request.proof), request.proof.expected(made))

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
        if engine.is_written_down or not self.rows:
            return
        found = engine.proof_predictions(made, table, self.rows)
        report = verify.compare_rows(made, self.rows, found, self.expected)
        if not report.ok:
            raise VerifyError(f"cannot deploy {made.name!r}: it does not give what the library gives.\n{report}")


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
