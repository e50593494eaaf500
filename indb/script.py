"""What `deploy` would run, as files for a DBA: install, rollback, uninstall. Nothing is changed where they are written.

The statements are those of `indb.deploy` and `indb.lifecycle`, to the letter; here they only get a preamble, a
transaction, and what a shell needs to stop at the first error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from indb.deploy import Deployed, Request, deploy
from indb.emit import Strategy
from indb.engines.base import Engine
from indb.engines.deployment import Deployment
from indb.lifecycle import drop

STOP = {"postgres": "\\set ON_ERROR_STOP on", "duckdb": ".bail on"}
"""What tells a shell to stop at the first error."""

SHELL = {"postgres": "psql --file", "duckdb": "duckdb shop.duckdb -f"}


@dataclass(frozen=True)
class Script:
    """Three files as text, and what the first would deploy."""

    install: str
    rollback: str
    uninstall: str
    deployed: Deployed


def script(engine: Engine, request: Request, roles: bool = False) -> Script:
    """The files for a request. roles: whether the first begins with the roles of indb.

    Raises: what `deploy` raises before it changes anything.
    """
    with engine.transaction():
        with engine.written_down() as installing:
            if roles:
                engine.create_roles()
            deployed = deploy(engine, request)
        made = deployed.deployment
        known = engine.deployments()
        back = _back(engine, made, known)
        removing = _removed(engine, made, known) if known else _everything(engine, made)
    return Script(
        _file(engine, deployed, f"installs {made.pinned}", _preamble(engine, deployed), installing),
        _file(engine, deployed, f"goes back from {made.pinned}", _REASONS["rollback"], back),
        _file(engine, deployed, f"takes out {made.pinned}", _REASONS["uninstall"], removing),
        deployed,
    )


_REASONS = {
    "rollback": ["What the bare name meant before, it means again. The version stays, as archived."],
    "uninstall": ["Everything that the install script made is removed; the version before is in production again."],
}


def _back(engine: Engine, made: Deployment, known: Sequence[Deployment]) -> list[str]:
    """The statements that take back a promotion."""
    before = _before(made, known)
    if before is None:
        return []
    with engine.written_down() as found:
        engine.prepare()
        engine.rollback(made, before, [*known, made])
    return found


def _before(made: Deployment, known: Sequence[Deployment]) -> Deployment | None:
    """The version whose place a new one takes in production."""
    return next((each for each in known if each.name == made.name and each.is_champion), None)


def _removed(engine: Engine, made: Deployment, known: Sequence[Deployment]) -> list[str]:
    """The statements that take out one version among others, also while it is in production."""
    before = _before(made, known)
    name = f"name = {_text(made.name)}"
    with engine.written_down() as found:
        engine.prepare()
        engine.expect(known, made)
        if before and engine.dialect == "postgres":
            where = f"m.{name} AND m.version = {made.version} AND m.state = 'production'"
            engine.write(f"SELECT indb.rollback(m.name) FROM indb.models AS m WHERE {where}")
        elif before and made.is_champion:
            engine.rollback(made, before, [*known, made])
        drop(engine, [made], [*known, made], is_last=not any(each.name == made.name for each in known))
    return found


def _everything(engine: Engine, made: Deployment) -> list[str]:
    """Take out indb itself, which the install script brought; not when another model came meanwhile."""
    if engine.dialect == "duckdb":
        with engine.written_down() as found:
            engine.rebuild([])
            engine.remove(made.name, [made])
        others = f"(name, version) <> ({_text(made.name)}, {made.version})"
        check = f"SELECT error('cannot uninstall: ' || name || ' is deployed too') FROM indb.models WHERE {others}"
        return [check, *found, "DROP SCHEMA indb CASCADE"]
    check = (
        "DO $body$\nBEGIN\n    IF EXISTS (SELECT FROM indb.models AS m WHERE (m.name, m.version) <> "
        f"({_text(made.name)}, {made.version})) THEN\n"
        "        RAISE EXCEPTION 'cannot uninstall: other models are deployed' "
        "USING HINT = 'Write the script again, or drop them.';\n    END IF;\nEND\n$body$"
    )
    return ["SET LOCAL client_min_messages = warning", check, "DROP SCHEMA indb CASCADE"]


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _preamble(engine: Engine, deployed: Deployed) -> list[str]:
    made, plan = deployed.deployment, deployed.plan
    source = ", ".join(f"{key} {value}" for key, value in made.source.items())
    lines = [
        f"Model {made.name}, version {made.version}, SHA-256 {made.digest}.",
        f"Read from: {source or 'unknown'}.",
        f"For table {made.relation}; it reads {', '.join(f'{each} ({each.type})' for each in made.columns)}.",
        f"Strategy {made.strategy}: {plan.reason}.",
    ]
    if made.strategy == Strategy.UDF.value and engine.dialect == "postgres":
        lines.append("It runs as PL/Python: run it as a superuser. What is created is described in udfs/README.md.")
    else:
        lines.append("Needed: the right to create in the database, or ownership of the schema indb. No superuser.")
    return [*lines, "Everything happens in one transaction; it may be run again. A proof comes last."]


def _file(engine: Engine, deployed: Deployed, what: str, lines: Sequence[str], statements: Sequence[str]) -> str:
    """A file that a shell runs as it is."""
    head = [f"This file {what} in {engine.version}. Run it with {SHELL[engine.dialect]}.", "", *lines]
    comment = "\n".join(f"-- {' '.join(line.split())}".rstrip() for line in head)
    body = "".join(f"{each.rstrip().removesuffix(';')};\n\n" for each in statements)
    if not body:
        return f"{comment}\n-- There is nothing to do.\n"
    return f"{comment}\n\n{STOP[engine.dialect]}\n\nBEGIN;\n\n{body}COMMIT;\n"
