"""Depth-guided cross-domain semantic segmentation of satellite and aerial images.

Importing the package makes its datasets, models, metrics and hooks known to MMSegmentation, whose
registries load them on first use, and makes every checkpoint be read as data (see
:mod:`depthda.startup`).
"""

from depthda.startup import prepare
from depthda.version import __version__  # noqa: F401

prepare()
