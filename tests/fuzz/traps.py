"""A format whose reader does all that no reader may do: what the fuzzer must find."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from indb.errors import ModelFileError
from indb.readers.base import File, reads_files

ENDING = ".trap"


def _loop() -> None:
    while True:
        pass


def _refuse() -> None:
    raise ModelFileError("cannot read it: it is a trap")


TRAPS: dict[bytes, Callable[[], Any]] = {
    b"read": lambda: None,
    b"refuse": _refuse,
    b"raise": lambda: {}["nothing"],
    b"open": lambda: Path("/etc/hostname").read_bytes(),
    b"connect": lambda: socket.create_connection(("127.0.0.1", 9)),
    b"run": lambda: eval("1 + 1"),
    b"memory": lambda: bytearray(4 << 30),
    b"die": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    b"hang": _loop,
}


@reads_files(ENDING)
def read(file: File, columns: Sequence[str] | None) -> Any:
    TRAPS[file.data]()


def seeds() -> list[bytes]:
    """The harmless ones, so that every input is made of them."""
    return [b"read", b"refuse"]


def mutated(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    return random.choice(list(TRAPS))
