"""The three modules of ST-UNet between its Swin transformer and its CNN."""

from mmcv.cnn import ConvModule
from mmseg.utils import ConfigType
from torch import Tensor, nn

from depthda.models.comparators.layers import DeformableConv, soft_pool

_GELU = dict(type='GELU')


class SpatialInteraction(nn.Module):
    """Relate the rows and the columns of maps (SIM).

    A dilated 3 × 3 convolution halves the channels. Its means over each row and over each column
    are multiplied, for each channel and pixel; a 1 × 1 convolution restores the channels.

    Args:
        channels: Channels of the maps.
        norm_cfg: Norm after each convolution.
    """

    def __init__(self, channels: int, norm_cfg: ConfigType) -> None:
        super().__init__()
        layers = dict(norm_cfg=norm_cfg, act_cfg=_GELU)
        self.reduce = ConvModule(channels, channels // 2, 3, padding=2, dilation=2, **layers)
        self.restore = ConvModule(channels // 2, channels, 1, **layers)

    def forward(self, maps: Tensor) -> Tensor:
        maps = self.reduce(maps)
        return self.restore(maps.mean(3, keepdim=True) * maps.mean(2, keepdim=True))


class FeatureCompression(nn.Module):
    """Halve the size and double the channels C of maps: the sum of two branches (FCM).

    One widens, dilates and then skips pixels; the other pools them softly.

    Args:
        channels: Channels of the maps.
        norm_cfg: Norm after each convolution.
    """

    def __init__(self, channels: int, norm_cfg: ConfigType) -> None:
        super().__init__()
        layers = dict(norm_cfg=norm_cfg, act_cfg=_GELU)
        wide = 2 * channels
        self.dilated = nn.Sequential(
            ConvModule(channels, wide, 1, **layers),
            ConvModule(wide, wide, 3, padding=2, dilation=2, norm_cfg=norm_cfg, act_cfg=None),
            ConvModule(wide, wide, 1, stride=2, **layers),
        )
        self.norm = nn.GroupNorm(channels // 2, channels)
        self.widen = ConvModule(channels, wide, 1, **layers)

    def forward(self, maps: Tensor) -> Tensor:
        return self.dilated(maps) + self.widen(self.norm(soft_pool(maps, (2, 2))))


class RelationalAggregation(nn.Module):
    r"""Add the maps s of a Swin stage to the maps x of a CNN stage, and weight x by s (RAM).

    .. math:: x + a \odot x + s, \qquad
        a = \sigma(W_2 [(W_1 \text{mean}(s) + W_1 \max(s)) \odot W_1 \text{softpool}(s)])

    Here x is deformed and s projected to its channels; the three poolings are over all pixels, and
    a ReLU follows each :math:`W_1`, which is the same.

    Args:
        channels: Channels of the CNN stage.
        swin_channels: Channels of the Swin stage.
        norm_cfg: Norm of the projection.
    """

    def __init__(self, channels: int, swin_channels: int, norm_cfg: ConfigType) -> None:
        super().__init__()
        self.deform = DeformableConv(channels, channels)
        self.project = ConvModule(swin_channels, channels, 1, norm_cfg=norm_cfg)
        self.squeeze = nn.Sequential(nn.Linear(channels, channels // 2), nn.ReLU())
        self.expand = nn.Linear(channels // 2, channels)

    def forward(self, maps: Tensor, swin: Tensor) -> Tensor:
        maps, swin = self.deform(maps), self.project(swin)
        soft = self.squeeze(soft_pool(swin, swin.shape[2:]).flatten(1))
        pooled = self.squeeze(swin.mean((2, 3))) + self.squeeze(swin.amax((2, 3)))
        attention = self.expand(pooled * soft).sigmoid()[..., None, None]
        return maps + attention * maps + swin
