"""Estimate relative depth of images with Depth Anything, whole or tile by tile."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import DepthAnythingForDepthEstimation

from depthda.depth.monocular.alignment import align_tiles
from depthda.depth.monocular.depth_anything import load_depth_anything
from depthda.depth.monocular.images import Size
from depthda.depth.monocular.preprocessing import Preprocessing, load_preprocessing
from depthda.depth.monocular.tiling import TileGrid
from depthda.errors import UserError, many
from depthda.hub import fingerprint


class DepthEstimator:
    """A depth network, with the preprocessing of images and the resizing of depth.

    Depth is relative, as the network returns it: larger = nearer, without unit, scale or origin.

    **What a map depends on.** On the CPU, images go through the network one by one. So the bytes of
    a map depend on the image, the weights, the settings, the library versions and the number of
    torch's threads, but not on the other images of its batch. On a GPU, images go through in
    batches, and the shape of a batch decides the order of additions. On one device, the same
    batches return the same maps, and other batches return maps that differ by rounding only.

    The network is in evaluation mode. With ``bf16`` it runs in bfloat16, except its head: there,
    bfloat16 would leave no more than 256 levels between two powers of two.
    """

    def __init__(
        self,
        model: DepthAnythingForDepthEstimation,
        preprocessing: Preprocessing,
        device: str | torch.device = 'cpu',
        bf16: bool = False,
    ) -> None:
        self.device = torch.device(device)
        self.preprocessing = preprocessing
        self.bf16 = bf16
        self.fingerprint = fingerprint(model).hex()
        self.model = model.to(self.device)
        if bf16:
            self.model.head = _InFloat32(self.model.head)

    @classmethod
    def load(
        cls,
        weights: str,
        device: str | torch.device = 'cpu',
        bf16: bool = False,
        size: int | None = None,
        option: str = 'weights=',
    ) -> 'DepthEstimator':
        """Load a model and its preprocessing from a hub id or a local folder.

        ``size`` is the network size; None uses the size in the model's preprocessing.
        """
        model = load_depth_anything(weights, option)
        preprocessing = load_preprocessing(weights, option)
        patch = model.config.patch_size
        if size is not None:
            preprocessing = preprocessing.at(size, patch)
        elif preprocessing.multiple % patch:
            raise UserError(
                f'preprocessor_config.json of {weights!r} resizes images to a multiple of '
                f'{preprocessing.multiple} pixels, but the network has patches of {patch} pixels: '
                'correct ensure_multiple_of in that file.'
            )
        return cls(model, preprocessing, device, bf16)

    @property
    def batched(self) -> bool:
        """Whether the images of a batch go through the network together."""
        return self.device.type != 'cpu'

    @property
    def device_name(self) -> str:
        """``'cpu'``, or the name of the GPU."""
        return 'cpu' if self.device.type == 'cpu' else torch.cuda.get_device_name(self.device)

    def whole(self, inputs: Sequence[Tensor], sizes: Sequence[Size]) -> list[np.ndarray]:
        """Return the depth of preprocessed images (3, h, w), which all have one size.

        Each depth is enlarged bicubically to the size (H, W) of its original image in ``sizes``, as
        in the ``depth-estimation`` pipeline of ``transformers``.
        """
        depths = self._network(torch.stack(list(inputs)))[:, None, None]
        enlarged = (
            F.interpolate(depth, size, mode='bicubic', align_corners=False)
            for depth, size in zip(depths, sizes, strict=True)
        )
        return [depth[0, 0].cpu().numpy() for depth in enlarged]

    def tiled(
        self,
        image: np.ndarray,
        grid: TileGrid,
        batch_size: int,
        workers: Executor,
        valid: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the depth of one image from overlapping tiles.

        A coarse pass over the whole image aligns the tiles. Memory holds the image, the depth of
        the tiles, and the current and the next batch of tiles.
        """
        size = image.shape[:2]
        coarse_size = self.preprocessing.coarse_size(*size)
        coarse = self.whole([self.preprocessing(image, coarse_size)], [size])[0]
        crops = [image[top:bottom, left:right] for top, left, bottom, right in grid.boxes]
        tiles = []
        for batch, inputs in read_ahead(in_batches(crops, batch_size), self.preprocessing, workers):
            tiles += self.whole(inputs, [tile.shape[:2] for tile in batch])
        scales, shifts = align_tiles(tiles, grid.boxes, coarse, valid=valid)
        return grid.blend(tiles, scales, shifts)

    @torch.inference_mode()
    def _network(self, inputs: Tensor) -> Tensor:
        """Return the depth (N, h, w), float32, of inputs (N, 3, h, w)."""
        parts = [inputs] if self.batched else inputs.split(1)
        try:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
                depth = [self.model(part.to(self.device)).predicted_depth for part in parts]
        except torch.OutOfMemoryError as error:
            raise UserError(
                f'a batch of {many(len(inputs), "image")} of {inputs.shape[2]}×{inputs.shape[3]} '
                'pixels does not fit into GPU memory: lower --batch-size or --size.'
            ) from error
        return torch.cat(depth).float()


def in_batches(items: Sequence, size: int) -> list[Sequence]:
    """Divide a sequence into batches; the last one may be smaller."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def read_ahead(
    batches: list[Sequence], read: Callable[[Any], Any], workers: Executor
) -> Iterator[tuple[Sequence, list[Any]]]:
    """Yield each batch with ``read(item)`` of its items, while ``workers`` read the next batch."""
    ahead: list[Future] = []
    for batch, after in pairwise([[], *batches, []]):
        results = [future.result() for future in ahead]
        ahead = [workers.submit(read, item) for item in after]
        if batch:
            yield batch, results


class _InFloat32(nn.Module):
    """A wrapper that runs a module in float32, outside of autocast."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, features: Sequence[Tensor], *args, **kwargs) -> Tensor:
        with torch.autocast(features[0].device.type, enabled=False):
            return self.module([feature.float() for feature in features], *args, **kwargs)
