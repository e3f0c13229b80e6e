"""Run on ``import depthda``: check the environment, and patch other libraries.

A library is patched when it is imported, or immediately if it was imported before depthda. So the
order of imports does not matter, and a command that only prints its help does not have to import
torch.
"""

import io
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib.machinery import ModuleSpec
from pickle import UnpicklingError
from typing import Any

from depthda.dependencies import check_dependencies

Load = Callable[[], None]
_YAPF_TIMEOUT_S = 5.0


def prepare() -> None:
    """Check the environment, and patch libraries now or when they are imported."""
    check_dependencies()
    for name, wrapper in _IMPORT_WRAPPERS.items():
        if name in sys.modules:
            wrapper(lambda: None)
    sys.meta_path.insert(0, _Watch)


class _Watch:
    """An import hook that executes each module in ``_IMPORT_WRAPPERS`` through its wrapper."""

    @classmethod
    def find_spec(cls, name: str, path=None, target=None) -> ModuleSpec | None:
        if name not in _IMPORT_WRAPPERS:
            return None
        others = (finder for finder in sys.meta_path if finder is not cls)
        finders = (finder for finder in others if hasattr(finder, 'find_spec'))
        specs = (finder.find_spec(name, path, target) for finder in finders)
        spec = next(filter(None, specs), None)
        if spec is not None:
            execute = spec.loader.exec_module
            spec.loader.exec_module = lambda module: _IMPORT_WRAPPERS[name](lambda: execute(module))
        return spec


def _register_on_first_use(load: Load) -> None:
    """Let the first use of any registry import :mod:`depthda.register`."""
    load()
    from mmengine.registry import Registry

    for registry in vars(sys.modules['mmseg.registry']).values():
        while isinstance(registry, Registry):
            # depthda.register is first, because it imports mmseg's modules without their messages.
            registry._locations = ['depthda.register', *registry._locations]
            registry._imported = False
            registry = registry.parent


def _read_checkpoints_as_data(load: Load) -> None:
    load()
    from depthda.checkpoints import loading

    loading.install()


def _use_image_loader_of_depthda(load: Load) -> None:
    load()
    from depthda.inference import images

    images.install()


def _compute_accuracy_without_sorting(load: Load) -> None:
    load()
    from depthda.models.losses import pixel_accuracy

    pixel_accuracy.install()


def _compute_cross_entropy_without_waiting(load: Load) -> None:
    load()
    from depthda.models.losses import cross_entropy

    cross_entropy.install()


def _import_without_messages(load: Load) -> None:
    """Import a module; hide its messages about an optional service and unneeded compiled ops."""
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter('ignore', UserWarning)
        load()


def _import_yapf(load: Load) -> None:
    """Import yapf, which formats configs for mmengine; try again while its cache is incomplete.

    yapf caches its grammar in the user's home. It creates a file under its final name before it
    writes the content, so if two processes use yapf for the first time, one may read an empty file.
    """
    deadline = time.monotonic() + _YAPF_TIMEOUT_S
    while True:
        try:
            load()
            return _format_each_text_once()
        except (EOFError, UnpicklingError) as error:
            if time.monotonic() > deadline:
                from platformdirs import user_cache_dir

                folder = user_cache_dir('YAPF', 'Google')
                raise ImportError(f'the cache of yapf in {folder} is damaged: remove it') from error
            time.sleep(0.05)


def _format_each_text_once() -> None:
    """Let yapf remember the last text: mmengine formats the config again for each checkpoint.

    This takes half a second each time, which is most of the time of a short run.
    """
    from yapf.yapflib import yapf_api

    format_code, texts = yapf_api.FormatCode, {}

    def format_code_once(text: str, **options: Any) -> tuple[str, bool]:
        key = text, repr(options)
        if key not in texts:
            texts.clear()  # a run has one config
            texts[key] = format_code(text, **options)
        return texts[key]

    yapf_api.FormatCode = format_code_once


_IMPORT_WRAPPERS: dict[str, Callable[[Load], None]] = {
    'mmseg.registry': _register_on_first_use,
    'mmengine.runner.checkpoint': _read_checkpoints_as_data,
    'mmseg.apis.inference': _use_image_loader_of_depthda,
    'mmseg.models.losses.cross_entropy_loss': _compute_cross_entropy_without_waiting,
    'mmseg.models.decode_heads.decode_head': _compute_accuracy_without_sorting,
    'mmseg.datasets': _import_without_messages,
    'mmcv.cnn.bricks.transformer': _import_without_messages,
    'yapf': _import_yapf,
}
