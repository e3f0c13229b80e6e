"""What every test shares: one thread, no network, mmseg's scope."""

import os

# Before torch and transformers are imported: tests run side by side on few cores, and nothing may
# reach for the network.
os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ['HF_HUB_OFFLINE'] = '1'
os.environ.setdefault('MPLBACKEND', 'Agg')

import pytest  # noqa: E402
import torch  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402

import depthda  # noqa: E402, F401

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def mmseg_scope() -> None:
    """Resolve type names as in a run, whatever an earlier test left behind."""
    init_default_scope('mmseg')
