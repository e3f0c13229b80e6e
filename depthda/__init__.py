"""Depth-guided cross-domain semantic segmentation of satellite and aerial images.

Importing the package registers its datasets, models, metrics and hooks with MMSegmentation, and
makes every checkpoint be read as data (see :mod:`depthda.checkpoints.loading`).
"""

from depthda.dependencies import check_dependencies
from depthda.version import __version__  # noqa: F401

check_dependencies()

from depthda.register import register_all  # noqa: E402

register_all()
