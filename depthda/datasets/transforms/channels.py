"""Take and join the channels of images, in less than half of the time that NumPy needs."""

import cv2
import numpy as np


def take(image: np.ndarray, first: int, last: int) -> np.ndarray:
    """Return the channels from ``first`` to before ``last`` as a new float32 array."""
    image = np.ascontiguousarray(image, np.float32)
    taken = np.empty((*image.shape[:2], last - first), np.float32)
    if taken.size:
        places = [place for n in range(last - first) for place in (first + n, n)]
        cv2.mixChannels([image], [taken], places)
    return taken


def join(*images: np.ndarray) -> np.ndarray:
    """Return all channels of images of one size (H×W or H×W×B) as one float32 array."""
    parts = [np.ascontiguousarray(np.atleast_3d(image), np.float32) for image in images]
    joined = np.empty((*parts[0].shape[:2], sum(part.shape[2] for part in parts)), np.float32)
    filled = [part for part in parts if part.size]  # OpenCV refuses empty arrays
    if filled:
        places = [place for n in range(joined.shape[2]) for place in (n, n)]
        cv2.mixChannels(filled, [joined], places)
    return joined
