"""Read images of any kind as the three bands of 8 bits that a depth network needs."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from rasterio.windows import Window

from depthda.errors import UserError, check_range, few, many
from depthda.io.headers import Header, check_upright, read_headers
from depthda.io.rasters import open_raster, read_png, refuse_indices

Size = tuple[int, int]  # height, width

# How label maps are recognised among images:
_SAMPLE = 8  # files that are read in each folder
_WINDOW = 1024  # side of the window that is read in each file, in pixels
_LABELS = 32  # a label map has at most this many different values, each at most this or 255


@dataclass(frozen=True)
class OpticalReader:
    """Reads PNG, JPEG and TIFF as H×W×3 uint8 RGB."""

    # The bands that are red, green and blue for the network, counted from 1. None: all three bands
    # of an image, or its only band three times; images with other numbers of bands are refused.
    bands: tuple[int, int, int] | None = None
    # The values that become 0 and 255. None: images must have 8 bits.
    value_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.bands is not None and min(self.bands) < 1:
            numbers = ' '.join(map(str, self.bands))
            raise UserError(f'--bands {numbers}: band numbers start at 1.')
        check_range('--value-range', self.value_range)

    def sizes(self, paths: Sequence[str | os.PathLike]) -> list[Size]:
        """Return the sizes of images from their headers; refuse those that cannot be read."""
        headers = read_headers(paths)
        for path, header in zip(paths, headers, strict=True):
            if header is None:
                raise _unreadable(path, 'empty, truncated or in another format')
            self._check_bands(path, header.bands)
        # If there is a value range, the values are brightness and not classes.
        if self.value_range is None:
            _refuse_label_maps(dict(zip(map(Path, paths), headers, strict=True)))
        return [(header.height, header.width) for header in headers]

    def read(
        self, path: str | os.PathLike, clipped: list[tuple[int, int]] | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the image, and where it has data (H×W; None: everywhere).

        A GeoTIFF marks missing data by its no-data tag, mask or alpha band. JPEGs are rotated by
        their EXIF orientation tag, as OpenCV rotates them for training. PNGs and TIFFs are read as
        stored. OpenCV would rotate those too, so a PNG or TIFF with such a tag is refused.

        A pair is appended to ``clipped``: the number of values outside the value range, and the
        number of all values.
        """
        path = Path(path)
        valid, suffix = None, path.suffix.lower()
        if suffix not in ('.jpg', '.jpeg'):
            check_upright(path)
        if suffix in ('.tif', '.tiff'):
            values, valid = self._read_tiff(path)
        else:
            values = _read_rgb_png(path) if suffix == '.png' else _read_jpeg(path)
            self._check_bands(path, values.shape[2])
            if self.bands is not None:
                values = values[..., [band - 1 for band in self.bands]]
        if values.shape[2] == 1:
            values = values.repeat(3, axis=2)
        if self.value_range is not None and clipped is not None:
            low, high = self.value_range
            known = values if valid is None else values[valid]
            outside = np.count_nonzero(known < low) + np.count_nonzero(known > high)
            clipped.append((outside, known.size))
        return np.ascontiguousarray(self._to_8_bits(path, values)), valid

    def _read_tiff(self, path: Path) -> tuple[np.ndarray, np.ndarray | None]:
        with open_raster(path) as raster:
            refuse_indices(raster)
            self._check_bands(path, raster.count)
            values, valid = raster.read(self.bands), raster.dataset_mask() > 0
        if np.issubdtype(values.dtype, np.floating):
            valid &= np.isfinite(values).all(0)
        return values.transpose(1, 2, 0), None if valid.all() else valid

    def _check_bands(self, path: str | os.PathLike, count: int) -> None:
        if self.bands is None and count not in (1, 3):
            raise UserError(
                f'{path} has {count} bands, but the network needs three: select red, green and '
                'blue with --bands, for example with --bands 1 2 3.'
            )
        if self.bands is not None and count < max(self.bands):
            raise UserError(
                f'{path} has {many(count, "band")} and no band {max(self.bands)}: correct --bands, '
                'or process images with other bands in a separate run.'
            )

    def _to_8_bits(self, path: Path, values: np.ndarray) -> np.ndarray:
        if self.value_range is None:
            if values.dtype != np.uint8:
                raise UserError(
                    f'{path} has values of type {values.dtype}, but the network needs 8 bits: set '
                    'the values that become 0 and 255 with --value-range LOW HIGH.'
                )
            return values
        low, high = self.value_range
        # NaN is no-data, and becomes 0.
        known = np.nan_to_num(values.astype(np.float32), nan=low)
        return np.rint(((known - low) * (255 / (high - low))).clip(0, 255)).astype(np.uint8)


def _refuse_label_maps(headers: Mapping[Path, Header]) -> None:
    """Refuse folders of label maps, which are recognised by a sample of their files."""
    folders: dict[Path, list[Path]] = {}
    for path in headers:
        folders.setdefault(path.parent, []).append(path)
    for folder, paths in folders.items():
        values: set[int] = set()
        for path in paths[:: math.ceil(len(paths) / _SAMPLE)]:
            labels = _label_values(path, headers[path])
            if labels is None:
                break
            values |= labels
        else:
            # If all files have the same single value, they are probably images without data.
            if len(values) > 1:
                raise UserError(
                    f'{folder} contains label maps (one band with the values '
                    f'{few(map(str, sorted(values)), 8)}), not images: choose the folder of the '
                    'images.'
                )


def _label_values(path: Path, header: Header) -> set[int] | None:
    """Return the values of a file if it looks like a label map; else None."""
    if (header.bands, header.dtype) != (1, 'uint8') or path.suffix.lower() in ('.jpg', '.jpeg'):
        return None
    with open_raster(path) as raster:
        # The middle of a large scene is enough.
        top, left = (max(0, (side - _WINDOW) // 2) for side in raster.shape)
        values = np.unique(raster.read(1, window=Window(left, top, _WINDOW, _WINDOW)))
    few_and_low = len(values) <= _LABELS and ((values <= _LABELS) | (values == 255)).all()
    return set(values.tolist()) if few_and_low else None


def _read_rgb_png(path: Path) -> np.ndarray:
    if (values := read_png(path)) is None:
        raise _unreadable(path, 'not a PNG')
    values = np.atleast_3d(values)
    return values[..., [2, 1, 0, 3][: values.shape[2]]] if values.shape[2] >= 3 else values


def _read_jpeg(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as image:
            return np.atleast_3d(np.asarray(ImageOps.exif_transpose(image)))
    # Pillow raises OSError for a truncated file.
    except (SyntaxError, OSError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str | os.PathLike, reason: object) -> UserError:
    return UserError(f'{path} cannot be read as an image ({reason}): replace or remove it.')
