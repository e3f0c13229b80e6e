"""A picture of several tiles: image, depth, labels and the predictions of models, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from depthda.io.plotting import plt, save_figure
from depthda.pictures import colours


@dataclass
class PanelRow:
    """One row of the picture: a tile with its depth, labels and predictions."""

    text: str  # to the left of the row
    image: np.ndarray  # RGB [H, W, 3]
    depth: np.ndarray  # [H, W], 0 is no-data
    labels: np.ndarray  # class indices [H, W]; 255 is ignored
    predictions: dict[str, np.ndarray]  # class indices [H, W] by the name of the model


def draw_panel(
    path: str | Path,
    rows: Sequence[PanelRow],
    classes: Sequence[str],
    palette: Sequence[Sequence[int]],
    title: str,
) -> None:
    """Write a picture of these rows. Stripes mark ignored pixels and missing depth."""
    models = list(rows[0].predictions)
    columns = ['image', 'relative depth', 'labels', *models]
    size = 2.3 * len(columns), 2.4 * len(rows) + 1.1
    grid = dict(figsize=size, squeeze=False, layout='constrained')
    figure, axes = plt.subplots(len(rows), len(columns), **grid)
    for row, line in zip(rows, axes, strict=True):
        pictures = [row.image, colours.of_depth(row.depth), colours.of_labels(row.labels, palette)]
        pictures += [colours.of_labels(row.predictions[model], palette) for model in models]
        for axis, picture in zip(line, pictures, strict=True):
            axis.imshow(picture, interpolation='nearest')
            axis.set(xticks=[], yticks=[])
        line[0].set_ylabel(row.text, fontsize=9)
        for axis, model in zip(line[3:], models, strict=True):
            labelled = row.labels != colours.IGNORED
            correct = 100 * float((row.predictions[model] == row.labels)[labelled].mean())
            axis.set_xlabel(f'{correct:.1f} % of pixels correct', fontsize=8)
    for axis, name in zip(axes[0], columns, strict=True):
        axis.set_title(name, fontsize=10)
    style = dict(loc='outside lower center', fontsize=8, frameon=False)
    figure.legend(handles=colours.class_patches(classes, palette), ncols=len(classes), **style)
    figure.suptitle(title, fontsize=11)
    save_figure(figure, path, 110)
