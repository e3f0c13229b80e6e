"""Depth-guided cross-domain semantic segmentation of satellite and aerial images.

Importing the package has two effects (see :mod:`depthda.startup`). The registries of MMSegmentation
find the package's datasets, models, metrics and hooks, which are loaded on first use. Checkpoints
are read as data, so that they cannot run code.
"""

from depthda.startup import prepare
from depthda.version import __version__  # noqa: F401

prepare()
