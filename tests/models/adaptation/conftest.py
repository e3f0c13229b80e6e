import pytest
from mmengine.logging import MessageHub


@pytest.fixture(autouse=True)
def at_iteration():
    """Return a function that sets the iteration of the training; a test starts at 0."""
    hub = MessageHub.get_current_instance()
    before = hub.get_info('iter', 0)
    hub.update_info('iter', 0)
    yield lambda iteration: hub.update_info('iter', iteration)
    hub.update_info('iter', before)
