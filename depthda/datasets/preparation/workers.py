"""The images of a set worked on side by side."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any

import cv2


@contextmanager
def worker_pool(workers: int) -> Iterator[Executor | None]:
    """Processes for all that is to do; None: one worker is this process."""
    if workers == 1:
        yield None
        return
    # Spawned, not forked: a forked child may hang in a lock of a library's thread pool.
    context = multiprocessing.get_context('spawn')
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread)
    try:
        yield pool
    finally:
        # After a mistake in one file nobody wants to wait for all the others.
        pool.shutdown(cancel_futures=True)


def each_done(
    function: Callable, items: Sequence, pool: Executor | None
) -> Iterator[tuple[Any, Any]]:
    """``(item, function(item))`` of all, as they are ready."""
    if pool is None:
        for item in items:
            yield item, function(item)
        return
    futures = {pool.submit(function, item): item for item in items}
    for future in as_completed(futures):
        yield futures[future], future.result()


def _one_thread() -> None:
    # The processes are the parallelism.
    cv2.setNumThreads(1)
