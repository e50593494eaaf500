"""What is installed: the wheel carries the SQL files, and they are found from there and from a checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from indb.engines import sqlfiles
from indb.errors import IndbError

ROOT = Path(__file__).resolve().parents[1]
SQL = sorted(path.relative_to(ROOT / "sql").as_posix() for path in (ROOT / "sql").rglob("*.sql"))


@pytest.mark.parametrize("name", SQL)
def test_sql_files_are_read(name):
    engine, _, file = name.rpartition("/")
    assert sqlfiles.sql_file(engine, file) == (ROOT / "sql" / name).read_text(encoding="utf-8")


def test_a_file_that_is_missing_is_named():
    with pytest.raises(IndbError, match=r"cannot read sql/postgres/nothing\.sql: this installation of indb lacks it"):
        sqlfiles.sql_file("postgres", "nothing.sql")


@pytest.mark.slow
def test_the_wheel_works_without_the_checkout(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    assert {f"indb/sql/{name}" for name in SQL} <= set(archive.namelist())
    assert "indb/udfs/README.md" in archive.namelist()
    assert any(name.endswith("licenses/LICENSE") for name in archive.namelist())
    assert not any(name.startswith(("tests", "bench")) for name in archive.namelist())
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from indb.engines.sqlfiles import sql_file, FOLDERS\n"
        "assert str(FOLDERS[0]).startswith(sys.argv[1]), FOLDERS\nprint(sql_file('postgres', 'schema.sql'))"
    )
    command = [sys.executable, "-c", script, str(site)]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == sqlfiles.sql_file("postgres", "schema.sql").strip()
