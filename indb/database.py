"""One open database as users see it: plan, deploy, score, query, verify, list and drop models.

It puts the parts together; what is special about a database is in `indb.engines`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any

from indb import codec, rewrite, verify
from indb.emit import SQL_STRATEGIES, Strategy
from indb.engines import open_engine
from indb.engines.base import Engine, Table
from indb.engines.bind import bind
from indb.engines.capabilities import Capability, capabilities
from indb.engines.deployment import (
    Deployment,
    check_name,
    find,
    lanes_of,
    newest,
    targets_of,
    with_usage,
)
from indb.engines.score import Progress, Task, score
from indb.errors import DatabaseError, DeployError, IndbError, NotDeployed, VerifyError, did_you_mean
from indb.ir import Model
from indb.passes import optimise
from indb.planner import Plan, calibrate, make_plan, store_costs
from indb.verify import GoldenRows, Report

PLANNED_ROWS = 100_000
"""The fewest rows that a strategy is chosen for, unless told: a model is often deployed before its table is filled."""

KEPT_MODELS = 8
"""How many models that score tables an open database keeps in memory."""


class Database:
    """An open database; a context manager that closes what indb opened."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._kept: dict[tuple[str, str], Model] = {}

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; one that was handed in is left open."""
        self.engine.close()

    def plan(
        self,
        model: Model,
        table: str,
        rows: int | None = None,
        strategy: Strategy | str | None = None,
        rename: Mapping[str, str] | None = None,
    ) -> Plan:
        """How `deploy` would install the model, for queries over so many `rows`.

        rows: unless told those of the table, at least 100,000.

        Raises: BindError when the table does not fit; DatabaseError when there is no such table; DeployError when the
        strategy that is asked for cannot be used, or none can.
        """
        with self._reported("plan"):
            found = self.engine.find_table(table)
            return self._plan(model, optimise(model), found, strategy, rename, rows)

    def _plan(
        self,
        model: Model,
        ready: Model,
        table: Table,
        strategy: Strategy | str | None,
        rename: Mapping[str, str] | None,
        rows: int | None = None,
    ) -> Plan:
        columns = bind(ready, table, rename, self.engine.name_bytes)
        forced = None if strategy is None else _strategy(strategy)
        if rows is None:
            rows = max(int(self.engine.rows(f"SELECT count(*) FROM {table.sql}")[0][0]), PLANNED_ROWS)
        return make_plan(self.engine, model, ready, table.name, columns, forced, rows)

    def deploy(
        self,
        name: str,
        model: Model,
        table: str,
        rename: Mapping[str, str] | None = None,
        strategy: Strategy | str | None = None,
        proof: GoldenRows | None = None,
        server_python: str | None = None,
    ) -> Deployment:
        """Install the model as the next version of `name` for the rows of a table, or change nothing at all.

        proof: rows with the outputs of the source library (`indb.golden_rows`); the installed functions must give them.
        server_python: a folder of packages for a UDF in PostgreSQL; it is written into the functions.

        Raises: DeployError for a name that cannot be used, BindError for a table that does not fit, VerifyError when a
        proof row scores otherwise, DatabaseError when the server refuses.
        """
        check_name(name)
        ready = optimise(model)
        with self._reported(f"deploy {name!r}", DeployError), self.engine.transaction():
            self.engine.prepare()
            found = self.engine.find_table(table)
            plan = self._plan(model, ready, found, strategy, rename)
            known = self.engine.deployments()
            self.engine.check_free(name, known)
            made = self._deployment(name, model, ready, found, plan, known)
            made, note = self._install(made, model, ready, found, plan, strategy is None, server_python)
            if proof is not None:
                self._prove(made, found, proof)
            if plan.in_queries and made.strategy == Strategy.UDF.value:
                self.engine.install(made, ready, found, plan.in_queries)
                note = f"-- predict() in queries is {plan.in_queries.value}; Python scores whole tables\n"
                if proof is not None:  # of both
                    self._prove(made, found, proof)
            self.engine.rebuild(self.engine.deployments())
        return with_usage(made, note + self.engine.usage(made, found))

    def _install(
        self,
        made: Deployment,
        model: Model,
        ready: Model,
        table: Table,
        plan: Plan,
        may_fall_back: bool,
        server_python: str | None,
    ) -> tuple[Deployment, str]:
        """Register and create the functions by the plan; (the deployment, a note when it had to become SQL)."""
        strategy, note = plan.strategy, ""
        if strategy is Strategy.UDF:
            sql = [
                option.strategy for option in plan.options if option.strategy in SQL_STRATEGIES and not option.refused
            ]
            try:
                with self.engine.transaction():
                    self.engine.register(made, codec.encode(model))
                    self.engine.install_udf(made, table, server_python)
                return made, ""
            except DeployError as error:
                if not may_fall_back or not sql:
                    raise
                strategy, note = sql[0], f"-- {sql[0].value} in place of udf: {error.message}\n"
            made = replace(made, strategy=strategy.value)
        self.engine.register(made, codec.encode(model))
        self.engine.install(made, ready, table, strategy)
        return made, note

    def _deployment(
        self, name: str, model: Model, ready: Model, table: Table, plan: Plan, known: Sequence[Deployment]
    ) -> Deployment:
        versions = [each.version for each in known if each.name == name]
        lanes = lanes_of(ready)
        made = Deployment(
            name, max(versions, default=0) + 1, codec.digest(model), table.schema, table.name, plan.strategy.value,
            plan.columns, lanes, targets_of(ready), dict(model.source),
        )  # fmt: skip
        longest = max((made.function(lane) for lane in lanes), key=lambda each: len(each.encode()), default="")
        if self.engine.name_bytes is not None and len(longest.encode()) > self.engine.name_bytes:
            raise DeployError(
                f"cannot deploy {name!r}: its function {longest!r} would have {len(longest.encode())} bytes, needed at "
                f"most {self.engine.name_bytes}",
                "Choose a shorter name.",
            )
        return made

    def _prove(self, deployment: Deployment, table: Table, proof: GoldenRows) -> None:
        rows = verify.rows_for(deployment.columns, proof)
        report = verify.compare_rows(
            deployment, rows, self.engine.proof_predictions(deployment, table, rows), proof.expected(deployment)
        )
        if not report.ok:
            raise VerifyError(f"cannot deploy {deployment.name!r}: it does not give what the library gives.\n{report}")

    def score(
        self,
        name: str,
        table: str | None = None,
        key: str | Sequence[str] | None = None,
        into: str | None = None,
        where: str | None = None,
        chunk_rows: int | None = None,
        progress: Progress | None = None,
        outputs: Sequence[str] = ("predict", "predict_proba"),
        replace: bool = False,
        jobs: int = 1,
    ) -> int:
        """Score a whole table into the table `into`; the number of rows.

        An interrupted run goes on where it was when it is called again. `key` is the primary key unless told, `into`
        `<table>_<name>`, `where` an SQL condition on the table's columns. `jobs`: how many connections score at once,
        in PostgreSQL, where each has a process of its own; they stay open, for the next table, until this database is
        closed. DuckDB uses all its threads by itself.

        Raises: DatabaseError when the key is not unique, the final name is taken, or there can be no second connection;
        NotDeployed.
        """
        with self._reported(f"score {name!r}"):
            deployment = find(self.engine.deployments(), name)
            found = self._source(deployment, table)
            columns = (key,) if isinstance(key, str) else tuple(key or found.key)
            if not columns:
                raise DatabaseError(
                    f"cannot score {found.name!r}: it has no primary key", "Name its unique columns with key=, --key."
                )
            model = self._ready(deployment)
            schema, target = self._target(into or f"{found.name}_{deployment.name}", found)
            task = Task(deployment, model, found, columns, where, tuple(outputs), schema, target)
            usual = self.engine.large_chunk_rows if task.is_large else self.engine.chunk_rows
            return score(self.engine, task, chunk_rows or usual, replace, progress, jobs)

    def _ready(self, deployment: Deployment) -> Model:
        """A deployed model as it is scored: optimised unless Python runs it; kept, as that takes as long as scoring."""
        key = (deployment.digest, deployment.strategy)
        model = self._kept.get(key)
        if model is None:
            model = codec.decode(self.engine.model_bytes(deployment), deployment.name)
            if deployment.strategy != Strategy.UDF.value:
                model = optimise(model)
            if len(self._kept) >= KEPT_MODELS:
                self._kept.clear()
            self._kept[key] = model
        return model

    def _source(self, deployment: Deployment, table: str | None) -> Table:
        """The table to score: the model's own, or another with the same columns."""
        if table is None:
            return self.engine.find_table(f'"{_escaped(deployment.schema)}"."{_escaped(deployment.table)}"')
        found = self.engine.find_table(table)
        problems = []
        for column in deployment.columns:
            other = found.column(column.column)
            if other is None or other.kind is None or other.kind.value != column.kind:
                was = "nothing" if other is None else other.type
                problems.append(f"\n  - column {column.column!r}: found {was}, needed {column.type}")
        if problems:
            raise DatabaseError(
                f"cannot score {found.name!r} with {deployment.pinned!r}:{''.join(problems)}",
                f"Deploy the model for {found.name!r}.",
            )
        return found

    def _target(self, into: str, table: Table) -> tuple[str, str]:
        """(schema, table) of a name: `schema.table` where there is such a schema, else a table beside the source."""
        schema, dot, name = into.partition(".")
        known = {each[0] for each in self.engine.table_names()} | {self.engine.current_schema}
        return (schema, name) if dot and name and schema in known else (table.schema, into)

    def sql(self, query: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> Any:
        """Run a query in which predict() and its kin work; the driver's cursor (psycopg) or connection (DuckDB).

        Raises: NotDeployed for a model name that is unknown, BindError for a label, DatabaseError for what the
        database says.
        """
        with self._reported("run the query"):
            if rewrite.mentions(query):
                query = rewrite.rewrite(query, self.engine.dialect, self._known())
            return self.engine.execute(query, params)  # type: ignore[arg-type]

    def calibrate(self) -> dict[str, float]:
        """Measure what strategies cost on this server, in well under 30 seconds, and keep it for the planner.

        The result has nanoseconds by the names of `indb.planner.costs.Costs`.

        Raises: DatabaseError when this role may not create tables or functions.
        """

        def deploy(name: str, model: Model, table: str, strategy: Strategy) -> Deployment:
            """As `deploy`, but predict() and its kin are left as they are."""
            self.engine.prepare()
            found, ready = self.engine.find_table(table), optimise(model)
            plan = self._plan(model, ready, found, strategy, None)
            made = self._deployment(name, model, ready, found, plan, [])
            return self._install(made, model, ready, found, plan, False, None)[0]

        with self._reported("calibrate"):
            found = calibrate(self.engine, deploy)
            store_costs(self.engine, found)
            return found

    def capabilities(self) -> list[Capability]:
        """What this database can do for indb, and how to get what is missing."""
        with self._reported("examine the database"):
            return capabilities(self.engine)

    def _known(self) -> list[Deployment] | None:
        """The deployments; None when this role may not read the registry, whose functions it can call all the same."""
        try:
            return self.engine.deployments()
        except self.engine.driver_error as error:
            if "permission denied" in str(error):
                return None
            raise

    def verify(
        self, name: str, model_object: Any = None, limit: int | None = 100_000, tolerance: float | None = None
    ) -> Report:
        """Compare what the database computes for the rows of the model's table with the model, or with a library.

        model_object: the fitted estimator; without it `indb.evaluate` is the judge. tolerance: the largest difference
        of numbers, relative above 1; labels must be equal.

        Raises: NotDeployed.
        """
        with self._reported(f"verify {name!r}"):
            deployment = find(self.engine.deployments(), name)
            table = self._source(deployment, None)
            rows, found = self.engine.predictions(deployment, table, limit)
            if model_object is not None:
                frame = verify.frame_of(deployment.columns, rows, model_object)
                expected = verify.golden_rows(model_object, frame).expected(deployment)
                return verify.compare_rows(deployment, rows, found, expected, tolerance or verify.LIBRARY_TOLERANCE)
            model = codec.decode(self.engine.model_bytes(deployment), name)
            expected = verify.evaluated(model, deployment, rows)
            usual = verify.LIBRARY_TOLERANCE if model.is_foreign else verify.TOLERANCE
            return verify.compare_rows(deployment, rows, found, expected, tolerance or usual)

    def models(self) -> list[Deployment]:
        """The newest version of each model, by name."""
        with self._reported("list the models"):
            latest = newest(self.engine.deployments())
        return [latest[name] for name in sorted(latest)]

    def history(self, name: str) -> list[Deployment]:
        """Every version of a model, oldest first.

        Raises: NotDeployed with the nearest known names.
        """
        with self._reported(f"list the versions of {name!r}"):
            return self._versions(name)

    def _versions(self, name: str) -> list[Deployment]:
        known = self.engine.deployments()
        versions = [each for each in known if each.name == name]
        if not versions:
            raise NotDeployed(f"cannot find model {name!r} in this database", did_you_mean(name, newest(known)))
        return sorted(versions, key=lambda each: each.version)

    def drop(self, name: str) -> None:
        """Take all versions of a model out of the database. Tables of scores stay.

        Raises: NotDeployed with the nearest known names; DatabaseError when a view needs its functions.
        """
        with self._reported(f"drop {name!r}"):
            versions = self._versions(name)
            with self.engine.transaction():
                self.engine.prepare()
                self.engine.unregister(name)
                self.engine.rebuild(self.engine.deployments())
                self.engine.remove(name, versions)

    @contextmanager
    def _reported(self, verb: str, kind: type[IndbError] = DatabaseError) -> Iterator[None]:
        """What the driver raises, as an error of ours that says what could not be done."""
        try:
            yield
        except self.engine.driver_error as error:
            problem = self.engine.driver_problem(verb, error)
            raise kind(problem.message, problem.hint) from error


def _escaped(name: str) -> str:
    return name.replace('"', '""')


def _strategy(value: Strategy | str) -> Strategy:
    try:
        return Strategy(value)
    except ValueError:
        known = [each.value for each in Strategy]
        raise DeployError(f"cannot use strategy {value!r}: it is unknown", did_you_mean(str(value), known)) from None


def connect(target: Any) -> Database:
    """Open a database: "duckdb:///path", "duckdb://" (in memory), "postgresql://…", or an open connection.

    A connection that is handed in stays open when the Database is closed. A PostgreSQL connection gets the schema indb
    at the end of its search_path until then.

    Raises: DatabaseError for an unknown kind of target, or a database that cannot be opened.
    """
    return Database(open_engine(target))
