"""A trained model for the tests of training and testing."""

import pytest
from tiny_run import CONFIG

from depthda.engine.launch import train


@pytest.fixture(scope='module')
def trained(tmp_path_factory, short_run):
    """Train four uninterrupted steps; return the work dir and the options."""
    folder = tmp_path_factory.mktemp('trained')
    train(CONFIG, str(folder), cfg_options=short_run)
    return folder, short_run
