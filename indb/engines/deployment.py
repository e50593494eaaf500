"""One version of a model in a database: what the registry remembers of it, and the names of its functions."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from indb.emit import Binding, Body, OutputLane, Strategy, body, label_text_body, output_lanes
from indb.emit.outputs import label_text
from indb.engines.registry import FLOAT32_LIBRARIES, FLOAT32_TOLERANCE, TOLERANCE
from indb.errors import DatabaseError, DeployError, NotDeployed, did_you_mean
from indb.ir import Model

NAME_BYTES = 40
"""How long a model name may be in UTF-8: `<name>@<version>.t<target>.transform.<lane>` fits PostgreSQL's 63 bytes."""

RESERVED = frozenset({"predict", "predict_label", "predict_proba", "predict_score", "refuse", "unknown"})
"""Names of functions that indb itself installs."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an expression: text, or a column of the table where there is a type."""

    text: str
    type: str = ""


@dataclass(frozen=True, slots=True)
class BoundColumn:
    """A model column and the table column that it reads: its name, its SQL type, its kind, what casts it.

    `parts`: the expression over the table's columns that stands in its place, for rows; by column it is given as it is.
    """

    model: str
    column: str
    type: str
    kind: str
    cast: str = ""
    parts: tuple[Part, ...] = ()

    def read(self, prefix: str) -> str:
        """Its value in a row whose fields are found behind `prefix`."""
        if not self.parts:
            return prefix + _quoted(self.column)
        return f"({''.join(prefix + _quoted(part.text) if part.type else part.text for part in self.parts)})"

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The columns of the table that it reads, with their types."""
        if not self.parts:
            return [(self.column, self.type)]
        return list({part.text: (part.text, part.type) for part in self.parts if part.type}.values())

    @property
    def source(self) -> str:
        """The column of the table, or the expression, for people."""
        return "".join(part.text for part in self.parts) or self.column

    def __str__(self) -> str:
        if self.parts:
            return f"{self.model} = {self.source}"
        return self.model if self.model == self.column else f"{self.model} from {self.column}"


@dataclass(frozen=True, slots=True)
class Lane:
    """One installed function of a row: what it gives, and its name without the model's name and version."""

    target: str
    output: str
    label: str | None
    type: str
    lane: int
    suffix: str


