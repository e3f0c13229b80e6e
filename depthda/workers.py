"""Share work among worker processes that end together with their parent process."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any

import cv2


@contextmanager
def worker_pool(
    workers: int, start: Callable | None = None, *arguments: Any
) -> Iterator[Executor | None]:
    """Start worker processes, each of which first calls ``start(*arguments)``.

    For one worker, yield None: the calling process does the work itself.
    """
    if workers == 1:
        yield None
        return
    # Spawn instead of fork, because a forked child may hang in a lock of a library's thread pool.
    context = multiprocessing.get_context('spawn')
    pool = ProcessPoolExecutor(workers, context, _begin, (start, arguments))
    try:
        yield pool
    finally:
        # After an error in one item, drop the items that have not started.
        pool.shutdown(cancel_futures=True)


def each_done(
    function: Callable,
    items: Sequence,
    pool: Executor | None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[tuple[Any, Any]]:
    """Yield ``(item, function(item))`` for each item as soon as it is finished.

    ``progress`` is called with the numbers of finished items and of all items.
    """
    progress(0, len(items))
    if pool is None:
        results = ((item, function(item)) for item in items)
    else:
        futures = {pool.submit(function, item): item for item in items}
        results = ((futures[future], future.result()) for future in as_completed(futures))
    for done, result in enumerate(results, 1):
        yield result
        progress(done, len(items))


def _begin(start: Callable | None, arguments: tuple) -> None:
    # Without this thread, the workers of a killed process would wait for work forever.
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    # Ctrl-C reaches all processes of a terminal; only the parent handles it and ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # OpenCV needs no threads, because the processes already run in parallel.
    cv2.setNumThreads(1)
    if start is not None:
        start(*arguments)


def _end_with_the_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
