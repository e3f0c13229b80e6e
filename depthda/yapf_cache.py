"""mmengine prints configs with yapf, which keeps its grammar in a cache of the user."""

import time
from importlib.util import find_spec
from pickle import UnpicklingError


def import_yapf(patience_s: float = 5) -> None:
    """Import yapf whatever other processes do at the moment.

    It gives a file of its cache the final name before the content is written, so that of two
    processes that use it for the first time, one may read an empty file.
    """
    deadline = time.monotonic() + patience_s
    while find_spec('yapf') is not None:
        try:
            import yapf  # noqa: F401

            return
        except (EOFError, UnpicklingError) as error:
            if time.monotonic() > deadline:
                from platformdirs import user_cache_dir

                folder = user_cache_dir('YAPF', 'Google')
                raise ImportError(f'the cache of yapf in {folder} is damaged: remove it') from error
            time.sleep(0.05)
