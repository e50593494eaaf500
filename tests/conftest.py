"""Fixtures of all tests, and one PostgreSQL for a run: xdist's workers share what their controller starts."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict

import duckdb
import hypothesis
import psycopg
import pytest
from engines import NoPostgres, Postgres, absent, database, postgres, python_problem
from pmml_oracle import Oracles, oracles

# A busy machine is no failure; and CI tries the same examples each time, so that a change is not blamed for luck.
hypothesis.settings.register_profile("indb", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("indb")

SERVER = pytest.StashKey["Postgres | NoPostgres"]()
STACK = pytest.StashKey[ExitStack]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The flags of our own."""
    parser.addoption("--update-golden", action="store_true", help="write the SQL files of tests/golden anew")


def pytest_configure(config: pytest.Config) -> None:
    """With xdist the controller starts the server before it starts its workers; it does not see the tests."""
    if hasattr(config, "workerinput"):
        found = config.workerinput["postgres"]
        config.stash[SERVER] = NoPostgres(found["error"]) if "error" in found else Postgres(**found)
    elif config.getoption("tx", None) and not config.option.collectonly:
        if "not postgres" in config.option.markexpr:
            config.stash[SERVER] = NoPostgres("not started: the tests that need one are left out")
        else:
            _start(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node) -> None:
    """Tell a worker of xdist which server there is."""
    server = node.config.stash[SERVER]
    if isinstance(server, Postgres):
        node.workerinput["postgres"] = asdict(server)
    else:
        node.workerinput["postgres"] = {"error": str(server)}


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server that this process started."""
    if STACK in config.stash:
        config.stash[STACK].close()


def _start(config: pytest.Config) -> None:
    config.stash[STACK] = stack = ExitStack()
    try:
        config.stash[SERVER] = stack.enter_context(postgres())
    except NoPostgres as error:
        config.stash[SERVER] = error


def _line(config: pytest.Config) -> str:
    server = config.stash[SERVER]
    return server.header if isinstance(server, Postgres) else f"PostgreSQL: none ({server})"


def pytest_report_header(config: pytest.Config) -> list[str]:
    """The databases of this run, as far as they are known before the tests are collected."""
    return [f"DuckDB: {duckdb.__version__}", *([_line(config)] if SERVER in config.stash else [])]


@pytest.hookimpl(tryfirst=True)  # before `-m` is applied
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a PostgreSQL: by a fixture's name, or by the name of the engine that it is a case of."""
    for item in items:
        params = item.callspec.params.values() if hasattr(item, "callspec") else ()
        engines = {value for value in params if isinstance(value, str)}
        if "postgres" in engines or any(name.startswith("postgres") for name in getattr(item, "fixturenames", ())):
            item.add_marker("postgres")


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> str | None:
    """Without xdist the server starts here, and only if a collected test needs it."""
    if SERVER in config.stash or config.option.collectonly:
        return None
    if not any(item.get_closest_marker("postgres") for item in items):
        return None
    _start(config)
    return _line(config)


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> Postgres:
    """The server. Where there is none, a test that needs it is skipped, but fails in CI."""
    config = request.config
    if SERVER not in config.stash:  # -q leaves out the hook that reports
        _start(config)
    server = config.stash[SERVER]
    if isinstance(server, Postgres):
        return server
    absent(f"a PostgreSQL: {server}")


@pytest.fixture(scope="session")
def postgres_database(postgres_server: Postgres) -> Iterator[Callable[[], str]]:
    """A function that gives the DSN of a new empty database each time; all are dropped at the end."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(database(postgres_server.dsn, f"indb_{secrets.token_hex(6)}"))


@pytest.fixture(scope="module")
def postgres_dsn(postgres_server: Postgres) -> Iterator[str]:
    """The DSN of a database that is new for each test module, dropped after it."""
    with database(postgres_server.dsn, f"indb_{secrets.token_hex(6)}") as dsn:
        yield dsn


@pytest.fixture
def postgres_connection(postgres_dsn: str) -> Iterator[psycopg.Connection]:
    """A connection to the module's database; what a test leaves uncommitted is rolled back."""
    with psycopg.connect(postgres_dsn) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def duckdb_connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """A new DuckDB in memory."""
    with duckdb.connect() as connection:
        yield connection


@pytest.fixture(scope="session")
def plpython(postgres_server: Postgres) -> None:
    """PL/Python with numpy on the server. Where it is missing, a test that needs it is skipped, but fails in CI."""
    problem = python_problem(postgres_server.dsn)
    if problem:
        absent(f"PL/Python with numpy: {problem}")


@pytest.fixture
def role(postgres_server: Postgres) -> str:
    """A role without any right; it stays, because databases of other tests may still hold what is its own."""
    name = f"indb_plain_{secrets.token_hex(6)}"
    with psycopg.connect(postgres_server.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name}")
    return name


@pytest.fixture(scope="session")
def pmml_oracles() -> Iterator[Oracles]:
    """The JPMML evaluator and PMML4S, in a Java process of this session."""
    with oracles() as found:
        yield found
