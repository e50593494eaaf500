"""Several connections to one database, each with a thread of its own, for work that is divided among them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing
from queue import SimpleQueue
from typing import TypeVar

from indb.engines.base import Engine

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_parallel(
    engine: Engine, jobs: int, work: Callable[[Engine, Item], Result], items: Iterable[Item]
) -> Generator[tuple[Item, Result], None, None]:
    """The result of `work` for each item, in the order of the items, each computed on one of `jobs` other connections.

    They are kept for the next time. When one fails, or the caller goes no further, statements that are running are
    cancelled, and waited for; the connections are closed.
    """
    with ExitStack() as stack:
        engines = [stack.enter_context(closing(engine.another())) for _ in range(jobs)]
        free: SimpleQueue[Engine] = SimpleQueue()
        for each in engines:
            free.put(each)

        def run(item: Item) -> Result:
            worker = free.get()
            try:
                return work(worker, item)
            finally:
                free.put(worker)

        pool = stack.enter_context(ThreadPoolExecutor(jobs))
        futures: list[tuple[Item, Future[Result]]] = []
        try:
            futures += [(item, pool.submit(run, item)) for item in items]
            for item, future in futures:
                _wait(future, [each for _, each in futures])
                yield item, future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            if not all(future.done() for _, future in futures):
                for each in engines:
                    each.cancel()
        stack.pop_all()
        for each in engines:
            engine.keep(each)


def _wait(wanted: Future[Result], every: Sequence[Future[Result]]) -> None:
    """Wait until one is done, and raise what any fails with meanwhile."""
    while not wanted.done():
        wait([each for each in every if not each.done()], return_when=FIRST_COMPLETED)
        for each in every:
            if each.done():
                each.result()
