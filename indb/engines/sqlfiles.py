"""The SQL files of `sql/`: what indb runs in a database, where a DBA can read it.

A wheel carries the folder inside the package; a source checkout has it beside the package.
"""

from __future__ import annotations

from pathlib import Path

from indb.errors import IndbError

_PACKAGE = Path(__file__).resolve().parents[1]
FOLDERS = (_PACKAGE / "sql", _PACKAGE.parent / "sql")
"""Where the files may lie: in an installed wheel, in a checkout."""


def sql_file(engine: str, name: str) -> str:
    """The text of `sql/<engine>/<name>`.

    Raises: IndbError when the installation lacks the file.
    """
    for folder in FOLDERS:
        path = folder / engine / name
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise IndbError(f"cannot read sql/{engine}/{name}: this installation of indb lacks it", "Install indb again.")
