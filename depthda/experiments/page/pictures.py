"""Pictures as data URIs: small files that need nobody else."""

import base64
from collections.abc import Sequence
from io import BytesIO

import matplotlib
import numpy as np
from PIL import Image

LARGEST = 1024  # longer sides are reduced: a page is sent by mail
IGNORED = 255
# Colours of an error map: right is muted, wrong is strong, ignored is hatched.
RIGHT, WRONG, HATCH = (226, 230, 233), (196, 30, 58), (150, 156, 162)
# Of the map of changes between two runs: better, worse, wrong in both.
MENDED, BROKEN, BOTH = (0, 105, 180), (196, 30, 58), (96, 100, 104)


def photo(image: np.ndarray) -> str:
    """An 8-bit RGB picture ``[H, W, 3]`` as lossy WebP."""
    picture = Image.fromarray(np.ascontiguousarray(image))
    width, height = _shown_size(image.shape)
    if picture.size != (width, height):
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    return _uri(picture, 'webp', quality=88, method=4)


def depth_picture(depth: np.ndarray) -> str:
    """Depth ``[H, W]`` (0 = none) from dark (far, low) to bright (near, high), hatched if none."""
    valid = depth > 0
    colours = np.zeros((*depth.shape, 3), np.uint8)
    if valid.any():
        low, high = depth[valid].min(), depth[valid].max()
        relative = (depth - low) / (high - low) if high > low else np.full_like(depth, 0.5)
        table = (matplotlib.colormaps['magma'](np.arange(256))[:, :3] * 255).round()
        colours = table.astype(np.uint8)[(relative.clip(0, 1) * 255).astype(np.uint8)]
    colours[~valid] = np.where(_stripes(depth.shape)[..., None], HATCH, RIGHT)[~valid]
    return photo(colours)


def label_picture(labels: np.ndarray, palette: Sequence[Sequence[int]]) -> str:
    """Class indices ``[H, W]`` in the colours of the classes, the ignored ones hatched."""
    ignored = labels == IGNORED
    codes = np.where(ignored, len(palette) + _stripes(labels.shape), labels)
    return _indexed(codes, [*palette, RIGHT, HATCH])


def error_picture(prediction: np.ndarray, truth: np.ndarray) -> str:
    """Where a prediction is right and wrong."""
    codes = (prediction != truth).astype(int)
    ignored = truth == IGNORED
    codes = np.where(ignored, 2 + _stripes(truth.shape), codes)
    return _indexed(codes, [RIGHT, WRONG, (255, 255, 255), HATCH])


def change_picture(first: np.ndarray, last: np.ndarray, truth: np.ndarray) -> str:
    """What the last prediction mends and breaks of the first."""
    codes = (first != truth) + 2 * (last != truth)
    codes = np.where(truth == IGNORED, 4 + _stripes(truth.shape), codes)
    return _indexed(codes, [RIGHT, MENDED, BROKEN, BOTH, (255, 255, 255), HATCH])


def _stripes(shape: Sequence[int]) -> np.ndarray:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    period = max(6, max(shape[:2]) // 40)
    return ((rows + columns) % period < period // 3).astype(int)


def _indexed(codes: np.ndarray, colours: Sequence[Sequence[int]]) -> str:
    # Through a palette a map of few classes takes a few bits a pixel, and stays exact.
    height, width = codes.shape
    picture = Image.frombytes('P', (width, height), codes.astype(np.uint8).tobytes())
    picture.putpalette([int(v) for colour in colours for v in colour])
    picture = picture.resize(_shown_size(codes.shape), Image.Resampling.NEAREST)
    return _uri(picture, 'png', compress_level=6)


def _shown_size(shape: Sequence[int]) -> tuple[int, int]:
    height, width = shape[:2]
    shrink = min(1.0, LARGEST / max(height, width))
    return max(round(width * shrink), 1), max(round(height * shrink), 1)


def _uri(picture: Image.Image, kind: str, **options: object) -> str:
    buffer = BytesIO()
    picture.save(buffer, kind, **options)
    return f'data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}'
