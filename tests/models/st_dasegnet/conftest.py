import sys
from pathlib import Path

import pytest
from mmengine.logging import MessageHub

# The tiny segmentor and its batches are those of the tests of adaptation.
sys.path.insert(0, str(Path(__file__).parents[1] / 'adaptation'))


@pytest.fixture(autouse=True)
def at_first_iteration():
    hub = MessageHub.get_current_instance()
    before = hub.get_info('iter', 0)
    hub.update_info('iter', 0)
    yield
    hub.update_info('iter', before)
