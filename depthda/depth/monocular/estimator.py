"""Relative depth of images by Depth Anything: whole, or tile by tile."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import DepthAnythingForDepthEstimation

from depthda.depth.monocular.alignment import Box, align_tiles
from depthda.depth.monocular.depth_anything import load_depth_anything
from depthda.depth.monocular.images import Size
from depthda.depth.monocular.preprocessing import Preprocessing, load_preprocessing
from depthda.depth.monocular.tiling import TileGrid
from depthda.errors import UserError
from depthda.hub import fingerprint


class DepthEstimator:
    """The network and what is done to images before and to depth after it.

    What it gives is as the network says it: larger = nearer, without unit, scale or origin.

    **Of what a map depends.** On the CPU images go through the network one by one, so a map's bytes
    depend on the image, the weights, the settings, the library versions and the number of torch's
    threads: not on what shared its batch. On a GPU images go through in batches, whose shape picks
    the order in which a sum is taken: the same batches give the same maps on the same device,
    others the same within rounding.

    Args:
        model: In evaluation mode.
        preprocessing: How images enter it.
        device: ``'cpu'``, ``'cuda'``, …
        bf16: Run the network in bfloat16, all but its head: that one would have no more than 256
            levels between one power of two and the next.
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
        """Read a hub id or a local folder; ``size`` None is the network size that it says."""
        model = load_depth_anything(weights, option)
        preprocessing = load_preprocessing(weights, option)
        patch = model.config.patch_size
        if size is not None:
            preprocessing = preprocessing.at(size, patch)
        elif preprocessing.multiple % patch:
            raise UserError(
                f'preprocessor_config.json of {weights!r} makes images a multiple of '
                f'{preprocessing.multiple}, and the patches of the network are {patch}: correct '
                'ensure_multiple_of there.'
            )
        return cls(model, preprocessing, device, bf16)

    @property
    def batched(self) -> bool:
        """Whether images of one batch go through the network together."""
        return self.device.type != 'cpu'

    @property
    def device_name(self) -> str:
        """``'cpu'``, or which GPU."""
        return 'cpu' if self.device.type == 'cpu' else torch.cuda.get_device_name(self.device)

    def whole(self, inputs: Sequence[Tensor], sizes: Sequence[Size]) -> list[np.ndarray]:
        """Depth of preprocessed images (3, h, w) of one size, each as H×W of its own image.

        Enlarged bicubically, as the ``depth-estimation`` pipeline of ``transformers`` does it.
        """
        depth = self._network(torch.stack(list(inputs)))
        return [
            F.interpolate(each[None, None], size, mode='bicubic', align_corners=False)[0, 0]
            .cpu()
            .numpy()
            for each, size in zip(depth, sizes, strict=True)
        ]

    def tiled(
        self,
        image: np.ndarray,
        grid: TileGrid,
        batch_size: int,
        workers: Executor,
        valid: np.ndarray | None = None,
    ) -> np.ndarray:
        """Depth of one image by overlapping tiles, held together by a coarse pass over the whole.

        Memory holds the image, the tiles' depth and one batch of tiles beside the one in work.
        """
        height, width = image.shape[:2]
        coarse_size = self.preprocessing.coarse_size(height, width)
        coarse = self.whole([self.preprocessing(image, coarse_size)], [(height, width)])[0]
        tiles = []
        for inputs, sizes in self._tile_batches(image, grid.boxes, batch_size, workers):
            tiles += self.whole(inputs, sizes)
        scales, shifts = align_tiles(tiles, grid.boxes, coarse, valid=valid)
        return grid.blend(tiles, scales, shifts)

    def _tile_batches(
        self, image: np.ndarray, boxes: list[Box], batch_size: int, workers: Executor
    ) -> Iterator[tuple[list[Tensor], list[Size]]]:
        """Batches of preprocessed tiles; the next one is in the making meanwhile."""

        def begin(start: int) -> list[Any]:
            return [
                workers.submit(self.preprocessing, image[top:bottom, left:right])
                for top, left, bottom, right in boxes[start : start + batch_size]
            ]

        ahead = begin(0)
        for start in range(0, len(boxes), batch_size):
            inputs = [each.result() for each in ahead]
            ahead = begin(start + batch_size)
            sizes = [(b - t, r - left) for t, left, b, r in boxes[start : start + batch_size]]
            yield inputs, sizes

    @torch.inference_mode()
    def _network(self, inputs: Tensor) -> Tensor:
        """(N, 3, h, w) to (N, h, w), float32."""
        parts = [inputs] if self.batched else inputs.split(1)
        try:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
                depth = [self.model(part.to(self.device)).predicted_depth for part in parts]
        except torch.OutOfMemoryError as error:
            raise UserError(
                f'a batch of {len(inputs)} images of {inputs.shape[2]}×{inputs.shape[3]} does not '
                'fit into the memory of the GPU: lower --batch-size, or --size.'
            ) from error
        return torch.cat(depth).float()


class _InFloat32(nn.Module):
    """A module outside of autocast."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, features: Sequence[Tensor], *args, **kwargs) -> Tensor:
        with torch.autocast(features[0].device.type, enabled=False):
            return self.module([feature.float() for feature in features], *args, **kwargs)
