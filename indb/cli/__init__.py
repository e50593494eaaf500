"""The command line: thin over `indb.database` and `indb.api`, with the same words."""

from __future__ import annotations

from indb.cli import deploying, listing, models, scoring
from indb.cli.common import main

__all__ = ["deploying", "listing", "main", "models", "scoring"]
