"""DepthSeg's prompter: prompts for the semantic decoder out of depth features."""

from collections.abc import Sequence

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from mmseg.utils import ConfigType
from torch import Tensor, nn

_NORM = dict(type='SyncBN', requires_grad=True)  # plain BN where one process trains


@MODELS.register_module()
class DepthPrompter(BaseModule):
    """One shallow block that halves the size, then four deep ones: a prompt ψ a scale.

    The depth features d come at 2, 4 and 8 times the patch grid. The shallow block halves the
    finest; each deep block adds to what it was passed what two convolutions make of it, and passes
    the sum, a prompt, on to the next at half its size. The other two depth features enter where
    their size does, beside what is passed: ψ at 4, 2, 1 and ½ of the grid.

    Args:
        in_channels: Of the depth features.
        channels: Of the prompts.
        norm_cfg: Norm of the blocks.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        norm_cfg: ConfigType = _NORM,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.shallow = ConvModule(
            in_channels, channels, kernel_size=3, stride=2, padding=1, norm_cfg=norm_cfg
        )
        self.deep = nn.ModuleList(
            _DeepBlock(channels, stride, skipped, norm_cfg)
            for stride, skipped in ((1, in_channels), (2, in_channels), (2, 0), (2, 0))
        )

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Prompts, fine to coarse, from three depth features (N, C, h, w), coarse to fine."""
        double, fourfold, finest = features
        passed, prompts = self.shallow(finest), []
        for block, skipped in zip(self.deep, (fourfold, double, None, None), strict=True):
            passed = block(passed, skipped)
            prompts.append(passed)
        return tuple(prompts)


class _DeepBlock(BaseModule):
    """Two convolutions over what was passed and skipped, added to what was passed."""

    def __init__(self, channels: int, stride: int, skipped: int, norm_cfg: ConfigType) -> None:
        super().__init__()
        first = dict(kernel_size=3, stride=stride, padding=1, norm_cfg=norm_cfg)
        self.halve = stride == 2
        self.passed = ConvModule(channels, channels, **first)
        # It has the size of what this block returns already.
        self.skipped = ConvModule(skipped, channels, 1, norm_cfg=norm_cfg) if skipped else None
        self.second = ConvModule(
            channels, channels, kernel_size=3, padding=1, norm_cfg=norm_cfg, act_cfg=None
        )
        self.activate = nn.ReLU(inplace=True)

    def forward(self, passed: Tensor, skipped: Tensor | None) -> Tensor:
        encoded = self.passed(passed)
        if self.skipped is not None:
            encoded = encoded + self.skipped(skipped)
        if self.halve:
            # Sizes round up, as those of a convolution of stride 2 do.
            passed = nn.functional.avg_pool2d(passed, 2, ceil_mode=True)
        return self.activate(passed + self.second(encoded))
