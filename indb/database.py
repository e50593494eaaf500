"""One open database as users see it: plan, deploy, score, query, verify, list and drop models.

It puts the parts together; what is special about a database is in `indb.engines`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from indb import codec, rewrite, verify
from indb.deploy import Request, chosen_providers, deploy, install, new_version, planned, prove_again, ready_of
from indb.emit import Strategy
from indb.engines import open_engine
from indb.engines.base import Engine
from indb.engines.capabilities import Capability, capabilities
from indb.engines.deployment import (
    Deployment,
    find,
    with_usage,
)
from indb.engines.score import Progress, Task, score
from indb.engines.tables import Table, changed_columns
from indb.errors import DatabaseError, DeployError, VerifyError
from indb.ir import Model
from indb.lifecycle import Lifecycle
from indb.passes import optimise
from indb.planner import Plan, calibrate, store_costs
from indb.planner.providers import on_cpu
from indb.script import Script, script
from indb.verify import GoldenRows, Report

KEPT_MODELS = 8
"""How many models that score tables an open database keeps in memory."""


class Database(Lifecycle):
    """An open database; a context manager that closes what indb opened."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
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
        mapping: Mapping[str, str] | None = None,
        providers: Sequence[str] = (),
        server_python: str | None = None,
    ) -> Plan:
        """How `deploy` would install the model, for queries over so many `rows`.

        rows: unless told those of the table, at least 100,000. providers, server_python: as for `deploy`.

        Raises: BindError when the table does not fit; DatabaseError when there is no such table; DeployError when the
        strategy that is asked for cannot be used, or none can.
        """
        with self._reported("plan"):
            found = self.engine.find_table(table)
            choices = chosen_providers(self.engine, model, providers, server_python)
            plan = planned(self.engine, model, ready_of(model), found, strategy, rename, rows, mapping)
            return dataclasses.replace(plan, providers=choices)

    def deploy(
        self,
        name: str,
        model: Model,
        table: str,
        rename: Mapping[str, str] | None = None,
        strategy: Strategy | str | None = None,
        proof: GoldenRows | None = None,
        server_python: str | None = None,
        promote: bool = True,
        mapping: Mapping[str, str] | None = None,
        providers: Sequence[str] = (),
    ) -> Deployment:
        """Install the model as the next version of `name` for the rows of a table, or change nothing at all.

        proof: rows with the outputs of the source library (`indb.golden_rows`); the installed functions must give them.
        server_python: a folder of packages for a UDF in PostgreSQL; it is written into the functions. promote: whether
        the bare name means this version from now on; else it is a candidate, called by `name@version`. mapping: an SQL
        expression over a row of the table in place of a column, {"age": "extract(year from age(born))"}. providers: the
        execution providers of ONNX Runtime on which the model's graphs are to run, in order, ("CUDAExecutionProvider",
        "CPUExecutionProvider"); those that start where the database runs Python are proven and used, the plan says why
        not the others.

        Raises: DeployError for a name that cannot be used, BindError for a table that does not fit, VerifyError when a
        proof row scores otherwise, DatabaseError when the server refuses.
        """
        request = Request(
            name, model, table, rename, strategy, proof, server_python, promote, mapping, tuple(providers)
        )
        with self._reported(f"deploy {name!r}", DeployError), self.engine.transaction():
            made = deploy(self.engine, request)
        return with_usage(made.deployment, made.note + self.engine.usage(made.deployment, made.table))

    def script(
        self,
        name: str,
        model: Model,
        table: str,
        rename: Mapping[str, str] | None = None,
        strategy: Strategy | str | None = None,
        proof: GoldenRows | None = None,
        server_python: str | None = None,
        promote: bool = True,
        mapping: Mapping[str, str] | None = None,
        roles: bool = False,
        providers: Sequence[str] = (),
    ) -> Script:
        """What `deploy` would run, as three files for psql or the duckdb shell: install, rollback, uninstall.

        Nothing is changed: the database is only asked what it has. The arguments are those of `deploy`; roles: whether
        the first file creates the roles indb_admin and indb_scorer, too.

        Raises: what `deploy` raises before it changes anything.
        """
        request = Request(
            name, model, table, rename, strategy, proof, server_python, promote, mapping, tuple(providers)
        )
        with self._reported(f"write a script for {name!r}", DeployError):
            return script(self.engine, request, roles)

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
                model = optimise(model.in_sql)
            if len(self._kept) >= KEPT_MODELS:
                self._kept.clear()
            self._kept[key] = model
        return model

    def _source(self, deployment: Deployment, table: str | None) -> Table:
        """The table to score: the model's own, or another with the same columns."""
        if table is None:
            return self.engine.find_table(f'"{_escaped(deployment.schema)}"."{_escaped(deployment.table)}"')
        found = self.engine.find_table(table)
        problems = changed_columns(deployment, found)
        if problems:
            raise DatabaseError(
                f"cannot score {found.name!r} with {deployment.pinned!r}:{''.join(problems)}",
                f"Deploy the model for {found.name!r}.",
            )
        return found

    def _check_columns(self, deployment: Deployment, table: Table) -> None:
        """A server lets people drop a column of a large model: it cannot look into its function."""
        problems = changed_columns(deployment, table)
        if problems:
            raise VerifyError(
                f"cannot verify {deployment.pinned!r}: table {table.name!r} has changed:{''.join(problems)}",
                "Change the table back, or deploy the model again.",
            )

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
            found, ready = self.engine.find_table(table), ready_of(model)
            plan = planned(self.engine, model, ready, found, strategy, None)
            made = new_version(self.engine, name, model, ready, found, plan, [])
            return install(self.engine, made, Request(name, model, table, strategy=strategy), ready, found, plan)[0]

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
        """Compare what the database computes with the model, or with a library: its golden rows, then its table's.

        The report is of the table's rows, or of the golden ones if these differ.

        model_object: the fitted estimator; without it `indb.evaluate` is the judge. tolerance: the largest difference
        of numbers, relative above 1; labels must be equal.

        Raises: NotDeployed.
        """
        with self._reported(f"verify {name!r}"):
            deployment = find(self.engine.deployments(), name)
            table = self._source(deployment, None)
            self._check_columns(deployment, table)
            golden = prove_again(self.engine, deployment, table)
            if not golden.ok:
                return golden
            rows, found = self.engine.predictions(deployment, table, limit)
            model = on_cpu(codec.decode(self.engine.model_bytes(deployment), name))
            if model_object is not None:
                frame = verify.frame_of(deployment.columns, rows, model_object)
                expected = verify.library_rows(model_object, frame).expected(deployment)
                usual = verify.library_tolerance(model)
                return verify.compare_rows(deployment, rows, found, expected, tolerance or usual)
            model = model if deployment.strategy == Strategy.UDF.value else model.in_sql
            expected = verify.evaluated(model, deployment, rows)
            usual = deployment.tolerance if model.is_foreign else verify.TOLERANCE
            return verify.compare_rows(deployment, rows, found, expected, tolerance or usual)


def _escaped(name: str) -> str:
    return name.replace('"', '""')


def connect(target: Any) -> Database:
    """Open a database: "duckdb:///path", "duckdb://" (in memory), "postgresql://…", or an open connection.

    A connection that is handed in stays open when the Database is closed. A PostgreSQL connection gets the schema indb
    at the end of its search_path until then.

    Raises: DatabaseError for an unknown kind of target, or a database that cannot be opened.
    """
    return Database(open_engine(target))
