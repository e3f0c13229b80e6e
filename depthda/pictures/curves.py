"""Draw the logged training curves of several runs in one picture."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from itertools import cycle
from os import PathLike
from pathlib import Path

import numpy as np
from matplotlib.ticker import MaxNLocator

from depthda.errors import UserError
from depthda.io.plotting import plt, save_figure
from depthda.io.scalars import read_scalars

Curves = Mapping[str, Sequence[tuple[int, float]]]
_FEW = 40  # up to this number of points, each gets a marker


def short_names(runs: Sequence[str | PathLike]) -> list[str]:
    """Return short names of the runs: each path without the folder names that all paths share."""
    parts = [Path(run).resolve().parts for run in runs]
    if len(set(parts)) < len(parts):
        twice = next(run for run, path in zip(runs, parts, strict=True) if parts.count(path) > 1)
        raise UserError(f'the run {twice} is listed twice: list each run once.')
    common = set(parts[0]).intersection(*parts[1:])
    kept = [[part for part in path if part not in common] or [path[-1]] for path in parts]
    names = ['/'.join(path) for path in kept]
    # Paths that differ only in the order of their folders remain complete.
    return names if len(set(names)) == len(names) else [str(run) for run in runs]


def read_runs(runs: Sequence[str | PathLike]) -> dict[str, Curves]:
    """Read the curves of each run; return them by the short name of the run."""
    curves = {}
    for run, name in zip(runs, short_names(runs), strict=True):
        if not Path(run).is_dir():
            raise UserError(
                f'the folder {run} does not exist: pass the folder of a run (its work_dir).'
            )
        curves[name] = read_scalars(run)
        if not curves[name]:
            raise UserError(
                f'{run} contains no log (<time>/vis_data/scalars.json): pass the folder of a run '
                'that has been trained.'
            )
    return curves


def describe_missing_keys(runs: Mapping[str, Curves], keys: Sequence[str]) -> list[str]:
    """Return a sentence for each run that lacks a key; raise an error if no run has any key."""
    sentences = []
    for name, curves in runs.items():
        hints = []
        for key in (key for key in keys if key not in curves):
            near = get_close_matches(key, curves, n=1)
            hint = f'did you mean {near[0]}?' if near else f'choose from {", ".join(curves)}'
            hints.append(f'{key} ({hint})')
        if hints:
            sentences.append(f'{name} has no {", ".join(hints)}.')
    if not any(key in curves for curves in runs.values() for key in keys):
        raise UserError(f'there is nothing to draw: {" ".join(sentences)}')
    return sentences


def smooth(values: Sequence[float], factor: float) -> np.ndarray:
    """Return the exponential moving average, corrected for the bias towards 0 at the start.

    .. math:: s_t = \\frac{\\sum_i f^{t-i} v_i}{\\sum_i f^{t-i}}

    A value that is not finite stays in its place and does not affect the values after it.
    """
    smoothed = np.empty(len(values))
    total = weight = 0.0
    for i, value in enumerate(values):
        if not np.isfinite(value):
            smoothed[i] = value
            continue
        total = factor * total + value
        weight = factor * weight + 1
        smoothed[i] = total / weight
    return smoothed


def draw_curves(
    path: str | PathLike,
    runs: Mapping[str, Curves],
    keys: Sequence[str],
    factor: float = 0.0,
    log_axes: str = '',
) -> None:
    """Write a picture with a panel for each key and a colour for each run.

    A ``factor`` above 0 smooths the lines (see :func:`smooth`); the raw curves are then drawn
    faintly behind them. ``log_axes`` names the logarithmic axes: '', 'x', 'y' or 'xy'.
    """
    grid = dict(nrows=len(keys), figsize=(9, 2.9 * len(keys) + 0.4))
    figure, axes = plt.subplots(**grid, sharex=True, squeeze=False, layout='constrained')
    palette = plt.get_cmap('tab10' if len(runs) <= 10 else 'tab20').colors
    for key, axis in zip(keys, axes[:, 0], strict=True):
        for (name, curves), colour in zip(runs.items(), cycle(palette)):
            # A run without the key keeps its colour in the other panels.
            if key in curves:
                _line(axis, curves[key], name, colour, factor)
        axis.set_ylabel(key)
        axis.grid(alpha=0.3)
        axis.spines[['top', 'right']].set_visible(False)
        if 'x' in log_axes:
            axis.set_xscale('log', nonpositive='mask')
        else:
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        if 'y' in log_axes:
            axis.set_yscale('log', nonpositive='mask')
    axes[-1, 0].set_xlabel('iteration')
    # Not every run is in every panel, so the legend shows the first line of each run.
    handles = {}
    for axis in reversed(axes[:, 0]):
        lines, labels = axis.get_legend_handles_labels()
        handles |= dict(zip(labels, lines, strict=True))
    names = [name for name in runs if name in handles]
    columns = max(1, min(4, 110 // (max(map(len, names)) + 8)))
    style = dict(loc='outside lower center', fontsize=9, frameon=False)
    figure.legend([handles[name] for name in names], names, ncols=columns, **style)
    save_figure(figure, path, 120)


def _line(axis, curve: Sequence[tuple[int, float]], name: str, colour, factor: float) -> None:
    steps, values = zip(*curve, strict=True)
    marker = 'o' if len(steps) <= _FEW else None
    style = dict(color=colour, marker=marker, markersize=3.5)
    if factor and len(steps) > 1:
        axis.plot(steps, values, **style | dict(marker=None), alpha=0.25, linewidth=0.8)
        values = smooth(values, factor)
    axis.plot(steps, values, **style, label=name, linewidth=1.5)
