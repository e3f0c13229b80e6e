"""A backbone and a neck combined, for encoders without a feature pyramid."""

from mmengine.model import BaseModule
from mmseg.registry import MODELS
from mmseg.utils import ConfigType
from torch import Tensor


@MODELS.register_module()
class NeckedBackbone(BaseModule):
    """Use ``neck(backbone(x))`` as one backbone, for example inside a ``DualBackbone``.

    A plain ViT returns feature maps of one stride, but fusion and heads need four strides (4 to
    32). For patches of 16, this neck builds them:
    ``neck=dict(type='Feature2Pyramid', embed_dim=384, rescales=[4, 2, 1, 0.5])``.
    """

    def __init__(
        self, backbone: ConfigType, neck: ConfigType, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.backbone = MODELS.build(backbone)
        self.neck = MODELS.build(neck)

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Encode images (N, C, H, W)."""
        return tuple(self.neck(self.backbone(inputs)))
