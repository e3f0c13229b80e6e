"""Pretrain an encoder without labels: predict the image of a scene on another date."""

import torch
from mmengine.model import BaseModel
from mmseg.registry import MODELS
from mmseg.utils import ConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from depthda.errors import UserError


@MODELS.register_module()
class DatePrediction(BaseModel):
    """Encode a scene on one date and predict its image on the other, pixel by pixel.

    An image shows one scene on two dates, with ``bands`` channels each. At random, one date is the
    input x and the other the target y. The loss is the mean of |f(x) − y| over normalised bands, at
    ``upscale`` times the resolution of the finest feature map. x does not show the season, light
    and sensor of y, so f has to recognise what covers the ground. No labels are read.

    Afterwards the encoder is loaded from a checkpoint with
    ``init_cfg=dict(type='Pretrained', checkpoint=…, prefix='backbone.')``.

    Args:
        backbone: Config of the encoder.
        in_channels: Channels of the encoder's feature maps, finest first.
        channels: Channels of the decoder, which sums the maps from coarse to fine.
        upscale: Side in pixels of the block that is predicted for each position of the finest map.
        bands: Number of bands of a date.
    """

    def __init__(
        self,
        backbone: ConfigType,
        in_channels: list[int],
        channels: int = 32,
        upscale: int = 1,
        bands: int = 3,
        data_preprocessor: ConfigType | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.bands = bands
        self.backbone = MODELS.build(backbone)
        self.laterals = nn.ModuleList(nn.Conv2d(count, channels, 1) for count in in_channels)
        # The name is part of checkpoints, so it cannot change.
        self.predict = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, bands * upscale**2, 1),
            nn.PixelShuffle(upscale),
        )

    def forward(
        self, inputs: Tensor, data_samples: list | None = None, mode: str = 'tensor'
    ) -> Tensor | dict[str, Tensor]:
        """Predict the other date of ``inputs`` (N, 2 × bands, H, W).

        Mode ``'loss'`` returns ``loss_date``. Mode ``'tensor'`` predicts the second date from the
        first.
        """
        if mode == 'tensor':
            return self._other_date(inputs[:, : self.bands])
        if mode != 'loss':
            raise NotImplementedError(f'DatePrediction has no mode {mode!r}: use loss or tensor')
        if inputs.shape[1] != 2 * self.bands:
            raise UserError(
                f'DatePrediction needs two dates with {self.bands} bands each, but the images have '
                f'{inputs.shape[1]} channels: make them with depthda sample --two-dates.'
            )
        dates = inputs[:, : self.bands], inputs[:, self.bands :]
        swap = torch.rand(len(inputs), 1, 1, 1, device=inputs.device) < 0.5
        known, other = torch.where(swap, *dates), torch.where(swap, *dates[::-1])
        predicted = self._other_date(known)
        target = F.interpolate(other, size=predicted.shape[2:], mode='area')
        return dict(loss_date=F.l1_loss(predicted, target))

    def _other_date(self, images: Tensor) -> Tensor:
        maps = [lateral(x) for lateral, x in zip(self.laterals, self.backbone(images), strict=True)]
        total = maps.pop()
        for finer in reversed(maps):
            total = F.interpolate(total, size=finer.shape[2:], mode='bilinear') + finer
        return self.predict(total)
