"""Tables that several connections score at once."""

import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
from deployed import binary, regression, rows, run

import indb
from indb.database import Database
from indb.engines import score
from indb.errors import DatabaseError

ROWS = 1_000


@pytest.fixture
def db(postgres_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A database with a table of many rows, of which a few are many enough."""
    monkeypatch.setattr(score, "FEW_ROWS", 10)
    with indb.connect(postgres_database()) as database:
        run(database, "CREATE TABLE flights (id integer PRIMARY KEY, age integer, city text, dist double precision)")
        run(
            database,
            "INSERT INTO flights SELECT i, i % 70, CASE WHEN i % 3 = 0 THEN 'Paris' ELSE 'Rome' END, i * 0.5 "
            f"FROM generate_series(1, {ROWS}) AS g(i)",
        )
        database.deploy("late", binary(), "flights")
        yield database


def sessions(db: Database) -> set[int]:
    """The other connections to this database."""
    query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    return {pid for (pid,) in rows(db, query)}


def others(db: Database) -> int:
    """The other connections to this database, once those that were closed have ended."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    for _ in range(50):
        if rows(db, query) == [(0,)]:
            return 0
        time.sleep(0.1)
    return int(rows(db, query)[0][0])


@pytest.mark.parametrize("jobs", [2, 3])
@pytest.mark.parametrize("chunk_rows", [37, 400, 5_000])
def test_jobs_give_what_one_gives(db: Database, jobs: int, chunk_rows: int) -> None:
    db.score("late", into="alone")
    seen: list[tuple[int, int]] = []
    found = db.score(
        "late", into="together", jobs=jobs, chunk_rows=chunk_rows, progress=lambda *each: seen.append(each)
    )
    assert found == ROWS
    assert rows(db, "SELECT * FROM together ORDER BY id") == rows(db, "SELECT * FROM alone ORDER BY id")
    assert seen == sorted(seen)
    assert seen[0] == (0, ROWS)
    assert seen[-1] == (ROWS, ROWS)
    assert len(seen) >= 1 + jobs
    assert len(sessions(db)) == jobs


def test_the_settings_and_the_role_of_the_session(db: Database, role: str) -> None:
    run(db, "CREATE SCHEMA mine")
    run(db, "CREATE TABLE mine.own (LIKE public.flights INCLUDING ALL)")
    run(db, "INSERT INTO mine.own SELECT * FROM public.flights")
    run(db, "ALTER TABLE mine.own ADD COLUMN at_ date DEFAULT '2026-02-01'")
    run(db, f"GRANT USAGE, CREATE ON SCHEMA mine TO {role}")
    run(db, f"GRANT USAGE, CREATE ON SCHEMA indb TO {role}")
    run(db, f"GRANT ALL ON ALL TABLES IN SCHEMA indb, mine TO {role}")
    run(db, "SET search_path = mine, indb")
    run(db, "SET datestyle = 'German'")
    db.deploy("late", binary(), "own")
    run(db, f"SET ROLE {role}")
    # The date is the first of February in this session alone.
    assert db.score("late", "own", into="scores", where="at_ = '01/02/2026'", jobs=2, chunk_rows=100) == ROWS
    assert rows(db, "SELECT tableowner FROM pg_tables WHERE tablename = 'scores'") == [(role,)]


def test_an_interrupted_score_with_jobs_goes_on(db: Database) -> None:
    def stop(done: int, total: int) -> None:
        if done >= 300:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        db.score("late", into="scores", jobs=3, chunk_rows=100, progress=stop)
    assert others(db) == 0
    ((done,),) = rows(db, "SELECT rows_done FROM indb.score_progress")
    assert 300 <= done < ROWS
    assert rows(db, "SELECT last_key FROM indb.score_progress") == [(f'["{done}"]',)]
    run(db, f"INSERT INTO scores__indb_partial (id) VALUES ({done + 1})")  # of a chunk beyond the mark
    seen: list[int] = []
    assert db.score("late", into="scores", jobs=2, progress=lambda done, _: seen.append(done)) == ROWS
    assert seen[0] == done
    assert rows(db, "SELECT count(*), count(DISTINCT id), count(predict) FROM scores") == [(ROWS, ROWS, ROWS)]


def test_connections_are_kept_and_have_the_settings_of_each_time(db: Database, role: str) -> None:
    run(db, f"GRANT USAGE, CREATE ON SCHEMA public, indb TO {role}")
    run(db, f"GRANT ALL ON ALL TABLES IN SCHEMA indb, public TO {role}")
    run(db, f"SET ROLE {role}")
    run(db, "SET datestyle = 'German'")
    where = "id < CASE WHEN current_setting('datestyle') LIKE 'German%' AND current_user = '{}' THEN 101 ELSE 201 END"
    assert db.score("late", into="first", where=where.format(role), jobs=2, chunk_rows=20) == 100
    first = sessions(db)
    assert len(first) == 2
    run(db, "RESET datestyle")
    run(db, "RESET ROLE")
    assert db.score("late", into="second", where=where.format(role), jobs=2, chunk_rows=20) == 200
    assert sessions(db) == first
    rows(db, f"SELECT pg_terminate_backend(pid) FROM unnest(ARRAY{list(first)}) AS p(pid)")
    assert db.score("late", into="third", jobs=2, chunk_rows=300) == ROWS
    assert len(sessions(db)) == 2
    assert sessions(db).isdisjoint(first)
    info = db.engine.connection.info
    with psycopg.connect(info.dsn, password=info.password, autocommit=True) as connection:
        db.close()
        assert others(indb.connect(connection)) == 0


def test_what_one_connection_fails_at(db: Database) -> None:
    db.deploy("double", regression(), "flights")
    ((own,),) = rows(db, "SELECT pg_backend_pid()")  # which counts the rows
    fails = "1 / (id - 700) < 2 AND pg_sleep(CASE WHEN id = 1 THEN 60 ELSE 0 END) IS NOT NULL"
    where = f"CASE WHEN pg_backend_pid() = {own} THEN true ELSE {fails} END"
    started = time.monotonic()
    with pytest.raises(DatabaseError, match="division by zero"):
        db.score("double", into="scores", jobs=2, chunk_rows=500, where=where)
    assert time.monotonic() - started < 30  # nobody waits for the first chunk, which sleeps
    assert others(db) == 0


def test_where_others_could_not_see_it(db: Database) -> None:
    info = db.engine.connection.info
    with psycopg.connect(info.dsn, password=info.password or None) as connection:
        borrowed = indb.connect(connection)
        connection.execute("CREATE TABLE fresh (id integer PRIMARY KEY, dist double precision)")
        with pytest.raises(DatabaseError, match="an open transaction, of which others see nothing"):
            borrowed.score("late", jobs=2)


def test_jobs_that_cannot_be() -> None:
    with indb.connect("duckdb://") as db:
        run(db, "CREATE TABLE flights (id integer PRIMARY KEY, age integer, city varchar)")
        db.deploy("late", binary(), "flights")
        with pytest.raises(DatabaseError, match="one uses all its threads\n  Leave out jobs=, --jobs"):
            db.score("late", jobs=2)
        with pytest.raises(DatabaseError, match="cannot score in 0 jobs: needed at least 1"):
            db.score("late", jobs=0)
