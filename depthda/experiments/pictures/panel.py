"""One picture of tiles side by side: image, depth, truth, and each model's prediction."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.patches import Patch

from depthda.io.files import atomic_path
from depthda.io.plotting import plt


@dataclass
class PanelRow:
    """A tile.

    ``label`` says which; ``image`` H×W×3 RGB; ``depth`` H×W with 0 where there is none; ``truth``
    H×W class indices, 255 ignored; ``predictions`` by model name, H×W class indices.
    """

    label: str
    image: np.ndarray
    depth: np.ndarray
    truth: np.ndarray
    predictions: dict[str, np.ndarray]


def draw_panel(
    path: str | Path,
    rows: Sequence[PanelRow],
    classes: Sequence[str],
    palette: Sequence[Sequence[int]],
    title: str,
) -> None:
    """Write the picture; ignored pixels are grey, wrong ones stand out by their class colour."""
    colours = np.full((256, 3), 128, np.uint8)
    colours[: len(palette)] = palette
    models = list(rows[0].predictions)
    columns = ['image', 'relative depth', 'truth', *models]
    figure, axes = plt.subplots(
        len(rows),
        len(columns),
        figsize=(2.3 * len(columns), 2.4 * len(rows) + 1.1),
        squeeze=False,
        layout='constrained',
    )
    for row, line in zip(rows, axes, strict=True):
        depth = np.ma.masked_equal(row.depth, 0)
        pictures = [row.image, depth, colours[row.truth]]
        pictures += [colours[row.predictions[model]] for model in models]
        for axis, picture in zip(line, pictures, strict=True):
            axis.imshow(picture, cmap='magma', interpolation='nearest')
            axis.set_xticks([])
            axis.set_yticks([])
        line[0].set_ylabel(row.label, fontsize=9)
        for axis, model in zip(line[3:], models, strict=True):
            axis.set_xlabel(f'{_accuracy(row, model):.1f} % of pixels right', fontsize=8)
    for axis, name in zip(axes[0], columns, strict=True):
        axis.set_title(name, fontsize=10)
    patches = [
        Patch(facecolor=np.asarray(colour) / 255, edgecolor='grey', label=name)
        for name, colour in zip(classes, palette, strict=True)
    ]
    figure.legend(
        handles=patches, loc='outside lower center', ncols=len(patches), fontsize=8, frameon=False
    )
    figure.suptitle(title, fontsize=11)
    with atomic_path(path) as beside:
        figure.savefig(beside, dpi=110)
    plt.close(figure)


def _accuracy(row: PanelRow, model: str) -> float:
    counted = row.truth != 255
    return 100 * float((row.predictions[model] == row.truth)[counted].mean())
