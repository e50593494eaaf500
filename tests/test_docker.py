"""The folder docker: its files agree with each other and with the rest; what the image holds, where it runs."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import engines
import numpy as np
import psycopg
import pytest
from docker.utils.build import exclude_paths
from sklearn.ensemble import RandomForestRegressor

import indb
from indb.engines.postgres_extension import files

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = (ROOT / engines.DOCKERFILE).read_text("utf-8")
SCRIPTS = sorted([*(ROOT / "docker").rglob("*.sh"), ROOT / ".ci/run"])
PACKAGES = "/opt/indb/site-packages"


def name(path):
    return path.relative_to(ROOT).as_posix()


def test_what_is_copied_into_the_image_exists_and_is_sent_to_the_engine():
    copied = re.findall(r"(?m)^COPY (?!--from)(.*) \S+$", DOCKERFILE)
    copied.remove("build/extension")  # `make extension` makes it
    assert "\n\t$(BIN)/indb extension --out build/extension\n" in (ROOT / "Makefile").read_text("utf-8")
    assert "\n!build/extension\n" in (ROOT / ".dockerignore").read_text("utf-8")
    sent = exclude_paths(str(ROOT), (ROOT / ".dockerignore").read_text("utf-8").splitlines(), engines.DOCKERFILE)
    for source in (source for sources in copied for source in sources.split()):
        files = [path for path in ROOT.glob(source) if path.is_file()] or list((ROOT / source).rglob("*.*"))
        assert files, source
        assert {name(path) for path in files} <= sent, source
    assert {path.split("/")[0] for path in sent} <= {"sql", "build", "docker", ".dockerignore"}


def test_compose_builds_the_same_image():
    compose = (ROOT / "docker/compose.yaml").read_text("utf-8")
    (context,) = re.findall(r"(?m)^ +context: (.*)$", compose)
    assert (ROOT / "docker" / context).resolve() == ROOT
    assert re.findall(r"(?m)^ +dockerfile: (.*)$", compose) == [engines.DOCKERFILE]
    assert f"--server-python {PACKAGES}" in compose
    assert f"--target {PACKAGES} " in DOCKERFILE


def test_the_stand_in_takes_the_place_of_the_official_image():
    (official,) = re.findall(r"(?m)^ARG BASE=(.*)$", DOCKERFILE)
    assert f"${{BASE:-{official}}}" in (ROOT / "docker/container-test.sh").read_text("utf-8")
    used = set(re.findall(r"\$\{?([A-Z_]+)", DOCKERFILE)) - {"BASE", "PACKAGES"}
    made = (ROOT / "docker/base-image.sh").read_text("utf-8")
    assert used <= set(re.findall(r"ENV (\w+)=", made))
    for copied in re.findall(r"copy-in (postgres/\S+)", made):
        assert os.access(ROOT / "docker" / copied, os.X_OK)


def test_what_ci_runs_exists():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    steps = re.findall(r"(?m)^make (.*)$", (ROOT / ".ci/run").read_text("utf-8"))
    assert steps == ["lint", "test", "container-test"]
    for step in steps:
        assert re.search(f"(?m)^{step}: (setup|extension)", makefile), step
    for script in re.findall(r"docker/\S+\.sh", makefile):
        assert (ROOT / script) in SCRIPTS


@pytest.mark.parametrize("path", [*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "udfs/README.md"], ids=name)
def test_files_of_the_folder_that_pages_name_exist(path):
    for file in re.findall(r"\bdocker/[\w./-]*\w", path.read_text("utf-8")):
        assert (ROOT / file).exists(), file


@pytest.mark.parametrize("script", SCRIPTS, ids=name)
def test_scripts_are_bash_that_stops_at_an_error(script):
    text = script.read_text("utf-8")
    assert text.startswith("#!/usr/bin/env bash\n# ")
    assert "\nset -euo pipefail\n" in text
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", str(script)], check=True)


@pytest.fixture
def image(postgres_server):
    """The image that the server is a container of."""
    if not postgres_server.image:
        pytest.skip(f"the server is no container of docker/postgres: {postgres_server.label}")
    return postgres_server.image


def test_the_image_holds_the_sql_files_of_this_checkout(image, postgres_connection):
    folder = ROOT / "sql/postgres"
    for path in (path for path in folder.rglob("*") if path.is_file()):
        there = f"/opt/indb/sql/{path.relative_to(folder)}"
        assert postgres_connection.execute("SELECT pg_read_file(%s)", (there,)).fetchone() == (path.read_text("utf-8"),)


def test_a_new_server_is_ready(image, postgres_server, postgres_connection):
    with psycopg.connect(engines.with_database(postgres_server.dsn, "postgres")) as connection:
        found = connection.execute("SELECT extname FROM pg_extension ORDER BY 1").fetchall()
    assert {("indb",), ("indb_udf",), ("plpython3u",)} <= set(found)
    folder = "/opt/indb/extension"
    for name, content in files().items():
        found = postgres_connection.execute("SELECT pg_read_file(%s)", (f"{folder}/{name}",)).fetchone()
        assert found == (content,), name


def test_the_server_runs_trees_with_the_onnxruntime_of_the_image(image, plpython, postgres_connection):
    data = np.random.default_rng(0).normal(size=(1000, 2))
    forest = RandomForestRegressor(10, random_state=0).fit(data, data[:, 0] * data[:, 1])
    postgres_connection.execute("CREATE TABLE points (id int PRIMARY KEY, x0 float8, x1 float8)")
    with postgres_connection.cursor().copy("COPY points FROM STDIN") as copy:
        for number, row in enumerate(data[:100]):
            copy.write_row((number, *map(float, row)))
    with indb.connect(postgres_connection) as db:
        made = db.deploy("forest", indb.read(forest), "points", strategy="udf", server_python=PACKAGES)
        assert made.strategy == "udf"
        assert db.verify("forest", model_object=forest, tolerance=1e-12).ok
        db.engine.execute(
            "DO $$\nimport os, sys\n"
            f"assert sys.modules['onnxruntime'].__file__.startswith('{PACKAGES}/')\n"
            f"assert not os.access('{PACKAGES}', os.W_OK)\n$$ LANGUAGE plpython3u"
        )
        db.drop("forest")


def test_a_container_that_cannot_be_had_is_an_error_not_a_detour(monkeypatch):
    monkeypatch.delenv("INDB_TEST_POSTGRES", raising=False)
    monkeypatch.setenv("INDB_TEST_IMAGE", "indb-postgres:none")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent.sock")
    with pytest.raises(engines.NoPostgres, match=r"not set; no Docker engine answers$"), engines.postgres():
        pass


def test_a_connection_is_asked_for_its_password(image, postgres_server):
    dsn = psycopg.conninfo.make_conninfo(postgres_server.dsn, password="wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(dsn)
