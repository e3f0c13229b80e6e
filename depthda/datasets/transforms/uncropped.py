"""Tiles of which only a crop is read and converted."""

import numpy as np

from depthda.datasets.transforms.channels import join
from depthda.depth.maps import from_codes


class Uncropped:
    """A tile whose crops are new arrays; ``tile[:, :]`` is the whole tile.

    The crops of an image with depth are float32, and depth is their last channel, as ``LoadDepth``
    returns it. Other crops have the type of the tile. The arrays may be mapped files.

    Args:
        array: An image H×W×B or a label map H×W.
        codes: Depth H×W, as :func:`~depthda.depth.maps.read_codes` returns it.
    """

    def __init__(self, array: np.ndarray, codes: np.ndarray | None = None) -> None:
        self.array = array
        self.codes = codes

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the whole tile, with depth."""
        if self.codes is None:
            return self.array.shape
        return *self.array.shape[:2], self.array.shape[2] + 1

    def __getitem__(self, index: tuple) -> np.ndarray:
        if self.codes is None:
            return np.array(self.array[index])
        return join(self.array[index], from_codes(self.codes[index[:2]]))
