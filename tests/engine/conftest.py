"""A trained model for the tests of training and testing."""

import pytest
from tiny_run import CONFIG, EVERY_TILE


@pytest.fixture(scope='session')
def trained(trained_once, short_run):
    """Return the work dir of a training of four steps, and its options."""
    return trained_once(CONFIG.stem), short_run


@pytest.fixture(scope='module')
def pair_run(short_run):
    """Return the overrides that make a config of adaptation a run of four steps."""
    root = short_run['train_dataloader.dataset.data_root']
    options = {k: v for k, v in short_run.items() if k != 'train_dataloader.dataset.data_root'}

    def overrides(method):
        rare = '' if method in EVERY_TILE else '.dataset'
        sides = (f'source{rare}', 'target', *(('translated',) if 'mucss' in method else ()))
        return options | {f'train_dataloader.dataset.{side}.data_root': root for side in sides}

    return overrides
