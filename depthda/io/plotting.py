"""Matplotlib for files: no part of the project opens a window."""

import matplotlib

matplotlib.use('Agg')
from matplotlib import pyplot as plt  # noqa: E402

__all__ = ['plt']
