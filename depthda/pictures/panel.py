"""Draw tiles in one picture: image, depth, truth, and the prediction of each model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from depthda.io.plotting import plt, save_figure
from depthda.pictures import colours


@dataclass
class PanelRow:
    """A tile."""

    label: str  # to the left of the row
    image: np.ndarray  # RGB [H, W, 3]
    depth: np.ndarray  # [H, W], 0 where there is none
    truth: np.ndarray  # class indices [H, W]; 255 is ignored
    predictions: dict[str, np.ndarray]  # by the name of the model


def draw_panel(
    path: str | Path,
    rows: Sequence[PanelRow],
    classes: Sequence[str],
    palette: Sequence[Sequence[int]],
    title: str,
) -> None:
    """Write the picture. Pixels that are ignored or have no depth are striped."""
    models = list(rows[0].predictions)
    columns = ['image', 'relative depth', 'truth', *models]
    size = 2.3 * len(columns), 2.4 * len(rows) + 1.1
    grid = dict(figsize=size, squeeze=False, layout='constrained')
    figure, axes = plt.subplots(len(rows), len(columns), **grid)
    for row, line in zip(rows, axes, strict=True):
        pictures = [row.image, colours.of_depth(row.depth), colours.of_labels(row.truth, palette)]
        pictures += [colours.of_labels(row.predictions[model], palette) for model in models]
        for axis, picture in zip(line, pictures, strict=True):
            axis.imshow(picture, interpolation='nearest')
            axis.set(xticks=[], yticks=[])
        line[0].set_ylabel(row.label, fontsize=9)
        for axis, model in zip(line[3:], models, strict=True):
            counted = row.truth != colours.IGNORED
            right = 100 * float((row.predictions[model] == row.truth)[counted].mean())
            axis.set_xlabel(f'{right:.1f} % of pixels right', fontsize=8)
    for axis, name in zip(axes[0], columns, strict=True):
        axis.set_title(name, fontsize=10)
    style = dict(loc='outside lower center', fontsize=8, frameon=False)
    figure.legend(handles=colours.class_patches(classes, palette), ncols=len(classes), **style)
    figure.suptitle(title, fontsize=11)
    save_figure(figure, path, 110)
