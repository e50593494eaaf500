"""Promotion and rollback while sessions predict without pause, and several who deploy at once."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from deployed import opened, regression, rows

import indb

SESSIONS = 8
CHANGES = 200


@pytest.fixture(params=["postgres"])
def db(request):
    yield from opened(request)


@pytest.fixture
def connect(db):
    """A function that opens another session."""
    info = db.engine.connection.info

    def connected():
        found = psycopg.connect(info.dsn, password=info.password or None, autocommit=True)
        found.execute("SET search_path = public, indb")
        return found

    return connected


@pytest.mark.slow
def test_rollback_under_load(db, connect):
    """No error, no deadlock, and never a score of a version that was not in production meanwhile."""
    db.deploy("times", regression(factor=1.0), "flights")
    db.deploy("times", regression(factor=2.0), "flights")
    stop = threading.Event()
    named = "SELECT predict('times', f), \"times\"(f), predict('times@champion', f) FROM flights AS f WHERE id = 1"

    def analyst(number):
        seen, calls = set(), 0
        with connect() as session:
            if number % 2:  # plans that are kept must notice too
                session.execute("SET plan_cache_mode = force_generic_plan")
                session.prepare_threshold = 0
            while not stop.is_set():
                found = session.execute(named).fetchone()
                seen.update(found)
                calls += 1
                # One statement sees one version: the functions are replaced in one transaction.
                assert len({found[0], found[2]}) == 1
                time.sleep(0)
        return seen, calls

    with connect() as observer, ThreadPoolExecutor(SESSIONS) as pool:
        observer.execute("SET plan_cache_mode = force_generic_plan")
        observer.prepare_threshold = 0
        found = [pool.submit(analyst, number) for number in range(SESSIONS)]
        try:
            for number in range(CHANGES):
                if number % 2:
                    db.promote("times@2")
                else:
                    db.rollback("times")
                after = rows(db, "SELECT predict('times', f) FROM flights AS f WHERE id = 1")
                wanted = 1.0 if number % 2 else 0.5
                assert after == [(wanted,)]
                assert (
                    observer.execute(named).fetchone() == (wanted,) * 3
                )  # its next statement, with a plan it has kept
        finally:
            stop.set()
        results = [each.result(60) for each in found]
    assert set().union(*(seen for seen, _ in results)) == {0.5, 1.0}
    assert all(calls > 50 for _, calls in results)
    actions = [each.action for each in db.history("times")]
    assert actions.count("rollback") == actions.count("promote") - 2 == CHANGES // 2


def test_all_who_deploy_at_once_get_a_version(db, connect):
    """They wait for one another; nobody's model is lost, and the last one is in production."""

    def deploy(number):
        with connect() as session, indb.connect(session) as own:
            return own.deploy("times", regression(factor=float(number)), "flights").version

    with ThreadPoolExecutor(6) as pool:
        versions = list(pool.map(deploy, range(1, 7)))
    assert sorted(versions) == [1, 2, 3, 4, 5, 6]
    for number, version in enumerate(versions, start=1):
        assert rows(db, f"SELECT predict('times@{version}', f) FROM flights AS f WHERE id = 1") == [(0.5 * number,)]
    assert [each.version for each in db.versions("times") if each.is_champion] == [6]
    assert db.verify("times").ok


def test_a_drop_and_a_deployment_at_once(db, connect):
    db.deploy("times", regression(), "flights")

    def act(number):
        with connect() as session, indb.connect(session) as own:
            if number % 2:
                own.deploy(f"new{number}", regression(), "flights")
            else:
                own.drop("times")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(act, range(2)))
    assert [each.name for each in db.models()] == ["new1"]
    assert rows(db, "SELECT predict('new1', f) FROM flights AS f WHERE id = 1") == [(1.0,)]


def test_a_transaction_that_would_not_see_what_others_deploy_is_refused(db, connect):
    with connect() as session:
        session.execute("SET default_transaction_isolation = 'repeatable read'")
        with indb.connect(session) as own, pytest.raises(indb.errors.DatabaseError, match="not READ COMMITTED"):
            own.deploy("times", regression(), "flights")
    assert db.models() == []
