"""The bodies of predict() and its kin: one CASE over the names of the models, the same on both engines.

Each arm calls the function of one version. Where a model lacks what is asked for, the arm raises an error that says
what to call instead. How a function is called and an error raised is the engine's `Spelling`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from indb.emit.dialects.base import BYTE_BY_BYTE
from indb.engines.deployment import CHAMPION, Deployment, Lane, TargetLabels
from indb.engines.tables import text


@dataclass(frozen=True, slots=True)
class Public:
    """A function that analysts call: its name, the output that it gives, its result type."""

    name: str
    output: str
    type: str
    labelled: bool = False

    def overloads(self, targets: bool) -> list[tuple[str, ...]]:
        """Its argument lists; those with a target only where a model has several."""
        plain = [("model", "r"), *([("model", "r", "label")] if self.labelled else [])]
        return plain + ([(*plain[-1], "target")] if targets else [])


PUBLIC = (
    Public("predict", "predict", "double"),
    Public("predict_label", "predict_label", "text"),
    Public("predict_proba", "predict_proba", "double", labelled=True),
    Public("predict_score", "decision_function", "double", labelled=True),
)


class Spelling(ABC):
    """How an engine writes the parts of an arm."""

    @abstractmethod
    def call(self, deployment: Deployment, lane: Lane) -> str:
        """The function of a lane, called for the row, in the lane's own type."""

    @abstractmethod
    def error(self, function: str, arguments: Sequence[str], type: str) -> str:
        """`refuse` or `unknown`, called in place of a value of a type."""

    def version(self, names: Mapping[str, Deployment]) -> str:
        """The version that the argument `model` means, as a text; a name that is unknown stays as it is."""
        bare = [(name, text(each.pinned)) for name, each in sorted(names.items()) if name != each.pinned]
        model = self.name("model")
        return " ".join(case(model, bare, model).split("\n"))

    def name(self, argument: str) -> str:
        """A name that the caller gave, compared byte by byte: labels may differ in nothing but their case."""
        return f"{argument} {BYTE_BY_BYTE}"

    def double(self, sql: str, type: str) -> str:
        """A value as a double."""
        if type == "boolean":
            return f"CAST(CAST({sql} AS integer) AS double precision)"
        return sql if type == "double" else f"CAST({sql} AS double precision)"


def case(value: str, arms: Sequence[tuple[str, str]], otherwise: str) -> str:
    """CASE value WHEN … END, an arm a line; without arms it is what `otherwise` says."""
    if not arms:
        return otherwise
    lines = "".join(f"\n  WHEN {text(key)} THEN {arm}" for key, arm in arms)
    return f"CASE {value}{lines}\n  ELSE {otherwise}\nEND"


def body(
    public: Public,
    arguments: Sequence[str],
    names: Mapping[str, Deployment],
    spelling_of: Callable[[Deployment], Spelling],
    own: Spelling,
) -> str:
    """The body of one overload: an arm for each version, and an error for a model that is not in `names`.

    A name becomes that of its version first, so that each version has a single arm: DuckDB binds every one.
    """
    versions = {each.pinned: each for _, each in sorted(names.items())}
    arms = [(pinned, arm(public, arguments, each, spelling_of(each))) for pinned, each in versions.items()]
    known = ", ".join(
        name for name in sorted({*names, *(each.name for each in names.values())}) if not name.endswith(f"@{CHAMPION}")
    )
    unknown = own.error("unknown", ("model", text("model"), text(known)), public.type)
    return case(own.version(names), arms, unknown)


def arm(public: Public, arguments: Sequence[str], deployment: Deployment, spelling: Spelling) -> str:
    """What one version gives for an overload."""
    several = len(deployment.targets) > 1

    def refuse(reason: str, step: str) -> str:
        return spelling.error("refuse", ("model", text(reason), text(step)), public.type)

    if "target" not in arguments:
        if several:
            names = ", ".join(target.name for target in deployment.targets)
            return refuse(f"it has several targets ({names})", "Give the target's name as the last argument.")
        return _value(public, arguments, deployment, deployment.targets[0], spelling)
    if not several:
        return refuse("it has a single target", "Leave the target out.")
    arms = [(target.name, _value(public, arguments, deployment, target, spelling)) for target in deployment.targets]
    what, known = text(f"target of {deployment.name}"), text(", ".join(target.name for target in deployment.targets))
    return case(spelling.name("target"), arms, spelling.error("unknown", ("target", what, known), public.type))


def _value(
    public: Public,
    arguments: Sequence[str],
    deployment: Deployment,
    target: TargetLabels,
    spelling: Spelling,
) -> str:
    lanes = deployment.find(target.name, public.output)
    reason, step = _missing(public, arguments, deployment, target, lanes)
    if reason:
        return spelling.error("refuse", ("model", text(reason), text(step)), public.type)
    values = [_typed(public, deployment, lane, spelling) for lane in lanes]
    if "label" not in arguments:
        return values[_positive(lanes)]
    keys = [lane.label if lane.label is not None else _positive_label(target) for lane in lanes]
    known = ", ".join(target.labels or ())
    otherwise = spelling.error("unknown", ("label", text(f"label of {deployment.name}"), text(known)), public.type)
    arms = [(key, value) for key, value in zip(keys, values, strict=True) if key is not None]
    return case(spelling.name("label"), arms, otherwise)


def _typed(public: Public, deployment: Deployment, lane: Lane, spelling: Spelling) -> str:
    sql = spelling.call(deployment, lane)
    return sql if public.type == "text" else spelling.double(sql, lane.type)


def _positive(lanes: Sequence[Lane]) -> int:
    """The lane that a binary classifier's probability means: the second class."""
    return 1 if len(lanes) == 2 else 0


def _positive_label(target: TargetLabels) -> str | None:
    return target.labels[1] if target.labels and len(target.labels) == 2 else None


def _missing(
    public: Public, arguments: Sequence[str], deployment: Deployment, target: TargetLabels, lanes: Sequence[Lane]
) -> tuple[str, str]:
    """Why a target has no value for an overload, and what to call instead; empty when it has one."""
    if not lanes:
        have = sorted({lane.output for lane in deployment.lanes if lane.target == target.name})
        return f"its estimator has no {public.output}", f"It has {', '.join(have)}."
    if public.output == "predict" and lanes[0].type == "text":
        return "its labels are texts, predict() gives a number", "Use predict_label()."
    if public.labelled and "label" not in arguments and len(lanes) > 2:
        labels = ", ".join(target.labels or ())
        return f"it has {len(lanes)} classes", f"Name one: {public.name}(model, row, label). Labels: {labels}."
    return "", ""
