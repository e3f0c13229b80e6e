"""A tiny depth network, for all tests that only use it."""

import pytest
from tiny_depth_anything import save_tiny

from depthda.depth.monocular.estimator import DepthEstimator


@pytest.fixture(scope='session')
def folder(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp('tiny'))


@pytest.fixture(scope='session')
def estimator(folder):
    return DepthEstimator.load(str(folder))
