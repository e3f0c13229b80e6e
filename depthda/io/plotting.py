"""Matplotlib with a backend for files, because the project never opens a window."""

import os

import matplotlib

matplotlib.use('Agg')
from matplotlib import pyplot as plt  # noqa: E402

from depthda.io.files import atomic_path  # noqa: E402

__all__ = ['plt', 'save_figure']


def save_figure(figure: plt.Figure, path: str | os.PathLike, dpi: int) -> None:
    """Write a figure atomically, and free its memory."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=dpi)
    plt.close(figure)
