"""What several runs logged while they trained, in one picture."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from itertools import cycle
from os import PathLike
from pathlib import Path

import numpy as np
from matplotlib.ticker import MaxNLocator

from depthda.errors import UserError
from depthda.experiments.pictures.scalars import read_scalars
from depthda.io.files import atomic_path
from depthda.io.plotting import plt

Curves = Mapping[str, Sequence[tuple[int, float]]]
_FEW = 40  # points that are marked one by one


def short_names(runs: Sequence[str | PathLike]) -> list[str]:
    """Names that tell the runs apart: of each path the parts that not all of them have."""
    parts = [Path(run).resolve().parts for run in runs]
    if len(set(parts)) < len(parts):
        raise UserError(f'a run is named twice among {", ".join(map(str, runs))}: name it once.')
    common = set(parts[0]).intersection(*parts[1:])
    kept = [[part for part in path if part not in common] or [path[-1]] for path in parts]
    names = ['/'.join(path) for path in kept]
    # Paths of the same parts in another order are told apart by the whole.
    return names if len(set(names)) == len(names) else [str(run) for run in runs]


def read_runs(runs: Sequence[str | PathLike]) -> dict[str, Curves]:
    """The curves of each run by its short name."""
    found = {}
    for run, name in zip(runs, short_names(runs), strict=True):
        if not Path(run).is_dir():
            raise UserError(f'there is no folder {run}: give the folder of a run (its work_dir).')
        found[name] = read_scalars(run)
        if not found[name]:
            raise UserError(
                f'{run} holds no log (<time>/vis_data/scalars.json): give the folder of a run that '
                'has trained.'
            )
    return found


def missing(runs: Mapping[str, Curves], keys: Sequence[str]) -> list[str]:
    """A sentence for each run that did not log some of the keys; an error if none logged any."""
    absent = {name: [key for key in keys if key not in each] for name, each in runs.items()}
    sentences = [
        f'{name} has no {", ".join(_with_hint(key, runs[name]) for key in lacking)}.'
        for name, lacking in absent.items()
        if lacking
    ]
    if all(len(lacking) == len(keys) for lacking in absent.values()):
        raise UserError(f'there is nothing to draw: {" ".join(sentences)}')
    return sentences


def _with_hint(key: str, curves: Curves) -> str:
    near = get_close_matches(key, curves, n=1) or [f'one of {", ".join(curves)}']
    return f'{key} (did you mean {near[0]}?)'


def smooth(values: Sequence[float], factor: float) -> np.ndarray:
    """Exponential moving average, free of the pull towards 0 that a start from 0 has.

    .. math:: s_t = \\frac{\\sum_i f^{t-i} v_i}{\\sum_i f^{t-i}}

    A value that is not finite is shown where it is and takes no part in what follows.
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
    log: str = '',
) -> None:
    """Write the picture: a panel for each key, a colour for each run.

    Args:
        path: where to; the suffix decides the format.
        runs: curves by name.
        keys: what to draw, of what the runs logged.
        factor: of :func:`smooth`, from 0 (none) to 1; the unsmoothed curve stays behind, pale.
        log: axes that are logarithmic: '', 'x', 'y' or 'xy'.
    """
    figure, axes = plt.subplots(
        len(keys),
        1,
        figsize=(9, 2.9 * len(keys) + 0.4),
        sharex=True,
        squeeze=False,
        layout='constrained',
    )
    palette = plt.get_cmap('tab10' if len(runs) <= 10 else 'tab20').colors
    for key, axis in zip(keys, axes[:, 0], strict=True):
        for (name, curves), colour in zip(runs.items(), cycle(palette)):
            # A run without the key keeps its colour in the other panels.
            if key in curves:
                _line(axis, curves[key], name, colour, factor)
        axis.set_ylabel(key)
        axis.grid(alpha=0.3)
        axis.spines[['top', 'right']].set_visible(False)
        if 'x' in log:
            axis.set_xscale('log', nonpositive='mask')
        else:
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        if 'y' in log:
            axis.set_yscale('log', nonpositive='mask')
    axes[-1, 0].set_xlabel('iteration')
    # Not every run is in every panel: the first line of each name stands for it.
    handles = {}
    for axis in axes[:, 0]:
        for handle, name in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(name, handle)
    names = [name for name in runs if name in handles]
    columns = max(1, min(4, 110 // (max(map(len, names)) + 8)))
    figure.legend(
        [handles[name] for name in names],
        names,
        loc='outside lower center',
        ncols=columns,
        fontsize=9,
        frameon=False,
    )
    with atomic_path(path) as beside:
        figure.savefig(beside, dpi=120)
    plt.close(figure)


def _line(axis, curve: Sequence[tuple[int, float]], name: str, colour, factor: float) -> None:
    steps, values = zip(*curve, strict=True)
    marker = 'o' if len(steps) <= _FEW else None
    style = dict(color=colour, marker=marker, markersize=3.5)
    if factor and len(steps) > 1:
        axis.plot(steps, values, **style | dict(marker=None), alpha=0.25, linewidth=0.8)
        values = smooth(values, factor)
    axis.plot(steps, values, **style, label=name, linewidth=1.5)
