"""Pictures as data URIs: small, and part of the page itself."""

import base64
from collections.abc import Sequence
from io import BytesIO

import numpy as np
from PIL import Image

from depthda.pictures.colours import DARK, IGNORED, LIGHT, stripes

LARGEST = 1024  # longer sides are reduced, so that the page can be sent by mail
# Colours of an error map: correct pixels are pale, and wrong ones dark red. Ignored pixels have
# stripes.
RIGHT, WRONG = LIGHT, (196, 30, 58)
# Colours of a map of changes between two runs: pixels that the last run corrects, pixels that it
# makes wrong, and pixels that are wrong in both runs.
FIXED, BROKEN, BOTH = (0, 105, 180), (196, 30, 58), (96, 100, 104)
_WHITE = (255, 255, 255)


def photo(image: np.ndarray) -> str:
    """Return an 8-bit RGB picture ``[H, W, 3]`` as lossy WebP."""
    picture = Image.fromarray(np.ascontiguousarray(image))
    picture = picture.resize(_shown_size(image.shape), Image.Resampling.LANCZOS)
    return _uri(picture, 'webp', quality=88, method=4)


def label_picture(labels: np.ndarray, palette: Sequence[Sequence[int]]) -> str:
    """Return class indices ``[H, W]`` in the colours of the classes, with stripes where ignored."""
    return _indexed(labels, labels == IGNORED, palette, LIGHT)


def error_picture(prediction: np.ndarray, labels: np.ndarray) -> str:
    """Return a picture of the correct and the wrong pixels of a prediction."""
    return _indexed(prediction != labels, labels == IGNORED, [RIGHT, WRONG], _WHITE)


def change_picture(first: np.ndarray, last: np.ndarray, labels: np.ndarray) -> str:
    """Return a picture of the pixels that are correct in only one of two predictions."""
    codes = (first != labels) + 2 * (last != labels)
    return _indexed(codes, labels == IGNORED, [RIGHT, FIXED, BROKEN, BOTH], _WHITE)


def _indexed(
    codes: np.ndarray, ignored: np.ndarray, colours: Sequence[Sequence[int]], light: Sequence[int]
) -> str:
    # With a palette, a map of few classes needs a few bits per pixel and stays exact.
    height, width = codes.shape
    codes = np.where(ignored, len(colours) + stripes(codes.shape), codes)
    picture = Image.frombytes('P', (width, height), codes.astype(np.uint8).tobytes())
    picture.putpalette([int(v) for colour in (*colours, light, DARK) for v in colour])
    picture = picture.resize(_shown_size(codes.shape), Image.Resampling.NEAREST)
    return _uri(picture, 'png', compress_level=6)


def _shown_size(shape: Sequence[int]) -> tuple[int, int]:
    shrink = min(1.0, LARGEST / max(shape[:2]))
    return max(round(shape[1] * shrink), 1), max(round(shape[0] * shrink), 1)


def _uri(picture: Image.Image, kind: str, **options: object) -> str:
    buffer = BytesIO()
    picture.save(buffer, kind, **options)
    return f'data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}'
