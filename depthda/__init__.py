"""Depth-guided cross-domain semantic segmentation of satellite and aerial images.

After the import, the registries of MMSegmentation know the datasets, models, metrics and hooks of
the package, which are loaded on first use, and checkpoints are read as data, so that they cannot
run code (see :mod:`depthda.startup`).
"""

from depthda.startup import prepare
from depthda.version import __version__  # noqa: F401

prepare()
