"""A trained model for the tests of training and testing."""

import pytest
from mmengine.registry import init_default_scope
from tiny_run import CONFIG, EVERY_TILE

from depthda.engine.launch import train


@pytest.fixture(scope='session')
def trained(tmp_path_factory, short_run):
    """Train four steps; return the work dir, which no test may change, and the options."""
    init_default_scope('mmseg')  # before the fixture of every test does so
    folder = tmp_path_factory.mktemp('trained')
    train(CONFIG, str(folder), cfg_options=short_run)
    return folder, short_run


@pytest.fixture(scope='module')
def pair_run(short_run):
    """Return the overrides that make a config of adaptation a run of four steps."""
    root = short_run['train_dataloader.dataset.data_root']
    options = {k: v for k, v in short_run.items() if k != 'train_dataloader.dataset.data_root'}

    def overrides(method):
        rare = '' if method in EVERY_TILE else '.dataset'
        sides = (f'source{rare}', 'target')
        return options | {f'train_dataloader.dataset.{side}.data_root': root for side in sides}

    return overrides
