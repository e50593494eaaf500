"""Which of the execution providers that were asked for a model will run on, and why not on the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from indb.engines.base import Engine
from indb.errors import DeployError, did_you_mean
from indb.ir import Block, Foreign, Model, rewrite, walk
from indb.runtime.probe import CPU
from indb.runtime.providers import PROVIDERS

NO_GRAPH = "no part of the model is an ONNX graph; its blocks are exact on the CPU only"


@dataclass(frozen=True, slots=True)
class Choice:
    """An execution provider, and why it is not used ("" where it is)."""

    name: str
    refused: str = ""

    def __str__(self) -> str:
        return f"{self.name} (not used: {self.refused})" if self.refused else self.name


def choose(engine: Engine, model: Model, wanted: Sequence[str], server_python: str | None) -> tuple[Choice, ...]:
    """What becomes of each provider that was asked for, on the machine that scores; the CPU comes last.

    Raises: DeployError for a name that is unknown, and when the server cannot be asked.
    """
    for name in wanted:
        if name not in PROVIDERS:
            raise DeployError(
                f"cannot use the execution provider {name!r}: it is unknown, or does not compute on the server",
                did_you_mean(name, PROVIDERS),
            )
    names = list(dict.fromkeys([*wanted, CPU]))
    graphs = {id(block.payload): block.payload.tobytes() for block in _graphs(model)}
    if not graphs:
        return tuple(Choice(name, "" if name == CPU else NO_GRAPH) for name in names)
    found = [engine.refused_providers(graph, names[:-1], server_python) for graph in graphs.values()]
    return tuple(Choice(name, next((each[name] for each in found if each.get(name)), "")) for name in names)


def _graphs(model: Model) -> list[Foreign]:
    return [block for block in walk(model.roots()) if isinstance(block, Foreign) and block.format == "onnx"]


def on_providers(model: Model, choices: Sequence[Choice]) -> Model:
    """The model, whose ONNX graphs run on the providers that were chosen. The CPU alone needs no word."""
    chosen = tuple(choice.name for choice in choices if not choice.refused)
    return model if chosen in ((), (CPU,)) else _running_on(model, chosen)


def on_cpu(model: Model) -> Model:
    """The model as it is computed here, whatever the server has."""
    return _running_on(model, ()) if any(block.providers for block in _graphs(model)) else model


def _running_on(model: Model, providers: tuple[str, ...]) -> Model:
    def rule(block: Block) -> Block:
        if isinstance(block, Foreign) and block.format == "onnx":
            return replace(block, providers=providers)
        return block

    return rewrite(model, rule)
