"""Whether a runtime survives a file: it is loaded in a process of its own first, which may crash or hang in its place.

One such process serves all files that are read, and ends with this one. It is started when the first file is read.
"""

from __future__ import annotations

import atexit
import os
import select
import subprocess
import sys
from threading import Lock

from indb.errors import IndbError, ModelFileError

SECONDS = 20.0
"""How long a file may take; starting the process included."""


class Trial:
    """The process, and the lock by which one file at a time goes to it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.end)

    def survives(self, data: bytes) -> bool:
        """Whether the process is still there after it has loaded a file, whatever it thought of it."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._process = _started()
            process = self._process
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(len(data).to_bytes(8, "little") + data)
                process.stdin.flush()
                ready, _, _ = select.select([process.stdout], [], [], SECONDS)
                if ready and process.stdout.read(1) == b".":
                    return True
            except OSError:
                pass
            self._end()
            return False

    def end(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._process is None:
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


TRIAL = Trial()


def check(data: bytes, what: str) -> None:
    """Refuse a file that LiteRT crashes on. Raises: ModelFileError."""
    if os.name == "posix" and sys.executable and not TRIAL.survives(data):
        raise ModelFileError(f"{what}: LiteRT crashes on it, or takes more than {SECONDS:g} seconds")


def _started() -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "indb.readers.edge.trial"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,  # an interrupt is for the process that reads
    )


def serve() -> None:
    """Load every file that comes, run three rows of it, and say so."""
    import numpy as np

    from indb.runtime.tflite import Graph

    answer = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints is no answer
    while size := sys.stdin.buffer.read(8):
        data = sys.stdin.buffer.read(int.from_bytes(size, "little"))
        try:
            graph = Graph(data, "")
            ask = graph.rows([np.zeros((3, 1))] * sum(tensor.width or 0 for tensor in graph.inputs))
            ask(graph.outputs[0].name)
        except (IndbError, ValueError):
            pass
        os.write(answer, b".")


if __name__ == "__main__":
    serve()
