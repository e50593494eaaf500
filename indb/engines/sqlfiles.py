"""The files of `sql/` and `udfs/`: what indb runs in a database, where a DBA can read it.

A wheel carries the folders inside the package; a source checkout has them beside the package.
"""

from __future__ import annotations

from pathlib import Path

from indb.errors import IndbError

_PACKAGE = Path(__file__).resolve().parents[1]
FOLDERS = (_PACKAGE, _PACKAGE.parent)
"""Where the folders may lie: in an installed wheel, in a checkout."""


def sql_file(engine: str, name: str) -> str:
    """The text of `sql/<engine>/<name>`.

    Raises: IndbError when the installation lacks the file.
    """
    return _text(f"sql/{engine}/{name}")


def udf_file(name: str) -> str:
    """The text of `udfs/<name>`.

    Raises: IndbError when the installation lacks the file.
    """
    return _text(f"udfs/{name}")


def _text(name: str) -> str:
    for folder in FOLDERS:
        path = folder / name
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise IndbError(f"cannot read {name}: this installation of indb lacks it", "Install indb again.")
