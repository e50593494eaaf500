"""Whether a runtime survives a file: it runs it in a process of its own first, which may crash or hang in its place.

One such process for each runtime serves all files that are read, and ends with this one. It is started when the first
file is read.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any

from indb import errors
from indb.errors import IndbError, ModelFileError
from indb.readers.base import File

RUNTIMES = {
    "onnx": ("ONNX Runtime", "indb.readers.onnx.foreign"),
    "tflite": ("LiteRT", "indb.readers.edge.tflite"),
}
"""Runtime -> how it is called, and the module whose `try_file` has it run some rows of a file."""

SECONDS = 3
"""How long a file may take, of the processor; a large one a second more for each BYTES_A_SECOND."""
BYTES_A_SECOND = 20_000_000
PATIENCE = 20
"""How many times as long as that it may take by the clock: the machine may be busy. Starting has as long."""
ROOM = 2 << 30
"""How much more memory than before a file may ask for, and for ten times its size."""


class Trial:
    """The process of a runtime, and the lock by which one file at a time goes to it."""

    def __init__(self, runtime: str) -> None:
        self.runtime = runtime
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        atexit.register(self.end)

    def answer(self, file: File, columns: Sequence[str] | None) -> list[str] | None:
        """[] for a file that the runtime takes, [error, message, hint] for another, None when the process is gone.

        Raises: ModelFileError when no process can be started.
        """
        seconds = _seconds(len(file.data))
        with self._lock:
            self._start(file.name)
            assert self._process is not None
            assert self._process.stdin is not None
            try:
                names = None if columns is None else [str(name) for name in columns]
                head = {"name": file.name, "columns": names, "size": len(file.data), "seconds": seconds}
                self._process.stdin.write(json.dumps(head).encode() + b"\n" + file.data)
                self._process.stdin.flush()
                found: list[str] = json.loads(self._line(seconds * PATIENCE))
                return found
            except (OSError, ValueError):  # it ended, or said half of an answer
                self._end()
                return None

    def _start(self, name: str) -> None:
        """See to it that there is a process, of this one and no fork's."""
        if self._process is not None and self._owner == os.getpid() and self._process.poll() is None:
            return
        self._end()
        try:
            self._process, self._owner = _started(self.runtime), os.getpid()
            ready = self._line(SECONDS * PATIENCE)
        except OSError as error:
            raise ModelFileError(
                f"cannot load {name}: {sys.executable!r} cannot be started to try it ({error})"
            ) from error
        if not ready:
            self._end()
            raise ModelFileError(
                f"cannot load {name}: {sys.executable!r} was started to try it, and does not run indb",
                "Read the file in a process of Python's own, and save the model as .indb.",
            )

    def _line(self, seconds: float) -> bytes:
        """The next line that the process says, b"" when it says none in time."""
        assert self._process is not None
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        return self._process.stdout.readline() if ready else b""

    def end(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._process is None or self._owner != os.getpid():
            return
        process, self._process = self._process, None
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what could not be written any more
                    continue


TRIALS = {runtime: Trial(runtime) for runtime in RUNTIMES}


def check(file: File, runtime: str, columns: Sequence[str] | None = None) -> None:
    """Refuse a file that a runtime crashes on, or refuses. columns: as they are given to the reader.

    Raises: ModelFileError, or the error that `try_file` ends with there.
    """
    if os.name != "posix" or not sys.executable:  # no process that limits itself can be started
        return
    answer = TRIALS[runtime].answer(file, columns)
    if answer is None:
        raise ModelFileError(
            f"cannot load {file.name}: {RUNTIMES[runtime][0]} crashes on it, "
            f"or takes more than {_seconds(len(file.data))} seconds of the processor"
        )
    if answer:
        kind, message, hint = answer
        raise getattr(errors, kind)(message, hint or None)


def _seconds(size: int) -> int:
    return SECONDS + size // BYTES_A_SECOND


def _started(runtime: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "indb.readers.trial", runtime],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,  # an interrupt is for the process that reads
    )


def serve(runtime: str) -> None:
    """Try every file that comes, and say what became of it."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash is expected here, and leaves no file behind
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints is no answer
    module = import_module(RUNTIMES[runtime][1])
    print("[]", file=answers, flush=True)
    while line := sys.stdin.buffer.readline():
        head = json.loads(line)
        data = sys.stdin.buffer.read(head["size"])
        _limit(head["seconds"], head["size"])
        answer = _tried(module, File(head["name"], data, Path()), head["columns"])
        print(json.dumps(answer), file=answers, flush=True)


def _tried(module: Any, file: File, columns: Sequence[str] | None) -> list[str]:
    try:
        module.try_file(file, columns)
    except IndbError as error:
        return [type(error).__name__, error.message, error.hint or ""]
    except MemoryError:
        return [ModelFileError.__name__, f"cannot load {file.name}: it asks for more memory than {ROOM >> 30} GiB", ""]
    return []


def _limit(seconds: int, size: int) -> None:
    """What the next file may take of the processor and of memory: the system ends what takes more."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
    if sys.platform == "linux":  # elsewhere the limit is not kept, or refused
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        room = pages * resource.getpagesize() + ROOM + 10 * size
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (room if hard == resource.RLIM_INFINITY else min(room, hard), hard))


if __name__ == "__main__":
    serve(sys.argv[1])
