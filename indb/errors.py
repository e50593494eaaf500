"""The error tree. Every error says what could not be done, why (found, needed) and the next step.

The message form is *cannot <verb> <what>: <why>. <next step>.* This module imports nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class IndbError(Exception):
    """Base of every error that indb raises on purpose."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        self.message = message
        self.hint = hint
        super().__init__(message if hint is None else f"{message}\n  {hint}")


class InvalidModel(IndbError):
    """A model that breaks a rule of the representation: a bug in a reader or a pass."""


class UnsupportedModel(IndbError):
    """An estimator, an option or a loss that indb does not read."""


class ModelFileError(IndbError):
    """A model file that is damaged, too new, of an unknown format, or not trusted."""


class EmitError(IndbError):
    """A model that cannot be written in a dialect: unknown dialect, or a limit of the database."""


class BindError(IndbError):
    """A model whose columns do not fit the table: a column is missing or has the wrong type."""


class DatabaseError(IndbError):
    """The database refused or could not be reached."""


class DeployError(IndbError):
    """A model that could not be installed; the database is as it was before."""


class NotDeployed(IndbError):
    """A model name or version that the registry of this database does not hold."""


class VerifyError(IndbError):
    """The database computes other numbers than the source model."""


class DeprecatedFormat(UserWarning):
    """A file in a format that its own library no longer recommends."""


class UntestedVersion(UserWarning):
    """A library in a version that indb is not tested with."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence that offers the nearest known words, or lists them when none is near."""
    options = sorted(known)
    near = [option for option in options if option.lower() == word.lower()] or get_close_matches(word, options, n=1)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"Known: {', '.join(options)}." if options else "None is known."
