"""A tiny RGB-D dataset in LoveDA's folders, whose pixel values encode their position."""

from pathlib import Path

import cv2
import numpy as np
import pytest

_CELL = 8


def _write_png(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), array)


def _label_at(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return label codes 1…7 in cells of 8 pixels, different from those of adjacent cells."""
    return (np.floor(x / _CELL) + 3 * np.floor(y / _CELL)).astype(np.int64) % 7 + 1


def _depth_at(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return depth linear in the position, which bilinear interpolation reproduces exactly."""
    return (100 * x + 37 * y + 20000) / 65535


def _pattern(height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return image (B = x, G = y, R = 200), label codes and 16-bit depth codes of one tile."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    image = np.stack([x, y, np.full_like(x, 200)], axis=-1).astype(np.uint8)
    depth = np.rint(_depth_at(x, y) * 65535).astype(np.uint16)
    return image, _label_at(x, y).astype(np.uint8), depth


@pytest.fixture
def write_png():
    return _write_png


@pytest.fixture
def pattern():
    """Return the function of tiles, with ``depth_at(x, y)`` and ``label_at(x, y)`` attached."""
    _pattern.depth_at, _pattern.label_at, _pattern.cell = _depth_at, _label_at, _CELL
    return _pattern


@pytest.fixture
def make_tree(tmp_path):
    """Return a function that writes numbered tiles to ``{split}/{domain}`` and returns the root."""

    def make(numbers=range(4), split='Train', domain='Urban', size=(48, 64), depth='rdepth/test'):
        folder = tmp_path / split / domain
        for number in numbers:
            image, label, codes = _pattern(*size)
            image[0, 0] = number  # distinguishes the tiles
            _write_png(folder / 'images_png' / f'{number}.png', image)
            _write_png(folder / 'masks_png' / f'{number}.png', label)
            if depth:
                _write_png(folder / depth / f'{number}.png', codes)
        return tmp_path

    return make
