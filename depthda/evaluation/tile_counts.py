"""Pixel counts of every test image, kept beside the scores: what a comparison resamples."""

import zipfile
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from depthda.errors import UserError
from depthda.evaluation.score_report import group_cells
from depthda.io.files import atomic_path

FILE = 'tiles.npz'


@dataclass(frozen=True)
class TileCounts:
    """Counts of N images in the order of the data set.

    Attributes:
        names: ``[N]`` str, the image paths of the samples.
        domains: ``[N]`` str, ``''`` where a sample has none.
        splits: ``[N]`` str, ``''`` where a sample has none.
        classes: ``[C]`` str.
        counts: ``[N, C + 1, C]`` int64, rows truth, columns prediction; the last row holds what was
            predicted where the truth is ignored.
    """

    names: np.ndarray
    domains: np.ndarray
    splits: np.ndarray
    classes: np.ndarray
    counts: np.ndarray

    def __post_init__(self) -> None:
        images, classes = len(self.names), len(self.classes)
        if (
            self.counts.shape != (images, classes + 1, classes)
            or self.counts.dtype != np.int64
            or self.domains.shape != (images,)
            or self.splits.shape != (images,)
        ):
            raise ValueError(
                f'counts {self.counts.dtype} {self.counts.shape}, {len(self.domains)} domains and '
                f'{len(self.splits)} splits do not fit {images} images of {classes} classes'
            )

    def __len__(self) -> int:
        return len(self.names)

    def cells(self) -> list[tuple[str | None, str | None]]:
        """The (domain, split) of each image, None where it has none."""
        return [(d or None, s or None) for d, s in zip(self.domains, self.splits, strict=True)]

    def groups(self) -> list[str]:
        """The names that :meth:`group` takes, as ``metrics.json`` has them."""
        return list(group_cells(self._distinct_cells()))

    def group(self, name: str) -> 'TileCounts':
        """The images of one group: ``'all'``, a domain, a split or ``'<split>/<domain>'``."""
        groups = group_cells(self._distinct_cells())
        if name not in groups:
            raise UserError(f'{name!r} is none of the groups of these images: {", ".join(groups)}.')
        members = set(groups[name])
        kept = np.array([cell in members for cell in self.cells()], bool)
        return TileCounts(
            self.names[kept],
            self.domains[kept],
            self.splits[kept],
            self.classes,
            self.counts[kept],
        )

    def _distinct_cells(self) -> list[tuple[str | None, str | None]]:
        return list(dict.fromkeys(self.cells()))


def save_tiles(path: str | PathLike, tiles: TileCounts) -> None:
    """Write ``tiles`` to an ``.npz`` file, whole or not at all; the same counts, the same bytes."""
    with atomic_path(path) as beside:
        np.savez_compressed(
            beside,
            names=tiles.names,
            domains=tiles.domains,
            splits=tiles.splits,
            classes=tiles.classes,
            counts=tiles.counts,
        )


def load_tiles(path: str | PathLike) -> TileCounts:
    """Read what :func:`save_tiles` wrote."""
    path = Path(path)
    if not path.is_file():
        raise UserError(
            f'there is no {path}, the pixel counts of each tested image: test this run again.'
        )
    try:
        # Object arrays would be unpickled: refused.
        with np.load(path, allow_pickle=False) as stored:
            return TileCounts(
                *(stored[key] for key in ('names', 'domains', 'splits', 'classes', 'counts'))
            )
    except (KeyError, ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise UserError(
            f'{path} does not hold the pixel counts of a test ({error}): test this run again.'
        ) from error
