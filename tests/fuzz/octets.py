"""Mutations of bytes, whatever they mean."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

INTERESTING = (
    *(b"\x00", b"\xff" * 8, b"\x80" * 10, b"\xff\xff\xff\x7f", b"\x7f"),
    *(b"<", b'"', b"\xef\xbb\xbf", b"\n" * 64),
)
LONGEST = 200_000
"""Inputs are cut to this many bytes: a file that is merely long is no news."""


def mutated(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """The bytes with one thing changed; `others` are files to take parts from."""
    return random.choice(MUTATIONS)(data, random, others)[:LONGEST]


def _span(data: bytes, random: Random) -> tuple[int, int]:
    start = random.randrange(len(data) + 1)
    return start, min(len(data), start + int(random.expovariate(1 / 20)) + 1)


def _flip(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    changed = bytearray(data or b"\0")
    for _ in range(random.randint(1, 4)):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _replace(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    start, stop = _span(data, random)
    return data[:start] + random.choice(INTERESTING) + data[stop:]


def _delete(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    start, stop = _span(data, random)
    return data[:start] + data[stop:]


def _repeat(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    start, stop = _span(data, random)
    return data[:start] + data[start:stop] * random.choice((2, 3, 100)) + data[stop:]


def _truncate(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _splice(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    other = random.choice(others)
    start, stop = _span(other, random)
    place = random.randrange(len(data) + 1)
    return data[:place] + other[start : start + 10 * (stop - start)] + data[place:]


MUTATIONS = (_flip, _replace, _delete, _repeat, _truncate, _splice)
