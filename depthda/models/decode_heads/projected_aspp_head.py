"""DeepLabV3's head as torchvision and segmentation_models.pytorch build it."""

from mmcv.cnn import ConvModule
from mmseg.models.decode_heads import ASPPHead
from mmseg.registry import MODELS
from torch import nn


@MODELS.register_module()
class ProjectedASPPHead(ASPPHead):
    """``ASPPHead`` with a 1 × 1 convolution and dropout before its 3 × 3 convolution.

    Args:
        dropout_ratio: Rate of the dropout (of single values) after the 1 × 1 convolution.
    """

    def __init__(self, dropout_ratio: float = 0.5, **kwargs) -> None:
        super().__init__(dropout_ratio=0.0, **kwargs)
        layers = dict(conv_cfg=self.conv_cfg, norm_cfg=self.norm_cfg, act_cfg=self.act_cfg)
        self.bottleneck = nn.Sequential(
            ConvModule((len(self.dilations) + 1) * self.channels, self.channels, 1, **layers),
            nn.Dropout(dropout_ratio),
            ConvModule(self.channels, self.channels, 3, padding=1, **layers),
        )
