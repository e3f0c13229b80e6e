"""DepthSeg's teacher: a model that predicts depth during training."""

import torch
from mmseg.registry import MODELS
from torch import Tensor

from depthda.depth.monocular.depth_anything import load_depth_anything, whole_patches
from depthda.models.tensors import resized


@MODELS.register_module()
class DepthAnythingTeacher:
    """Predict relative depth with Depth Anything; the depth of each image is scaled to [0, 1].

    The teacher is loaded with the first batch and is not a submodule of the model, so testing needs
    no teacher, and neither optimiser nor checkpoint contains it. It reads the training images after
    normalisation with ImageNet's values, and enlarges them to a multiple of the patch size.
    If ``depthda depth`` estimates the depth maps before training, no teacher is needed.

    Args:
        weights: Hub id or local folder of a Depth Anything checkpoint.
    """

    def __init__(self, weights: str) -> None:
        self.weights = weights
        self._model = None

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Predict depth (N, H, W) from the first three bands of images (N, B, H, W)."""
        images = images[:, :3]
        if self._model is None:
            self._model = load_depth_anything(self.weights)
        self._model.to(images.device)
        patched = whole_patches(images, self._model.config.patch_size)
        depth = self._model(patched).predicted_depth.unsqueeze(1).float()
        depth = resized(depth, images.shape[2:])
        low, high = (pick(depth, (2, 3), keepdim=True) for pick in (torch.amin, torch.amax))
        return ((depth - low) / (high - low).clamp(min=1e-6)).squeeze(1)
