"""A backbone with a neck of its own, for encoders that have no pyramid."""

from mmengine.model import BaseModule
from mmseg.registry import MODELS
from mmseg.utils import ConfigType
from torch import Tensor


@MODELS.register_module()
class NeckedBackbone(BaseModule):
    """``neck(backbone(x))`` as one backbone, to stand in a ``DualBackbone``.

    A plain ViT gives maps of one stride, where fusion and heads want strides 4 to 32:
    ``neck=dict(type='Feature2Pyramid', embed_dim=384, rescales=[4, 2, 1, 0.5])`` makes them.
    """

    def __init__(
        self, backbone: ConfigType, neck: ConfigType, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg)
        self.backbone = MODELS.build(backbone)
        self.neck = MODELS.build(neck)

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.neck(self.backbone(inputs)))
