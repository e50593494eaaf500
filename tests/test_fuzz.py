"""A short run of the fuzzer (tests/fuzz): mutated files are read or refused, and nothing else happens."""

from __future__ import annotations

import pytest
from fuzz.harness import KINDS, Inputs, run
from fuzz.traps import TRAPS

pytest.importorskip("onnx")
pytest.importorskip("skl2onnx")
pytest.importorskip("ai_edge_litert")
pytest.importorskip("tflite")

INPUTS = 2_000
SEED = 74
"""With it, the first inputs of `traps` are all of them."""
FOUND = {
    b"raise": "KeyError: 'nothing'",
    b"open": "Forbidden: opened '/etc/hostname'",
    b"connect": "Forbidden: socket.",
    b"run": "Forbidden: ran b'1 + 1'",
    b"memory": "MemoryError",
    b"die": "the process died (-11)",
    b"hang": "it takes more than 5 seconds",
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_mutated_file_is_read_or_refused(kind: str) -> None:
    assert run(kind, INPUTS, seed=1) == []


@pytest.mark.slow
def test_what_no_reader_may_do_is_found() -> None:
    inputs = Inputs("traps", SEED)
    made = {number: inputs.make(number) for number in range(len(TRAPS) + 1)}
    assert set(made.values()) == set(TRAPS)
    problems = {finding.number: finding.problem for finding in run("traps", len(made), SEED)}
    for number, data in made.items():
        assert problems.get(number, "").startswith(FOUND.get(data, "")), f"{number}: {data!r}"
        assert (number in problems) == (data in FOUND)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_an_input_follows_from_its_number(kind: str) -> None:
    first, again = Inputs(kind, seed=3), Inputs(kind, seed=3)
    assert [first.make(number) for number in range(20)] == [again.make(number) for number in range(20)]
    assert len({first.make(number) for number in range(20)}) > 15
