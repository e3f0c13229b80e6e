"""Settings and fixtures of all tests: one thread, no network, mmseg's scope."""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# Set before torch and transformers are imported: tests run in parallel on few cores, and must not
# use the network.
os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ['HF_HUB_OFFLINE'] = '1'
os.environ.setdefault('MPLBACKEND', 'Agg')

import pytest  # noqa: E402
import torch  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402

import depthda  # noqa: E402, F401
from depthda.datasets.synthetic import make_world, write_sample  # noqa: E402

torch.set_num_threads(1)


@pytest.fixture(scope='session', autouse=True)
def quick_starts():
    """Skip two things that take half of the time in which a short run starts.

    For each dataset, mmengine searches all objects of the process for garbage. And it formats the
    config that it writes, which ``test_startup.py`` tests in another process.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mmengine.dataset.base_dataset.gc', SimpleNamespace(collect=lambda: 0))
        unchanged = lambda text, **options: (text, True)  # noqa: E731
        patch.setattr('yapf.yapflib.yapf_api.FormatCode', unchanged)
        yield


@pytest.fixture(autouse=True)
def mmseg_scope() -> None:
    """Resolve type names as in a run, even if an earlier test has set another scope."""
    init_default_scope('mmseg')


@pytest.fixture(scope='session')
def sample(tmp_path_factory) -> Path:
    """Write a synthetic dataset for a few training steps in each direction; return its root."""
    root = tmp_path_factory.mktemp('sample') / 'data'
    world = make_world('v1', ('urban', 'rural'), seed=0, size=128)
    write_sample(root, world, {'Train': 12, 'Val': 2, 'Test': 3})
    return root


@pytest.fixture(scope='session')
def short_run(sample) -> dict[str, Any]:
    """Return overrides that make a config of ``configs/sample`` a run of four steps on it."""
    options: dict[str, Any] = {
        f'{name}_dataloader.dataset.data_root': str(sample) for name in ('train', 'val', 'test')
    }
    options |= {
        'train_dataloader.batch_size': 2,
        'train_cfg.max_iters': 4,
        'train_cfg.val_interval': 2,
        'default_hooks.checkpoint.interval': 2,
        'param_scheduler.0.end': 2,
        'param_scheduler.1.begin': 2,
        'param_scheduler.1.end': 4,
    }
    return options


@pytest.fixture(scope='session')
def trained_once(tmp_path_factory, short_run) -> Callable[[str], Path]:
    """Return a function that trains a config of ``configs/sample`` for four steps.

    Each config is trained only once. The function returns the work dir, which no test may change.
    """

    @cache
    def work_dir(name: str) -> Path:
        from depthda.engine.launch import train  # slow to import, and needed by few tests

        init_default_scope('mmseg')  # before the fixture of every test does so
        folder = tmp_path_factory.mktemp(name)
        config = Path(__file__).parents[1] / 'configs/sample' / f'{name}.py'
        train(config, str(folder), cfg_options=short_run)
        return folder

    return work_dir
