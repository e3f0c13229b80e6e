"""Run on ``import depthda``: check the environment, and adapt other libraries.

A library is adapted when it is imported, however late, or at once if it was imported before
depthda. So the order of imports does not matter, and a command that only prints its help does not
have to import torch.
"""

import io
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib.machinery import ModuleSpec
from pickle import UnpicklingError

from depthda.dependencies import check_dependencies

Load = Callable[[], None]
_YAPF_TIMEOUT_S = 5.0


def prepare() -> None:
    """Check the environment, and adapt libraries now or when they are imported."""
    check_dependencies()
    for name, around in _AROUND.items():
        if name in sys.modules:
            around(lambda: None)
    sys.meta_path.insert(0, _Watch)


class _Watch:
    """An import hook that executes each module in ``_AROUND`` through the function given there."""

    @classmethod
    def find_spec(cls, name: str, path=None, target=None) -> ModuleSpec | None:
        if name not in _AROUND:
            return None
        others = (finder for finder in sys.meta_path if finder is not cls)
        finders = (finder for finder in others if hasattr(finder, 'find_spec'))
        specs = (finder.find_spec(name, path, target) for finder in finders)
        spec = next(filter(None, specs), None)
        if spec is not None:
            execute = spec.loader.exec_module
            spec.loader.exec_module = lambda module: _AROUND[name](lambda: execute(module))
        return spec


def _register_on_first_use(load: Load) -> None:
    """Make the first use of any registry import :mod:`depthda.register`."""
    load()
    from mmengine.registry import Registry

    for registry in vars(sys.modules['mmseg.registry']).values():
        while isinstance(registry, Registry):
            # depthda.register comes first: it imports mmseg's locations without their messages.
            registry._locations = ['depthda.register', *registry._locations]
            registry._imported = False
            registry = registry.parent


def _read_checkpoints_as_data(load: Load) -> None:
    load()
    from depthda.checkpoints import loading

    loading.install()


def _prepare_images(load: Load) -> None:
    load()
    from depthda.inference import images

    images.install()


def _without_remarks(load: Load) -> None:
    """Hide a module's messages about an optional service and about compiled ops not needed here."""
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter('ignore', UserWarning)
        load()


def _while_others_write_its_cache(load: Load) -> None:
    """Import yapf, with which mmengine prints configs; try again if its cache is incomplete.

    yapf caches its grammar in the user's home. It creates a file under its final name before it
    writes the content, so if two processes use yapf for the first time, one may read an empty file.
    """
    deadline = time.monotonic() + _YAPF_TIMEOUT_S
    while True:
        try:
            return load()
        except (EOFError, UnpicklingError) as error:
            if time.monotonic() > deadline:
                from platformdirs import user_cache_dir

                folder = user_cache_dir('YAPF', 'Google')
                raise ImportError(f'the cache of yapf in {folder} is damaged: remove it') from error
            time.sleep(0.05)


_AROUND: dict[str, Callable[[Load], None]] = {
    'mmseg.registry': _register_on_first_use,
    'mmengine.runner.checkpoint': _read_checkpoints_as_data,
    'mmseg.apis.inference': _prepare_images,
    'mmseg.datasets': _without_remarks,
    'mmcv.cnn.bricks.transformer': _without_remarks,
    'yapf': _while_others_write_its_cache,
}
