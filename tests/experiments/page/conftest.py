"""Two tested runs for all tests of the page."""

from pathlib import Path

import pytest
from page_runs import write_data, write_run


@pytest.fixture(scope='session')
def made(tmp_path_factory) -> Path:
    """Return a folder with ``data`` and the runs ``work/rgb`` (worse) and ``work/rgbd``.

    No test may change it.
    """
    root = tmp_path_factory.mktemp('page')
    write_data(root / 'data')
    write_run(root, 'rgb', wrong=0.5, depth=None, seed=1)
    write_run(root, 'rgbd', wrong=0.2, depth='rdepth/fake', seed=2)
    return root