@dataclass(frozen=True, slots=True)
class TargetLabels:
    """A target's name and its labels as texts (None: a regression)."""

    name: str
    labels: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Deployment:
    """A version of a model that is installed for a table.

    `state`: candidate until it is first promoted, production while a bare name means it, archived after. `aliases`:
    what stands behind the @ in other names of it. `previous`: the version that it took the place of in production.
    `tables`: the digests of its tables of constants (see parameters.py).
    """

    name: str
    version: int
    digest: str
    schema: str
    table: str
    strategy: str
    columns: tuple[BoundColumn, ...]
    lanes: tuple[Lane, ...]
    targets: tuple[TargetLabels, ...]
    source: dict[str, str] = field(default_factory=dict)
    created_at: datetime | None = None
    created_by: str = ""
    state: str = "candidate"
    aliases: tuple[str, ...] = ()
    previous: int | None = None
    tables: tuple[str, ...] = ()
    usage: str = ""

    @property
    def relation(self) -> str:
        """The table, for people; a table that was dropped has no name any more."""
        return f"{self.schema}.{self.table}" if self.table else "(dropped)"

    @property
    def is_champion(self) -> bool:
        """Whether the bare name means it."""
        return self.state == PRODUCTION

    @property
    def call_names(self) -> list[str]:
        """What predict() takes for it, the name that always means it first."""
        names = [self.pinned, *(f"{self.name}@{alias}" for alias in self.aliases)]
        return [*names, self.name, f"{self.name}@{CHAMPION}"] if self.is_champion else names

    @property
    def is_mapped(self) -> bool:
        """Whether an expression stands in the place of some column."""
        return any(column.parts for column in self.columns)

    @property
    def tolerance(self) -> float:
        """The largest difference of a number from that of the same row among others, relative above 1."""
        is_library = self.strategy == Strategy.UDF.value and self.source.get("library") in FLOAT32_LIBRARIES
        return FLOAT32_TOLERANCE if is_library else TOLERANCE

    @property
    def summary(self) -> str:
        """What the log of events says of its deployment."""
        return f"{self.strategy} for {self.relation}, digest {self.digest[:12]}"

    @property
    def pinned(self) -> str:
        """The name that always means this version."""
        return f"{self.name}@{self.version}"

    @property
    def tag(self) -> str:
        """A comment that says in the server's log which model a statement is about."""
        name = " ".join(self.pinned.split()).replace("*/", "* /").replace("/*", "/ *")
        return f"/* indb: {name}, sha256 {self.digest[:12]} */"

    def function(self, lane: Lane) -> str:
        """The name of a lane's function."""
        return self.pinned + lane.suffix

    def constants(self, digest: str) -> str:
        """The name of one of its tables of constants, as SQL."""
        return f"indb.{_quoted(f'{self.pinned}.p.{digest}')}"

    def find(self, target: str, output: str) -> list[Lane]:
        """The lanes of an output of a target."""
        return [lane for lane in self.lanes if lane.target == target and lane.output == output]

    def signature(self) -> str:
        """Columns, lanes and targets as JSON, for the registry."""
        parts = {
            "columns": [asdict(column) for column in self.columns],
            "lanes": [asdict(lane) for lane in self.lanes],
            "targets": [asdict(target) for target in self.targets],
            "tables": list(self.tables),
        }
        return json.dumps(parts, ensure_ascii=False)

    def __str__(self) -> str:
        made = f"{self.pinned} for {self.relation}, {self.strategy}, {self.digest[:12]}"
        if self.state == CANDIDATE:
            made += f"\n-- a candidate: call it {self.pinned}, or promote it"
        return f"{made}\n{self.usage}" if self.usage else made


CANDIDATE, PRODUCTION, ARCHIVED = "candidate", "production", "archived"
"""The states of a version."""

CHAMPION = "champion"
"""The alias that always means the version in production."""

REGISTRY = (
    "name, version, digest, {schema}, {table}, strategy, signature, source, created_at, created_by, state, previous, "
    "{aliases}"
)
"""The fields of a registry row that `from_row` reads, in its order."""


def from_row(row: Sequence[Any]) -> Deployment:
    """The deployment of a registry row."""
    name, version, digest, schema, table, strategy, signature, source, created_at, created_by, *rest = row
    state, previous, aliases = rest
    data = json.loads(signature)
    columns = tuple(
        BoundColumn(**{**each, "parts": tuple(Part(**part) for part in each.get("parts", ()))})
        for each in data["columns"]
    )
    lanes = tuple(Lane(**each) for each in data["lanes"])
    targets = tuple(
        TargetLabels(each["name"], None if each["labels"] is None else tuple(each["labels"]))
        for each in data["targets"]
    )
    return Deployment(
        name, version, digest, schema, table, strategy, columns, lanes, targets, json.loads(source), created_at,
        created_by, state, tuple(aliases or ()), previous, tuple(data.get("tables", ())),
    )  # fmt: skip


def lanes_of(model: Model) -> tuple[Lane, ...]:
    """The functions to install: one for each output lane, and predict_label beside each classifier's predict."""
    several = len(model.targets) > 1
    positions = {target.name: position for position, target in enumerate(model.targets)}
    found: list[Lane] = []
    for lane in output_lanes(model):
        target = f".t{positions[lane.target]}" if several else ""
        label = None if lane.label is None else label_text(lane.label)
        found.append(Lane(lane.target, lane.output, label, lane.type, lane.lane, target + _suffix(model, lane)))
        labels = next(t.labels for t in model.targets if not several or t.name == lane.target)
        if lane.output == "predict" and labels is not None:
            found.append(Lane(lane.target, "predict_label", None, "text", lane.lane, target + ".label"))
    return tuple(found)


