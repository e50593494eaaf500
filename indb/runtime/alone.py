"""One thread for each call into a library, and calls side by side where the database leaves cores idle."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")

QUIET = 0.2
"""Seconds without a call after which the process gets its threads of BLAS back."""


class Alone:
    """While any thread is within: no warnings, and one thread for each call into a library.

    The database's own threads or processes share the rows already; more of them wait for one another. Python's filters
    of warnings belong to the whole process: the last one out puts them back. So do the threads of BLAS, but OpenBLAS
    loses more time by a change of their number than by the work of a batch: they are put back after a while without
    calls, and never where `restores` is False. Those of OpenMP belong to each thread.
    """

    def __init__(self) -> None:
        self.within = 0
        self.restores = True
        self._lock = threading.Lock()
        self._last = 0.0
        self._is_waiting = False
        self._filters = warnings.catch_warnings()
        self._pools: Any = None
        self._blas: Any = None
        self._helpers: ThreadPoolExecutor | None = None

    def look(self) -> None:
        """Find the thread pools of the libraries that are loaded by now."""
        from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

        self._pools = ThreadpoolController()

    @contextmanager
    def run(self) -> Iterator[None]:
        """Run a call into a library."""
        pools = self._pools
        with self._lock:
            self.within += 1
            if self.within == 1:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.simplefilter("ignore")
                if self._blas is None:
                    self._blas = pools.limit(limits=1, user_api="blas")
        try:
            with pools.limit(limits=1, user_api="openmp"), np.errstate(all="ignore"):
                yield
        finally:
            with self._lock:
                self.within -= 1
                if self.within == 0:
                    self._filters.__exit__(None, None, None)
                    self._last = time.monotonic()
                    if self.restores and not self._is_waiting:
                        self._wait()

    def _wait(self) -> None:
        """Look again after a while. Called with the lock."""
        self._is_waiting = True
        timer = threading.Timer(QUIET, self._restore)
        timer.daemon = True
        timer.start()

    def _restore(self) -> None:
        """Put the threads of BLAS back if nobody called meanwhile."""
        with self._lock:
            if self.within or time.monotonic() - self._last < QUIET:
                self._wait()
            else:
                self._blas.restore_original_limits()
                self._blas, self._is_waiting = None, False

    def each(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """What several calls give, side by side: the first in this thread."""
        if len(calls) == 1:
            return [self._call(calls[0])]
        with self._lock:
            if self._helpers is None:
                self._helpers = ThreadPoolExecutor(thread_name_prefix="indb")
        others = [self._helpers.submit(self._call, call) for call in calls[1:]]
        return [self._call(calls[0]), *(other.result() for other in others)]

    def _call(self, call: Callable[[], T]) -> T:
        with self.run():
            return call()


ALONE = Alone()
"""Of this process."""
