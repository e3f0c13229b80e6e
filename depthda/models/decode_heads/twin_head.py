"""Two copies of a decode head, whose predictions are combined."""

from typing import Literal

from mmengine.model import BaseModule
from mmseg.registry import MODELS
from mmseg.utils import ConfigType, SampleList, add_prefix
from torch import Tensor, nn

from depthda.errors import UserError
from depthda.models.tensors import weighted


@MODELS.register_module()
class TwinHead(BaseModule):
    r"""Two copies of a head that read the same features and start from different random weights.

    .. math:: z = z_1 + z_2 \quad (\text{sum}), \qquad
        z = \log \tfrac 1 2 (\sigma(z_1) + \sigma(z_2)) \quad (\text{mean})

    z₁ and z₂ are the logits of the copies, σ is the softmax over classes. With ``'mean'``, σ(z) is
    the mean of both copies' probabilities. CLAN and TransNorm use the sum, DCA uses the mean.

    Args:
        head: Config of any decode head that returns logits.
        weights: Weights of the losses of the copies.
        combine: ``'sum'`` or ``'mean'``: how the logits of the copies are combined.
    """

    def __init__(
        self,
        head: ConfigType,
        weights: tuple[float, float] = (1.0, 1.0),
        combine: Literal['sum', 'mean'] = 'sum',
    ) -> None:
        super().__init__()
        if combine not in ('sum', 'mean'):
            raise UserError(f"combine={combine!r} of TwinHead must be 'sum' or 'mean'.")
        self.copies = nn.ModuleList(MODELS.build(head) for _ in range(2))
        # The segmentor reads these from its decode head.
        for name in ('num_classes', 'out_channels', 'align_corners', 'threshold', 'ignore_index'):
            setattr(self, name, getattr(self.copies[0], name))
        self.weights = weights
        self.combine = combine

    def forward(self, inputs: tuple[Tensor, ...]) -> Tensor:
        pairs = zip(self.copies, self.inputs_of(inputs), strict=True)
        return self.join(*(head(features) for head, features in pairs))

    def inputs_of(self, inputs: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], ...]:
        """Return the features that each copy reads."""
        return inputs, inputs

    def join(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the logits (N, K, h, w) of the prediction of both copies."""
        if self.combine == 'sum':
            return first + second
        return ((first.softmax(1) + second.softmax(1)) / 2).log()

    def loss(
        self, inputs: tuple[Tensor, ...], batch_data_samples: SampleList, train_cfg: ConfigType
    ) -> dict[str, Tensor]:
        """Compute the losses of each copy, prefixed ``first.`` and ``second.``."""
        losses = {}
        parts = zip(
            ('first', 'second'), self.copies, self.inputs_of(inputs), self.weights, strict=True
        )
        for name, head, features, weight in parts:
            own = head.loss(features, batch_data_samples, train_cfg)
            losses |= add_prefix(weighted(own, weight), name)
        return losses

    def predict(
        self, inputs: tuple[Tensor, ...], batch_img_metas: list[dict], test_cfg: ConfigType
    ) -> Tensor:
        return self.copies[0].predict_by_feat(self.forward(inputs), batch_img_metas)