def bodies(
    deployment: Deployment, model: Model, dialect: str, columns: Binding, strategy: Strategy
) -> list[tuple[Lane, Body]]:
    """The SQL of each lane."""
    emitted = {(lane.target, lane.output, lane.lane): lane for lane in output_lanes(model)}
    found: list[tuple[Lane, Body]] = []
    for lane in deployment.lanes:
        as_text = lane.output == "predict_label"
        source = emitted[lane.target, "predict" if as_text else lane.output, lane.lane]
        write = label_text_body if as_text else body
        found.append((lane, write(model, source, dialect, columns, strategy, tables=deployment.constants)))
    return found


def _suffix(model: Model, lane: OutputLane) -> str:
    if lane.output == "predict":
        return ""
    words = {"predict_proba": "proba", "decision_function": "score"}
    return f".{words.get(lane.output, lane.output)}.{lane.lane}"


def targets_of(model: Model) -> tuple[TargetLabels, ...]:
    """The targets as the lanes name them: "" when there is one."""
    several = len(model.targets) > 1
    return tuple(
        TargetLabels(
            target.name if several else "",
            None if target.labels is None else tuple(label_text(label) for label in target.labels),
        )
        for target in model.targets
    )


def split_name(name: str) -> tuple[str, str]:
    """(model, what stands behind the @, "" for a bare name)."""
    model, _, word = name.partition("@")
    return model, word


def numbered(deployments: Sequence[Deployment], name: str, version: int) -> Deployment:
    """A version by its number.

    Raises: NotDeployed with the nearest known names.
    """
    return find(deployments, f"{name}@{version}")


def check_alias(alias: str) -> None:
    """Refuse what cannot be an alias.

    Raises: DatabaseError saying what was found and needed.
    """
    if alias == CHAMPION:
        raise DatabaseError(f"cannot set alias {alias!r}: it always means the version in production", "Promote it.")
    if not re.fullmatch("[A-Za-z_][A-Za-z0-9_-]*", alias):
        raise DatabaseError(
            f"cannot set alias {alias!r}: found other characters, needed letters, digits, _ and -, a letter first"
        )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a model.

    Raises: DeployError saying what was found and needed.
    """
    problem = None
    if not name.strip():
        problem = "the name is empty"
    elif "@" in name:
        problem = "'@' stands between a name and a version"
    elif re.search(r"[\x00-\x1f\x7f]", name):
        problem = "the name holds a control character"
    elif name.lower() in RESERVED:
        problem = "indb has a function of that name"
    else:
        size = len(name.encode("utf-8", "surrogatepass"))
        if size > NAME_BYTES:
            problem = f"the name has {size} bytes, needed at most {NAME_BYTES}"
    if problem:
        raise DeployError(f"cannot deploy {name!r}: {problem}", "Choose another name.")


def current(deployments: Sequence[Deployment]) -> dict[str, Deployment]:
    """The version that people mean by each name: the one in production, else the newest candidate."""
    found: dict[str, Deployment] = {}
    for deployment in sorted(deployments, key=lambda each: (each.is_champion, each.version)):
        found[deployment.name] = deployment
    return found


def by_call_name(deployments: Sequence[Deployment]) -> dict[str, Deployment]:
    """Every name that predict() knows."""
    return {name: each for each in deployments for name in each.call_names}


def find(deployments: Sequence[Deployment], name: str) -> Deployment:
    """The version that `name`, `name@version` or `name@alias` means; of a model that has candidates only, the newest.

    Raises: NotDeployed with the nearest known names.
    """
    known = {**current(deployments), **by_call_name(deployments)}
    if name not in known:
        raise NotDeployed(f"cannot find model {name!r} in this database", did_you_mean(name, known))
    return known[name]


def with_usage(deployment: Deployment, usage: str) -> Deployment:
    """The deployment with the words that tell an analyst how to call it."""
    return replace(deployment, usage=usage)
