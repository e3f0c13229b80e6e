"""Pixel counts of every test image, stored next to the scores. A comparison resamples them."""

import zipfile
from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from depthda.errors import UserError
from depthda.evaluation.score_report import DomainSplit, group_cells
from depthda.io.files import atomic_path

FILE = 'tiles.npz'


@dataclass(frozen=True)
class TileCounts:
    """Pixel counts of N images, in the order of the dataset.

    ``counts`` is int64 ``[N, C + 1, C]``: rows are labels, columns are predictions. The last row
    counts the predictions where the label is ignored.
    """

    names: np.ndarray  # image paths, str [N]
    domains: np.ndarray  # str [N]; '' for an image without a domain
    splits: np.ndarray  # str [N]; '' for an image without a split
    classes: np.ndarray  # names, str [C]
    counts: np.ndarray

    def __post_init__(self) -> None:
        images, classes = len(self.names), len(self.classes)
        shapes = self.counts.shape, self.domains.shape, self.splits.shape
        expected = (images, classes + 1, classes), (images,), (images,)
        if shapes != expected or self.counts.dtype != np.int64:
            raise ValueError(
                f'{images} images of {classes} classes need int64 counts of shape {expected[0]}, '
                f'a domain and a split each, but there are {self.counts.dtype} counts of shape '
                f'{self.counts.shape}, {len(self.domains)} domains and {len(self.splits)} splits'
            )

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, chosen: Any) -> 'TileCounts':
        names, domains, splits = (part[chosen] for part in (self.names, self.domains, self.splits))
        return TileCounts(names, domains, splits, self.classes, self.counts[chosen])

    def cells(self) -> list[DomainSplit]:
        """Return the (domain, split) of each image, with None where it has none."""
        return [(d or None, s or None) for d, s in zip(self.domains, self.splits, strict=True)]

    def group(self, name: str) -> 'TileCounts':
        """Return the images of a group: ``'all'``, a domain, a split or ``'<split>/<domain>'``."""
        cells = self.cells()
        groups = group_cells(list(dict.fromkeys(cells)))
        if name not in groups:
            raise UserError(f'{name!r} is not a group of these images: use {", ".join(groups)}.')
        members = set(groups[name])
        return self[np.array([cell in members for cell in cells], bool)]

    def identities(self) -> list[tuple[str, str, str]]:
        """Return domain, split and stem of each image; the folder of the data plays no part."""
        stems = [Path(name).stem for name in self.names]
        return list(zip(self.domains.tolist(), self.splits.tolist(), stems, strict=True))


def save_tiles(path: str | PathLike, tiles: TileCounts) -> None:
    """Write ``tiles`` atomically to an ``.npz`` file. Equal counts give equal bytes."""
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, **vars(tiles))


def load_tiles(path: str | PathLike) -> TileCounts:
    """Read a file that :func:`save_tiles` wrote."""
    path = Path(path)
    if not path.is_file():
        raise UserError(
            f'{path} (pixel counts of each test image) does not exist: test this run again.'
        )
    try:
        # Object arrays are refused, because reading them would unpickle them.
        with np.load(path, allow_pickle=False) as stored:
            return TileCounts(*(stored[field.name] for field in fields(TileCounts)))
    except (KeyError, ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise UserError(
            f'{path} does not contain pixel counts of a test ({error}): test this run again.'
        ) from error
