"""Load Depth Anything as published for ``transformers``."""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from depthda.errors import UserError, many
from depthda.hub import explained, quiet_transformers

if TYPE_CHECKING:  # the import takes a second, so it is left to load_depth_anything
    from transformers import DepthAnythingForDepthEstimation


def load_depth_anything(
    weights: str, option: str = 'weights='
) -> 'DepthAnythingForDepthEstimation':
    """Read a Depth Anything model from a hub id or a local folder; refuse incomplete weights.

    ``option`` names the setting to correct in error messages.
    """
    from transformers import AutoConfig, DepthAnythingForDepthEstimation

    with explained(weights, option), quiet_transformers():
        config = AutoConfig.from_pretrained(weights)
        if config.model_type != 'depth_anything':
            raise UserError(
                f'The weights {weights!r} are for a {config.model_type} model, not for Depth '
                'Anything: use depth-anything/Depth-Anything-V2-Small-hf or a similar model.'
            )
        if config.depth_estimation_type != 'relative':
            raise UserError(
                f'The weights {weights!r} are for a metric Depth Anything model, whose output '
                'increases with distance: use a relative model, such as '
                'depth-anything/Depth-Anything-V2-Small-hf.'
            )
        model, report = DepthAnythingForDepthEstimation.from_pretrained(
            weights, dtype=torch.float32, output_loading_info=True
        )
    if keys := sorted(map(str, [*report['missing_keys'], *report['mismatched_keys']])):
        raise UserError(
            f'The Depth Anything checkpoint {weights!r} lacks {many(len(keys), "tensor")} that its '
            f'configuration needs, such as {keys[0]}: download it again.'
        )
    return model.eval().requires_grad_(False)


def whole_patches(images: Tensor, patch: int) -> Tensor:
    """Enlarge images (N, C, H, W) bilinearly, so that each side is a multiple of ``patch``."""
    size = [-(-side // patch) * patch for side in images.shape[2:]]
    # An exported program is for all sizes, so it always resizes. Resizing to the same size does not
    # change the values.
    if not torch.compiler.is_exporting() and size == list(images.shape[2:]):
        return images
    return F.interpolate(images, size, mode='bilinear', align_corners=False)
