"""Reads inputs in a process of its own, and watches it from another."""

from __future__ import annotations

import gc
import multiprocessing
import os
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

LIMIT_SECONDS = 5.0
"""Of the processor: a machine that is busy with other things is no finding."""
LIMIT_WAITING = 60.0
LIMIT_BYTES = 1 << 30
"""How much more than for the seeds may be asked for."""
MUTATIONS = (1, 1, 1, 2, 3, 6)
"""How many things are changed in a file, each as likely as the next."""
KINDS = ("onnx", "pmml", "tflite")
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Finding:
    """An input by its number, and what went wrong with it; the seeds themselves are numbered from -1 down."""

    number: int
    problem: str


class Inputs:
    """The mutated files of a kind, each by its number."""

    def __init__(self, kind: str, seed: int) -> None:
        self.mutations: Any = import_module(f"fuzz.{kind}")
        self.seed = seed
        self.seeds: list[bytes] = self.mutations.seeds()
        self.ending: str = self.mutations.ENDING

    def make(self, number: int) -> bytes:
        if number < 0:
            return self.seeds[-1 - number]
        random = Random(f"{self.seed}:{number}")
        data = random.choice(self.seeds)
        for _ in range(random.choice(MUTATIONS)):
            data = self.mutations.mutated(data, random, self.seeds)
        return data


def read(data: bytes, ending: str, folder: Path) -> str:
    """What becomes of a file: "read", or "refused" with one of indb's errors. Anything else is raised."""
    from indb.errors import IndbError
    from indb.readers.base import FILE_READERS, File

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            FILE_READERS[ending](File(f"fuzzed{ending}", data, folder), None)
    except IndbError as error:
        str(error)
        return "refused"
    return "read"


FORBIDDEN = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "shutil.")
"""What Python says before it does something that no file may ask for."""


class Forbidden(BaseException):
    """A file or a connection was opened, or a text was run: no `except Exception` hides it."""


TRIAL = ["-m", "indb.readers.trial"]
"""The one command that a file may have run: the process in which a runtime may crash or hang on it."""


def forbid(folder: Path) -> None:
    """From now on this process opens no connection and no file, but for Python's own modules and those in `folder`."""
    allowed = tuple(os.path.realpath(place) for place in (sys.prefix, sys.base_prefix, ROOT, folder))

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "subprocess.Popen" and arguments[0] == sys.executable and arguments[1][3:5] == TRIAL:
            return
        if event == "open" and arguments[0] != os.devnull and not isinstance(arguments[0], int):
            path, _, flags = arguments
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)
            if writes or not str(os.path.realpath(path) if isinstance(path, str | bytes) else path).startswith(allowed):
                raise Forbidden(f"opened {path!r}")
        elif event.startswith(FORBIDDEN):
            raise Forbidden(f"{event} {arguments!r}"[:200])
        elif event == "compile" and arguments[1] in ("<string>", b"<string>"):
            raise Forbidden(f"ran {arguments[0]!r}"[:200])

    sys.addaudithook(hook)


def _work(kind: str, seed: int, numbers: range, state: Any, found: Any) -> None:
    """Read the inputs of some numbers.

    `state` holds the number that is being read, since when, how many were read, refused and found, and the seconds of
    the processor that were spent before.
    """
    inputs, folder = Inputs(kind, seed), Path(tempfile.mkdtemp())
    for number, data in enumerate(inputs.seeds):  # what is imported late is imported now
        try:
            read(data, inputs.ending, folder)
        except Exception as error:
            found.put(Finding(-1 - number, f"{type(error).__name__}: {str(error)[:200]} at {_place(error)}"))
    gc.collect()
    gc.freeze()
    limit = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + LIMIT_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    forbid(folder)
    parent = os.getppid()
    for number in numbers:
        if os.getppid() != parent:  # which was killed, so that nobody watches
            return
        data = inputs.make(number)
        state[5] = time.process_time()
        state[0], state[1] = number, time.monotonic()
        try:
            state[2 if read(data, inputs.ending, folder) == "read" else 3] += 1
        except BaseException as error:
            found.put(Finding(number, f"{type(error).__name__}: {str(error)[:200]} at {_place(error)}"))
            state[4] += 1
        state[1] = 0.0
    state[0] = numbers.stop


def _place(error: BaseException) -> str:
    """The last line of indb's own that an exception went through."""
    frames = reversed(traceback.extract_tb(error.__traceback__))
    return next((f"{each.filename}:{each.lineno}" for each in frames if f"{ROOT}/indb/" in each.filename), "?")


def run(
    kind: str, count: int, seed: int = 0, first: int = 0, progress: Callable[[str], None] | None = None
) -> list[Finding]:
    """Read `count` inputs from number `first` on, and give what was found; after a death or a hang it goes on."""
    context = multiprocessing.get_context("spawn")
    state, found = context.Array("d", 6), context.SimpleQueue()
    findings: list[Finding] = []
    start, stop = first, first + count
    while start < stop:
        process = context.Process(target=_work, args=(kind, seed, range(start, stop), state, found), daemon=True)
        state[0], state[1] = start, 0.0
        process.start()
        problem = _watch(process, state, found, findings, progress, stop)
        reached = int(state[0])
        if problem:
            findings.append(Finding(reached, problem))
            if progress:
                progress(f"number {reached}: {problem}")
        start = reached + 1 if problem else stop
    return findings


def _watch(
    process: Any, state: Any, found: Any, findings: list[Finding], progress: Callable[[str], None] | None, stop: int
) -> str:
    """Wait for a process; what went wrong with the input that it was at, "" when it came to its end."""
    said, running = time.monotonic(), True
    while running:
        process.join(0.2)
        running = process.is_alive()
        while not found.empty():
            findings.append(found.get())
            if progress:
                progress(f"number {findings[-1].number}: {findings[-1].problem}")
        if running and _hangs(process.pid, state):
            process.kill()
            process.join()
            return f"it takes more than {LIMIT_SECONDS:g} seconds"
        if progress and (not running or time.monotonic() - said > 30):
            said = time.monotonic()
            progress(f"{state[0]:.0f} of {stop}: {state[2]:.0f} read, {state[3]:.0f} refused, {state[4]:.0f} found")
    return "" if process.exitcode == 0 else f"the process died ({process.exitcode})"


def _hangs(pid: int, state: Any) -> bool:
    """Whether a process takes too long for its input."""
    since, spent = state[1], state[5]
    if not since:
        return False
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has just ended
        return False
    used = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return state[1] == since and (used - spent > LIMIT_SECONDS or time.monotonic() - since > LIMIT_WAITING)


def only(kind: str, numbers: Sequence[int], seed: int = 0) -> None:
    """Read some inputs in this process, so that what they raise is seen."""
    inputs, folder = Inputs(kind, seed), Path(tempfile.mkdtemp())
    for number in numbers:
        data = inputs.make(number)
        path = folder / f"{number}{inputs.ending}"
        path.write_bytes(data)
        print(f"{path}: {len(data)} bytes")
        print(read(data, inputs.ending, folder))
