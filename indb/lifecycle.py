"""What happens to a deployed model: promoted, rolled back, named, granted, dropped; and the log of it.

Each change is one transaction, in which nobody else changes what is deployed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from indb.engines.base import Engine
from indb.engines.deployment import Deployment, check_alias, current, find, split_name
from indb.engines.registry import Event
from indb.errors import DatabaseError, DeployError, IndbError, NotDeployed, did_you_mean


def drop(engine: Engine, versions: Sequence[Deployment], known: Sequence[Deployment], is_last: bool) -> None:
    """Take versions of a model out. known: all deployments; is_last: whether the model is gone with them."""
    gone = {each.pinned for each in versions}
    engine.unregister(versions)
    engine.rebuild([each for each in known if each.pinned not in gone])
    engine.remove(versions[0].name if is_last else "", versions)


class Lifecycle:
    """The versions in one database."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def models(self) -> list[Deployment]:
        """The version of each model that its bare name means, by name; of candidates only, the newest."""
        with self._reported("list the models"):
            latest = current(self.engine.deployments())
        return [latest[name] for name in sorted(latest)]

    def history(self, name: str | None = None) -> list[Event]:
        """What was done to a model, oldest first: who deployed, promoted, rolled back, granted, dropped. None: to all.

        Raises: NotDeployed with the nearest known names, for a model that never was in this database.
        """
        with self._reported("read the history"):
            found = self.engine.events(name)
            if name is not None and not found:
                self._versions(name)
        return found

    def versions(self, name: str) -> list[Deployment]:
        """Every version of a model, oldest first.

        Raises: NotDeployed with the nearest known names.
        """
        with self._reported(f"list the versions of {name!r}"):
            return self._versions(name)

    def _versions(self, name: str) -> list[Deployment]:
        known = self.engine.deployments()
        versions = [each for each in known if each.name == name]
        if not versions:
            raise NotDeployed(f"cannot find model {name!r} in this database", did_you_mean(name, current(known)))
        return sorted(versions, key=lambda each: each.version)

    def promote(self, name: str) -> Deployment:
        """Let the bare name mean a version: `churn@3`, `churn@challenger`. Open sessions see it at once.

        Raises: NotDeployed with the nearest known names.
        """
        self._check_version(name, "promote")
        with self._changing(f"promote {name!r}"):
            known = self.engine.deployments()
            wanted = find(known, name)
            if not wanted.is_champion:
                self.engine.promote(wanted, known)
            return find(self.engine.deployments(), wanted.pinned)

    def rollback(self, name: str) -> Deployment:
        """Let the bare name mean the version that was in production before. Called again, it goes back further.

        Raises: NotDeployed; DatabaseError when there is no such version.
        """
        with self._changing(f"roll back {name!r}"):
            versions = self._versions(name)
            now = next((each for each in versions if each.is_champion), None)
            before = next((each for each in versions if now and each.version == now.previous), None)
            if now is None or before is None:
                found = "no version in production" if now is None else f"{now.pinned} without one"
                raise DatabaseError(
                    f"cannot roll back {name!r}: found {found}, needed a version that was in production before",
                    "Promote a version: db.promote(name@version), indb promote.",
                )
            self.engine.rollback(now, before, self.engine.deployments())
            return find(self.engine.deployments(), before.pinned)

    def alias(self, name: str, alias: str) -> Deployment:
        """Let `model@alias` mean a version, such as "churn@3" the challenger; promote moves the champion.

        Raises: NotDeployed; DatabaseError for what cannot be an alias.
        """
        self._check_version(name, f"set alias {alias!r} of")
        check_alias(alias)
        with self._changing(f"set alias {alias!r} of {name!r}"):
            known = self.engine.deployments()
            wanted = find(known, name)
            self.engine.set_alias(wanted.name, alias, wanted.version, known)
            return find(self.engine.deployments(), wanted.pinned)

    def unalias(self, name: str, alias: str) -> None:
        """Take an alias away.

        Raises: NotDeployed; DatabaseError when it is unknown.
        """
        with self._changing(f"remove alias {alias!r} of {name!r}"):
            self._versions(name)
            self.engine.set_alias(name, alias, None, self.engine.deployments())

    def _check_version(self, name: str, verb: str) -> None:
        if not split_name(name)[1]:
            raise DeployError(f"cannot {verb} {name!r}: found no version", f"Name one: {name}@2.")

    def grant(self, name: str, role: str) -> None:
        """Let a role call a model in PostgreSQL: all its versions, those of the future too. "public": everybody.

        Raises: NotDeployed; DatabaseError when there is no such role, or no roles at all.
        """
        with self._changing(f"grant {name!r} to {role!r}"):
            self._versions(name)
            self.engine.grant(name, role)

    def revoke(self, name: str, role: str) -> None:
        """No longer let a role call a model.

        Raises: NotDeployed; DatabaseError when it was not granted.
        """
        with self._changing(f"revoke {name!r} from {role!r}"):
            self._versions(name)
            self.engine.revoke(name, role)

    def create_roles(self) -> None:
        """Create the roles indb_admin and indb_scorer of a PostgreSQL server, as a role that may create roles.

        Raises: DatabaseError where there are no roles, or this one may not create any.
        """
        with self._reported("create roles"), self.engine.transaction():
            self.engine.create_roles()

    def drop(self, name: str) -> None:
        """Take all versions of a model out of the database, or one that is not in production: `churn@2`.

        Tables of scores and the history stay.

        Raises: NotDeployed with the nearest known names; DeployError for the version in production; DatabaseError when
        a view needs its functions.
        """
        with self._changing(f"drop {name!r}"):
            self._drop(name)

    def _drop(self, name: str) -> None:
        model, word = split_name(name)
        versions = self._versions(model)
        if word:
            versions = [find(self.engine.deployments(), name)]
            if versions[0].is_champion:
                raise DeployError(
                    f"cannot drop {name!r}: it is in production", f"Promote another version, or drop {model}."
                )
        drop(self.engine, versions, self.engine.deployments(), is_last=not word)

    def upgrade(self) -> None:
        """Bring the registry of an older indb up to date; every deployment does so too."""
        with self._changing("upgrade the registry"):
            self.engine.rebuild(self.engine.deployments())

    @contextmanager
    def _changing(self, verb: str) -> Iterator[None]:
        """One transaction, while nobody else changes what is deployed."""
        with self._reported(verb), self.engine.transaction():
            if self.engine.is_prepared():  # else no model is found
                self.engine.prepare()
            yield

    @contextmanager
    def _reported(self, verb: str, kind: type[IndbError] = DatabaseError) -> Iterator[None]:
        """What the driver raises, as an error of ours that says what could not be done."""
        try:
            yield
        except self.engine.driver_error as error:
            problem = self.engine.driver_problem(verb, error)
            raise kind(problem.message, problem.hint) from error
