"""Share work among processes that end when the process that started them ends."""

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
    """Start processes that first call ``start(*arguments)`` and then take work.

    With one worker it yields None, and this process does the work.
    """
    if workers == 1:
        yield None
        return
    # Spawned, not forked: a forked child may hang in a lock of a library's thread pool.
    context = multiprocessing.get_context('spawn')
    pool = ProcessPoolExecutor(workers, context, _begin, (start, arguments))
    try:
        yield pool
    finally:
        # After a fault in one file there is no need to wait for the others.
        pool.shutdown(cancel_futures=True)


def each_done(
    function: Callable,
    items: Sequence,
    pool: Executor | None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[tuple[Any, Any]]:
    """Yield ``(item, function(item))`` of all items, in the order in which they are finished.

    ``progress`` is called with the number of items that are done, and with that of all items.
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
    # Otherwise the workers of a killed process would wait for work forever.
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    # Ctrl-C reaches every process of a terminal; the parent reports it once and ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The processes already run in parallel, so OpenCV does not need threads.
    cv2.setNumThreads(1)
    if start is not None:
        start(*arguments)


def _end_with_the_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
