"""TransNorm: batch norm with statistics for each domain, and weights for transferable channels."""

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from depthda.errors import UserError


def channel_weights(
    source: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor], eps: float
) -> Tensor:
    r"""Return α (C,) from the means and variances of both domains, (C,) each.

    .. math:: d_c = \left| \frac{\mu^s_c}{\sqrt{v^s_c + \epsilon}}
        - \frac{\mu^t_c}{\sqrt{v^t_c + \epsilon}} \right|, \qquad
        \alpha_c = \frac{C \, (1 + d_c)^{-1}}{\sum_k (1 + d_k)^{-1}}

    The mean of α over channels is 1.
    """
    first, second = (mean / (variance + eps).sqrt() for mean, variance in (source, target))
    similar = 1 / (1 + (first - second).abs())
    return similar * len(similar) / similar.sum()


@MODELS.register_module()
class TransNorm(nn.BatchNorm2d):
    r"""Normalise source and target each by its own statistics, then scale channels by 1 + α.

    .. math:: y = (1 + \alpha) \, BN_d(x)

    BN_d has the statistics of domain d; both domains share its scale and shift. α is larger in
    channels whose statistics are similar in both domains (see :func:`channel_weights`), and it has
    no gradient. In training, the first half of a batch is the source and the second half the
    target. At test time, the running statistics of the target are used; they are stored in
    BatchNorm2d's own buffers. Citation: X. Wang et al., "Transferable Normalization", NeurIPS 2019.

    Weights of an ordinary batch norm can be loaded: both domains then start from its statistics.

    Args:
        num_features: Number of channels.
        **kwargs: Passed to ``BatchNorm2d``.
    """

    has_pairs = False  # set by DomainAdaptation, whose batches hold both domains

    def __init__(self, num_features: int, **kwargs) -> None:
        super().__init__(num_features, **kwargs)
        self.register_buffer('source_mean', torch.zeros(num_features))
        self.register_buffer('source_var', torch.ones(num_features))

    def forward(self, features: Tensor) -> Tensor:
        running = (self.source_mean, self.source_var), (self.running_mean, self.running_var)
        if not self.training:
            return super().forward(features) * self._factors(*running)
        if not self.has_pairs or len(features) % 2:
            raise UserError(
                'TransNorm needs training batches with equal numbers of source and target images: '
                "wrap the segmentor in dict(type='DomainAdaptation', segmentor=...)."
            )
        halves = features.chunk(2)
        normed = [
            F.batch_norm(half, *buffers, self.weight, self.bias, True, self.momentum, self.eps)
            for half, buffers in zip(halves, running, strict=True)
        ]
        with torch.no_grad():
            statistics = [(half.mean((0, 2, 3)), half.var((0, 2, 3))) for half in halves]
        return torch.cat(normed) * self._factors(*statistics)

    def _factors(self, source: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor]) -> Tensor:
        return (1 + channel_weights(source, target, self.eps)).view(1, -1, 1, 1)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *rest) -> None:
        for name in ('mean', 'var'):
            own, ordinary = f'{prefix}source_{name}', f'{prefix}running_{name}'
            if own not in state_dict and ordinary in state_dict:
                state_dict[own] = state_dict[ordinary].clone()
        super()._load_from_state_dict(state_dict, prefix, *rest)
