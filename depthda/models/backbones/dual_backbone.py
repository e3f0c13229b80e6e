"""Two encoders, one for the optical bands and one for depth."""

from mmengine.model import BaseModule
from mmseg.registry import MODELS
from mmseg.utils import ConfigType
from torch import Tensor

from depthda.errors import UserError
from depthda.models.features import PairedFeatures
from depthda.models.missing_depth import fill_missing


@MODELS.register_module()
class DualBackbone(BaseModule):
    """Split the optical bands from depth and encode each with its own backbone.

    Any two registered backbones can be combined, including mmseg's. Where depth is missing (NaN)
    the depth encoder receives 0, the mean of normalised depth.

    Args:
        rgb: Config of the backbone for the optical bands.
        depth: Config of the backbone for depth.
        optical_bands: Number of optical bands; depth is the channel after them.
        depth_in_channels: Input channels of the depth backbone, to which depth is replicated; three
            for a backbone pretrained on colour images.
    """

    def __init__(
        self,
        rgb: ConfigType,
        depth: ConfigType,
        optical_bands: int = 3,
        depth_in_channels: int = 3,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.rgb = MODELS.build(rgb)
        self.depth = MODELS.build(depth)
        self.optical_bands = optical_bands
        self.depth_in_channels = depth_in_channels

    def forward(self, inputs: Tensor) -> PairedFeatures:
        """Encode images (N, optical_bands + 1, H, W) with depth last."""
        if inputs.shape[1] != self.optical_bands + 1:
            raise UserError(
                f'DualBackbone got images of {inputs.shape[1]} channels but needs '
                f'{self.optical_bands} optical bands and depth last: give the dataset a depth '
                'folder and LoadDepth in the pipeline, and leave data_preprocessor.depth at '
                "'input'."
            )
        depth = fill_missing(inputs[:, -1:], self.depth_in_channels)
        return PairedFeatures(tuple(self.rgb(inputs[:, :-1])), tuple(self.depth(depth)))
