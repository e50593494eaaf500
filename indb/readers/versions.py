"""The versions of libraries that indb is tested with. What is read comes from their inner structures."""

from __future__ import annotations

import re
import warnings
from functools import cache

from indb.errors import UntestedVersion

TESTED: dict[str, tuple[str, str]] = {
    "sklearn": ("1.9", "1.9"),
    "xgboost": ("3.2", "3.2"),
    "lightgbm": ("4.7", "4.7"),
    "catboost": ("1.2", "1.2"),
    "statsmodels": ("0.15", "0.15"),
    "imblearn": ("0.14", "0.14"),
    "interpret": ("0.7", "0.7"),
    "category_encoders": ("2.11", "2.11"),
}
"""Package -> the first and the last release that is tested, patches left out."""


@cache
def check(package: str, version: str) -> None:
    """Warn, once in a process, when a library is older or newer than what is tested.

    A library without a version, or one that is not in the table, passes.
    """
    first, last = TESTED.get(package, ("", ""))
    if not first or not version or _release(first) <= _release(version)[:2] <= _release(last):
        return
    tested = first if first == last else f"{first} to {last}"
    warnings.warn(
        f"{package} {version} is not among the versions that indb is tested with ({tested}). What is read may differ "
        "from what the library computes; compare them with db.verify(name, model_object=…).",
        UntestedVersion,
        stacklevel=4,
    )


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])
