"""A trained model for the tests of training and testing."""

import pytest
from tiny_run import CONFIG, EVERY_TILE

from depthda.engine.launch import train


@pytest.fixture(scope='module')
def trained(tmp_path_factory, short_run):
    """Train four uninterrupted steps; return the work dir and the options."""
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
