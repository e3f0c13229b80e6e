"""DepthSeg's teacher as a model that runs along with the training."""

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor

from depthda.depth.monocular.depth_anything import load_depth_anything, whole_patches


@MODELS.register_module()
class DepthAnythingTeacher:
    """Relative depth of normalised images by Depth Anything, scaled to [0, 1] image by image.

    No module of the model's: it is read when the first batch asks for it, so that a test needs no
    teacher, and is part of neither optimiser nor checkpoint. It takes the images as they stand in
    training, normalised with ImageNet's means as its own were, a few pixels larger where their
    sides are no whole patches. Maps made before (tools/estimate_depth.py) cost nothing here.

    Args:
        weights: Hub id or local folder of a Depth Anything checkpoint.
    """

    def __init__(self, weights: str) -> None:
        self.weights = weights
        self._model = None

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """(N, B, H, W) to (N, H, W); it sees the first three bands."""
        images = images[:, :3]
        if self._model is None:
            self._model = load_depth_anything(self.weights)
        self._model.to(images.device)
        patched = whole_patches(images, self._model.config.patch_size)
        depth = self._model(patched).predicted_depth.unsqueeze(1).float()
        if patched is not images:
            depth = F.interpolate(depth, images.shape[2:], mode='bilinear', align_corners=False)
        low, high = (pick(depth, (2, 3), keepdim=True) for pick in (torch.amin, torch.amax))
        return ((depth - low) / (high - low).clamp(min=1e-6)).squeeze(1)
