"""A program on disk, for the tests that read one."""

import pytest
from stub_model import stub_model

from depthda.inference.bundle import Card
from depthda.inference.export_program import save_program


@pytest.fixture(scope='session')
def small(tmp_path_factory):
    """Write the program of a network of two convolutions."""
    path = tmp_path_factory.mktemp('small') / 'stub.pt2'
    return save_program(stub_model(counted=False), path, Card('stub', gsd=0.5))
